"""Monthly recurring revenue: its level, its churn and its changes."""

import dagster as dg

from customer_analytics.settings import Settings
from customer_analytics.table_assets import Measure, SnowparkFrame, table_asset, table_checks
from customer_analytics.tables import CUSTOMER_CHURN_MONTH, CUSTOMER_REVENUE_BY_MONTH, MRR
from customer_analytics.transforms import revenue as build


@table_asset(CUSTOMER_REVENUE_BY_MONTH, deps=["AS_OF_MONTH"])
def customer_revenue_by_month(
    stg_subscription_periods: SnowparkFrame, settings: dg.ResourceParam[Settings]
) -> SnowparkFrame:
    return build.customer_revenue_by_month(stg_subscription_periods, settings.reference_date)


@table_asset(CUSTOMER_CHURN_MONTH)
def customer_churn_month(
    customer_revenue_by_month: SnowparkFrame, stg_subscription_periods: SnowparkFrame
) -> SnowparkFrame:
    return build.customer_churn_month(customer_revenue_by_month, stg_subscription_periods)


@table_asset(MRR, code_version="2")
def mrr(customer_revenue_by_month: SnowparkFrame, customer_churn_month: SnowparkFrame) -> SnowparkFrame:
    return build.mrr(customer_revenue_by_month, customer_churn_month)


# Equal subqueries are computed once.
_ROWS_TOO_MANY = (
    "(SELECT COALESCE(SUM(N - 1), 0) FROM (SELECT COUNT(*) AS N FROM MRR GROUP BY CUSTOMER_ID, DATE_MONTH) WHERE N > 1)"
)

checks = [
    *table_checks(CUSTOMER_REVENUE_BY_MONTH),
    *table_checks(CUSTOMER_CHURN_MONTH),
    *table_checks(
        MRR,
        Measure(  # the ids as texts, three million of them, would take longer to compare
            "ids_are_unique",
            "Each id is made of its customer and month, and no two rows have the same; counts the others.",
            "COUNT(CASE WHEN ID <> CUSTOMER_ID || '-' || TO_CHAR(DATE_MONTH, 'YYYY-MM') THEN 1 END) "
            f"+ {_ROWS_TOO_MANY}",
        ),
        Measure(
            "changes_sum_to_the_last_mrr",
            "Over a customer's life mrr_change sums to their last mrr; counts the customers for whom it does not.",
            "(SELECT COUNT(*) FROM (SELECT CUSTOMER_ID FROM MRR GROUP BY CUSTOMER_ID "
            "HAVING SUM(MRR_CHANGE) <> MAX_BY(MRR, DATE_MONTH)))",
            scalar=True,
        ),
        Measure(
            "customers_have_one_row_a_month",
            "One row per customer and month; counts the rows too many.",
            _ROWS_TOO_MANY,
            scalar=True,
        ),
    ),
]
