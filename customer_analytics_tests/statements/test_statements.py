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
        "alter session set query_tag = 'x'",
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
        ("SELECT [x FOR x IN [1, 2]]", "construct|sqlglot"),
    ],
)
def test_duckdbs_own_is_found(sql: str, problem: str) -> None:
    assert re.search(problem, " ".join(forms.problems(sql)))
