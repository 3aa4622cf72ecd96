"""Tables as files: one Parquet or CSV file for each, streamed from the warehouse and replaced as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from uuid import uuid4

from customer_analytics.tables import (
    BOOLEAN,
    DATE,
    FLOAT,
    INTEGER,
    STG_CUSTOMERS,
    STG_REJECTED,
    TABLES,
    TEXT,
    TIMESTAMP,
    Table,
)

if TYPE_CHECKING:
    import pyarrow as pa

    from customer_analytics.resources.warehouse import Warehouse


class ExportError(Exception):
    """What cannot be exported, in one sentence with the remedy."""


def existing_tables(warehouse: Warehouse) -> list[Table]:
    """The declared tables that are built, in their declared order."""
    session = warehouse.session()
    rows = session.sql(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = CURRENT_SCHEMA()"
    ).collect()
    present = {r[0] for r in rows}
    return [t for t in TABLES.values() if t.name in present]


def arrow_schema(table: Table) -> pa.Schema:
    """The table's columns as files carry them. Dollars are doubles: every reader takes them as numbers."""
    import pyarrow as pa

    types = {
        INTEGER: pa.int64(),
        FLOAT: pa.float64(),
        TEXT: pa.string(),
        DATE: pa.date32(),
        TIMESTAMP: pa.timestamp("us"),
        BOOLEAN: pa.bool_(),
    }
    return pa.schema([(c.name.upper(), types.get(c.type, pa.float64())) for c in table.columns])


def export_tables(
    warehouse: Warehouse,
    out: Path,
    file_format: Literal["parquet", "csv"] = "parquet",
    names: Sequence[str] = (),
    pseudonymise: bool = False,
) -> dict[str, int]:
    """Write `<TABLE>.<format>` into `out` for each built table, or for `names`; rows written per table.

    With `pseudonymise`, customers' names become the pseudonyms of the PRES_ tables, in whatever table they stand;
    STG_REJECTED has customers' rows without `row_text`, and without what `reason` quotes of it.
    """
    present = {t.name: t for t in existing_tables(warehouse)}
    wanted = [n.upper() for n in names] or list(present)
    if missing := [n for n in wanted if n not in present]:
        known = (
            "is not built yet: run customer-analytics run" if missing[0] in TABLES else "is no table of this project"
        )
        raise ExportError(f"{missing[0]} {known}.")
    if not wanted:
        raise ExportError("There is no table to export yet: run customer-analytics run.")
    out.mkdir(parents=True, exist_ok=True)
    return {
        name: _export(warehouse, present[name], out / f"{name}.{file_format}", file_format, pseudonymise)
        for name in wanted
    }


def _selected(table: Table, pseudonymise: bool) -> str:
    """The columns to read, in SQL."""
    # Dollars become doubles in the warehouse: Arrow's own cast makes 15.000000000000002 of 15.
    computed = {
        c.name: f'"{c.name.upper()}"::FLOAT' for c in table.columns if c.type.startswith("NUMBER") and c.type != INTEGER
    }
    if pseudonymise and {"customer_id", "first_name", "last_name"} <= set(table.column_names):
        computed |= {"first_name": "'Customer'", "last_name": 'TO_VARCHAR("CUSTOMER_ID")'}
    elif pseudonymise and table is STG_REJECTED:
        of_customers = f"TABLE_NAME = '{STG_CUSTOMERS.name}'"
        computed |= {
            "reason": f"IFF({of_customers}, REGEXP_REPLACE(REASON, '''.*''', '''...'''), REASON)",
            "row_text": f"IFF({of_customers}, NULL, ROW_TEXT)",
        }
    stored = {c.name: f'"{c.name.upper()}"' for c in table.columns}
    return ", ".join(f"{computed.get(name, column)} AS {column}" for name, column in stored.items())


def _export(warehouse: Warehouse, table: Table, target: Path, file_format: str, pseudonymise: bool) -> int:
    from pyarrow.csv import CSVWriter
    from pyarrow.parquet import ParquetWriter

    schema, rows = arrow_schema(table), 0
    partial = target.with_name(f".{target.name}.{uuid4().hex}")
    columns = _selected(table, pseudonymise)
    try:
        with warehouse.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f'SELECT {columns} FROM "{table.name}"')
            make = ParquetWriter if file_format == "parquet" else CSVWriter
            with make(partial, schema) as writer:
                for batch in cursor.fetch_arrow_batches():
                    writer.write_table(_as_declared(batch, schema))
                    rows += batch.num_rows
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return rows


def _as_declared(batch: pa.Table, schema: pa.Schema) -> pa.Table:
    """Snowflake sends each batch in the smallest types that hold it; files want the same types throughout."""
    import pyarrow as pa

    # Nanoseconds would not fit dates far away: the cast to microseconds is exact for what we keep.
    return pa.table(
        [
            batch.column(i).cast(f.type, safe=False) if pa.types.is_temporal(f.type) else batch.column(i).cast(f.type)
            for i, f in enumerate(schema)
        ],
        schema=schema,
    )
