"""Where Snowpark sessions come from: arguments of a connection, an open connection or session, or a resource."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection
    from snowflake.snowpark import Session


class SessionSource(Protocol):
    """Any object that has a Snowpark session for the calling thread."""

    def session(self) -> Session: ...


class ConnectionArguments:
    """Sessions from connection arguments, one for each thread (a Snowpark session is not safe to share)."""

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        self._arguments = dict(arguments)
        self._local = threading.local()
        self._opened: list[Session] = []

    def session(self) -> Session:
        if not hasattr(self._local, "session"):
            from snowflake.snowpark import Session

            self._local.session = Session.builder.configs(self._arguments).create()
            self._opened.append(self._local.session)
        return self._local.session

    def close(self) -> None:
        """Close every session that was opened here; the next call of `session` opens a new one."""
        self._local = threading.local()
        while self._opened:
            self._opened.pop().close()


class GivenSession:
    """A session, or one over a connection, that its owner opened and closes; for runs of one thread at a time."""

    def __init__(self, given: Session | SnowflakeConnection) -> None:
        self._given = given

    def session(self) -> Session:
        from snowflake.snowpark import Session

        if not isinstance(self._given, Session):
            options: dict[str, Any] = {"connection": self._given}
            self._given = Session.builder.configs(options).create()
        return self._given


def session_source(given: Any) -> SessionSource:
    """What was given as a source of sessions. `TypeError` where it is none."""
    if isinstance(given, Mapping):
        return ConnectionArguments(given)
    if callable(getattr(given, "session", None)):
        return given
    names = {f"{kind.__module__.partition('.')[0]}.{kind.__name__}" for kind in type(given).__mro__}
    if names & {"snowflake.Session", "snowflake.SnowflakeConnection"}:  # by name: their import takes seconds
        return GivenSession(given)
    raise TypeError(
        f"{type(given).__name__} gives no Snowpark session: pass connection arguments, a Snowpark Session, "
        "a SnowflakeConnection, or an object with a method session()"
    )


def private_key_bytes(text: str, passphrase: str | None) -> bytes:
    """A private key in PEM, or that in base64 (one line, for environment variables), as the connector takes it."""
    import base64

    from cryptography.hazmat.primitives import serialization

    pem = text.encode() if "-----BEGIN" in text else base64.b64decode(text)
    key = serialization.load_pem_private_key(pem, passphrase.encode() if passphrase else None)
    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
