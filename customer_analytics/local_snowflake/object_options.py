"""What is said about objects after they are made: ALTER ... SET and UNSET, COMMENT ON, DESCRIBE SCHEMA, EXPLAIN.

Comments are kept. What else may be set (retention, change tracking, schema evolution) has no effect here, as it has
none on what a query returns; a name that is not there is an error all the same.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import snowflake.connector.errors as sfe
from fakesnow.dialect import parse_one
from sqlglot import exp

from customer_analytics.local_snowflake import stages, translation
from customer_analytics.local_snowflake.names import NAME, parts, qualified
from customer_analytics.local_snowflake.table_definitions import comment_relation, relation

if TYPE_CHECKING:
    from customer_analytics.local_snowflake.engine import Connection
    from customer_analytics.local_snowflake.statements import Cursor

_TEXT = r"'((?:[^'\\]|''|\\.)*)'"
_OPTIONS = (
    r"comment|data_retention_time_in_days|max_data_extension_time_in_days|change_tracking|enable_schema_evolution|"
    r"default_ddl_collation|log_level|trace_level|classification_profile"
)
_VALUE = rf"(?:{_TEXT}|[\w.-]+)"
_ALTER = re.compile(
    rf"alter\s+(table|view|schema|database|stage)\s+(if\s+exists\s+)?({NAME})\s+(?:"
    rf"set\s+((?:(?:{_OPTIONS})\s*=\s*{_VALUE}\s*,?\s*)+)|unset\s+((?:(?:{_OPTIONS})\s*,?\s*)+)|(rename\s+to)\s.*)$",
    re.I | re.S,
)
_COMMENT = re.compile(rf"\bcomment\s*=\s*{_TEXT}", re.I | re.S)
_COMMENT_ON = re.compile(
    rf"comment\s+(if\s+exists\s+)?on\s+(schema|database|stage)\s+({NAME})\s+is\s+{_TEXT}", re.I | re.S
)
_DESCRIBE = re.compile(rf"desc(?:ribe)?\s+(schema|database|stage|file\s+format|sequence)\s+({NAME})\s*$", re.I)
_EXPLAIN = re.compile(r"explain\s+(?:using\s+(\w+)\s+)?(.*)$", re.I | re.S)
_STAGES = "_fs_global._fs_information_schema._fs_stages"
_FORMATS = "_fs_global._fs_information_schema._fs_file_formats"


def dispatch(session: Connection, cursor: Cursor, sql: str) -> int | None:
    """Run one of this module's statements; None for anything else."""
    if match := _ALTER.match(sql):
        return _alter(session, cursor, match)
    if match := _COMMENT_ON.match(sql):
        kind, name = match[2].lower(), match[3]
        if _is_there(session, kind, name):
            _comment(session, kind, name, _plain(match[4]))
        elif not match[1]:
            raise _missing(kind, name)
        return cursor.done()
    if match := _DESCRIBE.match(sql):
        return _describe(session, cursor, " ".join(match[1].lower().split()), match[2])
    if match := _EXPLAIN.match(sql):
        return _explain(session, cursor, (match[1] or "tabular").upper(), match[2])
    return None


def drop_format(session: Connection, name: str, if_exists: bool) -> None:
    """DROP FILE FORMAT. Raises ProgrammingError 2003 when there is none."""
    query = f"DELETE FROM {_FORMATS} WHERE (database_name, schema_name, name) = (?, ?, ?) RETURNING 1"
    if not session.duck.side.execute(query, list(qualified(session, name))).fetchall() and not if_exists:
        raise _missing("file format", name)


def _alter(session: Connection, cursor: Cursor, match: re.Match[str]) -> int | None:
    kind, name = match[1].lower(), match[3]
    if not _is_there(session, kind, name):
        if match[2]:
            return cursor.done()
        raise _missing(kind, name)
    if match[0][match.start(3) :].split()[1].lower() == "rename":
        if kind in ("table", "view"):
            return None
        raise _unsupported(f"ALTER {kind.upper()} ... RENAME TO")
    if given := _COMMENT.search(match[4] or ""):
        _comment(session, kind, name, _plain(given[1]))
    elif re.search(r"\bcomment\b", match[6] or "", re.I):
        _comment(session, kind, name, "")
    return cursor.done()


