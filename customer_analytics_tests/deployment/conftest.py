"""One deployment, and one run of the whole graph in it, for all tests that look at them."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from customer_analytics_tests.deployment.deployment import Deployment, postgres_program
from customer_analytics_tests.weaviate_server import binary

CUSTOMERS, CALLS = 60, 2


def open_to_other_users(folder: Path) -> None:
    """Root's temporary folders are closed to others: let them through to this one."""
    temporary = tempfile.gettempdir()
    for parent in (folder, *folder.parents):
        if os.geteuid() == 0 and str(parent).startswith(temporary) and str(parent) != temporary:
            parent.chmod(parent.stat().st_mode | 0o011)


@pytest.fixture(scope="session")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Every service of docker-compose.yml, started. Skips where PostgreSQL or Weaviate is not here."""
    from customer_analytics.sample_data import DEFAULT_END, generate

    binary()
    postgres_program("initdb")
    folder = tmp_path_factory.mktemp("deployment")
    open_to_other_users(folder)  # PostgreSQL runs as a user of its own, and must reach its folder
    running = Deployment(folder)
    generate(running.sources, CUSTOMERS, 7, DEFAULT_END)
    for recording in sorted((running.sources / "customer_calls").iterdir())[CALLS:]:
        recording.unlink()
    try:
        running.start_all()
        yield running
    finally:
        running.stop()


@dataclass
class WholeRun:
    """What was seen of the run of the job `everything`."""

    run_id: str
    outcome: str
    arguments: set[str]
    """The command lines of all processes of the deployment, seen while it ran."""


@pytest.fixture(scope="session")
def whole_run(deployment: Deployment) -> WholeRun:
    """The whole graph, materialised through webserver, queue, daemon and the code location."""
    run = deployment.launch("everything")
    seen: set[str] = set()

    def outcome() -> str | None:
        for process in deployment.family():
            with contextlib.suppress(psutil.Error):
                seen.add(" ".join(process.cmdline()))
        status, _ = deployment.status(run)
        return status if status in ("SUCCESS", "FAILURE", "CANCELED") else None

    return WholeRun(run, deployment.wait("webserver", outcome, 600), seen)
