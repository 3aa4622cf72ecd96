"""STG_REJECTED: rows and recordings that broke their contract. Each source replaces its own."""

from __future__ import annotations

import itertools
import uuid
from typing import TYPE_CHECKING, Any

from customer_analytics.snowpark_io.columns import Column
from customer_analytics.snowpark_io.names import TableName
from customer_analytics.snowpark_io.upload import upload
from customer_analytics.tables import STG_REJECTED

if TYPE_CHECKING:
    import pyarrow as pa
    from snowflake.snowpark import Session


def replace_rejected(
    session: Session, table_name: str, rejected: pa.Table | pa.RecordBatchReader, before: int | None = None
) -> None:
    """Replace the rows of `table_name` in STG_REJECTED by `rejected` (its columns, in order), in one transaction.

    `before` is how many there are, where the caller has counted them.
    A reader is streamed: a file of nothing but bad rows needs no more memory than a good one.
    Sources that do so at once do not meet: each deletes and inserts its own rows alone.
    """
    import pyarrow as pa

    before = count_rejected(session, table_name) if before is None else before
    reader = rejected.to_reader() if isinstance(rejected, pa.Table) else rejected
    first = next((batch for batch in reader if batch.num_rows), None)
    if first is None and not before:
        return
    names = ", ".join(f'"{c.name.upper()}"' for c in STG_REJECTED.columns)
    staged = None
    if first is not None:
        staged = _staged(session, pa.RecordBatchReader.from_batches(reader.schema, itertools.chain([first], reader)))
    try:
        session.sql("BEGIN TRANSACTION").collect()
        session.sql(f"DELETE FROM {STG_REJECTED.name} WHERE TABLE_NAME = ?", params=[table_name]).collect()
        if staged:
            session.sql(f"INSERT INTO {STG_REJECTED.name} ({names}) SELECT {names} FROM {staged}").collect()
        session.sql("COMMIT").collect()
    except BaseException:
        session.sql("ROLLBACK").collect()
        raise
    finally:
        if staged:
            session.sql(f"DROP TABLE IF EXISTS {staged}").collect()


def _staged(session: Session, rejected: pa.RecordBatchReader) -> str:
    """The rows in a temporary table, uploaded before the transaction: it must be short, and hold no DDL."""
    name = f"STG_REJECTED_{uuid.uuid4().hex.upper()}"
    database, schema = session.get_current_database(), session.get_current_schema()
    assert database is not None
    assert schema is not None
    table = TableName(database.strip('"'), schema.strip('"'), name)
    stage = TableName(table.database, table.schema, f"{name}_STAGE")
    columns = [Column(c.name.upper(), c.type) for c in STG_REJECTED.columns]
    session.sql(f"CREATE TEMPORARY TABLE {table.sql} ({', '.join(c.definition for c in columns)})").collect()
    session.sql(f"CREATE TEMPORARY STAGE {stage.sql}").collect()
    upload(session, rejected, table, columns, stage)
    session.sql(f"DROP STAGE IF EXISTS {stage.sql}").collect()
    return table.sql


def count_rejected(session: Session, table_name: str) -> int:
    """How many rows or recordings of `table_name` are rejected. STG_REJECTED is made where it is missing."""
    from snowflake.connector.errors import DatabaseError
    from snowflake.snowpark.exceptions import SnowparkSQLException

    count = f"SELECT COUNT(*) FROM {STG_REJECTED.name} WHERE TABLE_NAME = ?"
    columns = ", ".join(
        f'"{c.name.upper()}" {c.type}' + ("" if c.nullable else " NOT NULL") for c in STG_REJECTED.columns
    )
    for last_try in (False, True):
        try:
            row: Any = session.sql(count, params=[table_name]).collect()[0]
            return int(row[0])
        except SnowparkSQLException as error:
            if last_try or "does not exist" not in str(error):
                raise
        try:
            session.sql(f"CREATE TABLE IF NOT EXISTS {STG_REJECTED.name} ({columns})").collect()
        except (SnowparkSQLException, DatabaseError):
            continue  # another source made it at this moment
    raise AssertionError("the second try returns or raises")
