"""CALL_TRANSCRIPTS: what was said in each recorded call."""

import datetime as dt

import dagster as dg
import pyarrow as pa

from customer_analytics.calls import CALL_STAGE, rejected_rows
from customer_analytics.calls.transcripts import transcribe_calls
from customer_analytics.defs.feedback.progress import Progress
from customer_analytics.resources.transcriber import Transcriber
from customer_analytics.resources.transcriber.journal import Journal
from customer_analytics.resources.warehouse import Warehouse
from customer_analytics.retries import OUTSIDE_WORLD, fails_at_once_if_it_stays
from customer_analytics.settings import Settings
from customer_analytics.sources.rejected import replace_rejected
from customer_analytics.table_assets import table_asset
from customer_analytics.table_checks import Measure, table_checks
from customer_analytics.tables import CALL_TRANSCRIPTS, STG_REJECTED


@table_asset(
    CALL_TRANSCRIPTS, kinds={"snowflake", "audio"}, deps=[CALL_STAGE], retry_policy=OUTSIDE_WORLD, code_version="2"
)
@fails_at_once_if_it_stays
def call_transcripts(
    context: dg.AssetExecutionContext,
    settings: dg.ResourceParam[Settings],
    warehouse: dg.ResourceParam[Warehouse],
    transcriber: dg.ResourceParam[Transcriber],
) -> dg.MaterializeResult[pa.Table]:
    session = warehouse.session()
    journal = Journal(settings.home / "cache" / "transcripts.sqlite")
    progress = Progress(context.log.info, f"Calls transcribed by {transcriber.name}")
    heard = transcribe_calls(session, transcriber, journal, progress)
    now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    replace_rejected(session, CALL_TRANSCRIPTS.name, rejected_rows(CALL_TRANSCRIPTS.name, heard.rejected, now))
    for broken in heard.rejected:
        context.log.warning(f"The recording {broken.source_file} is rejected: {broken.reason}")
    return dg.MaterializeResult(
        value=heard.rows,
        metadata={
            "transcriber": transcriber.name,
            "transcribed_now": heard.transcribed,
            "rejected_recordings": len(heard.rejected),
        },
        data_version=dg.DataVersion(heard.fingerprint),
    )


_REJECTED = Measure(
    "no_recording_is_rejected",
    "Every recording can be used; counts those in STG_REJECTED, by their name or their content.",
    f"(SELECT COUNT(*) FROM {STG_REJECTED.name} WHERE TABLE_NAME IN (?, ?))",
    scalar=True,
    blocking=False,
    parameters=(CALL_STAGE, CALL_TRANSCRIPTS.name),
)
checks = table_checks(CALL_TRANSCRIPTS, _REJECTED)
