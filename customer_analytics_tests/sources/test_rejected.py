"""STG_REJECTED: sources that replace their rows at the same time leave each other's alone."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyarrow as pa
from snowflake.snowpark import Session

from customer_analytics.resources.warehouse import Warehouse
from customer_analytics.sources.rejected import replace_rejected


def _rejected(table: str, lines: list[int], text: str = "x") -> pa.Table:
    now = dt.datetime(2026, 11, 23)
    rows = [(f"{table}.csv", n, table, "it is bad", text, now) for n in lines]
    names = ["SOURCE_FILE", "LINE", "TABLE_NAME", "REASON", "ROW_TEXT", "LOADED_AT"]
    types = [pa.string(), pa.int64(), pa.string(), pa.string(), pa.string(), pa.timestamp("us")]
    return pa.table([pa.array([r[i] for r in rows], t) for i, t in enumerate(types)], names=names)


def test_sources_at_the_same_time(session: Session, warehouse: Warehouse) -> None:
    arguments: dict[str, Any] = {**warehouse.connection_args(), "schema": str(session.get_current_schema()).strip('"')}

    def load(number: int) -> None:
        own = Session.builder.configs(arguments).create()
        for lines in ([2, 3, 4], [2], [5, 6]):
            replace_rejected(own, f"STG_{number}", _rejected(f"STG_{number}", lines))
        own.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(load, range(4)))
    found = session.sql("SELECT TABLE_NAME, LINE FROM STG_REJECTED ORDER BY 1, 2").collect()
    assert [tuple(r) for r in found] == [(f"STG_{n}", line) for n in range(4) for line in (5, 6)]
