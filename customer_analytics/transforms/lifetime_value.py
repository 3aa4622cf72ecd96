"""What is known of each customer on a day, and what they spent after it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from snowflake.snowpark import DataFrame

FEATURES = (
    "frequency",
    "recency_days",
    "tenure_days",
    "monetary_value",
    "total_amount",
    "order_count",
    "returned_orders",
    "amount_last_90_days",
    "orders_last_90_days",
    "mean_gap_days",
    "mrr",
    "subscribed_months",
    "comment_count",
    "sentiment",
    "call_count",
    "call_sentiment",
    "first_touch_channel",
)


@dataclass(frozen=True)
class Sources:
    """The tables that the features are made of, named as they are."""

    orders: DataFrame
    mrr: DataFrame
    stg_sessions: DataFrame
    pred_twitter_comments: DataFrame
    pred_customer_calls: DataFrame
    call_transcripts: DataFrame

    def with_orders(self, orders: DataFrame) -> Sources:
        """The same with other orders: only customers who have one get features."""
        return replace(self, orders=orders)


def customer_features(sources: Sources, cut: dt.date, horizon_days: int | None = None) -> DataFrame:
    """One row per customer with an order before `cut`: customer_id, `FEATURES`, and with a horizon the `target`.

    Nothing dated on or after `cut` reaches a feature. The target is the sum of ORDERS.amount with
    cut <= order_date < cut + horizon_days. A recording says nothing of its day: a call counts from its transcription
    on, which is never before the call itself. Payments and changes of status carry no date either: an order counts with
    what is known of it now (a later refund lowers it).
    """
    from snowflake.snowpark import Window
    from snowflake.snowpark import functions as f

    day = f.lit(cut)
    past = sources.orders.filter(f.col("order_date") < day)
    recent = f.col("order_date") >= f.lit(cut - dt.timedelta(days=90))
    amount = f.coalesce(f.col("amount"), f.lit(0))
    known = past.group_by("customer_id").agg(
        (f.count_distinct("order_date") - 1).alias("frequency"),
        f.datediff("day", f.min("order_date"), f.max("order_date")).alias("recency_days"),
        (f.datediff("day", f.min("order_date"), day) - 1).alias("tenure_days"),
        (f.sum(amount).cast("FLOAT") / f.count_distinct("order_date")).alias("monetary_value"),
        f.sum(amount).cast("FLOAT").alias("total_amount"),
        f.count(f.lit(1)).alias("order_count"),
        f.sum(f.iff(f.lower(f.col("status")).like("return%"), f.lit(1), f.lit(0))).alias("returned_orders"),
        f.sum(f.iff(recent, amount, f.lit(0))).cast("FLOAT").alias("amount_last_90_days"),
        f.sum(f.iff(recent, f.lit(1), f.lit(0))).alias("orders_last_90_days"),
        (f.datediff("day", f.min("order_date"), f.max("order_date")).cast("FLOAT")
            / f.greatest(f.count_distinct("order_date") - 1, f.lit(1))).alias("mean_gap_days"),
    )  # fmt: skip
    last_month = f.lit(_month_before(cut))
    subscriptions = (
        sources.mrr.filter(f.col("date_month") <= last_month)
        .group_by("customer_id")
        .agg(
            f.sum(f.iff(f.col("date_month") == last_month, f.col("mrr"), f.lit(0))).cast("FLOAT").alias("mrr"),
            f.sum(f.iff(f.col("is_active"), f.lit(1), f.lit(0))).alias("subscribed_months"),
        )
    )
    # Rounded, because a sum of floats depends on the order in which they happen to be added.
    feeling = f.round(f.avg("sentiment"), f.lit(9))
    comments = (
        sources.pred_twitter_comments.filter(f.col("date") < day)
        .group_by("customer_id")
        .agg(f.count(f.lit(1)).alias("comment_count"), feeling.alias("sentiment"))
    )
    known_calls = sources.call_transcripts.filter(f.col("transcribed_at") < day).select("call_id")
    calls = (
        sources.pred_customer_calls.join(known_calls, "call_id")
        .group_by("customer_id")
        .agg(f.count(f.lit(1)).alias("call_count"), feeling.alias("call_sentiment"))
    )
    in_order = Window.partition_by("customer_id").order_by("started_at", "session_id")
    first_session = (
        sources.stg_sessions.filter(f.col("started_at") < day)
        .with_column("session_index", f.row_number().over(in_order))
        .filter(f.col("session_index") == f.lit(1))
        .select("customer_id", f.col("utm_source").alias("first_touch_channel"))
    )
    features = known
    for part in (subscriptions, comments, calls, first_session):
        features = features.join(part, "customer_id", "left")
    if horizon_days is not None:
        until = f.lit(cut + dt.timedelta(days=horizon_days))
        spent = (
            sources.orders.filter((f.col("order_date") >= day) & (f.col("order_date") < until))
            .group_by("customer_id")
            .agg(f.sum(amount).cast("FLOAT").alias("target"))
        )
        features = features.join(spent, "customer_id", "left").with_column("target", f.coalesce("target", f.lit(0.0)))
    return features


def _month_before(day: dt.date) -> dt.date:
    """The first day of the last month that ended before `day`."""
    return (day.replace(day=1) - dt.timedelta(days=1)).replace(day=1)
