"""PRED_CUSTOMER_LTV: what each customer with an order is predicted to spend."""

from typing import Any

import dagster as dg

from customer_analytics.defs.lifetime_value.model import INS
from customer_analytics.defs.lifetime_value.training import MODEL, reference_of
from customer_analytics.lifetime_value.scoring import scored
from customer_analytics.resources.model_registry import ModelRegistry
from customer_analytics.settings import Settings
from customer_analytics.table_assets import Measure, SnowparkFrame, table_asset, table_checks
from customer_analytics.tables import PRED_CUSTOMER_LTV
from customer_analytics.transforms.lifetime_value import Sources, customer_features


@table_asset(PRED_CUSTOMER_LTV, kinds={"snowflake", "lightgbm"}, ins=INS, deps=[MODEL], code_version="2")
def pred_customer_ltv(
    context: dg.AssetExecutionContext,
    orders: SnowparkFrame,
    mrr: SnowparkFrame,
    stg_sessions: SnowparkFrame,
    pred_twitter_comments: SnowparkFrame,
    pred_customer_calls: SnowparkFrame,
    call_transcripts: SnowparkFrame,
    settings: dg.ResourceParam[Settings],
    model_registry: dg.ResourceParam[ModelRegistry],
) -> Any:
    reference, champion = reference_of(orders, settings.reference_date), model_registry.champion(MODEL)
    if reference is None or champion is None:
        return scored([], None, None, "none")
    sources = Sources(orders, mrr, stg_sessions, pred_twitter_comments, pred_customer_calls, call_transcripts)
    features = customer_features(sources, reference.cut)
    context.add_output_metadata({"model_version": champion.version, "reference_date": reference.date.isoformat()})
    model = model_registry.load(MODEL, champion.version)
    return scored(features.to_pandas_batches(), model, reference.date, champion.version)


checks = table_checks(
    PRED_CUSTOMER_LTV,
    Measure(
        "intervals_hold_their_prediction",
        "p10 <= predicted_ltv <= p90 for every customer; counts those for whom it does not hold.",
        "COUNT_IF(P10 > PREDICTED_LTV OR P90 < PREDICTED_LTV)",
    ),
)
