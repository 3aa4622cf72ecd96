"""A service's log: one JSON object a line, whoever wrote it, and no secret in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from customer_analytics.service_logs import HIDDEN, in_json, record, secrets_of
from customer_analytics.settings import Settings

WRITES = """
import subprocess, sys
print('{"event": "own names", "level": "info"}', flush=True)
print('plain: umlaut ü, secret mark-er-5', flush=True)
subprocess.run(["echo", "from a child"])
sys.stderr.write("half a line")
raise ValueError("mark-er-5 in a traceback")
"""


def test_a_line_that_is_json_keeps_its_names_and_any_other_becomes_a_message() -> None:
    assert json.loads(record('{"event": "x"}', "code")) == {"service": "code", "event": "x"}
    for text in ("plain", "[1, 2]", "3", '"quoted"', '{"cut off'):
        assert json.loads(record(text, "code"))["message"] == text


def test_secrets_are_hidden_also_as_json_writes_them_and_the_password_of_a_url() -> None:
    settings = Settings.model_validate(
        {
            "weaviate_url": "http://w:1",
            "weaviate_api_key": 'quo"ted-key',
            "dagster_postgres_url": "postgresql://d:p%40ss-word@h:1/x",
        }
    )
    hidden = secrets_of(settings)
    text = json.dumps({"a": 'quo"ted-key', "b": "p@ss-word", "c": "p%40ss-word"})
    assert json.loads(record(text, "s", hidden)) == {"service": "s", **dict.fromkeys("abc", HIDDEN)}


@pytest.mark.parametrize(
    ("command", "adds"),
    [
        (["dagster", "api", "grpc", "--port", "4000"], True),
        (["dagster-webserver", "--port", "3000"], True),
        (["dagster-daemon", "run"], True),
        (["dagster-daemon", "liveness-check"], False),
        (["streamlit", "run", "app.py"], False),
    ],
)
def test_dagster_is_told_to_log_json_where_it_can(command: list[str], adds: bool) -> None:
    assert (in_json(command) == [*command, "--log-format", "json"]) is adds
    assert in_json(in_json(command)) == in_json(command)


def test_what_a_service_and_its_children_write_is_json_and_its_exit_code_its_own(tmp_path: Path) -> None:
    given = {"LOG_FORMAT": "json", "FAILURE_WEBHOOK_URL": "mark-er-5", "CUSTOMER_ANALYTICS_HOME": str(tmp_path / "h")}
    service = [sys.executable, "-m", "customer_analytics.service", sys.executable, "-c", WRITES]
    ended = subprocess.run(service, env=os.environ | given, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    lines = [json.loads(line) for line in ended.stdout.splitlines()]
    assert ended.returncode == 1
    assert ended.stderr == ""
    assert lines[0] == {"service": Path(sys.executable).name, "event": "own names", "level": "info"}
    assert lines[1]["message"] == f"plain: umlaut ü, secret {HIDDEN}"
    assert lines[2]["message"] == "from a child"
    assert lines[-1]["message"] == f"ValueError: {HIDDEN} in a traceback"
    assert "mark-er-5" not in ended.stdout
