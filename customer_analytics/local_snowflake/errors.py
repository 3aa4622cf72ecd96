"""Whatever goes wrong as Snowflake's error: number, SQL state and a message that clients know."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from typing import Any

import duckdb
import snowflake.connector.errors as sfe
import sqlglot.errors

_MISSING = re.compile(
    r"(?:Table|View|Schema|Catalog|Database|Relation)(?: with name)? \"?([\w.$ -]+?)\"? does not exist", re.I
)

_NO_OBJECT = "SQL compilation error:\nObject '{0}' does not exist, or operation cannot be performed."
_KNOWN = (
    (r"Division by zero", 100051, "22012", "Division by zero"),
    (r"(String '.*' is too long and would be truncated)", 100078, "22000", "{0}"),
    (r"(Invalid floating point operation: .*)", 100046, "22003", "{0}"),
    (r"(Failed to cast variant value .* to [A-Z_]+)", 100071, "22018", "{0}"),
    (r"(Boolean value '.*' is not recognized)", 100037, "22018", "{0}"),
    (r"(Date '.*' is not recognized)", 100040, "22007", "{0}"),
    (r"invalid date field format: \"(.*?)\"", 100040, "22007", "Date '{0}' is not recognized"),
    (r"date field value out of range: \"(.*?)\"", 100040, "22007", "Date '{0}' is not recognized"),
    (r"(Timestamp '.*' is not recognized)", 100035, "22007", "{0}"),
    (
        r"(?:invalid timestamp field format|timestamp field value out of range): \"(.*?)\"",
        *(100035, "22007", "Timestamp '{0}' is not recognized"),
    ),
    (r"(Time '.*' is not recognized)", 100108, "22007", "{0}"),
    (r"(The following string is not a legal hex-encoded value: .*)", 100115, "22000", "{0}"),
    (
        r"Could not parse string ['\"](.*?)['\"] according to format",
        100096,
        "22007",
        "Can't parse '{0}' with this format",
    ),
    (r"Malformed JSON.*Input: (.*)", 100069, "22P02", "Error parsing JSON: {0}"),
    (r"Could not convert string ['\"](.*?)['\"] to BOOL", 100037, "22018", "Boolean value '{0}' is not recognized"),
    (
        r"Could not convert string ['\"](.*?)['\"] to '?(?:U?INT|U?BIGINT|DECIMAL|DOUBLE|FLOAT|HUGEINT)",
        *(100038, "22018", "Numeric value '{0}' is not recognized"),
    ),
    (
        r"(?:Could not cast value|Casting value|with value) \"?(.*?)\"? (?:to (?:type )?DECIMAL|can't be cast)",
        *(100039, "22003", "Number out of representable range: value {0}"),
    ),
    (r"(?:Overflow in|overflow in) (.*)", 100039, "22003", "Number out of representable range: {0}"),
    (
        r'column "([^"]*)" not found|does not have a column (?:named|with name) "([^"]*)"'
        r'|Referenced (?:update )?column "?([^" ]*)"? (?:was )?not found|Referenced table "([^"]*)" not found'
        r'|Column "([^"]*)" referenced that exists in the SELECT|Table "[^"]*" does not have a column named "([^"]*)"',
        *(904, "42000", "SQL compilation error:\ninvalid identifier '{0}'"),
    ),
    (
        r'column "([^"]*)" must appear in the GROUP BY',
        *(979, "42601", "SQL compilation error:\n'{0}' in select clause is neither an aggregate nor in the group by"),
    ),
    (
        r'Ambiguous reference to column name "([^"]*)"',
        2028,
        "42601",
        "SQL compilation error:\nambiguous column name '{0}'",
    ),
    (
        r"Set operations can only apply to expressions with the same number",
        *(1789, "42601", "SQL compilation error:\ninvalid number of result columns for set operator input branches"),
    ),
    (
        r"has (\d+) columns but (\d+) values were supplied"
        r"|Column name/value mismatch.*expected (\d+) columns but (\d+)",
        *(
            2020,
            "21S01",
            "SQL compilation error:\nInsert value list does not match column list expecting {0} but got {1}",
        ),
    ),
    (r"(More than one row returned by a subquery)", 90150, "22000", "Single-row subquery returns more than one row."),
    (r"Function with name \"?(\S+?)\"? does not exist", 2140, "42601", "SQL compilation error:\nUnknown function {0}"),
    (
        r"No function matches the given name and argument types '(\w+)(\(.*?\))'\.|"
        r'Could not choose a best candidate function for the function call "(\w+)(\(.*?\))"',
        *(1044, "42P13", "SQL compilation error:\nInvalid argument types for function '{0}': {1}"),
    ),
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
    (r"No catalog \+ schema named \"?(.*?)\"? found", 2043, "02000", _NO_OBJECT),
    (
        r'Column with name "?(\w+)"? already exists',
        2025,
        "42S21",
        "SQL compilation error:\nduplicate column name '{0}'",
    ),
    (r"(?:Table|View|Schema) with name \"(.*?)\" already exists", 2002, "42710", "Object '{0}' already exists."),
    (
        r"^(.*) not implemented\. Please raise an issue",
        *(2, "0A000", "Unsupported feature of the local Snowflake: {0}"),
    ),
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


def as_snowflake(error: Exception, sql: str = "") -> Failure:
    """The error that Snowflake would give for this statement, as far as clients look at it."""
    found = _found(error)
    if found.errno == 2025 and re.match(r"\s*alter\b", sql, re.I):
        return Failure(1430, "42601", found.message.replace("duplicate column name", "column") + " already exists")
    return found


def _found(error: Exception) -> Failure:
    if isinstance(error, sfe.Error):
        message = getattr(error, "raw_msg", None) or error.msg or str(error)
        errno = error.errno if error.errno and error.errno > 0 else 1
        whole = str(error.__cause__) if isinstance(error.__cause__, duckdb.Error) else message  # fakesnow cuts it
        if known := _known(whole) or _known(message):
            return known
        if message.startswith(("Binder Error", "Parser Error")):  # fakesnow's number says that an object is missing
            errno = 1003
        return Failure(errno, error.sqlstate or "42000", _own_words(message))
    if isinstance(error, sqlglot.errors.SqlglotError):
        if "No expression was parsed" in str(error):
            return Failure(900, "42601", "SQL compilation error:\nEmpty SQL statement.")
        return Failure(1003, "42000", f"SQL compilation error:\nsyntax error: {str(error).splitlines()[0]}")
    message = _own_words(str(error))
    if known := _known(message):
        return known
    if isinstance(error, duckdb.InterruptException):
        return Failure(604, "57014", "SQL execution canceled")
    if isinstance(error, duckdb.ConstraintException):
        return Failure(100072, "22000", message)
    if isinstance(error, duckdb.ConversionException | duckdb.OutOfRangeException | duckdb.InvalidInputException):
        return Failure(100038, "22018", message)
    if isinstance(error, duckdb.Error):
        text = message if message.startswith("SQL compilation") else f"SQL compilation error:\n{message}"
        return Failure(1003, "42000", text)
    return Failure(2, "0A000", f"The local Snowflake cannot run this: {type(error).__name__}: {message}", True)


def _own_words(message: str) -> str:
    """DuckDB's message without its kind, its candidates and its picture of the place."""
    text = re.split(r"\n\s*(?:LINE \d+:|Candidate functions|Did you mean)", message)[0].strip()
    found = re.match(r"(\w+(?: \w+)?) Error: (.*)", text, re.S)
    if not found:
        return text
    return f"SQL compilation error:\n{found[2]}" if found[1] in ("Binder", "Parser", "Catalog") else found[2]


def _known(message: str) -> Failure | None:
    if match := _MISSING.search(message):  # dagster-snowflake matches this text
        text = f"SQL compilation error:\nObject '{match[1]}' does not exist or not authorized."
        return Failure(2003, "42S02", text)
    for pattern, errno, sqlstate, text in _KNOWN:
        if match := re.search(pattern, message):
            return Failure(errno, sqlstate, text.format(*[g for g in match.groups() if g is not None]))
    return None
