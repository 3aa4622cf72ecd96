"""Fixtures that more than one room uses."""

from __future__ import annotations

from pathlib import Path

import pytest

SEED_DATA = Path(__file__).resolve().parents[2] / "shared" / "seed_data"


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
