# ruff: noqa: E501 one line is one statement and its answer
"""COPY INTO a table and INTO a stage, by the options that decide what is loaded: statements in order."""

from __future__ import annotations

import datetime as dt
import io
from typing import Any

import pytest
from snowflake.snowpark import Session

from customer_analytics_tests.contract.test_expressions import Error, difference

# fmt: off
FILES = {
    "plain/a.csv": "1,x\n2,\n",
    "header/h.csv": "b,a,more\nq,5,9\n",
    "dates/d.csv": "31/01/2024;1.5\n",
    "windows/w.csv": "a,b\r\n7,x\r\n",
    "bad/bad.csv": "1,x\nz,y\n",
    "bad/good.csv": "8,x\n",
    "narrow/n.csv": "9\n",
    "long/l.csv": "3,abcdef\n",
    "o dd/it's.csv": "4,odd\n",
    "rows/o.json": '{"A": 1, "b": "q"}\n{"A": 2}\n',
    "nulls/n.csv": "5,NULL\n6,-\n",
}
SCENARIOS: dict[str, list[tuple[str, Any]]] = {
    "once, again and thrown away": [
        ("COPY INTO t FROM @s/plain/", None),
        ("SELECT * FROM t ORDER BY a", [(1, "x"), (2, None)]),
        ("COPY INTO t FROM @s/plain/ FORCE = FALSE PURGE = FALSE", "Copy executed with 0 files processed."),
        ("COPY INTO t FROM @s/plain/ FORCE = TRUE", None),
        ("SELECT COUNT(*) FROM t", 4),
        ("COPY INTO t FROM @s/plain/ FORCE = TRUE PURGE = TRUE", None),
        ("LIST @s/plain/", []),
    ],
    "part of the transaction": [
        ("BEGIN", None),
        ("COPY INTO t FROM @s/plain/", None),
        ("ROLLBACK", None),
        ("SELECT COUNT(*) FROM t", 0),
        ("COPY INTO t FROM @s/plain/", None),
        ("SELECT COUNT(*) FROM t", 2),
    ],
    "formats": [
        ("COPY INTO t FROM @s/header/ FILE_FORMAT = (TYPE = CSV PARSE_HEADER = TRUE) MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE", None),
        ("SELECT * FROM t", (5, "q")),
        ("CREATE TABLE d (a DATE, b NUMBER(5, 1))", None),
        ("COPY INTO d FROM @s/dates/ FILE_FORMAT = (TYPE = CSV FIELD_DELIMITER = ';' DATE_FORMAT = 'DD/MM/YYYY')", None),
        ("SELECT a FROM d", dt.date(2024, 1, 31)),
        ("CREATE OR REPLACE STAGE own FILE_FORMAT = (TYPE = CSV SKIP_HEADER = 1)", None),
        ("COPY INTO @own/w FROM (SELECT 'a', 'b' UNION ALL SELECT '7', 'x') FILE_FORMAT = (TYPE = CSV COMPRESSION = NONE)", None),
        ("COPY INTO t FROM @own", None),
        ("SELECT b FROM t WHERE a = 7", "x"),
        ("COPY INTO t FROM @s/windows/ FILE_FORMAT = (TYPE = CSV SKIP_HEADER = 1)", None),
        ("SELECT COUNT(*) FROM t WHERE a = 7", 2),
        ("COPY INTO t FROM @s/nulls/ FILE_FORMAT = (TYPE = CSV NULL_IF = ('NULL', '-'))", None),
        ("SELECT COUNT(*), COUNT(b) FROM t WHERE a IN (5, 6) AND b IS NULL", (2, 0)),
        ("COPY INTO t FROM '@s/o dd/' FILE_FORMAT = (TYPE = CSV)", None),
        ("SELECT b FROM t WHERE a = 4", "odd"),
        ("COPY INTO t FROM @s/rows/ FILE_FORMAT = (TYPE = JSON) MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE", None),
        ("SELECT b FROM t WHERE a = 1", "q"),
    ],
    "what does not fit": [
        ("COPY INTO t FROM @s/bad/", Error(100038)),
        ("SELECT COUNT(*) FROM t", 0),
        ("COPY INTO t FROM @s/bad/ ON_ERROR = SKIP_FILE", None),
        ("SELECT a FROM t", [(8,)]),
        ("COPY INTO t FROM @s/narrow/", Error(100080)),
        ("COPY INTO t FROM @s/narrow/ FILE_FORMAT = (TYPE = CSV ERROR_ON_COLUMN_COUNT_MISMATCH = FALSE)", None),
        ("SELECT b FROM t WHERE a = 9", [(None,)]),
        ("COPY INTO t FROM @s/long/", Error(100078)),
        ("COPY INTO t FROM @s/long/ TRUNCATECOLUMNS = TRUE", None),
        ("SELECT b FROM t WHERE a = 3", "abc"),
        ("COPY INTO t (a, nope) FROM @s/plain/", Error(904)),
        ("COPY INTO t FROM @s/rows/ FILE_FORMAT = (TYPE = JSON)", Error(2019)),
        ("COPY INTO nope FROM @s/plain/", Error(2003)),
        ("COPY INTO t FROM @nope", Error(2003)),
    ],
    "unloaded as it was": [
        ("COPY INTO @s/out/ FROM (SELECT OBJECT_CONSTRUCT('a', 1) UNION ALL SELECT OBJECT_CONSTRUCT('a', 2)) FILE_FORMAT = (TYPE = JSON)", None),
        ("CREATE FILE FORMAT lines TYPE = JSON", None),
        ("SELECT SUM($1:a::INT) FROM @s/out (FILE_FORMAT => lines)", 3),
        ("COPY INTO @s/values/ FROM (SELECT 1.0::FLOAT, '2024-01-01 10:00'::TIMESTAMP_NTZ, TRUE) FILE_FORMAT = (TYPE = CSV NULL_IF = ('', 'x'))", None),
        ("CREATE FILE FORMAT fields TYPE = CSV", None),
        ("SELECT $1, $2, $3 FROM @s/values (FILE_FORMAT => fields)", ("1", "2024-01-01 10:00:00.000", "true")),
    ],
    "a table's own stage": [
        ("COPY INTO @%t/x FROM (SELECT 1, 'x') FILE_FORMAT = (TYPE = CSV)", None),
        ("COPY INTO t FROM @%t", None),
        ("SELECT * FROM t", (1, "x")),
        ("CREATE OR REPLACE TABLE gone (a INT)", None),
        ("COPY INTO @%gone/x FROM (SELECT 1) FILE_FORMAT = (TYPE = CSV)", None),
        ("DROP TABLE gone", None),
        ("CREATE TABLE gone (a INT)", None),
        ("LIST @%gone", []),
    ],
}
# fmt: on


