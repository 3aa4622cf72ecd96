"""Writing: a whole table or some of its partitions, replaced so that readers see the old or the new rows.

Everything slow or likely to fail (computing, uploading, casting) happens beside the table, in
temporary objects. What touches the table is one statement, or one transaction without DDL
(Snowflake commits an open transaction before any DDL).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .columns import (
    Column,
    ColumnMismatch,
    described,
    existing_columns,
    projection,
    select_list,
)
from .names import TableName, quoted
from .upload import frame_columns, upload

if TYPE_CHECKING:
    from snowflake.snowpark import Session

log = logging.getLogger(__name__)


ATTEMPTS = 3
"""How often a write is tried when another run changes the same table meanwhile."""


class PartitionConflict(RuntimeError):
    """Rows outside of the partition, or another run that wrote the same partition again and again meanwhile."""


class _WrittenMeanwhile(PartitionConflict):
    """Another run wrote the same partition between this one's statements; nothing of this one is left."""


@dataclass(frozen=True)
class Source:
    """What is to be written, as a query and its columns."""

    query: str
    columns: list[Column]
    rows: int | None = None
    """How many rows it gives, where that is known."""


def is_snowpark(obj: object) -> bool:
    return type(obj).__module__.partition(".")[0] == "snowflake" and hasattr(obj, "queries")


@contextmanager
def source_of(
    session: Session, obj: Any, table: TableName, declared: Sequence[Column], staged: bool
) -> Iterator[Source]:
    """A query for what the asset returned. With `staged`, its rows already stand in a temporary table.

    A lazy Snowpark frame of one plain query is written straight from it; any other frame goes
    through a temporary table. Temporary objects are gone afterwards, also after a failure.
    """
    if is_snowpark(obj) and not staged and (query := _one_query(obj)):
        yield Source(query, described(session, query))
        return
    temporary, stage = table.temporary(), table.temporary()
    made, rows = [], None
    try:
        if is_snowpark(obj):
            made.append(f"TABLE IF EXISTS {temporary.sql}")
            obj.write.save_as_table(temporary.sql, mode="errorifexists", table_type="temporary")
            columns = described(session, f"SELECT * FROM {temporary.sql}")
        else:
            columns = _frame_columns(session, obj, table, declared)
            made.append(f"TABLE IF EXISTS {temporary.sql}")
            session.sql(f"CREATE TEMPORARY TABLE {temporary.sql} ({_definitions(columns)})").collect()
            if len(frame_columns(obj)):
                made.append(f"STAGE IF EXISTS {stage.sql}")
                session.sql(f"CREATE TEMPORARY STAGE {stage.sql}").collect()
                rows = upload(session, obj, temporary, columns, stage)
        yield Source(f"SELECT * FROM {temporary.sql}", columns, rows)
    finally:
        for what in reversed(made):
            _quietly(session, f"DROP {what}")


def replace_table(
    session: Session, table: TableName, source: Source, declared: Sequence[Column]
) -> tuple[int, list[Column]]:
    """Replace the whole table by one statement; the number of rows, and its columns.

    Same columns as before: INSERT OVERWRITE, which keeps grants, policies, tags, streams and Time
    Travel. New or changed columns: CREATE OR REPLACE TABLE ... COPY GRANTS AS SELECT.
    """
    pairs = projection(source.columns, declared)
    columns = [target for _, target in pairs]
    select = f"SELECT {select_list(pairs)} FROM ({source.query})"
    for attempt in range(1, ATTEMPTS + 1):
        existing = existing_columns(session, table.sql)
        try:
            return _replace(session, table, columns, select, source.rows, in_place=existing == columns), columns
        except Exception:
            # Another run may have given the table other columns since they were looked at: then look again.
            if attempt == ATTEMPTS or not _changed(session, table, existing):
                raise
    raise AssertionError("the last attempt returns or raises")


def _replace(
    session: Session, table: TableName, columns: Sequence[Column], select: str, rows: int | None, in_place: bool
) -> int:
    if in_place:
        names = ", ".join(quoted(c.name) for c in columns)
        return _number(session, f"INSERT OVERWRITE INTO {table.sql} ({names}) {select}")
    session.sql(f"CREATE OR REPLACE TABLE {table.sql} ({_definitions(columns)}) COPY GRANTS AS {select}").collect()
    return _count(session, table.sql) if rows is None else rows


def _changed(session: Session, table: TableName, before: list[Column] | None) -> bool:
    """Whether the table has other columns than `before`; False where it cannot even be asked."""
    try:
        return existing_columns(session, table.sql) != before
    except Exception:  # noqa: BLE001 - the error that led here says more
        return False


