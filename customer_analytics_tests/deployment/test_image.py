"""The Dockerfile's steps as plain commands, in a folder, and its program as the image's user.

No container engine is at hand here. What is left out: the base image, Debian's package, the user's entry in
/etc/passwd, and that uv is fetched (the one of this environment is taken, which must be of the same version).
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from customer_analytics_tests.deployment.compose import ROOT, load
from customer_analytics_tests.deployment.conftest import open_to_other_users

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(900)]
TOP = ("venv", "app", "data")
"""Folders at the image's root that are folders of the test here."""


@dataclass
class Stage:
    """One stage: its environment and working directory so far, and its last user and program."""

    environment: dict[str, str] = field(default_factory=dict)
    folder: str = "/"
    user: str = "0:0"
    program: dict[str, list[str]] = field(default_factory=dict)


class Image:
    """The Dockerfile, step by step, below `root`."""

    def __init__(self, root: Path, tools: Path) -> None:
        self.root, self.tools = root, tools
        self.stage = Stage()
        (root / "venv").mkdir()
        for keyword, rest in instructions((ROOT / "Dockerfile").read_text()):
            getattr(self, f"_{keyword.lower()}")(rest)

    def here(self, text: str) -> str:
        """A text of the Dockerfile or the compose file, with the folders of this test."""
        return re.sub(rf"(?<![\w.])/({'|'.join(TOP)})\b", rf"{self.root}/\1", text)

    def _arg(self, rest: str) -> None:
        name, _, value = rest.partition("=")
        self.stage.environment.setdefault(name, value)

    def _from(self, _: str) -> None:
        """A new stage has nothing of the one before, but for the virtual environment, which is copied."""
        self.stage = Stage()
        for name in ("app", "data"):
            shutil.rmtree(self.root / name, ignore_errors=True)
            (self.root / name).mkdir()

    def _env(self, rest: str) -> None:
        path = self.stage.environment.get("PATH", self.tools_path())
        for word in shlex.split(rest):
            name, _, value = word.partition("=")
            self.stage.environment[name] = self.here(value.replace("$PATH", path))

    def _workdir(self, rest: str) -> None:
        self.stage.folder = self.here(rest)

    def _copy(self, rest: str) -> None:
        if rest.startswith("--from="):
            stage, source, target = rest.split()
            assert stage == "--from=build"
            assert source == target == "/venv", "a virtual environment has to stay where it was made"
            return
        *sources, target = rest.split()
        for source in sources:
            goal = Path(self.stage.folder) / target / ("" if target != "./" else source)
            copy = shutil.copytree if (ROOT / source).is_dir() else shutil.copy2
            options = {"dirs_exist_ok": True, "ignore": shutil.ignore_patterns("__pycache__")}
            copy(ROOT / source, goal, **(options if (ROOT / source).is_dir() else {}))

    def _run(self, rest: str) -> None:
        if rest.startswith("apt-get"):
            # Of it only what concerns files: the rest would change this machine.
            assert re.search(r"mkdir -p /data/home /data/sources && chown -R app:app /data$", rest)
            assert re.search(r"--uid 10001 --gid app --home-dir /data\b", rest)
            for name in ("data", "data/home", "data/sources"):
                (self.root / name).mkdir(exist_ok=True)
                shutil.chown(self.root / name, 10001, 10001)
            return
        # What the builder has around it, such as a proxy and certificates; then the image's own.
        environment = {**os.environ, "PATH": self.tools_path(), **self.stage.environment}
        environment["UV_NO_CACHE"] = "0"  # 1.5 GB need not be fetched for each test
        environment["UV_CACHE_DIR"] = subprocess.run(
            [self.tools / "uv", "cache", "dir"], capture_output=True, text=True, check=True
        ).stdout.strip()
        ended = subprocess.run(
            ["sh", "-ec", self.here(rest)], cwd=self.stage.folder, env=environment, capture_output=True, text=True
        )
        assert ended.returncode == 0, f"{rest}\n{ended.stdout}{ended.stderr}"

    def _user(self, rest: str) -> None:
        self.stage.user = rest

    def _entrypoint(self, rest: str) -> None:
        self.stage.program["ENTRYPOINT"] = json.loads(rest)

    def _cmd(self, rest: str) -> None:
        self.stage.program["CMD"] = json.loads(rest)

    def tools_path(self) -> str:
        return f"{self.tools}:/usr/bin:/bin"

    def start(self, command: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
        """What a container of the image would start, as its user, with nothing of this process's environment."""
        assert self.stage.user == "10001:10001"
        command = [*self.stage.program["ENTRYPOINT"], *map(self.here, command)]
        given = {k: self.here(v) for k, v in environment.items()}
        return subprocess.run(
            [*AS_USER, *command],
            cwd=self.stage.folder, env=self.stage.environment | given, capture_output=True, text=True, timeout=180,
        )  # fmt: skip


def instructions(text: str) -> Iterator[tuple[str, str]]:
    """Keyword and rest of each instruction, comments and line ends taken out."""
    text = re.sub(r"^#.*\n", "", text, flags=re.M)
    for line in re.sub(r"\s*\\\n\s*", " ", text).splitlines():
        if line.strip():
            keyword, _, rest = line.strip().partition(" ")
            yield keyword, rest.strip()


AS_USER = ["setpriv", "--reuid=10001", "--regid=10001", "--clear-groups"]


def reachable_python() -> str:
    """This Python, or Debian's, where another user may run it; skips where neither may be."""
    fits = "import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))"
    for python in (Path(sys.executable).resolve(), Path("/usr/bin/python3").resolve()):
        open_to_all = python.exists() and all(parent.stat().st_mode & 0o001 for parent in python.parents)
        if open_to_all and subprocess.run([python, "-c", fits]).returncode == 0:
            return str(python)
    pytest.skip("no Python 3.11 or 3.12 that the image's user could run")


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    uv = Path(sys.executable).with_name("uv")
    if os.geteuid() != 0 or not shutil.which("setpriv") or not uv.exists():
        pytest.skip("root, setpriv and uv are needed to start a program as the image's user")
    python = reachable_python()
    root = tmp_path_factory.mktemp("image")
    open_to_other_users(root)
    tools = root / "tools"
    tools.mkdir()
    # `pip` is only asked for uv, which is here.
    (tools / "pip").write_text('#!/bin/sh\necho "$@" >>"$(dirname "$0")/asked"\n')
    (tools / "pip").chmod(0o755)
    (tools / "uv").symlink_to(uv)
    (tools / "python").symlink_to(python)
    made = Image(root, tools)
    version = subprocess.run([uv, "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    assert (tools / "asked").read_text().split() == ["install", "--quiet", f"uv=={version}"]
    return made


def test_its_program_tells_the_user_what_is_well(image: Image) -> None:
    """CMD: the doctor, which makes the home folder's content and starts the local Snowflake."""
    seen = image.start(image.stage.program["CMD"], LOCAL_SNOWFLAKE_IDLE_MINUTES="0.05")
    assert seen.returncode == 0, seen.stdout + seen.stderr
    assert not re.search(r"^FAIL", seen.stdout, re.M), seen.stdout


SERVICES = load()["services"]


@pytest.mark.parametrize("name", [n for n, s in SERVICES.items() if s["image"].startswith("groundtruth:")])
def test_every_command_and_health_check_of_the_compose_file_is_in_it(image: Image, name: str) -> None:
    """That they do what they should is shown by test_processes."""
    for command in (SERVICES[name]["command"], SERVICES[name]["healthcheck"]["test"][1:]):
        found = shutil.which(image.here(command[0]), path=image.stage.environment["PATH"] + ":/usr/bin:/bin")
        assert found, command[0]
        asked = image.start([command[0], "--help"])
        assert asked.returncode == 0, asked.stderr
    for part in SERVICES[name]["command"]:
        if part.startswith(("deploy/", "dashboard/")):
            assert (Path(image.stage.folder) / part).is_file(), part


def test_it_can_write_nowhere_but_in_its_data(image: Image) -> None:
    tried = image.start(["sh", "-c", "touch /app/x /venv/x /venv/lib/x; touch /data/home/x && echo written"])
    assert tried.stdout.strip().endswith("written")
    assert len(re.findall("Permission denied", tried.stderr)) == 3


def test_its_modules_are_compiled_since_nobody_can_do_it_later(image: Image) -> None:
    """Ours and the slowest that we import."""
    (packages,) = (image.root / "venv" / "lib").glob("python*/site-packages")
    for name in ("customer_analytics", "dashboard", "dagster", "snowflake/snowpark", "streamlit"):
        modules = [m for m in (packages / name).rglob("*.py") if m.stat().st_size]
        compiled = {p.name.split(".")[0] for p in (packages / name).rglob("*.pyc")}
        missing = [m for m in modules if m.stem not in compiled]
        assert modules
        assert len(missing) <= len(modules) // 100, missing[:5]


def test_uv_and_the_tests_are_not_in_it(image: Image) -> None:
    (packages,) = (image.root / "venv" / "lib").glob("python*/site-packages")
    found = {p.name for p in packages.iterdir()}
    assert "customer_analytics" in found
    assert not {"uv", "pip", "customer_analytics_tests", "benchmarks", "pytest"} & found
