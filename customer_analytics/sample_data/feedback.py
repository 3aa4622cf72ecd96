"""What the sample's customers say: comments, the labelled training texts, and the recorded calls."""

from __future__ import annotations

import json
import shutil
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from customer_analytics.sample_data.calls.record import FOLDER, file_name
from customer_analytics.sample_data.population import INCIDENTS, TOPICS, Period, Population
from customer_analytics.sample_data.purchases import Purchases
from customer_analytics.sample_data.writing_style import Writer

COMMENTS_PER_CUSTOMER = 12.638
TRAINING_ROWS = 1987
LABEL_NOISE = 0.04
"""Share of the training labels that are wrong, as people who label get tired."""


@cache
def scripts() -> dict:
    """The calls' true transcripts and their customers' moods."""
    return json.loads((FOLDER / "scripts.json").read_text(encoding="utf-8"))


def moods() -> dict[int, float]:
    """The satisfaction of each caller, by customer_id."""
    return {int(customer): mood for customer, mood in scripts()["moods"].items()}


def comment(people: Population, orders: Purchases, period: Period, rng: np.random.Generator) -> pd.DataFrame:
    """The comments of one block by time: customer_id, date, review_text, and the truth: `good`, `topic`."""
    total = round(COMMENTS_PER_CUSTOMER * len(people))
    last_order = people.signup_day.copy()
    np.maximum.at(last_order, orders.row, orders.day)
    until = np.minimum(last_order + 120, period.days - 1)
    extreme = 0.6 + 1.6 * np.abs(people.satisfaction - 0.5)
    weight = rng.gamma(0.8, 1, len(people)) * extreme * (40 + until - people.signup_day)
    weight *= rng.random(len(people)) < 0.87
    row = np.repeat(np.arange(len(people)), rng.multinomial(total, weight / weight.sum()))
    day = people.signup_day[row] + (rng.random(total) * (until[row] - people.signup_day[row] + 1)).astype(int)
    # Trouble makes people write.
    upset = (people.incident[row] >= 0) & (rng.random(total) < 0.25)
    soon = np.minimum(people.incident_day[row] + rng.integers(0, 45, total), period.days - 1)
    day = np.where(upset, soon, day)
    mood = people.satisfaction_on(row, day)
    good = rng.random(total) < 1 / (1 + np.exp(-6.5 * (mood - 0.5)))
    suffering = (mood < people.satisfaction[row]) & ~good
    about = np.where(
        suffering & (rng.random(total) < 0.6),
        np.array([TOPICS.index(i) for i in INCIDENTS])[np.maximum(people.incident[row], 0)],
        rng.integers(0, len(TOPICS), total),
    )
    second = (np.clip(rng.normal(17, 4.5, total), 0, 23.99) * 3600).astype(int)
    by_time = np.lexsort((row, second, day))
    writer = Writer(int(rng.integers(2**62)))
    text = [writer.comment(bool(good[i]), TOPICS[about[i]]) for i in by_time]
    times = np.datetime64(period.start, "s") + (day * 86_400 + second)[by_time].astype("timedelta64[s]")
    return pd.DataFrame(
        {
            "customer_id": people.customer_id[row[by_time]],
            "date": np.char.replace(np.datetime_as_string(times, unit="s"), "T", " ").astype(object),
            "review_text": text,
            "good": good[by_time],
            "topic": np.array(TOPICS)[about[by_time]],
        }
    )


def training(comments: pd.DataFrame, size: int, rng: np.random.Generator) -> pd.DataFrame:
    """Distinct texts with labels: half of them comments that somebody labelled, half from other shops."""
    writer = Writer(int(rng.integers(2**62)))
    known = comments.loc[:, ["review_text", "good"]].drop_duplicates(subset=["review_text"], keep=False)
    half = min(size // 2, len(known))
    rows = known.iloc[np.sort(rng.choice(len(known), half, replace=False))]
    texts = dict(zip(rows["review_text"], rows["good"], strict=True))
    while len(texts) < size:
        good = bool(rng.random() < 0.52)
        texts.setdefault(writer.comment(good, TOPICS[int(rng.integers(len(TOPICS)))]), good)
    frame = pd.DataFrame({"review_text": list(texts), "good": list(texts.values())})
    frame = frame.iloc[rng.permutation(size)].reset_index(drop=True)
    label = frame["good"] ^ (rng.random(size) < LABEL_NOISE)
    return pd.DataFrame({"REVIEW_TEXT": frame["review_text"], "LABEL": np.where(label, "1", "0")})


def training_size(customers: int) -> int:
    """1,987 texts from 1,000 customers on; fewer below, yet enough to learn from."""
    return round(TRAINING_ROWS * min(1, max(customers / 1000, 0.25)))


def copy_calls(out: Path) -> None:
    """The 43 recordings, and one that the line cut off before anything was said."""
    out.mkdir(parents=True, exist_ok=True)
    for number, call in enumerate(scripts()["calls"], 1):
        name = file_name(number, call["customer"])
        shutil.copyfile(FOLDER / name, out / name)
    first = FOLDER / file_name(1, scripts()["calls"][0]["customer"])
    (out / "6-line-dropped.ogg").write_bytes(first.read_bytes()[:40])
