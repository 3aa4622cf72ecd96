"""How a table of `tables.py` becomes a Dagster asset: its key, description, schema and the checks that guard it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg

from customer_analytics.table_checks import Measure, table_checks
from customer_analytics.tables import Table

__all__ = ["OWNERS", "Measure", "SnowparkFrame", "column_lineage", "column_schema", "table_asset", "table_checks"]

if TYPE_CHECKING:
    from snowflake.snowpark import DataFrame as SnowparkFrame
else:
    # Dagster needs annotations that exist; Snowpark's own would cost its import (3 s) whenever
    # definitions load. The IO manager gives a Snowpark frame where nothing else is asked for.
    SnowparkFrame = Any

OWNERS = ["team:customer-analytics"]


def column_schema(table: Table) -> dg.TableSchema:
    """The table's columns with types, meanings and constraints, as the Dagster UI shows them."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                c.name.upper(),
                c.type,
                c.description,
                dg.TableColumnConstraints(nullable=c.nullable, unique=table.key == (c.name,)),
            )
            for c in table.columns
        ]
    )


def column_lineage(table: Table) -> dg.TableColumnLineage:
    """Which upstream columns each column is computed from."""
    return dg.TableColumnLineage(
        {
            c.name.upper(): [
                dg.TableColumnDep(dg.AssetKey(parent), column.upper())
                for parent, column in (source.split(".") for source in c.lineage)
            ]
            for c in table.columns
            if c.lineage
        }
    )


def table_asset(
    table: Table,
    *,
    code_version: str = "1",
    kinds: set[str] | None = None,
    ins: Mapping[str, dg.AssetIn] | None = None,
    **options: Any,
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """Declare the asset that builds `table`; it is written by the IO manager.

    A parameter named like an asset in lower case (`stg_orders`) receives that table
    (`STG_ORDERS`), as the type of its annotation. Everything else of `dg.asset` passes through.
    """
    from customer_analytics.tables import TABLES

    def declare(function: Callable[..., Any]) -> dg.AssetsDefinition:
        inputs = {
            name: dg.AssetIn(key=name.upper())
            for name in inspect.signature(function).parameters
            if name.upper() in TABLES
        } | dict(ins or {})
        return dg.asset(
            name=table.name,
            group_name=table.group,
            description=table.description,
            ins=inputs,
            kinds=kinds or {"snowflake", "snowpark"},
            owners=options.pop("owners", OWNERS),
            code_version=code_version,
            metadata={
                "dagster/column_schema": column_schema(table),
                "dagster/column_lineage": column_lineage(table),
                "dagster/table_name": table.name,
                **options.pop("metadata", {}),
            },
            **options,
        )(function)

    return declare
