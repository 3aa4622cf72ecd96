"""What a full run sends to Snowflake is on the list of documented forms, and the trail in docs/ is what is sent."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from customer_analytics_tests.statements import forms

TRAIL = Path(__file__).resolve().parents[2] / "docs" / "snowflake-statements.md"
CALLS = 3


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


@pytest.fixture(scope="module")
def full_run(tmp_path_factory: pytest.TempPathFactory) -> list[dict]:
    """The statements of a whole run over a small business, every group of assets in it."""
    from customer_analytics.sample_data import DEFAULT_END, generate

    folder = tmp_path_factory.mktemp("statements")
    generate(folder / "source", 60, 7, DEFAULT_END)
    for recording in sorted((folder / "source" / "customer_calls").iterdir())[CALLS:]:
        recording.unlink()
    log = folder / "statements.jsonl"
    environment = os.environ | {
        "CUSTOMER_ANALYTICS_HOME": str(folder / "home"),
        "SOURCE_URI": str(folder / "source"),
        "SENTIMENT_MIN_AUC": "0.5",
        "LOCAL_SNOWFLAKE_STATEMENT_LOG": str(log),
    }
    command = [sys.executable, "-m", "customer_analytics"]
    if shutil.which("customer-analytics", path=str(Path(sys.executable).parent)):
        command = [str(Path(sys.executable).with_name("customer-analytics"))]
    try:
        run = subprocess.run(
            [*command, "run"], env=environment, cwd=folder, capture_output=True, text=True, timeout=840
        )
        assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    finally:
        subprocess.run([*command, "warehouse", "stop"], env=environment, cwd=folder, timeout=60)
    return forms.statements_of(log)


@pytest.mark.heavy
@pytest.mark.timeout(900)
def test_every_statement_of_a_full_run_is_documented(full_run: list[dict]) -> None:
    found = {f"{problem}: {entry['sql'][:300]}" for entry in full_run for problem in forms.problems(entry["sql"])}
    assert not found, "\n".join(sorted(found))
    assert len(full_run) > 300


@pytest.mark.heavy
@pytest.mark.timeout(900)
def test_the_trail_in_the_docs_lists_every_form_and_function(full_run: list[dict]) -> None:
    text = TRAIL.read_text()
    sent = {form["form"] for entry in full_run if (form := forms.form_of(entry["sql"]))}
    used = {
        name
        for entry in full_run
        if (form := forms.form_of(entry["sql"])) and form.get("parsed")
        for name in forms.functions(entry["sql"])
    }
    assert {name for name in sent if f"| [{name}](" not in text} == set()
    assert {name for name in used if f"[{name}](" not in text and f"| {name} (" not in text} == set()


@pytest.mark.heavy
@pytest.mark.timeout(900)
def test_every_statement_of_an_asset_carries_its_run(full_run: list[dict]) -> None:
    untagged = [e["sql"][:120] for e in full_run if not e["query_tag"]]
    assert not untagged
    assert {"CUSTOMERS", "MRR", "CALL_TRANSCRIPTS"} <= {
        name.removeprefix("asset ").strip()
        for e in full_run
        for name in (json.loads(e["query_tag"]).get("asset") or "").split(",")
        if e["query_tag"].startswith("{")
    }
