"""What the run of the whole graph sent to the warehouse is on the list of documented forms, and the trail in docs/ is
what was sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from customer_analytics import tables as T
from customer_analytics_tests.deployment.conftest import WholeRun
from customer_analytics_tests.deployment.deployment import Deployment
from customer_analytics_tests.statements import forms

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(900)]
TRAIL = Path(__file__).resolve().parents[2] / "docs" / "snowflake-statements.md"


@pytest.fixture(scope="module")
def sent(deployment: Deployment, whole_run: WholeRun) -> list[dict[str, Any]]:
    """The statements of that run."""
    return [e for e in forms.statements_of(deployment.statement_log) if whole_run.run_id in (e["query_tag"] or "")]


def test_every_statement_is_documented(sent: list[dict[str, Any]]) -> None:
    found = {f"{problem}: {entry['sql'][:300]}" for entry in sent for problem in forms.problems(entry["sql"])}
    assert not found, "\n".join(sorted(found))
    assert len(sent) > 300


def test_what_else_talks_to_the_warehouse_is_documented_too(deployment: Deployment, whole_run: WholeRun) -> None:
    """The dashboard, sensors, checks and the tests' own questions; every statement says who asked."""
    every = forms.statements_of(deployment.statement_log)
    found = {f"{problem}: {entry['sql'][:300]}" for entry in every for problem in forms.problems(entry["sql"])}
    assert not found, "\n".join(sorted(found))
    assert not [entry["sql"] for entry in every if not entry["query_tag"]]


def test_the_trail_in_the_docs_lists_every_form_and_function(sent: list[dict[str, Any]]) -> None:
    text = TRAIL.read_text()
    parsed = [(entry["sql"], form) for entry in sent if (form := forms.form_of(entry["sql"]))]
    used = {name for sql, form in parsed if form.get("parsed") for name in forms.functions(sql)}
    assert {form["form"] for _, form in parsed if f"| [{form['form']}](" not in text} == set()
    assert {name for name in used if f"[{name}](" not in text and f"| {name} (" not in text} == set()


def test_every_asset_left_its_name_in_the_query_tags(sent: list[dict[str, Any]]) -> None:
    tags = [json.loads(entry["query_tag"]) for entry in sent]
    named = {name.strip() for tag in tags for name in (tag.get("asset") or "").split(",")}
    assert set(T.TABLES) - {"STG_REJECTED"} <= named
