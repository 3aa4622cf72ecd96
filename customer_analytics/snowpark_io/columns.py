"""Columns: what Snowflake has, what the asset declares, what a frame brings, and how one becomes the other."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .names import quoted, stored_name

if TYPE_CHECKING:
    import pyarrow as pa
    from snowflake.snowpark import Session

SCHEMA_KEY = "dagster/column_schema"
UNTYPED = "string"
"""Dagster's default for a column declared without a type: its type then comes from the frame."""


@dataclass(frozen=True)
class Column:
    """A column by its stored name and Snowflake type; None is a type that only the query or the table knows."""

    name: str
    type: str | None

    @property
    def definition(self) -> str:
        return f"{quoted(self.name)} {self.type}" if self.type else quoted(self.name)


class ColumnMismatch(ValueError):
    """The frame's columns do not fit the declared or existing ones; nothing was written."""


# Spellings of one type: https://docs.snowflake.com/en/sql-reference/intro-summary-data-types
_SAME = {
    **dict.fromkeys(
        ("NUMBER", "DECIMAL", "DEC", "NUMERIC", "INT", "INTEGER", "BIGINT", "SMALLINT", "TINYINT", "BYTEINT"),
        "NUMBER(38,0)",
    ),
    **dict.fromkeys(("FLOAT", "FLOAT4", "FLOAT8", "DOUBLE", "DOUBLE PRECISION", "REAL"), "FLOAT"),
    **dict.fromkeys(("VARCHAR", "STRING", "TEXT", "NVARCHAR", "VARCHAR(16777216)"), "VARCHAR"),
    **dict.fromkeys(("BINARY", "VARBINARY"), "BINARY"),
    **dict.fromkeys(("TIMESTAMP_NTZ", "DATETIME", "TIMESTAMPNTZ", "TIMESTAMP_NTZ(9)"), "TIMESTAMP_NTZ"),
    **dict.fromkeys(("TIMESTAMP_TZ", "TIMESTAMPTZ", "TIMESTAMP_TZ(9)"), "TIMESTAMP_TZ"),
    **dict.fromkeys(("TIMESTAMP_LTZ", "TIMESTAMPLTZ", "TIMESTAMP_LTZ(9)"), "TIMESTAMP_LTZ"),
    "TIME(9)": "TIME",
}
_TYPE = re.compile(r"[A-Z][A-Z0-9_ ]*(\([A-Z0-9_, ]+\))?")


def canonical_type(declared: str) -> str:
    """One spelling per type, so that a declared type can be compared with an existing one."""
    text = re.sub(r"\s*([(),])\s*", r"\1", " ".join(declared.upper().split()))
    if not _TYPE.fullmatch(text):
        raise ValueError(f"{declared!r} is not a Snowflake type: declare one such as NUMBER(38,0) or VARCHAR")
    if m := re.fullmatch(r"(?:NUMBER|DECIMAL|DEC|NUMERIC)\((\d+)(?:,(\d+))?\)", text):
        return f"NUMBER({m[1]},{m[2] or 0})"
    if m := re.fullmatch(r"(?:VARCHAR|STRING|TEXT|NVARCHAR)(\(\d+\))", text):
        return _SAME.get("VARCHAR" + m[1], "VARCHAR" + m[1])
    return _SAME.get(text, text)


def declared_columns(metadata: Mapping[str, Any] | None) -> list[Column]:
    """The columns that an asset's `dagster/column_schema` declares, in order; empty when it has none."""
    schema = (metadata or {}).get(SCHEMA_KEY)
    schema = getattr(schema, "schema", schema)  # a TableSchema, or the metadata value around one
    return [
        Column(stored_name(c.name), None if c.type == UNTYPED else canonical_type(c.type))
        for c in getattr(schema, "columns", ())
    ]


def described(session: Session, query: str) -> list[Column]:
    """The columns of a query's result, without running it."""
    from snowflake.connector.constants import FIELD_ID_TO_NAME

    with session.connection.cursor() as cursor:
        return [Column(m.name, _described_type(FIELD_ID_TO_NAME[m.type_code], m)) for m in cursor.describe(query)]


