"""Recorded calls: found at SOURCE_URI, kept in the stage CALL_STAGE, turned into CALL_TRANSCRIPTS."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from customer_analytics.tables import STG_REJECTED

if TYPE_CHECKING:
    import pyarrow as pa

CALL_STAGE = "CALL_STAGE"


@dataclass(frozen=True)
class RejectedRecording:
    """A recording that cannot be used, and why."""

    source_file: str
    reason: str


def rejected_rows(table_name: str, recordings: Iterable[RejectedRecording], loaded_at: dt.datetime) -> pa.Table:
    """The recordings as rows of STG_REJECTED. A recording has neither a line nor a text."""
    import pyarrow as pa

    rows = [(r.source_file, None, table_name, r.reason, None, loaded_at) for r in recordings]
    types = (pa.string(), pa.int64(), pa.string(), pa.string(), pa.string(), pa.timestamp("us"))
    columns = zip(*rows, strict=True) if rows else ((),) * len(types)
    return pa.table(
        [pa.array(values, type_) for values, type_ in zip(columns, types, strict=True)],
        names=[c.name.upper() for c in STG_REJECTED.columns],
    )
