"""Faults, kills and concurrent runs: readers see the old rows or the new, whole."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pyarrow as pa
import pytest
from snowflake.connector.cursor import SnowflakeCursor
from snowflake.snowpark import Session

from customer_analytics.resources.warehouse import Warehouse
from customer_analytics.snowpark_io import TEMPORARY_PREFIX, PartitionConflict, SnowparkIOManager, writing

from .conftest import OneSession, content, schema_of

REGIONS = dg.StaticPartitionsDefinition(["north", "south"])
KINDS: dict[str, Callable[[Session, pd.DataFrame], Any]] = {
    "snowpark": lambda session, frame: session.create_dataframe(
        [[str(r), int(v)] for r, v in frame.itertuples(index=False)], schema=["REGION", "V"]
    ),
    "pandas": lambda session, frame: frame,
    "arrow": lambda session, frame: pa.Table.from_pandas(frame),
}


FAST = [("pandas", None, "after"), ("snowpark", "north", "before")]


class Fault(Exception):
    """What the test throws in."""


def frame(*values: int) -> pd.DataFrame:
    return pd.DataFrame({"REGION": ["north"] * len(values), "V": list(values)})


def context(partition: str | None = None) -> dg.OutputContext:
    return dg.build_output_context(
        asset_key="T",
        definition_metadata={"partition_expr": "REGION"},
        partition_key=partition,
        asset_partitions_def=REGIONS if partition else None,
    )


@pytest.fixture
def reader(warehouse: Warehouse, session: Session) -> Iterator[Session]:
    """Somebody else, who looks at the same schema."""
    with Session.builder.configs({**warehouse.connection_args(), "schema": schema_of(session)}).create() as other:
        yield other


def values(session: Session) -> list[int]:
    return sorted(r[1] for r in content(session))


def leftovers(session: Session) -> list[str]:
    return [
        row["name"]
        for kind in ("TABLES", "STAGES")
        for row in session.sql(f"SHOW {kind} IN SCHEMA {schema_of(session)}").collect()
        if row["name"].startswith(TEMPORARY_PREFIX)
    ]


@pytest.mark.parametrize(
    ("kind", "partition", "moment"),
    [
        # Each takes up to half a minute; these two send the most kinds of statement.
        pytest.param(*case, marks=[] if case in FAST else [pytest.mark.heavy])
        for case in itertools.product(KINDS, (None, "north"), ("before", "after"))
    ],
)
def test_a_fault_at_any_statement_leaves_old_or_new(
    io: SnowparkIOManager,
    session: Session,
    reader: Session,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    partition: str | None,
    moment: str,
) -> None:
    """Statement k fails, for every k: not sent at all, or done while its answer is lost."""
    old, new = [1, 2], [7, 8, 9]
    execute = SnowflakeCursor.execute
    faulty_writes = 0
    for k in range(100):
        io.handle_output(context(partition), KINDS[kind](session, frame(*old)))
        value = KINDS[kind](session, frame(*new))
        before = set(leftovers(reader))
        statements: list[str] = []

        def counting(
            self: SnowflakeCursor,
            command: str,
            *args: Any,
            k: int = k,
            statements: list[str] = statements,
            **kwargs: Any,
        ) -> Any:
            statements.append(command)
            if len(statements) - 1 == k and moment == "before":
                raise Fault(command)
            result = execute(self, command, *args, **kwargs)
            if len(statements) - 1 == k:
                raise Fault(command)
            return result

        failed = None
        with monkeypatch.context() as patch:
            patch.setattr(SnowflakeCursor, "execute", counting)
            try:
                io.handle_output(context(partition), value)
            except Exception as e:  # noqa: BLE001
                failed = e
        seen = values(reader)
        assert seen in (old, new), statements
        if failed is None and len(statements) <= k:
            assert seen == new
            break
        # New exactly when the deciding statement was done: one statement, or the commit.
        done = statements[: k + (moment == "after")]
        decisive = ("COMMIT",) if partition else ("INSERT OVERWRITE", "CREATE OR REPLACE")
        assert seen == (new if any(s.startswith(decisive) for s in done) else old), statements
        faulty_writes += failed is not None
        # What a failed DROP left is temporary: it ends with its session.
        if not statements[k].startswith("DROP"):
            assert set(leftovers(reader)) <= before, statements
        io.handle_output(context(partition), value)  # the retry
        assert values(reader) == new
    else:
        pytest.fail("the write never came to its end")
    assert faulty_writes >= 5


def test_readers_never_see_nothing_or_a_mixture(io: SnowparkIOManager, session: Session, warehouse: Warehouse) -> None:
    """Two runs write at once, with changing columns, while somebody reads: every view is one run's, whole."""
    schema = schema_of(session)
    io.handle_output(context(), frame(*[1] * 50))
    done, wrong, seen = threading.Event(), [], set()

    def read() -> None:
        with Session.builder.configs({**warehouse.connection_args(), "schema": schema}).create() as mine:
            while not done.is_set():
                rows = mine.sql('SELECT V, COUNT(*) FROM "T" GROUP BY V').collect()
                seen.add(rows[0][0] if rows else None)
                if len(rows) != 1 or rows[0][1] != 50:
                    wrong.append(rows)

    failures: list[Exception] = []

    def run(value: int) -> None:
        with Session.builder.configs({**warehouse.connection_args(), "schema": schema}).create() as mine:
            own = SnowparkIOManager(OneSession(mine), schema=schema)
            for i in range(6):
                written = frame(*[value] * 50)
                if i % 2:
                    written["EXTRA"] = "changed"
                try:
                    own.handle_output(context(), written)
                except Exception as e:  # noqa: BLE001
                    failures.append(e)

    reading = threading.Thread(target=read)
    reading.start()
    writers = [threading.Thread(target=run, args=(v,)) for v in (2, 3)]
    for w in writers:
        w.start()
    for w in writers:
        w.join()
    done.set()
    reading.join()
    assert not wrong
    assert None not in seen
    assert not failures
    assert len({r[1] for r in content(session)}) == 1
    assert len(content(session)) == 50


