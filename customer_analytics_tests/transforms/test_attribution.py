"""Touches and CPA equal the reference; points and revenue add up."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from snowflake.snowpark import Session

from customer_analytics.tables import ATTRIBUTION_MODELS, STG_AD_SPEND, STG_CUSTOMER_CONVERSIONS, STG_SESSIONS
from customer_analytics.transforms import attribution
from customer_analytics_tests.transforms import reference
from customer_analytics_tests.transforms.frames import frame, rows_of

AT = dt.datetime(2020, 3, 1, 12)


def close(value: float | Decimal | None, expected: Fraction | None) -> bool:
    if value is None or expected is None:
        return value is None and expected is None
    return float(value) == pytest.approx(float(expected), rel=1e-9, abs=1e-9)


def assert_as_reference(session: Session, sessions: list[Any], conversions: list[Any], spend: list[Any]) -> list[Any]:
    visits, converted = frame(session, STG_SESSIONS, sessions), frame(session, STG_CUSTOMER_CONVERSIONS, conversions)
    touches = attribution.attribution_touches(visits, converted).cache_result()
    made = rows_of(touches)
    expected = reference.touches(sessions, conversions)
    assert len(made) == len(expected)
    for row in made:
        want = expected[row["session_id"], row["converted_at"], row["revenue"]]
        assert (row["total_sessions"], row["session_index"]) == (want["total_sessions"], want["session_index"])
        for model in ATTRIBUTION_MODELS:
            assert close(row[f"{model}_points"], want[f"{model}_points"])
            assert close(row[f"{model}_revenue"], want[f"{model}_revenue"])
    untouched = attribution.conversions_without_touch(visits, converted).count()
    assert untouched == len(conversions) - len({(r["customer_id"], r["converted_at"], r["revenue"]) for r in made})
    _assert_cpa(session, touches, sessions, conversions, spend)
    return made


def _assert_cpa(session: Session, touches: Any, sessions: list[Any], conversions: list[Any], spend: list[Any]) -> None:
    made = rows_of(attribution.cpa_and_roas(touches, frame(session, STG_AD_SPEND, spend)))
    expected = reference.cpa_and_roas(sessions, conversions, spend)
    assert {(r["date_month"], r["utm_source"]) for r in made} == set(expected)
    assert len(made) == len(expected)
    for row in made:
        want = expected[row["date_month"], row["utm_source"]]
        assert close(row["attribution_points"], want["points"])
        assert close(row["attribution_revenue"], want["revenue"])
        assert close(row["total_spend"], want["spend"])
        assert close(row["cost_per_acquisition"], want["cpa"])
        assert close(row["return_on_advertising_spend"], want["roas"])


def _session(number: int, at: dt.datetime, customer: int = 1, source: str | None = "a") -> tuple[Any, ...]:
    return (number, customer, at, None, source, None, None)


MINUTES = st.integers(-45 * 24 * 60, 60).map(lambda m: AT + dt.timedelta(minutes=m))
STARTS = st.one_of(MINUTES, st.sampled_from([AT, AT - dt.timedelta(days=30), AT - dt.timedelta(days=30, seconds=1)]))
SESSIONS = st.lists(st.tuples(STARTS, st.integers(1, 3), st.sampled_from(["a", "b", None])), max_size=10).map(
    lambda drawn: [_session(n, *one) for n, one in enumerate(drawn)]
)
CONVERSIONS = st.lists(
    st.tuples(
        st.integers(1, 4),
        st.sampled_from([AT, AT - dt.timedelta(days=1)]),
        st.sampled_from(["0", "10", "3.33"]).map(Decimal),
    ),
    max_size=4,
    unique=True,
)
SPEND = st.lists(
    st.tuples(
        st.sampled_from([AT.date(), dt.date(2020, 2, 29)]),
        st.sampled_from(["a", "c"]),
        st.none(),
        st.none(),
        st.sampled_from(["0", "7.5"]).map(Decimal),
    ),
    max_size=4,
)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(SESSIONS, CONVERSIONS, SPEND)
def test_the_rules_hold(module_session: Session, sessions: list[Any], conversions: list[Any], spend: list[Any]) -> None:
    made = assert_as_reference(module_session, sessions, conversions, spend)
    sums: dict[Any, float] = defaultdict(float)
    revenue: dict[str, float] = defaultdict(float)
    for row in made:
        for model in ATTRIBUTION_MODELS:
            sums[model, row["customer_id"], row["converted_at"], row["revenue"]] += row[f"{model}_points"]
            revenue[model] += row[f"{model}_revenue"]
    assert all(total == pytest.approx(1) for total in sums.values())
    attributed = {(r["customer_id"], r["converted_at"], r["revenue"]) for r in made}
    for model in ATTRIBUTION_MODELS:
        assert revenue[model] == pytest.approx(float(sum(key[2] for key in attributed)))


def test_window_edges_and_ties(module_session: Session) -> None:
    sessions = [
        _session(5, AT),
        _session(4, AT),
        _session(3, AT - dt.timedelta(days=30)),
        _session(2, AT - dt.timedelta(days=30, microseconds=1)),
        _session(1, AT + dt.timedelta(microseconds=1)),
        _session(6, AT, customer=2),
    ]
    made = assert_as_reference(module_session, sessions, [(1, AT, Decimal(10)), (9, AT, Decimal(5))], [])
    assert sorted((r["session_index"], r["session_id"]) for r in made) == [(1, 3), (2, 4), (3, 5)]
    assert sorted(r["forty_twenty_forty_points"] for r in made) == pytest.approx([0.2, 0.4, 0.4])
