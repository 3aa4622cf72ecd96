"""The sample is the same from the same seed, holds together, and its truth can be found in it."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from customer_analytics.sample_data import CHANNELS, generate, true_comments, truth
from customer_analytics.sample_data.calls.record import FOLDER, file_name
from customer_analytics.tables import SOURCES, source_name


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("business") / "sample"
    generate(out)
    return out


@pytest.fixture(scope="session")
def comments() -> pd.DataFrame:
    return pd.concat(true_comments())


def fingerprints(folder: Path) -> dict[str, str]:
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


def read(folder: Path, name: str) -> pd.DataFrame:
    """The rows of a CSV source whose key is a number."""
    frame = pd.read_csv(folder / f"{name}.csv", dtype=str, on_bad_lines="skip")
    return frame[pd.to_numeric(frame["customer_id"], errors="coerce").notna()].astype({"customer_id": int})


def test_has_the_size_of_the_tutorial(sample: Path) -> None:
    comments = pd.read_parquet(sample / "twitter_comments.parquet")
    assert len(comments) == 12_638
    assert len(pd.read_parquet(sample / "comment_training.parquet")) == 1_987 + 4
    assert len(list((sample / "customer_calls").glob("*-call-*.ogg"))) == 43
    assert 16 < comments["review_text"].str.split().str.len().mean() < 26


@pytest.mark.parametrize("table", SOURCES, ids=lambda t: t.name)
def test_every_source_has_the_columns_of_its_table(sample: Path, table) -> None:
    csv = sample / f"{source_name(table)}.csv"
    if csv.exists():
        columns = list(pd.read_csv(csv, nrows=0).columns)
    else:
        columns = list(pd.read_parquet(sample / f"{source_name(table)}.parquet").columns)
    assert tuple(c.lower() for c in columns) == table.column_names


def test_the_same_seed_writes_the_same_bytes_in_another_process(tmp_path: Path) -> None:
    generate(tmp_path / "here", customers=80, seed=7)
    code = (
        "from pathlib import Path; from customer_analytics.sample_data import generate; "
        f"generate(Path({str(tmp_path / 'there')!r}), 80, 7)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONHASHSEED": "42"})
    assert fingerprints(tmp_path / "here") == fingerprints(tmp_path / "there")
    generate(tmp_path / "other", customers=80, seed=8)
    assert fingerprints(tmp_path / "here") != fingerprints(tmp_path / "other")


def test_fewer_customers_than_callers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 60 customers"):
        generate(tmp_path / "tiny", customers=59)
    assert not (tmp_path / "tiny").exists()


def test_the_default_sample_is_made_once_and_never_half(tmp_path: Path, monkeypatch) -> None:
    from customer_analytics.sample_data import generator
    from customer_analytics.sample_data.once import ensure_sample
    from customer_analytics.settings import Settings

    def torn(out: Path) -> None:
        out.mkdir(parents=True)
        (out / "orders.csv").write_text("half")
        raise KeyboardInterrupt

    settings = Settings(customer_analytics_home=tmp_path)
    monkeypatch.setattr(generator, "generate", torn)
    with pytest.raises(KeyboardInterrupt):
        ensure_sample(settings)
    assert not Path(settings.sources).exists()
    monkeypatch.setattr(generator, "generate", lambda out: generate(out, 60))
    assert ensure_sample(settings) is True
    before = fingerprints(Path(settings.sources))
    assert "orders.csv" in before
    assert ensure_sample(settings) is False
    assert fingerprints(Path(settings.sources)) == before
    assert ensure_sample(settings.model_copy(update={"source_uri": str(tmp_path / "mine")})) is False


def test_every_date_lies_in_the_two_years(tmp_path: Path) -> None:
    generate(tmp_path / "s", customers=70, end=dt.date(2025, 2, 14))
    orders = read(tmp_path / "s", "orders")
    dates = pd.to_datetime(orders["order_date"], errors="coerce").dropna()
    legal = dates[dates < "2025-06-01"]  # the wrong lines carry dates of their own
    assert len(dates) - len(legal) <= 3
    assert legal.between("2023-03-01", "2025-02-14").all()


def test_few_rows_are_wrong_yet_some_in_every_file(sample: Path) -> None:
    subscriptions = read(sample, "subscription_periods")
    reversed_ = (subscriptions["end_date"] < subscriptions["start_date"]).sum()
    assert 1 <= reversed_ <= 0.01 * len(subscriptions)
    orders = pd.read_csv(sample / "orders.csv", dtype=str)
    bad = orders["customer_id"].isna() | pd.to_datetime(orders["order_date"], errors="coerce").isna()
    bad |= orders["order_id"].duplicated()
    assert 1 <= bad.sum() <= 0.01 * len(orders)


def test_a_repeated_key_comes_after_the_row_that_it_repeats(sample: Path) -> None:
    lines = (sample / "customers.csv").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line.startswith("1,")][-1] == "1,Sissy,G."


def test_who_cancelled_was_less_satisfied(sample: Path) -> None:
    subscriptions = read(sample, "subscription_periods")
    subscriptions = subscriptions[subscriptions["subscription_id"].astype(int) < 9_000_000]
    active = subscriptions["end_date"].isna().groupby(subscriptions["customer_id"]).any()
    mood = truth().set_index("customer_id").join(active.rename("active"), how="inner")
    means = mood.groupby("active")["satisfaction_at_end"].mean()
    assert means[True] - means[False] > 0.15
    assert 0.15 < (~mood["active"].astype(bool)).mean() < 0.6


def test_the_satisfied_order_more(sample: Path) -> None:
    orders = read(sample, "orders").groupby("customer_id").size()
    people = truth().set_index("customer_id").join(orders.rename("orders")).fillna({"orders": 0})
    happy = people["satisfaction"] > people["satisfaction"].median()
    assert people.loc[happy, "orders"].mean() > 1.3 * people.loc[~happy, "orders"].mean()


def test_comments_follow_satisfaction_and_trouble(comments: pd.DataFrame) -> None:
    people = truth().set_index("customer_id")
    share = comments.groupby("customer_id")["good"].agg(["mean", "size"]).join(people)
    share = share[share["size"] >= 5]
    assert share["mean"].corr(share["satisfaction"]) > 0.6
    merged = comments.merge(people.reset_index(), on="customer_id").dropna(subset=["incident_date"])
    after = pd.to_datetime(merged["date"]) >= merged["incident_date"]
    assert merged.loc[~after, "good"].mean() - merged.loc[after, "good"].mean() > 0.2
    bad_after = merged[after & ~merged["good"]]
    assert (bad_after["topic"] == bad_after["incident"]).mean() > 0.35


def test_advertising_pays_where_the_truth_says_so(sample: Path) -> None:
    """Linear attribution over 30 days, computed here once more and plainly."""
    sessions = read(sample, "sessions")
    sessions["started_at"] = pd.to_datetime(sessions["started_at"], errors="coerce")
    conversions = read(sample, "customer_conversions")
    conversions["converted_at"] = pd.to_datetime(conversions["converted_at"], errors="coerce")
    conversions["revenue"] = pd.to_numeric(conversions["revenue"], errors="coerce")
    conversions = conversions.dropna().reset_index(names="conversion")
    touches = conversions.merge(sessions.dropna(subset=["started_at"]), on="customer_id")
    ago = touches["converted_at"] - touches["started_at"]
    touches = touches[(ago >= pd.Timedelta(0)) & (ago <= pd.Timedelta(days=30))]
    touches["share"] = touches["revenue"] / touches.groupby("conversion")["revenue"].transform("size")
    earned = touches.groupby("utm_source")["share"].sum()
    spend = pd.read_csv(sample / "ad_spend.csv")
    spent = spend[spend["spend"] > 0].groupby("utm_source")["spend"].sum()
    for channel in CHANNELS:
        if channel.roas is not None:
            assert earned[channel.source] / spent[channel.source] == pytest.approx(channel.roas, rel=0.25)
    assert len(conversions) - touches["conversion"].nunique() > 20, "some conversions have no touch"
    assert {c.pays for c in CHANNELS} == {True, False, None}


def test_no_word_list_tells_the_comments_apart_yet_a_model_learns_them(comments: pd.DataFrame) -> None:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    good_words = (
        "good great excellent love loves loved perfect happy best nice beautiful fun easy recommend recommended fast "
        "worth sturdy solid pleased friendly helpful lovely fantastic glad thanks thrilled fair clear hit joy"
    )
    bad_words = (
        "bad broke late disappointed waste cheap flimsy boring never missing overpriced lost sharp useless nightmare "
        "waiting crying worse junk dead died refund embarrassing awkward crushed cracked snapped ridiculous"
    )
    text, good = comments["review_text"], comments["good"].to_numpy()
    good_set, bad_set = set(good_words.split()), set(bad_words.split())
    words = text.str.lower().str.findall(r"[a-z]+")
    score = np.array([sum((w in good_set) - (w in bad_set) for w in ws) for ws in words])
    said = score != 0
    word_list = ((score > 0) == good)[said].mean()
    assert 0.55 < word_list < 0.80
    model = make_pipeline(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LogisticRegression(C=10))
    model.fit(text[:2000], good[:2000])
    learned = (model.predict(text[2000:]) == good[2000:]).mean()
    assert 0.80 < learned < 0.93
    assert learned > word_list + 0.05


def test_training_texts_are_distinct_and_mostly_labelled_right(sample: Path, comments: pd.DataFrame) -> None:
    training = pd.read_parquet(sample / "comment_training.parquet")
    assert (training["REVIEW_TEXT"].duplicated()).sum() == 1, "only the one wrong row with both labels"
    known = training.merge(
        comments.drop_duplicates("review_text", keep=False), left_on="REVIEW_TEXT", right_on="review_text"
    )
    right = (known["LABEL"] == np.where(known["good"], "1", "0")).mean()
    assert 0.93 < right < 0.99
    assert 0.4 < len(known) / len(training) < 0.6, "half of the training texts stand among the comments"


def test_the_recordings_are_of_customers_that_exist_and_short() -> None:
    import av

    scripts = json.loads((FOLDER / "scripts.json").read_text(encoding="utf-8"))
    assert {c["customer"] for c in scripts["calls"]} == {int(c) for c in scripts["moods"]}
    assert max(c["customer"] for c in scripts["calls"]) <= 60
    seconds = 0.0
    for number, call in enumerate(scripts["calls"], 1):
        with av.open(str(FOLDER / file_name(number, call["customer"]))) as recording:
            length = sum(frame.samples / frame.sample_rate for frame in recording.decode(audio=0))
        words = len(call["text"].split())
        assert 0.15 * words < length < 0.8 * words, call["text"]
        seconds += length
    assert len(scripts["calls"]) == 43
    assert seconds < 600


def test_callers_feel_as_they_sound() -> None:
    scripts = json.loads((FOLDER / "scripts.json").read_text(encoding="utf-8"))
    mood = pd.DataFrame(scripts["calls"]).groupby("customer")["mood"].mean()
    assert mood.corr(truth().set_index("customer_id")["satisfaction"].reindex(mood.index)) > 0.8


def test_memory_does_not_grow_with_the_business() -> None:
    """A larger business begins with the same customers, because it is drawn block by block."""
    small, large = truth(1000), truth(3000)
    pd.testing.assert_frame_equal(small, large.iloc[:1000])


@pytest.mark.heavy
def test_a_hundred_times_as_many_customers(tmp_path: Path) -> None:
    counts = generate(tmp_path / "large", customers=20_000)
    assert counts["twitter_comments"] == 252_760
    ids = pd.read_csv(tmp_path / "large" / "orders.csv", dtype=str)["order_id"]
    assert ids.duplicated().sum() == 1, "only the wrong line repeats a key"
