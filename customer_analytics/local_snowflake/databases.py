"""Databases, and transactions opened twice: CREATE, DROP and USE DATABASE as Snowflake does them."""

from __future__ import annotations

import contextlib
import re
import shutil
from typing import TYPE_CHECKING

import duckdb
import snowflake.connector.errors as sfe

from customer_analytics.local_snowflake import load_history
from customer_analytics.local_snowflake.file_formats import STAGE_FORMATS
from customer_analytics.local_snowflake.models import MODELS, VERSIONS
from customer_analytics.local_snowflake.names import IDENTIFIER, check_kept, normal, quoted

if TYPE_CHECKING:
    from customer_analytics.local_snowflake.engine import Connection
    from customer_analytics.local_snowflake.statements import Cursor

_DROP = re.compile(rf"drop\s+database\s+(if\s+exists\s+)?({IDENTIFIER})(?:\s+(?:cascade|restrict))?\s*$", re.I)
_CREATE = re.compile(
    rf"create\s+(or\s+replace\s+)?(?:transient\s+)?database\s+(if\s+not\s+exists\s+)?({IDENTIFIER})"
    r"(\s+(?:comment|data_retention_time_in_days)\s*=.*)?$",
    re.I | re.S,
)
_COMMENT = re.compile(r"\bcomment\s*=\s*'((?:[^']|'')*)'", re.I)
_USE = re.compile(rf"use\s+(?:database\s+)?(?!schema\b|role\b|warehouse\b|secondary\b)({IDENTIFIER})\s*$", re.I)
_REPLACE_SCHEMA = re.compile(
    rf"create\s+or\s+replace\s+(?:transient\s+)?schema\s+({IDENTIFIER}(?:\.{IDENTIFIER})?)", re.I
)
_BEGIN = re.compile(r"(?:begin|start\s+transaction)(?:\s+(?:work|transaction))?(?:\s+name\s+\w+)?\s*$", re.I)
_CATALOGUE = "_fs_global._fs_information_schema"


def dispatch(session: Connection, cursor: Cursor, sql: str) -> int | None:
    """Run one of this module's statements; None for anything else."""
    if match := _CREATE.match(sql):
        comment = _COMMENT.search(match[4] or "")
        text = comment[1].replace("''", "'") if comment else ""
        return _create(session, cursor, normal(match[3]), bool(match[1]), bool(match[2]), text)
    if re.match(r"create\s+(?:or\s+replace\s+)?(?:transient\s+)?(?:database|schema)\b.*\bclone\s", sql, re.I | re.S):
        raise sfe.ProgrammingError(
            msg="Unsupported feature of the local Snowflake: CLONE of a schema or database", errno=2, sqlstate="0A000"
        )
    if match := _DROP.match(sql):
        name = normal(match[2])
        if not _exists(session, name):
            if match[1]:
                return cursor.done(f"Drop statement executed successfully ({name} already dropped).")
            raise _missing(name, 2003)
        _drop(session, name)
        return cursor.done(f"{name} successfully dropped.")
    if match := _USE.match(sql):
        name = normal(match[1])
        if not _exists(session, name):
            raise _missing(name, 2043)
        _enter(session, name)
        return cursor.done()
    if match := _REPLACE_SCHEMA.match(sql):
        _empty(session, cursor, match[1])
        return None  # and then it is made
    if _BEGIN.match(sql):
        session.duck.begin()
        return cursor.done()
    return None


def _empty(session: Connection, cursor: Cursor, schema: str) -> None:
    """DROP SCHEMA IF EXISTS, before CREATE OR REPLACE SCHEMA: fakesnow keeps what is in it."""
    dropper = session.cursor()
    dropper.query_id = cursor.query_id
    dropper.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")


def _exists(session: Connection, name: str) -> bool:
    query = "SELECT 1 FROM duckdb_databases() WHERE database_name = ? AND NOT internal"
    return session.duck.con.execute(query, [name]).fetchall() != [] and not name.startswith("_fs")


