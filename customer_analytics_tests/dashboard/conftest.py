"""A home folder with a small business in it, and one with nothing, each with its own local Snowflake."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st


@pytest.fixture(scope="session")
def business(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home folder whose tables, vectors and recordings are filled."""
    from customer_analytics.local_snowflake import lifecycle
    from customer_analytics.resources import build_resources
    from customer_analytics.settings import Settings
    from customer_analytics_tests.dashboard.business import fill

    home = tmp_path_factory.mktemp("business")
    settings = Settings(customer_analytics_home=home, _env_file=None)
    resources = build_resources(settings)
    fill(settings, resources, home / "audio")
    yield home
    resources["warehouse"].close()
    lifecycle.stop(home / "warehouse")


@pytest.fixture(scope="session")
def nothing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home folder before the first run."""
    from customer_analytics.local_snowflake import lifecycle

    home = tmp_path_factory.mktemp("nothing")
    yield home
    lifecycle.stop(home / "warehouse")


@pytest.fixture(autouse=True)
def _fresh_caches(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("OPENAI_API_KEY", "SNOWFLAKE_ACCOUNT", "WEAVIATE_URL"):
        monkeypatch.delenv(name, raising=False)
    # Streamlit leaves the app as `__main__`, which processes that a later test spawns would run.
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    yield
    st.cache_data.clear()
    st.cache_resource.clear()
