"""The README keeps its word: its commands exist, and each is run here, by a make target, or by the test named."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import click
import pytest
import typer

from customer_analytics.cli import app
from customer_analytics.tables import SOURCES, source_name

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
PROGRAM = ".venv/bin/customer-analytics "

# The quick ones are run here, in this order, in one home folder.
RUN_HERE = (
    "customer-analytics snowflake setup --dry-run",
    'customer-analytics sql "select current_version()"',
    "customer-analytics warehouse status",
    "customer-analytics warehouse stop",
    "customer-analytics sample-data /tmp/toys --customers 200 --seed 7",
)
# The others: where each is run, as FILE: TEXT that stands in it.
RUN_ELSEWHERE = {
    "make demo": "Makefile: demo:",
    "make test": ".ci/run: make test",
    "SOURCE_URI=/path/to/your/files make run": ".ci/run: make run",
    "make whisper": ".ci/run: make -s whisper",
    "customer-analytics run": "Makefile: customer-analytics run",
    "customer-analytics run --select": ".ci/run: customer-analytics run --select",
    "customer-analytics doctor": ".ci/run: customer-analytics doctor",
    "customer-analytics reset": ".ci/run: customer-analytics reset --yes",
    "dagster dev": "customer_analytics_tests/test_readme.py: def test_dagster_dev_serves",
    "customer-analytics serve": "Makefile: customer-analytics serve",
    "customer-analytics sql": ".ci/run: customer-analytics sql",
    "customer-analytics export": ".ci/run: customer-analytics export",
}


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def commands() -> list[str]:
    lines = "\n".join(blocks("bash")).splitlines()
    return [line.removeprefix(".venv/bin/") for line in lines if line.strip() and not line.startswith("#")]


def inline_commands() -> list[str]:
    return [text for text in re.findall(r"`([^`\n]+)`", README) if text.startswith("customer-analytics ")]


def parse(command: str) -> click.Context:
    """Parse a command of the program as it would be, without running it."""
    here: click.Command = typer.main.get_command(app)
    arguments = shlex.split(command)[1:]
    context = click.Context(here)
    while isinstance(here, click.Group):
        name = arguments.pop(0)
        found = here.get_command(context, name)
        assert found is not None, f"{command!r}: there is no {name!r}"
        here = found
    return here.make_context(here.name, arguments)


def targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))


@pytest.mark.parametrize("command", [c for c in commands() + inline_commands() if "customer-analytics" in c])
def test_a_command_of_the_program_exists_with_its_options(command: str) -> None:
    parse(command)


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\bmake ([a-z-]+)`", README)) | {"demo", "test", "whisper"}))
def test_a_make_target_exists(target: str) -> None:
    assert target in targets()


@pytest.mark.parametrize("command", commands())
def test_every_command_is_run_somewhere(command: str) -> None:
    if command in RUN_HERE:
        return
    place = max((c for c in RUN_ELSEWHERE if command.startswith(c)), key=len, default=None)
    assert place is not None, f"{command!r} of the README is run by no test: add it to RUN_HERE or RUN_ELSEWHERE"
    file, text = RUN_ELSEWHERE[place].split(": ", 1)
    assert text in (ROOT / file).read_text(), f"{file} does not run {command!r}"


def test_the_quick_commands_run(tmp_path: Path) -> None:
    for command in RUN_HERE:
        assert command in commands(), f"{command!r} is no longer in the README"
        words = shlex.split(command.replace("/tmp/toys", str(tmp_path / "toys")))
        program = Path(sys.executable).with_name(words[0])
        done = subprocess.run(
            [str(program), *words[1:]],
            env={**os.environ, "CUSTOMER_ANALYTICS_HOME": str(tmp_path / "home")},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, f"{command}: {done.stderr[-500:]}"
    assert (tmp_path / "toys" / "orders.csv").exists()


@pytest.mark.parametrize("code", blocks("python"))
def test_the_code_runs(code: str) -> None:
    names: dict = {"__name__": "readme"}
    exec(compile(code, "README.md", "exec", dont_inherit=True), names)


def test_every_source_is_described_with_its_columns() -> None:
    for table in SOURCES:
        row = next(line for line in README.splitlines() if line.startswith(f"| {source_name(table)} |"))
        for column in table.columns:
            assert column.name in row, f"{table.name}: {column.name} is not in the README's table"
            assert (f"*{column.name}*" in row.replace("**", "")) == column.nullable or column.name in table.key


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: p.name)
def test_every_link_leads_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", document.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (document.parent / target).exists(), f"{document.name} links to {target}, which is not there"


@pytest.mark.heavy
def test_dagster_dev_serves(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {k: v for k, v in os.environ.items() if k != "DAGSTER_HOME"}
    with (tmp_path / "log").open("w") as log:
        dev = subprocess.Popen(
            [str(Path(sys.executable).with_name("dagster")), "dev", "-h", "127.0.0.1", "-p", str(port)],
            env=environment | {"CUSTOMER_ANALYTICS_HOME": str(tmp_path / "home")},
            cwd=ROOT,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + 150
        while time.monotonic() < deadline and dev.poll() is None:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/server_info", timeout=5) as answer:
                    assert "dagster_version" in answer.read().decode()
                    return
            except OSError:
                time.sleep(1)
        pytest.fail("dagster dev did not serve: " + (tmp_path / "log").read_text()[-2000:])
    finally:
        os.killpg(dev.pid, signal.SIGTERM)
        try:
            dev.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(dev.pid, signal.SIGKILL)
