"""Fixtures that more than one room uses."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from snowflake.snowpark import Session

    from customer_analytics.resources.warehouse import Warehouse
    from customer_analytics_tests.weaviate_server import WeaviateServer

SEED_DATA = Path(__file__).resolve().parents[2] / "shared" / "seed_data"

# On CI the same examples every time: a change is red for what it changed. By hand, new ones every time.
settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("by_hand", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "by_hand")


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test touches the checkout's embedded data or reads the developer's `.env`."""
    monkeypatch.setenv("CUSTOMER_ANALYTICS_HOME", str(tmp_path / "home"))


@pytest.fixture(scope="session")
def seed_data() -> Path:
    """The tutorial's own files, where they are present."""
    if not SEED_DATA.is_dir():
        pytest.skip("../shared/seed_data is not here: the tutorial's own files cannot be tested against")
    return SEED_DATA


@pytest.fixture(scope="session")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """A local Snowflake of this test run's own, in a temporary folder; stopped at its end."""
    from customer_analytics.local_snowflake import lifecycle
    from customer_analytics.local_snowflake.lifecycle import Options
    from customer_analytics.resources.warehouse.local import LocalWarehouse

    home = tmp_path_factory.mktemp("local_snowflake")
    options = Options(log_file=home / "log", idle_minutes=10)
    warehouse = LocalWarehouse(home / "warehouse", options, "CUSTOMER_ANALYTICS", "ANALYTICS")
    yield warehouse
    warehouse.close()
    lifecycle.stop(home / "warehouse")


@pytest.fixture
def session(warehouse: Warehouse) -> Iterator[Session]:
    """A Snowpark session in a fresh, empty schema of the test's own."""
    with _session_in_new_schema(warehouse) as session:
        yield session


@pytest.fixture(scope="module")
def module_session(warehouse: Warehouse) -> Iterator[Session]:
    """A Snowpark session in a schema that the tests of one module share."""
    with _session_in_new_schema(warehouse) as session:
        yield session


@contextmanager
def _session_in_new_schema(warehouse: Warehouse) -> Iterator[Session]:
    from snowflake.snowpark import Session

    schema = f"T_{uuid.uuid4().hex[:12]}".upper()
    session = Session.builder.configs({**warehouse.connection_args(), "schema": schema}).create()
    session.telemetry_enabled = False  # snowflake-ml would keep its connection, and ask the server when it has gone
    yield session
    session.sql(f"DROP SCHEMA IF EXISTS {schema}").collect()
    session.close()


@pytest.fixture(scope="session")
def weaviate_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WeaviateServer]:
    """A real Weaviate with anonymous access; tests that use it are marked `heavy`."""
    from customer_analytics_tests.weaviate_server import WeaviateServer

    server = WeaviateServer(tmp_path_factory.mktemp("weaviate"))
    yield server.start()
    server.kill()


@pytest.fixture(scope="session")
def weaviate_server_with_key(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WeaviateServer]:
    """A real Weaviate that asks for an API key; tests that use it are marked `heavy`."""
    from customer_analytics_tests.weaviate_server import WeaviateServer

    server = WeaviateServer(tmp_path_factory.mktemp("weaviate_with_key"), api_key="right-key")
    yield server.start()
    server.kill()


@pytest.fixture
def weaviate_server_of_its_own(tmp_path: Path) -> Iterator[WeaviateServer]:
    """A real Weaviate that the test may kill and start again; tests that use it are marked `heavy`."""
    from customer_analytics_tests.weaviate_server import WeaviateServer

    server = WeaviateServer(tmp_path / "weaviate")
    yield server.start()
    server.kill()
