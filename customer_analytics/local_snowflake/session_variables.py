"""SET, UNSET and $name. See https://docs.snowflake.com/en/sql-reference/session-variables"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import snowflake.connector.errors as sfe

from customer_analytics.local_snowflake.names import IDENTIFIER, normal

if TYPE_CHECKING:
    from customer_analytics.local_snowflake.engine import Connection
    from customer_analytics.local_snowflake.statements import Cursor

_SET = re.compile(
    rf"set\s+(?:({IDENTIFIER})|\(\s*({IDENTIFIER}(?:\s*,\s*{IDENTIFIER})*)\s*\))\s*=\s*(.*)$", re.I | re.S
)
_UNSET = re.compile(rf"unset\s+\(?\s*({IDENTIFIER}(?:\s*,\s*{IDENTIFIER})*)\s*\)?\s*$", re.I)
_USED = re.compile(
    r"'(?:[^'\\]|\\.|'')*'|\"(?:[^\"]|\"\")*\"|\$\$.*?\$\$|--[^\n]*|/\*.*?\*/|(?<![\w$])\$([A-Za-z_]\w*)", re.S
)


def dispatch(session: Connection, cursor: Cursor, sql: str) -> int | None:
    """SET or UNSET; None for anything else."""
    if match := _UNSET.match(sql):
        for name in re.findall(IDENTIFIER, match[1]):
            session.named_values.pop(normal(name), None)
        return cursor.done()
    if not (match := _SET.match(sql)):
        return None
    names = [normal(n) for n in re.findall(IDENTIFIER, match[1] or match[2])]
    given = match[3].strip()
    if match[2]:
        given = given[1:-1]  # (1, 'a')
    reader = session.cursor()
    reader.query_id = cursor.query_id
    reader.execute(f"SELECT {given}")
    table, _ = reader.reply()
    row = [c[0].as_py() for c in table.columns] if table is not None and table.num_rows else [None]
    if len(row) != len(names):
        raise sfe.ProgrammingError(
            msg=f"SQL compilation error:\n{len(names)} variables are set with {len(row)} values", errno=1003
        )
    session.named_values.update(zip(names, map(_literal, row), strict=True))
    return cursor.done()


def inline(session: Connection, sql: str) -> str:
    """Each `$name` outside of texts replaced by the variable's value as a literal."""
    if "$" not in sql:
        return sql

    def value(match: re.Match[str]) -> str:
        if not match[1]:
            return match[0]
        if match[1].upper() not in session.named_values:
            raise sfe.ProgrammingError(
                msg=f"SQL compilation error:\nSession variable '${match[1].upper()}' does not exist",
                errno=2211,
                sqlstate="42601",
            )
        return session.named_values[match[1].upper()]

    return _USED.sub(value, sql)


def _literal(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, int | float | Decimal):
        return str(value)
    return "'" + str(value).replace("\\", "\\\\").replace("'", "''") + "'"
