"""Monthly recurring revenue from subscription periods: its level, its churn, its changes.

The definitions are those of a subscription business's "MRR playbook", with its faults mended:
idle months and reactivations are no churn, and no calendar table decides who exists.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from customer_analytics.tables import CUSTOMER_CHURN_MONTH, CUSTOMER_REVENUE_BY_MONTH, MRR
from customer_analytics.transforms.declared import as_declared, with_columns

if TYPE_CHECKING:
    from snowflake.snowpark import Column, DataFrame, Session


def _month(day: str | Column) -> Column:
    from snowflake.snowpark import functions as f

    return f.date_trunc("month", day).cast("DATE")


def _add_months(day: Column, months: Column) -> Column:
    from snowflake.snowpark import functions as f

    return f.dateadd("month", months, day).cast("DATE")


def _counting_from_zero(session: Session, rows: int) -> DataFrame:
    """`months_on`: 0, 1, 2, ... Snowflake's sequences may have gaps, so they only give the order."""
    from snowflake.snowpark import Window
    from snowflake.snowpark import functions as f

    numbered = session.generator(f.seq8().alias("sequence"), rowcount=rows)
    return numbered.select((f.row_number().over(Window.order_by("sequence")) - 1).alias("months_on"))


def customer_revenue_by_month(periods: DataFrame, as_of: dt.date) -> DataFrame:
    """CUSTOMER_REVENUE_BY_MONTH from STG_SUBSCRIPTION_PERIODS, up to the last month that ended before `as_of`.

    A customer's revenue is constant between the months in which a period starts or ends, so those
    stretches are summed first and only then spread over their months: the work grows with the
    rows that come out, and every sum is exact.
    """
    from snowflake.snowpark import Window
    from snowflake.snowpark import functions as f

    this_month = f.lit(as_of.replace(day=1))
    changes = (
        periods.select("customer_id", _month("start_date").alias("from_month"), f.col("monthly_amount").alias("change"))
        .union_all(
            periods.filter(f.col("end_date").is_not_null()).select(
                "customer_id", _month("end_date").alias("from_month"), (-f.col("monthly_amount")).alias("change")
            )
        )
        .filter(f.col("from_month") < this_month)
        .group_by("customer_id", "from_month")
        .agg(f.sum("change").alias("change"))
    )
    by_customer = Window.partition_by("customer_id")
    so_far = by_customer.order_by("from_month").rows_between(Window.UNBOUNDED_PRECEDING, Window.CURRENT_ROW)
    stretches = changes.select(
        "customer_id",
        "from_month",
        f.coalesce(f.lead("from_month").over(by_customer.order_by("from_month")), this_month).alias("until_month"),
        f.sum("change").over(so_far).alias("mrr"),
    )
    paid = f.col("mrr") > 0
    alive = with_columns(
        stretches,
        first_active_month=f.min(f.iff(paid, f.col("from_month"), f.lit(None))).over(by_customer),
        last_active_month=_add_months(
            f.max(f.iff(paid, f.col("until_month"), f.lit(None))).over(by_customer), f.lit(-1)
        ),
    ).filter((f.col("from_month") >= f.col("first_active_month")) & (f.col("from_month") <= f.col("last_active_month")))
    longest = periods.select(f.datediff("month", f.min("start_date"), this_month).alias("longest"))
    offsets = _counting_from_zero(periods.session, as_of.year * 12 + 12).join(
        longest, f.col("months_on") < f.col("longest")
    )
    spread = with_columns(
        alive.join(offsets, f.col("months_on") < f.datediff("month", f.col("from_month"), f.col("until_month"))),
        date_month=_add_months(f.col("from_month"), f.col("months_on")),
    )
    flagged = with_columns(
        spread,
        is_active=f.col("mrr") > 0,
        is_first_month=f.col("date_month") == f.col("first_active_month"),
        is_last_month=f.col("date_month") == f.col("last_active_month"),
    )
    return as_declared(flagged, CUSTOMER_REVENUE_BY_MONTH)


def customer_churn_month(revenue: DataFrame, periods: DataFrame) -> DataFrame:
    """CUSTOMER_CHURN_MONTH: the month after the last active one, unless a paid period runs in it.

    Only a customer active in the last complete month can have such a period: it runs in the present one.
    """
    from snowflake.snowpark import functions as f

    ended = revenue.filter(f.col("is_last_month")).select(
        _add_months(f.col("last_active_month"), f.lit(1)).alias("date_month"),
        "customer_id",
        f.lit(0).alias("mrr"),
        f.lit(False).alias("is_active"),
        "first_active_month",
        "last_active_month",
        f.lit(False).alias("is_first_month"),
        f.lit(False).alias("is_last_month"),
    )
    paid = periods.filter(f.col("monthly_amount") > 0).select(
        f.col("customer_id").alias("payer_id"),
        _month("start_date").alias("from_month"),
        _month("end_date").alias("until_month"),
    )
    running = (
        (f.col("customer_id") == f.col("payer_id"))
        & (f.col("from_month") <= f.col("date_month"))
        & (f.col("until_month").is_null() | (f.col("date_month") < f.col("until_month")))
    )
    return as_declared(ended.join(paid, running, "leftanti"), CUSTOMER_CHURN_MONTH)


def mrr(revenue: DataFrame, churn: DataFrame) -> DataFrame:
    """MRR: every month of CUSTOMER_REVENUE_BY_MONTH and CUSTOMER_CHURN_MONTH with its change against the month before.

    Categories exclude each other, in this order: new, churn, reactivation, upgrade, downgrade.
    """
    from snowflake.snowpark import Window
    from snowflake.snowpark import functions as f

    in_time = Window.partition_by("customer_id").order_by("date_month")
    months = with_columns(
        revenue.union_all(churn),
        previous_month_is_active=f.coalesce(f.lag("is_active").over(in_time), f.lit(False)),
        previous_month_mrr=f.coalesce(f.lag("mrr").over(in_time), f.lit(0)),
    )
    active, was_active = f.col("is_active"), f.col("previous_month_is_active")
    change = f.col("mrr") - f.col("previous_month_mrr")
    category = (
        f.when(f.col("is_first_month"), f.lit("new"))
        .when(~active & was_active, f.lit("churn"))
        .when(active & ~was_active, f.lit("reactivation"))
        .when(change > 0, f.lit("upgrade"))
        .when(change < 0, f.lit("downgrade"))
    )
    month_text = f.to_char(f.col("date_month"), "YYYY-MM")  # whatever DATE_OUTPUT_FORMAT is
    changes = with_columns(
        months,
        id=f.concat(f.col("customer_id").cast("VARCHAR"), f.lit("-"), month_text),
        mrr_change=change,
        change_category=category,
        renewal_amount=f.least("mrr", "previous_month_mrr"),
    )
    return as_declared(changes, MRR)
