"""Each deviation of `docs/local-snowflake.md` by its number, as it is. A test that fails is a deviation gone: good."""

from __future__ import annotations

import ast
import datetime as dt
import io
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from snowflake.snowpark import Row, Session
from snowflake.snowpark.exceptions import SnowparkSQLException

PAGE = Path(__file__).resolve().parents[2] / "docs" / "local-snowflake.md"


def one(session: Session, sql: str) -> object:
    return session.sql(sql).collect()[0][0]


def refused(session: Session, sql: str) -> bool:
    with pytest.raises(SnowparkSQLException):
        session.sql(sql).collect()
    return True


def inserted_float(session: Session) -> object:
    session.sql("CREATE OR REPLACE TABLE whole (a INT)").collect()
    session.sql("INSERT INTO whole SELECT 2.5::FLOAT").collect()
    return one(session, "SELECT a FROM whole")


def swap_is_refused(session: Session) -> bool:
    schema = session.get_fully_qualified_current_schema()
    session.sql("CREATE OR REPLACE TABLE here (a INT)").collect()
    session.sql("CREATE DATABASE IF NOT EXISTS other_one").collect()
    session.sql("CREATE OR REPLACE TABLE other_one.public.there (a INT)").collect()
    session.sql(f"USE SCHEMA {schema}").collect()
    found = refused(session, "ALTER TABLE here SWAP WITH other_one.public.there")
    session.sql("DROP DATABASE other_one").collect()
    return found


def described(session: Session, query: str) -> list[Row]:
    session.sql(f"CREATE OR REPLACE TABLE described AS {query}").collect()
    return session.sql("DESCRIBE TABLE described").collect()


def loaded_array(session: Session, option: str = "") -> list[Row]:
    session.sql("CREATE OR REPLACE STAGE arrays").collect()
    session.file.put_stream(io.BytesIO(b'[{"a": 1}, {"a": 2}]'), "@arrays/one.json", auto_compress=False)
    session.sql("CREATE OR REPLACE TABLE variants (v VARIANT)").collect()
    session.sql(f"COPY INTO variants FROM @arrays FILE_FORMAT = (TYPE = JSON {option})").collect()
    return session.table("variants").collect()


def copied(session: Session, text: str, how: str = "") -> list[tuple[str, ...]]:
    """What the file's lines become, put without OVERWRITE and read with every default."""
    session.sql("CREATE STAGE IF NOT EXISTS texts").collect()
    session.file.put_stream(io.BytesIO(text.encode()), "@texts/one.csv", auto_compress=False, overwrite=False)
    session.sql("CREATE OR REPLACE TABLE copied (a INT)").collect()
    return [tuple(row) for row in session.sql(f"SELECT $1 FROM @texts{how}").collect()]


def lost_after_random(session: Session) -> bool:
    session.sql("CREATE OR REPLACE TABLE drawn (a INT)").collect()
    session.sql("BEGIN").collect()
    session.sql("INSERT INTO drawn SELECT RANDOM()").collect()
    lost = refused(session, "SELECT 1 / 0") and refused(session, "COMMIT")
    return lost and session.table("drawn").count() == 0


def set_without_effect(session: Session) -> bool:
    session.sql("CREATE OR REPLACE TABLE kept (a INT UNIQUE, b INT REFERENCES kept (a))").collect()
    session.sql("ALTER TABLE kept SET DATA_RETENTION_TIME_IN_DAYS = 5 CHANGE_TRACKING = TRUE").collect()
    row = session.sql("SHOW TABLES LIKE 'KEPT'").collect()[0]
    keys = session.sql("SHOW UNIQUE KEYS IN TABLE kept").collect() + session.sql("SHOW IMPORTED KEYS IN kept").collect()
    return (str(row["retention_time"]), row["change_tracking"], keys) == ("1", "OFF", [])


def catalog_is_refused(session: Session) -> bool:
    for _ in range(2):  # the first time it imports snowflake.core
        started = time.monotonic()
        with pytest.raises(Exception, match="REST"):
            session.catalog.list_databases()
    return time.monotonic() - started < 2


