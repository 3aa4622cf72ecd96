"""Several statements in one text.

See https://docs.snowflake.com/en/developer-guide/python-connector/python-connector-example#label-python-connector-multi-statement
"""

from __future__ import annotations

import re

import snowflake.connector.errors as sfe

from customer_analytics.local_snowflake.names import without_comments

TYPE_ID = 0xA000
_PIECES = re.compile(r"'(?:[^'\\]|\\.|'')*'|\"(?:[^\"]|\"\")*\"|\$\$.*?\$\$|--[^\n]*|/\*.*?\*/|(;)", re.S)


def statements(sql: str, wanted: int) -> list[str]:
    """The statements of the text. Raises ProgrammingError 8 unless there are as many as wanted (0: any number)."""
    found, start = [], 0
    for match in _PIECES.finditer(sql):
        if match[1]:
            found.append(sql[start : match.start()])
            start = match.end()
    found.append(sql[start:])
    found = [text for text in found if without_comments(text + "\n").strip()] or [sql]
    if wanted and len(found) != wanted:
        raise sfe.ProgrammingError(
            msg=f"Actual statement count {len(found)} did not match the desired statement count {wanted}.",
            errno=8,
            sqlstate="0A000",
        )
    return found
