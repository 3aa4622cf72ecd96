"""Who is connected. A session belongs to the TCP connections that its requests came by: a dead client's are closed.

A session whose connections are all gone for `LOST_SECONDS` while a transaction is open is rolled back, so that it
holds nothing up. After `FORGET_SECONDS` it is closed.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from typing import Any

from starlette.requests import Request

from customer_analytics.local_snowflake.engine import Connection

log = logging.getLogger(__name__)
LOST_SECONDS = 3.0
FORGET_SECONDS = 900.0
Peer = tuple[str, int]


class Sessions:
    """The sessions by token, and the open TCP connections."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sessions: dict[str, Connection] = {}
        self._peers: dict[str, set[Peer]] = {}
        self._open: set[Peer] = set()
        self._seen: dict[str, float] = {}
        self._count = 0
        self.last_active = time.monotonic()

    def __len__(self) -> int:
        return len(self._sessions)

    def add(self, connection: Connection, request: Request, parameters: dict[str, Any]) -> str:
        token = secrets.token_urlsafe(32)
        with self._lock:
            self._count += 1
            connection.number = self._count
            connection.query_tag = parameters.get("QUERY_TAG")
            self._sessions[token] = connection
            self._peers[token] = set()
        self._touch(token, request)
        return token

    def get(self, token: str, request: Request) -> Connection | None:
        """The session of a request; None when there is none (any more)."""
        connection = self._sessions.get(token)
        if connection is not None:
            self._touch(token, request)
        return connection

    def number(self, token: str) -> int:
        return self._sessions[token].number

    def close(self, token: str) -> None:
        with self._lock:
            connection = self._sessions.pop(token, None)
            self._peers.pop(token, None)
            self._seen.pop(token, None)
        if connection is not None:
            connection.shutdown()

    def close_all(self) -> None:
        for connection in list(self._sessions.values()):
            connection.duck.con.interrupt()  # a statement that runs long
        for token in list(self._sessions):
            self.close(token)

    def peer_opened(self, peer: Peer) -> None:
        with self._lock:
            self._open.add(peer)
            self.last_active = time.monotonic()

    def peer_closed(self, peer: Peer) -> None:
        with self._lock:
            self._open.discard(peer)
            self.last_active = time.monotonic()

    def idle_seconds(self) -> float:
        """How long nobody has been connected."""
        return 0.0 if self._open else time.monotonic() - self.last_active

    def reap(self) -> None:
        """Roll back and forget sessions whose clients are gone. Called about every second."""
        now = time.monotonic()
        for token, connection in list(self._sessions.items()):
            with self._lock:
                peers = self._peers.get(token, set())
                if peers & self._open:
                    self._seen[token] = now
                    continue
                away = now - self._seen.get(token, now)
            if away > FORGET_SECONDS:
                self.close(token)
            elif away > LOST_SECONDS and connection.duck.in_transaction and connection.lock.acquire(blocking=False):
                try:
                    connection.duck.rollback()
                    connection.lost_transaction = "its client was not connected any more"
                    connection.engine.locks.free(connection)
                    log.warning("session %s: its client is gone, its transaction was rolled back", connection.number)
                finally:
                    connection.lock.release()

    def _touch(self, token: str, request: Request) -> None:
        with self._lock:
            self._seen[token] = self.last_active = time.monotonic()
            if request.client and token in self._peers:
                self._peers[token] = {p for p in self._peers[token] if p in self._open}
                self._peers[token].add((request.client.host, request.client.port))