@pytest.mark.parametrize("name", SCENARIOS)
def test_copying(session: Session, name: str) -> None:
    session.sql("CREATE STAGE s").collect()
    session.sql("CREATE TABLE t (a INT, b VARCHAR(3))").collect()
    for path, text in FILES.items():
        session.file.put_stream(io.BytesIO(text.encode()), f"@s/{path}", auto_compress=False)
    wrong = []
    for statement, expected in SCENARIOS[name]:
        if expected is None:
            session.sql(statement).collect()
        elif found := difference(session, statement, expected):
            wrong.append(found)
    assert wrong == []


def test_a_schema_takes_its_stages_with_it(session: Session) -> None:
    here = session.get_fully_qualified_current_schema()
    other = f"{here[:-1]}_OTHER" + '"'
    try:
        for replaced in (f"DROP SCHEMA {other}", f"CREATE OR REPLACE SCHEMA {other}"):
            session.sql(f"CREATE SCHEMA IF NOT EXISTS {other}").collect()
            session.sql("CREATE OR REPLACE STAGE s").collect()
            session.sql("CREATE OR REPLACE TABLE t AS SELECT 1 AS a").collect()
            session.file.put_stream(io.BytesIO(b"1\n"), "@s/a.csv", auto_compress=False)
            session.sql(replaced).collect()
            session.sql(f"CREATE SCHEMA IF NOT EXISTS {other}").collect()
            session.sql(f"USE SCHEMA {other}").collect()
            assert difference(session, "LIST @s", Error(2003)) is None
            assert difference(session, "SELECT * FROM t", Error(2003)) is None
    finally:
        session.sql(f"DROP SCHEMA IF EXISTS {other}").collect()
        session.sql(f"USE SCHEMA {here}").collect()
