"""The entry point of every service, without starting one."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from customer_analytics import service
from customer_analytics.dagster_home import instance
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
