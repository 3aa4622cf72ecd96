"""A backup taken while somebody writes is whole, and comes back elsewhere."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from customer_analytics.cli import app
from customer_analytics.home_backup import BackupError, backup, restore
from customer_analytics.local_snowflake import lifecycle
from customer_analytics.resources.warehouse import Warehouse, warehouse_from
from customer_analytics.settings import Settings


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


def test_the_command_says_why_in_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUSTOMER_ANALYTICS_HOME", str(tmp_path / "nothing"))
    result = CliRunner().invoke(app, ["backup", str(tmp_path / "out")])
    assert result.exit_code == 1
    assert "There is nothing at" in result.output
