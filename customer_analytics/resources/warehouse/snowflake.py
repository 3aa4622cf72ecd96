"""A Snowflake account as the warehouse."""

from __future__ import annotations

from typing import Any

from customer_analytics.resources.warehouse.query_tags import current_tag
from customer_analytics.resources.warehouse.sessions import SessionPerThread
from customer_analytics.settings import Settings
from customer_analytics.snowpark_io.names import PLAIN, quoted, stored_name


class SnowflakeWarehouse(SessionPerThread):
    """The account of the settings: by password, key pair, OAuth token or browser."""

    def __init__(self, settings: Settings, query_tag: str | None = None) -> None:
        super().__init__(query_tag)
        self._settings = settings

    def connection_args(self) -> dict[str, Any]:
        s = self._settings
        parameters = {
            "STATEMENT_TIMEOUT_IN_SECONDS": s.snowflake_statement_timeout_seconds,
            "QUERY_TAG": current_tag(self._query_tag),
        }
        args: dict[str, Any] = {
            "account": s.snowflake_account,
            "user": s.snowflake_user,
            "role": _as_identifier(s.snowflake_role),
            "warehouse": _as_identifier(s.snowflake_warehouse),
            "database": _as_identifier(s.snowflake_database),
            "schema": _as_identifier(s.snowflake_schema),
            "authenticator": s.snowflake_authenticator,
            "session_parameters": parameters,
            "client_session_keep_alive": True,
            "application": "customer_analytics",
        }
        if s.snowflake_password and not s.snowflake_private_key_path:  # the connector would take the key anyway
            args["password"] = s.snowflake_password.get_secret_value()
        if s.snowflake_token:
            args["token"] = s.snowflake_token.get_secret_value()
        if s.snowflake_private_key_path:
            args["private_key_file"] = str(s.snowflake_private_key_path.expanduser())
            args["authenticator"] = s.snowflake_authenticator or "SNOWFLAKE_JWT"
            if s.snowflake_private_key_passphrase:
                args["private_key_file_pwd"] = s.snowflake_private_key_passphrase.get_secret_value()
        return {name: value for name, value in args.items() if value is not None}


def _as_identifier(name: str | None) -> str | None:
    """As in SQL, where a name with a space or a dash stands in quotes; `snowflake setup` makes it so."""
    return name if name is None or PLAIN.fullmatch(name) else quoted(stored_name(name))