DEVIATIONS: dict[int, Callable[[Session], bool]] = {
    1: lambda s: (
        one(s, "SELECT '2020-01-01 10:00:00 +02:00'::TIMESTAMP_TZ") == dt.datetime(2020, 1, 1, 8, tzinfo=dt.UTC)
        and one(s, "SELECT CONVERT_TIMEZONE('Europe/Berlin', '2020-01-01 10:00:00 +00:00'::TIMESTAMP_TZ)")
        == dt.datetime(2020, 1, 1, 11)
    ),
    2: lambda s: (
        refused(s, "SELECT 12345678901234567890::NUMBER(38,0)")
        and refused(s, "SELECT 9223372036854775807 + 1")
        and refused(s, "SELECT a * 2 FROM (SELECT 9223372036854775807::NUMBER(38,0) AS a)")
        and one(s, "SELECT 12345678901234567890::NUMBER(37,0) * 2") == 24691357802469135780
    ),
    3: lambda s: (
        [
            row["type"]
            for row in described(s, "SELECT [1]::ARRAY AS a, {}::OBJECT AS b, CURRENT_TIMESTAMP()::TIMESTAMP_LTZ AS c")
        ]
        == ["VARIANT", "VARIANT", "TIMESTAMP_TZ(9)"]
        and all(
            one(s, f"SELECT TYPEOF('{text}'::{kind}::VARIANT)") == "VARCHAR"
            for kind, text in (("DATE", "2024-01-01"), ("TIME", "10:00"), ("TIMESTAMP", "2024-01-01"))
        )
    ),
    4: lambda s: refused(s, 'CREATE TABLE twice ("a" INT, A INT)') and one(s, 'SELECT A FROM (SELECT 1 AS "a")') == 1,
    5: lambda s: s.sql("SELECT 1+1").columns == ['"1 + 1"'],
    6: lambda s: all(
        refused(s, statement)
        for statement in (
            *("CREATE FUNCTION f() RETURNS INT AS '1'", "CREATE STREAM s ON TABLE t", "UNDROP TABLE t"),
            *("CREATE TASK t AS SELECT 1", "CREATE PIPE p AS COPY INTO t FROM @s"),
            "CREATE DYNAMIC TABLE d AS SELECT 1",
            *("CREATE PROCEDURE p() RETURNS INT AS '1'", "CREATE SCHEMA s CLONE t", "CREATE DATABASE d CLONE t"),
            "SELECT * FROM VALUES (1) AT (OFFSET => -60)",
        )
    ),
    7: lambda s: bool(s.sql("GRANT ROLE nobody TO USER nobody").collect()),
    8: lambda s: swap_is_refused(s),
    9: lambda s: (
        refused(s, "SELECT TO_CHAR(CURRENT_DATE, 'DAYS')") and refused(s, "SELECT TO_CHAR(1234.5, '9,999.99')")
    ),
    10: lambda s: (
        one(s, "SELECT '2020-01-01 00:00:00.123456789'::TIMESTAMP_NTZ") == dt.datetime(2020, 1, 1, 0, 0, 0, 123456)
        and one(s, "SELECT '2020-01-01 00:00:00.5'::TIMESTAMP_NTZ(0)") == dt.datetime(2020, 1, 1, 0, 0, 0, 500000)
    ),
    11: lambda s: (
        refused(s, "ALTER SESSION SET TIMEZONE = 'America/New_York'")
        and refused(s, "ALTER SESSION SET WEEK_START = 7")
        and refused(s, "ALTER SESSION SET DATE_OUTPUT_FORMAT = 'DD/MM/YYYY'")
    ),
    12: lambda s: (
        copied(s, "1\nx\n") is not None
        and refused(s, "COPY INTO copied FROM @texts ON_ERROR = CONTINUE")
        and refused(s, "COPY INTO copied FROM @texts VALIDATION_MODE = RETURN_ERRORS")
        and refused(s, "COPY INTO @texts FROM copied PARTITION BY (a)")
    ),
    13: lambda s: isinstance(one(s, "SELECT PARSE_JSON('1') + 1"), float),
    14: lambda s: (
        [row["type"] for row in described(s, "SELECT 1 AS a, 'x' AS b")] == ["NUMBER(38,0)", "VARCHAR(16777216)"]
    ),
    15: lambda s: (
        all(
            refused(s, f"SELECT {call}")
            for call in (
                *("APPROX_TOP_K(1, 1)", "APPROX_PERCENTILE_ACCUMULATE(1)", "SOUNDEX('a')", "PARSE_URL('http://a')"),
                *("COLLATE('a', 'en-ci')", "SHA2('a', 512)", "GET_DDL('TABLE', 't')", "SYSTEM$TYPEOF(1)"),
                "* FROM (SELECT 1 AS a, NULL::VARCHAR AS k) PIVOT (SUM(a) FOR k IN (ANY))",
                *("TIMESTAMP_FROM_PARTS(2024, 1, 1, 25, 0, 0)", "* FROM INFORMATION_SCHEMA.TABLE_CONSTRAINTS"),
            )
        )
        and all(
            refused(s, statement)
            for statement in (
                *("DESCRIBE STAGE s", "DESCRIBE FILE FORMAT f", "DESCRIBE SEQUENCE s"),
                *(
                    f"ALTER {kind} RENAME TO other"
                    for kind in ("SCHEMA information_schema", "DATABASE customer_analytics")
                ),
            )
        )
    ),
    16: lambda s: refused(s, "SELECT REGEXP_REPLACE('banana', 'a', 'o', 1, 2)"),
    17: lambda s: one(s, "SELECT RANDOM(1) = RANDOM(1)") is False,
    18: lambda s: len(loaded_array(s)) == len(loaded_array(s, "STRIP_OUTER_ARRAY = TRUE")) == 2,
    19: lambda s: refused(s, "CREATE TABLE two_counters (a INT AUTOINCREMENT, b INT AUTOINCREMENT)"),
    20: lambda s: copied(s, "old\n") and copied(s, "new\n") == [("new",)],
    21: lambda s: (
        s.sql("CREATE OR REPLACE FILE FORMAT none TYPE = CSV ESCAPE_UNENCLOSED_FIELD = NONE").collect() is not None
        and copied(s, "a\\\\nb\n") == copied(s, "a\\\\nb\n", " (FILE_FORMAT => none)") == [("a\\\\nb",)]
    ),
    22: lambda s: one(s, "SELECT 1 AS a UNION ALL SELECT 'x' ORDER BY a") == "1",
    23: lambda s: lost_after_random(s),
    24: lambda s: one(s, "SELECT '0x1'::INT") == 1,
    25: lambda s: inserted_float(s) == 2,
    26: lambda s: (
        all(
            refused(s, f"CREATE {kind}") for kind in ('DATABASE "a-b"', 'DATABASE "a b"', 'SCHEMA "a.b"', 'STAGE "a/b"')
        )
        and refused(s, f'CREATE STAGE "{"x" * 201}"')
    ),
    27: lambda s: (
        "Scan" in str(one(s, "EXPLAIN USING TEXT SELECT IFF(TRUE, 1, 2)"))
        and all(refused(s, f"EXPLAIN {how} SELECT 1") for how in ("", "USING TABULAR", "USING JSON"))
    ),
    28: lambda s: set_without_effect(s),
    29: lambda s: isinstance(one(s, "SELECT * FROM (SELECT 1.5 AS a, 'k' AS b) PIVOT (AVG(a) FOR b IN ('k'))"), float),
    30: lambda s: one(s, """SELECT PARSE_JSON('{"a": 1, "a": 2}') IS NULL""") is False,
    31: lambda s: catalog_is_refused(s),
}


