"""What customers talk about: clusters of the stored vectors, with numbers that stay from run to run."""

import dagster as dg
import pandas as pd

from customer_analytics.resources.vector_store import VectorStore
from customer_analytics.resources.warehouse import Warehouse
from customer_analytics.settings import Settings
from customer_analytics.table_assets import SnowparkFrame, table_asset
from customer_analytics.table_checks import table_checks
from customer_analytics.tables import CUSTOMER_CALL, CUSTOMER_COMMENT, PRES_THEMES, THEME_CENTROIDS
from customer_analytics.themes.clustering import Themes, decode_centroids, encode_centroid, fit_themes
from customer_analytics.themes.collections import sampled_vectors, summarise_themes

COLLECTIONS = [dg.AssetKey(CUSTOMER_COMMENT.name), dg.AssetKey(CUSTOMER_CALL.name)]


@table_asset(THEME_CENTROIDS, kinds={"python", "scikitlearn", "snowflake"}, deps=COLLECTIONS, code_version="2")
def theme_centroids(
    vector_store: dg.ResourceParam[VectorStore],
    warehouse: dg.ResourceParam[Warehouse],
    settings: dg.ResourceParam[Settings],
) -> pd.DataFrame:
    vectors, model = sampled_vectors(vector_store)
    if not len(vectors):
        return pd.DataFrame(columns=list(THEME_CENTROIDS.column_names))
    previous = _previous_themes(warehouse, model)
    themes = fit_themes(vectors, settings.seed, previous)
    return pd.DataFrame(
        {
            "theme_id": themes.ids,
            "embedding_model": model,
            "centroid": [encode_centroid(centroid) for centroid in themes.centroids],
        }
    )


def _previous_themes(warehouse: Warehouse, model: str | None) -> Themes | None:
    """The themes of the run before, when their vectors are of the same model."""
    session = warehouse.session()
    if not session.sql(f"show tables like '{THEME_CENTROIDS.name}' in schema").collect():
        return None
    rows = session.table(THEME_CENTROIDS.name).sort("theme_id").collect()
    same = [r for r in rows if r["EMBEDDING_MODEL"] == model]
    return (
        decode_centroids([int(str(r["THEME_ID"])) for r in same], [str(r["CENTROID"]) for r in same]) if same else None
    )


@table_asset(PRES_THEMES, kinds={"python", "snowflake"}, deps=COLLECTIONS, code_version="3")
def pres_themes(
    theme_centroids: pd.DataFrame,
    pred_twitter_comments: SnowparkFrame,
    pred_customer_calls: SnowparkFrame,
    vector_store: dg.ResourceParam[VectorStore],
) -> pd.DataFrame:
    centroids = theme_centroids.rename(columns=str.lower)
    if not len(centroids):
        return pd.DataFrame(columns=list(PRES_THEMES.column_names))
    themes = decode_centroids(centroids["theme_id"].tolist(), centroids["centroid"].tolist())
    sentiments = {
        kind: dict(frame.select("id", "sentiment").to_pandas().itertuples(index=False, name=None))
        for kind, frame in (("comment", pred_twitter_comments), ("call", pred_customer_calls))
    }
    rows = summarise_themes(vector_store, themes, sentiments)
    return pd.DataFrame(rows, columns=list(PRES_THEMES.column_names))


checks = [*table_checks(THEME_CENTROIDS), *table_checks(PRES_THEMES)]
