"""Names and literals in SQL: one place that decides what a name means and how a value is quoted."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass

PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")
TEMPORARY_PREFIX = "SNOWPARK_IO_"
"""Every temporary table and stage made here starts so. They end with their session; a killed
process leaves them to Snowflake, which removes them when the session times out."""


def stored_name(name: str) -> str:
    """The name as Snowflake stores it, read as in SQL: `order_id` is ORDER_ID; `"order_id"` and `Order Id` stay."""
    name = str(name)
    if len(name) > 2 and name[0] == name[-1] == '"':
        return name[1:-1].replace('""', '"')
    if not name:
        raise ValueError("a column or table without a name cannot be written: give it one")
    return name.upper() if PLAIN.fullmatch(name) else name


def quoted(stored: str) -> str:
    """A stored name as an SQL identifier that means exactly it."""
    return '"' + stored.replace('"', '""') + '"'


def literal(value: str) -> str:
    """A string as an SQL literal; a backslash escapes in Snowflake's literals, so it is doubled too."""
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


@dataclass(frozen=True)
class TableName:
    """A table, by its stored names. Without a database it is the session's own."""

    database: str | None
    schema: str
    table: str

    @property
    def sql(self) -> str:
        return f"{self.schema_sql}.{quoted(self.table)}"

    @property
    def schema_sql(self) -> str:
        return ".".join(quoted(part) for part in (self.database, self.schema) if part)

    def temporary(self) -> TableName:
        """A fresh name for a temporary table or stage beside it."""
        return TableName(self.database, self.schema, TEMPORARY_PREFIX + uuid.uuid4().hex.upper())

    def __str__(self) -> str:
        return ".".join(part for part in (self.database, self.schema, self.table) if part)
