"""The server's process: one folder, one port on loopback, until nobody has been connected for a while."""

from __future__ import annotations

import argparse
import importlib.abc
import json
import logging
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

from customer_analytics.local_snowflake import lifecycle

log = logging.getLogger(__name__)


def main() -> None:
    """Serve the folder given on the command line."""
    arguments = argparse.ArgumentParser(prog="local_snowflake")
    arguments.add_argument("--folder", type=Path, required=True)
    arguments.add_argument("--idle-minutes", type=float, default=15.0)
    arguments.add_argument("--statement-log", type=Path)
    options = arguments.parse_args()
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(process)d %(message)s", stream=sys.stderr
    )
    logging.getLogger("snowflake").setLevel(logging.WARNING)
    folder = options.folder.resolve()
    try:
        held = lifecycle.hold(folder)
    except lifecycle.LocalSnowflakeError as error:
        sys.exit(str(error))
    try:
        serve(folder, options.idle_minutes * 60, options.statement_log)
    finally:
        os.close(held)


def serve(folder: Path, idle_seconds: float, statement_log: Path | None = None) -> None:
    """Serve until stopped, or until nobody has been connected for `idle_seconds`."""
    sys.meta_path.insert(0, _LeftOut())
    import uvicorn

    from customer_analytics.local_snowflake.engine import Engine
    from customer_analytics.local_snowflake.links import Links
    from customer_analytics.local_snowflake.peers import watching
    from customer_analytics.local_snowflake.protocol import Protocol, new_token
    from customer_analytics.local_snowflake.sessions import Sessions

    engine, sessions, token = Engine(folder), Sessions(), new_token()
    listener = _listen(lifecycle.read_state(folder))
    port = listener.getsockname()[1]
    links = Links(engine.stages_folder, f"http://{lifecycle.HOST}:{port}", token)
    record = _recorder(statement_log) if statement_log else None
    protocol = Protocol(engine, token, sessions, links, record)
    server = uvicorn.Server(
        uvicorn.Config(
            protocol.app(),
            http=watching(sessions),
            log_config=None,
            access_log=False,
            timeout_keep_alive=24 * 3600,  # an open connection is how the server knows that a client lives
            timeout_graceful_shutdown=5,
            lifespan="off",
            ws="none",
        )
    )
    lifecycle.write_state(folder, lifecycle.ServerState(os.getpid(), port, token))
    log.info("serving %s on port %s", folder, port)
    threading.Thread(target=_watch, args=(server, sessions, engine, idle_seconds), daemon=True).start()
    for number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn ends gracefully, and then sends itself the signal again: what is left to do must still be done.
        signal.signal(number, lambda *_: None)
    try:
        server.run(sockets=[listener])
    finally:
        (folder / "server.json").unlink(missing_ok=True)
        engine.model_runners.close()  # what waits for a model ends
        sessions.close_all()
        engine.checkpoint()
        engine.close()
        log.info("stopped")


class _LeftOut(importlib.abc.MetaPathFinder):
    """Libraries that the connector, imported for its errors, would import: 2 s and 100 MB of no use to a server."""

    NAMES = frozenset({"pandas", "boto3", "botocore", "aiobotocore", "azure", "keyring"})

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> None:
        if fullname in self.NAMES:
            raise ModuleNotFoundError(f"{fullname} is left out of the local Snowflake's process", name=fullname)


def _listen(before: lifecycle.ServerState | None) -> socket.socket:
    """A listening socket; on the port of the server before, if it is free, so that its clients find this one."""
    for port in ([before.port] if before else []) + [0]:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((lifecycle.HOST, port))
        except OSError:
            listener.close()
            continue
        listener.listen(512)
        return listener
    raise lifecycle.LocalSnowflakeError("No port is free on 127.0.0.1")


def _watch(server: Any, sessions: Any, engine: Any, idle_seconds: float) -> None:
    while not server.should_exit:
        time.sleep(min(1.0, idle_seconds / 4))
        try:
            sessions.reap()
            engine.times.save()
        except Exception:
            log.exception("looking after sessions failed")
        if sessions.idle_seconds() > idle_seconds:
            log.info("nobody has been connected for %.0f s", idle_seconds)
            server.should_exit = True


def _recorder(path: Path) -> Any:
    lock = threading.Lock()
    path.parent.mkdir(parents=True, exist_ok=True)

    def record(entry: dict[str, Any]) -> None:
        with lock, path.open("a") as file:
            file.write(json.dumps(entry) + "\n")

    return record