@pytest.mark.parametrize("number", DEVIATIONS)
def test_deviation(module_session: Session, number: int) -> None:
    assert DEVIATIONS[number](module_session)


def page() -> dict[int, str]:
    """The page's deviations by number."""
    rows = re.findall(r"^\| (\d+) \| (.*?) \|", PAGE.read_text(), re.M)
    return {int(number): text for number, text in rows}


def test_the_page_lists_what_is_tested() -> None:
    assert list(page()) == list(DEVIATIONS)


def sources() -> dict[int, str]:
    """The text of each deviation's test, with the functions of this module that it calls."""
    text = Path(__file__).read_text()
    tree = ast.parse(text)
    functions = {n.name: ast.get_source_segment(text, n) for n in tree.body if isinstance(n, ast.FunctionDef)}
    table = next(node.value for node in tree.body if isinstance(node, ast.AnnAssign))
    assert isinstance(table, ast.Dict)
    found = {}
    for key, value in zip(table.keys, table.values, strict=True):
        assert isinstance(key, ast.Constant)
        called = {node.id for node in ast.walk(value) if isinstance(node, ast.Name)} & set(functions)
        found[key.value] = "\n".join([ast.get_source_segment(text, value) or "", *(functions[n] or "" for n in called)])
    return found


SAID_IN_PASSING = {
    *("NUMBER", "UTC", "SHOW", "REST", "API", "SQL", "FLOAT", "VARIANT", "PUT", "OVERWRITE", "TRUE", "COMMENT"),
}
"""Words of the page that explain, and that a test need not send."""


@pytest.mark.parametrize("number", DEVIATIONS)
def test_what_a_row_names_is_what_its_test_sends(number: int) -> None:
    named = set(re.findall(r"\b[A-Z][A-Z0-9_$]{2,}\b", page()[number])) - SAID_IN_PASSING
    assert named - set(re.findall(r"[A-Z0-9_$]+", sources()[number])) == set()
