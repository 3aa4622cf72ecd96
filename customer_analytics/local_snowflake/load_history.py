"""Which files COPY INTO has loaded into which table: a file is not loaded twice, unless it was put again since.

The history ends with the table's name, so that a new table of an old name starts without one.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from customer_analytics.local_snowflake.names import quoted

if TYPE_CHECKING:
    from customer_analytics.local_snowflake.engine import Connection

_HISTORY = "_fs_information_schema._fs_load_history"


def is_loaded(session: Connection, table: tuple[str, str, str], path: str) -> bool:
    """Whether this content of the file is in the table."""
    rows = session.duck.con.execute(
        f"SELECT max(last_load_time) FROM {quoted(table[0])}.{_HISTORY}"
        " WHERE schema_name = ? AND table_name = ? AND file_name = ?",
        [table[1], table[2], path],
    ).fetchall()
    loaded = rows[0][0]
    return loaded is not None and dt.datetime.fromtimestamp(Path(path).stat().st_mtime, dt.UTC) <= loaded


def record(session: Connection, table: tuple[str, str, str], path: str, rows: int) -> None:
    """The file has been loaded."""
    session.duck.execute(
        f"INSERT INTO {quoted(table[0])}.{_HISTORY} (schema_name, file_name, table_name, last_load_time, status,"
        " row_count, row_parsed, error_count, error_limit) VALUES (?, ?, ?, now(), 'LOADED', ?, ?, 0, 1)",
        [table[1], path, table[2], rows, rows],
    ).fetchall()


def forget(session: Connection, table: tuple[str, str, str]) -> None:
    """The name stands for another table now, or for none."""
    database, schema, name = table
    with contextlib.suppress(duckdb.CatalogException):
        session.duck.execute(
            f"DELETE FROM {quoted(database)}.{_HISTORY} WHERE schema_name = ? AND table_name = ?", [schema, name]
        )


def forget_schema(session: Connection, database: str, schema: str) -> None:
    """The schema is gone, with its tables."""
    with contextlib.suppress(duckdb.CatalogException):
        session.duck.execute(f"DELETE FROM {quoted(database)}.{_HISTORY} WHERE schema_name = ?", [schema])
