"""The services of docker-compose.yml as plain processes: each by its own command, environment and health check."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from customer_analytics_tests.deployment.compose import ROOT, SECRETS, load
from customer_analytics_tests.weaviate_server import binary

BIN = Path(sys.executable).parent
STARTS_RUN = """
mutation ($job: String!) { launchRun(executionParams: {selector: {repositoryLocationName: "customer_analytics",
  repositoryName: "__repository__", jobName: $job}, mode: "default"})
  { __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }
"""
ASKS_RUN = """
query ($id: ID!) { runOrError(runId: $id) { ... on Run { status stepStats { stepKey status } } } }
"""
ASKS_FAILURES = """
query ($id: ID!) { logsForRun(runId: $id) { ... on EventConnection { events { __typename
  ... on ExecutionStepFailureEvent { stepKey error { message cause { message } } } } } } }
"""
ASKS_SENSORS = """
{ sensorsOrError(repositorySelector: {repositoryLocationName: "customer_analytics", repositoryName: "__repository__"})
  { ... on Sensors { results { name sensorState { id } } } } }
"""
STOPS_SENSOR = "mutation ($id: String!) { stopSensor(id: $id) { __typename } }"
STARTS_SENSOR = """
mutation ($name: String!) { startSensor(sensorSelector: {repositoryLocationName: "customer_analytics",
  repositoryName: "__repository__", sensorName: $name}) { __typename } }
"""
ASKS_RUNS = "{ runsOrError { ... on Runs { results { runId status tags { key value } } } } }"
UNDER_TEST = {
    "SENTIMENT_MIN_AUC": "0.5",  # a small sample is no good teacher
    "PSEUDONYMISE_CUSTOMERS": "true",
    "FAILURE_WEBHOOK_URL": "http://127.0.0.1:9/hooks/wh5ecretwh5ecret",  # nobody listens there
}
MARKS = [*SECRETS.values(), "wh5ecretwh5ecret"]
"""The secrets that this deployment has: none may show up anywhere."""


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def postgres_program(name: str) -> str:
    """PostgreSQL's own programs: on PATH, or where Debian puts them; skips where there is none."""
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (folder / name).is_file():
            return str(folder / name)
    found = shutil.which(name)
    if not found:
        pytest.skip(f"PostgreSQL's {name} is not here: apt-get install postgresql")
    return found


class Deployment:
    """All services, with host names, ports and paths of this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.sources = folder, folder / "sources"
        self.statement_log = folder / "statements.jsonl"
        names = ("postgres", "weaviate", "weaviate_grpc", "code", "webserver", "dashboard")
        self.ports = {name: free_port() for name in names}
        cluster = ("CLUSTER_GOSSIP_BIND_PORT", "CLUSTER_DATA_BIND_PORT", "RAFT_PORT", "RAFT_INTERNAL_RPC_PORT")
        self.cluster = {name: str(free_port()) for name in (*cluster, "GO_PROFILING_PORT")}
        folder.chmod(0o755)
        given = {"SOURCE_URI": str(self.sources), "LOCAL_SNOWFLAKE_STATEMENT_LOG": str(self.statement_log)}
        self.services = load({**SECRETS, **UNDER_TEST, **given})["services"]
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.has_database = False
        (folder / "logs").mkdir()
        self.workspace = folder / "workspace.yaml"
        workspace = (ROOT / "deploy" / "workspace.yaml").read_text()
        self.workspace.write_text(self.here(workspace.replace("host: code", "host: 127.0.0.1")))

    def here(self, text: str) -> str:
        """A text of the compose file as it is on this machine."""
        p = self.ports
        for there, here in {
            "@postgres:5432": f"@127.0.0.1:{p['postgres']}",
            "http://weaviate:8080": f"http://127.0.0.1:{p['weaviate']}",
            "127.0.0.1:8080": f"127.0.0.1:{p['weaviate']}",
            "weaviate:50051": f"127.0.0.1:{p['weaviate_grpc']}",
            "127.0.0.1:3000": f"127.0.0.1:{p['webserver']}",
            "0.0.0.0": "127.0.0.1",
            "4000": str(p["code"]),
            "8501": str(p["dashboard"]),
            "/data/home": str(self.folder / "home"),
            "/var/lib/weaviate": str(self.folder / "weaviate"),
            "/backups": str(self.folder / "backups"),
            "deploy/workspace.yaml": str(self.workspace),
            "dashboard/app.py": str(ROOT / "dashboard" / "app.py"),
        }.items():
            text = text.replace(there, here)
        return text

    def environment(self, name: str) -> dict[str, str]:
        """What compose would give the service, and nothing else of this process's."""
        base = {"PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(self.folder), "LANG": "C.UTF-8"}
        own = {k: self.here(str(v)) for k, v in self.services[name].get("environment", {}).items()}
        if name == "weaviate":
            own |= self.cluster | {"GRPC_PORT": str(self.ports["weaviate_grpc"])}
        return base | own

    def start(self, name: str) -> None:
        """Start a service by its own command and environment."""
        environment = self.environment(name)
        command = [self.here(part) for part in self.services[name].get("command", ())]
        user: dict[str, Any] = {}
        if name == "postgres":
            command, user = self._postgres(environment)
        elif name == "weaviate":
            command = [binary(), *[str(self.ports["weaviate"]) if c == "8080" else c for c in command]]
        else:
            command = [str(self.ports["webserver"]) if c == "3000" else c for c in command]
            command = [sys.executable, "-m", "customer_analytics.service", *command]
        with (self.folder / "logs" / name).open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command, env=environment, cwd=self.folder, stdout=log, stderr=log, start_new_session=True, **user
            )

    def _postgres(self, environment: dict[str, str]) -> tuple[list[str], dict[str, Any]]:
        data = self.folder / "postgres"
        user: dict[str, Any] = {"user": "postgres"} if os.geteuid() == 0 else {}
        if not data.exists():
            password = self.folder / "password"
            password.write_text(environment["POSTGRES_PASSWORD"])
            data.mkdir(mode=0o700)
            if user:
                shutil.chown(data, "postgres")
                shutil.chown(password, "postgres")
            initdb = [postgres_program("initdb"), "-D", str(data), "-U", "dagster", "-A", "scram-sha-256"]
            subprocess.run(
                [*initdb, "--pwfile", str(password), "-E", "UTF8", "--no-locale"], check=True, capture_output=True,
                cwd="/", **user,
            )  # fmt: skip
            password.unlink()
        options = ["-D", str(data), "-h", "127.0.0.1", "-p", str(self.ports["postgres"]), "-k", ""]
        return [postgres_program("postgres"), *options], user

    def make_database(self) -> None:
        """What the image's own start script does from POSTGRES_DB."""
        import psycopg2

        def connected() -> bool:
            with contextlib.suppress(psycopg2.OperationalError):
                connection = psycopg2.connect(self.postgres_url("postgres"))
                connection.autocommit = True
                connection.cursor().execute("CREATE DATABASE dagster")
                connection.close()
                self.has_database = True
            return self.has_database

        self.wait("postgres", connected)

    def postgres_url(self, database: str = "dagster") -> str:
        return f"postgresql://dagster:{SECRETS['POSTGRES_PASSWORD']}@127.0.0.1:{self.ports['postgres']}/{database}"

    def start_all(self) -> None:
        """Start everything in the order that depends_on asks for. Sensors stay off: a test says when what runs."""
        self.start("postgres")
        self.start("weaviate")
        self.start("snowflake")
        if not self.has_database:
            self.make_database()
        for name in ("postgres", "weaviate", "snowflake"):
            self.wait(name, lambda name=name: self.is_healthy(name))
        self.start("code")
        self.start("dashboard")
        self.wait("code", lambda: self.answers("code"))
        self.start("webserver")
        self.wait("webserver", lambda: self.get("webserver", "/server_info"))
        self.stop_sensors()
        self.start("daemon")

    def stop_sensors(self) -> None:
        def sensors() -> list[dict[str, Any]] | None:
            return self.ask(ASKS_SENSORS)["sensorsOrError"].get("results")

        for sensor in self.wait("webserver", sensors):
            self.ask(STOPS_SENSOR, id=sensor["sensorState"]["id"])

    def start_sensor(self, name: str) -> None:
        assert self.ask(STARTS_SENSOR, name=name)["startSensor"]["__typename"] == "Sensor"

    def is_healthy(self, name: str) -> bool:
        """Whether the health check of the compose file, run as it stands there, is content."""
        kind, *command = [self.here(part) for part in self.services[name]["healthcheck"]["test"]]
        assert kind == "CMD"
        command = [sys.executable if part == "python" else part for part in command]
        environment = self.environment(name)
        if name == "postgres":
            command[0] = postgres_program(command[0])
            environment["PGPORT"] = str(self.ports["postgres"])
        if command[0] == "wget" and not shutil.which("wget"):
            return self.get("weaviate", "/v1/.well-known/ready")
        ended = subprocess.run(command, env=environment, cwd=self.folder, capture_output=True, timeout=60)
        with (self.folder / "logs" / f"{name}-health").open("ab") as log:
            log.write(ended.stdout + ended.stderr)
        return ended.returncode == 0

    def wait(self, name: str, condition: Callable[[], Any], seconds: float = 120) -> Any:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with contextlib.suppress(OSError):
                if result := condition():
                    return result
            assert self.processes[name].poll() is None, f"{name} ended: {self.log(name)}"
            time.sleep(0.5)
        raise AssertionError(f"{name} is not ready: {self.log(name)}")

    def log(self, name: str) -> str:
        return (self.folder / "logs" / name).read_text(errors="replace")[-4000:]

    def answers(self, name: str) -> bool:
        with socket.create_connection(("127.0.0.1", self.ports[name]), timeout=2):
            return True

    def get(self, name: str, path: str) -> bool:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[name]}{path}", timeout=5) as answer:
            return answer.status < 300

    def weaviate(self, path: str, key: str | None = SECRETS["WEAVIATE_API_KEY"]) -> Any:
        url = f"http://127.0.0.1:{self.ports['weaviate']}{path}"
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {key}"} if key else {})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """Dagster's GraphQL. OSError where it has no answer, such as while PostgreSQL is down."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.ports['webserver']}/graphql",
            json.dumps({"query": query, "variables": variables}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            body = json.load(answer)
        if not body.get("data"):
            raise OSError(body)
        return body["data"]

    def launch(self, job: str) -> str:
        launched = self.wait("webserver", lambda: self._launched(job))
        assert launched["__typename"] == "LaunchRunSuccess", launched
        return launched["run"]["runId"]

    def _launched(self, job: str) -> dict[str, Any] | None:
        answer = self.ask(STARTS_RUN, job=job)["launchRun"]
        return None if answer["__typename"] == "PipelineNotFoundError" else answer

    def status(self, run: str) -> tuple[str, set[str]]:
        found = self.ask(ASKS_RUN, id=run)["runOrError"]
        return found["status"], {s["stepKey"] for s in found["stepStats"] if s["status"] == "SUCCESS"}

    def started(self, run: str) -> set[str]:
        """The steps that have begun."""
        found = self.ask(ASKS_RUN, id=run)["runOrError"]
        return {s["stepKey"] for s in found["stepStats"] if s["status"]}

    def add_comments(self, count: int) -> None:
        """As many new comments in the source, each with a text of its own."""
        import pyarrow as pa
        from pyarrow import parquet

        path = self.sources / "twitter_comments.parquet"
        table = parquet.read_table(path)
        first = table.slice(0, 1).to_pylist()[0]
        new = [{**first, "review_text": f"{first['review_text']} Bought it {n} times."} for n in range(count)]
        parquet.write_table(pa.concat_tables([table, pa.Table.from_pylist(new, schema=table.schema)]), path)

    def finished(self, run: str, seconds: float = 600) -> str:
        def ended() -> str | None:
            status, _ = self.status(run)
            return status if status in ("SUCCESS", "FAILURE", "CANCELED") else None

        return self.wait("webserver", ended, seconds)

    def failures(self, run: str) -> list[str]:
        """Which steps failed, and why."""
        events = self.ask(ASKS_FAILURES, id=run)["logsForRun"]["events"]
        return [f"{e['stepKey']}: {e['error']}" for e in events if "stepKey" in e]

    def family(self) -> Iterator[psutil.Process]:
        """All processes of all services."""
        groups = {process.pid for process in self.processes.values()}
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, ProcessLookupError):
                if os.getpgid(process.pid) in groups:
                    yield process

    def kill(self, name: str) -> None:
        """SIGKILL, children included, as when a container's memory is up or its machine is."""
        process = self.processes[name]
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(20)

    def stop(self) -> None:
        for name in reversed(self.processes):
            process = self.processes[name]
            if process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGTERM)
        for process in self.processes.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(15)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        from customer_analytics.local_snowflake.lifecycle import Options
        from customer_analytics.resources.warehouse.local import LocalWarehouse

        home = self.folder / "home"
        options = Options(home / "log", may_start=False)
        warehouse = LocalWarehouse(home / "warehouse", options, "CUSTOMER_ANALYTICS", "ANALYTICS")
        with warehouse.connect() as connection:
            return connection.cursor().execute(statement).fetchall()
