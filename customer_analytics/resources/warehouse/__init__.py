"""The warehouse: where every table lives. Snowflake, or the local Snowflake that speaks its protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection
    from snowflake.snowpark import Session


class Warehouse(Protocol):
    """A way to Snowflake. Both adapters hand out the real connector and Snowpark; only the arguments differ."""

    def connection_args(self) -> dict[str, Any]:
        """Arguments for `snowflake.connector.connect(**args)` and `Session.builder.configs(args)`.

        They hold secrets. The local adapter starts its server first when none is running.
        """
        ...

    def session(self) -> Session:
        """The Snowpark session of this thread, made at first use, and made anew when the server went away."""
        ...

    def connect(self, **overrides: Any) -> SnowflakeConnection:
        """A new connection, for the caller to close."""
        ...

    def close(self) -> None:
        """Close what this process holds open. The local server stays for others."""
        ...
