"""The sample business: every source of the product, drawn from one seed, and the truth behind it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from customer_analytics.sample_data import feedback, files, purchases, visits
from customer_analytics.sample_data.names import FIRST_NAMES, LAST_INITIALS
from customer_analytics.sample_data.population import (
    BLOCK,
    CHANNELS,
    FIRST_CALLER_LIMIT,
    INCIDENTS,
    MONTHS,
    Period,
    Population,
    draw,
    random_stream,
)

DEFAULT_CUSTOMERS = 1000
DEFAULT_SEED = 20180409
DEFAULT_END = dt.date(2026, 10, 31)
CSV_SOURCES = tuple(files.WRONG_LINES)


def generate(
    out: Path, customers: int = DEFAULT_CUSTOMERS, seed: int = DEFAULT_SEED, end: dt.date = DEFAULT_END
) -> dict[str, int]:
    """Write all source files of a business of so many customers into `out`; the rows of each file.

    The same arguments write the same bytes. `end` is the last day of its two years. ValueError below 60
    customers, because the recorded calls are of customers up to there.
    """
    _checked(customers)
    period = Period(end)
    out.mkdir(parents=True, exist_ok=True)
    csv_files = {name: files.CsvFile(out, name) for name in CSV_SOURCES}
    comment_file = files.ParquetFile(out, "twitter_comments", files.COMMENTS_SCHEMA)
    counts: dict[str, int] = dict.fromkeys((*CSV_SOURCES, "twitter_comments"), 0)
    revenue = np.zeros((MONTHS, len(CHANNELS)))

    def write(name: str, frame: pd.DataFrame) -> None:
        csv_files[name].write(frame, random_stream(seed, 0, f"wrong {name}"))
        counts[name] += len(frame)

    try:
        for block, people in _blocks(customers, seed, period):

            def stream(name: str, block: int = block) -> np.random.Generator:
                return random_stream(seed, block, name)

            ids = people.customer_id
            orders = purchases.order(people, period, stream("orders"))
            write("customers", _customers(people, stream("names")))
            first_order_id = counts["orders"] + 1
            order_ids = first_order_id + np.arange(len(orders))
            dates = period.dates(orders.day)
            write(
                "orders",
                pd.DataFrame(
                    {
                        "order_id": order_ids,
                        "customer_id": ids[orders.row],
                        "order_date": dates,
                        "status": orders.status,
                    }
                ),
            )
            payments = purchases.pay(orders, first_order_id, stream("payments"))
            payments.insert(0, "payment_id", counts["payments"] + 1 + np.arange(len(payments)))
            write("payments", payments)
            periods = purchases.subscribe(people, period, stream("subscriptions"))
            periods.insert(0, "customer_id", ids[periods.pop("row")])
            periods.insert(0, "subscription_id", counts["subscription_periods"] + 1 + np.arange(len(periods)))
            write("subscription_periods", periods)
            seen = visits.visit(people, orders, period, stream("visits"))
            write("sessions", visits.sessions_frame(seen, ids, period, counts["sessions"] + 1))
            write("customer_conversions", visits.conversions_frame(seen, ids, period))
            revenue += visits.linear_revenue(seen, period)
            comments = feedback.comment(people, orders, period, stream("comments"))
            if block == 0:
                _write_training(out, comments, customers, seed)
                comments = files.with_odd_comments(comments)
            comment_file.write(comments)
            counts["twitter_comments"] += len(comments)
        write("ad_spend", visits.ad_spend(revenue, period, random_stream(seed, 0, "ad spend")))
    finally:
        for file in (*csv_files.values(), comment_file):
            file.close()
    feedback.copy_calls(out / "customer_calls")
    return counts | {
        "comment_training": feedback.training_size(customers),
        "customer_calls": len(feedback.scripts()["calls"]),
    }


def truth(customers: int = DEFAULT_CUSTOMERS, seed: int = DEFAULT_SEED, end: dt.date = DEFAULT_END) -> pd.DataFrame:
    """What is so about each customer, for tests to compare the findings with. One row per customer:

    customer_id, satisfaction (by nature), satisfaction_at_end, incident (what went wrong; None), incident_date,
    channel (the source that brought them), wealth (what they can spend, against 1).
    """
    _checked(customers)
    period = Period(end)
    frames = []
    for _, people in _blocks(customers, seed, period):
        rows = np.arange(len(people))
        happened = (people.incident >= 0) & (people.incident_day < period.days)
        incidents = np.array([*INCIDENTS, None], dtype=object)[np.where(happened, people.incident, len(INCIDENTS))]
        frames.append(
            pd.DataFrame(
                {
                    "customer_id": people.customer_id,
                    "satisfaction": people.satisfaction,
                    "satisfaction_at_end": people.satisfaction_on(rows, np.full(len(people), period.days - 1)),
                    "incident": incidents,
                    "incident_date": np.where(happened, period.dates(people.incident_day), np.datetime64("NaT")),
                    "channel": [CHANNELS[c].source for c in people.channel],
                    "wealth": people.wealth,
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def true_comments(
    customers: int = DEFAULT_CUSTOMERS, seed: int = DEFAULT_SEED, end: dt.date = DEFAULT_END
) -> Iterator[pd.DataFrame]:
    """The comments block by block with what their writers meant: the columns of the file, `good` and `topic`."""
    _checked(customers)
    period = Period(end)
    for block, people in _blocks(customers, seed, period):
        orders = purchases.order(people, period, random_stream(seed, block, "orders"))
        yield feedback.comment(people, orders, period, random_stream(seed, block, "comments"))


def _checked(customers: int) -> None:
    if customers < FIRST_CALLER_LIMIT:
        raise ValueError(f"the sample needs at least {FIRST_CALLER_LIMIT} customers: its recorded calls are theirs")


def _blocks(customers: int, seed: int, period: Period) -> Iterator[tuple[int, Population]]:
    moods = feedback.moods()
    for block in range(-(-customers // BLOCK)):
        yield block, draw(seed, block, min(BLOCK, customers - block * BLOCK), period, moods)


def _customers(people: Population, rng: np.random.Generator) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "customer_id": people.customer_id,
            "first_name": rng.choice(FIRST_NAMES, len(people)),
            "last_name": rng.choice(LAST_INITIALS, len(people)),
        }
    )


def _write_training(out: Path, comments: pd.DataFrame, customers: int, seed: int) -> None:
    rows = feedback.training(comments, feedback.training_size(customers), random_stream(seed, 0, "training"))
    file = files.ParquetFile(out, "comment_training", files.TRAINING_SCHEMA)
    file.write(files.with_wrong_labels(rows))
    file.close()
