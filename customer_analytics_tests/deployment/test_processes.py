"""Each service of docker-compose.yml as a plain process: real PostgreSQL, real Weaviate, gRPC code location, webserver,
daemon, dashboard; the graph is materialised through them, and goes on when one is killed in the middle."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from customer_analytics_tests.deployment.compose import ROOT, SECRETS, load
from customer_analytics_tests.weaviate_server import binary

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(900)]
CALLS = 1
BIN = Path(sys.executable).parent
STARTS_RUN = """
mutation ($job: String!) { launchRun(executionParams: {selector: {repositoryLocationName: "customer_analytics",
  repositoryName: "__repository__", jobName: $job}, mode: "default"})
  { __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }
"""
ASKS_RUN = """
query ($id: ID!) { runOrError(runId: $id) { ... on Run { status stepStats { stepKey status } } } }
"""


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
    """The services of the compose file, with host names, ports and paths of this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = {
            n: free_port() for n in ("postgres", "weaviate", "weaviate_grpc", "code", "webserver", "dashboard")
        }
        folder.chmod(0o755)
        self.compose = load({**SECRETS, "SOURCE_URI": str(folder / "sources")})
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        (folder / "logs").mkdir()
        workspace = (ROOT / "deploy" / "workspace.yaml").read_text()
        self.workspace = folder / "workspace.yaml"
        self.workspace.write_text(self.here(workspace.replace("host: code", "host: 127.0.0.1")))

    def here(self, text: str) -> str:
        """A text of the compose file as it is on this machine."""
        p = self.ports
        for there, here in {
            "@postgres:5432": f"@127.0.0.1:{p['postgres']}",
            "http://weaviate:8080": f"http://127.0.0.1:{p['weaviate']}",
            "weaviate:50051": f"127.0.0.1:{p['weaviate_grpc']}",
            "0.0.0.0": "127.0.0.1",
            "4000": str(p["code"]),
            "8501": str(p["dashboard"]),
            "/data/home": str(self.folder / "home"),
            "/var/lib/weaviate": str(self.folder / "weaviate"),
            "/backups": str(self.folder / "backups"),
            "deploy/workspace.yaml": str(self.workspace) if hasattr(self, "workspace") else "",
            "dashboard/app.py": str(ROOT / "dashboard" / "app.py"),
        }.items():
            text = text.replace(there, here)
        return text

    def start(self, name: str) -> None:
        """Start a service by its own command and environment."""
        service = self.compose["services"][name]
        environment = {k: self.here(str(v)) for k, v in service.get("environment", {}).items()}
        command = [self.here(part) for part in service.get("command", ())]
        user: dict[str, Any] = {}
        if name == "postgres":
            command, user = self._postgres(environment)
        elif name == "weaviate":
            command = [binary(), *[str(self.ports["weaviate"]) if c == "8080" else c for c in command]]
            environment |= self._weaviate_ports()
        else:
            command = [str(self.ports["webserver"]) if c == "3000" else c for c in command]
            command = [sys.executable, "-m", "customer_analytics.service", *command]
        base = {"PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(self.folder), "LANG": "C.UTF-8"}
        with (self.folder / "logs" / name).open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command, env=base | environment, cwd=self.folder, stdout=log, stderr=log, start_new_session=True, **user
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
            self.makes_database = True
        options = ["-D", str(data), "-h", "127.0.0.1", "-p", str(self.ports["postgres"]), "-k", ""]
        return [postgres_program("postgres"), *options], user

    def _weaviate_ports(self) -> dict[str, str]:
        names = ("CLUSTER_GOSSIP_BIND_PORT", "CLUSTER_DATA_BIND_PORT", "RAFT_PORT", "RAFT_INTERNAL_RPC_PORT")
        self.cluster = getattr(self, "cluster", None) or {n: str(free_port()) for n in (*names, "GO_PROFILING_PORT")}
        return self.cluster | {"GRPC_PORT": str(self.ports["weaviate_grpc"])}

    def make_database(self) -> None:
        """What the image's own start script does from POSTGRES_DB."""
        import psycopg2

        url = f"postgresql://dagster:{SECRETS['POSTGRES_PASSWORD']}@127.0.0.1:{self.ports['postgres']}/postgres"

        def connected() -> bool:
            with contextlib.suppress(psycopg2.OperationalError):
                connection = psycopg2.connect(url)
                connection.autocommit = True
                connection.cursor().execute("CREATE DATABASE dagster")
                connection.close()
                return True
            return False

        self.wait("postgres", connected)

    def wait(self, name: str, condition: Callable[[], Any], seconds: float = 120) -> Any:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with contextlib.suppress(OSError):
                if result := condition():
                    return result
            assert self.processes[name].poll() is None, self.log(name)
            time.sleep(0.5)
        raise AssertionError(f"{name} is not ready: {self.log(name)}")

    def log(self, name: str) -> str:
        return (self.folder / "logs" / name).read_text(errors="replace")[-4000:]

    def start_all(self) -> None:
        self.start("postgres")
        self.make_database()
        self.start("weaviate")
        self.wait("weaviate", lambda: self.get("weaviate", "/v1/.well-known/ready"))
        self.start("snowflake")
        self.start("code")
        self.wait("code", lambda: self.answers("code"))
        for name in ("webserver", "daemon", "dashboard"):
            self.start(name)
        self.wait("webserver", lambda: self.get("webserver", "/server_info"))

    def answers(self, name: str) -> bool:
        with socket.create_connection(("127.0.0.1", self.ports[name]), timeout=2):
            return True

    def get(self, name: str, path: str) -> bool:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[name]}{path}", timeout=5) as answer:
            return answer.status < 300

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.ports['webserver']}/graphql",
            json.dumps({"query": query, "variables": variables}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["data"]

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

    def finished(self, run: str, seconds: float = 600) -> str:
        def ended() -> str | None:
            status, _ = self.status(run)
            return status if status in ("SUCCESS", "FAILURE", "CANCELED") else None

        return self.wait("webserver", ended, seconds)

    def kill(self, name: str) -> None:
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
        warehouse = LocalWarehouse(home / "warehouse", Options(home / "log"), "CUSTOMER_ANALYTICS", "ANALYTICS")
        with warehouse.connect() as connection:
            return connection.cursor().execute(statement).fetchall()


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    from customer_analytics.sample_data import DEFAULT_END, generate

    binary()
    postgres_program("initdb")
    folder = tmp_path_factory.mktemp("deployment")
    for parent in folder.parents:  # PostgreSQL runs as a user of its own, and must reach its folder
        if os.geteuid() == 0 and Path(tempfile.gettempdir()) in parent.parents:
            parent.chmod(parent.stat().st_mode | 0o011)
    generate(folder / "sources", 60, 7, DEFAULT_END)
    for recording in sorted((folder / "sources" / "customer_calls").iterdir())[CALLS:]:
        recording.unlink()
    running = Deployment(folder)
    try:
        running.start_all()
        yield running
    finally:
        running.stop()


def test_the_graph_is_materialised_through_daemon_and_code_location(deployment: Deployment) -> None:
    run = deployment.launch("structured")
    assert deployment.finished(run) == "SUCCESS", deployment.log("code")
    assert deployment.sql("SELECT COUNT(*) FROM CUSTOMERS")[0][0] >= 60
    assert deployment.sql("SELECT COUNT(*) FROM MRR")[0][0] > 0


def test_the_vectors_stand_in_the_real_weaviate(deployment: Deployment) -> None:
    run = deployment.launch("feedback")
    assert deployment.finished(run) == "SUCCESS", deployment.log("code")
    request = urllib.request.Request(
        f"http://127.0.0.1:{deployment.ports['weaviate']}/v1/schema",
        headers={"Authorization": f"Bearer {SECRETS['WEAVIATE_API_KEY']}"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert {"CustomerComment", "CustomerCall"} <= {c["class"] for c in json.load(answer)["classes"]}
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(request.full_url, timeout=10)


def test_dagsters_runs_are_in_postgresql(deployment: Deployment) -> None:
    import psycopg2

    url = f"postgresql://dagster:{SECRETS['POSTGRES_PASSWORD']}@127.0.0.1:{deployment.ports['postgres']}/dagster"
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM runs WHERE status = 'SUCCESS'")
        row = cursor.fetchone()
    assert row is not None
    assert row[0] >= 2
    assert not list((deployment.folder / "home" / "dagster").rglob("runs.db"))


def test_the_dashboard_is_served(deployment: Deployment) -> None:
    deployment.wait("dashboard", lambda: deployment.get("dashboard", "/_stcore/health"))


@pytest.mark.parametrize("victim", ["webserver", "daemon", "snowflake", "postgres", "code"])
def test_a_killed_service_loses_nothing_and_the_next_run_goes_on(deployment: Deployment, victim: str) -> None:
    """The drill of docs/operations.md: kill -9 in the middle of a run, start again, run again."""
    if victim != "code" and os.environ.get("FAULT_DRILL") != "1":
        pytest.skip("minutes for each service: FAULT_DRILL=1 runs the whole drill")
    before = deployment.sql("SELECT COUNT(*), SUM(MRR) FROM MRR")
    run = deployment.launch("structured")
    deployment.wait("webserver", lambda: deployment.status(run)[1])
    began = time.monotonic()
    deployment.kill(victim)
    deployment.start(victim)
    if victim == "webserver":
        deployment.wait("webserver", lambda: deployment.get("webserver", "/server_info"))
    if victim == "code":
        deployment.wait("code", lambda: deployment.answers("code"))
    outcome = ""
    with contextlib.suppress(AssertionError):
        outcome = deployment.finished(run, 150)
    again = deployment.launch("structured")
    # A run whose process was killed stays STARTED until run monitoring looks: it must not block the next one for ever.
    assert deployment.finished(again, 420) == "SUCCESS", deployment.log("code")
    print(
        f"drill: {victim} killed; the run: {outcome or 'unfinished'}; after {time.monotonic() - began:.0f} s all whole"
    )
    assert deployment.sql("SELECT COUNT(*), SUM(MRR) FROM MRR") == before


def test_no_secret_is_in_any_log(deployment: Deployment) -> None:
    for log in (deployment.folder / "logs").iterdir():
        text = log.read_text(errors="replace")
        for secret in SECRETS.values():
            assert secret not in text, log.name
    for file in (deployment.folder / "home" / "dagster").rglob("*.yaml"):
        assert SECRETS["POSTGRES_PASSWORD"] not in file.read_text()
