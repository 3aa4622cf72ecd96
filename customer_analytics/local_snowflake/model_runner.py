"""The process of one model: `python -m customer_analytics.local_snowflake.model_runner FOLDER`."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import struct
import sys
import threading
import time
from pathlib import Path
from typing import Any, BinaryIO


def main() -> None:
    """Answer requests on standard input until it closes."""
    _limit_memory()
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    # The model's own prints must not get between the answers
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    requests = sys.stdin.buffer
    loaded: Any = None
    while (head := _read(requests)) is not None:
        body = _read(requests) or b""
        verb, method = head.decode().split(" ", 1)
        try:
            loaded = loaded or _load(Path(sys.argv[1]))
            kind, answer = b"A", _inputs(loaded, method) if verb == "inputs" else _run(loaded, method, body)
        except Exception as error:  # noqa: BLE001 whatever a model raises
            kind, answer = b"E", f"{type(error).__name__}: {error}".encode()
        answers.write(kind + struct.pack(">Q", len(answer)) + answer)
        answers.flush()


def _end_with(server: int) -> None:
    """A model that never ends must not outlive a server that was killed."""
    while os.getppid() == server:
        time.sleep(1)
    os._exit(1)


def _limit_memory() -> None:
    """A model that eats memory gets a MemoryError, or is what the kernel ends first: not the server."""
    half = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_DATA, (half, half))
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("1000")


def _read(file: BinaryIO) -> bytes | None:
    size = file.read(8)
    return file.read(struct.unpack(">Q", size)[0]) if len(size) == 8 else None


def _load(folder: Path) -> Any:
    from snowflake.ml.model._packager import model_packager

    packager = model_packager.ModelPackager(str(folder / "model"))
    packager.load()
    return packager


def _target(packager: Any, method: str) -> str:
    return next(name for name in packager.meta.signatures if name.upper() == method.upper())


def _inputs(packager: Any, method: str) -> bytes:
    """One letter for each column that the method takes: T for a text, N for a number."""
    features = packager.meta.signatures[_target(packager, method)].inputs
    return "".join("T" if type(f.as_snowpark_type()).__name__ == "StringType" else "N" for f in features).encode()


def _run(packager: Any, method: str, body: bytes) -> bytes:
    import pandas as pd
    import pyarrow as pa

    target = _target(packager, method)
    signature = packager.meta.signatures[target]
    frame = pa.ipc.open_stream(body).read_all().to_pandas()
    frame.columns = [feature.name for feature in signature.inputs]
    found = pd.DataFrame(getattr(packager.model, target)(frame))
    found.columns = [feature.name for feature in signature.outputs][: found.shape[1]]
    texts = [json.dumps(row, default=float) for row in found.to_dict("records")]
    table = pa.table({"answer": pa.array(texts, pa.string())})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


if __name__ == "__main__":
    main()
