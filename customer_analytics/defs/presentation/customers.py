"""What the sales pages show of customers: how they feel, and who left."""

import dagster as dg

from customer_analytics.settings import Settings
from customer_analytics.table_assets import SnowparkFrame, table_asset
from customer_analytics.table_checks import table_checks
from customer_analytics.tables import PRES_CHURN, PRES_SENTIMENT
from customer_analytics.transforms import presentation as build


@table_asset(PRES_SENTIMENT)
def pres_sentiment(pred_twitter_comments: SnowparkFrame, pred_customer_calls: SnowparkFrame) -> SnowparkFrame:
    return build.combine_sentiment(pred_twitter_comments, pred_customer_calls)


@table_asset(PRES_CHURN)
def pres_churn(
    mrr: SnowparkFrame,
    customers: SnowparkFrame,
    pres_sentiment: SnowparkFrame,
    settings: dg.ResourceParam[Settings],
) -> SnowparkFrame:
    return build.list_churned(mrr, customers, pres_sentiment, settings.pseudonymise_customers)


checks = [*table_checks(PRES_SENTIMENT), *table_checks(PRES_CHURN)]
