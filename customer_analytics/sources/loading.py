"""What a staging table gets from its source: new rows, nothing new, an empty table, or an error."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from customer_analytics.settings import Settings
from customer_analytics.sources import SourceError, files, staging
from customer_analytics.sources.rejected import count_rejected, replace_rejected
from customer_analytics.tables import DATE, INTEGER, MONEY, STG_REJECTED, TIMESTAMP, Table, source_name

if TYPE_CHECKING:
    import pyarrow as pa
    from snowflake.snowpark import Session

ABSENT = "absent"
"""The data version of the empty table of a source that was never there."""


@dataclass(frozen=True)
class LastLoad:
    """What the record of a table's latest load says: its data version, its rows, the rows rejected."""

    data_version: str
    rows: int | None
    rejected: int | None


@dataclass(frozen=True)
class Loaded:
    """What an asset is to return. `rows` is None where the table already holds the content of the file."""

    rows: pa.RecordBatchReader | pa.Table | None
    data_version: str
    metadata: dict[str, Any]
    warnings: list[str] = field(default_factory=list)


def load_source(
    settings: Settings, session: Session, table: Table, last: LastLoad | None, work: Path, now: dt.datetime
) -> Loaded:
    """Read the source of `table`, and put the rows that broke the contract into STG_REJECTED.

    `last` is the table's latest load, `now` the time of this one (UTC). A file that was loaded already is not
    loaded again, as long as the table still holds what it gave.
    `work` is a folder for it alone; it is gone when the rows have been read.
    """
    try:
        rejected = count_rejected(session, table.name)
        held = held_rows(session, table)
        source = files.find(settings.sources, source_name(table))
        if source is None:
            return _absent(settings, table, last, held, work)
        fetched = files.fetch(source, work)
        version = staging.data_version(fetched)
        metadata = {"source": source.shown, "source_bytes": fetched.size, "source_sha256": fetched.fingerprint}
        if last and held is not None and (version, held, rejected) == (last.data_version, last.rows, last.rejected):
            files.discard(fetched)
            shutil.rmtree(work, ignore_errors=True)
            metadata |= {"dagster/row_count": held, "rejected_rows": rejected, "reloaded": False}
            return Loaded(None, version, metadata)
        staged = staging.stage(fetched, table, work)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise
    try:
        replace_rejected(session, table.name, staged.rejected(now), rejected)
    except BaseException:
        staged.close()
        shutil.rmtree(work, ignore_errors=True)
        raise
    warnings = []
    if staged.extra_columns:
        metadata["ignored_columns"] = ", ".join(staged.extra_columns)[:1000]
        warnings.append(
            f"{source.shown}: columns that {table.name} does not know are ignored: {metadata['ignored_columns']}"
        )
    if staged.rejected_count:
        metadata["rejected_reasons"] = staged.reasons
        warnings.append(
            f"{source.shown}: {staged.rejected_count} of {staged.row_count + staged.rejected_count} rows broke the "
            f"contract and are in {STG_REJECTED.name}"
        )
    if not staged.row_count:
        warnings.append(f"{source.shown} has no good rows: {table.name} is empty")
    metadata |= {"rejected_rows": staged.rejected_count, "reloaded": True}
    return Loaded(_then_remove(staged.rows(), work), version, metadata, warnings)


def held_rows(session: Session, table: Table) -> int | None:
    """How many rows the table holds, or None when there is no such table."""
    from snowflake.snowpark.exceptions import SnowparkSQLException

    try:
        return session.table(table.name).count()
    except SnowparkSQLException as error:
        if "does not exist" in str(error):
            return None
        raise


def _absent(settings: Settings, table: Table, last: LastLoad | None, held: int | None, work: Path) -> Loaded:
    """A source that was never there gives an empty table; one that is gone is an error."""
    name, shown = source_name(table), files.without_credentials(settings.sources)
    if held is not None and (held > 0 or (last and last.data_version != ABSENT)):
        raise SourceError(
            f"{shown} has no {name}.csv or {name}.parquet any more, and {table.name} keeps its {held} rows: "
            f"put the file back, or go on without it by customer-analytics sql 'DROP TABLE {table.name}'"
        )
    shutil.rmtree(work, ignore_errors=True)
    metadata = {"source": f"{shown}/{name} (not there)", "rejected_rows": 0, "reloaded": True}
    warning = f"{shown} has no {name}.csv or {name}.parquet: {table.name} is empty"
    return Loaded(empty(table), ABSENT, metadata, [warning])


def empty(table: Table) -> pa.Table:
    """A table without rows, with the columns of `table`."""
    import pyarrow as pa

    types = {INTEGER: pa.int64(), MONEY: pa.decimal128(28, 9), DATE: pa.date32(), TIMESTAMP: pa.timestamp("us")}
    return pa.schema([(c.name.upper(), types.get(c.type, pa.string())) for c in table.columns]).empty_table()


def _then_remove(reader: pa.RecordBatchReader, work: Path) -> pa.RecordBatchReader:
    import pyarrow as pa

    def batches() -> Iterator[pa.RecordBatch]:
        try:
            yield from reader
        finally:
            shutil.rmtree(work, ignore_errors=True)

    return pa.RecordBatchReader.from_batches(reader.schema, batches())
