"""`.env.example` and the data dictionary say what the code says."""

from __future__ import annotations

import pytest

from customer_analytics.generated_docs import FILES, ROOT, env_example
from customer_analytics.settings import Settings


@pytest.mark.parametrize("name", FILES)
def test_is_up_to_date(name: str) -> None:
    assert (ROOT / name).read_text(encoding="utf-8") == FILES[name](), f"{name} is out of date: run make docs"


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_has_a_meaning_and_is_listed(name: str) -> None:
    assert Settings.model_fields[name].description, f"{name} has no description in settings.py"
    assert f"\n#{name.upper()}=" in env_example()


def test_the_example_uncommented_is_the_default(tmp_path, monkeypatch) -> None:
    lines = [line.removeprefix("#") for line in env_example().splitlines() if "=" in line and line[1:2].isupper()]
    assert len(lines) == len(Settings.model_fields)
    (tmp_path / ".env").write_text("\n".join(lines))
    monkeypatch.delenv("CUSTOMER_ANALYTICS_HOME", raising=False)
    assert Settings(_env_file=tmp_path / ".env") == Settings(_env_file=None)  # pyright: ignore[reportCallIssue]
