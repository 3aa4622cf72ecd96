"""What the product finds in the sample business is what is so: the generator knows the truth."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from customer_analytics.sample_data import CHANNELS, true_comments, truth

pytestmark = pytest.mark.heavy


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`customer-analytics export` of the built default sample: that of SAMPLE_EXPORT, or one built here (minutes)."""
    if made := os.environ.get("SAMPLE_EXPORT"):
        return Path(made)
    out = tmp_path_factory.mktemp("findings")
    environment = {**os.environ, "CUSTOMER_ANALYTICS_HOME": str(out / "home"), "SOURCE_URI": ""}
    for arguments in (["run"], ["export", str(out / "export")], ["warehouse", "stop"]):
        command = [sys.executable, "-m", "customer_analytics", *arguments]
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    return out / "export"


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    return truth().set_index("customer_id")


def table(exported: Path, name: str) -> pd.DataFrame:
    return pd.read_parquet(exported / f"{name}.parquet").rename(columns=str.lower)


def test_each_channel_returns_what_it_truly_returns(exported: Path) -> None:
    frame = table(exported, "PRES_AD_SPEND").astype({"spend": float, "linear_revenue": float})
    sums: Any = frame.groupby("utm_source")[["spend", "linear_revenue"]].sum()
    for channel in CHANNELS:
        if channel.roas is None:
            assert sums.loc[channel.source, "spend"] == 0
        else:
            found = sums.loc[channel.source, "linear_revenue"] / sums.loc[channel.source, "spend"]
            assert found == pytest.approx(channel.roas, rel=0.1), channel.source
            assert (found > 1) == channel.pays


def test_the_sentiment_of_comments_is_what_their_writers_felt(exported: Path) -> None:
    from sklearn.metrics import roc_auc_score

    meant = pd.concat(true_comments()).drop_duplicates("review_text", keep=False)
    scored = table(exported, "PRED_TWITTER_COMMENTS").merge(meant, on="review_text", validate="many_to_one")
    assert len(scored) > 12_000
    assert roc_auc_score(scored["good"], scored["sentiment"].astype(float)) > 0.9


@pytest.mark.parametrize(("score", "least"), [("comments_sentiment", 0.5), ("calls_sentiment", 0.4)])
def test_a_customers_sentiment_follows_their_satisfaction(exported: Path, people, score: str, least: float) -> None:
    found = table(exported, "PRES_SENTIMENT").set_index("customer_id")[score].dropna().astype(float)
    assert len(found) >= 15
    assert found.corr(people["satisfaction"].reindex(found.index)) > least


def test_who_left_was_less_satisfied_than_who_stayed(exported: Path, people: pd.DataFrame) -> None:
    churned = set(table(exported, "PRES_CHURN").query("not reactivated")["customer_id"])
    ever = set(table(exported, "MRR")["customer_id"])
    mood = people["satisfaction_at_end"]
    assert mood.loc[sorted(ever - churned)].mean() - mood.loc[sorted(churned)].mean() > 0.1


def test_the_satisfied_and_wealthy_are_predicted_to_spend_more(exported: Path, people: pd.DataFrame) -> None:
    predicted = table(exported, "PRED_CUSTOMER_LTV").set_index("customer_id")["predicted_ltv"].astype(float)
    for cause in ("satisfaction", "wealth"):
        assert predicted.corr(people[cause].reindex(predicted.index), method="spearman") > 0.2, cause
