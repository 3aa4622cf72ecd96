"""Serve what was built: the Dagster UI with its daemon, and the dashboard, until Ctrl-C."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from customer_analytics.dagster_home import prepare

if TYPE_CHECKING:
    from customer_analytics.settings import Settings


class ServeError(Exception):
    """Why nothing is served, in one sentence with the remedy."""


def check_port(port: int, what: str, option: str, setting: str) -> None:
    """Raise `ServeError` when another program listens on the port already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise ServeError(
                f"Port {port}, for {what}, is taken by another program: choose another with {option} or {setting}."
            ) from error


def serve(settings: Settings, announce: Callable[[str], None] = print) -> int:
    """Run both servers until Ctrl-C (0) or until one of them ends by itself (1)."""
    check_port(settings.dagster_port, "the Dagster UI", "--dagster-port", "DAGSTER_PORT")
    check_port(settings.dashboard_port, "the dashboard", "--dashboard-port", "DASHBOARD_PORT")
    logs = settings.home / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {"DAGSTER_HOME": str(prepare(settings))}
    dagster_url = f"http://127.0.0.1:{settings.dagster_port}"
    dashboard_url = f"http://127.0.0.1:{settings.dashboard_port}"
    servers: dict[str, subprocess.Popen[bytes]] = {}
    try:
        # SIGTERM ends this the same way as Ctrl-C, so that no server outlives it.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        for name, command in _commands(settings).items():
            with (logs / f"{name}.log").open("ab") as log:
                servers[name] = subprocess.Popen(  # noqa: S603
                    command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=environment, start_new_session=True
                )
        for name, url in {
            "dashboard": f"{dashboard_url}/_stcore/health",
            "dagster": f"{dagster_url}/server_info",
        }.items():
            _wait(name, url, servers[name], logs / f"{name}.log")
        announce(f"Dashboard   {dashboard_url}")
        announce(f"Dagster UI  {dagster_url}")
        announce("Ctrl-C stops both.")
        while all(server.poll() is None for server in servers.values()):
            time.sleep(0.5)
        ended = next(name for name, server in servers.items() if server.poll() is not None)
        raise ServeError(f"The {ended} server ended by itself: its log is {logs / f'{ended}.log'}.")
    except KeyboardInterrupt:
        return 0
    finally:
        _stop(servers)


def _commands(settings: Settings) -> dict[str, list[str]]:
    import dashboard

    workspace = Path("workspace.yaml")
    # A checkout lists its code locations; an installed package is one by itself.
    where = ["-w", str(workspace)] if workspace.exists() else ["-m", "customer_analytics.definitions"]
    app = Path(dashboard.__file__).with_name("app.py")
    return {
        "dagster": [
            *(sys.executable, "-m", "dagster", "dev", *where),
            *("--host", "127.0.0.1", "--port", str(settings.dagster_port)),
        ],
        "dashboard": [
            *(sys.executable, "-m", "streamlit", "run", str(app)),
            *("--server.address", "127.0.0.1", "--server.port", str(settings.dashboard_port)),
            *("--server.headless", "true", "--browser.gatherUsageStats", "false"),
        ],
    }


def _wait(name: str, url: str, server: subprocess.Popen[bytes], log: Path, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise ServeError(f"The {name} server did not start: its log is {log}.")
        with contextlib.suppress(urllib.error.URLError, OSError), urllib.request.urlopen(url, timeout=2):  # noqa: S310
            return
        time.sleep(0.2)
    raise ServeError(f"The {name} server did not answer within {seconds:.0f} seconds: its log is {log}.")


def _stop(servers: dict[str, subprocess.Popen[bytes]]) -> None:
    """End the servers and whatever they started, politely first."""
    for stop in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        for server in servers.values():
            if server.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(server.pid, stop)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and any(server.poll() is None for server in servers.values()):
            time.sleep(0.1)
        if all(server.poll() is not None for server in servers.values()):
            break
