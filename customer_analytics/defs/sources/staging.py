"""The staging tables: each source file, read and checked, as a table."""

import datetime as dt
import tempfile
from pathlib import Path
from typing import Any

import dagster as dg

from customer_analytics.resources.warehouse import Warehouse
from customer_analytics.retries import OUTSIDE_WORLD, fails_at_once_if_it_stays
from customer_analytics.sample_data.once import ensure_sample
from customer_analytics.settings import Settings
from customer_analytics.sources.loading import LastLoad, Loaded, load_source
from customer_analytics.table_assets import Measure, table_asset, table_checks
from customer_analytics.tables import PAYMENT_METHODS, SOURCES, STG_PAYMENTS, STG_REJECTED, Table, source_name


def staging_asset(table: Table) -> dg.AssetsDefinition:
    @table_asset(table, kinds={"snowflake", "duckdb"}, retry_policy=OUTSIDE_WORLD)
    @fails_at_once_if_it_stays
    def stage_source_file(
        context: dg.AssetExecutionContext,
        settings: dg.ResourceParam[Settings],
        warehouse: dg.ResourceParam[Warehouse],
    ) -> Any:
        ensure_sample(settings)
        loaded = load_source(
            settings,
            warehouse.session(),
            table,
            last_load(context.instance, table),
            Path(tempfile.mkdtemp(prefix="customer-analytics-")),
            dt.datetime.now(dt.UTC).replace(tzinfo=None),
        )
        for warning in loaded.warnings:
            context.log.warning(warning)
        return _result(loaded)

    return stage_source_file


def _result(loaded: Loaded) -> dg.MaterializeResult:
    options = {} if loaded.rows is None else {"value": loaded.rows}  # without a value, the table stays as it is
    return dg.MaterializeResult(metadata=loaded.metadata, data_version=dg.DataVersion(loaded.data_version), **options)


def last_load(instance: dg.DagsterInstance, table: Table) -> LastLoad | None:
    """The table's latest load as Dagster recorded it, or None."""
    event = instance.get_latest_materialization_event(dg.AssetKey(table.name))
    materialization = event.asset_materialization if event else None
    if materialization is None:
        return None
    version = (materialization.tags or {}).get("dagster/data_version", "")

    def count(name: str) -> int | None:
        entry = materialization.metadata.get(name)
        return entry.value if entry and isinstance(entry.value, int) else None

    return LastLoad(version, count("dagster/row_count"), count("rejected_rows"))


def _source_measures(table: Table) -> list[Measure]:
    source = source_name(table)
    rejected = f"(SELECT COUNT(*) FROM {STG_REJECTED.name} WHERE TABLE_NAME = '{table.name}')"
    rows = f"(SELECT COUNT(*) FROM {table.name})"
    measures = [
        Measure(
            "rejected_rows_are_few",
            f"At most MAX_REJECTED_SHARE of {source} broke the contract; the share of its rows in STG_REJECTED.",
            f"(SELECT CASE WHEN {rejected} = 0 THEN 0 ELSE CAST({rejected} AS FLOAT) / ({rejected} + {rows}) END)",
            scalar=True,
            threshold=lambda settings: settings.max_rejected_share,
            remedy=f"mend the rows of {source} that {STG_REJECTED.name} holds, or raise MAX_REJECTED_SHARE",
        ),
        Measure(
            "no_row_is_rejected",
            f"Every row of {source} keeps the contract; counts the rows in STG_REJECTED.",
            rejected,
            scalar=True,
            blocking=False,
        ),
        Measure(
            "source_has_rows",
            f"The file {source} is there and has rows; 1 when it is not or has none.",
            "CASE WHEN COUNT(*) = 0 THEN 1 ELSE 0 END",
            blocking=False,
        ),
    ]
    if table is STG_PAYMENTS:
        marks = ", ".join("?" for _ in PAYMENT_METHODS)
        measures.append(
            Measure(
                "payment_method_is_known",
                f"payment_method is one of {', '.join(PAYMENT_METHODS)}; the others count in ORDERS.amount only.",
                f"COUNT(CASE WHEN PAYMENT_METHOD NOT IN ({marks}) THEN 1 END)",
                blocking=False,
                parameters=PAYMENT_METHODS,
            )
        )
    return measures


assets = [staging_asset(table) for table in SOURCES]
checks = [check for table in SOURCES for check in table_checks(table, *_source_measures(table))]
