"""A session's DuckDB connection, with transactions as Snowflake has them.

In DuckDB a statement that fails takes its transaction with it, and a transaction sees what was there when it began.
On Snowflake a failed statement alone is undone, and each statement sees what was committed before it. So what a
transaction has changed is written down, and done again in a new one where DuckDB gave the old one up.
See https://docs.snowflake.com/en/sql-reference/transactions
"""

from __future__ import annotations

import contextlib
import re
import time
from dataclasses import dataclass
from typing import Any

import duckdb

CONFLICT_ATTEMPTS = 60
_CHANGES = ("INSERT", "UPDATE", "DELETE", "MERGE", "TRUNCATE", "CREATE OR REPLACE TEMP VIEW LOCAL_STAGED")
_ONCE = re.compile(r"\bLOCAL_REL_|\b(?:random|local_random|uuid|gen_random_uuid|nextval)\s*\(", re.I)
"""What would give other values, or none, when it is done again."""


class TransactionLost(Exception):
    """The transaction could not be taken up again after a failed statement: nothing of it is kept."""


@dataclass(frozen=True)
class Change:
    """One statement of an open transaction, with an Arrow table that it reads."""

    sql: str
    params: Any = None
    name: str = ""
    table: Any = None


class Duck:
    """Where all final SQL of a session passes. Knows whether a transaction is open, and what it has changed."""

    def __init__(self, con: duckdb.DuckDBPyConnection, macros: str) -> None:
        self.con, self.in_transaction = con, False
        self.side = con.cursor()
        """For the catalogue of stages and models: DuckDB writes only one attached database in a transaction."""
        self._changes: list[Change] = []
        con.execute(macros)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.con, name)

    def execute(self, sql: str, params: Any = None) -> duckdb.DuckDBPyConnection:
        head = sql.lstrip()[:20].upper()
        if self.in_transaction and head.startswith(("INSERT", "DELETE")) and "_fs_global._fs_information_schema" in sql:
            written = self.side.execute(sql, params).fetchall()
            return self.con.execute("SELECT ?::BIGINT AS n", [written[0][0] if written else 0])
        return self.change(Change(sql, params))

    def change(self, change: Change) -> duckdb.DuckDBPyConnection:
        """Run it; again when another transaction was in the way, where Snowflake would have waited for a lock."""
        head = change.sql.lstrip()[:40].upper()
        ends = head.startswith(("COMMIT", "ROLLBACK", "ABORT"))
        for attempt in range(CONFLICT_ATTEMPTS):
            try:
                self._run(change)
                break
            except duckdb.TransactionException as error:
                if ends:
                    self._ended()
                if ends or attempt == CONFLICT_ATTEMPTS - 1 or "onflict" not in str(error):
                    raise
                time.sleep(0.02 * min(attempt + 1, 10))
                if self.in_transaction:
                    self._again()
        if ends:
            self._ended()
        elif head.startswith("BEGIN"):
            self.in_transaction = True
        elif self.in_transaction and head.startswith(_CHANGES):
            self._changes.append(change)
        return self.con

    def begin(self) -> None:
        """Open a transaction; a second BEGIN changes nothing."""
        if not self.in_transaction:
            self.execute("BEGIN TRANSACTION")

    def commit(self) -> None:
        if self.in_transaction:
            self.execute("COMMIT")

    def rollback(self) -> None:
        if self.in_transaction:
            self.execute("ROLLBACK")

    def mark(self) -> int:
        """How far the open transaction is, for `undo`."""
        return len(self._changes)

    def undo(self, mark: int) -> None:
        """After a failed statement: the open transaction as it was before it. Raises TransactionLost."""
        if not self.in_transaction:
            return
        whole = len(self._changes) == mark
        del self._changes[mark:]
        if whole and self._alive():
            return
        self._again()

    def _alive(self) -> bool:
        try:
            self.con.execute("SELECT 1")
        except duckdb.Error:  # DuckDB has given the transaction up
            return False
        return True

    def _again(self) -> None:
        """A new transaction with what the old one has changed."""
        changes = list(self._changes)
        try:
            self.con.execute("ROLLBACK")
            if any(_ONCE.search(change.sql) for change in changes):
                raise TransactionLost
            self.con.execute("BEGIN TRANSACTION")
            for change in changes:
                self._run(change)
        except (duckdb.Error, TransactionLost) as error:
            with contextlib.suppress(duckdb.Error):
                self.con.execute("ROLLBACK")
            self._ended()
            raise TransactionLost("a statement in it failed") from error

    def _run(self, change: Change) -> None:
        if change.table is not None:
            self.con.register(change.name, change.table)
        if change.params is None:
            self.con.execute(change.sql)
        else:
            self.con.execute(change.sql, change.params)

    def _ended(self) -> None:
        self.in_transaction = False
        self._changes.clear()
