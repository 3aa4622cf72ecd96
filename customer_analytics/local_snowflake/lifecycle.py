"""How clients find, start and stop the server of a folder. Standard library only: it is imported everywhere.

The server holds an exclusive lock on `data.lock` for as long as it lives, so that the kernel itself says whether
a folder is served. `server.json` (mode 0600) says where: process, port, token. Starters queue on `start.lock`.
"""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"
START_TIMEOUT_SECONDS = 60.0
_started: list[subprocess.Popen] = []
"""Servers that this process started: kept, because they outlive their Popen object's use here."""
_SECRET_WORDS = ("KEY", "TOKEN", "PASSWORD", "SECRET", "PASSPHRASE", "WEBHOOK", "POSTGRES_URL")


class LocalSnowflakeError(Exception):
    """The local Snowflake cannot be started, reached or stopped: one sentence with the remedy."""


@dataclass(frozen=True)
class ServerState:
    """A running server, as its state file says. `token` lets a client in; it is a secret."""

    pid: int
    port: int
    token: str

    def __repr__(self) -> str:
        return f"ServerState(pid={self.pid}, port={self.port})"


@dataclass(frozen=True)
class Options:
    """How to start a server when none is running."""

    log_file: Path
    idle_minutes: float = 15.0
    statement_log: Path | None = None
    """One JSON line for each statement, with its query tag, duration and error."""
    may_start: bool = True
    """False where the server is a service of its own: then clients wait for it, and never start another."""


def read_state(folder: Path) -> ServerState | None:
    """What the state file says; None when there is none, or no whole one."""
    try:
        return ServerState(**json.loads((folder / "server.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None


def write_state(folder: Path, state: ServerState) -> None:
    """Written whole, readable by this user only."""
    new = folder / f"server.json.{os.getpid()}"
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(asdict(state), file)
    new.replace(folder / "server.json")


def is_served(folder: Path) -> bool:
    """Whether a living process holds the folder."""
    try:
        fd = os.open(folder / "data.lock", os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(fd)


def hold(folder: Path) -> int:
    """Lock the folder for this process's life. A second server fails at once."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    fd = os.open(folder / "data.lock", os.O_RDWR | os.O_CREAT, 0o600)
    for _ in range(20):  # somebody may be looking at the lock just now (`is_served`)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.01)
        else:
            return fd
    os.close(fd)
    state = read_state(folder)
    raise LocalSnowflakeError(
        f"Another local Snowflake{f' (process {state.pid})' if state else ''} already serves {folder}: "
        "use it, or stop it with `customer-analytics warehouse stop`"
    )


def running(folder: Path) -> ServerState | None:
    """The server of the folder when it is alive. A state file left by a crash or a reboot counts as none."""
    state = read_state(folder)
    return state if state and is_served(folder) else None


def ensure(folder: Path, options: Options) -> ServerState:
    """The folder's server, started first when there is none; however many call at once, one is started."""
    if state := running(folder):
        return state
    if not options.may_start:
        if _wait(lambda: running(folder) is not None, START_TIMEOUT_SECONDS) and (state := running(folder)):
            return state
        raise LocalSnowflakeError(
            "The service of the local Snowflake does not run, and nothing else may start one here "
            "(SERVICE_NEEDS_WAREHOUSE): docker compose --profile local up -d snowflake"
        )
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _start_lock(folder):
        return running(folder) or _start(folder, options)


def stop(folder: Path, timeout_seconds: float = 20.0) -> bool:
    """Stop the folder's server and wait for its end; False when none was running."""
    with _start_lock(folder) if folder.is_dir() else _nothing():
        state = running(folder)
        if state is None:
            return False
        for signum, seconds in ((signal.SIGTERM, timeout_seconds), (signal.SIGKILL, 5.0)):
            try:
                os.kill(state.pid, signum)
            except ProcessLookupError:
                break
            if _wait(lambda: not is_served(folder), seconds):
                return True
        if is_served(folder):
            raise LocalSnowflakeError(f"The local Snowflake (process {state.pid}) does not stop: end it by hand")
        return True


def status(folder: Path) -> dict[str, Any] | None:
    """What the server says of itself (process, port, uptime, sessions, memory); None when none is running."""
    state = running(folder)
    if state is None:
        return None
    connection = http.client.HTTPConnection(HOST, state.port, timeout=5)
    try:
        connection.request("GET", "/local/status", headers={"Authorization": f"Bearer {state.token}"})
        return json.loads(connection.getresponse().read())
    except (OSError, ValueError) as error:
        raise LocalSnowflakeError(
            f"The local Snowflake (process {state.pid}) does not answer: `customer-analytics warehouse restart`"
        ) from error
    finally:
        connection.close()


def _start(folder: Path, options: Options) -> ServerState:
    options.log_file.parent.mkdir(parents=True, exist_ok=True)
    command = [
        *(sys.executable, "-m", "customer_analytics.local_snowflake"),
        *("--folder", str(folder), "--idle-minutes", str(options.idle_minutes)),
        *(("--statement-log", str(options.statement_log)) if options.statement_log else ()),
    ]
    environment = {k: v for k, v in os.environ.items() if not any(word in k.upper() for word in _SECRET_WORDS)}
    with options.log_file.open("ab") as log:
        process = subprocess.Popen(  # noqa: S603 our own module
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment,
            cwd=folder,
            start_new_session=True,  # detached: it outlives this process and its terminal
        )

    _started.append(process)

    def ready() -> bool:
        state = read_state(folder)
        return process.poll() is not None or (state is not None and state.pid == process.pid)

    if _wait(ready, START_TIMEOUT_SECONDS) and process.poll() is None and (state := read_state(folder)):
        return state
    if process.poll() is None:
        process.kill()
        reason = f"it was not ready within {START_TIMEOUT_SECONDS:.0f} s"
    else:
        lines = options.log_file.read_text(errors="replace").strip().splitlines()
        reason = lines[-1] if lines else f"exit code {process.returncode}"
    raise LocalSnowflakeError(f"The local Snowflake did not start: {reason} (log: {options.log_file})")


def _wait(condition: Any, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


@contextmanager
def _start_lock(folder: Path) -> Iterator[None]:
    with (folder / "start.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def _nothing() -> Iterator[None]:
    yield
