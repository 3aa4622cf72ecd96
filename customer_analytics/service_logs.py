"""LOG_FORMAT=json: whatever a service writes reaches its log as one JSON object a line, without secrets in it."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import signal
from collections.abc import Sequence
from typing import IO, TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import SecretStr

if TYPE_CHECKING:
    from customer_analytics.settings import Settings

HIDDEN = "**********"
_SHORTEST_SECRET = 6  # shorter ones would blot out ordinary words
_DAGSTER_COMMANDS = (["dagster", "api", "grpc"], ["dagster-webserver"], ["dagster-daemon", "run"])


def in_json(command: Sequence[str]) -> list[str]:
    """The command, told to log as JSON where it can."""
    knows_how = any(list(command[: len(start)]) == start for start in _DAGSTER_COMMANDS)
    return [*command, *(("--log-format", "json") if knows_how and "--log-format" not in command else ())]


def write_as_json(service: str, hidden: Sequence[str]) -> None:
    """From here on, a process of its own reads what this one and its children write, and writes it as JSON.

    This process stays what it is, so that signals reach the service itself.
    """
    reads, writes = os.pipe()
    if os.fork() == 0:
        os.close(writes)
        for signum in (signal.SIGINT, signal.SIGTERM):  # it ends when nobody is left who writes
            signal.signal(signum, signal.SIG_IGN)
        with os.fdopen(reads, "rb") as lines, os.fdopen(1, "wb", buffering=0, closefd=False) as out:
            _copy(lines, out, service, hidden)
        os._exit(0)
    os.close(reads)
    os.dup2(writes, 1)
    os.dup2(writes, 2)
    os.close(writes)


def _copy(lines: IO[bytes], out: IO[bytes], service: str, hidden: Sequence[str]) -> None:
    for line in lines:
        if text := line.decode(errors="replace").strip("\r\n"):
            out.write(record(text, service, hidden).encode() + b"\n")


def record(text: str, service: str, hidden: Sequence[str] = ()) -> str:
    """One line as one JSON object. A line that is one already keeps its own names."""
    for secret in hidden:
        text = text.replace(secret, HIDDEN)
    try:
        given = json.loads(text)
    except ValueError:
        given = None
    if not isinstance(given, dict):
        given = {"time": dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds"), "message": text}
    return json.dumps({"service": service, **given}, ensure_ascii=False)


def secrets_of(settings: Settings) -> list[str]:
    """The values that no log may show, the longest first; of any URL its password and what its query says."""
    values: set[str] = set()
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        text = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        if isinstance(value, SecretStr):
            values |= {text, json.dumps(text)[1:-1]}
        if "://" in text:
            with contextlib.suppress(ValueError):  # it may be no URL all the same
                url = urlsplit(text)
                values |= {url.password or "", unquote(url.password or "")}
                values |= {said for _, said in parse_qsl(url.query)}
    return sorted((v for v in values if len(v) >= _SHORTEST_SECRET), key=len, reverse=True)
