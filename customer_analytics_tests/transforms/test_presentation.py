"""The presentation tables, on small inputs whose answers can be counted by hand."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from snowflake.snowpark import DataFrame, Session

from customer_analytics import tables as T
from customer_analytics.transforms.presentation import combine_sentiment, list_churned, rank_lifetime_values
from customer_analytics.transforms.presentation_marketing import relate_spend_to_revenue, trace_journeys
from customer_analytics.transforms.presentation_risk import find_customers_at_risk
from customer_analytics_tests.dashboard.rows import frame


def rows(result: DataFrame) -> list[dict[str, Any]]:
    return [{k.lower(): v for k, v in row.as_dict().items()} for row in result.collect()]


def touch(
    customer: int,
    when: str,
    converted: str,
    revenue: int,
    index: int,
    total: int,
    source: Any,
    medium: Any,
    share: float,
) -> dict[str, Any]:
    points = {f"{m}_points": share for m in T.ATTRIBUTION_MODELS}
    return {
        "session_id": customer * 100 + index,
        "customer_id": customer,
        "started_at": dt.datetime.fromisoformat(when),
        "converted_at": dt.datetime.fromisoformat(converted),
        "revenue": Decimal(revenue),
        "session_index": index,
        "total_sessions": total,
        "utm_source": source,
        "utm_medium": medium,
        **points,
        **{f"{m}_revenue": share * revenue for m in T.ATTRIBUTION_MODELS},
    }


@pytest.fixture
def touches(module_session: Session) -> DataFrame:
    return frame(
        module_session,
        T.ATTRIBUTION_TOUCHES,
        touch(1, "2020-02-01", "2020-02-11", 100, 1, 3, "adwords", "paid_search", 0.4),
        touch(1, "2020-02-02", "2020-02-11", 100, 2, 3, "adwords", "paid_search", 0.2),
        touch(1, "2020-02-05", "2020-02-11", 100, 3, 3, "direct", None, 0.4),
        touch(2, "2020-02-27", "2020-03-02", 30, 1, 1, "newsletter", None, 1.0),
    )


def test_a_customer_with_one_kind_of_feedback_is_neither_halved_nor_dropped(module_session: Session) -> None:
    comments = frame(
        module_session,
        T.PRED_TWITTER_COMMENTS,
        {"customer_id": 1, "sentiment": 0.2},
        {"customer_id": 1, "sentiment": 0.4},
        {"customer_id": 2, "sentiment": 1.0},
    )
    calls = frame(
        module_session,
        T.PRED_CUSTOMER_CALLS,
        {"customer_id": 1, "sentiment": 0.9},
        {"customer_id": 3, "sentiment": 0.0},
    )
    found = {r["customer_id"]: r for r in rows(combine_sentiment(comments, calls))}
    assert set(found) == {1, 2, 3}
    assert found[1]["sentiment_score"] == pytest.approx(0.6)
    assert found[2]["calls_sentiment"] is None
    assert (found[2]["sentiment_score"], found[2]["sentiment_bucket"]) == (1.0, 10)
    assert found[3]["comments_sentiment"] is None
    assert (found[3]["sentiment_score"], found[3]["sentiment_bucket"]) == (0.0, 1)
    assert found[1]["sentiment_bucket"] in (6, 7)


def test_revenue_of_each_model_sums_to_all_conversions(module_session: Session, touches: DataFrame) -> None:
    conversions = frame(
        module_session,
        T.STG_CUSTOMER_CONVERSIONS,
        {"customer_id": 1, "converted_at": dt.datetime(2020, 2, 11), "revenue": Decimal(100)},
        {"customer_id": 2, "converted_at": dt.datetime(2020, 3, 2), "revenue": Decimal(30)},
        {"customer_id": 3, "converted_at": dt.datetime(2020, 3, 9), "revenue": Decimal(7)},
        {"customer_id": 4, "converted_at": dt.datetime(2020, 3, 10), "revenue": Decimal(5)},
    )
    spend = frame(
        module_session,
        T.STG_AD_SPEND,
        {"date_day": dt.date(2020, 2, 1), "utm_source": "adwords", "utm_medium": "paid_search", "spend": Decimal(20)},
        {"date_day": dt.date(2020, 2, 1), "utm_source": "adwords", "utm_medium": "paid_search", "spend": Decimal(20)},
        {"date_day": dt.date(2020, 1, 1), "utm_source": "facebook_ads", "utm_medium": None, "spend": Decimal(3)},
    )
    found = {
        (str(r["date_month"]), r["utm_medium"], r["utm_source"]): r
        for r in rows(relate_spend_to_revenue(touches, conversions, spend))
    }
    assert set(found) == {
        ("2020-01-01", "(none)", "facebook_ads"),
        ("2020-02-01", "paid_search", "adwords"),
        ("2020-02-01", "direct", "direct"),
        ("2020-03-01", "(none)", "newsletter"),
        ("2020-03-01", "unattributed", "unattributed"),
    }
    assert found["2020-02-01", "paid_search", "adwords"]["spend"] == 40
    assert found["2020-02-01", "direct", "direct"]["spend"] is None
    assert found["2020-01-01", "(none)", "facebook_ads"]["linear_conversions"] is None
    lost = found["2020-03-01", "unattributed", "unattributed"]
    for model in T.ATTRIBUTION_MODELS:
        assert sum(r[f"{model}_revenue"] or 0 for r in found.values()) == pytest.approx(142)
        assert (lost[f"{model}_conversions"], lost[f"{model}_revenue"]) == (2, 12)


def test_equal_neighbours_are_one_step_of_a_journey(touches: DataFrame) -> None:
    found = {r["path"]: r for r in rows(trace_journeys(touches))}
    assert set(found) == {"adwords > direct", "newsletter"}
    assert found["adwords > direct"]["median_touches"] == 3
    assert found["adwords > direct"]["median_days"] == pytest.approx(10)
    assert (found["newsletter"]["conversions"], found["newsletter"]["revenue"]) == (1, 30)


def month(customer: int, when: str, mrr: int, before: int, category: str | None) -> dict[str, Any]:
    return {
        "id": f"{customer}-{when}",
        "customer_id": customer,
        "date_month": dt.date.fromisoformat(when),
        "mrr": Decimal(mrr),
        "is_active": mrr > 0,
        "previous_month_mrr": Decimal(before),
        "mrr_change": Decimal(mrr - before),
        "change_category": category,
    }


CUSTOMERS = [
    {"customer_id": 1, "first_name": "Ann", "last_name": "A.", "customer_lifetime_value": Decimal(50)},
    {"customer_id": 2, "first_name": "Bob", "last_name": "B."},
    {"customer_id": 3, "first_name": "Cid", "last_name": "C.", "customer_lifetime_value": Decimal(80)},
]


def test_churn_holds_each_customer_once_with_the_latest_churn(module_session: Session) -> None:
    mrr = frame(
        module_session,
        T.MRR,
        month(1, "2020-01-01", 10, 0, "new"),
        month(1, "2020-02-01", 0, 10, "churn"),
        month(1, "2020-03-01", 20, 0, "reactivation"),
        month(1, "2020-04-01", 0, 20, "churn"),
        month(2, "2020-01-01", 10, 0, "new"),
        month(2, "2020-02-01", 0, 10, "churn"),
        month(2, "2020-03-01", 0, 0, None),
        month(2, "2020-04-01", 15, 0, "reactivation"),
        month(3, "2020-01-01", 10, 0, "new"),
        month(9, "2020-01-01", 5, 0, "new"),
        month(9, "2020-02-01", 0, 5, "churn"),
    )
    customers = frame(module_session, T.CUSTOMERS, *CUSTOMERS)
    sentiment = frame(module_session, T.PRES_SENTIMENT, {"customer_id": 1, "sentiment_score": 0.5})
    found = {r["customer_id"]: r for r in rows(list_churned(mrr, customers, sentiment))}
    assert set(found) == {1, 2, 9}
    assert (found[1]["last_active_month"], found[1]["mrr_lost"], found[1]["reactivated"]) == (
        dt.date(2020, 3, 1),
        20,
        False,
    )
    assert (found[2]["last_active_month"], found[2]["mrr_lost"], found[2]["reactivated"]) == (
        dt.date(2020, 1, 1),
        10,
        True,
    )
    assert found[2]["clv"] is None
    assert found[9]["first_name"] is None
    assert found[1]["sentiment_score"] == 0.5


def test_lifetime_values_are_ranked_and_names_can_be_pseudonyms(module_session: Session) -> None:
    customers = frame(module_session, T.CUSTOMERS, *CUSTOMERS)
    ltv = frame(module_session, T.PRED_CUSTOMER_LTV, {"customer_id": 3, "predicted_ltv": 9.0})
    sentiment = frame(module_session, T.PRES_SENTIMENT, {"customer_id": 3, "sentiment_score": 0.7})
    found = rows(rank_lifetime_values(customers, ltv, sentiment))
    assert [(r["customer_id"], r["clv"], r["predicted_ltv"]) for r in found] == [(3, 80, 9.0), (1, 50, None)]
    hidden = rows(rank_lifetime_values(customers, ltv, sentiment, pseudonymise=True))
    assert [(r["first_name"], r["last_name"]) for r in hidden] == [("Customer", "3"), ("Customer", "1")]


def test_risk_needs_an_active_customer_and_a_reason(module_session: Session) -> None:
    customers = frame(
        module_session,
        T.CUSTOMERS,
        {"customer_id": 1, "first_name": "Falls", "most_recent_order": dt.date(2020, 4, 1)},
        {"customer_id": 2, "first_name": "Left"},
        {"customer_id": 3, "first_name": "Happy"},
        {"customer_id": 4, "first_name": "Overdue", "most_recent_order": dt.date(2020, 2, 1)},
        {"customer_id": 5, "first_name": "Downgraded"},
    )
    mrr = frame(
        module_session,
        T.MRR,
        month(1, "2020-03-01", 10, 0, "new"),
        month(2, "2020-02-01", 10, 0, "new"),
        month(2, "2020-03-01", 0, 10, "churn"),
        month(3, "2020-03-01", 10, 0, "new"),
        *(month(5, f"2020-0{m}-01", 30 - 5 * m, 35 - 5 * m, "downgrade") for m in range(1, 5)),
        month(9, "2020-02-01", 8, 0, "new"),
        month(9, "2020-03-01", 3, 8, "downgrade"),
    )
    ltv = frame(
        module_session,
        T.PRED_CUSTOMER_LTV,
        {"customer_id": 1, "predicted_ltv": 100.0, "frequency": 0, "recency_days": 0, "tenure_days": 10},
        {"customer_id": 4, "predicted_ltv": 5.0, "frequency": 5, "recency_days": 50, "tenure_days": 110},
    )
    comments = frame(
        module_session,
        T.PRED_TWITTER_COMMENTS,
        {"customer_id": 1, "date": dt.datetime(2019, 1, 1), "sentiment": 0.9},
        {"customer_id": 1, "date": dt.datetime(2020, 3, 1), "sentiment": 0.3},
        {"customer_id": 2, "date": dt.datetime(2020, 3, 1), "sentiment": 0.1},
        {"customer_id": 3, "date": dt.datetime(2020, 3, 1), "sentiment": 0.9},
    )
    sentiment = frame(module_session, T.PRES_SENTIMENT, {"customer_id": 3, "calls_sentiment": 0.8})
    found = rows(find_customers_at_risk(customers, mrr, ltv, comments, sentiment, 182))
    assert [r["first_name"] for r in found] == ["Falls", "Downgraded", None, "Overdue"]
    assert found[0]["reasons"] == "sentiment fell from 90% to 30%"
    assert found[0]["value_at_risk"] == pytest.approx(100 + 10 * 182 / 30.4375)
    assert found[1]["reasons"] == "MRR down $15 in three months"
    assert (found[2]["customer_id"], found[2]["reasons"]) == (9, "MRR down $5 in three months")
    assert found[3]["reasons"] == "no order for 60 days, usually every 10"


def test_nothing_in_gives_nothing_out(module_session: Session) -> None:
    def empty(table: T.Table) -> DataFrame:
        return frame(module_session, table)

    assert rows(combine_sentiment(empty(T.PRED_TWITTER_COMMENTS), empty(T.PRED_CUSTOMER_CALLS))) == []
    assert rows(trace_journeys(empty(T.ATTRIBUTION_TOUCHES))) == []
    spend = relate_spend_to_revenue(*map(empty, (T.ATTRIBUTION_TOUCHES, T.STG_CUSTOMER_CONVERSIONS, T.STG_AD_SPEND)))
    assert rows(spend) == []
    inputs = (T.CUSTOMERS, T.MRR, T.PRED_CUSTOMER_LTV, T.PRED_TWITTER_COMMENTS, T.PRES_SENTIMENT)
    assert rows(find_customers_at_risk(*map(empty, inputs), 182)) == []
    assert rows(list_churned(*map(empty, (T.MRR, T.CUSTOMERS, T.PRES_SENTIMENT)))) == []
    assert rows(rank_lifetime_values(*map(empty, (T.CUSTOMERS, T.PRED_CUSTOMER_LTV, T.PRES_SENTIMENT)))) == []
