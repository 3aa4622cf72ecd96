"""The last step of a transform: the columns of `tables.py`, in order, with their declared types."""

from __future__ import annotations

from typing import TYPE_CHECKING

from customer_analytics.tables import Table

if TYPE_CHECKING:
    from snowflake.snowpark import Column, DataFrame


def as_declared(frame: DataFrame, table: Table) -> DataFrame:
    """`frame` with exactly `table`'s columns, cast to their types. A column that is missing raises when it runs."""
    from snowflake.snowpark.functions import col

    return frame.select([col(c.name).cast(c.type).alias(c.name) for c in table.columns])


def with_columns(frame: DataFrame, **columns: Column) -> DataFrame:
    """`frame` with more columns, computed from its own."""
    return frame.with_columns(list(columns), list(columns.values()))
