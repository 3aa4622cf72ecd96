"""The IO manager: what an asset returns becomes a Snowflake table, and comes back as its annotation says."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field, PrivateAttr

from .columns import SCHEMA_KEY, Column, declared_columns
from .names import TableName, literal, quoted, stored_name
from .partitions import partition_predicate
from .reading import lazy_table, load
from .sessions import ConnectionArguments, SessionSource, private_key_bytes, session_source
from .writing import is_snowpark, replace_partitions, replace_table, source_of

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection
    from snowflake.snowpark import Session


class SnowparkIOManager(dg.IOManager):
    """Stores `snowflake.snowpark.DataFrame`, `pandas.DataFrame`, `pyarrow.Table` and `RecordBatchReader`.

    The last part of an asset's key is its table. The schema is, in this order: `schema` in the
    asset's metadata, `schema` here, the second last part of the key, PUBLIC. The database is
    `database` here, or the session's own.

    Asset metadata: `dagster/column_schema` gives columns, order and types; `partition_expr` the
    column that holds the partition (for multi-partitions a mapping from dimension to column).
    Input metadata: `columns` names the columns to load.

    A write is atomic, and running it again changes nothing; see `writing`.
    """

    def __init__(
        self,
        sessions: SessionSource | Mapping[str, Any] | Session | SnowflakeConnection,
        *,
        database: str | None = None,
        schema: str | None = None,
        default_load_type: type | None = None,
    ) -> None:
        """`sessions` is connection arguments, an open session or connection, or has a method `session()`."""
        self._sessions = session_source(sessions)
        self._database, self._schema, self._default = database, schema, default_load_type
        self._schemas: set[str] = set()
        """Schemas that were there when a table was written: each is looked up once."""

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        _check_type(context, obj)
        metadata = context.definition_metadata or {}
        table = self._table(context, metadata)
        declared = declared_columns(metadata)
        predicate = partition_predicate(context, metadata)
        # A lazy frame runs on the session that made it: its temporary objects live there.
        session = obj.session if is_snowpark(obj) else self._sessions.session()
        with _tagged(session, context), session.query_history() as history:
            if table.schema_sql not in self._schemas:
                _ensure_schema(session, table)
                self._schemas.add(table.schema_sql)
            with source_of(session, obj, table, declared, staged=predicate is not None) as source:
                if predicate is None:
                    rows, columns = replace_table(session, table, source, declared)
                else:
                    rows, columns = replace_partitions(session, table, source, declared, predicate)
        self._report(context, metadata, table, predicate, rows, columns, [q.query_id for q in history.queries])

    def load_input(self, context: dg.InputContext) -> Any:
        upstream = context.upstream_output
        metadata = (upstream.definition_metadata if upstream else None) or {}
        table = self._table(context, metadata, upstream)
        wanted = _load_type(context.dagster_type.typing_type if context.dagster_type else Any, self._default)
        session = self._sessions.session()
        columns = (context.definition_metadata or {}).get("columns")
        frame = lazy_table(session, table, columns, partition_predicate(context, metadata))
        if isinstance(frame, wanted):
            return frame  # lazy: nothing is asked of Snowflake now
        with _tagged(session, context):
            return load(frame, wanted)

    def _table(
        self, context: dg.InputContext | dg.OutputContext, metadata: Mapping[str, Any], upstream: Any = None
    ) -> TableName:
        if context.has_asset_key:
            *prefix, name = context.asset_key.path
        else:
            prefix, name = [], metadata.get("table") or (upstream or context).name
        schema = metadata.get("schema") or self._schema or (prefix[-1] if prefix else "PUBLIC")
        database = stored_name(self._database) if self._database else None
        return TableName(database, stored_name(schema), stored_name(name))

    @staticmethod
    def _report(
        context: dg.OutputContext,
        metadata: Mapping[str, Any],
        table: TableName,
        predicate: str | None,
        rows: int,
        columns: list[Column],
        query_ids: list[str],
    ) -> None:
        entries: dict[str, Any] = {
            "dagster/row_count" if predicate is None else "dagster/partition_row_count": rows,
            SCHEMA_KEY: metadata.get(SCHEMA_KEY)
            or dg.TableSchema([dg.TableColumn(c.name, c.type or "string") for c in columns]),
            "dagster/table_name": str(table),
            "query": f"SELECT * FROM {table.sql}" + (f" WHERE {predicate}" if predicate else ""),
            "query_ids": query_ids,
        }
        if lineage := metadata.get("dagster/column_lineage"):
            entries["dagster/column_lineage"] = lineage
        given = context.get_logged_metadata()  # what the asset itself has said stands
        context.add_output_metadata({k: v for k, v in entries.items() if k not in given})


class ConfigurableSnowparkIOManager(dg.ConfigurableIOManagerFactory):
    """The same IO manager from configuration, with the fields of dagster-snowflake's `SnowflakeIOManager`."""

    account: str = Field(description="Snowflake account identifier.")
    user: str | None = Field(default=None, description="User login name.")
    password: str | None = Field(default=None, description="User password.")
    private_key: str | None = Field(default=None, description="Private key, in PEM or that in base64.")
    private_key_path: str | None = Field(default=None, description="Path of the private key file.")
    private_key_password: str | None = Field(default=None, description="Passphrase of the private key.")
    authenticator: str | None = Field(default=None, description="Such as externalbrowser or oauth.")
    role: str | None = Field(default=None, description="Role to use.")
    warehouse: str | None = Field(default=None, description="Virtual warehouse to use.")
    database: str = Field(description="Database of the tables.")
    schema_: str | None = Field(
        default=None, alias="schema", description="Schema of assets that name none themselves; default: key prefix."
    )
    additional_snowflake_connection_args: dict[str, Any] | None = Field(
        default=None, description="Further arguments of snowflake.connector.connect."
    )

    _connections: ConnectionArguments | None = PrivateAttr(default=None)

    def create_io_manager(self, context: dg.InitResourceContext) -> SnowparkIOManager:
        arguments = {
            "account": self.account,
            "user": self.user,
            "password": self.password,
            "private_key_file": self.private_key_path,
            "private_key_file_pwd": self.private_key_password if self.private_key_path else None,
            "authenticator": self.authenticator,
            "role": self.role,
            "warehouse": self.warehouse,
            "database": self.database,
            **(self.additional_snowflake_connection_args or {}),
        }
        if self.private_key:
            arguments["private_key"] = private_key_bytes(self.private_key, self.private_key_password)
        self._connections = ConnectionArguments({k: v for k, v in arguments.items() if v is not None})
        return SnowparkIOManager(self._connections, database=self.database, schema=self.schema_)

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        if self._connections:
            self._connections.close()