def existing_columns(session: Session, table_sql: str) -> list[Column] | None:
    """The columns of a table, or None when there is no such table."""
    from snowflake.connector.errors import ProgrammingError

    try:
        return described(session, f"SELECT * FROM {table_sql}")
    except ProgrammingError as e:
        if e.errno in (2003, 2043):  # object, or its schema, does not exist or not authorized
            return None
        raise


def _described_type(kind: str, m: Any) -> str | None:
    if kind == "FIXED":
        return f"NUMBER({m.precision},{m.scale})"
    if kind == "TEXT":  # 16 MB was the longest there was; newer accounts have 128 MB
        return "VARCHAR" if m.internal_size in (None, 16777216, 134217728) else f"VARCHAR({m.internal_size})"
    if kind in ("TIMESTAMP_NTZ", "TIMESTAMP_TZ", "TIMESTAMP_LTZ", "TIME"):
        return kind if m.scale in (None, 9) else f"{kind}({m.scale})"
    if kind == "REAL":
        return "FLOAT"
    return kind if kind in ("DATE", "BOOLEAN", "VARIANT", "BINARY") else None


def arrow_to_snowflake(type_: pa.DataType) -> str | None:
    """The Snowflake type that holds every value of an Arrow type; None for `null`, which any type holds.

    A type that has no counterpart raises TypeError.
    """
    import pyarrow.types as t

    if t.is_null(type_):
        return None
    if t.is_dictionary(type_):
        return arrow_to_snowflake(type_.value_type)  # pyright: ignore[reportAttributeAccessIssue]
    if t.is_boolean(type_):
        return "BOOLEAN"
    if t.is_integer(type_):
        return "NUMBER(38,0)"
    if t.is_decimal(type_):
        return f"NUMBER(38,{max(type_.scale, 0)})"  # pyright: ignore[reportAttributeAccessIssue]
    if t.is_floating(type_):
        return "FLOAT"
    if t.is_string(type_) or t.is_large_string(type_) or t.is_string_view(type_):
        return "VARCHAR"
    if t.is_date(type_):
        return "DATE"
    if t.is_timestamp(type_):
        return "TIMESTAMP_NTZ"
    if t.is_time(type_):
        return "TIME"
    if t.is_binary(type_) or t.is_large_binary(type_) or t.is_fixed_size_binary(type_):
        return "BINARY"
    if t.is_nested(type_):
        return "VARIANT"
    raise TypeError(f"Arrow type {type_} has no counterpart in Snowflake: cast the column before returning it")


def projection(source: Sequence[Column], declared: Sequence[Column]) -> list[tuple[Column, Column]]:
    """Each column to write, with the source column it comes from.

    Declared columns give names, types and order, and must be the source's, whatever the case of
    their letters; without any, the source's own are written. Otherwise `ColumnMismatch`.
    """
    names = [c.name for c in source]
    if twice := sorted({n for n in names if names.count(n) > 1}):
        raise ColumnMismatch(f"columns {twice} come twice (names are upper case in Snowflake): rename one")
    if not declared:
        if not source:
            raise ColumnMismatch("the frame has no columns: return one with columns, or declare a column schema")
        return [(c, c) for c in source]
    exact = {c.name: c for c in source}
    folded: dict[str, list[Column]] = {}
    for c in source:
        folded.setdefault(c.name.upper(), []).append(c)
    pairs, missing = [], []
    for column in declared:
        alike = folded.get(column.name.upper(), [])
        found = exact.get(column.name) or (alike[0] if len(alike) == 1 else None)
        if found is None:
            missing.append(column.name)
        else:
            pairs.append((found, Column(column.name, column.type or found.type)))
    used = {found.name for found, _ in pairs}
    extra = [n for n in names if n not in used]
    if missing or extra:
        parts = [f"lacks {missing}"] * bool(missing) + [f"has undeclared {extra}"] * bool(extra)
        raise ColumnMismatch(f"the frame {' and '.join(parts)}: make it and the declared column schema agree")
    return pairs


def select_list(pairs: Sequence[tuple[Column, Column]]) -> str:
    """The SELECT list that turns source columns into those to write."""
    return ", ".join(
        (quoted(s.name) if s.type == t.type or not t.type else f"CAST({quoted(s.name)} AS {t.type})")
        + f" AS {quoted(t.name)}"
        for s, t in pairs
    )
