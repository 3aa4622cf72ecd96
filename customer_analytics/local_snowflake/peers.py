"""Which TCP connections are open, told to the sessions by uvicorn's own HTTP protocol."""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from customer_analytics.local_snowflake.sessions import Sessions


def watching(sessions: Sessions) -> type[HttpToolsProtocol]:
    """uvicorn's HTTP protocol that reports each connection made and lost."""

    class WatchedProtocol(HttpToolsProtocol):
        peer: Any = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self.peer = tuple(transport.get_extra_info("peername")[:2])
            sessions.peer_opened(self.peer)

        def connection_lost(self, exc: Exception | None) -> None:
            sessions.peer_closed(self.peer)
            super().connection_lost(exc)

    return WatchedProtocol
