"""What Snowpark's own local testing mode can run of the transforms: an engine that knows nothing of DuckDB or fakesnow.

It cannot run the others (Snowpark 1.56): `session.generator` (revenue), ROUND (cpa_and_roas) and NULLIF
(PRES_AD_SPEND) are not implemented; DATE_TRUNC and DATEADD fail on a column that is NULL throughout, and
its windowed sums differ from Snowflake's, so revenue is wrong there even with the numbers given. Joins
go wrong as soon as a row has no partner: a payment for an unknown order takes those of another order
away, a customer who is in one table only ends in "cannot convert float NaN to integer". So only cases
without such rows are here; the rules are tested on the local Snowflake.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from snowflake.snowpark import Session

from customer_analytics import tables as T
from customer_analytics.transforms import attribution, customers
from customer_analytics_tests.transforms import reference
from customer_analytics_tests.transforms.frames import frame, rows_of

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning", "ignore::RuntimeWarning")


@pytest.fixture(scope="module")
def local() -> Iterator[Session]:
    with Session.builder.config("local_testing", True).create() as session:
        yield session


def test_orders_and_customers(local: Session) -> None:
    shop = [(1, "Ann", None), (2, None, "B."), (3, "C", "C")]
    ordered = [(1, 1, dt.date(2020, 1, 1), "a"), (2, 1, dt.date(2020, 2, 29), None), (3, 9, dt.date(2020, 2, 1), "b")]
    paid = [(1, 1, "coupon", 101), (2, 1, "barter", -50)]
    made = customers.orders(frame(local, T.STG_ORDERS, ordered), frame(local, T.STG_PAYMENTS, paid)).cache_result()
    expected = reference.orders(ordered, paid)
    assert sorted(rows_of(made), key=lambda r: r["order_id"]) == expected
    people = rows_of(customers.customers(frame(local, T.STG_CUSTOMERS, shop), made))
    assert sorted(people, key=lambda r: r["customer_id"]) == reference.customers(shop, expected)


def test_touches(local: Session) -> None:
    at, day = dt.datetime(2020, 3, 1, 12), dt.timedelta(days=1)
    visits = [(at, 1, "a"), (at, 1, "b"), (at - 30 * day, 1, "c"), (at - 31 * day, 1, "a"), (at + day, 1, "a")]
    sessions: list[Any] = [(n, who, start, None, source, None, None) for n, (start, who, source) in enumerate(visits)]
    conversions = [(1, at, Decimal(10)), (4, at, Decimal(7))]
    seen, converted = frame(local, T.STG_SESSIONS, sessions), frame(local, T.STG_CUSTOMER_CONVERSIONS, conversions)
    made = rows_of(attribution.attribution_touches(seen, converted))
    expected = reference.touches(sessions, conversions)
    assert len(made) == len(expected)
    for row in made:
        for name, value in expected[row["session_id"], row["converted_at"], row["revenue"]].items():
            assert row[name] == (pytest.approx(float(value)) if name.endswith(("points", "_revenue")) else value)
    [untouched] = rows_of(attribution.conversions_without_touch(seen, converted))
    assert untouched["customer_id"] == 4
