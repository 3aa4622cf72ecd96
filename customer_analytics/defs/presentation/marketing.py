"""What the marketing pages show: what advertising costs and brings, and which ways people come."""

from customer_analytics.table_assets import SnowparkFrame, table_asset
from customer_analytics.table_checks import table_checks
from customer_analytics.tables import PRES_AD_SPEND, PRES_JOURNEYS
from customer_analytics.transforms import presentation_marketing as build


@table_asset(PRES_AD_SPEND)
def pres_ad_spend(
    attribution_touches: SnowparkFrame, stg_customer_conversions: SnowparkFrame, stg_ad_spend: SnowparkFrame
) -> SnowparkFrame:
    return build.relate_spend_to_revenue(attribution_touches, stg_customer_conversions, stg_ad_spend)


@table_asset(PRES_JOURNEYS, code_version="2")
def pres_journeys(attribution_touches: SnowparkFrame) -> SnowparkFrame:
    return build.trace_journeys(attribution_touches)


checks = [*table_checks(PRES_AD_SPEND), *table_checks(PRES_JOURNEYS)]
