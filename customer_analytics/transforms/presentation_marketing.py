"""The presentation tables about advertising: what it costs, what it brings, which way people come."""

from __future__ import annotations

from snowflake.snowpark import Column, DataFrame, Window
from snowflake.snowpark import functions as F

from customer_analytics.tables import ATTRIBUTION_MODELS

UNATTRIBUTED = "unattributed"
NONE = "(none)"
_CONVERSION = ("customer_id", "converted_at", "revenue")
_CHANNEL = ("date_month", "utm_medium", "utm_source")


def _source() -> Column:
    return F.coalesce(F.call_function("NULLIF", F.col("utm_source"), F.lit("")), F.lit(NONE))


def _medium() -> Column:
    """The medium; without one `direct` when the source is direct, else `(none)`."""
    return F.coalesce(
        F.call_function("NULLIF", F.col("utm_medium"), F.lit("")),
        F.iff(F.col("utm_source") == F.lit("direct"), F.lit("direct"), F.lit(NONE)),
    )


def _month(column: str) -> Column:
    # The cast: DATE_TRUNC gives back the type of its argument on Snowflake, a timestamp elsewhere.
    return F.to_date(F.date_trunc("month", F.col(column)))


def _nothing(type_: str) -> Column:
    return F.lit(None).cast(type_)


def relate_spend_to_revenue(touches: DataFrame, conversions: DataFrame, ad_spend: DataFrame) -> DataFrame:
    """PRES_AD_SPEND: month, medium and source with spend and, for each attribution model, conversions and revenue.

    Conversions without a touch are one row a month, medium and source `unattributed`, so that the
    revenue of each model sums to the revenue of all conversions. NULL spend: no spend row; NULL
    conversions: no touch.
    """
    figures = [f"{model}_{figure}" for figure in ("conversions", "revenue") for model in ATTRIBUTION_MODELS]

    spent = ad_spend.select(
        _month("date_day").alias("date_month"),
        _medium().alias("utm_medium"),
        _source().alias("utm_source"),
        F.col("spend").cast("number(28,9)").alias("spend"),
        *(_nothing("float").alias(name) for name in figures),
    )
    attributed = touches.select(
        _month("converted_at").alias("date_month"),
        _medium().alias("utm_medium"),
        _source().alias("utm_source"),
        _nothing("number(28,9)").alias("spend"),
        *(F.col(f"{model}_points").cast("float").alias(f"{model}_conversions") for model in ATTRIBUTION_MODELS),
        *(F.col(f"{model}_revenue").cast("float").alias(f"{model}_revenue") for model in ATTRIBUTION_MODELS),
    )
    touched = touches.select(*_CONVERSION).distinct()
    unattributed = (
        conversions.select(*_CONVERSION)
        .join(touched, list(_CONVERSION), "anti")
        .select(
            _month("converted_at").alias("date_month"),
            F.lit(UNATTRIBUTED).alias("utm_medium"),
            F.lit(UNATTRIBUTED).alias("utm_source"),
            _nothing("number(28,9)").alias("spend"),
            *(F.lit(1).cast("float").alias(f"{model}_conversions") for model in ATTRIBUTION_MODELS),
            *(F.col("revenue").cast("float").alias(f"{model}_revenue") for model in ATTRIBUTION_MODELS),
        )
    )
    return (
        spent.union_all(attributed)
        .union_all(unattributed)
        .group_by(*_CHANNEL)
        .agg(F.sum("spend").cast("number(28,9)").alias("spend"), *(F.sum(name).alias(name) for name in figures))
        .sort(*_CHANNEL)
    )


def trace_journeys(touches: DataFrame) -> DataFrame:
    """PRES_JOURNEYS: one row per path of sources that led to conversions, most conversions first.

    Equal neighbours are one step: three visits by the newsletter and one direct are "newsletter > direct".
    """
    in_order = Window.partition_by(*_CONVERSION).order_by("session_index")
    steps = touches.select(*_CONVERSION, "session_index", "total_sessions", "started_at", _source().alias("source"))
    steps = steps.with_column("previous", F.lag("source").over(in_order))
    steps = steps.with_column(
        "step",
        F.iff(F.col("previous").is_null() | (F.col("previous") != F.col("source")), F.col("source"), F.lit(None)),
    )
    per_conversion = steps.group_by(*_CONVERSION).agg(
        F.listagg(F.col("step"), " > ").within_group(F.col("session_index").asc()).alias("path"),
        F.max("total_sessions").alias("touches"),
        F.min("started_at").alias("first_touch_at"),
    )
    return (
        per_conversion.with_column(
            "days", F.datediff("microsecond", F.col("first_touch_at"), F.col("converted_at")) / F.lit(86_400e6)
        )
        .group_by("path")
        .agg(
            F.count(F.lit(1)).alias("conversions"),
            F.sum("revenue").cast("number(28,9)").alias("revenue"),
            F.median(F.col("touches")).cast("float").alias("median_touches"),
            F.median(F.col("days")).cast("float").alias("median_days"),
        )
        .sort(F.col("conversions").desc(), F.col("revenue").desc(), F.col("path").asc())
    )
