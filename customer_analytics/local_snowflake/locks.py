"""Table locks: Snowflake runs one UPDATE, DELETE, MERGE or TRUNCATE of a table at a time.

DuckDB's transactions are optimistic: two MERGEs of the same new key would both insert it.
See https://docs.snowflake.com/en/sql-reference/transactions#resource-locking
"""

from __future__ import annotations

import threading
from collections.abc import Hashable

import snowflake.connector.errors as sfe

LOCK_TIMEOUT_SECONDS = 120.0


class TableLocks:
    """Who holds which table. A lock lives until its owner's transaction ends."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._owners: dict[tuple[str, ...], Hashable] = {}

    def take(self, owner: Hashable, table: tuple[str, ...], timeout_seconds: float = LOCK_TIMEOUT_SECONDS) -> None:
        """Wait for the table's lock. Raises ProgrammingError 625, as Snowflake does, when it stays held."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._owners.get(table, owner) is owner, timeout_seconds):
                raise sfe.ProgrammingError(
                    msg=f"Statement was aborted because the lock on table '{'.'.join(table)}' is held by another "
                    "transaction: commit or roll that back, then run it again",
                    errno=625,
                    sqlstate="57014",
                )
            self._owners[table] = owner

    def free(self, owner: Hashable) -> None:
        """Give back everything that the owner holds."""
        with self._changed:
            self._owners = {table: holder for table, holder in self._owners.items() if holder is not owner}
            self._changed.notify_all()
