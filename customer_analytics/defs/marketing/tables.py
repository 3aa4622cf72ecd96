"""Which sessions led to conversions, and which advertising pays."""

import dagster as dg

from customer_analytics.table_assets import Measure, SnowparkFrame, table_asset, table_checks
from customer_analytics.tables import ATTRIBUTION_MODELS, ATTRIBUTION_TOUCHES, CPA_AND_ROAS
from customer_analytics.transforms import attribution as build

_WITHOUT_TOUCH = (
    "FROM STG_CUSTOMER_CONVERSIONS C WHERE NOT EXISTS (SELECT 1 FROM ATTRIBUTION_TOUCHES T WHERE "
    "T.CUSTOMER_ID = C.CUSTOMER_ID AND T.CONVERTED_AT = C.CONVERTED_AT AND T.REVENUE = C.REVENUE)"
)


@table_asset(ATTRIBUTION_TOUCHES)
def attribution_touches(
    context: dg.AssetExecutionContext, stg_sessions: SnowparkFrame, stg_customer_conversions: SnowparkFrame
) -> SnowparkFrame:
    untouched = build.conversions_without_touch(stg_sessions, stg_customer_conversions)
    context.add_output_metadata({"conversions_without_touch": untouched.count()})
    return build.attribution_touches(stg_sessions, stg_customer_conversions)


@table_asset(CPA_AND_ROAS)
def cpa_and_roas(attribution_touches: SnowparkFrame, stg_ad_spend: SnowparkFrame) -> SnowparkFrame:
    return build.cpa_and_roas(attribution_touches, stg_ad_spend)


checks = [
    *table_checks(
        ATTRIBUTION_TOUCHES,
        *(
            Measure(
                f"{model}_points_sum_to_1_per_conversion",
                f"The points of the {model} model sum to 1 per conversion; counts the conversions where they do not.",
                f"(SELECT COUNT(*) FROM (SELECT SUM({model.upper()}_POINTS) AS POINTS FROM ATTRIBUTION_TOUCHES "
                "GROUP BY CUSTOMER_ID, CONVERTED_AT, REVENUE) WHERE ABS(POINTS - 1) > 0.000000001)",
                scalar=True,
            )
            for model in ATTRIBUTION_MODELS
        ),
        Measure(
            "every_conversion_dollar_is_attributed_or_counted_as_not",
            "Revenue of conversions = attributed (linear model) + of conversions without a touch; the difference "
            "as a share of it.",
            "(SELECT ABS(CAST((SELECT COALESCE(SUM(REVENUE), 0) FROM STG_CUSTOMER_CONVERSIONS) AS FLOAT) "
            "- (SELECT COALESCE(SUM(LINEAR_REVENUE), 0) FROM ATTRIBUTION_TOUCHES) "
            f"- CAST((SELECT COALESCE(SUM(C.REVENUE), 0) {_WITHOUT_TOUCH}) AS FLOAT)) "
            "/ GREATEST(1, CAST((SELECT COALESCE(SUM(REVENUE), 0) FROM STG_CUSTOMER_CONVERSIONS) AS FLOAT)))",
            scalar=True,
            threshold=1e-9,
        ),
    ),
    *table_checks(
        CPA_AND_ROAS,
        Measure(
            "every_dollar_of_spend_is_counted_once",
            "total_spend sums to STG_AD_SPEND.spend; the difference in dollars.",
            "(SELECT ABS((SELECT COALESCE(SUM(SPEND), 0) FROM STG_AD_SPEND) "
            "- (SELECT COALESCE(SUM(TOTAL_SPEND), 0) FROM CPA_AND_ROAS)))",
            scalar=True,
        ),
    ),
]
