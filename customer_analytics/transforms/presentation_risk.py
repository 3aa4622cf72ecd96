"""Which customers may leave, how much goes with them, and why."""

from __future__ import annotations

from snowflake.snowpark import Column, DataFrame, Window
from snowflake.snowpark import functions as F

from customer_analytics.transforms.presentation import names

RECENT_DAYS = 90
"""Sentiment of the last so many days of data is compared with the time before; orders in them make a shopper active."""
TREND_MONTHS = 3
FALL = 0.1
"""A fall of mean sentiment by more than this is a reason."""
UNHAPPY = 0.4
"""Sentiment below this is a reason."""
OVERDUE = 3.0
"""An order later than so many of the customer's own usual intervals is a reason."""
DAYS_PER_MONTH = 30.4375


def _percent(value: Column) -> Column:
    return F.concat(F.to_varchar(F.round(value * F.lit(100)).cast("int")), F.lit("%"))


def _sentiment_over_time(comments: DataFrame) -> DataFrame:
    """customer_id, recent_sentiment, earlier_sentiment; recent is counted from the newest comment of all."""
    dated = comments.select("customer_id", "sentiment", "date").filter(F.col("date").is_not_null())
    dated = dated.with_column("newest", F.max("date").over())
    recent = F.datediff("day", F.col("date"), F.col("newest")) < F.lit(RECENT_DAYS)
    return dated.group_by("customer_id").agg(
        F.avg(F.iff(recent, F.col("sentiment"), F.lit(None))).alias("recent_sentiment"),
        F.avg(F.iff(recent, F.lit(None), F.col("sentiment"))).alias("earlier_sentiment"),
    )


def _subscriptions_now(mrr: DataFrame) -> DataFrame:
    """customer_id, mrr, mrr_trend, subscribed: each subscriber's latest month against three months before."""
    by_customer = Window.partition_by("customer_id").order_by(F.col("date_month").desc())
    ranked = mrr.select("customer_id", "date_month", "mrr", "is_active").with_column(
        "place", F.row_number().over(by_customer)
    )
    return (
        ranked.filter(F.col("place") <= F.lit(TREND_MONTHS + 1))
        .group_by("customer_id")
        .agg(
            F.max(F.iff(F.col("place") == F.lit(1), F.col("mrr"), F.lit(None))).alias("mrr"),
            # Someone younger than three months is compared with their first month.
            F.min_by(F.col("mrr"), F.col("date_month")).alias("mrr_before"),
            F.max(F.iff((F.col("place") == F.lit(1)) & F.col("is_active"), F.lit(1), F.lit(0))).alias("subscribed"),
        )
        .select("customer_id", "mrr", (F.col("mrr") - F.col("mrr_before")).alias("mrr_trend"), "subscribed")
    )


def find_customers_at_risk(
    customers: DataFrame,
    mrr: DataFrame,
    ltv: DataFrame,
    comments: DataFrame,
    sentiment: DataFrame,
    horizon_days: int,
    pseudonymise: bool = False,
) -> DataFrame:
    """PRES_AT_RISK: one row per active customer with at least one reason to worry, greatest value at risk first.

    Active: the subscription runs in its latest month; for someone who never subscribed, an order in
    the last 90 days of orders. Value at risk: predicted spend plus MRR over the next `horizon_days`, dollars.
    """
    newest_order = customers.agg(F.max("most_recent_order").alias("newest_order"))
    # A subscriber may be missing in the customers' file: a foreign key without its parent.
    everybody = customers.select("customer_id").union(mrr.select("customer_id"))
    joined = (
        everybody.join(names(customers, pseudonymise), "customer_id", "left")
        .join(
            customers.select("customer_id", "most_recent_order", F.col("customer_lifetime_value").alias("clv")),
            "customer_id",
            "left",
        )
        .join(_subscriptions_now(mrr), "customer_id", "left")
        .join(
            ltv.select("customer_id", "predicted_ltv", "frequency", "recency_days", "tenure_days"),
            "customer_id",
            "left",
        )
        .join(_sentiment_over_time(comments), "customer_id", "left")
        .join(sentiment.select("customer_id", "calls_sentiment"), "customer_id", "left")
        .cross_join(newest_order)
    )
    shops = F.datediff("day", F.col("most_recent_order"), F.col("newest_order")) < F.lit(RECENT_DAYS)
    active = F.iff(F.col("subscribed").is_null(), shops, F.col("subscribed") == F.lit(1))

    silent_days = F.col("tenure_days") - F.col("recency_days")
    usual_days = F.col("recency_days") / F.iff(F.col("frequency") > F.lit(0), F.col("frequency"), F.lit(None))
    fell = F.col("recent_sentiment") < F.col("earlier_sentiment") - F.lit(FALL)
    reasons = [
        (
            fell,
            F.concat(
                F.lit("sentiment fell from "),
                _percent(F.col("earlier_sentiment")),
                F.lit(" to "),
                _percent(F.col("recent_sentiment")),
            ),
        ),
        (
            (F.col("recent_sentiment") < F.lit(UNHAPPY)) & ~F.coalesce(fell, F.lit(False)),
            F.concat(F.lit("unhappy lately, sentiment "), _percent(F.col("recent_sentiment"))),
        ),
        (
            F.col("calls_sentiment") < F.lit(UNHAPPY),
            F.concat(F.lit("unhappy on the phone, sentiment "), _percent(F.col("calls_sentiment"))),
        ),
        (
            F.col("mrr_trend") < F.lit(0),
            F.concat(
                F.lit("MRR down $"),
                F.to_varchar(F.round(F.lit(0) - F.col("mrr_trend")).cast("int")),
                F.lit(" in three months"),
            ),
        ),
        (
            silent_days > usual_days * F.lit(OVERDUE),
            F.concat(
                F.lit("no order for "),
                F.to_varchar(silent_days),
                F.lit(" days, usually every "),
                F.to_varchar(F.ceil(usual_days).cast("int")),
            ),
        ),
    ]
    # Each reason ends with "; ", so that they can be joined without knowing which come; the last two characters go.
    text = F.concat(
        *(F.iff(F.coalesce(when, F.lit(False)), F.concat(words, F.lit("; ")), F.lit("")) for when, words in reasons)
    )
    at_risk = joined.filter(active).with_column("words", text).filter(F.col("words") != F.lit(""))
    value = F.coalesce(F.col("predicted_ltv"), F.lit(0.0)) + F.coalesce(F.col("mrr"), F.lit(0)).cast("float") * F.lit(
        horizon_days / DAYS_PER_MONTH
    )
    return at_risk.select(
        "customer_id",
        "first_name",
        "last_name",
        "clv",
        "predicted_ltv",
        "mrr",
        "mrr_trend",
        "recent_sentiment",
        "earlier_sentiment",
        value.alias("value_at_risk"),
        F.call_function("LEFT", F.col("words"), F.length("words") - F.lit(2)).alias("reasons"),
    ).sort(F.col("value_at_risk").desc(), F.col("customer_id").asc())
