"""`.env.example` and the data dictionary say what the code says."""

from __future__ import annotations

import re
import tomllib

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


def test_every_dependency_has_its_line() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = [*project["dependencies"], *(d for extra in project["optional-dependencies"].values() for d in extra)]
    names = [re.split(r"[\[=<>~ ;]", dependency)[0] for dependency in needed]
    lines = re.findall(r"^\| ([a-z0-9-]+) \|", (ROOT / "docs/dependencies.md").read_text(), flags=re.MULTILINE)
    assert sorted(set(names)) == sorted(line for line in lines if line != "package")
