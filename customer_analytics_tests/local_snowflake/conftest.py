"""Servers that a test may stop and kill."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from customer_analytics.local_snowflake import lifecycle
from customer_analytics.local_snowflake.lifecycle import Options
from customer_analytics.resources.warehouse.local import LocalWarehouse


@pytest.fixture
def own_warehouse(tmp_path: Path) -> Iterator[LocalWarehouse]:
    """A local Snowflake of this test alone."""
    folder = tmp_path / "warehouse"
    options = Options(tmp_path / "log", idle_minutes=5, statement_log=tmp_path / "statements.jsonl")
    warehouse = LocalWarehouse(folder, options, "CUSTOMER_ANALYTICS", "ANALYTICS", query_tag="test")
    yield warehouse
    warehouse.close()
    lifecycle.stop(folder)
