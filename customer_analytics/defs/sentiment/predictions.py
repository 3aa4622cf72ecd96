"""PRED_TWITTER_COMMENTS and PRED_CUSTOMER_CALLS: what was said, with how it was meant."""

from typing import Any

import dagster as dg

from customer_analytics.defs.sentiment.scoring import Tally, earlier_scores, fingerprint, scored_rows, spooled
from customer_analytics.defs.sentiment.training import MODEL
from customer_analytics.resources.model_registry import ModelRegistry
from customer_analytics.resources.vector_store import VectorStore
from customer_analytics.resources.warehouse import Warehouse
from customer_analytics.sentiment.drift import THRESHOLD, Drift, drift
from customer_analytics.table_assets import table_asset, table_checks
from customer_analytics.tables import (
    CUSTOMER_CALL,
    CUSTOMER_COMMENT,
    PRED_CUSTOMER_CALLS,
    PRED_TWITTER_COMMENTS,
    Collection,
    Table,
)

AT_PROMOTION = "scores_at_promotion"


def prediction_asset(table: Table, collection: Collection) -> dg.AssetsDefinition:
    """Every object of `collection` with the champion's score. Without a champion the table is empty."""

    @table_asset(table, kinds={"snowflake", "scikitlearn"}, deps=[MODEL, collection.name], code_version="1")
    def score_collection(
        warehouse: dg.ResourceParam[Warehouse],
        vector_store: dg.ResourceParam[VectorStore],
        model_registry: dg.ResourceParam[ModelRegistry],
    ) -> Any:
        champion = model_registry.champion(MODEL)
        version = champion.version if champion else "none"
        model = model_registry.load(MODEL, version) if champion else None
        tally, earlier = Tally(), earlier_scores(warehouse, table, version)
        rows = spooled(scored_rows(vector_store, collection, table, model, champion, earlier, tally))
        if champion and tally.scored + tally.kept and _reference(champion, table) is None:
            model_registry.note(MODEL, version, f"{AT_PROMOTION}_{table.name}", tally.bins)
        return dg.MaterializeResult(
            value=rows,
            metadata={
                "model_version": version,
                "rows_scored": tally.scored,
                "rows_kept": tally.kept,
                "rows_in_training": tally.in_training,
            },
            data_version=dg.DataVersion(fingerprint(vector_store, collection, version)),
        )

    return score_collection


def drift_check(table: Table) -> dg.AssetChecksDefinition:
    """Warns when rows that came since the champion's first scoring are scored unlike those of then."""

    @dg.asset_check(
        asset=table.name,
        name="scores_are_like_those_at_promotion",
        description=f"Population stability index of new scores against those at promotion, at most {THRESHOLD}.",
    )
    def compare(
        warehouse: dg.ResourceParam[Warehouse], model_registry: dg.ResourceParam[ModelRegistry]
    ) -> dg.AssetCheckResult:
        champion = model_registry.champion(MODEL)
        reference = _reference(champion, table) if champion else None
        if reference is None:
            return dg.AssetCheckResult(passed=True, description="Nothing has been scored yet: nothing to compare")
        found = drift(reference, _bins(warehouse, table, len(reference)))
        return dg.AssetCheckResult(
            passed=not found.drifted,
            severity=dg.AssetCheckSeverity.WARN,
            description=_told(found),
            metadata={
                "new_rows": found.new_rows,
                "threshold": THRESHOLD,
                **{
                    name: value
                    for name, value in (
                        ("population_stability_index", found.index),
                        ("mean_at_promotion", found.mean_before),
                        ("mean_of_new_rows", found.mean_after),
                    )
                    if value is not None
                },
            },
        )

    return compare


def _reference(champion: Any, table: Table) -> list[int] | None:
    return champion.metrics.get(f"{AT_PROMOTION}_{table.name}")


def _bins(warehouse: Warehouse, table: Table, bins: int) -> list[int]:
    query = (
        f"SELECT LEAST(FLOOR(SENTIMENT * {bins}), {bins - 1}) AS BIN, COUNT(*) AS ROWS_IN_IT "
        f"FROM {table.name} GROUP BY 1"
    )
    counts = {int(at): int(rows) for at, rows in warehouse.session().sql(query).to_pandas().itertuples(index=False)}
    return [counts.get(i, 0) for i in range(bins)]


def _told(found: Drift) -> str:
    if found.index is None:
        return f"{found.new_rows} new rows: too few to tell"
    return (
        f"Index {found.index:.3f} (threshold {THRESHOLD}) over {found.new_rows} new rows; "
        f"mean sentiment {found.mean_after:.3f}, at promotion {found.mean_before:.3f}"
    )


pred_twitter_comments = prediction_asset(PRED_TWITTER_COMMENTS, CUSTOMER_COMMENT)
pred_customer_calls = prediction_asset(PRED_CUSTOMER_CALLS, CUSTOMER_CALL)
checks = [
    *table_checks(PRED_TWITTER_COMMENTS),
    *table_checks(PRED_CUSTOMER_CALLS),
    drift_check(PRED_TWITTER_COMMENTS),
    drift_check(PRED_CUSTOMER_CALLS),
]
