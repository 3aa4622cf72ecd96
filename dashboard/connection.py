"""One connection to the warehouse for the whole process, and a cache of results that lives as long as the data.

Only `queries.py` imports this. The connector is used, not Snowpark: it fetches Arrow and starts sooner.
"""

from __future__ import annotations

import contextlib
import importlib
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import streamlit as st
from streamlit.runtime.scriptrunner import add_script_run_ctx, get_script_run_ctx

from customer_analytics.tables import CUSTOMER_COMMENT, PRES_HEALTH

if TYPE_CHECKING:
    import pandas as pd

    from customer_analytics.settings import Settings

TABLES_SEEN_FOR_SECONDS = 10
"""So long a page may miss that a table was built anew."""
_REST_WARMS_AFTER_SECONDS = 3
"""Until then the first page has the processor for itself."""
_MISSING_OBJECT = 2003


class NothingBuilt(Exception):
    """The table is not there yet. The argument is its name."""


class WarehouseUnavailable(Exception):
    """The warehouse cannot be asked; one sentence with the remedy."""


class Backends:
    """The settings and the outside world by role, each made at first use and kept for the process."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._resources: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._connection: Any = None
        self._failure: tuple[float, Exception] | None = None
        self.connections_made = 0

    def __getitem__(self, role: str) -> Any:
        if role not in self._resources:
            # The same choice by settings as `build_resources` makes, which would also import Dagster (2 s).
            room = importlib.import_module(f"customer_analytics.resources.{role}")
            self._resources.setdefault(role, getattr(room, f"{role}_from")(self.settings))
        return self._resources[role]

    def connection(self) -> Any:
        asked = time.monotonic()
        with self._lock:
            if self._connection is None or self._connection.is_closed():
                if self._failure is not None and self._failure[0] > asked:
                    raise self._failure[1]  # of another thread's attempt, which this one waited for
                try:
                    self._connection = self["warehouse"].connect(login_timeout=8, network_timeout=60)
                except Exception as error:
                    self._failure = time.monotonic(), error
                    raise
                self.connections_made += 1
            return self._connection

    def forget_connection(self, connection: Any) -> None:
        """Close it; the next query gets another, unless somebody has made that already."""
        with self._lock:
            if connection is self._connection:
                self._connection = None
        with contextlib.suppress(Exception):
            connection.close(retry=False)


@st.cache_resource(show_spinner=False)
def backends() -> Backends:
    """Made once per process from the settings; nothing connects here."""
    from customer_analytics.settings import Settings

    return Backends(Settings())


@st.cache_resource(show_spinner=False)
def warm_up() -> threading.Thread:
    """In the background, once: connect and import what the first page needs; later load what search needs.

    The local Snowflake takes as long to start as all that takes to import, so it is told to start first of all.
    """
    source = backends()

    # Errors are left to whoever needs these later: who meets them again, and shows them.
    def start_server() -> None:
        with contextlib.suppress(Exception):
            source["warehouse"].wake()

    def work() -> None:
        with contextlib.suppress(Exception):
            importlib.import_module("snowflake.connector")
            importlib.import_module("altair")
            source.connection()
        time.sleep(_REST_WARMS_AFTER_SECONDS)
        with contextlib.suppress(Exception):
            importlib.import_module("pandas.io.formats.style")  # with matplotlib, which pandas asks for: half a second
            source["embedder"].embed(["warm"])
            source["vector_store"].exists(CUSTOMER_COMMENT)

    threading.Thread(target=start_server, name="warm-up-server", daemon=True).start()
    thread = threading.Thread(target=work, name="warm-up", daemon=True)
    thread.start()
    return thread


def run(sql: str, params: tuple = ()) -> pd.DataFrame:
    """The result of one query, column names in lower case. Values are bound as `%s`.

    Raises `NothingBuilt` for a missing table and `WarehouseUnavailable` when there is no answer.
    """
    from snowflake.connector import errors

    source = backends()
    for attempt in (1, 2):
        connection = None
        try:
            connection = source.connection()
            cursor = connection.cursor()
            try:
                frame = cursor.execute(sql, params or None).fetch_pandas_all()
            finally:
                cursor.close()
        except errors.ProgrammingError as error:
            if error.errno == _MISSING_OBJECT or "does not exist or not authorized" in str(error.msg):
                raise NothingBuilt(_object_in(str(error.msg))) from error
            if attempt == 1 and _is_stale(error):
                source.forget_connection(connection)
                continue
            raise
        except (errors.Error, OSError) as error:
            # The server may have stopped when idle, or restarted: one new connection, then it is down.
            source.forget_connection(connection)
            if attempt == 2:
                raise WarehouseUnavailable(_remedy(source.settings)) from error
        except Exception as error:
            if attempt == 1 and connection is not None:
                # A read beside this one found the connection dead, and closed it under this one.
                continue
            # Starting the local Snowflake raises its own errors, each one sentence that says what to do.
            raise WarehouseUnavailable(f"{error} {_remedy(source.settings)}") from error
        else:
            frame.columns = [c.lower() for c in frame.columns]
            return _plain_numbers(frame)
    raise AssertionError


def _plain_numbers(frame: pd.DataFrame) -> pd.DataFrame:
    """Exact decimals as floats: what is shown and drawn does not need more than 15 digits."""
    for column in frame.select_dtypes("object").columns:
        first = frame[column].first_valid_index()
        if first is not None and isinstance(frame[column].loc[first], Decimal):
            frame[column] = frame[column].astype(float)
    return frame


def _is_stale(error: Any) -> bool:
    """The session is unknown: the server was restarted, or the session expired."""
    return error.errno in (390104, 390111, 390112, 390114)


def _object_in(message: str) -> str:
    parts = message.split("'")
    return parts[1].split(".")[-1] if len(parts) > 1 else "a table"


def _remedy(settings: Settings) -> str:
    if settings.snowflake_account:
        return (
            f"Snowflake account {settings.snowflake_account} does not answer: check SNOWFLAKE_ACCOUNT, the "
            "log-in settings and the network with `customer-analytics doctor`."
        )
    return (
        "The local Snowflake does not answer: start it with `customer-analytics warehouse restart`; "
        f"its log is in {settings.home / 'logs'}."
    )


@st.cache_data(ttl=TABLES_SEEN_FOR_SECONDS, show_spinner=False)
def table_versions() -> dict[str, str]:
    """For each table in the schema a text that changes when the table does.

    Snowflake knows when a table was last altered. The local Snowflake does not, so the number of rows
    and the latest build in PRES_HEALTH, which every run keeps, are part of it.
    """
    schema = backends().settings.snowflake_schema.upper()
    sql = (
        "select table_name, to_varchar(last_altered) || '/' || coalesce(to_varchar(row_count), '') as version "
        "from information_schema.tables where table_schema = %s"
    )
    frame, built = _side_by_side(lambda: run(sql, (schema,)), _latest_build)
    versions = zip(frame["table_name"], frame["version"], strict=True)
    return {table: f"{version}/{built}" for table, version in versions}


def _latest_build() -> str | None:
    try:
        return run(f"select to_varchar(max(built_at)) as built_at from {PRES_HEALTH.name}")["built_at"].iloc[0]
    except NothingBuilt:
        return None


def read(sql: str, params: tuple = (), tables: tuple[str, ...] = ()) -> pd.DataFrame:
    """`run`, remembered until one of `tables` changes; a table that is not there raises `NothingBuilt` at once."""
    versions = table_versions()
    for table in tables:
        if table not in versions:
            raise NothingBuilt(table)
    return _remembered(sql, params, tuple(versions[t] for t in tables))


def at_once(*reads: Callable[[], Any]) -> list[Any]:
    """The results of all `reads`, which run side by side: the page waits for the slowest, not for their sum.

    The first error of them is raised; a warehouse that is down is met before any begins.
    """
    table_versions()
    return _side_by_side(*reads)


def _side_by_side(*reads: Callable[[], Any]) -> list[Any]:
    context = get_script_run_ctx()

    def result_of(read: Callable[[], Any]) -> Any:
        add_script_run_ctx(threading.current_thread(), context)
        return read()

    with ThreadPoolExecutor(len(reads), "read") as pool:
        return list(pool.map(result_of, reads))


@st.cache_data(max_entries=400, ttl=300, show_spinner=False)
def _remembered(sql: str, params: tuple, versions: tuple[str, ...]) -> pd.DataFrame:
    del versions  # only part of the key
    return run(sql, params)