def test_two_runs_of_one_partition_leave_one_of_them(
    io: SnowparkIOManager, session: Session, warehouse: Warehouse
) -> None:
    schema = schema_of(session)
    io.handle_output(context("south"), pd.DataFrame({"REGION": ["south"], "V": [0]}))

    def run(value: int) -> None:
        with Session.builder.configs({**warehouse.connection_args(), "schema": schema}).create() as mine:
            own = SnowparkIOManager(OneSession(mine), schema=schema)
            for _ in range(5):
                own.handle_output(context("north"), frame(*[value] * 20))

    writers = [threading.Thread(target=run, args=(v,)) for v in (2, 3)]
    for w in writers:
        w.start()
    for w in writers:
        w.join()
    found = values(session)
    assert found[0] == 0
    assert found[1:] in ([2] * 20, [3] * 20)


def test_columns_that_another_run_changes_meanwhile_are_looked_at_again(
    io: SnowparkIOManager, session: Session, reader: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at the table and the write, another run gives it other columns: the write still succeeds."""
    io.handle_output(context(), frame(1))
    look = writing.existing_columns
    looks = []

    def interrupted(*args: Any) -> Any:
        columns = look(*args)
        if not looks:
            reader.sql('CREATE OR REPLACE TABLE "T" ("OTHER" INTEGER) AS SELECT 1').collect()
        looks.append(columns)
        return columns

    monkeypatch.setattr(writing, "existing_columns", interrupted)
    io.handle_output(context(), frame(5, 6))
    assert len(looks) == 3
    assert values(session) == [5, 6]


@pytest.mark.parametrize(("times", "succeeds"), [(2, True), (3, False)])
def test_a_partition_written_meanwhile_is_tried_again(
    io: SnowparkIOManager, session: Session, monkeypatch: pytest.MonkeyPatch, times: int, succeeds: bool
) -> None:
    io.handle_output(context("north"), frame(1))
    count, met = writing._count, []

    def one_too_many(session: Session, what: str) -> int:
        found = count(session, what)
        if what.startswith('"') and len(met) < times:  # the table itself: the count before the commit
            met.append(what)
            return found + 1
        return found

    monkeypatch.setattr(writing, "_count", one_too_many)
    if succeeds:
        io.handle_output(context("north"), frame(5, 6))
    else:
        with pytest.raises(PartitionConflict, match="another run wrote the same partition"):
            io.handle_output(context("north"), frame(5, 6))
    assert values(session) == ([5, 6] if succeeds else [1])
    assert len(met) == times


KILLED = """
import json, os, signal, sys
import dagster as dg, pandas as pd
from snowflake.connector.cursor import SnowflakeCursor
from snowflake.snowpark import Session
from customer_analytics.snowpark_io import SnowparkIOManager
arguments, prefix, partition = json.loads(sys.stdin.read())
session = Session.builder.configs(arguments).create()
class Sessions:
    def session(self): return session
execute = SnowflakeCursor.execute
def killing(self, command, *args, **kwargs):
    result = execute(self, command, *args, **kwargs)
    if command.startswith(prefix):
        os.kill(os.getpid(), signal.SIGKILL)
    return result
SnowflakeCursor.execute = killing
SnowparkIOManager(Sessions(), schema=arguments["schema"]).handle_output(
    dg.build_output_context(
        asset_key="T", definition_metadata={"partition_expr": "REGION"}, partition_key=partition,
        asset_partitions_def=dg.StaticPartitionsDefinition(["north", "south"]) if partition else None),
    pd.DataFrame({"REGION": ["north"], "V": [99]}))
"""


@pytest.mark.parametrize(
    ("partition", "prefix"),
    [pytest.param(None, "COPY INTO", marks=pytest.mark.heavy), ("north", "INSERT INTO")],
)
def test_a_killed_run_leaves_the_old_rows(
    io: SnowparkIOManager,
    session: Session,
    reader: Session,
    warehouse: Warehouse,
    partition: str | None,
    prefix: str,
) -> None:
    """kill -9 after the upload, and in the middle of the transaction; the next run goes on from there."""
    io.handle_output(context(partition), frame(1, 2))
    arguments = {**warehouse.portable_args(), "schema": schema_of(session)}
    child = subprocess.run(
        [sys.executable, "-c", KILLED],
        input=json.dumps([arguments, prefix, partition]),
        text=True,
        capture_output=True,
        cwd=Path(__file__).resolve().parents[2],
        env=os.environ.copy(),
    )
    assert child.returncode == -signal.SIGKILL, child.stderr
    assert values(reader) == [1, 2]
    io.handle_output(context(partition), frame(5))
    assert values(reader) == [5]
