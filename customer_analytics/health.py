"""PRES_HEALTH: what the runs know about every table, collection and model, kept in the warehouse.

It is gathered anew as a whole, from Dagster's storage and the tables themselves, so it does not
matter who does it: the asset PRES_HEALTH at the end of a run, or, when a run fails before it gets
there, the command line or the failure sensor.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from customer_analytics import tables as T

if TYPE_CHECKING:
    import pandas as pd
    from dagster import AssetCheckKey, AssetKey, AssetMaterialization, DagsterInstance
    from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph
    from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecord
    from snowflake.snowpark import Session

MODELS = ("SENTIMENT_CLASSIFIER", "CUSTOMER_LTV")
_DAYS = (
    "order_date",
    "converted_at",
    "date_day",
    "date",
    "date_month",
    "started_at",
    "start_date",
    "most_recent_order",
    "last_active_month",
)
"""The columns that say up to when a table's data goes; the first that it has counts."""
_LONGEST_FIGURE = 600
"""Longer than any sentence that says why, shorter than a table or a picture."""


def gather(instance: DagsterInstance, graph: BaseAssetGraph, session: Session) -> pd.DataFrame:
    """The rows of PRES_HEALTH as of now: one for each table, collection and model that was ever built."""
    import pandas as pd

    kinds = {**dict.fromkeys(T.TABLES, "table"), **{c.name: "collection" for c in T.COLLECTIONS}}
    kinds |= dict.fromkeys(MODELS, "model")
    del kinds[T.PRES_HEALTH.name]
    facts = _table_facts(session)
    rejected = _rejected(session)
    failing = _failing_checks(instance, graph.asset_check_keys)
    rows: list[dict[str, Any]] = []
    for key in graph.get_all_asset_keys():
        name = key.to_user_string()
        event = instance.get_latest_materialization_event(key) if name in kinds else None
        if event is None:
            continue
        figures = _figures(event.asset_materialization)
        version = figures.get("model_version", figures.get("champion"))
        checks = failing.get(name, {})
        count, latest = facts.get(name, (figures.get("dagster/row_count"), None))
        rows.append(
            {
                "name": name,
                "kind": kinds[name],
                "built_at": dt.datetime.fromtimestamp(event.timestamp, dt.UTC).replace(tzinfo=None),
                "row_count": count,
                "rejected_rows": rejected.get(name, 0),
                "checks_failing": len(checks),
                "failing_checks": ", ".join(sorted(checks)) or None,
                "data_up_to": latest,
                "model_version": None if version is None else str(version),
                "detail": json.dumps(
                    {
                        **{k: v for k, v in figures.items() if not k.startswith("dagster/")},
                        **({"failing": checks} if checks else {}),
                    },
                    ensure_ascii=False,
                ),
            }
        )
    rows.sort(key=lambda row: row["name"])
    frame = pd.DataFrame(rows, columns=list(T.PRES_HEALTH.column_names))
    return frame.astype({"row_count": "Int64", "rejected_rows": "Int64", "checks_failing": "Int64"})


def record(instance: DagsterInstance, graph: BaseAssetGraph, session: Session) -> None:
    """Write PRES_HEALTH outside of its asset, as one statement. For runs that failed before they got to it."""
    import pyarrow as pa

    from customer_analytics.snowpark_io.columns import SCHEMA_KEY, declared_columns
    from customer_analytics.snowpark_io.names import TableName
    from customer_analytics.snowpark_io.writing import replace_table, source_of
    from customer_analytics.table_assets import column_schema

    frame = pa.Table.from_pandas(gather(instance, graph, session), preserve_index=False)
    declared = declared_columns({SCHEMA_KEY: column_schema(T.PRES_HEALTH)})
    target = TableName(None, str(session.get_current_schema()).strip('"'), T.PRES_HEALTH.name)
    with source_of(session, frame, target, declared, staged=True) as source:
        replace_table(session, target, source, declared)


def _existing(session: Session) -> set[str]:
    rows = session.sql("select table_name from information_schema.tables where table_schema = current_schema()")
    return {str(row[0]) for row in rows.collect()}


def _table_facts(session: Session) -> dict[str, tuple[int, dt.date | None]]:
    """Rows and latest day of each table that exists, by one query."""
    parts = []
    for name in sorted(_existing(session) & T.TABLES.keys()):
        day = next((d for d in _DAYS if d in T.TABLES[name].column_names), None)
        latest = f"max({day})::date" if day else "null::date"
        parts.append(f"select '{name}' as name, count(*) as row_count, {latest} as latest from {name}")
    if not parts:
        return {}
    rows = session.sql(" union all ".join(parts)).collect()
    return {name: (int(count), latest) for name, count, latest in rows}


def _rejected(session: Session) -> dict[str, int]:
    if T.STG_REJECTED.name not in _existing(session):
        return {}
    rows = session.sql(f"select table_name, count(*) from {T.STG_REJECTED.name} group by table_name").collect()
    return {name: int(count) for name, count in rows}


def _failing_checks(instance: DagsterInstance, keys: Iterable[AssetCheckKey]) -> Mapping[str, dict[str, Any]]:
    """For each asset the checks that failed when they were last run, with severity (ERROR, WARN) and what was found."""
    from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus as Status

    failing: dict[str, dict[str, Any]] = {}
    records = instance.event_log_storage.get_latest_asset_check_execution_by_key(list(keys))
    for key, latest in records.items():
        if latest is not None and latest.status is Status.FAILED:
            failing.setdefault(_name(key.asset_key), {})[key.name] = _found(latest)
    return failing


def _found(latest: AssetCheckExecutionRecord) -> dict[str, Any]:
    """Severity and, where the check records them, the observed value and the threshold."""
    evaluation = latest.evaluation
    if evaluation is None:
        return {}
    recorded = {name: getattr(value, "value", None) for name, value in evaluation.metadata.items()}
    numbers = {k: v for k, v in recorded.items() if k in ("observed", "threshold") and isinstance(v, int | float)}
    return {"severity": evaluation.severity.value, **numbers}


def _name(key: AssetKey) -> str:
    return key.to_user_string()


def _figures(materialization: AssetMaterialization | None) -> dict[str, Any]:
    """The numbers and short texts of a materialisation's metadata."""
    metadata = materialization.metadata if materialization else {}
    values = {name: getattr(value, "value", None) for name, value in metadata.items()}
    return {
        name: value
        for name, value in values.items()
        if isinstance(value, int | float) or (isinstance(value, str) and len(value) <= _LONGEST_FIGURE)
    }
