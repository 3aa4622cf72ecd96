"""docker-compose.yml keeps its promises, as far as that shows without a container engine."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from customer_analytics.settings import Settings
from customer_analytics_tests.deployment.compose import FILE, ROOT, SECRETS, MissingVariable, load

SERVICES = load()["services"]
OURS = {name: s for name, s in SERVICES.items() if s["image"].startswith("groundtruth:")}


def test_it_is_a_compose_file_by_the_specification() -> None:
    from compose_spec import ComposeSpecification, PyCompose

    whole = load()
    text = yaml.safe_dump({k: v for k, v in whole.items() if not k.startswith("x-")}, sort_keys=False)
    parsed = PyCompose.from_yaml(text)
    parsed.validate()
    assert set(parsed.service_names()) == set(SERVICES)
    ComposeSpecification.model_validate(yaml.safe_load(text))


def test_the_specification_would_refuse_a_wrong_file() -> None:
    from compose_spec import PyCompose

    whole = {k: v for k, v in load().items() if not k.startswith("x-")}
    whole["services"]["code"]["restart"] = "sometimes"
    with pytest.raises(Exception, match=r"(?i)restart|sometimes"):
        PyCompose.from_yaml(yaml.safe_dump(whole))


@pytest.mark.parametrize("secret", sorted(SECRETS))
def test_compose_refuses_to_start_without_a_secret(secret: str) -> None:
    with pytest.raises(MissingVariable, match=secret):
        load({name: value for name, value in SECRETS.items() if name != secret})


def test_no_secret_has_a_default_and_none_stands_in_the_file() -> None:
    for name, default in re.findall(
        r"\$\{(\w*(?:PASSWORD|KEY|TOKEN|SECRET|PASSPHRASE)\w*):-([^}]*)\}", FILE.read_text()
    ):
        assert default in ("", "/dev/null"), f"{name} has a default"


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_watched_limited_and_restarted(name: str) -> None:
    service = SERVICES[name]
    assert service["restart"] == "unless-stopped"
    assert service["healthcheck"]["test"]
    assert {"cpus", "memory"} <= set(service["deploy"]["resources"]["limits"])
    assert re.search(r":\$?[\w.{-]*\d+\.\d+", service["image"]), "an image is pinned by version"


@pytest.mark.parametrize("name", OURS)
def test_our_services_have_no_more_rights_than_they_need(name: str) -> None:
    assert OURS[name]["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in OURS[name]["security_opt"]


def test_only_loopback_is_published() -> None:
    published = [port for s in SERVICES.values() for port in s.get("ports", ())]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)
    assert not SERVICES["postgres"].get("ports")
    assert not SERVICES["weaviate"].get("ports")


def test_services_wait_for_the_health_of_what_they_need() -> None:
    for name, service in SERVICES.items():
        for needed, how in service.get("depends_on", {}).items():
            assert how["condition"] == "service_healthy", name
            assert needed in SERVICES
    assert SERVICES["snowflake"]["profiles"] == ["local"]
    # Without the profile it is not there, and nobody may wait for it.
    assert SERVICES["code"]["depends_on"]["snowflake"]["required"] is False


def test_who_speaks_to_the_local_snowflake_shares_its_network_processes_and_files() -> None:
    for name in ("snowflake", "code", "dashboard"):
        assert SERVICES[name]["network_mode"] == SERVICES[name]["pid"] == "service:loopback"
        assert "home:/data/home" in SERVICES[name]["volumes"]
        assert not {"ports", "networks"} & set(SERVICES[name]), "compose refuses these beside network_mode"


OF_THE_COMPOSE_FILE = {
    "CUSTOMER_ANALYTICS_HOME": "the volume",
    "SERVICE_NEEDS_WAREHOUSE": "always true",
    "SNOWFLAKE_PRIVATE_KEY_PATH": "the secret of SNOWFLAKE_PRIVATE_KEY_FILE",
    "DAGSTER_POSTGRES_URL": "made of POSTGRES_PASSWORD",
}
ELSEWHERE = {
    "LOCAL_SNOWFLAKE_IDLE_MINUTES": "the service of the local Snowflake never stops by itself",
    "LOCAL_SNOWFLAKE_STATEMENT_LOG": "an argument of that service",
    "DAGSTER_PORT": "the published port",
    "DASHBOARD_PORT": "the published port",
}


def test_every_setting_reaches_the_services_that_need_it_and_nothing_else_does() -> None:
    names = {name.upper() for name in Settings.model_fields}
    for service in ("code", "dashboard"):
        assert set(SERVICES[service]["environment"]) == names - set(ELSEWHERE), service
    for service in OURS.values():
        assert set(service.get("environment", {})) <= names
    text = FILE.read_text()
    assert {
        name for name in ELSEWHERE if name != "LOCAL_SNOWFLAKE_IDLE_MINUTES" and f"${{{name}:-" not in text
    } == set()


@pytest.mark.parametrize(
    "name", sorted({name.upper() for name in Settings.model_fields} - set(OF_THE_COMPOSE_FILE) - set(ELSEWHERE))
)
def test_a_setting_of_the_env_file_is_passed_on(name: str) -> None:
    passed = load({**SECRETS, name: "given"})["services"]["code"]["environment"]
    assert passed[name] == "given"


def test_with_nothing_set_the_services_get_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SERVICES["code"]["environment"].items():
        monkeypatch.setenv(name, value)
    theirs, ours = Settings(), Settings.model_construct()
    changed = {name for name in Settings.model_fields if getattr(theirs, name) != getattr(ours, name)}
    assert changed == {
        "customer_analytics_home", "weaviate_url", "weaviate_grpc_url", "weaviate_api_key", "dagster_postgres_url",
        "dagster_url", "service_needs_warehouse", "log_format",
    }  # fmt: skip


def test_dagsters_own_processes_have_no_secret_but_postgresqls() -> None:
    secret = {name.upper() for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)}
    for service in ("webserver", "daemon", "snowflake"):
        assert set(SERVICES[service]["environment"]) & secret <= {"DAGSTER_POSTGRES_URL"}


def test_the_dashboard_may_have_a_role_that_only_reads() -> None:
    given = {**SECRETS, "SNOWFLAKE_ROLE": "PIPELINE", "DASHBOARD_SNOWFLAKE_ROLE": "PIPELINE_READER"}
    roles = {name: load(given)["services"][name]["environment"]["SNOWFLAKE_ROLE"] for name in ("code", "dashboard")}
    assert roles == {"code": "PIPELINE", "dashboard": "PIPELINE_READER"}
    del given["DASHBOARD_SNOWFLAKE_ROLE"]
    assert load(given)["services"]["dashboard"]["environment"]["SNOWFLAKE_ROLE"] == "PIPELINE"


def test_all_write_the_same_configuration_of_dagster_with_an_account_too() -> None:
    with_account = load({**SECRETS, "SNOWFLAKE_ACCOUNT": "org-one"})["services"]
    assert {with_account[s]["environment"]["MAX_CONCURRENT_RUNS"] for s in ("code", "webserver", "daemon")} == {"10"}
    assert {SERVICES[s]["environment"]["MAX_CONCURRENT_RUNS"] for s in ("code", "webserver", "daemon")} == {""}


def test_named_volumes_and_secrets_are_declared() -> None:
    whole = load()
    used = {v.split(":")[0] for s in SERVICES.values() for v in s.get("volumes", ())}
    assert {v for v in used if not v.startswith((".", "/"))} <= set(whole["volumes"])
    assert {s for service in SERVICES.values() for s in service.get("secrets", ())} <= set(whole["secrets"])


def test_the_image_is_pinned_in_stages_and_not_roots() -> None:
    text = (ROOT / "Dockerfile").read_text()
    assert re.search(r"^ARG PYTHON_IMAGE=python:\d+\.\d+\.\d+-", text, re.M)
    assert text.count("\nFROM ") == 2
    assert re.findall(r"^USER (\S+)", text, re.M)[-1] == "10001:10001", "a number, for Kubernetes' runAsNonRoot"
    assert "UV_COMPILE_BYTECODE=1" in text, "else each health check compiles every module anew"
    assert "ARG WHISPER=0" in text
    for copied in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.M):
        for path in copied.split():
            assert Path(ROOT, path).exists(), path
