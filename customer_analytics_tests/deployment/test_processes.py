"""The whole graph through the services of docker-compose.yml: real PostgreSQL, real Weaviate, gRPC code location,
webserver, daemon, dashboard, each a plain process."""

from __future__ import annotations

import json
import os
import urllib.error

import psycopg2
import pytest

from customer_analytics import tables as T
from customer_analytics_tests.deployment.conftest import CALLS, CUSTOMERS, WholeRun
from customer_analytics_tests.deployment.deployment import ASKS_RUNS, MARKS, Deployment

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(900)]


def test_every_asset_is_materialised_through_daemon_and_code_location(
    deployment: Deployment, whole_run: WholeRun
) -> None:
    assert whole_run.outcome == "SUCCESS", "\n".join(deployment.failures(whole_run.run_id)) or deployment.log("code")
    built = {row[1] for row in deployment.sql("SHOW TABLES")}
    assert set(T.TABLES) <= built
    rows = dict(deployment.sql(" UNION ALL ".join(f"SELECT '{t}', COUNT(*) FROM \"{t}\"" for t in T.TABLES)))
    assert rows["CUSTOMERS"] == CUSTOMERS
    assert rows["CALL_TRANSCRIPTS"] == rows["PRED_CUSTOMER_CALLS"] == CALLS
    assert rows["PRED_TWITTER_COMMENTS"] == rows["STG_TWITTER_COMMENTS"] > 100
    may_be_empty = {"STG_REJECTED", "PRES_AT_RISK", "PRES_CHURN"}
    assert not {name for name, count in rows.items() if not count} - may_be_empty


def test_the_vectors_stand_in_the_real_weaviate(deployment: Deployment, whole_run: WholeRun) -> None:
    classes = {c["class"] for c in deployment.weaviate("/v1/schema")["classes"]}
    assert {c.name for c in T.COLLECTIONS} <= classes
    found = deployment.weaviate("/v1/objects?class=CustomerComment&limit=1")
    assert found["objects"]
    with pytest.raises(urllib.error.HTTPError, match="401"):
        deployment.weaviate("/v1/schema", key=None)
    assert not (deployment.folder / "home" / "vectors").exists(), "nothing went into the embedded store"


def test_no_customers_name_is_in_a_presentation_table(deployment: Deployment, whole_run: WholeRun) -> None:
    """The deployment has PSEUDONYMISE_CUSTOMERS=true."""
    for name, table in T.TABLES.items():
        if not name.startswith("PRES_") or "first_name" not in table.column_names:
            continue
        rows = deployment.sql(f"SELECT CUSTOMER_ID, FIRST_NAME, LAST_NAME FROM {name}")
        assert {(first, last) for _, first, last in rows} == {("Customer", str(number)) for number, _, _ in rows}
    assert deployment.sql("SELECT COUNT(*) FROM CUSTOMERS WHERE FIRST_NAME = 'Customer'") == [(0,)]


def test_dagsters_runs_are_in_postgresql(deployment: Deployment, whole_run: WholeRun) -> None:
    with psycopg2.connect(deployment.postgres_url()) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT status FROM runs WHERE run_id = %s", (whole_run.run_id,))
        assert cursor.fetchone() == ("SUCCESS",)
    assert not list((deployment.folder / "home" / "dagster").rglob("runs.db"))


@pytest.mark.parametrize("name", ["postgres", "weaviate", "snowflake", "code", "webserver", "daemon", "dashboard"])
def test_the_health_check_of_the_compose_file_is_content(
    deployment: Deployment, whole_run: WholeRun, name: str
) -> None:
    deployment.wait(name, lambda: deployment.is_healthy(name), 60)


@pytest.mark.parametrize("name", ["snowflake", "code", "webserver", "daemon", "dashboard"])
def test_every_line_of_our_logs_is_a_json_object(deployment: Deployment, whole_run: WholeRun, name: str) -> None:
    lines = (deployment.folder / "logs" / name).read_text().splitlines()
    assert lines
    for line in lines:
        assert json.loads(line)["service"]


def test_no_secret_is_in_a_log_a_file_an_argument_or_the_storage(deployment: Deployment, whole_run: WholeRun) -> None:
    said = "\n".join(whole_run.arguments)
    assert "dagster" in said
    for mark in MARKS:
        assert mark not in said, "a secret among the arguments of a process, where ps shows it"
    ours = [deployment.folder / "logs", deployment.folder / "home"]
    for path in [deployment.statement_log, *(f for folder in ours for f in folder.rglob("*") if f.is_file())]:
        content = path.read_bytes()
        for mark in MARKS:
            assert mark.encode() not in content, path
    with psycopg2.connect(deployment.postgres_url()) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        for (table,) in cursor.fetchall():
            for mark in MARKS:
                cursor.execute(f'SELECT COUNT(*) FROM "{table}" AS t WHERE t::text LIKE %s', (f"%{mark}%",))
                assert cursor.fetchone() == (0,), table


def test_the_daemon_follows_a_changed_source_by_itself(deployment: Deployment, whole_run: WholeRun) -> None:
    """Last, because it changes what is built: a new order, and the sensors on."""
    orders = deployment.sources / "orders.csv"
    before = deployment.sql("SELECT COUNT(*) FROM ORDERS")[0][0]
    deployment.start_sensor("sources_changed")
    deployment.wait("daemon", lambda: self_started(deployment), 120)
    with orders.open("a") as file:
        file.write("999999,1,2026-10-30,completed\n")
    os.utime(orders)
    deployment.start_sensor("follow_changes")
    deployment.wait("daemon", lambda: deployment.sql("SELECT COUNT(*) FROM ORDERS")[0][0] == before + 1, 300)
    deployment.stop_sensors()


def self_started(deployment: Deployment) -> bool:
    """Whether a sensor's run has ended."""
    runs = deployment.ask(ASKS_RUNS)["runsOrError"]["results"]
    return any(r["status"] == "SUCCESS" and any(t["key"] == "dagster/sensor_name" for t in r["tags"]) for r in runs)
