"""ORDERS and CUSTOMERS equal the reference."""

from __future__ import annotations

import datetime as dt
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from snowflake.snowpark import Session

from customer_analytics.tables import PAYMENT_METHODS, STG_CUSTOMERS, STG_ORDERS, STG_PAYMENTS
from customer_analytics.transforms import customers
from customer_analytics_tests.transforms import reference
from customer_analytics_tests.transforms.frames import frame, rows_of

DAYS = st.dates(dt.date(2018, 1, 1), dt.date(2018, 1, 9))
ORDERS = st.lists(st.tuples(st.integers(1, 5), DAYS, st.sampled_from(["placed", None])), max_size=6).map(
    lambda drawn: [(n, *order) for n, order in enumerate(drawn)]
)
PAYMENTS = st.lists(
    st.tuples(st.integers(0, 8), st.sampled_from([*PAYMENT_METHODS, "bitcoin"]), st.integers(-500, 10**6)), max_size=10
).map(lambda drawn: [(n, *payment) for n, payment in enumerate(drawn)])
CUSTOMERS = [(n, f"Name {n}", None) for n in range(1, 5)]


def assert_as_reference(session: Session, orders: list[Any], payments: list[Any]) -> None:
    made = customers.orders(frame(session, STG_ORDERS, orders), frame(session, STG_PAYMENTS, payments)).cache_result()
    expected = reference.orders(orders, payments)
    assert sorted(rows_of(made), key=lambda r: r["order_id"]) == expected
    people = customers.customers(frame(session, STG_CUSTOMERS, CUSTOMERS), made)
    assert sorted(rows_of(people), key=lambda r: r["customer_id"]) == reference.customers(CUSTOMERS, expected)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ORDERS, PAYMENTS)
def test_the_rules_hold(module_session: Session, orders: list[Any], payments: list[Any]) -> None:
    assert_as_reference(module_session, orders, payments)


def test_great_sums_stay_exact(module_session: Session) -> None:
    day = dt.date(2018, 1, 1)
    cents = 9_007_199_254_740_993  # one more than a float can tell
    assert_as_reference(module_session, [(1, 1, day, "placed")], [(1, 1, "coupon", cents), (2, 1, "coupon", cents + 1)])
