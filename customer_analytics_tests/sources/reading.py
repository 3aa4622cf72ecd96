"""One file read as a table, for the tests of this room."""

from __future__ import annotations

import datetime as dt
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from customer_analytics.sources import files, staging
from customer_analytics.tables import Table, source_name


@dataclass
class Read:
    rows: list[tuple[Any, ...]]
    rejected: list[dict[str, Any]]
    unknown_columns: tuple[str, ...]
    plain: bool

    @property
    def reasons(self) -> list[tuple[int | None, str]]:
        return [(r["LINE"], r["REASON"]) for r in self.rejected]

    @property
    def texts(self) -> list[str]:
        return [r["ROW_TEXT"] for r in self.rejected]


def read(folder: Path, table: Table, content: str | bytes, suffix: str = "csv", strictly: bool = False) -> Read:
    """The rows and rejects of `content` as the source file of `table`; `strictly` by the strict reader."""
    path = folder / f"{source_name(table)}.{suffix}"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_source(folder, table, strictly)


def read_source(folder: Path, table: Table, strictly: bool = False) -> Read:
    source = files.find(str(folder), source_name(table))
    assert source is not None
    with tempfile.TemporaryDirectory() as work:
        fetched = files.fetch(source, Path(work))
        staged = staging.stage(replace(fetched, plain=fetched.plain and not strictly), table, Path(work))
        rejected = staged.rejected(dt.datetime(2026, 11, 23)).read_all().to_pylist()
        unknown = staged.extra_columns
        table_rows = staged.rows().read_all()
    assert table_rows.column_names == [c.name.upper() for c in table.columns]
    return Read([tuple(r.values()) for r in table_rows.to_pylist()], rejected, unknown, fetched.plain)
