"""What runs by itself: jobs, the daily schedule, sensors on sources, what follows a change, freshness, alarms."""

from __future__ import annotations

import datetime as dt
import http.client
import json
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import dagster as dg

from customer_analytics.addresses import showable, without_credentials
from customer_analytics.defs.presentation.health import health_is_kept_after_failure
from customer_analytics.settings import Settings
from customer_analytics.sources import SourceUnreachable
from customer_analytics.tables import SOURCES, source_name

if TYPE_CHECKING:
    from upath import UPath

FOLDERS = {"customer_calls": "customer_calls", "customer_calls.zip": "customer_calls", "vectors": "vectors"}

everything = dg.define_asset_job("everything", dg.AssetSelection.all(), description="The whole graph.")
structured = dg.define_asset_job(
    "structured",
    dg.AssetSelection.groups("sources", "customers", "revenue", "marketing"),
    description="From the source files to customers, revenue and attribution.",
)
feedback = dg.define_asset_job(
    "feedback", dg.AssetSelection.groups("feedback"), description="Transcripts and the vector collections."
)
models = dg.define_asset_job(
    "models",
    dg.AssetSelection.groups("sentiment", "lifetime_value"),
    description="Train, compare, promote and score.",
)
presentation = dg.define_asset_job(
    "presentation", dg.AssetSelection.groups("presentation"), description="The tables that the dashboard reads."
)
JOBS = [everything, structured, feedback, models, presentation]

daily = dg.ScheduleDefinition(
    name="daily",
    job=everything,
    cron_schedule="0 5 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every morning at five (UTC): the figures of a new day, even when no file changed.",
)


def source_signatures(folder: UPath) -> dict[str, str]:
    """Size and time of each source in the folder, by name: cheap to look at, and different after a change."""
    signatures: dict[str, str] = {}
    if not folder.exists():
        return signatures
    for entry in folder.iterdir():
        if entry.name in FOLDERS:
            files = [entry] if entry.name.endswith(".zip") else sorted(entry.iterdir(), key=lambda file: file.name)
            signatures[FOLDERS[entry.name]] = json.dumps([[file.name, _signature(file)] for file in files])
        elif entry.stem in {source_name(table) for table in SOURCES}:
            signatures[entry.stem] = _signature(entry)
    return signatures


def _signature(file: UPath) -> str:
    info = file.fs.info(file.path)
    marks = (info.get(key) for key in ("size", "etag", "ETag", "mtime", "LastModified", "last_modified", "updated"))
    return "|".join(str(mark) for mark in marks if mark is not None)


def assets_of_source(name: str) -> dg.AssetKey:
    """The asset that reads the source `name`."""
    by_source = {source_name(table): table.name for table in SOURCES}
    by_source |= {"customer_calls": "CALL_STAGE", "vectors": "VECTOR_SNAPSHOT"}
    return dg.AssetKey(by_source[name])


@dg.sensor(
    target=dg.AssetSelection.groups("sources"),
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="New or changed source files and recordings, and a new day, start a run of what looks at them.",
)
def sources_changed(
    context: dg.SensorEvaluationContext, settings: dg.ResourceParam[Settings]
) -> dg.SensorResult | dg.SkipReason:
    from upath import UPath

    from customer_analytics.sample_data.once import ensure_sample

    ensure_sample(settings)
    # Not `reference_date`: this process lives for many days, and that is the day on which it was first asked.
    today = (settings.as_of or dt.datetime.now(dt.UTC).date()).isoformat()
    try:
        now = source_signatures(UPath(settings.sources)) | {"day": today}
    except (OSError, ValueError, ImportError) as error:
        shown = without_credentials(settings.sources)
        raise SourceUnreachable(
            f"SOURCE_URI {shown} cannot be looked at ({type(error).__name__}): check the address and the access"
        ) from showable(error, settings.sources)
    if context.cursor is None:
        # A source that is absent has its table too, an empty one: at first everything is looked at.
        assert context.repository_def is not None
        graph = context.repository_def.asset_graph
        assets = sorted(k for k in graph.materializable_asset_keys if not graph.get(k).parent_keys)
        changed = ["first look"]
    else:
        seen = json.loads(context.cursor)
        changed = sorted(name for name in seen.keys() | now.keys() if seen.get(name) != now.get(name))
        assets = [assets_of_source(name) for name in changed if name != "day"]
        assets += [dg.AssetKey(key) for key in ("AS_OF", "AS_OF_MONTH") if "day" in changed]
    if not changed:
        return dg.SkipReason("No source has changed.")
    request = dg.RunRequest(asset_selection=assets, tags={"customer_analytics/changed": ", ".join(changed)[:200]})
    return dg.SensorResult(run_requests=[request], cursor=json.dumps(now))


@dg.run_failure_sensor(
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Posts each failed run to FAILURE_WEBHOOK_URL, when it is set.",
)
def failed_run_is_posted(
    context: dg.RunFailureSensorContext, settings: dg.ResourceParam[Settings]
) -> dg.SkipReason | None:
    return post_failure(context, settings)


def post_failure(context: dg.RunFailureSensorContext, settings: Settings) -> dg.SkipReason | None:
    """Tell FAILURE_WEBHOOK_URL of the failed run; the address itself is a secret and appears nowhere.

    RuntimeError where it cannot be told.
    """
    if settings.failure_webhook_url is None:
        return dg.SkipReason("FAILURE_WEBHOOK_URL is not set.")
    run = context.dagster_run
    text = f"Run {run.run_id} of {run.job_name} failed: {context.failure_event.message}"
    try:
        request = urllib.request.Request(  # noqa: S310 - the address is the operator's own setting
            settings.failure_webhook_url.get_secret_value(),
            data=json.dumps({"text": text, "run_id": run.run_id, "job": run.job_name}).encode(),
            headers={"Content-Type": "application/json"},
        )
        urllib.request.urlopen(request, timeout=10).close()  # noqa: S310
    except (OSError, ValueError, http.client.HTTPException) as error:
        why = error.code if isinstance(error, urllib.error.HTTPError) else type(error).__name__
        # Without the cause: an address that is none is quoted in its text.
        raise RuntimeError(f"FAILURE_WEBHOOK_URL does not take the message ({why}): check it") from None
    return None


follow_changes = dg.AutomationConditionSensorDefinition(
    "follow_changes",
    target=dg.AssetSelection.all(),
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Rebuilds what follows a change, and stops behind a failed blocking check.",
)
SENSORS = [sources_changed, failed_run_is_posted, health_is_kept_after_failure, follow_changes]


def follows_its_inputs(spec: dg.AssetSpec) -> dg.AssetSpec:
    """Every asset follows its inputs, but not past a failed blocking check, and says when it is too old."""
    # Eager follows every new materialization; here only one whose content is new, so that a source that
    # was looked at again and found unchanged rebuilds nothing.
    eager = dg.AutomationCondition.eager().replace("newly_updated", dg.AutomationCondition.data_version_changed())
    condition = eager & dg.AutomationCondition.all_deps_blocking_checks_passed()
    spec = spec.replace_attributes(automation_condition=spec.automation_condition or condition)
    freshness = dg.FreshnessPolicy.time_window(fail_window=dt.timedelta(hours=36), warn_window=dt.timedelta(hours=26))
    return dg.apply_freshness_policy(spec, freshness, overwrite_existing=False)
