"""What the sales pages show of customers' worth: lifetime values, and who may take theirs away."""

import dagster as dg

from customer_analytics.settings import Settings
from customer_analytics.table_assets import SnowparkFrame, table_asset
from customer_analytics.table_checks import table_checks
from customer_analytics.tables import PRES_AT_RISK, PRES_CLV
from customer_analytics.transforms.presentation import rank_lifetime_values
from customer_analytics.transforms.presentation_risk import find_customers_at_risk


@table_asset(PRES_CLV)
def pres_clv(
    customers: SnowparkFrame,
    pred_customer_ltv: SnowparkFrame,
    pres_sentiment: SnowparkFrame,
    settings: dg.ResourceParam[Settings],
) -> SnowparkFrame:
    return rank_lifetime_values(customers, pred_customer_ltv, pres_sentiment, settings.pseudonymise_customers)


@table_asset(PRES_AT_RISK, code_version="3")
def pres_at_risk(
    customers: SnowparkFrame,
    mrr: SnowparkFrame,
    pred_customer_ltv: SnowparkFrame,
    pred_twitter_comments: SnowparkFrame,
    pres_sentiment: SnowparkFrame,
    settings: dg.ResourceParam[Settings],
) -> SnowparkFrame:
    return find_customers_at_risk(
        customers,
        mrr,
        pred_customer_ltv,
        pred_twitter_comments,
        pres_sentiment,
        settings.ltv_horizon_days,
        settings.pseudonymise_customers,
    )


checks = [*table_checks(PRES_CLV), *table_checks(PRES_AT_RISK)]