def replace_partitions(
    session: Session, table: TableName, source: Source, declared: Sequence[Column], predicate: str
) -> tuple[int, list[Column]]:
    """Replace the rows for which `predicate` holds by one transaction; the number of new rows, and the columns.

    Columns that the table does not have yet are added to it (other partitions get NULL). A column
    that the frame lacks, or of another kind of type, raises `ColumnMismatch`; a row that is not of
    these partitions raises `PartitionConflict`. Nothing is written then.
    """
    pairs = projection(source.columns, declared)
    staged = f"SELECT {select_list(pairs)} FROM ({source.query})"
    strays = _count(session, f"({staged}) WHERE NOT COALESCE({predicate}, FALSE)")
    if strays:
        raise PartitionConflict(f"{strays} rows for {table} are not of the partition ({predicate}): filter the frame")
    columns = _fit(session, table, [target for _, target in pairs])
    names = ", ".join(quoted(c.name) for c in columns)
    total = _count(session, f"({source.query})") if source.rows is None else source.rows
    for attempt in range(1, ATTEMPTS + 1):
        try:
            _swap_partition(
                session, table, f"INSERT INTO {table.sql} ({names}) SELECT {names} FROM ({staged})", predicate, total
            )
            break
        except _WrittenMeanwhile:
            if attempt == ATTEMPTS:
                raise
    return total, columns


def _swap_partition(session: Session, table: TableName, insert: str, predicate: str, total: int) -> None:
    with transaction(session):
        session.sql(f"DELETE FROM {table.sql} WHERE {predicate}").collect()
        session.sql(insert).collect()
        # Where a concurrent run committed the same partition between the two, both would be there.
        found = _count(session, f"{table.sql} WHERE {predicate}")
        if found != total:
            raise _WrittenMeanwhile(
                f"another run wrote the same partition of {table} meanwhile ({found} rows, {total} expected): run again"
            )


@contextmanager
def transaction(session: Session) -> Iterator[None]:
    """One transaction on the session: committed at the end, rolled back on any error."""
    try:
        session.sql("BEGIN TRANSACTION").collect()
        yield
        session.sql("COMMIT").collect()
    except BaseException:
        _quietly(session, "ROLLBACK")
        raise


def _one_query(frame: Any) -> str | None:
    """The frame's query, when it is one SELECT that can stand inside another statement."""
    plan = frame.queries
    if len(plan["queries"]) != 1 or plan["post_actions"]:
        return None
    query = plan["queries"][0]
    # A question mark may be a bound value, which the text alone does not carry.
    return query if query.lstrip(" (\n").upper().startswith(("SELECT", "WITH")) and "?" not in query else None


def _frame_columns(session: Session, frame: Any, table: TableName, declared: Sequence[Column]) -> list[Column]:
    """A frame's columns under its own names, but with the declared types: the upload casts once."""
    columns = frame_columns(frame)
    if not columns and declared:  # DataFrame(): an empty table of the declared columns
        return [Column(c.name, c.type or "VARCHAR") for c in declared]
    types = {source.name: target.type for source, target in projection(columns, declared)}
    if untyped := [name for name, type_ in types.items() if type_ is None]:
        # NULL throughout, as each column of an empty pandas frame is: it takes the type that the table has.
        there = {c.name: c.type for c in existing_columns(session, table.sql) or ()}
        types |= {name: there.get(name) or "VARCHAR" for name in untyped}
    return [Column(c.name, types[c.name]) for c in columns]


def _fit(session: Session, table: TableName, columns: list[Column]) -> list[Column]:
    """Make the table ready for these columns, before the transaction; the columns with the table's own types."""
    existing = existing_columns(session, table.sql)
    if existing is None:
        session.sql(f"CREATE TABLE IF NOT EXISTS {table.sql} ({_definitions(columns)})").collect()
        existing = existing_columns(session, table.sql) or columns
    have = {c.name: c for c in existing}
    if lacking := [c.name for c in existing if c.name not in {x.name for x in columns}]:
        raise ColumnMismatch(
            f"table {table} has columns {lacking} that the frame lacks: return them, or drop them from the table"
        )
    for column in columns:
        there = have.get(column.name)
        if there is None:
            session.sql(f"ALTER TABLE {table.sql} ADD COLUMN IF NOT EXISTS {column.definition}").collect()
        elif not _holds(there.type, column.type):
            raise ColumnMismatch(
                f"column {column.name} of {table} is {there.type}, the frame's is {column.type}: declare its type, "
                "or drop the table and build all of its partitions anew"
            )
    return columns


def _holds(there: str | None, new: str | None) -> bool:
    if not there or not new or there == new:
        return True
    kind, _, size = there.partition("(")
    new_kind, _, new_size = new.partition("(")
    if kind != new_kind:
        return False
    return kind != "NUMBER" or int(size[:-1].split(",")[1]) >= int(new_size[:-1].split(",")[1])


def _definitions(columns: Sequence[Column]) -> str:
    return ", ".join(c.definition for c in columns)


def _count(session: Session, what: str) -> int:
    return _number(session, f"SELECT COUNT(*) FROM {what}")


def _number(session: Session, statement: str) -> int:
    """The one figure that a statement answers with; for INSERT, the rows inserted."""
    rows: Any = session.sql(statement).collect()
    return int(rows[0][0])


def _quietly(session: Session, statement: str) -> None:
    """Cleaning up must not hide the error that led here; what stays ends with the session."""
    try:
        session.sql(statement).collect()
    except Exception as e:  # noqa: BLE001
        log.debug("%s: %s", statement, e)
