"""Revenue, churn and MRR equal the reference, month for month, on chosen and on generated periods."""

from __future__ import annotations

import datetime as dt
import random
from collections import defaultdict
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from snowflake.snowpark import Session

from customer_analytics.tables import CHANGE_CATEGORIES, STG_SUBSCRIPTION_PERIODS
from customer_analytics.transforms import revenue
from customer_analytics_tests.transforms import reference
from customer_analytics_tests.transforms.frames import frame, rows_of

D = dt.date
AS_OF = D(2026, 11, 23)


def built(session: Session, periods: list[Any], as_of: dt.date = AS_OF) -> tuple[list[dict[str, Any]], ...]:
    source = frame(session, STG_SUBSCRIPTION_PERIODS, periods)
    by_month = revenue.customer_revenue_by_month(source, as_of).cache_result()
    churned = revenue.customer_churn_month(by_month, source).cache_result()
    return rows_of(by_month), rows_of(churned), rows_of(revenue.mrr(by_month, churned))


def _ordered(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    kept = [{k: v for k, v in row.items() if k != "id"} for row in rows]
    return sorted(kept, key=lambda r: (r["customer_id"], r["date_month"]))


def assert_as_reference(session: Session, periods: list[Any], as_of: dt.date = AS_OF) -> list[dict[str, Any]]:
    by_month, churned, changes = built(session, periods, as_of)
    expected = reference.revenue(periods, as_of)
    expected_churn = reference.churn(expected, periods)
    assert _ordered(by_month) == _ordered(expected)
    assert _ordered(churned) == _ordered(expected_churn)
    assert _ordered(changes) == _ordered(reference.mrr(expected, expected_churn))
    return _ordered(changes)


def _period(number: int, start: dt.date, end: dt.date | None, amount: str, customer: int = 1) -> tuple[Any, ...]:
    return (number, customer, start, end, Decimal(amount))


CASES = {
    "open": [_period(1, D(2026, 1, 15), None, "10")],
    "mid-month ends count by their months": [_period(1, D(2018, 1, 31), D(2018, 3, 1), "10")],
    "zero length and within a month": [
        _period(1, D(2018, 1, 5), D(2018, 1, 5), "10"),
        _period(2, D(2018, 1, 5), D(2018, 1, 25), "10"),
    ],
    "overlapping add up, exactly": [
        _period(1, D(2018, 1, 1), D(2018, 6, 1), "0.1"),
        _period(2, D(2018, 2, 1), D(2018, 4, 1), "0.2"),
        _period(3, D(2018, 4, 1), D(2018, 5, 1), "0.2"),
    ],
    "a gap, then back": [
        _period(1, D(2018, 1, 1), D(2018, 2, 1), "10"),
        _period(2, D(2018, 5, 1), D(2018, 6, 1), "20"),
    ],
    "free periods are not active": [
        _period(1, D(2018, 1, 1), D(2018, 4, 1), "0"),
        _period(2, D(2018, 2, 1), D(2018, 3, 1), "5"),
    ],
    "only free": [_period(1, D(2018, 1, 1), None, "0")],
    "long before any calendar": [_period(1, D(1999, 12, 31), D(2000, 2, 1), "10")],
    "still running in the present month": [_period(1, D(2026, 3, 1), D(2026, 12, 1), "10")],
    "ended with the last complete month": [_period(1, D(2026, 3, 1), D(2026, 11, 1), "10")],
    "starts again in the present month": [
        _period(1, D(2026, 3, 1), D(2026, 11, 1), "10"),
        _period(2, D(2026, 11, 20), None, "10"),
    ],
    "goes on for nothing in the present month": [
        _period(1, D(2026, 3, 1), D(2026, 11, 1), "10"),
        _period(2, D(2026, 11, 1), None, "0"),
    ],
    "only in the future": [_period(1, D(2026, 11, 1), None, "10"), _period(2, D(2030, 1, 1), D(2031, 1, 1), "10")],
    "ends at the end of time": [_period(1, D(2026, 9, 1), D(9999, 12, 31), "10")],
}


@pytest.mark.parametrize("case", CASES)
def test_chosen_periods(module_session: Session, case: str) -> None:
    assert_as_reference(module_session, CASES[case])


def test_no_period_at_all(module_session: Session) -> None:
    assert built(module_session, []) == ([], [], [])


@pytest.mark.parametrize("as_of", [D(2018, 3, 1), D(2018, 2, 28), D(2018, 3, 31), D(2017, 1, 1), D(2018, 12, 31)])
def test_months_after_the_last_complete_one_are_cut(module_session: Session, as_of: dt.date) -> None:
    periods = [p for case in ("open", "a gap, then back", "overlapping add up, exactly") for p in CASES[case]]
    periods = [(n, n, *p[2:]) for n, p in enumerate(periods)]
    assert_as_reference(module_session, periods, as_of)


def test_seed(module_session: Session, seed_data: Any) -> None:
    import csv

    def day(text: str) -> dt.date | None:
        return dt.date.fromisoformat(text) if text else None

    with (seed_data / "subscription_periods.csv").open() as file:
        periods = [
            (
                int(r["subscription_id"]),
                int(r["customer_id"]),
                day(r["start_date"]),
                day(r["end_date"]),
                Decimal(r["monthly_amount"]),
            )
            for r in csv.DictReader(file)
        ]
    for as_of in (AS_OF, D(2019, 6, 15), D(2018, 12, 1)):
        assert_as_reference(module_session, periods, as_of)


DAYS = st.dates(D(2017, 11, 1), D(2018, 12, 31))
PERIODS = st.lists(
    st.tuples(st.integers(1, 3), DAYS, st.one_of(st.none(), DAYS), st.sampled_from(["0", "5", "5.01", "0.1", "0.2"])),
    max_size=8,
).map(lambda drawn: [(n, c, min(a, b or a), b and max(a, b), Decimal(m)) for n, (c, a, b, m) in enumerate(drawn)])


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(PERIODS, st.dates(D(2017, 12, 1), D(2019, 3, 1)))
def test_the_rules_hold(module_session: Session, periods: list[Any], as_of: dt.date) -> None:
    changes = assert_as_reference(module_session, periods, as_of)
    life = defaultdict(list)
    for row in changes:
        life[row["customer_id"]].append(row)
    assert len({(r["customer_id"], r["date_month"]) for r in changes}) == len(changes)
    for rows in life.values():
        assert sum(r["mrr_change"] for r in rows) == rows[-1]["mrr"]
        assert [r["change_category"] for r in rows].count("new") == 1
        for row in rows:
            assert (row["change_category"] is None) == (
                row["mrr_change"] == 0 and row["is_active"] == row["previous_month_is_active"]
            )
            assert row["change_category"] in (None, *CHANGE_CATEGORIES)


def test_the_order_of_rows_does_not_matter_and_ids_are_unique(module_session: Session) -> None:
    random_ = random.Random(4)
    periods = [_period(n, D(2018, 1 + n % 12, 1), D(2019, 1 + n % 7, 1), f"0.{n}", customer=n % 5) for n in range(30)]
    first = built(module_session, periods)[2]
    random_.shuffle(periods)
    again = built(module_session, periods)[2]
    assert sorted(first, key=lambda r: r["id"]) == sorted(again, key=lambda r: r["id"])
    assert len({r["id"] for r in first}) == len(first)
