"""The presentation tables about customers and journeys of a hostile business, cell by cell against the reference."""

from __future__ import annotations

import datetime as dt
import random
from pathlib import Path
from typing import Any

import pytest
from snowflake.snowpark import DataFrame, Session

from customer_analytics import tables as T
from customer_analytics.transforms.presentation import combine_sentiment, list_churned, rank_lifetime_values
from customer_analytics.transforms.presentation_marketing import trace_journeys
from customer_analytics.transforms.presentation_risk import find_customers_at_risk
from customer_analytics_tests.dashboard.rows import frame
from customer_analytics_tests.end_to_end import presentation_reference, reference
from customer_analytics_tests.end_to_end.hostile import Business


def rows(made: DataFrame) -> list[dict[str, Any]]:
    return [{k.lower(): v for k, v in row.as_dict().items()} for row in made.collect()]


@pytest.mark.parametrize(("seed", "as_of"), [(21, dt.date(2026, 11, 23)), (22, dt.date(2019, 12, 31))])
def test_churn_and_lifetime_values(tmp_path: Path, module_session: Session, seed: int, as_of: dt.date) -> None:
    staged, _ = Business(seed, customers=60).write_csv(tmp_path)
    tables = reference.figures(staged, as_of)
    # A present month of a customer that began in 1990 would only make the upload long.
    months = [r for r in tables["MRR"] if r["first_active_month"].year > 2000]
    everybody = sorted({r["customer_id"] for r in tables["CUSTOMERS"] + months})
    drawn = random.Random(seed)
    scores = {c: drawn.random() for c in everybody if drawn.random() < 0.5}
    predicted = {c: drawn.random() * 100 for c in everybody if drawn.random() < 0.8}
    customers = frame(module_session, T.CUSTOMERS, *tables["CUSTOMERS"])
    sentiment = frame(
        module_session, T.PRES_SENTIMENT, *({"customer_id": c, "sentiment_score": s} for c, s in scores.items())
    )
    ltv = frame(
        module_session, T.PRED_CUSTOMER_LTV, *({"customer_id": c, "predicted_ltv": p} for c, p in predicted.items())
    )
    mrr = frame(module_session, T.MRR, *({"id": str(n)} | row for n, row in enumerate(months)))

    churned = rows(list_churned(mrr, customers, sentiment))
    expected = reference.pres_churn(months, tables["CUSTOMERS"], dict(scores))
    assert any(r["reactivated"] for r in expected)
    assert any(not r["reactivated"] for r in expected)
    assert reference.differences(expected, churned) == []

    valued = rows(rank_lifetime_values(customers, ltv, sentiment))
    expected = reference.pres_clv(tables["CUSTOMERS"], dict(predicted), dict(scores))
    assert reference.differences(expected, valued) == []
    assert [r["clv"] for r in valued] == sorted((r["clv"] for r in valued), reverse=True)


@pytest.mark.parametrize(("seed", "as_of"), [(23, dt.date(2026, 11, 23)), (24, dt.date(2019, 12, 31))])
def test_feeling_risk_and_journeys(tmp_path: Path, module_session: Session, seed: int, as_of: dt.date) -> None:
    staged, _ = Business(seed, customers=60).write_csv(tmp_path)
    tables = reference.figures(staged, as_of)
    months = [r for r in tables["MRR"] if r["first_active_month"].year > 2000]
    customers = tables["CUSTOMERS"]
    drawn = random.Random(seed)
    everybody = sorted({r["customer_id"] for r in customers + months})
    newest = dt.datetime(2026, 11, 20, 23, 59)
    # Edges on purpose: around 90 days back, and scores that are a bucket's bound.
    ages = [dt.timedelta(days=d) for d in (0, 30, 89, 90, 91, 400)] + [dt.timedelta(days=89, hours=23, minutes=59)]
    scores = [0.0, 0.3, 0.39, 0.4, 0.5, 0.6, 0.75, 1.0]
    comments = [
        {"customer_id": c, "date": newest - drawn.choice(ages), "sentiment": drawn.choice(scores)}
        for c in everybody
        for _ in range(drawn.randrange(5))
    ]
    calls = [{"customer_id": c, "sentiment": drawn.choice(scores)} for c in [*everybody, 10**9] if drawn.random() < 0.3]
    # Unhappy people who never subscribed, with an order 89, 90 and 91 days before the newest of all.
    shoppers = [c for c in customers if c["customer_id"] not in {r["customer_id"] for r in months}][:3]
    latest = max(c["most_recent_order"] for c in customers if c["most_recent_order"] and c not in shoppers)
    for person, back in zip(shoppers, (89, 90, 91), strict=True):
        person["most_recent_order"] = latest - dt.timedelta(days=back)
        comments += [{"customer_id": person["customer_id"], "date": newest, "sentiment": 0.0}] * 9
    ltv = []
    for c in everybody:
        recency, frequency = drawn.randrange(1, 200), drawn.randrange(4)
        ltv.append({"customer_id": c, "predicted_ltv": drawn.random() * 100, "frequency": frequency})
        ltv[-1] |= {"recency_days": recency, "tenure_days": recency + drawn.randrange(400)}
    del ltv[::5]

    wrote = frame(module_session, T.PRED_TWITTER_COMMENTS, *comments)
    feeling = combine_sentiment(wrote, frame(module_session, T.PRED_CUSTOMER_CALLS, *calls))
    expected = presentation_reference.pres_sentiment(comments, calls)
    assert {r["sentiment_bucket"] for r in expected} >= {1, 10}
    assert reference.differences(expected, rows(feeling)) == []

    at_risk = find_customers_at_risk(
        frame(module_session, T.CUSTOMERS, *customers),
        frame(module_session, T.MRR, *({"id": str(n)} | row for n, row in enumerate(months))),
        frame(module_session, T.PRED_CUSTOMER_LTV, *ltv),
        wrote,
        feeling,
        182,
    )
    expected = presentation_reference.pres_at_risk(customers, months, ltv, comments, calls, 182)
    found = rows(at_risk)
    assert {p["customer_id"] for p in shoppers} & {r["customer_id"] for r in found} == {shoppers[0]["customer_id"]}
    assert reference.differences(expected, found) == []
    assert [r["value_at_risk"] for r in found] == sorted((r["value_at_risk"] for r in found), reverse=True)

    touches = tables["ATTRIBUTION_TOUCHES"]
    expected = presentation_reference.pres_journeys(touches)
    assert any(" > " in r["path"] for r in expected)
    journeys = trace_journeys(frame(module_session, T.ATTRIBUTION_TOUCHES, *touches))
    assert reference.differences(expected, rows(journeys)) == []
