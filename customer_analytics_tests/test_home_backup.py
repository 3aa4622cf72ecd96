"""A backup taken while somebody writes is whole, and comes back elsewhere."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from typer.testing import CliRunner

from customer_analytics import home_backup
from customer_analytics.cli import app
from customer_analytics.dagster_home import instance
from customer_analytics.home_backup import BackupError, backup, restore
from customer_analytics.local_snowflake import lifecycle
from customer_analytics.resources.warehouse import Warehouse, warehouse_from
from customer_analytics.settings import Settings
from customer_analytics_tests.contract.vectors import DIMENSION, MODEL, embed


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "home"
    for name in ("home", "other"):
        lifecycle.stop(tmp_path / name / "warehouse")


def settings(home: Path) -> Settings:
    return Settings(customer_analytics_home=home)  # type: ignore[call-arg]


def rows(warehouse: Warehouse) -> list[int]:
    with warehouse.connect() as connection:
        return [row[0] for row in connection.cursor().execute("SELECT N FROM COUNTED ORDER BY N").fetchall()]


def test_a_backup_while_rows_are_written_holds_what_was_committed(home: Path, tmp_path: Path) -> None:
    warehouse = warehouse_from(settings(home))
    with warehouse.connect() as connection:
        connection.cursor().execute("CREATE TABLE COUNTED (N INTEGER)")
        connection.cursor().execute("INSERT INTO COUNTED VALUES (0)")
    stop, failures, committed = threading.Event(), [], [0]

    def write() -> None:
        try:
            with warehouse.connect() as connection:
                cursor = connection.cursor()
                while not stop.is_set():
                    cursor.execute(f"INSERT INTO COUNTED VALUES ({committed[0] + 1})")
                    committed[0] += 1
        except Exception as error:  # noqa: BLE001 - any is a failure of the promise
            failures.append(error)

    writer = threading.Thread(target=write)
    writer.start()
    before = committed[0]
    parts = backup(settings(home), tmp_path / "backup")
    stop.set()
    writer.join(60)
    assert not failures, "a client failed because of the backup"
    assert parts["warehouse"] > 0
    assert not list((tmp_path / "backup").rglob("server.json")), "the server's token is not for a backup"
    restore(settings(tmp_path / "other"), tmp_path / "backup")
    found = rows(warehouse_from(settings(tmp_path / "other")))
    assert found == list(range(len(found)))
    assert before < len(found) <= committed[0] + 1
    assert rows(warehouse) == list(range(committed[0] + 1)), "the original goes on, whole"


def test_sqlite_files_are_copied_whole_although_their_log_is_not(home: Path, tmp_path: Path) -> None:
    (home / "dagster").mkdir(parents=True)
    database = sqlite3.connect(home / "dagster" / "runs.db")
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("CREATE TABLE runs (id INTEGER)")
    database.execute("INSERT INTO runs VALUES (7)")
    database.commit()
    backup(settings(home), tmp_path / "backup")
    with sqlite3.connect(tmp_path / "backup" / "dagster" / "runs.db") as copy:
        assert copy.execute("SELECT id FROM runs").fetchall() == [(7,)]


def test_a_backup_is_never_written_over_another_or_into_its_own_source(home: Path, tmp_path: Path) -> None:
    home.mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "something").touch()
    with pytest.raises(BackupError, match="not empty"):
        backup(settings(home), tmp_path / "full")
    with pytest.raises(BackupError, match="inside"):
        backup(settings(home), home / "backup")


def test_an_unfinished_backup_and_a_home_with_data_are_refused(home: Path, tmp_path: Path) -> None:
    (tmp_path / "half").mkdir()
    with pytest.raises(BackupError, match=r"manifest\.json"):
        restore(settings(home), tmp_path / "half")
    (home / "cache").mkdir(parents=True)
    backup(settings(home), tmp_path / "whole")
    (home / "cache" / "something").touch()
    with pytest.raises(BackupError, match="holds data"):
        restore(settings(home), tmp_path / "whole")


def test_a_home_with_data_is_replaced_when_asked_and_only_then(home: Path, tmp_path: Path) -> None:
    (home / "cache").mkdir(parents=True)
    (home / "cache" / "kept").write_text("from the backup")
    (home / "mine.txt").write_text("not this project's")
    backup(settings(home), tmp_path / "whole")
    (home / "cache" / "newer").touch()
    with pytest.raises(BackupError, match="--yes"):
        restore(settings(home), tmp_path / "whole")
    assert (home / "cache" / "newer").exists()
    restore(settings(home), tmp_path / "whole", replace=True)
    assert [f.name for f in (home / "cache").iterdir()] == ["kept"]
    assert (home / "mine.txt").exists()


def test_a_backup_that_lost_something_is_refused_before_anything_is_removed(home: Path, tmp_path: Path) -> None:
    (home / "cache").mkdir(parents=True)
    (home / "cache" / "kept").write_text("from the backup")
    backup(settings(home), tmp_path / "whole")
    (tmp_path / "whole" / "cache" / "kept").write_text("cut")
    with pytest.raises(BackupError, match="damaged"):
        restore(settings(home), tmp_path / "whole", replace=True)
    assert (home / "cache" / "kept").read_text() == "from the backup"


def test_a_run_in_progress_is_failed_in_the_restored_home_and_goes_on_in_the_other(home: Path, tmp_path: Path) -> None:
    with instance(settings(home)) as storage:
        run = dg.DagsterRun(job_name="everything", status=dg.DagsterRunStatus.STARTED)
        storage.add_run(run)
    backup(settings(home), tmp_path / "backup")
    restore(settings(tmp_path / "other"), tmp_path / "backup")
    found = {}
    for name in ("home", "other"):
        with instance(settings(tmp_path / name)) as storage:
            found[name] = storage.get_run_by_id(run.run_id)
    assert found["home"] is not None
    assert found["other"] is not None
    assert found["home"].status is dg.DagsterRunStatus.STARTED
    assert found["other"].status is dg.DagsterRunStatus.FAILURE


def test_a_backup_is_only_read_and_comes_back_as_often_as_asked(home: Path, tmp_path: Path) -> None:
    with instance(settings(home)) as storage:  # SQLite files with a write-ahead log
        storage.add_run(dg.DagsterRun(job_name="everything", status=dg.DagsterRunStatus.SUCCESS))
        backup(settings(home), tmp_path / "backup")
    before = {file: file.stat().st_size for file in (tmp_path / "backup").rglob("*")}
    for name in ("first", "second"):
        restore(settings(tmp_path / name), tmp_path / "backup")
        with instance(settings(tmp_path / name)) as storage:
            assert storage.get_runs_count() == 1
    assert {file: file.stat().st_size for file in (tmp_path / "backup").rglob("*")} == before


def test_dagsters_records_are_never_newer_than_what_they_speak_of(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for part in ("warehouse", "dagster", "cache", "sample"):
        (home / part).mkdir(parents=True)
    order: list[str] = []
    copy = home_backup._copy
    monkeypatch.setattr(home_backup, "_copy", lambda s, t: (order.append(s.name), copy(s, t))[1])
    backup(settings(home), tmp_path / "backup")
    assert order[0] == "dagster"


def test_collections_and_models_come_back_while_both_are_written(home: Path, tmp_path: Path) -> None:
    """Objects are added and a model is logged all through the backup; what comes back is whole, and loads."""
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    from sklearn.linear_model import LogisticRegression

    from customer_analytics.resources.model_registry import model_registry_from
    from customer_analytics.resources.vector_store import sync, vector_store_from
    from customer_analytics.tables import COLLECTIONS

    collection = next(c for c in COLLECTIONS if c.name == "CommentTraining")
    features = pd.DataFrame(np.random.default_rng(0).normal(size=(40, 2)), columns=["A", "B"])
    model = LogisticRegression().fit(features, features["A"] > 0)

    def log(number: int) -> None:
        registry = model_registry_from(settings(home), warehouse_from(settings(home)))
        given = {"metrics": {"auc": 0.9}, "data_hash": f"h{number}", "code_version": "1"}
        registry.log("TOY", model, sample_input=features.head(2), **given)

    def add(count: int) -> None:
        store = vector_store_from(settings(home))
        rows = pa.table({"review_text": [f"text {n}" for n in range(count)], "label": ["0"] * count})
        sync(store, collection, rows, embed, model=MODEL, dimension=DIMENSION)
        store.close()

    log(0)
    add(20)
    stop, failures = threading.Event(), []

    def write() -> None:
        try:
            for number in range(1, 50):
                if stop.is_set():
                    return
                add(20 + number)
                log(number)
        except Exception as error:  # noqa: BLE001 - any is a failure of the promise
            failures.append(error)

    writer = threading.Thread(target=write)
    writer.start()
    backup(settings(home), tmp_path / "backup")
    stop.set()
    writer.join(120)
    assert not failures
    other = settings(tmp_path / "other")
    restore(other, tmp_path / "backup")
    store = vector_store_from(other)
    registry = model_registry_from(other, warehouse_from(other))
    assert store.count(collection) >= 20
    assert len(set(store.ids(collection))) == store.count(collection)
    versions = registry.versions("TOY")
    assert versions
    for version in versions:
        assert list(registry.load("TOY", version.version).predict(features)) == list(model.predict(features))
    store.close()


def test_the_command_says_why_in_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUSTOMER_ANALYTICS_HOME", str(tmp_path / "nothing"))
    result = CliRunner().invoke(app, ["backup", str(tmp_path / "out")])
    assert result.exit_code == 1
    assert "There is nothing at" in result.output