def _create(session: Connection, cursor: Cursor, name: str, replaces: bool, if_missing: bool, comment: str = "") -> int:
    from fakesnow import info_schema, macros

    check_kept("database", name)
    session.duck.commit()
    if _exists(session, name):
        if if_missing:
            return cursor.done(f"{name} already exists, statement succeeded.")
        if not replaces:
            raise sfe.ProgrammingError(
                msg=f"SQL compilation error:\nObject '{name}' already exists.", errno=2002, sqlstate="42710"
            )
        _drop(session, name)
    file = str(session.engine.folder / f"{name}.db").replace("'", "''")
    with session.engine.ddl_lock:
        session.duck.execute(f"ATTACH '{file}' AS {quoted(name)}")
        session.duck.con.execute(info_schema.per_db_creation_sql(name) + macros.creation_sql(name))
        session.duck.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(name)}.PUBLIC")
    session.engine.times.made((name, "", ""), comment=comment)
    session.engine.times.made((name, "PUBLIC", ""))
    _enter(session, name)
    return cursor.done(f"Database {name} successfully created.")


def _enter(session: Connection, name: str) -> None:
    """USE DATABASE: its schema PUBLIC, if there is one."""
    con = session.duck.con
    found = con.execute(
        "SELECT 1 FROM duckdb_schemas() WHERE database_name = ? AND schema_name = 'PUBLIC'", [name]
    ).fetchone()
    con.execute(f"SET schema = '{name}.{'PUBLIC' if found else 'main'}'")
    session.database, session.database_set = name, True
    session._schema, session.schema_set = ("PUBLIC", True) if found else (None, False)


def _drop(session: Connection, name: str) -> None:
    engine = session.engine
    session.duck.commit()
    if session.database == name:
        session.duck.con.execute("SET schema = 'memory.main'")
        session.database, session._schema, session.database_set, session.schema_set = None, None, False, False
    try:
        session.duck.con.execute(f"DETACH {quoted(name)}")
    except duckdb.Error as error:
        raise sfe.ProgrammingError(msg=f"The database {name} is in use: {error}", errno=2, sqlstate="55006") from error
    for ending in (".db", ".db.wal"):
        (engine.folder / f"{name}{ending}").unlink(missing_ok=True)
    forget_contents(session, name)
    engine.times.forget((name, "", ""))


def forget_contents(session: Connection, database: str, schema: str | None = None) -> None:
    """The stages, formats and models of a database or schema that is gone, and their files."""
    try:
        check_kept("schema", database if schema is None else schema)
    except sfe.ProgrammingError:  # there was none: IF EXISTS
        return
    for table, database_column, schema_column in (
        (f"{_CATALOGUE}._fs_stages", "database_name", "schema_name"),
        (f"{_CATALOGUE}._fs_file_formats", "database_name", "schema_name"),
        (f"{_CATALOGUE}._fs_tables_ext", "ext_table_catalog", "ext_table_schema"),
        (f"{_CATALOGUE}._fs_columns_ext", "ext_table_catalog", "ext_table_schema"),
        *((table, "db", "sc") for table in (MODELS, VERSIONS, STAGE_FORMATS)),
    ):
        where = f"{database_column} = ?" + ("" if schema is None else f" AND {schema_column} = ?")
        with contextlib.suppress(duckdb.TransactionException):
            session.duck.side.execute(f"DELETE FROM {table} WHERE {where}", [n for n in (database, schema) if n])
    if schema is not None:
        load_history.forget_schema(session, database, schema)
    for folder in ("stages", "models"):
        place = session.engine.folder / folder / database
        shutil.rmtree(place if schema is None else place / schema, ignore_errors=True)


def _missing(name: str, errno: int) -> sfe.ProgrammingError:
    text = "does not exist or not authorized." if errno == 2003 else "does not exist, or operation cannot be performed."
    return sfe.ProgrammingError(msg=f"SQL compilation error:\nObject '{name}' {text}", errno=errno, sqlstate="02000")
