# ruff: noqa: E501 one line is one statement and its answer
"""DDL, DML, SHOW, sessions: statements in order, with what each answers. None: only that it succeeds."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal as D
from typing import Any

import pytest
from snowflake.snowpark import Session

from customer_analytics_tests.contract.test_expressions import Error, difference

# fmt: off
SCENARIOS: dict[str, list[tuple[str, Any]]] = {
    "changes": [
        ("CREATE TABLE t (id INT NOT NULL, g VARCHAR(10) DEFAULT 'x', n NUMBER(10,2), PRIMARY KEY (id)) COMMENT = 'hello'", None),
        ("INSERT INTO t (id, n) VALUES (1, 1), (2, 2)", 2),
        ("INSERT INTO t VALUES (3, DEFAULT, 3)", 1),
        ("SELECT g FROM t WHERE id = 1", "x"),
        ("INSERT INTO t (n) VALUES (1)", Error(100072)),
        ("INSERT INTO t VALUES (4, 'x', 'abc')", Error(100038)),
        ("INSERT INTO t VALUES (1, 'same key: not enforced', 1)", Error(100078)),
        ("UPDATE t SET n = s.m FROM (SELECT 2 AS id, 9 AS m) AS s WHERE t.id = s.id", (1, 0)),
        ("DELETE FROM t USING (SELECT 3 AS id) AS s WHERE t.id = s.id", 1),
        ("MERGE INTO t USING (SELECT 1 AS id, 5 AS n UNION ALL SELECT 7, 7) AS s ON t.id = s.id WHEN MATCHED AND s.n > 4 THEN UPDATE SET n = s.n WHEN NOT MATCHED AND s.n = 7 THEN INSERT (id, n) VALUES (s.id, s.n)", (1, 1)),
        ("MERGE INTO t USING (SELECT 1 AS id) AS s ON t.id = s.id WHEN MATCHED THEN DELETE", (1,)),
        ("MERGE INTO t USING (SELECT 2 AS id, 5 AS n UNION ALL SELECT 2, 7) AS s ON t.id = s.id WHEN MATCHED THEN UPDATE SET n = s.n", Error(100090)),
        ("SELECT id, g, n FROM t ORDER BY id", [(2, "x", D("9.00")), (7, "x", D("7.00"))]),
        ("INSERT OVERWRITE INTO t SELECT 10, 'o', 1", 1),
        ("SELECT COUNT(*) FROM t", 1),
        ("TRUNCATE TABLE t", None),
        ("SELECT COUNT(*) FROM t", 0),
        ("TRUNCATE TABLE IF EXISTS nope", None),
    ],
    "tables": [
        ("CREATE TABLE c1 (a INT NOT NULL, b VARCHAR(5) DEFAULT 'q' COMMENT 'two''s')", None),
        ("INSERT INTO c1 VALUES (1, 'z')", 1),
        ("CREATE TABLE c2 CLONE c1", None),
        ("INSERT INTO c2 (b) VALUES ('k')", Error(100072)),
        ("INSERT INTO c2 (a) VALUES (5)", 1),
        ("SELECT b FROM c2 WHERE a = 5", "q"),
        ("INSERT INTO c2 VALUES (1, 'toolong')", Error(100078)),
        ("CREATE TABLE c3 LIKE c1", None),
        ("SELECT COUNT(*) FROM c3", 0),
        ("CREATE TABLE c1 (a INT)", Error(2002)),
        ("ALTER TABLE c1 ADD COLUMN y INT DEFAULT 5, x VARCHAR", None),
        ("SELECT y FROM c1", 5),
        ("ALTER TABLE c1 ADD COLUMN y INT", Error(1430)),
        ("ALTER TABLE c1 DROP COLUMN y, x", None),
        ("ALTER TABLE c1 ALTER COLUMN b SET DATA TYPE VARCHAR(50)", None),
        ("INSERT INTO c1 VALUES (2, 'longer text')", 1),
        ("ALTER TABLE c1 ALTER COLUMN a COMMENT 'n1', COLUMN b COMMENT 'n2'", None),
        ("SELECT comment FROM information_schema.columns WHERE table_name = 'C1' AND table_schema = CURRENT_SCHEMA() ORDER BY ordinal_position", [("n1",), ("n2",)]),
        ("COMMENT ON TABLE c1 IS 'it''s'", None),
        ("SELECT comment FROM information_schema.tables WHERE table_name = 'C1' AND table_schema = CURRENT_SCHEMA()", "it's"),
        ("COMMENT ON TABLE nope IS 'x'", Error(2003)),
        ("ALTER TABLE c1 SWAP WITH c3", None),
        ("SELECT COUNT(*) FROM c1", 0),
        ("CREATE TABLE named (a, b) AS SELECT 1, 2", None),
        ("SELECT a, b FROM named", (1, 2)),
        ("CREATE TABLE typed (a VARCHAR(3) NOT NULL, b NUMBER(5,2)) AS SELECT 1, 2", None),
        ("SELECT a, b FROM typed", ("1", D("2.00"))),
        ("INSERT INTO typed (b) VALUES (1)", Error(100072)),
        ("CREATE TABLE typed2 (a VARCHAR(3)) AS SELECT 'abcd'", Error(100078)),
        ("CREATE SEQUENCE sq START 5 INCREMENT 2", None),
        ("CREATE TABLE sqt (id INT DEFAULT sq.NEXTVAL, a INT)", None),
        ("INSERT INTO sqt (a) VALUES (1)", 1),
        ("SELECT id FROM sqt", 5),
        ("CREATE TABLE after IF NOT EXISTS (a INT)", None),
        ("CREATE TABLE bytes (a BINARY(10), b CHAR)", None),
        ("INSERT INTO bytes (b) VALUES ('ab')", Error(100078)),
        ("CREATE TABLE dup (a INT, a INT)", Error(2025)),
        ("DROP TABLE c1", None),
        ("DROP TABLE c1", Error(2003)),
        ("CREATE OR REPLACE VIEW vw (x, y COMMENT 'yc') COMMENT = 'vc' AS SELECT 1, 2", None),
        ("SELECT x FROM vw", 1),
        ("CREATE VIEW broken AS SELECT * FROM nope", Error(2003)),
    ],
    "session": [
        ("SET x = 5", None),
        ("SELECT $x + 1", 6),
        ("SELECT 'costs $x, or $y'", "costs $x, or $y"),
        ("SET (a, b) = (1, 'it''s')", None),
        ("SELECT $b", "it's"),
        ("UNSET x", None),
        ("SELECT $x", Error(2211)),
        ("BEGIN", None),
        ("BEGIN", None),
        ("COMMIT", None),
        ("COMMIT", None),
        ("SELECT 1; SELECT 2", Error(8)),
        ("EXECUTE IMMEDIATE 'SELECT 7'", 7),
        ("SELECT * FROM TABLE(RESULT_SCAN(LAST_QUERY_ID()))", 7),
        ("ALTER SESSION SET QUERY_TAG = 'x y'", None),
        ("ALTER SESSION SET NO_SUCH_PARAMETER = 1", Error(1006)),
    ],
    "variants and coercions": [
        ("CREATE TABLE t (id INT, txt VARCHAR, d DATE, v VARIANT, n NUMBER(10,2), f FLOAT)", None),
        ("INSERT INTO t SELECT 1, '5', '2024-01-01', PARSE_JSON('{\"a\":10,\"s\":\"x\"}'), 1.5, 2.5 UNION ALL SELECT 2, '7', '2024-01-02', PARSE_JSON('{\"a\":9}'), 2.5, 3", 2),
        ("SELECT id FROM t WHERE txt > 6", 2),
        ("SELECT id FROM t ORDER BY v:a", [(2,), (1,)]),
        ("SELECT MAX(v:a) FROM t", "10"),
        ("SELECT id FROM t WHERE v:a BETWEEN 10 AND 20", 1),
        ("SELECT COALESCE(v:s, 'none')::STRING FROM t ORDER BY id", [("x",), ("none",)]),
        ("SELECT d || '', f || '', n || '' FROM t WHERE id = 1", ("2024-01-01", "2.5", "1.50")),
        ("SELECT a.id FROM t AS a JOIN t AS b ON a.v:a = b.v:a WHERE a.id = 1", 1),
        ("CREATE VIEW vw AS SELECT id, v:a::INT AS a, d::VARCHAR AS ds, 1 / 3 AS third FROM t", None),
        ("SELECT * FROM vw WHERE id = 1", (1, 10, "2024-01-01", D("0.333333"))),
        ("UPDATE t SET txt = v:a WHERE id = 1", (1, 0)),
        ("SELECT txt FROM t WHERE id = 1", "10"),
        ("INSERT INTO t (id, v) SELECT 3, OBJECT_CONSTRUCT('k', ARRAY_CONSTRUCT(1, 2))", 1),
        ("SELECT f.value::INT FROM t, LATERAL FLATTEN(v:k) AS f WHERE id = 3", [(1,), (2,)]),
        ("DELETE FROM t WHERE v:a = 10", 1),
        ("SELECT at FROM (SELECT 2 AS at)", 2),
    ],
    "errors": [
        ("CREATE TABLE t (id INT, g VARCHAR)", None),
        ("SELECT nope", Error(904)),
        ("SELECT nope FROM t", Error(904)),
        ("SELECT t.nope FROM t", Error(904)),
        ("SELECT x.id FROM t", Error(904)),
        ("UPDATE t SET nope = 1", Error(904)),
        ("INSERT INTO t (nope) VALUES (1)", Error(904)),
        ("SELECT id, COUNT(*) FROM t", Error(979)),
        ("SELECT 1 UNION SELECT 1, 2", Error(1789)),
        ("SELECT * FROM nope", Error(2003)),
        ("DELETE FROM nope", Error(2003)),
        ("DESCRIBE TABLE nope", Error(2003)),
        ("USE SCHEMA nope", Error(2043)),
        ("USE DATABASE nope", Error(2043)),
        ("SHOW TABLES IN SCHEMA nope", Error(2043)),
        ("SELECT foo(1)", Error(2140)),
        ("SELEC 1", Error(1003)),
        ("SELECT 1 FROM t WHERE", Error(1003)),
        ("SELECT 'x'::BOOLEAN", Error(100037)),
        ("SELECT 'x'::DATE", Error(100040)),
        ("SELECT 'x'::TIMESTAMP_NTZ", Error(100035)),
        ("SELECT 100::NUMBER(2,0)", Error(100039)),
        ("SELECT PARSE_JSON('{')", Error(100069)),
        ("SELECT PARSE_JSON('{\"x\": \"abc\"}'):x::INT", Error(100071)),
        ("SELECT PARSE_JSON('{\"x\": \"abc\"}'):x::DATE", Error(100071)),
        ("SELECT PARSE_JSON('[1]')::FLOAT", Error(100071)),
        ("SELECT TRY_CAST(PARSE_JSON('\"a\"') AS INT)", [(None,)]),
        ("SHOW COLUMNS IN TABLE nope", Error(2003)),
        ("ALTER TABLE nope SET COMMENT = 'x'", Error(2003)),
        ("ALTER SCHEMA nope SET COMMENT = 'x'", Error(2003)),
        ("ALTER DATABASE nope SET COMMENT = 'x'", Error(2003)),
        ("ALTER STAGE nope SET COMMENT = 'x'", Error(2003)),
        ("COMMENT ON SCHEMA nope IS 'x'", Error(2003)),
        ("DESCRIBE SCHEMA nope", Error(2003)),
        ("DROP FILE FORMAT nope", Error(2003)),
    ],
    "options": [
        ("CREATE TABLE t (a INT)", None),
        ("ALTER TABLE t SET COMMENT = 'it''s'", None),
        ("SELECT comment FROM information_schema.tables WHERE table_name = 'T' AND table_schema = CURRENT_SCHEMA()", "it's"),
        ("ALTER TABLE t UNSET COMMENT", None),
        ("SELECT COALESCE(comment, '') FROM information_schema.tables WHERE table_name = 'T' AND table_schema = CURRENT_SCHEMA()", ""),
        ("ALTER TABLE t SET DATA_RETENTION_TIME_IN_DAYS = 1 CHANGE_TRACKING = TRUE", None),
        ("ALTER TABLE t UNSET DATA_RETENTION_TIME_IN_DAYS", None),
        ("ALTER TABLE IF EXISTS nope SET COMMENT = 'x'", None),
        ("CREATE FILE FORMAT f TYPE = CSV", None),
        ("DROP FILE FORMAT f", None),
        ("CREATE FILE FORMAT f TYPE = JSON", None),
    ],
    "values": [
        ("SELECT x.column1 FROM VALUES (1), (2) AS x ORDER BY 1", [(1,), (2,)]),
        ("SELECT AVG(x.column1) FROM VALUES (1), (2) x", D("1.500000")),
        ("CREATE TABLE t (k INT, at TIMESTAMP_TZ)", None),
        ("INSERT INTO t (k) VALUES (1)", 1),
        ("UPDATE t SET k = x.column1 FROM VALUES (7) x WHERE t.k = 1", (1, 0)),
        ("SELECT k FROM t", 7),
        ("SELECT '2024-01-31'::TIMESTAMP_NTZ - INTERVAL '1 day, 2 hours'", dt.datetime(2024, 1, 29, 22)),
        ("SELECT '2024-01-31'::DATE + INTERVAL '1 year, 1 month'", dt.date(2025, 2, 28)),
        ("SELECT PARSE_JSON('{\"a\": true}'):a::INT", 1),
        ("SELECT PARSE_JSON('{\"a\": \"2.5\"}'):a::INT", 3),
        ("SELECT PARSE_JSON('{\"a\": null}'):a::INT", [(None,)]),
        ("SELECT PARSE_JSON('{\"a\": 1.256}'):a::NUMBER(10,2)", D("1.26")),
        ("MERGE INTO t USING (SELECT 9 AS k) AS s ON t.k = s.k WHEN NOT MATCHED BY SOURCE THEN DELETE", Error(1003)),
    ],
}
# fmt: on


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario(session: Session, name: str) -> None:
    wrong = []
    for statement, expected in SCENARIOS[name]:
        if expected is None:
            session.sql(statement).collect()
        elif text := difference(session, statement, expected):
            wrong.append(text)
    assert wrong == []


def test_describe_names_types_and_keys_as_snowflake_does(session: Session) -> None:
    columns = 'a CHAR(3), b CHAR, c VECTOR(FLOAT, 2), k INT, "K 2" INT, PRIMARY KEY ("K 2", k)'
    session.sql(f"CREATE TABLE t ({columns})").collect()
    session.sql("CREATE TABLE copied CLONE t").collect()
    for table in ("t", "copied"):
        described = session.sql(f"DESCRIBE TABLE {table}").collect()
        assert [r["type"] for r in described[:3]] == ["VARCHAR(3)", "VARCHAR(1)", "VECTOR(FLOAT, 2)"]
        assert [r["name"] for r in described if r["primary key"] == "Y"] == ["k".upper(), "K 2"]
    shown = session.sql("SHOW PRIMARY KEYS IN TABLE t").collect()
    assert [(r["column_name"], r["key_sequence"]) for r in shown] == [("K 2", 1), ("K", 2)]
    session.sql("ALTER TABLE t DROP PRIMARY KEY").collect()
    assert session.sql("SHOW PRIMARY KEYS IN TABLE t").collect() == []
    assert [r["column_name"] for r in session.sql("SHOW COLUMNS LIKE 'k%' IN TABLE t").collect()] == ["K", "K 2"]


def test_comments_of_schemas_and_stages(session: Session) -> None:
    schema = (session.get_current_schema() or "").strip('"')
    session.sql("CREATE STAGE s").collect()
    for comment, statement in (("one", "COMMENT ON {} IS 'one'"), ("it's", "ALTER {} SET COMMENT = 'it''s'")):
        for kind, name in (("SCHEMA", schema), ("STAGE", "s")):
            session.sql(statement.format(f"{kind} {name}")).collect()
            shown = session.sql(f"SHOW {kind}S LIKE '{name}'").collect()
            assert [row["comment"] for row in shown] == [comment]
    session.sql("CREATE VIEW v AS SELECT 1 AS a").collect()
    assert [(r["name"], r["kind"]) for r in session.sql(f"DESCRIBE SCHEMA {schema}").collect()] == [("V", "VIEW")]


def test_show_and_information_schema_say_what_there_is(session: Session) -> None:
    before = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=10)
    for statement in ("CREATE TABLE one (a INT)", "CREATE TRANSIENT TABLE two (a INT)", "INSERT INTO one VALUES (1)"):
        session.sql(statement).collect()
    schema = (session.get_current_schema() or "").strip('"')
    where = f"table_schema = '{schema}' ORDER BY table_name"
    query = f"SELECT table_name, row_count, is_transient, created, last_altered FROM information_schema.tables WHERE {where}"
    rows = session.sql(query).collect()
    assert [tuple(r)[:3] for r in rows] == [("ONE", 1, "NO"), ("TWO", 0, "YES")]
    assert all(r[3] > before and r[4] > before for r in rows)
    shown = session.sql("SHOW TABLES LIKE 'o%'").collect()
    assert [(r["name"], r["rows"]) for r in shown] == [("ONE", 1)]
    assert shown[0]["created_on"] > before
    assert [r["name"] for r in session.sql("SHOW TABLES STARTS WITH 'T'").collect()] == ["TWO"]
    assert len(session.sql("SHOW TABLES LIMIT 1").collect()) == 1
    assert [r["name"] for r in session.sql(f"SHOW SCHEMAS LIKE '{schema}'").collect()] == [schema]


def test_a_database_comes_with_its_schema_and_goes_with_its_tables(session: Session) -> None:
    here = session.get_fully_qualified_current_schema()
    name = f"D_{(session.get_current_schema() or '').strip(chr(34))}"
    session.sql(f"CREATE DATABASE {name}").collect()
    try:
        assert tuple(session.sql("SELECT CURRENT_DATABASE(), CURRENT_SCHEMA()").collect()[0]) == (name, "PUBLIC")
        session.sql("CREATE TABLE x AS SELECT 1 AS a").collect()
        assert session.table(f"{name}.public.x").count() == 1
    finally:
        session.sql(f"USE SCHEMA {here}").collect()
        session.sql(f"DROP DATABASE {name}").collect()
    assert session.sql(f"SHOW DATABASES LIKE '{name}'").collect() == []


def test_several_statements_in_one_text(session: Session) -> None:
    cursor = session.connection.cursor()
    text = "CREATE TABLE m (a INT); INSERT INTO m VALUES (1), (2); -- ; \nSELECT COUNT(*), 'a;b' FROM m;"
    cursor.execute(text, num_statements=3)
    answers = [cursor.fetchall()]
    while cursor.nextset():
        answers.append(cursor.fetchall())
    assert answers[1:] == [[(2,)], [(2, "a;b")]]
