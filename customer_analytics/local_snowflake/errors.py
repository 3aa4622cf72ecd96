"""Whatever goes wrong as Snowflake's error: number, SQL state and a message that clients know."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from typing import Any

import duckdb
import snowflake.connector.errors as sfe

_MISSING = re.compile(
    r"(?:Table|View|Schema|Catalog|Database|Relation)(?: with name)? \"?([\w.$ -]+?)\"? does not exist", re.I
)

_KNOWN = (
    (r"Division by zero", 100051, "22012", "Division by zero"),
    (
        r'column "([^"]*)" not found|does not have a column (?:named|with name) "([^"]*)"',
        *(904, "42000", "SQL compilation error:\ninvalid identifier '{0}'"),
    ),
    (r"Function with name \"?(\S+?)\"? does not exist", 2140, "42601", "SQL compilation error:\nUnknown function {0}"),
    (
        r"CHECK constraint failed on table \"(.*?)\" with expression CHECK\(\(length\((.*?)\) <= (\d+)",
        *(100078, "22000", "A text in {0}.{1} is longer than {2} characters and would be truncated"),
    ),
    (r"(CSV Error on Line: \d+)", 100080, "22000", "{0}: the record does not fit the table or the file format"),
    (r"NOT NULL constraint failed: (\S+)", 100072, "22000", "NULL result in a non-nullable column: {0}"),
    (
        r"(cannot affect the same target row more than once)",
        *(100090, "42P18", "Duplicate row detected during DML action: MERGE {0}"),
    ),
    (r"(?:Table|View|Schema) with name \"(.*?)\" already exists", 2002, "42710", "Object '{0}' already exists."),
)


@dataclass(frozen=True)
class Failure:
    errno: int
    sqlstate: str
    message: str
    unexpected: bool = False
    """A gap or a fault of this server, for its log."""

    def reply(self) -> dict[str, Any]:
        code = f"{self.errno:06d}"
        data = {"errorCode": code, "sqlState": self.sqlstate, "queryId": str(uuid.uuid4())}
        return {"success": False, "code": code, "message": self.message, "data": data}


def as_snowflake(error: Exception) -> Failure:
    """The error that Snowflake would give, as far as clients look at it."""
    if isinstance(error, sfe.Error):
        message = getattr(error, "raw_msg", None) or error.msg or str(error)
        errno = error.errno if error.errno and error.errno > 0 else 1
        return _known(message) or Failure(errno, error.sqlstate or "42000", message)
    message = str(error).split("\n")[0]
    if known := _known(message):
        return known
    if isinstance(error, duckdb.InterruptException):
        return Failure(604, "57014", "SQL execution canceled")
    if isinstance(error, duckdb.ConstraintException):
        return Failure(100072, "22000", message)
    if isinstance(error, duckdb.ConversionException | duckdb.OutOfRangeException | duckdb.InvalidInputException):
        return Failure(100038, "22018", message)
    if isinstance(error, duckdb.Error):
        return Failure(1003, "42000", f"SQL compilation error:\n{message}")
    return Failure(2, "0A000", f"The local Snowflake cannot run this: {type(error).__name__}: {message}", True)


def _known(message: str) -> Failure | None:
    if match := _MISSING.search(message):  # dagster-snowflake matches this text
        text = f"SQL compilation error:\nObject '{match[1]}' does not exist or not authorized."
        return Failure(2003, "42S02", text)
    for pattern, errno, sqlstate, text in _KNOWN:
        if match := re.search(pattern, message):
            return Failure(errno, sqlstate, text.format(*match.groups()))
    return None
