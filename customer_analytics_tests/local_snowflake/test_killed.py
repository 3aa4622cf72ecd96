"""kill -9 in the middle of COPY, SWAP, PUT and log_model: what was acknowledged is there, nothing is half."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from snowflake.connector import SnowflakeConnection

from customer_analytics.local_snowflake import lifecycle
from customer_analytics.resources.warehouse.local import LocalWarehouse

ROUNDS = [1, pytest.param(12, marks=pytest.mark.heavy)]


def kill_while(warehouse: LocalWarehouse, work: Callable[[SnowflakeConnection, int], None], after: float) -> int:
    """Run `work` again and again on a connection until the server is killed; how often it came back."""
    done = 0

    def repeat() -> None:
        nonlocal done
        try:
            with warehouse.connect() as connection:
                while True:
                    work(connection, done)
                    done += 1
        except Exception:  # noqa: BLE001 whatever a client says when its server is gone
            return

    worker = threading.Thread(target=repeat)
    worker.start()
    deadline = time.monotonic() + 60
    while not done and time.monotonic() < deadline and worker.is_alive():
        time.sleep(0.01)
    time.sleep(after)
    os.kill(warehouse.incarnation().pid, signal.SIGKILL)
    assert lifecycle._wait(lambda: not lifecycle.is_served(warehouse.folder), 10)
    warehouse.wake()  # while the worker still finds out
    worker.join()
    assert done
    return done


def rows(warehouse: LocalWarehouse, sql: str) -> list[Any]:
    with warehouse.connect() as connection:
        return connection.cursor().execute(sql).fetchall()


@pytest.mark.parametrize("rounds", ROUNDS)
def test_a_copy_is_whole_or_not_there(own_warehouse: LocalWarehouse, tmp_path: Path, rounds: int) -> None:
    (tmp_path / "rows.csv").write_text("".join(f"{i}\n" for i in range(500)))
    with own_warehouse.connect() as connection:
        cursor = connection.cursor()
        cursor.execute("CREATE STAGE s")
        cursor.execute(f"PUT 'file://{tmp_path}/rows.csv' @s AUTO_COMPRESS = FALSE")
        cursor.execute("CREATE TABLE t (a INT)")
    acknowledged = 0
    for attempt in range(rounds):
        acknowledged += kill_while(
            own_warehouse,
            lambda c, _: c.cursor().execute("COPY INTO t FROM @s FORCE = TRUE FILE_FORMAT = (TYPE = CSV)") and None,
            0.3 + 0.07 * (attempt % 5),
        )
        count = rows(own_warehouse, "SELECT COUNT(*) FROM t")[0][0]
        assert count % 500 == 0
        assert acknowledged <= count / 500 <= acknowledged + 1
        acknowledged = int(count / 500)  # the one whose answer got lost


@pytest.mark.parametrize("rounds", ROUNDS)
def test_a_swap_leaves_both_tables(own_warehouse: LocalWarehouse, rounds: int) -> None:
    with own_warehouse.connect() as connection:
        connection.cursor().execute("CREATE TABLE one AS SELECT 1 AS a")
        connection.cursor().execute("CREATE TABLE two AS SELECT 2 AS a")
    for attempt in range(rounds):
        kill_while(
            own_warehouse,
            lambda c, _: c.cursor().execute("ALTER TABLE one SWAP WITH two") and None,
            0.2 + 0.05 * (attempt % 5),
        )
        found = rows(own_warehouse, "SELECT a FROM one UNION ALL SELECT a FROM two")
        assert sorted(found) == [(1,), (2,)]
        tables = {name for (name,) in rows(own_warehouse, "SELECT table_name FROM information_schema.tables")}
        assert tables == {"ONE", "TWO"}


@pytest.mark.parametrize("rounds", ROUNDS)
def test_files_that_were_put_are_whole(own_warehouse: LocalWarehouse, tmp_path: Path, rounds: int) -> None:
    content = os.urandom(300_000)
    (tmp_path / "file.bin").write_bytes(content)
    with own_warehouse.connect() as connection:
        connection.cursor().execute("CREATE STAGE s")
    for attempt in range(rounds):
        done = kill_while(
            own_warehouse,
            lambda c, i, n=attempt: (
                c.cursor().execute(f"PUT 'file://{tmp_path}/file.bin' @s/{n}/{i} AUTO_COMPRESS = FALSE") and None
            ),
            0.3,
        )
        sizes = dict(row[:2] for row in rows(own_warehouse, f"LIST @s/{attempt}/"))
        assert {f"s/{attempt}/{i}/file.bin" for i in range(done)} <= set(sizes)
        assert {sizes[f"s/{attempt}/{i}/file.bin"] for i in range(done)} == {len(content)}


@pytest.mark.heavy
@pytest.mark.filterwarnings("ignore")  # snowflake-ml warns of versions and names of its own
def test_a_model_is_whole_or_not_there(own_warehouse: LocalWarehouse) -> None:
    from sklearn.linear_model import LogisticRegression
    from snowflake.ml.registry import Registry

    frame = pd.DataFrame({"A": [0.0, 1.0, 2.0, 3.0], "B": [1.0, 0.0, 1.0, 0.0]})
    fitted = LogisticRegression().fit(frame, [0, 0, 1, 1])
    done: list[str] = []

    def log(_: SnowflakeConnection, number: int) -> None:
        Registry(own_warehouse.session()).log_model(
            fitted, model_name="M", version_name=f"V{number}", sample_input_data=frame, target_platforms=["WAREHOUSE"]
        )
        done.append(f"V{number}")

    kill_while(own_warehouse, log, 0.4)
    model = Registry(own_warehouse.session()).get_model("M")
    versions = [version.version_name for version in model.versions()]
    assert set(done) <= set(versions)
    for version in versions:
        assert list(model.version(version).load(force=True).predict(frame)) == [0, 0, 1, 1]
