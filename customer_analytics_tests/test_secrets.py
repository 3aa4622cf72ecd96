"""No secret of any setting shows in what the commands print, or in what they leave in the home folder."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

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
    assert "FAIL  chat            openai:gpt-4o-mini does not answer (APIConnectionError)" in shown
    assert "5ecret" not in shown


@pytest.mark.timeout(300)
def test_a_run_that_cannot_reach_its_storage_names_the_host_and_not_the_password(tmp_path: Path) -> None:
    shown = shown_by(["run"], tmp_path / "home", marked("dagster_postgres_url", "failure_webhook_url"))
    assert "127.0.0.1" in shown
    assert "5ecret" not in shown


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://d:pa@ss-5ecret@h:1/x", "postgresql://d:pa/ss-5ecret@h:1/x", "postgresql://d:pa#ss-5ecret@h/x",
        "postgresql://d:pa?ss-5ecret@h/x", "postgresql://d:pass-5ecret@h:port/x", "pass-5ecret",
        "mysql://d:pass-5ecret@h/x",
    ],
)  # fmt: skip
def test_a_url_of_postgresql_that_would_be_read_wrongly_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a part of the password counts as the host, and shows in errors."""
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", url)
    with pytest.raises(ValidationError, match="DAGSTER_POSTGRES_URL must be like") as refused:
        Settings()
    assert "5ecret" not in "".join(traceback.format_exception(refused.value))


