"""STG_REJECTED: sources that replace their rows at the same time leave each other's alone."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyarrow as pa
import pytest
from snowflake.connector.cursor import SnowflakeCursor
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


class Fault(Exception):
    """What the test throws in."""


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_fault_at_any_statement_leaves_the_old_rejects_or_the_new(
    session: Session, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Statement k fails, for every k: not sent at all, or done while its answer is lost."""
    execute = SnowflakeCursor.execute
    faults = 0
    for k in range(60):
        replace_rejected(session, "STG_ORDERS", _rejected("STG_ORDERS", [2, 3]))
        replace_rejected(session, "STG_SESSIONS", _rejected("STG_SESSIONS", [9]))
        statements: list[str] = []

        def counting(
            self: SnowflakeCursor, command: str, *args: Any, k: int = k, sent: list[str] = statements, **more: Any
        ) -> Any:
            sent.append(command)
            if len(sent) - 1 == k and moment == "before":
                raise Fault(command)
            result = execute(self, command, *args, **more)
            if len(sent) - 1 == k:
                raise Fault(command)
            return result

        with monkeypatch.context() as patch:
            patch.setattr(SnowflakeCursor, "execute", counting)
            try:
                replace_rejected(session, "STG_ORDERS", _rejected("STG_ORDERS", [5, 6, 7]))
            except Exception:  # noqa: BLE001 - the connector may wrap the fault
                faults += 1
        found = [tuple(r) for r in session.sql("SELECT TABLE_NAME, LINE FROM STG_REJECTED ORDER BY 1, 2").collect()]
        assert found.pop() == ("STG_SESSIONS", 9)
        assert [line for _, line in found] in ([2, 3], [5, 6, 7]), statements[k:]
        replace_rejected(session, "STG_ORDERS", _rejected("STG_ORDERS", [5, 6, 7]))  # the retry
        assert session.sql("SELECT 1 FROM STG_REJECTED WHERE TABLE_NAME = 'STG_ORDERS'").count() == 3
        if len(statements) <= k:
            break
    else:
        pytest.fail("the write never came to its end")
    assert faults >= 5


def test_rejects_are_streamed(session: Session) -> None:
    batches = [_rejected("STG_ORDERS", [n, n + 1]).to_batches()[0] for n in range(1, 9, 2)]
    empty = batches[0].slice(0, 0)
    reader = pa.RecordBatchReader.from_batches(empty.schema, iter([empty, *batches, empty]))
    replace_rejected(session, "STG_ORDERS", reader)
    assert [r[0] for r in session.sql("SELECT LINE FROM STG_REJECTED ORDER BY 1").collect()] == list(range(1, 9))
    replace_rejected(session, "STG_ORDERS", pa.RecordBatchReader.from_batches(empty.schema, iter([empty])))
    assert session.table("STG_REJECTED").count() == 0
