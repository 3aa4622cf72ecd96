"""One statement's rows, as a table for people, or as CSV or JSON for programs."""

from __future__ import annotations

import csv
import datetime as dt
import decimal
import json
from typing import TYPE_CHECKING, Any, Literal, TextIO

if TYPE_CHECKING:
    from customer_analytics.resources.warehouse import Warehouse


def print_result(warehouse: Warehouse, statement: str, layout: Literal["table", "csv", "json"], out: TextIO) -> None:
    """Run `statement` and write its rows to `out`. NULL is empty in CSV, null in JSON, NULL in a table."""
    with warehouse.connect() as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        names = [column.name for column in cursor.description or []]
        rows = cursor.fetchall()
    if layout == "csv":
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(names)
        writer.writerows(rows)
    elif layout == "json":
        records = [dict(zip(names, row, strict=True)) for row in rows]
        out.write(json.dumps(records, default=_as_json, ensure_ascii=False, indent=2) + "\n")
    else:
        _print_table(names, rows, out)


def _as_json(value: Any) -> Any:
    if isinstance(value, decimal.Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    return str(value)


def _print_table(names: list[str], rows: list[Any], out: TextIO) -> None:
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text

    table = Table(*(Column(Text(name)) for name in names))
    for row in rows:
        # Text, not markup: what customers wrote is shown literally.
        table.add_row(*(Text("NULL" if value is None else str(value)) for value in row))
    Console(file=out).print(table)
    out.write(f"{len(rows):,} row{'' if len(rows) == 1 else 's'}\n")
