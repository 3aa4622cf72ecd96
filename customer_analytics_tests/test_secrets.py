"""No secret of any setting shows in what the commands print, or in what they leave in the home folder."""

from __future__ import annotations

import os
import subprocess
import sys
import traceback
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from customer_analytics.settings import Settings

SECRET_SETTINGS = sorted(n for n, f in Settings.model_fields.items() if "SecretStr" in str(f.annotation))
MARK = "mark-{}-5ecret"
NOWHERE = {  # nobody listens there, so everything that uses a secret fails, and says why
    "WEAVIATE_URL": "http://127.0.0.1:9",
    "WEAVIATE_GRPC_URL": "127.0.0.1:10",
    "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
    "EMBEDDER": "openai",
}


def marked(*names: str) -> dict[str, str]:
    """Each secret setting with a value of its own."""
    values = {name.upper(): MARK.format(name) for name in names}
    if "DAGSTER_POSTGRES_URL" in values:
        values["DAGSTER_POSTGRES_URL"] = f"postgresql://dagster:{values['DAGSTER_POSTGRES_URL']}@127.0.0.1:9/dagster"
    return values


def shown_by(command: list[str], home: Path, environment: dict[str, str]) -> str:
    given = {k: v for k, v in os.environ.items() if k.lower() not in Settings.model_fields}
    ended = subprocess.run(
        [sys.executable, "-m", "customer_analytics", *command],
        env=given | {"CUSTOMER_ANALYTICS_HOME": str(home)} | environment,
        cwd=home.parent,
        capture_output=True,
        text=True,
        timeout=200,
    )
    left = [path.read_bytes().decode(errors="replace") for path in home.rglob("*") if path.is_file()]
    return "\n".join([ended.stdout, ended.stderr, *left])


def test_the_secret_settings_are_those_that_this_test_knows() -> None:
    assert SECRET_SETTINGS == [
        "dagster_postgres_url", "failure_webhook_url", "openai_api_key", "snowflake_password",
        "snowflake_private_key_passphrase", "snowflake_token", "weaviate_api_key",
    ]  # fmt: skip


@pytest.mark.timeout(300)
def test_the_doctor_says_set_and_nothing_more(tmp_path: Path) -> None:
    names = ("dagster_postgres_url", "failure_webhook_url", "openai_api_key", "weaviate_api_key")
    home = tmp_path / "home"
    try:
        shown = shown_by(["doctor"], home, marked(*names) | NOWHERE)
    finally:
        shown_by(["warehouse", "stop"], home, {})
    for name in names:
        line = next(line for line in shown.splitlines() if line.split()[:1] == [name.upper()])
        assert line.split()[1:] == ["set", "(set)"]
    assert "FAIL  embedder" in shown
    assert "FAIL  vector store" in shown
    assert "FAIL  Dagster storage" in shown
    assert "5ecret" not in shown


@pytest.mark.timeout(300)
def test_a_run_that_cannot_reach_its_storage_names_the_host_and_not_the_password(tmp_path: Path) -> None:
    shown = shown_by(["run"], tmp_path / "home", marked("dagster_postgres_url", "failure_webhook_url"))
    assert "127.0.0.1" in shown
    assert "5ecret" not in shown


@pytest.mark.parametrize("name", SECRET_SETTINGS)
def test_a_wrong_setting_beside_it_does_not_show_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in marked(name).items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setenv("AS_OF", "no day")
    monkeypatch.setenv("SNOWFLAKE_AUTHENTICATOR", "externalbrowser")
    try:
        Settings()
    except ValidationError as error:
        said = "".join(p["msg"] for p in error.errors(include_input=False)) + "".join(traceback.format_exception(error))
    assert "as_of" in said.lower()
    assert "5ecret" not in said


@pytest.mark.parametrize("name", SECRET_SETTINGS)
def test_settings_and_their_copies_hide_it(name: str) -> None:
    settings = Settings.model_construct(**{name: SecretStr(MARK.format(name))})
    for shown in (repr(settings), str(settings.model_dump()), settings.model_dump_json(), f"{settings}"):
        assert "5ecret" not in shown
