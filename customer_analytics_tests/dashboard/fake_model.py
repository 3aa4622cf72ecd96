"""A chat model that speaks OpenAI's API on a free port of this machine, and fails as told."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class FakeModel:
    """Answers with `pieces`; `fault` is None, a status, "cut", "garbage", "silent", "empty" or "error event"."""

    def __init__(self) -> None:
        self.pieces: list[str] = ["It broke [1]", " and again [2]."]
        self.fault: int | str | None = None
        self.requests: list[dict[str, Any]] = []
        self.released = threading.Event()
        self.url = ""


@contextmanager
def serving() -> Iterator[FakeModel]:
    model = FakeModel()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            model.requests.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            if isinstance(model.fault, int):
                body = json.dumps({"error": {"message": "no, sk-secret-key is bad", "type": "x"}}).encode()
                self.send_response(model.fault)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
                return
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            if model.fault != "empty":
                for piece in model.pieces:
                    self._send(json.dumps({"choices": [{"index": 0, "delta": {"content": piece}}]}))
                    if model.fault == "cut":
                        self.wfile.write(b"ff\r\ndata: {")  # a chunk that never ends
                        self.close_connection = True
                        return
                    if model.fault == "silent":
                        model.released.wait(30)
                        return
                    if model.fault == "garbage":
                        self._send('{"choices": [')
                    if model.fault == "error event":
                        self._send(json.dumps({"error": {"message": "overloaded, sk-secret-key"}}))
            self._send("[DONE]")
            self.wfile.write(b"0\r\n\r\n")

        def _send(self, data: str) -> None:
            line = f"data: {data}\n\n".encode()
            self.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")
            self.wfile.flush()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    model.url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield model
    finally:
        model.released.set()
        server.shutdown()
        server.server_close()
