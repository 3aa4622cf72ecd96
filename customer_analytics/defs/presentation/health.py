"""Whether the figures can be trusted, kept in the warehouse by the runs themselves."""

import dagster as dg
import pandas as pd

from customer_analytics.health import MODELS, gather, record
from customer_analytics.resources.warehouse import Warehouse
from customer_analytics.table_assets import table_asset
from customer_analytics.tables import COLLECTIONS, PRES_HEALTH, TABLES

EVERYTHING = [
    dg.AssetKey(name)
    for name in (*TABLES, *(c.name for c in COLLECTIONS), *MODELS)
    # Each source rewrites its own rows of STG_REJECTED: it is no asset of its own.
    if name not in (PRES_HEALTH.name, "STG_REJECTED")
]


@table_asset(PRES_HEALTH, kinds={"python", "snowflake"}, deps=EVERYTHING, code_version="3")
def pres_health(context: dg.AssetExecutionContext, warehouse: dg.ResourceParam[Warehouse]) -> pd.DataFrame:
    # A run knows the checks that it runs, not all of them; imported here, since the code location imports this.
    from customer_analytics.definitions import definitions

    return gather(context.instance, definitions().resolve_asset_graph(), warehouse.session())


@dg.run_failure_sensor(
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="A failed run does not reach PRES_HEALTH: this keeps it true, so that the dashboard shows the failure.",
)
def health_is_kept_after_failure(context: dg.RunFailureSensorContext, warehouse: dg.ResourceParam[Warehouse]) -> None:
    assert context.repository_def is not None
    record(context.instance, context.repository_def.asset_graph, warehouse.session())
