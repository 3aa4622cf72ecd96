"""Snowpark sessions, one for each thread: what both warehouses share."""

from __future__ import annotations

import contextlib
import os
import threading
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from customer_analytics.resources.warehouse.query_tags import current_tag

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection
    from snowflake.snowpark import Session


class SessionPerThread(ABC):
    """Connections by `connection_args`, and a Snowpark session for each thread that asks.

    Sessions are made anew after a fork, after a close, and when `incarnation` changes. Each statement carries a
    query tag: run and asset inside of a Dagster step, elsewhere `query_tag` or the project's name.
    """

    telemetry = True
    """Whether Snowpark and snowflake-ml may tell the server what is used."""

    def __init__(self, query_tag: str | None = None) -> None:
        self._query_tag = query_tag
        self._start_over()

    def _start_over(self) -> None:
        self._local, self._lock, self._sessions, self._pid = threading.local(), threading.Lock(), [], os.getpid()

    @abstractmethod
    def connection_args(self) -> dict[str, Any]: ...

    def wake(self) -> None:  # noqa: B027 - an account is always there: nothing to start
        """Start what must run before a session can be had."""

    def incarnation(self) -> Any:
        """Changes when what the sessions are connected to has gone away."""
        return None

    def session(self) -> Session:
        from snowflake.snowpark import Session

        if self._pid != os.getpid():
            self._start_over()
        incarnation = self.incarnation()
        session = getattr(self._local, "session", None)
        if session is not None and self._local.incarnation == incarnation and not session.connection.is_closed():
            return self._tagged(session)
        if session is not None:
            self._discard(session)
        session = Session.builder.configs(self.connection_args()).create()
        session.telemetry_enabled = self.telemetry
        self._local.session, self._local.incarnation = session, self.incarnation()
        with self._lock:
            self._sessions.append(session)
        return self._tagged(session)

    def _tagged(self, session: Session) -> Session:
        tag = current_tag(self._query_tag)
        if session.query_tag != tag:
            session.query_tag = tag
        return session

    def connect(self, **overrides: Any) -> SnowflakeConnection:
        import snowflake.connector

        return snowflake.connector.connect(**{**self.connection_args(), **overrides})

    def close(self) -> None:
        if self._pid == os.getpid():
            for session in list(self._sessions):
                self._discard(session)
        self._start_over()

    def _discard(self, session: Session) -> None:
        with self._lock, contextlib.suppress(ValueError):
            self._sessions.remove(session)
        # A server that went away cannot be told that its session ends.
        with contextlib.suppress(Exception):
            session.close()

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if k not in ("_local", "_lock", "_sessions", "_pid")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._start_over()
