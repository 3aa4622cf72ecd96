"""The local Snowflake as the warehouse: started on demand, shared by all processes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from customer_analytics.local_snowflake import lifecycle
from customer_analytics.local_snowflake.lifecycle import Options, ServerState
from customer_analytics.resources.warehouse.sessions import SessionPerThread

_CLIENT_TIMEOUT_SECONDS = 30


class LocalWarehouse(SessionPerThread):
    """The server of `folder`. Any client that needs it starts it; it stops when nobody has been connected."""

    def __init__(
        self, folder: Path, options: Options, database: str, schema: str, query_tag: str | None = None
    ) -> None:
        super().__init__()
        self.folder, self.options = folder, options
        self._database, self._schema, self._query_tag = database, schema, query_tag

    def connection_args(self) -> dict[str, Any]:
        state = lifecycle.ensure(self.folder, self.options)
        parameters = {"QUERY_TAG": self._query_tag} if self._query_tag else {}
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
            # It is on this machine: it answers at once, or it is gone.
            "login_timeout": _CLIENT_TIMEOUT_SECONDS,
            "network_timeout": _CLIENT_TIMEOUT_SECONDS,
            "platform_detection_timeout_seconds": 0,  # otherwise each log-in asks the network for a cloud
        }

    def incarnation(self) -> ServerState:
        return lifecycle.ensure(self.folder, self.options)
