"""When tables, views and schemas were made and last changed, how many rows they have, the comments of schemas and
databases: DuckDB does not say.

Kept in memory and written to one file of the data folder when something changed; a kill loses the last seconds of it.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
from sqlglot import exp

from customer_analytics.local_snowflake.names import qualified, quoted

if TYPE_CHECKING:
    from customer_analytics.local_snowflake.engine import Connection

Name = tuple[str, str, str]
_CHANGES = (exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.TruncateTable, exp.Alter)


class ObjectTimes:
    """The times of the objects of one data folder. A schema is named (database, schema, '')."""

    def __init__(self, file: Path) -> None:
        self._file, self._lock, self._changed = file, threading.Lock(), True
        self._objects: dict[Name, dict[str, Any]] = {}
        self._since = time.time()
        with contextlib.suppress(OSError, ValueError):
            kept = json.loads(file.read_text())
            self._since = kept["since"]
            self._objects = {tuple(entry.pop("name")): entry for entry in kept["objects"]}

    def made(
        self, name: Name, transient: bool = False, primary_key: list[str] | None = None, comment: str = ""
    ) -> None:
        """`comment` is a database's or schema's: fakesnow keeps those of tables."""
        with self._lock:
            now = time.time()
            entry = {"created": now, "altered": now, "transient": transient, "primary": primary_key}
            self._objects[name] = {**entry, "comment": comment}
            self._changed = True

    def changed(self, name: Name) -> None:
        with self._lock:
            entry = self._objects.setdefault(name, {"created": self._since, "transient": False})
            entry["altered"] = time.time()
            self._changed = True

    def moved(self, old: Name, new: Name) -> None:
        with self._lock:
            if entry := self._objects.pop(old, None):
                self._objects[new] = entry
                self._changed = True

    def swapped(self, one: Name, other: Name) -> None:
        self.moved(one, ("", "", "swapping"))
        self.moved(other, one)
        self.moved(("", "", "swapping"), other)
        self.changed(one)
        self.changed(other)

    def forget(self, name: Name) -> None:
        """The object, and what is in it when it is a schema or a database."""
        given = [part for part in name if part]
        with self._lock:
            self._objects = {k: v for k, v in self._objects.items() if list(k[: len(given)]) != given}
            self._changed = True

    def created(self, name: Name) -> dt.datetime:
        return _moment(self._objects.get(name, {}).get("created", self._since))

    def altered(self, name: Name) -> dt.datetime:
        return _moment(self._objects.get(name, {}).get("altered", self._since))

    def say(self, name: Name, comment: str) -> None:
        """The comment of a database or schema."""
        with self._lock:
            entry = self._objects.setdefault(name, {"created": self._since, "altered": self._since})
            entry["comment"] = comment
            self._changed = True

    def key(self, name: Name, columns: list[str]) -> None:
        """The declared primary key of a table."""
        with self._lock:
            self._objects.setdefault(name, {"created": self._since, "altered": self._since})["primary"] = columns
            self._changed = True

    def transient(self, name: Name) -> bool:
        return bool(self._objects.get(name, {}).get("transient"))

    def comment(self, name: Name) -> str:
        return self._objects.get(name, {}).get("comment") or ""

    def primary_key(self, name: Name) -> list[str]:
        """The columns that it declares: a key is not enforced."""
        return self._objects.get(name, {}).get("primary") or []

    def save(self) -> None:
        """Write the file, when there is something new."""
        with self._lock:
            if not self._changed:
                return
            self._changed = False
            entries = [{"name": list(name), **entry} for name, entry in self._objects.items()]
        new = self._file.with_name(self._file.name + ".new")
        new.write_text(json.dumps({"since": self._since, "objects": entries}))
        new.replace(self._file)


def schema_is_there(session: Connection, tree: exp.Expr) -> bool:
    """Whether a CREATE SCHEMA, which has not run yet, names one that is there already."""
    if not (isinstance(tree, exp.Create) and str(tree.args.get("kind")).upper() == "SCHEMA"):
        return False
    table = tree.find(exp.Table)
    query = "SELECT 1 FROM duckdb_schemas() WHERE database_name = ? AND schema_name = ?"
    given = [table.catalog or session.database, table.db] if table else []
    return bool(given and session.duck.con.execute(query, given).fetchall())


def note(session: Connection, tree: exp.Expr, was_there: bool = False) -> None:
    """A statement that was run: what it made, changed or dropped. `was_there`: see `schema_is_there`."""
    times = session.engine.times
    if isinstance(tree, exp.Create | exp.Drop):
        kind = str(tree.args.get("kind")).upper()
        table = tree.find(exp.Table)
        if table is None or kind not in ("TABLE", "VIEW", "SCHEMA"):
            return
        name = (table.catalog or session.database or "", table.db, "") if kind == "SCHEMA" else _full(session, table)
        if isinstance(tree, exp.Drop):
            times.forget(name)
        elif not tree.args.get("exists") or (name not in times._objects and not was_there):
            transient = tree.find(exp.TransientProperty) is not None or bool(tree.args.get("transient"))
            comment = tree.find(exp.SchemaCommentProperty) if kind == "SCHEMA" else None
            times.made(name, transient, tree.args.get("primary_key"), comment.name if comment else "")
    elif isinstance(tree, _CHANGES):
        table = tree.this if isinstance(tree.this, exp.Table) else tree.find(exp.Table)
        if table is None:
            return
        rename = tree.find(exp.AlterRename) if isinstance(tree, exp.Alter) else None
        if rename is not None and (new := rename.find(exp.Table)):
            times.moved(_full(session, table), _full(session, new))
            table = new
        times.changed(_full(session, table))


def facts(session: Connection) -> pa.Table:
    """One row for each table and view, with its times and its rows."""
    con = session.duck.con
    found = con.execute(
        "SELECT database_name, schema_name, table_name, true FROM duckdb_tables() WHERE NOT internal"
        " UNION ALL SELECT database_name, schema_name, view_name, false FROM duckdb_views() WHERE NOT internal"
    ).fetchall()
    names = [(row[:3], row[3]) for row in found if row[1] != "_fs_information_schema" and row[0] != "_fs_global"]
    times = session.engine.times
    return pa.table(
        {
            "db": pa.array([n[0] for n, _ in names], pa.string()),
            "sc": pa.array([n[1] for n, _ in names], pa.string()),
            "name": pa.array([n[2] for n, _ in names], pa.string()),
            "created": pa.array([times.created(n) for n, _ in names], pa.timestamp("us", "UTC")),
            "altered": pa.array([times.altered(n) for n, _ in names], pa.timestamp("us", "UTC")),
            "transient": pa.array(["YES" if times.transient(n) else "NO" for n, _ in names], pa.string()),
            "row_count": pa.array([_count(con, n) if is_table else None for n, is_table in names], pa.int64()),
        }
    )


def _count(con: duckdb.DuckDBPyConnection, name: Name) -> int | None:
    try:
        rows = con.execute(f"SELECT count(*) FROM {quoted(*name)}").fetchall()
    except duckdb.Error:  # dropped meanwhile
        return None
    return rows[0][0]


def _moment(seconds: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, dt.UTC)


def _full(session: Connection, table: exp.Table) -> Name:
    return qualified(session, quoted(*(part.name for part in table.parts)))
