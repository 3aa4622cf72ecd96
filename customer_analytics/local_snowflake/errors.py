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
    if "Division by zero" in message:
        return Failure(100051, "22012", "Division by zero")
    return None
