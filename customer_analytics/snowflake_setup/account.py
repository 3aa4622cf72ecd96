"""Run setup and teardown on an account, through one connection.

The connection names no role, warehouse or database: none of ours need exist yet.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from contextlib import closing
from typing import Any, Protocol

from customer_analytics.snowflake_setup.plan import MARK, SYSTEM_ROLES, Names, Statement
from customer_analytics.snowpark_io.names import TEMPORARY_PREFIX, literal, quoted, stored_name

LEFTOVER = re.compile(
    rf"{TEMPORARY_PREFIX}[0-9A-F]{{32}}|STG_REJECTED_[0-9A-F]{{32}}(_STAGE)?|SNOWPARK_TEMP_(TABLE|STAGE)_[0-9A-Z]{{10}}"
)
"""Names that only this project's and Snowpark's own working tables and stages have. They are temporary, and end with
their session; one that another session can see was left by something that went wrong."""

Row = dict[str, Any]


class SetupError(Exception):
    """Why setup or teardown stopped, in one sentence."""


class Cursor(Protocol):
    """As much of the connector's cursor as is used here."""

    description: Any

    def execute(self, command: str) -> Any: ...
    def fetchall(self) -> Any: ...


class Account:
    """Questions and statements to one account."""

    def __init__(self, cursor: Any) -> None:
        self._cursor: Cursor = cursor

    def run(self, sql: str) -> None:
        try:
            self._cursor.execute(sql)
        except Exception as error:
            raise SetupError(f"Snowflake refused `{sql}`: {getattr(error, 'raw_msg', None) or error}") from error

    def show(self, what: str) -> list[Row]:
        """The rows of a SHOW, by lower-case column."""
        self.run(f"SHOW {what}")
        columns = [d[0].lower() for d in self._cursor.description]
        return [dict(zip(columns, row, strict=True)) for row in self._cursor.fetchall()]

    def find(self, kind: str, name: str, where: str = "") -> Row | None:
        """The object of exactly this name; LIKE alone would take `_` as any character."""
        return next((r for r in self.show(f"{kind}S LIKE {literal(name)}{where}") if r["name"] == name), None)

    def is_ours(self, kind: str, name: str, where: str = "") -> bool | None:
        """Whether setup made it; None when there is none."""
        row = self.find(kind, name, where)
        return None if row is None else str(row.get("comment") or "").startswith(MARK)


def setup(warehouse: Any, statements: Iterable[Statement], say: Callable[[str], None]) -> None:
    """Run the statements. SetupError at the first that Snowflake refuses; what ran stands, and may be run again."""
    with closing(_connect(warehouse)) as connection:
        account = Account(connection.cursor())
        for statement in statements:
            account.run(statement.sql)
            say(statement.sql.partition(" COMMENT = ")[0])


def leftovers(warehouse: Any, names: Names) -> list[str]:
    """What failed runs left in the schema, as `TABLE name` and `STAGE name`; nothing is changed."""
    with closing(_connect(warehouse)) as connection:
        account = Account(connection.cursor())
        _act_as_pipeline(account, names)
        return _leftovers(account, names)


def _act_as_pipeline(account: Account, names: Names) -> None:
    """Go on as the role that owns the tables; SYSADMIN has it too."""
    if account.find("ROLE", names.role):
        account.run(f"USE ROLE {quoted(names.role)}")


def _leftovers(account: Account, names: Names) -> list[str]:
    if account.find("DATABASE", names.database) is None:
        return []
    if account.find("SCHEMA", names.schema, f" IN DATABASE {quoted(names.database)}") is None:
        return []
    return [
        f"{kind} {names.schema_sql}.{quoted(row['name'])}"
        for kind in ("TABLE", "STAGE")
        for row in account.show(f"{kind}S IN SCHEMA {names.schema_sql}")
        if LEFTOVER.fullmatch(row["name"])
    ]


def teardown(
    warehouse: Any,
    names: Names,
    say: Callable[[str], None],
    *,
    only_leftovers: bool = False,
    role_admin: str = "USERADMIN",
    object_admin: str = "SYSADMIN",
) -> list[str]:
    """Remove what failed runs left and, unless `only_leftovers`, what setup made; what was removed.

    An object without setup's mark stays, and `say` tells so. A database with other people's schemas or with objects
    in PUBLIC stays too; our schema goes.
    """
    removed = []
    with closing(_connect(warehouse)) as connection:
        account = Account(connection.cursor())

        def drop(what: str) -> None:
            account.run(f"DROP {what}")
            removed.append(what)
            say(f"Dropped {what}")

        _act_as_pipeline(account, names)
        for what in _leftovers(account, names):
            drop(what)
        if only_leftovers:
            return removed
        account.run(f"USE ROLE {quoted(stored_name(object_admin))}")
        where = f" IN DATABASE {quoted(names.database)}"
        ours = account.is_ours("DATABASE", names.database)
        others = _strangers(account, names) if ours else []
        if ours and not others:
            drop(f"DATABASE {quoted(names.database)}")
        elif ours is not None:
            say(
                f"Database {names.database} stays: "
                + (f"it holds {', '.join(others)}." if others else "setup did not make it.")
            )
            if account.is_ours("SCHEMA", names.schema, where):
                drop(f"SCHEMA {names.schema_sql}")
            else:
                say(f"Schema {names.schema} stays: setup did not make it.")
        _drop_if_ours(account, "WAREHOUSE", names.warehouse, drop, say)
        account.run(f"USE ROLE {quoted(stored_name(role_admin))}")
        for role in (names.reader, names.role):
            if role not in SYSTEM_ROLES:
                _drop_if_ours(account, "ROLE", role, drop, say)
    return removed


def _drop_if_ours(
    account: Account, kind: str, name: str, drop: Callable[[str], None], say: Callable[[str], None]
) -> None:
    ours = account.is_ours(kind, name)
    if ours:
        drop(f"{kind} {quoted(name)}")
    elif ours is False:
        say(f"{kind.capitalize()} {name} stays: setup did not make it.")


def _strangers(account: Account, names: Names) -> list[str]:
    """What stands in our database and is not ours."""
    where = f" IN DATABASE {quoted(names.database)}"
    schemas = [row["name"] for row in account.show(f"SCHEMAS{where}")]
    found = [f"schema {n}" for n in schemas if n.upper() not in ("INFORMATION_SCHEMA", "PUBLIC") and n != names.schema]
    if names.schema in schemas and not account.is_ours("SCHEMA", names.schema, where):
        found.append(f"schema {names.schema}, which setup did not make")
    if "PUBLIC" in schemas and names.schema != "PUBLIC":
        found += [
            f"PUBLIC.{row['name']}" for row in account.show(f'OBJECTS IN SCHEMA {quoted(names.database)}."PUBLIC"')
        ]
    return found


def _connect(warehouse: Any) -> Any:
    return warehouse.connect(role=None, warehouse=None, database=None, schema=None)
