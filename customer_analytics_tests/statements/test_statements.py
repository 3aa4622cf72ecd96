"""The list of documented forms knows Snowflake's statements from others. `deployment/test_statements_of_a_run.py` puts
every statement of a run to it."""

from __future__ import annotations

import re

import pytest

from customer_analytics_tests.statements import forms


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM T QUALIFY ROW_NUMBER() OVER (PARTITION BY A ORDER BY B) = 1",
        'CREATE OR REPLACE TABLE "T" ("A" DATE) COPY GRANTS AS SELECT CAST("X" AS DATE) FROM (SELECT 1 AS "X")',
        "PUT 'file:///tmp/x' '@S' overwrite = True",
        "alter session set query_tag = 'it''s'",
        "ALTER MODEL D.S.M MODIFY VERSION V1 SET COMMENT=$$it's$$",
        'COPY INTO "D"."S"."T" ("A", "B") FROM (SELECT $1:C0::VARCHAR, $1:C1::NUMBER(28,9) FROM @"D"."S"."ST") '
        "FILE_FORMAT = (TYPE = PARQUET COMPRESSION = SNAPPY USE_LOGICAL_TYPE = TRUE BINARY_AS_TEXT = FALSE) "
        "ON_ERROR = ABORT_STATEMENT",
    ],
)
def test_documented_statements_pass(sql: str) -> None:
    assert forms.problems(sql) == []


@pytest.mark.parametrize(
    ("sql", "problem"),
    [
        ("SELECT epoch_ms(1)", "function EPOCH_MS"),
        ("SELECT list_aggregate(A) FROM T", "function LIST_AGGREGATE"),
        ("PRAGMA table_info('t')", "no documented form"),
        ("SELECT * FROM T USING SAMPLE 3", "sqlglot|construct"),
        ("CREATE OR REPLACE MACRO m(a) AS a", "no documented form"),
        ("ATTACH 'x.db'", "no documented form"),
        ("CREATE STAGE S URL = 's3://somewhere'", "no documented form"),
        ("ALTER SESSION SET QUERY_TAG = 'x' TIMEZONE = 'UTC'", "no documented form"),
        ("SHOW TABLES IN CATALOG MAIN", "no documented form"),
        ("DROP TABLE A, B", "no documented form"),
        ("SELECT [x FOR x IN [1, 2]]", "construct|sqlglot"),
    ],
)
def test_duckdbs_own_is_found(sql: str, problem: str) -> None:
    assert re.search(problem, " ".join(forms.problems(sql)))
