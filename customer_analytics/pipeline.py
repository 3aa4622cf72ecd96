"""Run the asset graph from the command line: what is stale, materialise it, and tell what came out.

An asset is stale when it was never built, when its code version or the data version of something
it reads has changed since, when a blocking check of it failed or never ran after the build, or
when something upstream is stale. The rest is left as it is.
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import dagster as dg
import psutil
from dagster import AssetCheckKey, AssetKey, DagsterEvent, DagsterInstance

if TYPE_CHECKING:
    from dagster._core.definitions.assets.graph.asset_graph import AssetGraph

# The run's own log has everything; the terminal gets progress and a summary.
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
PID_TAG = "customer_analytics/pid"
INPUT_TAG = "dagster/input_data_version/"


@dataclass
class RunReport:
    """What one run did. Seconds are wall time per asset, checks included."""

    run_id: str = ""
    success: bool = True
    materialised: dict[str, dict[str, Any]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    """Asset or check -> why, in the error's own words."""
    failed_assets: set[AssetKey] = field(default_factory=set)
    """Those whose step or blocking check failed: nothing may be built from them."""
    warnings: dict[str, str] = field(default_factory=dict)
    unchanged: set[str] = field(default_factory=set)
    """Assets that were built anew, and whose content is as it was."""
    total_seconds: float = 0.0

    def and_then(self, later: RunReport) -> RunReport:
        """Both as one."""
        return RunReport(
            later.run_id,
            self.success and later.success,
            self.materialised | later.materialised,
            self.seconds | later.seconds,
            self.failures | later.failures,
            self.failed_assets | later.failed_assets,
            self.warnings | later.warnings,
            self.unchanged | later.unchanged,
            self.total_seconds + later.total_seconds,
        )


def asset_graph(definitions: dg.Definitions) -> AssetGraph:
    return definitions.resolve_asset_graph()


def roots(definitions: dg.Definitions) -> set[AssetKey]:
    """The assets that look at the outside world: files, recordings, the day. Cheap when nothing changed there."""
    graph = asset_graph(definitions)
    return {k for k in graph.get_all_asset_keys() if graph.get(k).is_materializable and not graph.get(k).parent_keys}


def following(definitions: dg.Definitions, assets: Iterable[AssetKey]) -> set[AssetKey]:
    """The assets and everything downstream of them."""
    graph = asset_graph(definitions)
    found: set[AssetKey] = set()
    for key in graph.toposorted_asset_keys:
        if key in assets or found & set(graph.get(key).parent_keys):
            found.add(key)
    return found


def stale_assets(definitions: dg.Definitions, instance: DagsterInstance) -> set[AssetKey]:
    """Every materialisable asset that is stale (see the module), in no order. `roots` are to be built before."""
    graph = asset_graph(definitions)
    keys = [k for k in graph.toposorted_asset_keys if graph.get(k).is_materializable]
    versions = {k: _data_version(instance, graph, k) for k in graph.get_all_asset_keys()}
    unchecked = _assets_not_vouched_for(graph, instance)
    stale: set[AssetKey] = set()
    for key in keys:
        node = graph.get(key)
        record = instance.get_latest_data_version_record(key, is_source=False)
        if record is None or key in unchecked or stale & set(node.parent_keys):
            stale.add(key)
            continue
        materialization = record.event_log_entry.asset_materialization
        tags = (materialization.tags if materialization else None) or {}
        seen = {k.removeprefix(INPUT_TAG): v for k, v in tags.items() if k.startswith(INPUT_TAG)}
        now = {parent.to_user_string(): versions[parent] for parent in node.parent_keys}
        new_code = node.code_version is not None and tags.get("dagster/code_version") != node.code_version
        if new_code or any(seen.get(parent) != version for parent, version in now.items()):
            stale.add(key)
    return stale


def _data_version(instance: DagsterInstance, graph: AssetGraph, key: AssetKey) -> str:
    record = instance.get_latest_data_version_record(key, is_source=not graph.get(key).is_materializable)
    if record is None:
        return "INITIAL"
    entry = record.event_log_entry
    event = entry.asset_materialization or entry.asset_observation
    return ((event.tags if event else None) or {}).get("dagster/data_version", "INITIAL")


def report_champion(instance: DagsterInstance, model: str, version: str) -> None:
    """Tell Dagster that somebody made `version` of `model` the champion: what it scores is stale from then on.

    The event is the model's last one with another data version. No check goes with it, so a run judges the model first.
    """
    event = instance.get_latest_materialization_event(AssetKey(model))
    last = event.asset_materialization if event else None
    if last is None:
        return  # nothing was ever scored
    told = {key: version for key in ("champion", "model_version") if key in last.metadata}
    metadata = {**last.metadata, **told, "decision": f"{version} was made the champion by hand"}
    tags = {**(last.tags or {}), "dagster/data_version": f"{version} by hand"}
    instance.report_runless_asset_event(dg.AssetMaterialization(model, metadata=metadata, tags=tags))


def _assets_not_vouched_for(graph: AssetGraph, instance: DagsterInstance) -> set[AssetKey]:
    """Assets with a blocking check that failed, or that did not run since they were built."""
    from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

    blocking = [k for k in graph.asset_check_keys if graph.get(k).blocking]
    records = instance.event_log_storage.get_latest_asset_check_execution_by_key(blocking)
    suspect = set()
    for key in blocking:
        record = records.get(key)
        built = instance.get_latest_data_version_record(key.asset_key, is_source=False)
        if (
            record is None
            or record.status is not AssetCheckExecutionRecordStatus.SUCCEEDED
            or (built is not None and record.create_timestamp < built.timestamp - 1 and built.run_id != record.run_id)
        ):
            suspect.add(key.asset_key)
    return suspect


