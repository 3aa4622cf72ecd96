"""What the connector is given for an account, for each way to log in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from customer_analytics.resources.warehouse import warehouse_from
from customer_analytics.resources.warehouse.snowflake import SnowflakeWarehouse
from customer_analytics.settings import Settings

ACCOUNT = {"SNOWFLAKE_ACCOUNT": "org-one", "SNOWFLAKE_USER": "ana", "SNOWFLAKE_WAREHOUSE": "WH"}


def arguments(monkeypatch: pytest.MonkeyPatch, tag: str | None = None, **environment: str) -> dict[str, Any]:
    for name, value in {**ACCOUNT, **environment}.items():
        monkeypatch.setenv(name, value)
    warehouse = warehouse_from(Settings(), tag)
    assert isinstance(warehouse, SnowflakeWarehouse)
    return warehouse.connection_args()


def test_password(monkeypatch: pytest.MonkeyPatch) -> None:
    args = arguments(monkeypatch, SNOWFLAKE_PASSWORD="hush")
    assert args["password"] == "hush"
    assert not {"authenticator", "token", "private_key_file"} & set(args)


def test_key_pair_with_a_passphrase(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "key.p8").touch()
    args = arguments(monkeypatch, SNOWFLAKE_PRIVATE_KEY_PATH="~/key.p8", SNOWFLAKE_PRIVATE_KEY_PASSPHRASE="open sesame")
    assert args["authenticator"] == "SNOWFLAKE_JWT"
    assert args["private_key_file"] == str(tmp_path / "key.p8")
    assert args["private_key_file_pwd"] == "open sesame"
    assert "password" not in args


def test_a_key_without_a_passphrase_names_none_and_goes_before_a_password(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "key.p8").touch()
    args = arguments(monkeypatch, SNOWFLAKE_PRIVATE_KEY_PATH=str(tmp_path / "key.p8"), SNOWFLAKE_PASSWORD="hush")
    assert not {"private_key_file_pwd", "password"} & set(args)


def test_oauth_needs_no_user(monkeypatch: pytest.MonkeyPatch) -> None:
    args = arguments(monkeypatch, SNOWFLAKE_USER="", SNOWFLAKE_AUTHENTICATOR="oauth", SNOWFLAKE_TOKEN="t0ken")
    assert (args["authenticator"], args["token"]) == ("oauth", "t0ken")
    assert "user" not in args


def test_external_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    args = arguments(monkeypatch, SNOWFLAKE_AUTHENTICATOR="externalbrowser")
    assert args["authenticator"] == "externalbrowser"
    assert "password" not in args


def test_query_tag_statement_timeout_and_warehouse(monkeypatch: pytest.MonkeyPatch) -> None:
    args = arguments(
        monkeypatch, "a tag", SNOWFLAKE_PASSWORD="hush", SNOWFLAKE_STATEMENT_TIMEOUT_SECONDS="77", SNOWFLAKE_ROLE="R"
    )
    assert args["session_parameters"] == {"STATEMENT_TIMEOUT_IN_SECONDS": 77, "QUERY_TAG": "a tag"}
    assert (args["warehouse"], args["role"], args["database"]) == ("WH", "R", "CUSTOMER_ANALYTICS")


def test_names_are_identifiers_as_setup_makes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"SNOWFLAKE_ROLE": "Data-Eng", "SNOWFLAKE_DATABASE": '"my db"', "SNOWFLAKE_WAREHOUSE": "wh"}
    args = arguments(monkeypatch, SNOWFLAKE_PASSWORD="hush", **given)
    assert (args["role"], args["database"], args["warehouse"]) == ('"Data-Eng"', '"my db"', "wh")


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({}, "without a way to log in"),
        ({"SNOWFLAKE_USER": "", "SNOWFLAKE_PASSWORD": "hush"}, "SNOWFLAKE_USER"),
        ({"SNOWFLAKE_WAREHOUSE": "", "SNOWFLAKE_PASSWORD": "hush"}, "SNOWFLAKE_WAREHOUSE"),
        ({"SNOWFLAKE_ACCOUNT": "", "SNOWFLAKE_USER": "", "SNOWFLAKE_PASSWORD": "hush"}, "SNOWFLAKE_ACCOUNT is not"),
        ({"SNOWFLAKE_ACCOUNT": ""}, "SNOWFLAKE_USER is set but SNOWFLAKE_ACCOUNT is not"),
        ({"SNOWFLAKE_PRIVATE_KEY_PASSPHRASE": "hush", "SNOWFLAKE_PASSWORD": "hush"}, "SNOWFLAKE_PRIVATE_KEY_PATH"),
        ({"SNOWFLAKE_PRIVATE_KEY_PATH": "/no/such/key.p8"}, "names no file"),
        ({"SNOWFLAKE_PRIVATE_KEY_PATH": "/no/key", "SNOWFLAKE_AUTHENTICATOR": "externalbrowser"}, "exclude each other"),
        ({"SNOWFLAKE_AUTHENTICATOR": "snowflake_jwt"}, "needs SNOWFLAKE_PRIVATE_KEY_PATH"),
        ({"SNOWFLAKE_AUTHENTICATOR": "oauth"}, "needs SNOWFLAKE_TOKEN"),
        ({"SNOWFLAKE_TOKEN": "hush", "SNOWFLAKE_PASSWORD": "hush"}, "SNOWFLAKE_AUTHENTICATOR=oauth"),
        ({"SNOWFLAKE_AUTHENTICATOR": "https://one.okta.com"}, "needs SNOWFLAKE_PASSWORD"),
        ({"SNOWFLAKE_AUTHENTICATOR": "hush"}, "SNOWFLAKE_AUTHENTICATOR is none"),
    ],
)
def test_half_of_it_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], says: str) -> None:
    with pytest.raises(ValidationError, match=says) as refused:
        arguments(monkeypatch, **environment)
    shown = " ".join(p["msg"] for p in refused.value.errors(include_input=False))
    assert "hush" not in shown


def test_no_secret_shows_in_settings_or_the_warehouse(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "key.p8").touch()
    given = {"SNOWFLAKE_PRIVATE_KEY_PATH": str(tmp_path / "key.p8"), "SNOWFLAKE_PRIVATE_KEY_PASSPHRASE": "sesame-7"}
    arguments(monkeypatch, SNOWFLAKE_PASSWORD="hush-hush", **given)
    shown = repr(Settings()) + repr(warehouse_from(Settings()))
    assert "hush-hush" not in shown
    assert "sesame-7" not in shown
