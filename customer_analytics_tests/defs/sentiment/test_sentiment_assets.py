"""The sentiment assets on a real LanceDB folder and a real local Snowflake."""

from __future__ import annotations

import datetime as dt
import warnings

import dagster as dg
import numpy as np
import pyarrow as pa
import pytest

from customer_analytics.defs.sentiment import classifier, predictions
from customer_analytics.defs.sentiment.training import MODEL
from customer_analytics.resources.model_registry.snowflake import SnowflakeModelRegistry
from customer_analytics.resources.vector_store import sync, vector_store_from
from customer_analytics.resources.vector_store.rows import property_rows
from customer_analytics.settings import Settings
from customer_analytics.snowpark_io import SnowparkIOManager
from customer_analytics.tables import COMMENT_TRAINING, CUSTOMER_COMMENT
from customer_analytics_tests.resources.model_registry.test_snowflake_model_registry import InSchema
from customer_analytics_tests.sentiment.texts import labelled

ASSETS = [classifier.sentiment_classifier, predictions.pred_twitter_comments, predictions.pred_customer_calls]
CHECKS = [check for check in predictions.checks if "promotion" in str(check.check_keys)]


class Place:
    """One home: its store, its registry, and a way to run the three assets."""

    def __init__(self, session, tmp_path) -> None:
        warehouse = InSchema(session)
        self.settings, self.session = Settings(customer_analytics_home=tmp_path), session
        self.store = vector_store_from(self.settings)
        self.registry = SnowflakeModelRegistry(warehouse, tmp_path / "models")
        self.instance = dg.DagsterInstance.ephemeral()
        self.resources = {
            "warehouse": warehouse,
            "vector_store": self.store,
            "model_registry": self.registry,
            "io_manager": SnowparkIOManager(warehouse, schema=session.get_current_schema().strip('"')),
        }

    def fill(self, collection, columns, vectors, model="test:16") -> None:
        of = dict(zip(columns["review_text"], vectors, strict=True))
        rows = property_rows(collection, pa.table(columns))
        sync(self.store, collection, rows, lambda texts: np.array([of[t] for t in texts]), model=model, dimension=16)

    def train_on(self, rows: int, seed: int = 0, model="test:16", comments: int = 150) -> None:
        texts, labels, vectors = labelled(rows + 50, seed)
        self.fill(COMMENT_TRAINING, {"review_text": texts[:rows], "label": labels[:rows]}, vectors[:rows], model)
        said = slice(rows + 50 - comments, None)
        count = len(texts[said])
        day = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
        columns = {"customer_id": list(range(count)), "date": [day] * count, "review_text": texts[said]}
        self.fill(CUSTOMER_COMMENT, columns, vectors[said], model)

    def run(self, floor: float = 0.75) -> dg.ExecuteInProcessResult:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", dg.BetaWarning)
            settings = self.settings.model_copy(update={"sentiment_min_auc": floor})
            return dg.materialize(
                [*ASSETS, *CHECKS],
                resources={**self.resources, "settings": settings},
                instance=self.instance,
                raise_on_error=False,
            )

    def rows(self):
        return self.session.sql("SELECT * FROM PRED_TWITTER_COMMENTS ORDER BY ID").to_pandas()


@pytest.fixture
def place(session, tmp_path):
    return Place(session, tmp_path)


def metadata(result, name: str) -> dict:
    events = result.asset_materializations_for_node(name)
    return {key: value.value for key, value in events[0].metadata.items()}


def checks(result) -> dict[str, bool]:
    return {e.check_name: e.passed for e in result.get_asset_check_evaluations()}


def test_without_training_texts_the_tables_are_empty_and_everything_goes_on(place):
    result = place.run()
    assert result.success
    assert "Nothing was trained" in metadata(result, MODEL)["decision"]
    found = checks(result)
    assert found["champion_is_good_enough"]
    assert not found["there_is_enough_to_learn_from"]
    assert len(place.rows()) == 0


def test_trained_scored_kept_and_scored_anew_with_another_champion(place):
    place.train_on(300)
    first = place.run()
    assert first.success
    scored = metadata(first, "PRED_TWITTER_COMMENTS")
    assert (scored["rows_scored"], scored["rows_kept"], scored["rows_in_training"]) == (150, 0, 100)
    rows = place.rows()
    assert set(rows["MODEL_VERSION"]) == {"V1"}
    assert rows["SENTIMENT"].between(0, 1).all()
    assert rows["IN_TRAINING"].sum() == 100

    again = place.run()
    assert [v.version for v in place.registry.versions(MODEL)] == ["V1"], "nothing changed, nothing is logged"
    kept = metadata(again, "PRED_TWITTER_COMMENTS")
    assert (kept["rows_scored"], kept["rows_kept"]) == (0, 150)
    assert place.rows().equals(rows)

    place.train_on(310)
    place.run()
    assert [v.version for v in place.registry.versions(MODEL)] == ["V2", "V1"]
    place.registry.promote(MODEL, "V2")
    assert place.registry.rollback(MODEL).version == "V1"
    place.run()
    assert place.registry.champion(MODEL).version == "V1", "a rollback stays until something changes"
    assert set(place.rows()["MODEL_VERSION"]) == {"V1"}


def test_a_model_below_the_floor_scores_nothing(place):
    place.train_on(300)
    result = place.run(floor=1.0)
    assert not checks(result)["champion_is_good_enough"]
    assert place.registry.champion(MODEL) is None
    assert not result.asset_materializations_for_node("PRED_TWITTER_COMMENTS")
    again = metadata(place.run(floor=1.0), MODEL)["decision"]
    assert "nothing was trained or logged" in again
    assert "below the floor" in again
    lower = place.run(floor=0.75)
    assert lower.success, "another floor is another question to the same version"
    assert [v.version for v in place.registry.versions(MODEL) if v.is_champion] == ["V1"]


def test_drift_warns_with_figures_when_what_is_said_changes(place):
    def found(result):
        (check,) = [
            e for e in result.get_asset_check_evaluations() if str(e.asset_key.path[-1]) == "PRED_TWITTER_COMMENTS"
        ]
        return check

    place.train_on(300, comments=350)
    assert found(place.run()).passed
    assert found(place.run()).passed, "nothing changed"
    texts, labels, vectors = labelled(1200, seed=5)
    bad = [i for i, label in enumerate(labels) if label == "0"]
    columns = {
        "customer_id": list(range(len(bad))),
        "date": [dt.datetime(2024, 6, 1, tzinfo=dt.UTC)] * len(bad),
        "review_text": [f"{texts[i]} {i}" for i in bad],
    }
    place.fill(CUSTOMER_COMMENT, columns, vectors[bad])
    result = place.run()
    check = found(result)
    assert result.success, "it warns, and blocks nothing"
    assert not check.passed
    assert check.severity == dg.AssetCheckSeverity.WARN
    assert check.metadata["population_stability_index"].value > check.metadata["threshold"].value
    assert check.metadata["mean_of_new_rows"].value < check.metadata["mean_at_promotion"].value
    assert "new rows; mean sentiment" in check.description


def test_a_collection_with_other_embeddings_than_the_champions_is_refused(place):
    place.train_on(300)
    place.run()
    texts, _, vectors = labelled(20, seed=9)
    columns = {"customer_id": [1] * 20, "date": [dt.datetime(2024, 1, 1, tzinfo=dt.UTC)] * 20, "review_text": texts}
    place.fill(CUSTOMER_COMMENT, columns, vectors, model="other:16")
    result = place.run()
    assert not result.success
    assert len(place.rows()) == 150, "the table keeps its content"
