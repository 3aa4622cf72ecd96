"""One DuckDB for the whole server, durable in one folder, and the sessions' connections to it."""

from __future__ import annotations

import contextlib
import shutil
import threading
from pathlib import Path
from typing import Any

import duckdb
import snowflake.connector.errors as sfe
from fakesnow import info_schema
from fakesnow.conn import FakeSnowflakeConnection
from fakesnow.instance import FakeSnow
from fakesnow.transforms import show

from customer_analytics.local_snowflake import (
    conversions,
    duckdbs_own,
    file_formats,
    functions,
    models,
    semi_structured,
    table_definitions,
    values,
)
from customer_analytics.local_snowflake.duck import Duck, TransactionLost
from customer_analytics.local_snowflake.fakesnow_patches import (
    BoundedResults,
    columns_as_snowflake_names_them,
    escape_names,
    keep_stages_in,
)
from customer_analytics.local_snowflake.locks import TableLocks
from customer_analytics.local_snowflake.model_methods import ModelRunners
from customer_analytics.local_snowflake.names import check_kept
from customer_analytics.local_snowflake.object_times import ObjectTimes

SESSION_MACROS = (
    functions.SESSION_MACROS
    + values.SESSION_MACROS
    + conversions.SESSION_MACROS
    + semi_structured.SESSION_MACROS
    + table_definitions.SESSION_MACROS
)


class Engine(FakeSnow):
    """The folder's databases (one DuckDB file each), stages, catalogue and models."""

    def __init__(self, folder: Path) -> None:
        # Not FakeSnow.__init__: it keeps its catalogue in memory.
        self.folder, self.db_path, self.nop_regexes = folder, str(folder), None
        self.create_database_on_connect = self.create_schema_on_connect = True
        self.results_cache = BoundedResults()
        self.stages_folder = folder / "stages"
        self.stages_folder.mkdir(parents=True, exist_ok=True)
        escape_names()
        keep_stages_in(self.stages_folder.resolve())
        self.model_runners = ModelRunners()
        self.times = ObjectTimes(folder / "object_times.json")
        self.temporary_stages: set[tuple[str, str, str]] = set()
        self.ddl_lock, self.locks = threading.RLock(), TableLocks()
        con = self.duck_conn = duckdb.connect(":memory:", config={"lambda_syntax": "ENABLE_SINGLE_ARROW"})
        self.duckdbs_functions = duckdbs_own.functions(con)
        con.execute(f"SET temp_directory = '{_text(folder / 'spill')}'")
        # DuckDB opens no file outside of the folder, fetches no extension and looks at no Python variable
        places = ", ".join(f"'{_text(place)}/'" for place in {folder, folder.absolute(), folder.resolve()})
        con.execute(f"SET allowed_directories = [{places}]; SET enable_external_access = false")
        con.execute("SET autoinstall_known_extensions = false; SET autoload_known_extensions = false")
        con.execute("SET python_enable_replacements = false")
        con.execute(f"ATTACH '{_text(folder / '_fs_global.sys')}' AS _fs_global")
        con.execute(info_schema.fs_global_creation_sql())
        con.execute(show.fs_global_creation_sql())
        con.execute(columns_as_snowflake_names_them())
        con.execute(models.CATALOGUE + file_formats.CATALOGUE)
        con.execute("SET GLOBAL TimeZone = 'UTC'")
        self._remove_temporary_stages()
        for file in sorted(folder.glob("*.db")):
            con.execute(f"ATTACH '{_text(file)}' AS \"{file.stem}\"")

    def connect(self, database: str | None = None, schema: str | None = None, **options: Any) -> Connection:
        with self.ddl_lock:
            return Connection(self, database, schema, **options)

    def checkpoint(self) -> None:
        """Fold the write-ahead logs into the database files."""
        for (name,) in self.duck_conn.execute(
            "SELECT database_name FROM duckdb_databases() WHERE path IS NOT NULL"
        ).fetchall():
            self.duck_conn.execute(f'CHECKPOINT "{name}"')

    def close(self) -> None:
        self.times.save()
        self.model_runners.close()
        self.duck_conn.close()

    def _remove_temporary_stages(self) -> None:
        """Left by clients that were killed."""
        gone = self.duck_conn.execute(
            "DELETE FROM _fs_global._fs_information_schema._fs_stages WHERE type LIKE '%TEMPORARY%' "
            "RETURNING database_name, schema_name, name"
        ).fetchall()
        for names in gone:
            shutil.rmtree(self.stages_folder.joinpath(*names), ignore_errors=True)


class Connection(FakeSnowflakeConnection):
    """One session's side of the engine. Its statements run one at a time, under `lock`."""

    _duck_conn: Duck

    def __init__(self, engine: Engine, database: str | None, schema: str | None, **options: Any) -> None:
        for kind, name in (("database", database), ("schema", schema)):
            if name is not None:
                check_kept(kind, name)
        super().__init__(
            Duck(engine.duck_conn.cursor(), SESSION_MACROS),  # type: ignore[arg-type]
            engine.results_cache,
            database,
            schema,
            db_path=engine.db_path,
            **options,
        )
        self.engine = engine
        self.lock = threading.RLock()
        self.temporary_names: set[tuple[str, ...]] = set()
        self.temporary_stages: list[tuple[str, str, str]] = []
        self.number = 0
        self.query_tag: str | None = None
        self.parameters: dict[str, str] = {}
        """Session parameters that were set."""
        self.named_values: dict[str, str] = {}
        """Session variables, as literals."""
        self.last_query_id: str | None = None
        self.lost_transaction: str | None = None
        """Why its transaction was rolled back, when it was: the next statement must say so."""
        self.links: Any = None
        """Makes signed links to files; set by the protocol."""
        self.registered = 0

    @property
    def duck(self) -> Duck:
        return self._duck_conn

    def cursor(self, cursor_class: Any = None) -> Any:
        from customer_analytics.local_snowflake.statements import Cursor

        return Cursor(conn=self, duck_conn=self._duck_conn)  # type: ignore[arg-type]

    def register(self, table: Any) -> str:
        """Make an Arrow table visible to this session's next statement; the name for SQL."""
        self.registered += 1
        name = f"LOCAL_REL_{self.registered % 50}"
        self.duck.con.register(name, table)
        return name

    def undo(self, mark: int) -> None:
        """After a failed statement: the open transaction goes on as it was before it, or is lost."""
        try:
            self.duck.undo(mark)
        except TransactionLost as error:
            self.lost_transaction = str(error)
        if not self.duck.in_transaction:
            self._in_transaction = False
            self.engine.locks.free(self)

    def shutdown(self) -> None:
        """Roll back, free locks, drop what was temporary, close."""
        from customer_analytics.local_snowflake import stages

        with self.lock:
            with contextlib.suppress(duckdb.Error):
                self.duck.rollback()
            self.engine.locks.free(self)
            for name in self.temporary_stages:
                stages.drop(self, name)
            self.duck.side.close()
            self.duck.con.close()
            self._is_closed = True


def lost_transaction_error(why: str) -> sfe.ProgrammingError:
    return sfe.ProgrammingError(
        msg=f"The transaction was rolled back because {why}: begin it again", errno=90232, sqlstate="40000"
    )


def _text(path: Path) -> str:
    return str(path).replace("'", "''")