@pytest.mark.parametrize(
    "url", ["postgresql://d:p%40s@h:1/x", "postgres://d@h/x", "postgresql:///x?host=/run/pg", "postgresql://[::1]:5/x"]
)
def test_other_urls_of_postgresql_are_taken(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", url)
    assert Settings().dagster_postgres_url


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
def test_settings_that_do_not_go_together_do_not_show_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole error, as Dagster shows it where the code location does not load."""
    for variable, value in marked(name).items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setenv("SNOWFLAKE_USER", "somebody")  # and no account
    with pytest.raises(ValidationError) as refused:
        Settings()
    assert "5ecret" not in "".join(traceback.format_exception(refused.value))


@pytest.mark.parametrize("name", SECRET_SETTINGS)
def test_settings_and_their_copies_hide_it(name: str) -> None:
    settings = Settings.model_construct(**{name: SecretStr(MARK.format(name))})
    for shown in (repr(settings), str(settings.model_dump()), settings.model_dump_json(), f"{settings}"):
        assert "5ecret" not in shown


# ------------------------------------------------------------------------------- credentials inside of addresses


class Unhelpful(ThreadingHTTPServer):
    """A server that answers everything in one bad way; it quotes what it was asked for."""

    def __init__(self, status: int) -> None:
        self.status = status

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = b"no"
                self.send_response(status)
                self.send_header("Content-Length", "200" if status == 200 else str(len(body)))  # 200: cut short
                self.end_headers()
                self.wfile.write(body)

            do_HEAD = do_POST = do_GET

            def log_message(self, *_: Any) -> None: ...

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://user-5ecret:pass-5ecret@127.0.0.1:{self.server_port}/shop"


@pytest.fixture(params=[200, 401, 403, 404, 500])
def unhelpful(request: pytest.FixtureRequest) -> Iterator[Unhelpful]:
    server = Unhelpful(request.param)
    yield server
    server.shutdown()
    server.server_close()


NOBODY = "http://user-5ecret:pass-5ecret@127.0.0.1:9/shop?sig=query-5ecret"


def all_that_it_says(action: Callable[[], Any]) -> str:
    """The error with its causes, as Dagster keeps it; what it returns where there is none."""
    try:
        return repr(action())
    except Exception as error:  # noqa: BLE001 - whatever it is, it must not speak of the secret
        return "".join(traceback.format_exception(error))


def look_at(uri: str, work: Path) -> list[Callable[[], Any]]:
    from customer_analytics.calls.recordings import open_source
    from customer_analytics.sources import files, precomputed_vectors
    from customer_analytics.tables import COLLECTIONS

    def customers() -> str:
        found = files.find(uri, "customers")
        return found.shown if found is None else repr(files.fetch(found, work).fingerprint)

    def calls() -> str:
        with open_source(uri) as source:
            return source.shown if source else "none"

    def vectors() -> str:
        with precomputed_vectors._opened(uri, COLLECTIONS[0]) as opened:
            return opened[0] if opened else "none"

    return [customers, calls, vectors]


def test_a_source_that_answers_badly_is_named_without_its_credentials(unhelpful: Unhelpful, tmp_path: Path) -> None:
    for look in look_at(unhelpful.url, tmp_path):
        said = all_that_it_says(look)
        assert "5ecret" not in said, look.__name__
        if look.__name__ == "customers" and unhelpful.status in (401, 403, 500):
            assert "SourceUnreachable" in said, "a server that does not say whether it has the file is no empty table"


@pytest.mark.parametrize("uri", [NOBODY, NOBODY.replace("http://", "ftp://"), "sftp-5ecret://u:pw-5ecret@nowhere"])
def test_a_source_that_cannot_be_reached_is_named_without_its_credentials(uri: str, tmp_path: Path) -> None:
    for look in look_at(uri, tmp_path):
        said = all_that_it_says(look).replace("sftp-5ecret", "")
        assert "5ecret" not in said, look.__name__


def test_the_sensor_of_sources_names_them_without_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    import dagster as dg

    from customer_analytics.defs.automation import sources_changed

    monkeypatch.setenv("SOURCE_URI", "ftp://user-5ecret:pass-5ecret@127.0.0.1:9/shop")
    context = dg.build_sensor_context(resources={"settings": Settings()}, cursor="{}")
    said = all_that_it_says(lambda: sources_changed(context))
    assert "5ecret" not in said
    assert "ftp://127.0.0.1:9/shop" in said


@pytest.mark.parametrize(
    "address", ["hooks.example-5ecret/x", "http://127.0.0.1:9/5ecret", "http://[half-5ecret", "http://h/5ecret with"]
)
def test_a_webhook_that_takes_no_message_is_told_of_without_its_address(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from types import SimpleNamespace

    from customer_analytics.defs.automation import post_failure

    monkeypatch.setenv("FAILURE_WEBHOOK_URL", address)
    run = SimpleNamespace(run_id="r", job_name="j")
    context: Any = SimpleNamespace(dagster_run=run, failure_event=SimpleNamespace(message="m"))
    said = all_that_it_says(lambda: post_failure(context, Settings()))
    assert "FAILURE_WEBHOOK_URL" in said
    assert "5ecret" not in said


def test_openai_and_weaviate_are_named_without_credentials() -> None:
    from customer_analytics.resources.chat import Passage
    from customer_analytics.resources.chat.openai_chat import OpenAIChat
    from customer_analytics.resources.embedder.openai import OpenAIEmbedder
    from customer_analytics.resources.vector_store.weaviate import WeaviateVectorStore
    from customer_analytics.tables import COLLECTIONS

    key = SecretStr("key-5ecret")
    embedder = OpenAIEmbedder("m", 8, key, NOBODY, max_retries=0)
    chat = OpenAIChat("m", "key-5ecret", NOBODY)
    nobody = {"weaviate_url": NOBODY.replace(":9/", ":19/"), "weaviate_api_key": "key-5ecret"}
    store = WeaviateVectorStore.from_settings(Settings.model_validate(nobody))
    for ask in (
        lambda: embedder.embed(["text"]),
        lambda: list(chat.answer("question", [Passage("1", "comment", 1, "text")])),
        lambda: store.count(COLLECTIONS[0]),
    ):
        said = all_that_it_says(ask)
        assert "Error" in said
        assert "5ecret" not in said


@pytest.mark.timeout(300)
def test_a_run_and_the_doctor_keep_credentials_of_addresses_to_themselves(tmp_path: Path) -> None:
    """Dagster's storage, logs and the terminal, with a source and a Weaviate that nobody serves."""
    home = tmp_path / "home"
    given = {
        "SOURCE_URI": NOBODY,
        "WEAVIATE_URL": NOBODY.replace(":9/", ":19/"),
        "OPENAI_BASE_URL": NOBODY,
        "OPENAI_API_KEY": "key-5ecret",
        "DAGSTER_URL": NOBODY,
    }
    try:
        run = shown_by(["run", "--select", "key:STG_CUSTOMERS"], home, given)
        doctor = shown_by(["doctor"], home, given)
    finally:
        shown_by(["warehouse", "stop"], home, {})
    assert "FAILED   STG_CUSTOMERS" in run
    assert "http://127.0.0.1:9/shop" in doctor
    assert "5ecret" not in run + doctor
