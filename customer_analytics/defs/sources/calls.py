"""The recordings of SOURCE_URI in the stage CALL_STAGE."""

import datetime as dt
import tempfile
from pathlib import Path

import dagster as dg

from customer_analytics.calls.stage import stage_calls
from customer_analytics.resources.warehouse import Warehouse
from customer_analytics.retries import OUTSIDE_WORLD, fails_at_once_if_it_stays
from customer_analytics.sample_data.once import ensure_sample
from customer_analytics.settings import Settings
from customer_analytics.table_assets import OWNERS


@dg.asset(
    name="CALL_STAGE",
    group_name="sources",
    owners=OWNERS,
    kinds={"snowflake", "audio"},
    code_version="2",
    description="The stage of recorded calls, one file each. Only new and changed recordings are uploaded.",
    retry_policy=OUTSIDE_WORLD,
)
@fails_at_once_if_it_stays
def call_stage(
    context: dg.AssetExecutionContext,
    settings: dg.ResourceParam[Settings],
    warehouse: dg.ResourceParam[Warehouse],
) -> dg.MaterializeResult:
    ensure_sample(settings)
    now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    with tempfile.TemporaryDirectory(prefix="customer-analytics-calls-") as work:
        staged = stage_calls(warehouse.session(), settings.sources, Path(work), now)
    if staged.source is None:
        context.log.warning("There are no recordings at SOURCE_URI (customer_calls): CALL_STAGE stays empty")
    return dg.MaterializeResult(
        metadata={
            "source": staged.source or "none",
            "dagster/row_count": staged.total,
            "uploaded": staged.uploaded,
            "removed": staged.removed,
            "rejected_recordings": staged.rejected,
        },
        data_version=dg.DataVersion(staged.fingerprint),
    )