def fail_abandoned_runs(instance: DagsterInstance) -> list[str]:
    """Mark runs whose process is gone (kill -9, power cut) as failed, so that nothing waits for them."""
    abandoned = []
    unfinished = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.CANCELING]
    for run in instance.get_runs(dg.RunsFilter(statuses=unfinished)):
        pid = run.tags.get(PID_TAG)
        if pid and not psutil.pid_exists(int(pid)):
            instance.report_run_failed(run, "Its process ended in the middle of the run.")
            abandoned.append(run.run_id)
    return abandoned


def materialise(
    definitions: dg.Definitions,
    instance: DagsterInstance,
    assets: Iterable[AssetKey],
    on_event: Callable[[DagsterEvent], None] = lambda event: None,
    job_name: str | None = None,
    on_progress: Callable[[str], None] = lambda message: None,
) -> RunReport:
    """Materialise `assets` with their checks, in one run in this process.

    `on_event` sees each Dagster event, `on_progress` what a step says about how far it is.
    """
    report = RunReport(run_id=str(uuid4()))
    started: dict[str, float] = {}
    checks_blocking = {k for k in asset_graph(definitions).asset_check_keys if asset_graph(definitions).get(k).blocking}
    assets = list(assets)
    before = {key: _data_version(instance, asset_graph(definitions), key) for key in assets}

    def listen(entry: dg.EventLogEntry) -> None:
        if entry.dagster_event is not None:
            _record(report, entry.dagster_event, entry.timestamp, started, checks_blocking)
            on_event(entry.dagster_event)
            if _interrupted(entry.dagster_event):
                report.failures[entry.dagster_event.step_key or ""] = "Interrupted"
                raise KeyboardInterrupt
        elif entry.level == logging.INFO:
            on_progress(entry.user_message)

    instance.add_event_listener(report.run_id, listen)
    job = definitions.resolve_job_def(job_name) if job_name else definitions.resolve_implicit_global_asset_job_def()
    began = time.monotonic()
    result = job.execute_in_process(
        QUIET,
        instance=instance,
        asset_selection=assets,
        run_id=report.run_id,
        raise_on_error=False,
        tags={PID_TAG: str(os.getpid())},
    )
    report.total_seconds = time.monotonic() - began
    report.success = result.success and not report.failures
    report.unchanged = {
        key.to_user_string()
        for key, version in before.items()
        if key.to_user_string() in report.materialised
        and version == _data_version(instance, asset_graph(definitions), key)
    }
    # A step is named as its asset is.
    report.failed_assets |= {
        key for key in asset_graph(definitions).get_all_asset_keys() if key.to_user_string() in report.failures
    }
    return report


def _interrupted(event: DagsterEvent) -> bool:
    """Whether a step is to be tried again because of Ctrl-C: Dagster's retry policies count that as a failure."""
    if event.event_type_value != "STEP_UP_FOR_RETRY":
        return False
    cause = event.step_retry_data.error.cause if event.step_retry_data.error else None
    return cause is not None and cause.cls_name in ("KeyboardInterrupt", "DagsterExecutionInterruptedError")


def _record(
    report: RunReport,
    event: DagsterEvent,
    timestamp: float,
    started: dict[str, float],
    blocking: set[AssetCheckKey],
) -> None:
    kind, step = event.event_type_value, event.step_key or ""
    if kind == "STEP_START":
        started[step] = timestamp
    elif kind in ("STEP_SUCCESS", "STEP_FAILURE"):
        report.seconds[step] = timestamp - started.get(step, timestamp)
        error = event.step_failure_data.error if kind == "STEP_FAILURE" else None
        if error is not None and error.cls_name != "DagsterAssetCheckFailedError":  # the failed check has told why
            report.failures[step] = root_cause(error)
    elif kind == "ASSET_MATERIALIZATION":
        materialization = event.step_materialization_data.materialization
        report.materialised[materialization.asset_key.to_user_string()] = {
            name: value.value for name, value in materialization.metadata.items()
        }
    elif kind == "ASSET_CHECK_EVALUATION":
        evaluation = event.asset_check_evaluation_data
        if not evaluation.passed:
            name = f"{evaluation.asset_key.to_user_string()}: {evaluation.check_name}"
            why = evaluation.description or ", ".join(f"{k}={v.value}" for k, v in evaluation.metadata.items())
            is_blocking = evaluation.asset_check_key in blocking and evaluation.severity is dg.AssetCheckSeverity.ERROR
            (report.failures if is_blocking else report.warnings)[name] = why
            if is_blocking:
                report.failed_assets.add(evaluation.asset_key)


def root_cause(error: Any) -> str:
    """The message of a serialised error without Dagster's own around it nor our class's name, on one line."""
    while (
        error is not None
        and error.cause is not None
        and (error.cls_name or "").startswith(("Dagster", "Failure", "RetryRequested"))
    ):
        error = error.cause
    if error is None:
        return "unknown error"
    return re.sub(r"^customer_analytics\.[\w.]+: ", "", " ".join(error.message.split()))
