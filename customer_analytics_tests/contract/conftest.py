"""The contract's tests run on the local Snowflake and, when SNOWFLAKE_ACCOUNT is set, on that account."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from customer_analytics.resources.warehouse import Warehouse


@pytest.fixture(scope="session", params=["local", "account"])
def warehouse(request: pytest.FixtureRequest, warehouse: Warehouse) -> Iterator[Warehouse]:
    """Either warehouse."""
    if request.param == "local":
        yield warehouse
        return
    if not os.environ.get("SNOWFLAKE_ACCOUNT"):
        pytest.skip("SNOWFLAKE_ACCOUNT is not set: the contract is not tested against an account")
    from customer_analytics.resources.warehouse import warehouse_from
    from customer_analytics.settings import Settings

    account = warehouse_from(Settings(), query_tag="customer_analytics contract tests")
    yield account
    account.close()
