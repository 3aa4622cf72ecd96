"""The local Snowflake as the warehouse: started on demand, shared by all processes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from customer_analytics.local_snowflake import lifecycle
from customer_analytics.local_snowflake.lifecycle import Options, ServerState
from customer_analytics.resources.warehouse.query_tags import current_tag
from customer_analytics.resources.warehouse.sessions import SessionPerThread

LOGIN_TIMEOUT_SECONDS = 30
STATEMENT_TIMEOUT_SECONDS = 3600


def give_up_soon() -> Iterator[int]:
    """Seconds between the connector's attempts to reach a server that is on this machine, or gone.

    By itself the connector goes on until `network_timeout`, which limits long statements too. A server that is
    gone has taken the session with it, so that waiting for the next one is of no use.
    """
    yield from (1, 1)
    import snowflake.connector.errors as sfe

    raise sfe.OperationalError(
        msg="The local Snowflake went away in the middle of this: nothing uncommitted is kept; "
        "connect again, which starts it",
        errno=250001,
    )


class LocalWarehouse(SessionPerThread):
    """The server of `folder`. Any client that needs it starts it; it stops when nobody has been connected."""

    telemetry = False
    """Nobody reads it here, and snowflake-ml asks the connection that it keeps for it, which may be of a server that
    has stopped, before each call."""

    def __init__(
        self, folder: Path, options: Options, database: str, schema: str, query_tag: str | None = None
    ) -> None:
        super().__init__(query_tag)
        self.folder, self.options = folder, options
        self._database, self._schema = database, schema

    def connection_args(self) -> dict[str, Any]:
        state = lifecycle.ensure(self.folder, self.options)
        parameters = {"QUERY_TAG": current_tag(self._query_tag)}
        return {
            "account": "local",
            "user": "local",
            "password": state.token,
            "host": lifecycle.HOST,
            "port": state.port,
            "protocol": "http",
            "database": self._database,
            "schema": self._schema,
            "session_parameters": parameters,
            "login_timeout": LOGIN_TIMEOUT_SECONDS,
            "network_timeout": STATEMENT_TIMEOUT_SECONDS,  # the connector cancels a statement then
            "backoff_policy": give_up_soon,
            "platform_detection_timeout_seconds": 0,  # otherwise each log-in asks the network for a cloud
        }

    def portable_args(self) -> dict[str, Any]:
        """`connection_args` without what is no JSON; a client that uses them waits longer for a server that is gone."""
        args = self.connection_args()
        del args["backoff_policy"]
        return {**args, "network_timeout": 600}

    def wake(self) -> None:
        lifecycle.ensure(self.folder, self.options)

    def incarnation(self) -> ServerState:
        return lifecycle.ensure(self.folder, self.options)