def _check_type(context: dg.OutputContext, obj: Any) -> None:
    import pyarrow as pa

    if is_snowpark(obj) or isinstance(obj, (pa.Table, pa.RecordBatchReader)):
        return
    if type(obj).__module__.startswith("pandas.") and type(obj).__name__ == "DataFrame":
        return
    what = "nothing" if obj is None else f"a {type(obj).__module__}.{type(obj).__qualname__}"
    remedy = "annotate it `-> None`" if obj is None else "return a Snowpark or pandas DataFrame or a pyarrow Table"
    raise dg.DagsterInvariantViolationError(f"{_label(context)} returned {what}, which is not a table: {remedy}.")


def _load_type(wanted: Any, default: type | None) -> Any:
    """The annotation, or the default, or the lazy Snowpark frame; anything else is refused."""
    from snowflake.snowpark import DataFrame

    if wanted in (Any, None, type(None)):
        wanted = default or DataFrame
    name = f"{wanted.__module__}.{wanted.__qualname__}"
    if (isinstance(wanted, type) and issubclass(wanted, DataFrame)) or name in _LOADABLE:
        return wanted
    raise dg.DagsterInvariantViolationError(
        f"an input is annotated {name}: annotate it snowflake.snowpark.DataFrame, pandas.DataFrame or pyarrow.Table"
    )


_LOADABLE = ("pandas.core.frame.DataFrame", "pandas.DataFrame", "pyarrow.lib.Table", "pyarrow.lib.RecordBatchReader")


@contextmanager
def _tagged(session: Session, context: dg.InputContext | dg.OutputContext) -> Iterator[None]:
    """Snowflake's query history shows which run and asset a statement was for."""
    before = session.query_tag
    parts = _parts(before)
    tag: dict[str, str] = {**parts, "asset": _label(context).removeprefix("asset ")}
    output = context if isinstance(context, dg.OutputContext) else None
    if output is not None and output.has_partition_key:
        tag["partition"] = output.partition_key
    if run_id := _run_id(context):
        tag["dagster_run_id"] = run_id
    if tag == parts:  # the session says so already
        yield
        return
    session.query_tag = json.dumps(tag)[:2000]
    try:
        yield
    finally:
        session.query_tag = before or ""


def _parts(tag: str | None) -> dict[str, str]:
    """What the session's own tag says, where it is a JSON object."""
    try:
        parts = json.loads(tag or "")
    except ValueError:
        return {}
    return parts if isinstance(parts, dict) else {}


def _run_id(context: dg.InputContext | dg.OutputContext) -> str | None:
    try:
        step = context.step_context
    except dg.DagsterInvariantViolationError:
        return None  # loaded outside of a run, such as by Definitions.load_asset_value
    return step.run_id


def _label(context: dg.InputContext | dg.OutputContext) -> str:
    if context.has_asset_key:
        return f"asset {context.asset_key.to_user_string()}"
    return f"output {context.name}"


def _ensure_schema(session: Session, table: TableName) -> None:
    """Make the schema when it is missing; looked up first, because creating may not be granted."""
    where = f" IN DATABASE {quoted(table.database)}" if table.database else ""
    found = session.sql(f"SHOW SCHEMAS LIKE {literal(_like(table.schema))}{where}").collect()
    if not any(row["name"] == table.schema for row in found):
        session.sql(f"CREATE SCHEMA IF NOT EXISTS {table.schema_sql}").collect()


def _like(name: str) -> str:
    return name.replace("\\", "\\\\").replace("_", "\\_").replace("%", "\\%")
