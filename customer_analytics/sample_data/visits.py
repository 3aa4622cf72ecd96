"""How the sample's customers come to the shop: web sessions, conversions, and what the advertising cost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from customer_analytics.sample_data.population import CHANNELS, MONTHS, Period, Population
from customer_analytics.sample_data.purchases import Purchases

WINDOW_SECONDS = 30 * 86_400
DAY = 86_400


@dataclass(frozen=True)
class Visits:
    """Sessions and conversions of one block. Seconds count from the period's start; `row` is the customer's place."""

    session_row: np.ndarray
    started: np.ndarray
    ended: np.ndarray
    """Second of the end; -1 where it was not recorded."""
    channel: np.ndarray
    campaign: np.ndarray
    conversion_row: np.ndarray
    converted: np.ndarray
    cents: np.ndarray


def visit(people: Population, orders: Purchases, period: Period, rng: np.random.Generator) -> Visits:
    """Draw the sessions: those on the way to an order, and those that led to nothing."""
    tracked = np.flatnonzero((orders.cents > 0) & (rng.random(len(orders)) < 0.72))
    converted = orders.day[tracked] * DAY + _second_of_day(len(tracked), rng)
    touches = rng.choice(8, len(tracked), p=[0.07, 0.36, 0.25, 0.15, 0.08, 0.05, 0.03, 0.01])
    of = np.repeat(np.arange(len(tracked)), touches)
    row = orders.row[tracked][of]
    place = np.arange(len(of)) - np.repeat(np.cumsum(touches) - touches, touches)
    is_last = place == touches[of] - 1
    # The last touch is minutes to hours before; the others spread over the window, a few beyond it.
    ago = np.where(is_last, rng.exponential(3 * 3600, len(of)) + 60, rng.gamma(1.5, 6 * DAY, len(of)) + 3600)
    started = np.maximum(converted[of] - ago.astype(int), 0)
    channel = _later_channel(len(of), rng)
    # The channel that brought a customer begins the way to their first order, and some of the later ones.
    _, first_orders = np.unique(orders.row[tracked], return_index=True)
    is_first_order = np.zeros(len(tracked), bool)
    is_first_order[first_orders] = True
    brought = (place == 0) & (is_first_order[of] | (rng.random(len(of)) < 0.2))
    channel[brought] = people.channel[row[brought]]

    idle_row = np.repeat(np.arange(len(people)), rng.poisson(3.2, len(people)))
    since = people.signup_day[idle_row]
    idle_day = since + (rng.random(len(idle_row)) * (period.days - since)).astype(int)
    idle_started = idle_day * DAY + _second_of_day(len(idle_row), rng)
    weights = np.array([c.browse for c in CHANNELS])
    idle_channel = rng.choice(len(CHANNELS), len(idle_row), p=weights / weights.sum())

    row = np.concatenate([row, idle_row])
    started = np.concatenate([started, idle_started])
    channel = np.concatenate([channel, idle_channel])
    by_time = np.lexsort((row, started))
    row, started, channel = row[by_time], started[by_time], channel[by_time]
    ended = started + np.maximum(rng.lognormal(4.8, 1.1, len(row)).astype(int), 2)
    ended[rng.random(len(row)) < 0.03] = -1
    campaign = (rng.random(len(row)) * 1000).astype(int)
    return Visits(row, started, ended, channel, campaign, orders.row[tracked], converted, orders.cents[tracked])


def sessions_frame(visits: Visits, ids: np.ndarray, period: Period, first_session_id: int) -> pd.DataFrame:
    """The sessions as their source file has them."""
    sources = np.array([c.source for c in CHANNELS], dtype=object)
    mediums = np.array([c.medium for c in CHANNELS], dtype=object)
    campaigns = np.empty(len(visits.channel), dtype=object)
    for index, channel in enumerate(CHANNELS):
        here = visits.channel == index
        if channel.campaigns:
            names = np.array(channel.campaigns, dtype=object)
            campaigns[here] = names[visits.campaign[here] % len(names)]
    return pd.DataFrame(
        {
            "session_id": first_session_id + np.arange(len(visits.started)),
            "customer_id": ids[visits.session_row],
            "started_at": _times(visits.started, period),
            "ended_at": _times(visits.ended, period),
            "utm_source": sources[visits.channel],
            "utm_medium": mediums[visits.channel],
            "utm_campaign": campaigns,
        }
    )


def conversions_frame(visits: Visits, ids: np.ndarray, period: Period) -> pd.DataFrame:
    """The conversions as their source file has them, by time."""
    by_time = np.argsort(visits.converted, kind="stable")
    return pd.DataFrame(
        {
            "customer_id": ids[visits.conversion_row[by_time]],
            "converted_at": _times(visits.converted[by_time], period),
            "revenue": [f"{cents / 100:.2f}" for cents in visits.cents[by_time]],
        }
    )


def linear_revenue(visits: Visits, period: Period) -> np.ndarray:
    """Dollars per month and channel, each conversion's shared equally by its sessions of the last 30 days."""
    span = (period.days + 60) * DAY
    key = visits.session_row.astype(np.int64) * span + visits.started
    order = np.argsort(key, kind="stable")
    until = visits.conversion_row.astype(np.int64) * span + visits.converted
    low = np.searchsorted(key[order], until - np.minimum(WINDOW_SECONDS, visits.converted), side="left")
    high = np.searchsorted(key[order], until, side="right")
    count = high - low
    of = np.repeat(np.arange(len(count)), count)
    touch = order[np.repeat(low, count) + np.arange(len(of)) - np.repeat(np.cumsum(count) - count, count)]
    month = np.searchsorted(period.month_starts, visits.converted[of] // DAY, side="right") - 1
    revenue = np.zeros((MONTHS, len(CHANNELS)))
    np.add.at(revenue, (month, visits.channel[touch]), visits.cents[of] / 100 / count[of])
    return revenue


def ad_spend(revenue: np.ndarray, period: Period, rng: np.random.Generator) -> pd.DataFrame:
    """Daily spend per channel and campaign, such that each paid channel returns its `roas` over the months around."""
    # Budgets follow what the quarter sells, not the single month.
    padded = np.pad(revenue, ((1, 1), (0, 0)), mode="edge")
    smooth = (padded[:-2] + padded[1:-1] + padded[2:]) / 3
    day_weight = rng.lognormal(0, 0.18, period.days)
    frames = []
    for index, channel in enumerate(CHANNELS):
        if channel.roas is None:
            continue
        budget = np.maximum(smooth[:, index] / channel.roas * rng.uniform(0.9, 1.1, MONTHS), 20)
        shares = rng.dirichlet(np.full(len(channel.campaigns), 12.0))
        for campaign, share in zip(channel.campaigns, shares, strict=True):
            for month in range(MONTHS):
                days = np.arange(period.month_starts[month], period.month_starts[month + 1])
                weight = day_weight[days] / day_weight[days].sum()
                frames.append(
                    pd.DataFrame(
                        {
                            "day": days,
                            "date_day": period.dates(days).astype(str),
                            "utm_source": channel.source,
                            "utm_medium": channel.medium,
                            "utm_campaign": campaign,
                            "spend": np.round(budget[month] * share * weight, 2),
                        }
                    )
                )
    spend = pd.concat(frames).query("spend > 0").sort_values("day", kind="stable").drop(columns="day")
    # A few lines were booked in two equal halves: equal lines are legal and add up.
    halves = spend.index.to_numpy() % 97 == 5
    spend["spend"] = spend["spend"].where(~halves, (spend["spend"] / 2).round(2))
    return pd.concat([spend, spend.loc[halves]]).sort_values(by="date_day", kind="stable").reset_index(drop=True)


def _later_channel(size: int, rng: np.random.Generator) -> np.ndarray:
    weights = np.array([c.last for c in CHANNELS])
    return rng.choice(len(CHANNELS), size, p=weights / weights.sum())


def _second_of_day(size: int, rng: np.random.Generator) -> np.ndarray:
    """People shop in the afternoon and the evening."""
    return (np.clip(rng.normal(16.5, 4, size), 0, 23.99) * 3600).astype(int)


def _times(seconds: np.ndarray, period: Period) -> np.ndarray:
    """As `2026-01-31 16:05:09`; None where negative."""
    times = np.datetime64(period.start, "s") + seconds.astype("timedelta64[s]")
    text = np.char.replace(np.datetime_as_string(times, unit="s"), "T", " ").astype(object)
    text[seconds < 0] = None
    return text
