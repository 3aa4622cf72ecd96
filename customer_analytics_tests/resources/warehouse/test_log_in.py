"""What the installed connector sends to an account at log-in, for each way to log in: asked of a server that writes it
down and refuses."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from snowflake.connector.errors import Error

from customer_analytics.resources.warehouse import warehouse_from
from customer_analytics.settings import Settings

ACCOUNT = {
    "SNOWFLAKE_ACCOUNT": "org-one", "SNOWFLAKE_USER": "ana", "SNOWFLAKE_WAREHOUSE": "WH", "SNOWFLAKE_ROLE": "PIPELINE",
    "SNOWFLAKE_STATEMENT_TIMEOUT_SECONDS": "77",
}  # fmt: skip


class Refusing(ThreadingHTTPServer):
    """Says no to everything, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                server.asked.append((self.path, json.loads(body or b"{}")))
                answer = b'{"success": false, "code": "390100", "message": "no", "data": {}}'
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: Any) -> None: ...

        super().__init__(("127.0.0.1", 0), Handler)


@pytest.fixture
def account() -> Iterator[Refusing]:
    server = Refusing()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def log_in(
    account: Refusing, monkeypatch: pytest.MonkeyPatch, **environment: str
) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Path, question and data of the connector's first request."""
    for name, value in {**ACCOUNT, **environment}.items():
        monkeypatch.setenv(name, value)
    warehouse = warehouse_from(Settings(), "a tag")
    with pytest.raises(Error) as refused:
        warehouse.connect(
            host="127.0.0.1", port=account.server_port, protocol="http", login_timeout=5,
            platform_detection_timeout_seconds=0,
        )  # fmt: skip
    for secret in ("hush-hush", "sesame-7", "t0ken-t0ken"):
        assert secret not in str(refused.value)
    path, body = account.asked[0]
    return path.partition("?")[2], body, body["data"]


def a_key(folder: Path, passphrase: str | None) -> tuple[Path, rsa.RSAPrivateKey]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    how = serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    path = folder / "key.p8"
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how))
    return path, key


def test_password_with_role_warehouse_tag_and_timeout(account: Refusing, monkeypatch: pytest.MonkeyPatch) -> None:
    question, _, data = log_in(account, monkeypatch, SNOWFLAKE_PASSWORD="hush-hush")
    assert (data["LOGIN_NAME"], data["PASSWORD"], data["ACCOUNT_NAME"]) == ("ana", "hush-hush", "org-one")
    assert {"warehouse=WH", "roleName=PIPELINE", "databaseName=CUSTOMER_ANALYTICS", "schemaName=ANALYTICS"} <= set(
        question.split("&")
    )
    assert data["SESSION_PARAMETERS"]["QUERY_TAG"] == "a tag"
    assert data["SESSION_PARAMETERS"]["STATEMENT_TIMEOUT_IN_SECONDS"] == 77


@pytest.mark.parametrize("passphrase", [None, "sesame-7"])
def test_key_pair_signs_in_the_users_name(
    account: Refusing, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, passphrase: str | None
) -> None:
    path, key = a_key(tmp_path, passphrase)
    environment = {"SNOWFLAKE_PRIVATE_KEY_PATH": str(path)}
    if passphrase:
        environment["SNOWFLAKE_PRIVATE_KEY_PASSPHRASE"] = passphrase
    _, _, data = log_in(account, monkeypatch, **environment)
    assert data["AUTHENTICATOR"] == "SNOWFLAKE_JWT"
    assert "PASSWORD" not in data
    claims = jwt.decode(data["TOKEN"], key.public_key(), algorithms=["RS256"])  # raises on a wrong signature
    der = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert claims["sub"] == "ORG-ONE.ANA"
    assert claims["iss"] == f"ORG-ONE.ANA.SHA256:{base64.b64encode(hashlib.sha256(der).digest()).decode()}"


def test_oauth_sends_the_token_and_no_password(account: Refusing, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"SNOWFLAKE_USER": "", "SNOWFLAKE_AUTHENTICATOR": "oauth", "SNOWFLAKE_TOKEN": "t0ken-t0ken"}
    _, _, data = log_in(account, monkeypatch, **given)
    assert (data["AUTHENTICATOR"], data["TOKEN"]) == ("OAUTH", "t0ken-t0ken")
    assert "PASSWORD" not in data


def test_the_browser_is_asked_for_by_its_own_request(account: Refusing, monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, data = log_in(account, monkeypatch, SNOWFLAKE_AUTHENTICATOR="externalbrowser")
    assert account.asked[0][0].startswith("/session/authenticator-request")
    assert data["AUTHENTICATOR"] == "EXTERNALBROWSER"
    assert data["LOGIN_NAME"] == "ana"


def test_a_programmatic_access_token_is_sent_as_a_token(account: Refusing, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"SNOWFLAKE_AUTHENTICATOR": "programmatic_access_token", "SNOWFLAKE_TOKEN": "t0ken-t0ken"}
    _, _, data = log_in(account, monkeypatch, **given)
    assert (data["AUTHENTICATOR"], data["TOKEN"]) == ("PROGRAMMATIC_ACCESS_TOKEN", "t0ken-t0ken")
    assert "PASSWORD" not in data


def test_a_password_with_a_second_factor_is_sent_as_one(account: Refusing, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"SNOWFLAKE_AUTHENTICATOR": "username_password_mfa", "SNOWFLAKE_PASSWORD": "hush-hush"}
    _, _, data = log_in(account, monkeypatch, **given)
    assert data["PASSWORD"] == "hush-hush"
    assert "AUTHENTICATOR" not in data, "the second factor comes after Snowflake's own log-in"


def test_okta_is_asked_for_by_its_own_request_and_the_password_is_not_snowflakes(
    account: Refusing, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"SNOWFLAKE_AUTHENTICATOR": "https://one.okta.com", "SNOWFLAKE_PASSWORD": "hush-hush"}
    _, body, data = log_in(account, monkeypatch, **given)
    assert account.asked[0][0].startswith("/session/authenticator-request")
    assert data["AUTHENTICATOR"] == "https://one.okta.com"
    assert "hush-hush" not in json.dumps(body)


def test_the_default_authenticator_may_be_named(account: Refusing, monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, data = log_in(account, monkeypatch, SNOWFLAKE_AUTHENTICATOR="snowflake", SNOWFLAKE_PASSWORD="hush-hush")
    assert data["PASSWORD"] == "hush-hush"
