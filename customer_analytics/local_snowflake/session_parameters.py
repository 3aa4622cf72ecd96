"""ALTER SESSION and SHOW PARAMETERS. What would change values, and is not followed here, is refused, not ignored."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import snowflake.connector.errors as sfe

if TYPE_CHECKING:
    from customer_analytics.local_snowflake.engine import Connection
    from customer_analytics.local_snowflake.statements import Cursor

_UTC = frozenset({"UTC", "ETC/UTC", "GMT"})
FIXED: dict[str, tuple[str, frozenset[str]]] = {
    "TIMEZONE": ("Etc/UTC", _UTC),
    "WEEK_START": ("0", frozenset({"0", "1"})),
    "WEEK_OF_YEAR_POLICY": ("0", frozenset({"0"})),
    "QUOTED_IDENTIFIERS_IGNORE_CASE": ("false", frozenset({"FALSE"})),
    "TIMESTAMP_TYPE_MAPPING": ("TIMESTAMP_NTZ", frozenset({"TIMESTAMP_NTZ"})),
    "DATE_INPUT_FORMAT": ("AUTO", frozenset({"AUTO", "YYYY-MM-DD"})),
    "TIMESTAMP_INPUT_FORMAT": ("AUTO", frozenset({"AUTO"})),
    "TIME_INPUT_FORMAT": ("AUTO", frozenset({"AUTO"})),
    "BINARY_INPUT_FORMAT": ("HEX", frozenset({"HEX"})),
    "BINARY_OUTPUT_FORMAT": ("HEX", frozenset({"HEX"})),
    "DATE_OUTPUT_FORMAT": ("YYYY-MM-DD", frozenset({"YYYY-MM-DD"})),
    "TIME_OUTPUT_FORMAT": ("HH24:MI:SS", frozenset({"HH24:MI:SS"})),
    "TIMESTAMP_OUTPUT_FORMAT": (
        "YYYY-MM-DD HH24:MI:SS.FF3 TZHTZM",
        frozenset({"YYYY-MM-DD HH24:MI:SS.FF3 TZHTZM", "YYYY-MM-DD HH24:MI:SS.FF3"}),
    ),
    "TIMESTAMP_NTZ_OUTPUT_FORMAT": ("YYYY-MM-DD HH24:MI:SS.FF3", frozenset({"YYYY-MM-DD HH24:MI:SS.FF3"})),
    "ERROR_ON_NONDETERMINISTIC_MERGE": ("true", frozenset({"TRUE"})),
    "TRANSACTION_ABORT_ON_ERROR": ("false", frozenset({"FALSE"})),
}
"""Parameters that values depend on: their value here, and what may be said of them."""

FREE = {
    "QUERY_TAG": "",
    "AUTOCOMMIT": "true",
    "STATEMENT_TIMEOUT_IN_SECONDS": "172800",
    "LOCK_TIMEOUT": "43200",
    "STATEMENT_QUEUED_TIMEOUT_IN_SECONDS": "0",
    "USE_CACHED_RESULT": "true",
    "ROWS_PER_RESULTSET": "0",
    "ABORT_DETACHED_QUERY": "false",
    "JSON_INDENT": "2",
    "MULTI_STATEMENT_COUNT": "1",
    "LOG_LEVEL": "OFF",
    "TRACE_LEVEL": "OFF",
    "CLIENT_SESSION_KEEP_ALIVE": "false",
    "PYTHON_CONNECTOR_QUERY_RESULT_FORMAT": "ARROW",
    "CLIENT_PREFETCH_THREADS": "4",
    "CLIENT_TIMESTAMP_TYPE_MAPPING": "TIMESTAMP_LTZ",
    "STRICT_JSON_OUTPUT": "false",
    "TIMESTAMP_LTZ_OUTPUT_FORMAT": "",
    "TIMESTAMP_TZ_OUTPUT_FORMAT": "",
    "TIMESTAMP_DAY_IS_ALWAYS_24H": "true",
    "TWO_DIGIT_CENTURY_START": "1970",
    "UNSUPPORTED_DDL_ACTION": "ignore",
    "SIMULATED_DATA_SHARING_CONSUMER": "",
    "CLIENT_MEMORY_LIMIT": "1536",
    "CLIENT_RESULT_CHUNK_SIZE": "160",
    "GEOGRAPHY_OUTPUT_FORMAT": "GeoJSON",
}
"""Parameters that no value depends on: kept, shown, without effect."""

_ALTER = re.compile(r"alter\s+session\s+(set|unset)\s+(.*?)\s*$", re.I | re.S)
_ASSIGNMENT = re.compile(r"(\w+)\s*=\s*('(?:[^'\\]|''|\\.)*'|[\w.+-]+)\s*,?\s*", re.S)
_SHOW = re.compile(r"show\s+parameters(?:\s+like\s+'([^']*)')?(?:\s+(?:in|for)\s+.*)?$", re.I | re.S)


def dispatch(session: Connection, cursor: Cursor, sql: str) -> int | None:
    """ALTER SESSION or SHOW PARAMETERS; None for anything else."""
    if match := _ALTER.match(sql):
        if match[1].lower() == "unset":
            for name in re.findall(r"\w+", match[2]):
                _known(name.upper())
                session.parameters.pop(name.upper(), None)
                if name.upper() == "QUERY_TAG":
                    session.query_tag = None
        else:
            for name, value in _ASSIGNMENT.findall(match[2]):
                put(session, name, _plain(value))
        return cursor.done()
    if match := _SHOW.match(sql):
        pattern = re.escape(match[1] or "%").replace("%", ".*").replace("_", ".")
        rows = []
        defaults = {**{name: value for name, (value, _) in FIXED.items()}, **FREE}
        for name, default in sorted(defaults.items()):
            if re.fullmatch(pattern, name, re.I):
                value = session.parameters.get(name, default)
                rows.append((name, value, default, "SESSION" if name in session.parameters else "", "", "STRING"))
        return cursor.answer(["key", "value", "default", "level", "description", "type"], rows)
    return None


def put(session: Connection, name: str, value: Any) -> None:
    """Set a parameter. Raises ProgrammingError for one that is unknown, or a value that would not be followed."""
    name, text = name.upper(), str(value).lower() if isinstance(value, bool) else str(value)
    _known(name)
    if name in FIXED and text.upper() not in FIXED[name][1]:
        raise sfe.ProgrammingError(
            msg=f"The local Snowflake knows {name} = {FIXED[name][0]} only, not {text}", errno=2, sqlstate="0A000"
        )
    if name == "QUERY_TAG":
        session.query_tag = text
    if name == "AUTOCOMMIT":
        session.autocommit(text.lower() == "true")
    session.parameters[name] = text


def at_log_in(session: Connection, given: dict[str, Any]) -> None:
    """The parameters that a client names when it connects. Clients send some of their own: unknown ones are ignored."""
    for name, value in given.items():
        if name.upper() in FIXED or (name.upper() in FREE and name.upper() != "AUTOCOMMIT"):
            put(session, name, value)


def _known(name: str) -> None:
    if name not in FIXED and name not in FREE and not name.startswith(("CLIENT_", "PYTHON_", "ENABLE_", "SNOWPARK_")):
        raise sfe.ProgrammingError(
            msg=f"SQL compilation error:\ninvalid parameter '{name}'", errno=1006, sqlstate="42000"
        )


def _plain(value: str) -> str:
    return value[1:-1].replace("\\\\", "\\").replace("\\'", "'").replace("''", "'") if value[:1] == "'" else value
