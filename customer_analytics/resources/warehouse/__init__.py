"""The warehouse: where every table lives. Snowflake, or the local Snowflake that speaks its protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from customer_analytics.settings import Settings

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

    def wake(self) -> None:
        """Start what must run before a session can be had. Imports nothing, so that a thread may do it early."""
        ...

    def close(self) -> None:
        """Close what this process holds open. The local server stays for others."""
        ...


def warehouse_from(settings: Settings, query_tag: str | None = None) -> Warehouse:
    """The account when SNOWFLAKE_ACCOUNT is set, else the local Snowflake under `settings.home`."""
    if settings.snowflake_account:
        from customer_analytics.resources.warehouse.snowflake import SnowflakeWarehouse

        return SnowflakeWarehouse(settings, query_tag)
    from customer_analytics.local_snowflake.lifecycle import Options
    from customer_analytics.resources.warehouse.local import LocalWarehouse

    options = Options(
        log_file=settings.home / "logs" / "local_snowflake.log",
        idle_minutes=settings.local_snowflake_idle_minutes,
        statement_log=settings.local_snowflake_statement_log,
        may_start=not settings.service_needs_warehouse,
    )
    return LocalWarehouse(
        settings.home / "warehouse", options, settings.snowflake_database, settings.snowflake_schema, query_tag
    )
