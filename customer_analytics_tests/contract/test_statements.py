"""Statements and values that any warehouse must give: one line is one statement and its answer."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from snowflake.snowpark import Session
from snowflake.snowpark.exceptions import SnowparkSQLException


@pytest.fixture(scope="module")
def numbers(module_session: Session) -> Session:
    module_session.sql("CREATE TABLE n (a NUMBER(28,9), i NUMBER(38,0), d DATE, f FLOAT, v VARCHAR(3))").collect()
    module_session.sql("INSERT INTO n VALUES (10.5, 3, '2020-02-15', 1.5, 'abc'), (-1, 4, NULL, 2.5, NULL)").collect()
    return module_session


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("1 / 3", D("0.333333")),
        ("2 / 3", D("0.666667")),
        ("-2 / 3", D("-0.666667")),
        ("1 / 3 * 3", D("0.999999")),
        ("DIV0(1, 0)", 0),
        ("IFF(1 = 1, 'x', 'y')", "x"),
        ("'abcdef'::VARCHAR(3)", "abc"),
        ("2.5::INT", 3),
        ("ROUND(-2.55, 1)", D("-2.6")),
        ("GREATEST(1, NULL)", None),
        ("'a' || NULL", None),
        ("WIDTH_BUCKET(0.5, 0, 1, 10)", 6),
        ("WIDTH_BUCKET(1.0, 0, 1, 10)", 11),
        ("TRY_CAST('x' AS INT)", None),
        ("SPLIT_PART('a,b', ',', 2)", "b"),
        ("REGEXP_REPLACE('aXb', 'X', '-')", "a-b"),
        ('PARSE_JSON(\'{"a":{"b":[1,2]}}\'):a.b[1]::INT', 2),
        ('PARSE_JSON(\'{"a":"z"}\'):a::STRING', "z"),
        ("DATE_TRUNC('month', '2020-02-15'::DATE)", dt.date(2020, 2, 1)),
        ("DATEADD(month, 1, '2020-01-31'::DATE)", dt.date(2020, 2, 29)),
        ("DATEDIFF(month, '2020-01-31'::DATE, '2020-03-01'::DATE)", 2),
        ("LAST_DAY('2020-02-15'::DATE)", dt.date(2020, 2, 29)),
        ("'2020-03-01'::DATE - '2020-02-01'::DATE", 29),
        ("DATE_TRUNC('month', '2020-02-15 10:00'::TIMESTAMP_NTZ)", dt.datetime(2020, 2, 1)),
        ("TO_CHAR('2020-02-15'::DATE, 'YYYY-MM')", "2020-02"),
        ("VECTOR_L2_DISTANCE([0,0]::VECTOR(FLOAT,2), [3,4]::VECTOR(FLOAT,2))", 5.0),
    ],
)
def test_expression(module_session: Session, expression: str, expected: Any) -> None:
    value = module_session.sql(f"SELECT {expression} AS x").collect()[0][0]
    assert (value, type(value)) == (expected, type(expected)) or (expected == 0 and value == 0)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("SELECT SUM(i), SUM(a), SUM(f) FROM n", (7, D("9.500000000"), 4.0)),
        ("SELECT AVG(i), AVG(f) FROM n", (D("3.500000"), 2.0)),
        ("SELECT a / i, i / a FROM n WHERE i = 3", (D("3.500000000000"), D("0.285714"))),
        ("SELECT SUM(i) OVER (), AVG(i) OVER (ORDER BY i) FROM n QUALIFY ROW_NUMBER() OVER (ORDER BY i) = 2",
         (7, D("3.500000"))),
        ("SELECT DATE_TRUNC('month', d), d + 1 FROM n WHERE i = 3", (dt.date(2020, 2, 1), dt.date(2020, 2, 16))),
        ("WITH c AS (SELECT SUM(i) AS s FROM n) SELECT s / 2, s FROM c", (D("3.500000"), 7)),
        ("SELECT COUNT(DISTINCT i), LISTAGG(v, ',') FROM n", (2, "abc")),
        ("SELECT x, y FROM (SELECT 'x' AS k, 1 AS v) PIVOT (SUM(v) FOR k IN ('x', 'y')) AS p (x, y)", (1, None)),
        ("SELECT SUM(s) FROM (SELECT * FROM (SELECT 1 AS a, 2 AS b) UNPIVOT (s FOR m IN (a, b)))", (3,)),
        ("SELECT COUNT(*), MAX(s) FROM (SELECT SEQ4() AS s FROM TABLE(GENERATOR(ROWCOUNT => 5)))", (5, 4)),
        ("SELECT SUM(f.value::INT) FROM TABLE(FLATTEN(INPUT => PARSE_JSON('[1,2]'))) AS f", (3,)),
        ("SELECT column1 FROM VALUES (1), (2) ORDER BY 1 DESC LIMIT 1", (2,)),
    ],
)  # fmt: skip
def test_query(numbers: Session, query: str, expected: tuple[Any, ...]) -> None:
    assert tuple(numbers.sql(query).collect()[0]) == expected


@pytest.mark.parametrize(
    ("statement", "errno"),
    [
        ("SELECT 1 / 0", 100051),
        ("SELECT i / 0 FROM n", 100051),
        ("SELECT MOD(i, 0) FROM n", 100051),
        ("SELECT * FROM missing", 2003),
        ("DROP TABLE missing", 2003),
        ("SELECT nope FROM n", 904),
        ("SELECT nope(1)", 2140),
        ("SELEC 1", 1003),
        ("CREATE TABLE n (a INT)", 2002),
        ("INSERT INTO n (v) VALUES ('abcd')", 100078),
        ("LIST @missing", 2003),
        ("CREATE TASK t AS SELECT 1", 2),
    ],
)
def test_a_wrong_statement_is_an_error_with_its_number(numbers: Session, statement: str, errno: int) -> None:
    if errno == 2 and numbers.connection.host != "127.0.0.1":
        pytest.skip("an account can do this")
    with pytest.raises(SnowparkSQLException) as caught:
        numbers.sql(statement).collect()
    assert caught.value.sql_error_code == errno
    assert numbers.sql("SELECT 1").collect()[0][0] == 1


def test_changes_report_their_counts(session: Session) -> None:
    session.sql("CREATE TABLE t AS SELECT 1 AS k, 'a' AS v UNION ALL SELECT 2, 'b'").collect()
    assert session.sql("UPDATE t SET v = 'z' WHERE k = 1").collect()[0][0] == 1
    merged = session.sql(
        "MERGE INTO t USING (SELECT 2 AS k UNION ALL SELECT 3) AS s ON t.k = s.k "
        "WHEN MATCHED THEN UPDATE SET v = 'm' WHEN NOT MATCHED THEN INSERT (k, v) VALUES (s.k, 'new')"
    ).collect()
    assert tuple(merged[0]) == (1, 1)
    assert session.sql("DELETE FROM t WHERE k > 1").collect()[0][0] == 2
    assert session.sql("INSERT INTO t SELECT 9, 'i'").collect()[0][0] == 1


def test_a_transaction_is_whole_and_ddl_ends_it(session: Session) -> None:
    session.sql("CREATE TABLE t (a INT)").collect()
    for statement in ("BEGIN", "INSERT INTO t VALUES (1)", "ROLLBACK"):
        session.sql(statement).collect()
    assert session.table("t").count() == 0
    for statement in ("BEGIN", "INSERT INTO t VALUES (1)", "CREATE TABLE u (a INT)", "ROLLBACK"):
        session.sql(statement).collect()
    assert session.table("t").count() == 1


def test_swap_clone_and_temporary_tables(session: Session) -> None:
    session.sql("CREATE TABLE a AS SELECT 1 AS x").collect()
    session.sql("CREATE TABLE b AS SELECT 2 AS x").collect()
    session.sql("ALTER TABLE a SWAP WITH b").collect()
    assert (session.table("a").collect()[0][0], session.table("b").collect()[0][0]) == (2, 1)
    session.sql("CREATE OR REPLACE TABLE b CLONE a").collect()
    assert session.table("b").collect()[0][0] == 2
    session.sql("CREATE TEMPORARY TABLE only_here (x INT)").collect()
    assert session.table("only_here").count() == 0


def test_frames_are_saved_in_every_mode(session: Session) -> None:
    frame = pd.DataFrame({"X": [1, 2, 3], "Y": ["a", None, "ü😀"]})
    df = session.create_dataframe(frame)
    df.write.save_as_table("t")
    df.write.mode("append").save_as_table("t")
    assert session.table("t").count() == 6
    df.write.mode("overwrite").save_as_table("t")
    df.write.mode("ignore").save_as_table("t")
    with pytest.raises(SnowparkSQLException):
        df.write.mode("errorifexists").save_as_table("t")
    pd.testing.assert_frame_equal(
        session.table("t").sort("x").to_pandas(), frame, check_dtype=False, check_column_type=False
    )
    session.create_dataframe(frame.head(0), schema=None).write.mode("overwrite").save_as_table("empty")
    assert session.table("empty").count() == 0


def test_files_go_up_and_come_down(session: Session, tmp_path: Path) -> None:
    session.sql("CREATE STAGE s DIRECTORY = (ENABLE = TRUE)").collect()
    (tmp_path / "it's a file.csv").write_bytes(b'007,a\r\n8,"x,\ny"\r\n')
    session.file.put(str(tmp_path / "it's a file.csv"), "@s/in", auto_compress=False)
    listed = session.sql("LIST @s").collect()
    assert [(r["name"], r["size"]) for r in listed] == [("s/in/it's a file.csv", 17)]
    assert session.sql("SELECT relative_path FROM DIRECTORY(@s)").collect()[0][0] == "in/it's a file.csv"
    session.sql("CREATE TABLE t (a VARCHAR, b VARCHAR)").collect()
    copy = "COPY INTO t FROM @s/in FILE_FORMAT = (TYPE = CSV FIELD_OPTIONALLY_ENCLOSED_BY = '\"')"
    session.sql(copy).collect()
    assert [tuple(r) for r in session.table("t").sort("a").collect()] == [("007", "a"), ("8", "x,\ny")]
    session.sql(copy).collect()  # loaded before
    assert session.table("t").count() == 2
    session.file.get("@s/in", str(tmp_path / "out"))
    assert (tmp_path / "out" / "it's a file.csv").read_bytes() == b'007,a\r\n8,"x,\ny"\r\n'
    session.sql("REMOVE @s PATTERN = '.*file.*'").collect()
    assert session.sql("LIST @s").collect() == []


def test_a_query_is_unloaded_and_read_again(session: Session) -> None:
    session.sql("CREATE STAGE s").collect()
    df = session.create_dataframe([[1, "a,b"], [2, None]], schema=["id", "name"])
    df.write.copy_into_location("@s/p/", file_format_type="parquet", header=True, overwrite=True)
    assert [tuple(r) for r in session.read.parquet("@s/p/").sort("ID").collect()] == [(1, "a,b"), (2, None)]
    df.write.csv("@s/c/", format_type_options={"FIELD_OPTIONALLY_ENCLOSED_BY": '"'})
    back = session.read.schema(df.schema).option("FIELD_OPTIONALLY_ENCLOSED_BY", '"').csv("@s/c/")
    assert [tuple(r) for r in back.sort("ID").collect()] == [(1, "a,b"), (2, None)]


def test_odd_names_and_metadata(session: Session) -> None:
    session.sql('CREATE TABLE "lower case" ("a b" INT NOT NULL, "ü" NUMBER(10,2)) COMMENT = \'it\'\'s\'').collect()
    described = session.sql('DESCRIBE TABLE "lower case"').collect()
    assert [(r["name"], r["type"], r["null?"]) for r in described] == [
        ("a b", "NUMBER(38,0)", "N"),
        ("ü", "NUMBER(10,2)", "Y"),
    ]
    names = [r["name"] for r in session.sql("SHOW TABLES").collect()]
    assert names == ["lower case"]
    schema = (session.get_current_schema() or "").strip('"')
    columns = session.sql(
        f"SELECT column_name FROM information_schema.columns WHERE table_schema = '{schema}' ORDER BY ordinal_position"
    ).collect()
    assert [r[0] for r in columns] == ["a b", "ü"]


def test_rows_bound_with_a_null_among_them_keep_their_times(session: Session) -> None:
    session.sql("CREATE TABLE bound (at TIMESTAMP_TZ, ntz TIMESTAMP_NTZ, d DATE, t TIME, b BINARY)").collect()
    at = dt.datetime(2024, 1, 1, 10, tzinfo=dt.timezone(dt.timedelta(hours=2)))
    row = (at, dt.datetime(2024, 1, 1, 1, 2, 3, 4), dt.date(2024, 1, 2), dt.time(1, 2, 3), b"\x01")
    cursor = session.connection.cursor()
    cursor._connection._paramstyle, before = "qmark", cursor._connection._paramstyle
    try:
        cursor.executemany("INSERT INTO bound VALUES (?, ?, ?, ?, ?)", [row, (None,) * 5])
    finally:
        cursor._connection._paramstyle = before
    assert cursor.execute("SELECT * FROM bound ORDER BY 1").fetchall() == [row, (None,) * 5]
