"""Bound values as the connector sends them: texts with a type, turned into Python's values exactly."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from sqlglot import exp

from customer_analytics.local_snowflake.duck import Change, Duck
from customer_analytics.local_snowflake.names import qualified
from customer_analytics.local_snowflake.table_definitions import columns

if TYPE_CHECKING:
    from customer_analytics.local_snowflake.engine import Connection

_BATCH = "LOCAL_BATCH"
_EPOCH = dt.datetime(1970, 1, 1)
_UNTYPED = {
    "DATE": "DATE",
    "TIMESTAMP": "TIMESTAMP_NTZ",
    "TIME": "TIME",
    "TIMESTAMP WITH TIME ZONE": "TIMESTAMP_TZ",
    "BLOB": "BINARY",
}
"""What a number, or the hexadecimal digits of bytes, in a text means for a column of this DuckDB type."""


def value(binding: dict[str, Any]) -> Any:
    """One bound value."""
    text, kind = binding["value"], binding["type"]
    if text is None:
        return None
    if kind == "FIXED":
        return int(text) if re.fullmatch(r"[+-]?\d+", text) else Decimal(text)
    if kind == "REAL":
        return float(text)
    if kind == "BINARY":
        return bytes.fromhex(text)
    if kind == "BOOLEAN":
        return text.lower() in ("true", "1")
    if kind == "DATE":
        return (_EPOCH + dt.timedelta(milliseconds=int(text))).date()
    if kind == "TIME":
        return (_EPOCH + dt.timedelta(microseconds=int(text) // 1000)).time()
    if kind == "TIMESTAMP_NTZ":
        return _EPOCH + dt.timedelta(microseconds=int(text) // 1000)
    if kind in ("TIMESTAMP_LTZ", "TIMESTAMP_TZ"):
        nanoseconds = text.partition(" ")[0]
        return (_EPOCH + dt.timedelta(microseconds=int(nanoseconds) // 1000)).replace(tzinfo=dt.UTC)
    return text


def batch(bindings: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """The rows of an `executemany`: each binding is a column of values."""
    lists = [[value({"type": b["type"], "value": v}) for v in b["value"]] for b in bindings]
    return list(zip(*lists, strict=True))


def for_columns(
    session: Connection, tree: exp.Expr, bindings: list[dict[str, Any]], rows: list[tuple[Any, ...]]
) -> list[tuple[Any, ...]]:
    """Rows whose dates, times and bytes were sent as texts, as the connector does when a column has a NULL."""
    texts = [i for i, b in enumerate(bindings) if b["type"] not in (*_UNTYPED.values(), "FIXED", "REAL", "BOOLEAN")]
    target = tree.this if isinstance(tree, exp.Insert) else None
    values = tree.args.get("expression")
    if not texts or target is None or not isinstance(values, exp.Values) or len(values.expressions) != 1:
        return rows
    if not all(isinstance(item, exp.Placeholder) for item in values.expressions[0].expressions):
        return rows
    table = target.this if isinstance(target, exp.Schema) else target
    known = columns(session, qualified(session, table.sql(dialect="snowflake")))
    names = (
        [c.name if c.quoted else c.name.upper() for c in target.expressions] if isinstance(target, exp.Schema) else []
    )
    kinds = {column.name: column.type for column in known}
    types = [kinds.get(name, "") for name in names] if names else [column.type for column in known]
    found = [list(row) for row in rows]
    for i in texts:
        kind = _UNTYPED.get(types[i]) if i < len(types) else None
        for row in found if kind else ():
            digits = r"(?:[0-9A-Fa-f]{2})*" if kind == "BINARY" else r"-?\d+"
            if isinstance(row[i], str) and re.fullmatch(digits, row[i]):
                row[i] = value({"type": kind, "value": row[i]})
    return [tuple(row) for row in found]


def run_batch(duck: Duck, statement: exp.Expr, rows: list[tuple[Any, ...]]) -> int:
    """Run a translated statement once for each row of bindings; how many rows it has changed.

    INSERT ... VALUES (?, ...) is one statement over a table of the rows: row by row is a millisecond each.
    """
    values = statement.args.get("expression") if isinstance(statement, exp.Insert) else None
    table = _table(rows) if isinstance(values, exp.Values) and len(values.expressions) == 1 else None
    if values is None or table is None:
        sql, changed = statement.sql(dialect="duckdb"), 0
        for row in rows:
            counted = duck.change(Change(sql, list(row))).fetchall()
            changed += counted[0][0] if counted and isinstance(counted[0][0], int) else 0
        return changed
    insert = statement.copy()
    row = insert.args["expression"].expressions[0]
    for i, placeholder in enumerate(list(row.find_all(exp.Placeholder, bfs=False))):
        placeholder.replace(exp.column(f"p{i}", quoted=True))
    insert.set("expression", exp.select(*row.expressions).from_(exp.to_table(_BATCH)))
    counted = duck.change(Change(insert.sql(dialect="duckdb"), None, _BATCH, table)).fetchall()
    return counted[0][0]


def _table(rows: list[tuple[Any, ...]]) -> pa.Table | None:
    """The rows as a table with columns p0, p1, ...; None when a column has values of several kinds."""
    columns = []
    for column in zip(*rows, strict=True):
        kinds = {type(v) for v in column if v is not None}
        if kinds == {int, Decimal}:
            column = [v if v is None else Decimal(v) for v in column]
        elif kinds == {int, float}:
            column = [v if v is None else float(v) for v in column]
        elif len(kinds) > 1:
            return None
        try:
            columns.append(pa.array(column, None if kinds else pa.string()))
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
            return None
    return pa.table(columns, names=[f"p{i}" for i in range(len(columns))])
