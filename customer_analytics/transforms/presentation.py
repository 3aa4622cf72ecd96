"""The presentation tables about customers: how they feel, what they are worth, who left."""

from __future__ import annotations

from snowflake.snowpark import Column, DataFrame, Window
from snowflake.snowpark import functions as F


def names(customers: DataFrame, pseudonymise: bool = False) -> DataFrame:
    """One row per customer: customer_id, first_name, last_name; with `pseudonymise`, "Customer 6" for customer 6."""
    if not pseudonymise:
        return customers.select("customer_id", "first_name", "last_name")
    return customers.select(
        "customer_id",
        F.lit("Customer").alias("first_name"),
        F.to_varchar(F.col("customer_id")).alias("last_name"),
    )


def sentiment_bucket(score: Column) -> Column:
    """WIDTH_BUCKET(score, 0, 1, 10) with 1.0 in bucket 10 (WIDTH_BUCKET itself gives 11 there)."""
    return F.least(F.call_function("WIDTH_BUCKET", score, F.lit(0), F.lit(1), F.lit(10)), F.lit(10))


def combine_sentiment(comments: DataFrame, calls: DataFrame) -> DataFrame:
    """PRES_SENTIMENT: one row per customer with a scored comment or call.

    The score is the mean of the two kinds' means, of those present: someone who never called is not
    halved, someone who only called is not dropped.
    """
    by_comment = comments.group_by("customer_id").agg(F.avg("sentiment").alias("comments_sentiment"))
    by_call = calls.group_by("customer_id").agg(F.avg("sentiment").alias("calls_sentiment"))
    both = (
        by_comment.select(
            F.col("customer_id"), F.lit(None).cast("float").alias("calls_sentiment"), "comments_sentiment"
        )
        .union_all(
            by_call.select(
                F.col("customer_id"), F.col("calls_sentiment"), F.lit(None).cast("float").alias("comments_sentiment")
            )
        )
        .group_by("customer_id")
        .agg(F.max("calls_sentiment").alias("calls_sentiment"), F.max("comments_sentiment").alias("comments_sentiment"))
    )
    scored = both.with_column(
        "sentiment_score",
        F.when(F.col("calls_sentiment").is_null(), F.col("comments_sentiment"))
        .when(F.col("comments_sentiment").is_null(), F.col("calls_sentiment"))
        .otherwise((F.col("calls_sentiment") + F.col("comments_sentiment")) / F.lit(2.0)),
    )
    return scored.with_column("sentiment_bucket", sentiment_bucket(F.col("sentiment_score")))


def rank_lifetime_values(
    customers: DataFrame, ltv: DataFrame, sentiment: DataFrame, pseudonymise: bool = False
) -> DataFrame:
    """PRES_CLV: one row per customer with a lifetime value, most valuable first."""
    valued = customers.filter(F.col("customer_lifetime_value").is_not_null()).select(
        F.col("customer_id"),
        "first_order",
        "most_recent_order",
        "number_of_orders",
        F.col("customer_lifetime_value").alias("clv"),
    )
    return (
        valued.join(names(customers, pseudonymise), "customer_id")
        .join(ltv.select("customer_id", "predicted_ltv"), "customer_id", "left")
        .join(sentiment.select("customer_id", "sentiment_score"), "customer_id", "left")
        .select(
            "customer_id",
            "first_name",
            "last_name",
            "first_order",
            "most_recent_order",
            "number_of_orders",
            "clv",
            "predicted_ltv",
            "sentiment_score",
        )
        .sort(F.col("clv").desc(), F.col("customer_id").asc())
    )


def list_churned(mrr: DataFrame, customers: DataFrame, sentiment: DataFrame, pseudonymise: bool = False) -> DataFrame:
    """PRES_CHURN: one row per customer who ever churned, with the latest churn, latest first.

    Someone who came back after it stays in the list, marked `reactivated`.
    """
    by_customer = Window.partition_by("customer_id")
    latest = (
        # One row per customer and month: the row before a churn is its last active month.
        mrr.with_column("month_before", F.lag("date_month").over(by_customer.order_by("date_month")))
        .with_column("last_month", F.max(F.iff(F.col("is_active"), F.col("date_month"), F.lit(None))).over(by_customer))
        .filter(F.col("change_category") == F.lit("churn"))
        .with_column("place", F.row_number().over(by_customer.order_by(F.col("date_month").desc())))
        .filter(F.col("place") == F.lit(1))
        .select(
            F.col("customer_id"),
            F.col("month_before").alias("last_active_month"),
            F.col("previous_month_mrr").alias("mrr_lost"),
            F.coalesce(F.col("last_month") > F.col("date_month"), F.lit(False)).alias("reactivated"),
        )
    )
    return (
        latest.join(names(customers, pseudonymise), "customer_id", "left")
        .join(customers.select("customer_id", F.col("customer_lifetime_value").alias("clv")), "customer_id", "left")
        .join(sentiment.select("customer_id", "sentiment_score"), "customer_id", "left")
        .select(
            "customer_id",
            "first_name",
            "last_name",
            "clv",
            "last_active_month",
            "mrr_lost",
            "sentiment_score",
            "reactivated",
        )
        .sort(F.col("last_active_month").desc(), F.col("mrr_lost").desc(), F.col("customer_id").asc())
    )
