"""Which sessions led to a conversion, and what each channel cost and brought in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from customer_analytics.tables import ATTRIBUTION_MODELS, ATTRIBUTION_TOUCHES, CPA_AND_ROAS
from customer_analytics.transforms.declared import as_declared, with_columns

if TYPE_CHECKING:
    from snowflake.snowpark import Column, DataFrame

WINDOW_DAYS = 30
# Sums of fractions depend on the order of rows in their last bits.
SHOWN_DECIMALS = 12


def _points(index: Column, total: Column) -> dict[str, Column]:
    """The share of touch `index` of `total` (from 1) under each model; they sum to 1 per conversion."""
    from snowflake.snowpark import functions as f

    def share(value: float) -> Column:
        return f.lit(value).cast("FLOAT")

    at_an_end = (index == 1) | (index == total)
    return {
        "first_touch": f.iff(index == 1, share(1), share(0)),
        "last_touch": f.iff(index == total, share(1), share(0)),
        "forty_twenty_forty": (
            f.when(total == 1, share(1))
            .when(total == 2, share(0.5))
            .when(at_an_end, share(0.4))
            .otherwise(share(0.2) / (total - 2).cast("FLOAT"))
        ),
        "linear": share(1) / total.cast("FLOAT"),
    }


def _led_to(sessions: DataFrame, conversions: DataFrame, how: str) -> DataFrame:
    """Conversions joined with the sessions that led to them; `how` is the join from the conversions' side."""
    from snowflake.snowpark import functions as f

    visits = sessions.with_column_renamed("customer_id", "visitor_id")
    in_window = (
        (f.col("visitor_id") == f.col("customer_id"))
        & (f.col("started_at") <= f.col("converted_at"))
        & (f.col("started_at") >= f.dateadd("day", f.lit(-WINDOW_DAYS), f.col("converted_at")))
    )
    return conversions.join(visits, in_window, how)


def conversions_without_touch(sessions: DataFrame, conversions: DataFrame) -> DataFrame:
    """The conversions that no session led to, with the columns of STG_CUSTOMER_CONVERSIONS."""
    return _led_to(sessions, conversions, "leftanti")


def attribution_touches(sessions: DataFrame, conversions: DataFrame) -> DataFrame:
    """ATTRIBUTION_TOUCHES: every session that started within the 30 days up to a conversion of its customer.

    Both ends of the window are in. Touches of a conversion are in order of start, ties by session_id.
    """
    from snowflake.snowpark import Window
    from snowflake.snowpark import functions as f

    conversion = Window.partition_by("customer_id", "converted_at", "revenue")
    touches = with_columns(
        _led_to(sessions, conversions, "inner"),
        total_sessions=f.count(f.lit(1)).over(conversion),
        session_index=f.row_number().over(conversion.order_by("started_at", "session_id")),
    )
    points = _points(f.col("session_index"), f.col("total_sessions"))
    pointed = with_columns(touches, **{f"{m}_points": points[m] for m in ATTRIBUTION_MODELS})
    revenue = f.col("revenue").cast("FLOAT")
    earned = with_columns(pointed, **{f"{m}_revenue": f.col(f"{m}_points") * revenue for m in ATTRIBUTION_MODELS})
    return as_declared(earned, ATTRIBUTION_TOUCHES)


def cpa_and_roas(touches: DataFrame, ad_spend: DataFrame) -> DataFrame:
    """CPA_AND_ROAS: conversions under the linear model and spend, by month and source.

    A union, then sums: a month and source with only touches or only spend keeps NULL for the other.
    """
    from snowflake.snowpark import functions as f

    nothing = f.lit(None)
    brought = touches.select(
        f.date_trunc("month", "converted_at").cast("DATE").alias("date_month"),
        "utm_source",
        f.col("linear_points").alias("points"),
        f.col("linear_revenue").alias("revenue"),
        nothing.cast("NUMBER(28,9)").alias("spend"),
    )
    spent = ad_spend.select(
        f.date_trunc("month", "date_day").cast("DATE").alias("date_month"),
        "utm_source",
        nothing.cast("FLOAT").alias("points"),
        nothing.cast("FLOAT").alias("revenue"),
        f.col("spend").alias("spend"),
    )
    totals = (
        brought.union_all(spent)
        .group_by("date_month", "utm_source")
        .agg(
            f.round(f.sum("points"), SHOWN_DECIMALS).alias("attribution_points"),
            f.round(f.sum("revenue"), SHOWN_DECIMALS).alias("attribution_revenue"),
            f.sum("spend").alias("total_spend"),
        )
    )
    # NULL, not zero, where nothing was spent: then the division is never by zero either.
    spend = f.iff(f.col("total_spend") > 0, f.col("total_spend"), nothing).cast("FLOAT")
    ratios = with_columns(
        totals,
        cost_per_acquisition=spend / f.col("attribution_points"),
        return_on_advertising_spend=f.col("attribution_revenue") / spend,
    )
    return as_declared(ratios, CPA_AND_ROAS)