def _is_there(session: Connection, kind: str, name: str) -> bool:
    con, found = session.duck.con, parts(name)
    if kind == "stage":
        return stages.exists(session, qualified(session, name))
    if kind in ("table", "view"):
        return relation(session, qualified(session, name))
    database, schema = _place(session, kind, found)
    query = "SELECT 1 FROM duckdb_schemas() WHERE database_name = ? AND (?::VARCHAR IS NULL OR schema_name = ?) LIMIT 1"
    return con.execute(query, [database, schema, schema]).fetchall() != []


def _place(session: Connection, kind: str, found: list[str]) -> tuple[str, str | None]:
    if kind == "database":
        return found[-1], None
    database, schema = ([session.database or "", *found])[-2:]
    return database, schema


def _comment(session: Connection, kind: str, name: str, text: str) -> None:
    if kind in ("table", "view"):
        comment_relation(session, qualified(session, name), text)
    elif kind == "stage":
        query = f"UPDATE {_STAGES} SET comment = ? WHERE (database_name, schema_name, name) = (?, ?, ?)"
        session.duck.side.execute(query, [text, *qualified(session, name)])
    else:
        database, schema = _place(session, kind, parts(name))
        session.engine.times.say((database, schema or "", ""), text)


def _describe(session: Connection, cursor: Cursor, kind: str, name: str) -> int:
    """DESCRIBE SCHEMA and DATABASE: what is in them."""
    times = session.engine.times
    columns = [("created_on", "timestamp_tz"), "name", "kind"]
    if kind not in ("schema", "database"):
        raise _unsupported(f"DESCRIBE {kind.upper()}")
    if not _is_there(session, kind, name):
        raise _missing(kind, name)
    database, schema = _place(session, kind, parts(name))
    con = session.duck.con
    if schema is None:
        query = "SELECT DISTINCT schema_name FROM duckdb_schemas() WHERE database_name = ? ORDER BY 1"
        hidden = ("main", "_fs_information_schema", "pg_catalog", "information_schema")
        found = [row[0] for row in con.execute(query, [database]).fetchall() if row[0] not in hidden]
        rows = [(times.created((database, n, "")), n, "SCHEMA") for n in ["INFORMATION_SCHEMA", *found]]
        return cursor.answer(columns, rows)
    query = (
        "SELECT table_name, 'TABLE' FROM duckdb_tables() WHERE (database_name, schema_name) = ($1, $2)"
        " UNION ALL SELECT view_name, 'VIEW' FROM duckdb_views() WHERE (database_name, schema_name) = ($1, $2)"
        " ORDER BY 1"
    )
    found = con.execute(query, [database, schema]).fetchall()
    return cursor.answer(columns, [(times.created((database, schema, n)), n, what) for n, what in found])


def _explain(session: Connection, cursor: Cursor, form: str, query: str) -> int:
    """EXPLAIN USING TEXT: DuckDB's plan, whose operators are not Snowflake's."""
    tree = parse_one(query) if form == "TEXT" else None
    if not isinstance(tree, exp.Query):
        raise _unsupported("EXPLAIN of what is no query, or USING other than TEXT, which gives DuckDB's plan")
    sql = translation.translate(session, tree, None).sql(dialect="duckdb")
    return cursor.answer(["content"], [row[1:2] for row in session.duck.con.execute(f"EXPLAIN {sql}").fetchall()])


def _plain(text: str) -> str:
    return text.replace("''", "'").replace("\\'", "'").replace("\\\\", "\\")


def _missing(kind: str, name: str) -> sfe.ProgrammingError:
    return sfe.ProgrammingError(
        msg=f"SQL compilation error:\n{kind.capitalize()} '{'.'.join(parts(name))}' does not exist or not authorized.",
        errno=2003,
        sqlstate="02000",
    )


def _unsupported(what: str) -> sfe.ProgrammingError:
    return sfe.ProgrammingError(msg=f"Unsupported feature of the local Snowflake: {what}", errno=2, sqlstate="0A000")
