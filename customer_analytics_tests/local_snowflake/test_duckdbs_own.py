"""What DuckDB could do for a client and Snowflake cannot is refused at once; no name leads out of the data folder."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from snowflake.connector.errors import ProgrammingError
from snowflake.snowpark import Session

from customer_analytics.local_snowflake import duckdbs_own
from customer_analytics.local_snowflake.engine import Engine
from customer_analytics.resources.warehouse import Warehouse
from customer_analytics.resources.warehouse.local import LocalWarehouse
from customer_analytics_tests.statements import forms

SYNTAX, NO_FUNCTION, NO_OBJECT, UNSUPPORTED = 1003, 2140, 2003, 2
FILE = "{file}"
REFUSED = [
    *(
        (f"SELECT * FROM {function}('{FILE}')", NO_FUNCTION)
        for function in (
            *(
                "read_csv",
                "READ_CSV_AUTO",
                "read_text",
                "read_blob",
                "read_json",
                "read_ndjson_objects",
                "read_parquet",
            ),
            *(
                "parquet_scan",
                "parquet_metadata",
                "sniff_csv",
                "read_duckdb",
                "iceberg_scan",
                "delta_scan",
                "sqlite_scan",
            ),
        )
    ),
    (f"SELECT * FROM TABLE(read_text('{FILE}'))", NO_FUNCTION),
    (f"SELECT * FROM LATERAL read_text('{FILE}')", NO_FUNCTION),
    (f"SELECT (SELECT content FROM read_text('{FILE}'))", NO_FUNCTION),
    (f"WITH x AS (SELECT * FROM read_text('{FILE}')) SELECT * FROM x", NO_FUNCTION),
    (f"CREATE TABLE stolen AS SELECT * FROM read_text('{FILE}')", NO_FUNCTION),
    (f"CREATE VIEW stolen AS SELECT * FROM read_text('{FILE}')", NO_FUNCTION),
    (f"INSERT INTO t SELECT size FROM read_text('{FILE}')", NO_FUNCTION),
    (f"EXECUTE IMMEDIATE 'SELECT * FROM read_text(''{FILE}'')'", NO_FUNCTION),
    (f"SELECT * FROM '{FILE}'", SYNTAX),
    (f'SELECT * FROM "{FILE}"', NO_OBJECT),
    (f"SELECT * FROM IDENTIFIER('\"{FILE}\"')", NO_OBJECT),
    ("SELECT * FROM glob('/*')", SYNTAX),
    (f"COPY t TO '{FILE}.out'", SYNTAX),
    (f"COPY (SELECT 1) TO '{FILE}.out' (FORMAT csv)", SYNTAX),
    (f"COPY t FROM '{FILE}'", SYNTAX),
    (f"ATTACH '{FILE}.db' AS x", SYNTAX),
    ("DETACH x", SYNTAX),
    ("INSTALL httpfs", SYNTAX),
    ("FORCE INSTALL httpfs", SYNTAX),
    ("LOAD httpfs", SYNTAX),
    ("PRAGMA database_list", SYNTAX),
    ("PRAGMA memory_limit='1MB'", SYNTAX),
    ("VACUUM", SYNTAX),
    ("ANALYZE", SYNTAX),
    ("CHECKPOINT", SYNTAX),
    ("FORCE CHECKPOINT", SYNTAX),
    ("SET GLOBAL memory_limit = '1MB'", SYNTAX),
    ("SET threads TO 1", SYNTAX),
    ("RESET threads", SYNTAX),
    (f"EXPORT DATABASE '{FILE}.out'", SYNTAX),
    (f"IMPORT DATABASE '{FILE}.out'", SYNTAX),
    ("SUMMARIZE t", SYNTAX),
    ("FROM t", SYNTAX),
    ("PREPARE p AS SELECT 1", SYNTAX),
    ("DESCRIBE SELECT 1", SYNTAX),
    ("SHOW ALL TABLES", SYNTAX),
    ("CREATE MACRO m(a) AS a", SYNTAX),
    ("CREATE TYPE e AS ENUM ('a')", SYNTAX),
    ("DROP MACRO m", SYNTAX),
    ("CREATE SECRET s (TYPE s3)", UNSUPPORTED),
    ("USE memory.main", SYNTAX),
    ("SELECT * FROM duckdb_settings()", NO_FUNCTION),
    ("SELECT * FROM duckdb_tables", NO_OBJECT),
    ("SELECT * FROM sqlite_master", NO_OBJECT),
    ("SELECT * FROM _fs_global._fs_information_schema._fs_stages", NO_OBJECT),
    ("SELECT * FROM pg_catalog.pg_tables", NO_OBJECT),
    ("SELECT current_setting('temp_directory')", NO_FUNCTION),
    ("SELECT getenv('HOME')", NO_FUNCTION),
    ("SELECT * FROM range(3)", NO_FUNCTION),
    ("SELECT * FROM query('SELECT 1')", NO_FUNCTION),
    ("SELECT list_value(1, 2)", NO_FUNCTION),
    ("SELECT epoch_ms(1)", NO_FUNCTION),
    ("CREATE DATABASE copy_of CLONE customer_analytics", UNSUPPORTED),
    ("CREATE VIEW duckdb_tables AS SELECT 1 AS a", UNSUPPORTED),
    ("ALTER DATABASE customer_analytics RENAME TO other", UNSUPPORTED),
]
NAMES = ["../out", "a/b", "/out", ".", "..", "it's", 'a"b', "ä/ö", "x" * 300, "ü" * 150]


@pytest.fixture(scope="module")
def there(module_session: Session) -> Session:
    module_session.sql("CREATE TABLE t (a INT)").collect()
    return module_session


def errno(session: Session, sql: str) -> int | None:
    """The number of the error that the statement fails with, in well under a second."""
    started = time.monotonic()
    with pytest.raises(ProgrammingError) as failure:
        session.connection.cursor().execute(sql)
    assert time.monotonic() - started < 1
    return failure.value.errno


@pytest.mark.parametrize(("statement", "number"), REFUSED)
def test_it_is_refused_and_no_file_is_touched(there: Session, tmp_path: Path, statement: str, number: int) -> None:
    file = tmp_path / "file.csv"
    file.write_text("secret\n1\n")
    assert errno(there, statement.replace(FILE, str(file))) == number
    assert list(tmp_path.iterdir()) == [file]


def test_a_session_variable_is_no_setting_of_duckdb(there: Session) -> None:
    there.sql("SET memory_limit = '1MB'").collect()
    assert there.sql("SELECT $memory_limit").collect()[0][0] == "1MB"
    assert (
        there.sql("SELECT COUNT(DISTINCT SEQ4()) FROM TABLE(GENERATOR(ROWCOUNT => 300000))").collect()[0][0] == 300000
    )


def test_tables_may_be_called_like_files_and_functions(session: Session) -> None:
    for name in ('"data.csv"', '"../t"', '"/etc/t.parquet"', "range", '"a\'b"', "pg_stat"):
        session.sql(f'CREATE TABLE {name} (a INT, "it\'s" VARCHAR(9))').collect()
        session.sql(f"INSERT INTO {name} (a) VALUES (1)").collect()
        assert session.sql(f"WITH x AS (SELECT a FROM {name}) SELECT a FROM x").collect()[0][0] == 1
        session.sql(f"DROP TABLE {name}").collect()
    assert session.sql('WITH "x.csv" AS (SELECT 2 AS a) SELECT a FROM "x.csv"').collect()[0][0] == 2
    session.sql('DROP TABLE IF EXISTS "../../nothing"').collect()


@pytest.mark.parametrize("name", NAMES, ids=lambda name: name[:9])
@pytest.mark.parametrize("kind", ["DATABASE", "SCHEMA", "STAGE", "TEMPORARY STAGE"])
def test_no_name_leads_out_of_the_folder(there: Session, warehouse: Warehouse, kind: str, name: str) -> None:
    assert isinstance(warehouse, LocalWarehouse)
    before = {path for path in warehouse.folder.parent.rglob("*") if "AUTO_" not in path.name}
    quoted = '"' + name.replace('"', '""') + '"'
    assert errno(there, f"CREATE {kind} {quoted}") == UNSUPPORTED
    kind = kind.split()[-1]
    there_still = warehouse.folder / "stages" / "kept"
    there_still.mkdir(parents=True, exist_ok=True)
    with pytest.raises(ProgrammingError):
        there.connection.cursor().execute(f"DROP {kind} {quoted}")
    if kind == "SCHEMA":
        there.sql(f"DROP SCHEMA IF EXISTS {quoted}").collect()
        there.sql('DROP SCHEMA IF EXISTS "../kept"').collect()
    assert there_still.is_dir()
    assert {path for path in before if not path.exists() and ".wal" not in path.name} == set()
    assert not (warehouse.folder.parent / "out").exists()


@pytest.mark.parametrize("name", ["with-dash", "with blank", "größe"])
def test_quoted_names_of_schemas_and_stages_work(session: Session, tmp_path: Path, name: str) -> None:
    here = session.get_fully_qualified_current_schema()
    (tmp_path / "x.csv").write_text("7\n")
    try:
        session.sql(f'CREATE OR REPLACE SCHEMA "{name}"').collect()
        session.sql(f'CREATE STAGE "{name}"').collect()
        session.sql(f"PUT 'file://{tmp_path}/x.csv' '@\"{name}\"' AUTO_COMPRESS = FALSE").collect()
        session.sql(f'CREATE TABLE "{name}" ("{name}" INT)').collect()
        session.sql(f'COPY INTO "{name}" FROM \'@"{name}"\' FILE_FORMAT = (TYPE = CSV)').collect()
        assert session.sql(f'SELECT "{name}" FROM "{name}"."{name}"').collect()[0][0] == 7
        assert session.sql(f"SELECT GET_PRESIGNED_URL('@\"{name}\"', 'x.csv')").collect()[0][0].startswith("http")
    finally:
        session.sql(f'DROP SCHEMA IF EXISTS "{name}"').collect()
        session.sql(f"USE SCHEMA {here}").collect()


@pytest.mark.parametrize("name", ["../out", "a b; ATTACH 'x.db'", 'x"y'])
def test_who_logs_in_with_such_a_name_is_refused(warehouse: Warehouse, name: str) -> None:
    import snowflake.connector

    with pytest.raises(snowflake.connector.errors.DatabaseError, match="under its name"):
        snowflake.connector.connect(**{**warehouse.connection_args(), "database": f'"{name}"', "login_timeout": 5})


def test_duckdb_itself_opens_nothing_outside_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "outside.csv").write_text("1\n")
    engine = Engine(tmp_path / "warehouse")
    try:
        for statement in (f"FROM read_csv('{tmp_path}/outside.csv')", f"ATTACH '{tmp_path}/x.db'", "INSTALL httpfs"):
            with pytest.raises(Exception, match="disabled"):
                engine.duck_conn.execute(statement)
        rows = [1]
        with pytest.raises(Exception, match="rows"):  # a variable of ours is no table
            engine.duck_conn.execute("FROM rows")
        assert rows
    finally:
        engine.close()


def test_snowflakes_functions_are_not_among_the_refused(tmp_path: Path) -> None:
    engine = Engine(tmp_path / "warehouse")
    try:
        assert not engine.duckdbs_functions & (duckdbs_own._BOTH_HAVE | set(forms.FORMS["functions"]))
        assert {"READ_CSV_AUTO", "READ_TEXT", "LIST_VALUE"} <= engine.duckdbs_functions
    finally:
        engine.close()
