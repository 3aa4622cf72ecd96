"""docker-compose.yml by compose-go, the library that `docker compose` is made of: schema, variables, profiles."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from customer_analytics_tests.deployment import compose
from customer_analytics_tests.deployment.compose import FILE, SECRETS

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(600)]
SOURCE = Path(__file__).with_name("compose_go")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> str:
    go = shutil.which("go")
    if not go:
        pytest.skip("Go is not here: compose-go cannot be built")
    out = tmp_path_factory.mktemp("compose") / "composeload"
    built = subprocess.run([go, "build", "-o", str(out), "."], cwd=SOURCE, capture_output=True, text=True)
    if built.returncode:
        pytest.skip(f"compose-go cannot be built now: {built.stderr[-200:]}")
    return str(out)


def load(program: str, *profiles: str, file: Path = FILE, **variables: str) -> dict[str, Any]:
    environment = {"PATH": os.environ["PATH"], **SECRETS, **variables}
    ended = subprocess.run([program, str(file), *profiles], env=environment, capture_output=True, text=True)
    if ended.returncode:
        raise compose.MissingVariable(ended.stderr)
    return json.loads(ended.stdout)


def test_it_loads_and_only_the_profile_brings_the_local_snowflake(program: str) -> None:
    services = set(load(program)["services"])
    assert services == {"postgres", "weaviate", "loopback", "code", "webserver", "daemon", "dashboard"}
    assert set(load(program, "local")["services"]) == services | {"snowflake"}


@pytest.mark.parametrize("secret", sorted(SECRETS))
def test_it_is_refused_without_a_secret(program: str, secret: str) -> None:
    with pytest.raises(compose.MissingVariable, match=f"required variable {secret} is missing a value: set {secret}"):
        load(program, **{secret: ""})


def test_a_wrong_file_is_refused(program: str, tmp_path: Path) -> None:
    wrong = tmp_path / "docker-compose.yml"
    wrong.write_text(FILE.read_text().replace("restart: unless-stopped", "restarts: unless-stopped"))
    with pytest.raises(compose.MissingVariable, match="restarts"):
        load(program, file=wrong)


def test_only_loopback_is_published_unless_asked(program: str) -> None:
    def addresses(**variables: str) -> set[str]:
        loaded = load(program, "local", **variables)["services"].values()
        return {port["host_ip"] for service in loaded for port in service.get("ports") or ()}

    assert addresses() == {"127.0.0.1"}
    assert addresses(BIND_ADDRESS="10.0.0.5") == {"10.0.0.5"}


@pytest.mark.parametrize(
    "variables", [{}, {"SNOWFLAKE_ACCOUNT": "a-b", "SNOWFLAKE_PRIVATE_KEY_FILE": "/k", "SEED": "7"}]
)
def test_the_tests_own_reader_understands_it_the_same_way(program: str, variables: dict[str, str]) -> None:
    theirs, ours = load(program, "local", **variables)["services"], compose.load({**SECRETS, **variables})["services"]
    for name, service in theirs.items():
        assert service.get("environment", {}) == ours[name].get("environment", {}), name
        assert service.get("command") == ours[name].get("command"), name
        assert service["healthcheck"]["test"] == ours[name]["healthcheck"]["test"], name
