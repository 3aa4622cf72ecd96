"""DDL that DuckDB lacks or does otherwise: copies of tables with all that their columns declare, and what needs them.

CLONE and LIKE keep NOT NULL, defaults, lengths and comments. SWAP works across schemas. A VARCHAR(n) may become wider.
Primary, unique and foreign keys are declared and not enforced, as on Snowflake.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import duckdb
import snowflake.connector.errors as sfe
from sqlglot import exp

from customer_analytics.local_snowflake import load_history
from customer_analytics.local_snowflake.names import IDENTIFIER, NAME, normal, parts, qualified, quoted

if TYPE_CHECKING:
    from customer_analytics.local_snowflake.engine import Connection
    from customer_analytics.local_snowflake.statements import Cursor

Name = tuple[str, str, str]
LONGEST = 16_777_216
SESSION_MACROS = """
CREATE OR REPLACE TEMP MACRO local_fit(x, n) AS CASE WHEN length(CAST(x AS VARCHAR)) > n
    THEN error('String ''' || x || ''' is too long and would be truncated') ELSE x END;
"""
_LENGTHS = "_fs_global._fs_information_schema._fs_columns_ext"
_COMMENTS = "_fs_global._fs_information_schema._fs_tables_ext"
_TEXT = r"'((?:[^']|'')*)'"
_COPY = re.compile(
    rf"create\s+(or\s+replace\s+)?(?:transient\s+|(temp(?:orary)?\s+))?table\s+(if\s+not\s+exists\s+)?({NAME})\s+"
    rf"(clone|like)\s+({NAME})\s*$",
    re.I,
)
_SWAP = re.compile(rf"alter\s+table\s+(?:if\s+exists\s+)?({NAME})\s+swap\s+with\s+({NAME})\s*$", re.I)
_KEY = re.compile(
    rf"alter\s+table\s+({NAME})\s+(?:add\s+(?:constraint\s+{IDENTIFIER}\s+)?(?:primary|unique|foreign)\b"
    r"|drop\s+(?:primary\s+key|unique\b|foreign\s+key|constraint\b))",
    re.I,
)
_PRIMARY = re.compile(r"\b(?:add\s.*?primary\s+key\s*\(([^)]*)\)|drop\s+primary\s+key)", re.I | re.S)
_DROPPED = re.compile(
    rf"alter\s+table\s+({NAME})\s+drop\s+(?:column\s+)?(?!constraint\b|primary\b|unique\b|foreign\b)(if\s+exists\s+)?"
    rf"({IDENTIFIER}(?:\s*,\s*{IDENTIFIER})+)\s*$",
    re.I,
)
_COMMENTED = re.compile(
    rf"alter\s+table\s+({NAME})\s+(?:alter|modify)\s+\(?\s*((?:(?:,\s*)?(?:column\s+)?{IDENTIFIER}\s+"
    rf"(?:comment\s+{_TEXT}|unset\s+comment)\s*)+)\)?\s*$",
    re.I,
)
_ONE_COMMENT = re.compile(rf"(?:column\s+)?({IDENTIFIER})\s+(?:comment\s+{_TEXT}|unset\s+comment)", re.I)
_LENGTH = re.compile(
    rf"alter\s+table\s+({NAME})\s+(?:alter|modify)\s+(?:column\s+)?({IDENTIFIER})\s+(?:set\s+data\s+type|type)\s+"
    r"(?:varchar|string|text|char)\s*(?:\(\s*(\d+)\s*\))?\s*$",
    re.I,
)
_COMMENT_ON = re.compile(rf"comment\s+(if\s+exists\s+)?on\s+(?:table|view)\s+({NAME})\s+is\b", re.I)
_TRUNCATED = re.compile(rf"truncate\s+(?:table\s+)?if\s+exists\s+({NAME})\s*$", re.I)


@dataclass(frozen=True)
class Column:
    """What a column declares. `length` is that of a VARCHAR, None for any other type."""

    name: str
    type: str
    nullable: bool
    default: str | None
    comment: str | None
    length: int | None

    def sql(self) -> str:
        parts = [quoted(self.name), self.type]
        if not self.nullable:
            parts.append("NOT NULL")
        if self.default is not None:
            parts.append(f"DEFAULT {self.default}")
        if self.length is not None and self.length < LONGEST:
            parts.append(f"CHECK (length({quoted(self.name)}) <= {self.length})")
        return " ".join(parts)


def dispatch(session: Connection, cursor: Cursor, sql: str) -> int | None:
    """Run one of this module's statements; None for anything else."""
    if match := _COPY.match(sql):
        return _copied(session, cursor, match)
    if match := _SWAP.match(sql):
        _swap(session, qualified(session, match[1]), qualified(session, match[2]))
        return cursor.done()
    if (match := _COMMENT_ON.match(sql)) and not match[1]:
        if not relation(session, name := qualified(session, match[2])):
            raise _missing(name)
        return None
    if match := _KEY.match(sql):
        table = qualified(session, match[1])
        columns(session, table)
        if primary := _PRIMARY.search(sql):
            session.engine.times.key(table, parts(primary[1].replace(",", ".")) if primary[1] else [])
        return cursor.done()
    if match := _TRUNCATED.match(sql):
        if exists(session, name := qualified(session, match[1])):
            session.duck.execute(f"DELETE FROM {quoted(*name)}")
            load_history.forget(session, name)
        return cursor.done()
    if match := _DROPPED.match(sql):
        with one_transaction(session):
            for column in re.findall(IDENTIFIER, match[3]):
                there = "IF EXISTS " if match[2] else ""
                table = quoted(*qualified(session, match[1]))
                session.duck.execute(f"ALTER TABLE {table} DROP COLUMN {there}{quoted(normal(column))}")
        return cursor.done()
    if match := _COMMENTED.match(sql):
        table = qualified(session, match[1])
        columns(session, table)
        with one_transaction(session):
            for one in _ONE_COMMENT.finditer(match[2]):
                comment_column(session, table, normal(one[1]), (one[2] or "").replace("''", "'") or None)
        return cursor.done()
    if match := _LENGTH.match(sql):
        table, column = qualified(session, match[1]), normal(match[2])
        _set_length(session, table, column, int(match[3]) if match[3] else LONGEST)
        return cursor.done()
    return None


def relation(session: Connection, name: Name) -> bool:
    """Whether there is such a table or view."""
    query = "SELECT 1 FROM duckdb_columns() WHERE (database_name, schema_name, table_name) = (?, ?, ?) LIMIT 1"
    return session.duck.con.execute(query, list(_where(session, name))).fetchall() != []


def comment_relation(session: Connection, name: Name, text: str) -> None:
    """The comment of a table or view, where fakesnow keeps it."""
    side = session.duck.side
    place = "(ext_table_catalog, ext_table_schema, ext_table_name) = (?, ?, ?)"
    side.execute(f"DELETE FROM {_COMMENTS} WHERE {place}", list(name))
    side.execute(f"INSERT INTO {_COMMENTS} VALUES (?, ?, ?, ?)", [*name, text])


def _missing(name: Name) -> sfe.ProgrammingError:
    return sfe.ProgrammingError(
        msg=f"SQL compilation error:\nObject '{'.'.join(name)}' does not exist or not authorized.",
        errno=2003,
        sqlstate="42S02",
    )


def exists(session: Connection, table: Name) -> bool:
    query = "SELECT 1 FROM duckdb_tables() WHERE (database_name, schema_name, table_name) = (?, ?, ?)"
    return session.duck.con.execute(query, list(_where(session, table))).fetchall() != []


def columns(session: Connection, table: Name) -> list[Column]:
    """The table's columns in order. Raises ProgrammingError 2003 when there is no such table."""
    query = (
        "SELECT c.column_name, c.data_type, c.is_nullable, c.column_default, c.comment,"
        " CASE WHEN c.data_type = 'VARCHAR' THEN coalesce(l.ext_character_maximum_length, ?) END"
        f" FROM duckdb_columns() AS c LEFT JOIN {_LENGTHS} AS l ON (l.ext_table_catalog, l.ext_table_schema,"
        " l.ext_table_name, l.ext_column_name) = (c.database_name, c.schema_name, c.table_name, c.column_name)"
        " WHERE (c.database_name, c.schema_name, c.table_name) = (?, ?, ?) ORDER BY c.column_index"
    )
    found = session.duck.con.execute(query, [LONGEST, *_where(session, table)]).fetchall()
    if not found:
        raise _missing(table)
    return [Column(*row) for row in found]


def unenforced_keys(tree: exp.Expr) -> None:
    """Keys in CREATE TABLE are only declared; a primary key's columns are NOT NULL."""
    if not (isinstance(tree, exp.Create) and isinstance(tree.this, exp.Schema)):
        return
    key: list[exp.Expr] = []
    for item in list(tree.this.expressions):
        if isinstance(item, exp.ColumnDef):
            for constraint in list(item.args.get("constraints") or []):
                kind = constraint.args.get("kind")
                if isinstance(kind, exp.PrimaryKeyColumnConstraint):
                    key.append(item.this)
                keys = exp.PrimaryKeyColumnConstraint | exp.UniqueColumnConstraint | exp.Reference
                if isinstance(kind, keys) or (isinstance(kind, exp.Expr) and kind.find(exp.Reference)):
                    constraint.pop()
        elif isinstance(item, exp.PrimaryKey | exp.UniqueColumnConstraint | exp.ForeignKey | exp.Constraint):
            if declared := item if isinstance(item, exp.PrimaryKey) else item.find(exp.PrimaryKey):
                key += [part.find(exp.Identifier) or part for part in declared.expressions]
            item.pop()
    tree.args["primary_key"] = [part.name if part.args.get("quoted") else part.name.upper() for part in key]
    needed = {part.name.upper() for part in key}
    for item in tree.this.expressions:
        if (
            isinstance(item, exp.ColumnDef)
            and item.name.upper() in needed
            and not item.find(exp.NotNullColumnConstraint)
        ):
            item.append("constraints", exp.ColumnConstraint(kind=exp.NotNullColumnConstraint()))


def declared_columns(tree: exp.Expr) -> list[str]:
    """CREATE TABLE t (a, b INT NOT NULL) AS SELECT ...: the query's columns with these names and types.

    Those that are to be NOT NULL.
    """
    if not (isinstance(tree, exp.Create) and isinstance(tree.this, exp.Schema)):
        return []
    declared, query = tree.this.expressions, tree.args.get("expression")
    if not isinstance(query, exp.Query) or str(tree.args.get("kind")).upper() != "TABLE":
        return []
    names = [item.this if isinstance(item, exp.ColumnDef) else item for item in declared]
    inner = query if isinstance(query, exp.Subquery) else exp.Subquery(this=query.copy())
    inner.set("alias", exp.TableAlias(this=exp.to_identifier("LOCAL_NAMED"), columns=[n.copy() for n in names]))
    projections: list[exp.Expr] = []
    needed = []
    for item, name in zip(declared, names, strict=True):
        column: exp.Expr = exp.column(name.copy())
        if isinstance(item, exp.ColumnDef) and item.kind:
            if item.kind.this in exp.DataType.TEXT_TYPES and item.kind.expressions:
                column = exp.Anonymous(this="local_fit", expressions=[column, item.kind.expressions[0].this.copy()])
            column = exp.alias_(exp.Cast(this=column, to=item.kind.copy()), name.copy())
        if item.find(exp.NotNullColumnConstraint):
            needed.append(name.name if name.quoted else name.name.upper())
        projections.append(column)
    tree.set("expression", exp.select(*projections).from_(inner))
    tree.set("this", tree.this.this)
    return needed


def sequence_defaults(session: Connection, tree: exp.Expr) -> None:
    """DEFAULT sequence.NEXTVAL in CREATE TABLE."""
    for default in list(tree.find_all(exp.DefaultColumnConstraint)):
        column = default.this
        if isinstance(column, exp.Column) and column.name.upper() == "NEXTVAL" and column.table:
            name = ".".join(part.sql(dialect="snowflake") for part in column.parts[:-1])
            place = quoted(*qualified(session, name))
            column.replace(exp.Anonymous(this="nextval", expressions=[exp.Literal.string(place)]))


def column_comments(tree: exp.Expr) -> list[tuple[str, str]]:
    """The comments of a CREATE TABLE's columns, taken out of it."""
    found = []
    if isinstance(tree, exp.Create) and isinstance(tree.this, exp.Schema):
        for column in tree.this.find_all(exp.ColumnDef):
            for constraint in list(column.args.get("constraints") or []):
                if isinstance(constraint.args.get("kind"), exp.CommentColumnConstraint):
                    identifier = column.this
                    quoted_name = isinstance(identifier, exp.Identifier) and identifier.quoted
                    found.append((column.name if quoted_name else column.name.upper(), constraint.args["kind"].name))
                    constraint.pop()
    return found


def comment_column(session: Connection, table: Name, column: str, text: str | None) -> None:
    value = "NULL" if text is None else "'" + text.replace("'", "''") + "'"
    session.duck.execute(f"COMMENT ON COLUMN {quoted(*table)}.{quoted(column)} IS {value}")


@contextmanager
def one_transaction(session: Connection) -> Iterator[None]:
    """DDL: an open transaction is committed first; what follows happens whole or not at all."""
    duck = session.duck
    duck.commit()
    session._in_transaction = False
    duck.begin()
    try:
        yield
        duck.commit()
    except BaseException:
        duck.rollback()
        raise


def _where(session: Connection, table: Name) -> Name:
    return ("temp", "main", table[2]) if table in session.temporary_names else table


def _copied(session: Connection, cursor: Cursor, match: re.Match[str]) -> int:
    target, source = qualified(session, match[4]), qualified(session, match[6])
    definition = columns(session, source)
    if exists(session, target) and not match[1]:
        if match[3]:
            return cursor.done(f"{target[2]} already exists, statement succeeded.")
        raise sfe.ProgrammingError(
            msg=f"SQL compilation error:\nObject '{'.'.join(target)}' already exists.", errno=2002, sqlstate="42710"
        )
    if match[2]:
        session.temporary_names.add(target)
    place, origin = _where(session, target), _where(session, source)
    with one_transaction(session):
        session.duck.execute(f"DROP TABLE IF EXISTS {quoted(*place)}")
        _make(session, place, definition, bool(match[2]))
        if match[5].lower() == "clone":
            session.duck.execute(f"INSERT INTO {quoted(*place)} SELECT * FROM {quoted(*origin)}")
    _keep_lengths(session, target, definition)
    load_history.forget(session, target)
    session.engine.times.made(target, primary_key=session.engine.times.primary_key(source))
    return cursor.done(f"Table {target[2]} successfully created.")


def _make(session: Connection, table: Name, definition: list[Column], temporary: bool = False) -> None:
    kind = "TEMP TABLE" if temporary else "TABLE"
    session.duck.execute(f"CREATE {kind} {quoted(*table)} ({', '.join(c.sql() for c in definition)})")
    for column in definition:
        if column.comment:
            comment_column(session, table, column.name, column.comment)


def _keep_lengths(session: Connection, table: Name, definition: list[Column]) -> None:
    side = session.duck.side
    place = "(ext_table_catalog, ext_table_schema, ext_table_name) = (?, ?, ?)"
    side.execute(f"DELETE FROM {_LENGTHS} WHERE {place}", list(table))
    for column in definition:
        if column.length is not None:
            values = [*table, column.name, column.length, min(column.length * 4, LONGEST)]
            side.execute(f"INSERT INTO {_LENGTHS} VALUES (?, ?, ?, ?, ?, ?)", values)


def _rebuild(session: Connection, source: Name, target: Name, definition: list[Column]) -> None:
    """A new table in the target's schema with the source's rows; the source is dropped. Inside a transaction."""
    temporary = (*target[:2], f"LOCAL_NEW_{os.urandom(4).hex()}")
    _make(session, temporary, definition)
    session.duck.execute(f"INSERT INTO {quoted(*temporary)} SELECT * FROM {quoted(*source)}")
    session.duck.execute(f"DROP TABLE {quoted(*source)}")
    session.duck.execute(f"ALTER TABLE {quoted(*temporary)} RENAME TO {quoted(target[2])}")


def _set_length(session: Connection, table: Name, column: str, length: int) -> None:
    before = columns(session, table)
    if column not in [c.name for c in before]:
        raise sfe.ProgrammingError(
            msg=f"SQL compilation error:\ninvalid identifier '{column}'", errno=904, sqlstate="42000"
        )
    after = [replace(c, type="VARCHAR", length=length) if c.name == column else c for c in before]
    with one_transaction(session):
        _rebuild(session, table, table, after)
    _keep_lengths(session, table, after)


def _swap(session: Connection, one: Name, other: Name) -> None:
    """ALTER TABLE ... SWAP WITH: both names change hands in one transaction, with all that belongs to the tables."""
    first, second = columns(session, one), columns(session, other)
    duck, temporary = session.duck, f"LOCAL_SWAP_{os.urandom(4).hex()}"
    if one[0] != other[0]:
        raise sfe.ProgrammingError(
            msg="The local Snowflake can SWAP only tables of one database", errno=2, sqlstate="0A000"
        )
    try:
        with one_transaction(session):
            if one[1] == other[1]:
                for old, new in ((one[2], temporary), (other[2], one[2]), (temporary, other[2])):
                    duck.execute(f"ALTER TABLE {quoted(*one[:2], old)} RENAME TO {quoted(new)}")
            else:
                duck.execute(f"ALTER TABLE {quoted(*one)} RENAME TO {quoted(temporary)}")
                _rebuild(session, other, one, second)
                _rebuild(session, (*one[:2], temporary), other, first)
    except duckdb.Error as error:
        raise sfe.ProgrammingError(msg=str(error), errno=2003, sqlstate="42S02") from error
    _keep_lengths(session, one, second)
    _keep_lengths(session, other, first)
    _swap_comments(session, one, other)
    session.engine.times.swapped(one, other)
    for table in (one, other):
        load_history.forget(session, table)


def _swap_comments(session: Connection, one: Name, other: Name) -> None:
    side = session.duck.side
    place = "(ext_table_catalog, ext_table_schema, ext_table_name) = (?, ?, ?)"
    kept = {t: side.execute(f"SELECT comment FROM {_COMMENTS} WHERE {place}", list(t)).fetchone() for t in (one, other)}
    for table, row in ((one, kept[other]), (other, kept[one])):
        side.execute(f"DELETE FROM {_COMMENTS} WHERE {place}", list(table))
        if row:
            side.execute(f"INSERT INTO {_COMMENTS} VALUES (?, ?, ?, ?)", [*table, row[0]])
