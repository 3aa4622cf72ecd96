"""Finding, starting and stopping the server; who is let in."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import snowflake.connector

from customer_analytics.local_snowflake import lifecycle
from customer_analytics.local_snowflake.lifecycle import LocalSnowflakeError, Options, ServerState
from customer_analytics.resources.warehouse.local import LocalWarehouse


def test_four_that_start_it_at_once_share_one_server(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from customer_analytics.local_snowflake import lifecycle as l;"
        "print(l.ensure(Path(sys.argv[1]) / 'w', l.Options(Path(sys.argv[1]) / 'log')).pid)"
    )
    starters = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    try:
        assert len({s.communicate()[0] for s in starters}) == 1
    finally:
        assert lifecycle.stop(tmp_path / "w")


def test_the_state_file_is_for_this_user_only(own_warehouse: LocalWarehouse) -> None:
    own_warehouse.incarnation()
    mode = (own_warehouse.folder / "server.json").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600
    assert "token" not in repr(own_warehouse.incarnation())


def test_a_stale_state_file_heals(own_warehouse: LocalWarehouse) -> None:
    own_warehouse.folder.mkdir(parents=True)
    lifecycle.write_state(own_warehouse.folder, ServerState(os.getpid(), 1, "old"))  # a living process, not a server
    assert lifecycle.running(own_warehouse.folder) is None
    with own_warehouse.connect() as connection:
        assert connection.cursor().execute("SELECT 1").fetchall() == [(1,)]


def test_a_half_written_state_file_heals(own_warehouse: LocalWarehouse) -> None:
    own_warehouse.folder.mkdir(parents=True)
    (own_warehouse.folder / "server.json").write_text('{"pid": 1')
    assert own_warehouse.incarnation().pid != 1


def test_a_second_server_on_the_folder_fails_at_once_with_a_sentence(own_warehouse: LocalWarehouse) -> None:
    own_warehouse.incarnation()
    command = [sys.executable, "-m", "customer_analytics.local_snowflake", "--folder", str(own_warehouse.folder)]
    second = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert second.returncode != 0
    assert "already serves" in second.stderr
    assert "Traceback" not in second.stderr


def test_what_does_not_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / "_fs_global.sys").write_text("not a database")
    with pytest.raises(LocalSnowflakeError, match="did not start"):
        lifecycle.ensure(tmp_path / "w", Options(tmp_path / "log"))


def test_it_stops_when_nobody_has_been_connected(tmp_path: Path) -> None:
    folder = tmp_path / "w"
    warehouse = LocalWarehouse(folder, Options(tmp_path / "log", idle_minutes=0.02), "D", "S")
    connection = warehouse.connect()
    time.sleep(3)
    assert lifecycle.is_served(folder)  # somebody is
    connection.close()
    assert lifecycle._wait(lambda: not lifecycle.is_served(folder), 30)
    assert lifecycle.read_state(folder) is None


def test_stopped_it_folds_its_logs_into_the_database_files(own_warehouse: LocalWarehouse) -> None:
    with own_warehouse.connect() as connection:
        connection.cursor().execute("create table kept as select 1 as a")
    assert list(own_warehouse.folder.glob("*.wal"))
    assert lifecycle.stop(own_warehouse.folder)
    assert not list(own_warehouse.folder.glob("*.wal"))
    assert lifecycle.read_state(own_warehouse.folder) is None
    assert own_warehouse.session().sql("select a from kept").collect()[0][0] == 1


def test_without_the_token_nobody_gets_in(own_warehouse: LocalWarehouse) -> None:
    args = {**own_warehouse.portable_args(), "password": "wrong", "login_timeout": 5}
    with pytest.raises(snowflake.connector.errors.DatabaseError, match="Incorrect username or password"):
        snowflake.connector.connect(**args)
    url = f"http://127.0.0.1:{args['port']}/local/status"
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(url)


def test_a_session_is_made_anew_when_the_server_was_killed(own_warehouse: LocalWarehouse) -> None:
    own_warehouse.session().sql("CREATE TABLE kept AS SELECT 1 AS a").collect()
    os.kill(own_warehouse.incarnation().pid, signal.SIGKILL)
    assert lifecycle._wait(lambda: not lifecycle.is_served(own_warehouse.folder), 10)
    assert own_warehouse.session().table("kept").collect()[0][0] == 1


def test_each_statement_is_logged_with_its_query_tag(own_warehouse: LocalWarehouse) -> None:
    own_warehouse.session().sql("SELECT 42 AS answer").collect()
    assert own_warehouse.options.statement_log is not None
    entries = [json.loads(line) for line in own_warehouse.options.statement_log.read_text().splitlines()]
    asked = next(e for e in entries if "42" in e["sql"])
    assert (asked["query_tag"], asked["error"]) == ("test", None)
    assert asked["seconds"] >= 0


def test_a_session_without_a_schema_is_in_public_and_reaches_the_others(own_warehouse: LocalWarehouse) -> None:
    import snowflake.connector

    args = {k: v for k, v in own_warehouse.connection_args().items() if k != "schema"}
    with snowflake.connector.connect(**args) as connection:
        cursor = connection.cursor()
        assert cursor.execute("SELECT CURRENT_SCHEMA()").fetchall() == [("PUBLIC",)]
        cursor.execute("CREATE SCHEMA OTHER")
        cursor.execute('CREATE TEMPORARY TABLE "OTHER"."T" (A INT)')
        cursor.execute("INSERT INTO OTHER.T VALUES (1)")
        assert cursor.execute("SELECT A FROM OTHER.T").fetchall() == [(1,)]
