"""Which files COPY INTO has loaded into which table. fakesnow keeps it by names alone.

So that a new table of an old name, or a file that was put again, is not taken for loaded: the history ends with a
table's name, and a file that changed since is forgotten.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
from sqlglot import exp

from customer_analytics.local_snowflake.names import quoted

if TYPE_CHECKING:
    from customer_analytics.local_snowflake.engine import Connection

_HISTORY = "_fs_information_schema._fs_load_history"


def forget(session: Connection, table: tuple[str, str, str]) -> None:
    """The name stands for another table now, or for none."""
    database, schema, name = table
    with contextlib.suppress(duckdb.CatalogException):
        session.duck.execute(
            f"DELETE FROM {quoted(database)}.{_HISTORY} WHERE schema_name = ? AND table_name = ?", [schema, name]
        )


def forget_changed_files(session: Connection, copy: exp.Expr) -> None:
    """Before a COPY: what was put again since it was loaded counts as new."""
    target = copy.find(exp.Table)
    if target is None:
        return
    database = target.catalog or session.database or ""
    schema = target.db or session.schema
    rows = session.duck.con.execute(
        f"SELECT file_name, max(last_load_time) FROM {quoted(database)}.{_HISTORY} "
        "WHERE schema_name = ? AND table_name = ? GROUP BY ALL",
        [schema, target.name],
    ).fetchall()
    for file, loaded in rows:
        path = Path(file)
        if path.is_file() and dt.datetime.fromtimestamp(path.stat().st_mtime, dt.UTC) > loaded:
            session.duck.execute(
                f"DELETE FROM {quoted(database)}.{_HISTORY} WHERE schema_name = ? AND table_name = ? AND file_name = ?",
                [schema, target.name, file],
            )
