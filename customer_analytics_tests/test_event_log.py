"""Dagster's event log with connections that stay open keeps what Dagster's own keeps, in the same files."""

from __future__ import annotations

import os
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.event_log import SqliteEventLogStorage

from customer_analytics import dagster_home
from customer_analytics.event_log import KEPT_RUNS, KeptSqliteEventLogStorage
from customer_analytics.settings import Settings


@dg.asset
def one() -> dg.MaterializeResult:
    return dg.MaterializeResult(metadata={"rows": 3}, data_version=dg.DataVersion("first"))


@dg.asset_check(asset=one, blocking=True)
def check_one() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


@dg.asset(deps=[one])
def two() -> None:
    raise ValueError("two cannot be built")


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dg.DagsterInstance:
    monkeypatch.setenv("CUSTOMER_ANALYTICS_HOME", str(tmp_path))
    return dagster_home.instance(Settings())


def run(instance: dg.DagsterInstance) -> str:
    return dg.materialize([one, two, check_one], instance=instance, raise_on_error=False).run_id


def log(instance: dg.DagsterInstance) -> KeptSqliteEventLogStorage:
    storage = instance.event_log_storage
    assert isinstance(storage, KeptSqliteEventLogStorage)
    return storage


def open_files(folder: Path) -> set[str]:
    """Databases of that folder that this process holds open."""
    held = set()
    for place in Path("/proc/self/fd").iterdir():
        try:
            target = Path(os.readlink(place))
        except FileNotFoundError:
            continue
        if folder in target.parents and target.suffix == ".db":
            held.add(target.name)
    return held


def test_dagsters_own_storage_reads_the_same(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    run_id = run(instance)
    own = SqliteEventLogStorage(str(tmp_path / "dagster" / "history" / "runs"))
    ours = [record.event_log_entry for record in log(instance).get_records_for_run(run_id).records]
    assert [record.event_log_entry for record in own.get_records_for_run(run_id).records] == ours
    kinds = [e.dagster_event_type for e in ours if e.is_dagster_event]
    assert dg.DagsterEventType.STEP_FAILURE in kinds
    assert dg.DagsterEventType.ASSET_CHECK_EVALUATION in kinds
    seen = own.get_latest_materialization_events([dg.AssetKey("one")])[dg.AssetKey("one")]
    assert seen is not None
    assert seen.asset_materialization is not None
    assert seen.asset_materialization.metadata["rows"].value == 3


def test_another_instance_sees_at_once_what_is_written_and_the_other_way_round(instance: dg.DagsterInstance) -> None:
    other = dagster_home.instance(Settings())
    for writer, reader in ((instance, other), (other, instance), (instance, other)):
        run_id = run(writer)
        assert len(reader.all_logs(run_id)) == len(writer.all_logs(run_id)) > 10
        latest = reader.get_latest_materialization_event(dg.AssetKey("one"))
        assert latest is not None
        assert latest.run_id == run_id


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="open files are counted by Linux's /proc")
def test_few_databases_stay_open_and_none_after_dispose(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    runs = [run(instance) for _ in range(KEPT_RUNS + 2)]
    folder = tmp_path / "dagster" / "history" / "runs"
    assert open_files(folder) == {"index.db", *(f"{run_id}.db" for run_id in runs[-KEPT_RUNS:])}
    assert len(instance.all_logs(runs[0])) > 10
    assert f"{runs[0]}.db" in open_files(folder)
    log(instance).dispose()
    assert open_files(folder) == set()


def test_a_failure_inside_is_undone_and_the_next_one_goes_on(instance: dg.DagsterInstance) -> None:
    run_id = run(instance)
    before = len(instance.all_logs(run_id))
    storage = log(instance)

    def fail_after_a_delete() -> None:
        with storage.run_connection(run_id) as connection:
            connection.exec_driver_sql("DELETE FROM event_logs")
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        fail_after_a_delete()
    assert len(instance.all_logs(run_id)) == before


def test_what_is_wiped_is_gone_and_new_runs_are_kept(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    first = run(instance)
    log(instance).wipe()
    assert not (tmp_path / "dagster" / "history" / "runs" / f"{first}.db").exists()
    second = run(instance)
    assert len(instance.all_logs(second)) > 10
    # A file that somebody else removed is made anew, not written to where nobody can read it.
    (tmp_path / "dagster" / "history" / "runs" / f"{second}.db").unlink()
    assert instance.all_logs(second) == []
