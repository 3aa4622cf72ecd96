from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from customer_analytics.resources.model_registry import ModelRegistryError
from customer_analytics.resources.model_registry.snowflake import SnowflakeModelRegistry

X = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 3)), columns=["A", "B", "C"])
y = (X["A"] > 0).astype(int)


class InSchema:
    """A warehouse whose session is the test's own."""

    def __init__(self, session) -> None:
        self._session = session

    def session(self):
        return self._session


@pytest.fixture
def registry(session, tmp_path):
    return SnowflakeModelRegistry(InSchema(session), tmp_path / "cache")


def log(registry, number: int):
    model = LogisticRegression(C=10.0**number).fit(X, y)
    return registry.log(
        "TOY", model, metrics={"auc": 0.9}, data_hash=f"h{number}", code_version="1", sample_input=X.head(2)
    )


def test_versions_champions_and_the_way_back(registry):
    assert registry.versions("TOY") == []
    assert registry.names() == []
    with pytest.raises(ModelRegistryError, match="has no version yet"):
        registry.find("TOY", "V1")
    for number in range(3):
        assert log(registry, number).version == f"V{number + 1}"
    assert registry.champion("TOY") is None
    assert [v.aliases for v in registry.versions("TOY")] == [("CHALLENGER",), (), ()]
    assert registry.trained_already("TOY", "h1", "1").version == "V2"
    assert registry.trained_already("TOY", "h1", "2") is None
    with pytest.raises(ModelRegistryError, match="has no champion"):
        registry.rollback("TOY")
    for version in ("V1", "V2", "CHALLENGER"):
        registry.promote("TOY", version)
    champions = [v.version for v in registry.versions("TOY") if v.is_champion]
    assert champions == ["V3"]
    assert registry.rollback("TOY").version == "V2"
    assert registry.rollback("TOY").version == "V1"
    with pytest.raises(ModelRegistryError, match="none to go back to"):
        registry.rollback("TOY")
    with pytest.raises(ModelRegistryError, match="there are V3, V2, V1"):
        registry.promote("TOY", "V9")


def test_a_loaded_model_predicts_the_same_and_is_kept(registry, tmp_path):
    log(registry, 0)
    expected = LogisticRegression(C=1.0).fit(X, y).predict_proba(X)
    assert np.allclose(registry.load("TOY", "V1").predict_proba(X), expected)
    kept = list((tmp_path / "cache").rglob("*.pickle"))
    assert len(kept) == 1
    assert np.allclose(registry.load("TOY", "V1").predict_proba(X), expected)
    kept[0].write_bytes(b"damaged")
    assert np.allclose(registry.load("TOY", "V1").predict_proba(X), expected)


def test_a_note_stays_with_the_version(registry):
    log(registry, 0)
    registry.note("TOY", "V1", "bins", [1, 2])
    assert registry.find("TOY", "v1").metrics["bins"] == [1, 2]
    assert registry.find("TOY", "V1").metrics["auc"] == 0.9


def test_a_metric_that_is_not_json_is_refused_before_anything_is_logged(registry):
    with pytest.raises(ValueError, match="JSON"):
        registry.log(
            "TOY", LogisticRegression(), metrics={"auc": float("nan")}, data_hash="h", code_version="1", sample_input=X
        )
    assert registry.versions("TOY") == []


def test_old_versions_are_pruned_but_never_champion_or_challenger(registry, tmp_path):
    with pytest.raises(ModelRegistryError, match="has no version yet"):
        registry.prune("TOY", 0)
    for number in range(5):
        log(registry, number)
    for version in ("V2", "V1"):
        registry.promote("TOY", version)
    registry.load("TOY", "V3")
    assert [v.version for v in registry.prune("TOY", 1)] == ["V3"]
    assert [v.version for v in registry.versions("TOY")] == ["V5", "V4", "V2", "V1"], "V2 is the way back"
    assert not list((tmp_path / "cache").rglob("V3-*.pickle"))
    assert registry.prune("TOY", 1) == []
    assert [v.version for v in registry.prune("TOY", 0)] == ["V4"]
    assert registry.rollback("TOY").version == "V2"
    assert log(registry, 6).version == "V6", "a number is not used again"


def test_a_version_keeps_the_code_that_it_was_made_with(registry, tmp_path, monkeypatch):
    """The module changes on disk and in memory after logging; the version loads and predicts as it was."""
    folder = tmp_path / "package"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    source = (
        "from sklearn.base import BaseEstimator\n"
        "class Constant(BaseEstimator):\n"
        "    def fit(self, X, y=None):\n        return self\n"
        "    def predict(self, X):\n        return [VALUE] * len(X)\n"
    )
    (folder / "toy_code.py").write_text(f"VALUE = 1\n{source}")
    import toy_code  # pyright: ignore[reportMissingImports]

    registry.log(
        "TOY",
        toy_code.Constant(),
        metrics={},
        data_hash="h",
        code_version="1",
        sample_input=X.head(2),
        code=[toy_code],
        method="predict",
    )
    (folder / "toy_code.py").write_text("VALUE = 2\n")
    monkeypatch.delitem(sys.modules, "toy_code")
    for _ in range(2):  # from the registry, then from the copy kept on this machine
        assert list(registry.load("TOY", "V1").predict(X.head(2))) == [1, 1]
