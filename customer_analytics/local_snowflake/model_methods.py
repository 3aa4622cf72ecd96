"""`MODEL(m, v)!method(...)`, which `ModelVersion.run` sends: the model runs in a process of its own.

A model is a pickle, so code: one that crashes, hangs or eats memory takes its process with it, not the server.
"""

from __future__ import annotations

import hashlib
import os
import re
import selectors
import struct
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import snowflake.connector.errors as sfe
from duckdb.func import ARROW, SPECIAL
from duckdb.sqltypes import DOUBLE, VARCHAR

from customer_analytics.local_snowflake import models
from customer_analytics.local_snowflake.names import IDENTIFIER, NAME, normal, qualified

if TYPE_CHECKING:
    from customer_analytics.local_snowflake.engine import Connection

BATCH_TIMEOUT_SECONDS = 120.0
MAX_RUNNERS = 3
_METHOD = re.compile(rf"\bMODEL\s*\(\s*({NAME})\s*,\s*({IDENTIFIER})\s*\)\s*!\s*({IDENTIFIER})\s*\(", re.I)


def inline(session: Connection, sql: str) -> str:
    """Each call as a DuckDB function that sends its batches to the model's process."""
    while match := _METHOD.search(sql):
        folder = models.version_folder(session, qualified(session, match[1]), normal(match[2]))
        end, depth = match.end(), 1
        while depth:
            depth += (sql[end] == "(") - (sql[end] == ")")
            end += 1
        function = session.engine.model_runners.function(session, folder, normal(match[3]))
        sql = f"{sql[: match.start()]}CAST({function}({sql[match.end() : end - 1]}) AS VARIANT){sql[end:]}"
    return sql


class ModelRunners:
    """The processes of the models used last, and the DuckDB functions that reach them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runners: dict[str, Runner] = {}
        self._functions: set[str] = set()
        # A function belongs to the whole database, but dies with the connection that made it, and whoever
        # calls it then takes the process down: so one connection of its own keeps them all.
        self._keeper: Any = None

    def function(self, session: Connection, folder: Path, method: str) -> str:
        """The name of a DuckDB function that sends its batches to the model's process."""
        text = f"{_version(folder)}!{method}"
        name = "local_model_" + hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()[:16]
        if name in self._functions:
            return name
        kinds = self.get(folder).inputs(method)

        def run(*columns: pa.Array) -> pa.Array:
            return self.get(folder).run(method, list(columns))

        names = [f"a{i}" for i in range(len(kinds))]
        # DuckDB wants one named parameter for each column
        call = eval(f"lambda {', '.join(names)}: run({', '.join(names)})", {"run": run})  # noqa: S307
        inputs: list[Any] = [VARCHAR if kind == "T" else DOUBLE for kind in kinds]
        options: dict[str, Any] = {"type": ARROW, "null_handling": SPECIAL, "side_effects": True}
        with self._lock:
            if self._keeper is None:
                self._keeper = session.engine.duck_conn.cursor()
            if name not in self._functions:
                self._keeper.create_function(name, call, inputs, VARCHAR, **options)
                self._functions.add(name)
        return name

    def get(self, folder: Path) -> Runner:
        """The model's process. A version that was deleted and logged anew is another model."""
        version = _version(folder)
        with self._lock:
            runner = self._runners.pop(version, None)
            if runner is None or not runner.alive():
                runner = Runner(folder)
            self._runners[version] = runner
            while len(self._runners) > MAX_RUNNERS:
                self._runners.pop(next(iter(self._runners))).close()
        return runner

    def close(self) -> None:
        for runner in self._runners.values():
            runner.close()


def _version(folder: Path) -> str:
    found = folder.stat()
    return f"{folder}!{found.st_ino}!{found.st_ctime_ns}"


class Runner:
    """One model in its process. Messages are a length and an Arrow stream or a text."""

    def __init__(self, folder: Path) -> None:
        self._lock = threading.Lock()
        self._process = subprocess.Popen(  # noqa: S603 our own module
            [sys.executable, "-m", "customer_analytics.local_snowflake.model_runner", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def alive(self) -> bool:
        return self._process.poll() is None

    def inputs(self, method: str) -> str:
        """One letter for each column that the method takes: T for a text, N for a number."""
        return self._ask(b"inputs " + method.encode(), b"").decode()

    def run(self, method: str, columns: list[pa.Array]) -> pa.Array:
        """One JSON text for each row."""
        table = pa.table(columns, names=[f"a{i}" for i in range(len(columns))])
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        answer = self._ask(b"run " + method.encode(), sink.getvalue().to_pybytes())
        return pa.ipc.open_stream(answer).read_all().column(0).combine_chunks()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()

    def _ask(self, head: bytes, body: bytes) -> bytes:
        with self._lock:
            assert self._process.stdin is not None
            try:
                for part in (head, body):
                    self._process.stdin.write(struct.pack(">Q", len(part)) + part)
                self._process.stdin.flush()
                kind, answer = self._read(1), self._read(struct.unpack(">Q", self._read(8))[0])
            except OSError as error:
                self.close()
                raise _failed("its process ended") from error
        if kind == b"E":
            raise _failed(answer.decode())
        return answer

    def _read(self, size: int) -> bytes:
        assert self._process.stdout is not None
        file, found = self._process.stdout.fileno(), b""
        with selectors.DefaultSelector() as ready:
            ready.register(file, selectors.EVENT_READ)
            while len(found) < size:
                if not ready.select(BATCH_TIMEOUT_SECONDS):
                    self.close()
                    raise _failed(f"it took more than {BATCH_TIMEOUT_SECONDS:.0f} s for a batch")
                if not (piece := os.read(file, min(size - len(found), 1 << 20))):
                    raise BrokenPipeError
                found += piece
        return found


def _failed(why: Any) -> sfe.ProgrammingError:
    return sfe.ProgrammingError(msg=f"The model could not be run: {why}", errno=100357, sqlstate="P0000")
