"""The entry point of every service, without starting one."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from customer_analytics import service
from customer_analytics.dagster_home import instance, prepare
from customer_analytics.settings import Settings


def test_runs_of_an_earlier_code_server_are_failed_and_others_left_alone() -> None:
    from dagster._core.storage.tags import GRPC_INFO_TAG

    settings = Settings()
    with instance(settings) as storage:
        runs = {}
        for name, tags in {"orphan": {GRPC_INFO_TAG: "{}"}, "elsewhere": {}}.items():
            run = dg.DagsterRun(job_name=name, tags=tags, status=dg.DagsterRunStatus.STARTED)
            storage.add_run(run)
            runs[name] = run.run_id
    assert service.fail_orphaned_runs(settings) == [runs["orphan"]]
    with instance(settings) as storage:
        orphan, elsewhere = (storage.get_run_by_id(runs[name]) for name in ("orphan", "elsewhere"))
    assert orphan is not None
    assert elsewhere is not None
    assert orphan.status is dg.DagsterRunStatus.FAILURE
    assert elsewhere.status is dg.DagsterRunStatus.STARTED


def test_without_a_warehouse_a_service_says_so_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVICE_NEEDS_WAREHOUSE", "true")
    with pytest.raises(SystemExit, match="SNOWFLAKE_ACCOUNT"):
        service.main(["true"], wait_seconds=0)


def test_a_wrong_setting_is_named_and_its_value_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AS_OF", "hush-hush")
    with pytest.raises(SystemExit, match="AS_OF") as ended:
        service.main(["true"])
    assert "hush-hush" not in str(ended.value)


def test_the_command_gets_dagsters_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    started: list[tuple[str, list[str], dict[str, str]]] = []
    monkeypatch.setattr(service.os, "execvpe", lambda *given: started.append(given))
    service.main(["streamlit", "run"])
    assert started[0][1] == ["streamlit", "run"]
    assert (Path(started[0][2]["DAGSTER_HOME"]) / "dagster.yaml").is_file()


def test_in_a_deployment_a_client_waits_for_the_local_snowflake_and_never_starts_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from customer_analytics.local_snowflake import lifecycle
    from customer_analytics.resources.warehouse import warehouse_from

    monkeypatch.setenv("SERVICE_NEEDS_WAREHOUSE", "true")
    monkeypatch.setattr(lifecycle, "START_TIMEOUT_SECONDS", 0.2)
    settings = Settings()
    with pytest.raises(lifecycle.LocalSnowflakeError, match="docker compose --profile local up -d snowflake"):
        warehouse_from(settings).connection_args()
    assert lifecycle.running(settings.home / "warehouse") is None


@pytest.mark.parametrize(("given", "runs"), [({}, 1), ({"MAX_CONCURRENT_RUNS": "4"}, 4)])
def test_the_queue_takes_as_many_runs_as_the_setting_says(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], runs: int
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    text = (service_home := prepare(Settings())).joinpath("dagster.yaml").read_text()
    assert f"max_concurrent_runs: {runs}\n" in text
    assert service_home.name == "dagster"
