"""A real Weaviate server for tests: on free loopback ports, in a folder of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

VERSION = "v1.39.0"
INSTALL = f"go install github.com/weaviate/weaviate/cmd/weaviate-server@{VERSION}"


def binary() -> str:
    """The server's program, on PATH or where `go install` puts it; skips the test where there is none."""
    found = shutil.which("weaviate-server")
    if found:
        return found
    go = shutil.which("go")
    if not go:
        pytest.skip("no weaviate-server on PATH and no Go to build one: a real Weaviate cannot be tested")
    places = subprocess.run([go, "env", "GOBIN", "GOPATH"], capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    for folder in (Path(places[0]) if places[0] else None, Path(places[1]) / "bin"):
        if folder and (folder / "weaviate-server").is_file():
            return str(folder / "weaviate-server")
    if os.environ.get("BUILD_WEAVIATE") == "1":
        subprocess.run(INSTALL.split(), check=True, timeout=1800)
        return str(Path(places[1]) / "bin" / "weaviate-server")
    pytest.skip(f"no weaviate-server: run `{INSTALL}` (about 5 minutes, once), or set BUILD_WEAVIATE=1")


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for s in sockets:
            s.bind(("127.0.0.1", 0))
        return [s.getsockname()[1] for s in sockets]
    finally:
        for s in sockets:
            s.close()


class WeaviateServer:
    """One server. `kill` is SIGKILL; `start` again uses the same folder and ports."""

    def __init__(self, folder: Path, api_key: str | None = None) -> None:
        self.folder, self.api_key = folder, api_key
        self.port, self.grpc_port, *self._others = _free_ports(7)
        self.url, self.grpc_url = f"http://127.0.0.1:{self.port}", f"127.0.0.1:{self.grpc_port}"
        self._program = binary()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> WeaviateServer:
        gossip, data, raft, raft_rpc, profiling = map(str, self._others)
        key = self.api_key
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "PERSISTENCE_DATA_PATH": str(self.folder / "data"),
            "DEFAULT_VECTORIZER_MODULE": "none",
            "CLUSTER_HOSTNAME": "node1",
            "CLUSTER_ADVERTISE_ADDR": "127.0.0.1",
            "CLUSTER_GOSSIP_BIND_PORT": gossip,
            "CLUSTER_DATA_BIND_PORT": data,
            "RAFT_PORT": raft,
            "RAFT_INTERNAL_RPC_PORT": raft_rpc,
            "RAFT_BOOTSTRAP_EXPECT": "1",
            "GO_PROFILING_PORT": profiling,
            "GRPC_PORT": str(self.grpc_port),
            "DISABLE_TELEMETRY": "true",
            "ENABLE_MODULES": "backup-filesystem",
            "BACKUP_FILESYSTEM_PATH": str(self.folder / "backups"),
            "AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED": "false" if key else "true",
        }
        if key:
            environment |= {
                "AUTHENTICATION_APIKEY_ENABLED": "true",
                "AUTHENTICATION_APIKEY_ALLOWED_KEYS": key,
                "AUTHENTICATION_APIKEY_USERS": "tests",
                "AUTHORIZATION_ADMINLIST_ENABLED": "true",
                "AUTHORIZATION_ADMINLIST_USERS": "tests",
            }
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._program, "--host", "127.0.0.1", "--port", str(self.port), "--scheme", "http"],
                env=environment,
                stdout=log,
                stderr=log,
            )
        self._wait()
        return self

    def _wait(self, seconds: float = 120) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self._process is None or self._process.poll() is not None:
                break
            try:
                with urllib.request.urlopen(f"{self.url}/v1/.well-known/ready", timeout=2) as answer:
                    if answer.status == 200:
                        return
            except OSError:
                time.sleep(0.2)
        log = (self.folder / "log").read_text(errors="replace")[-2000:]
        self.kill()
        raise RuntimeError(f"Weaviate did not become ready:\n{log}")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
