"""Who the sample's customers are: what each feels, when something went wrong, and what drives them.

This is the truth behind the sample. Everything else (orders, subscriptions, sessions, comments) is
drawn from it, so that what the models find can be compared with what is so.
"""

from __future__ import annotations

import calendar
import datetime as dt
from dataclasses import dataclass

import numpy as np

BLOCK = 1000
"""Customers are drawn in blocks of so many, each from its own random stream: memory does not grow with the
business, and a larger business begins with the customers of a smaller one (where its blocks are full)."""
MONTHS = 24
FIRST_CALLER_LIMIT = 60
"""Every caller's customer_id is at most this, so that recordings fit samples of any size from here on."""

TOPICS = (
    "quality",
    "delivery",
    "price",
    "safety",
    "packaging",
    "instructions",
    "batteries",
    "support",
    "gift",
    "fun",
    "size",
    "box",
    "returns",
)
# What goes wrong for a customer, and how often.
INCIDENTS = ("quality", "delivery", "batteries", "support", "safety", "returns")
INCIDENT_SHARES = (0.30, 0.22, 0.16, 0.14, 0.08, 0.10)


@dataclass(frozen=True)
class Channel:
    """Where visits come from. `roas` is revenue per dollar spent (linear attribution), None where nothing is paid."""

    source: str
    medium: str | None
    campaigns: tuple[str, ...]
    first: float
    """Weight as the channel that brings a new customer."""
    last: float
    """Weight as a later touch."""
    browse: float
    """Weight among visits that lead to nothing."""
    roas: float | None
    value: float
    """What customers whom it brought spend, against the average."""
    mood: float
    """What customers whom it brought expect too much or too little: added to their satisfaction."""

    @property
    def pays(self) -> bool | None:
        return None if self.roas is None else self.roas > 1


CHANNELS = (
    Channel("google_ads", "cpc", ("brand", "wooden_toys", "birthday_gifts"), 0.22, 0.20, 0.16, 3.4, 1.15, 0.02),
    Channel("facebook_ads", "paid_social", ("10percentpromocode", "freeshipping"), 0.20, 0.11, 0.18, 1.7, 1.0, 0.0),
    Channel("instagram_ads", "paid_social", ("freeshipping", "unboxing_reels"), 0.12, 0.07, 0.15, 0.8, 0.9, -0.02),
    Channel("tiktok_ads", "paid_social", ("slime_challenge", "10percentpromocode"), 0.14, 0.04, 0.19, 0.35, 0.6, -0.12),
    Channel("newsletter", "email", ("weekly", "win_back"), 0.01, 0.24, 0.08, 9.0, 1.1, 0.04),
    Channel("youtube", "influencer", ("toy_test_tuesday",), 0.08, 0.04, 0.06, 0.6, 0.8, -0.05),
    Channel("toyfinder", "affiliate", ("comparison",), 0.06, 0.05, 0.04, 2.2, 1.05, 0.0),
    Channel("google", "organic", (), 0.09, 0.08, 0.07, None, 1.1, 0.03),
    Channel("direct", None, (), 0.06, 0.15, 0.05, None, 1.2, 0.05),
    Channel("twitter", "social", (), 0.02, 0.02, 0.02, None, 0.9, -0.02),
)


@dataclass(frozen=True)
class Period:
    """The two years of the sample: whole months, the last of them up to `end`. Days count from `start`."""

    end: dt.date

    @property
    def start(self) -> dt.date:
        years, month = divmod(self.end.year * 12 + self.end.month - MONTHS, 12)
        return dt.date(years, month + 1, 1)

    @property
    def days(self) -> int:
        return (self.end - self.start).days + 1

    @property
    def months(self) -> list[dt.date]:
        first = self.start.year * 12 + self.start.month - 1
        return [dt.date((first + m) // 12, (first + m) % 12 + 1, 1) for m in range(MONTHS)]

    @property
    def month_starts(self) -> np.ndarray:
        """The day on which each month starts, and one more entry: the day after the end."""
        return np.array([(m - self.start).days for m in self.months] + [self.days])

    def dates(self, days: np.ndarray) -> np.ndarray:
        return np.datetime64(self.start, "D") + days.astype("timedelta64[D]")

    def day_of(self, date: dt.date) -> int:
        return (date - self.start).days

    def length_of(self, month: int) -> int:
        date = self.months[month]
        return calendar.monthrange(date.year, date.month)[1]


@dataclass(frozen=True)
class Population:
    """One block of customers, one array entry each. Days count from the period's start."""

    customer_id: np.ndarray
    signup_day: np.ndarray
    satisfaction: np.ndarray
    """How content they are by nature, 0 to 1, before anything went wrong."""
    incident: np.ndarray
    """What went wrong, as an index of INCIDENTS; -1: nothing."""
    incident_day: np.ndarray
    incident_drop: np.ndarray
    recovery_day: np.ndarray
    """When support made it good; beyond the period where it never did."""
    channel: np.ndarray
    """The channel that brought them, as an index of CHANNELS."""
    wealth: np.ndarray
    """What they can spend, against the average."""

    def __len__(self) -> int:
        return len(self.customer_id)

    def satisfaction_on(self, rows: np.ndarray, days: np.ndarray) -> np.ndarray:
        """How content the customers at `rows` were on `days`, 0 to 1."""
        suffering = (self.incident[rows] >= 0) & (days >= self.incident_day[rows]) & (days < self.recovery_day[rows])
        return np.clip(self.satisfaction[rows] - np.where(suffering, self.incident_drop[rows], 0), 0.01, 0.99)

    def satisfaction_by_month(self, period: Period) -> np.ndarray:
        """Satisfaction in the middle of each month: customers x months."""
        middles = (period.month_starts[:-1] + period.month_starts[1:]) // 2
        rows = np.arange(len(self))
        return np.stack([self.satisfaction_on(rows, np.full(len(self), day)) for day in middles], axis=1)


def random_stream(seed: int, block: int, name: str) -> np.random.Generator:
    """Its own random numbers for each block and purpose: one part can change without changing the others."""
    return np.random.default_rng([seed, block, *name.encode()])


def draw(seed: int, block: int, size: int, period: Period, moods: dict[int, float]) -> Population:
    """Draw one block of customers. `moods` pins the satisfaction of the customers whose recordings exist."""
    rng = random_stream(seed, block, "population")
    ids = block * BLOCK + np.arange(1, size + 1)
    days = period.days
    # The shop grows: more customers came in the second year.
    signup = np.minimum((days - 20) * rng.random(size) ** 0.8, days - 20).astype(int)
    weights = np.array([c.first for c in CHANNELS])
    channel = rng.choice(len(CHANNELS), size, p=weights / weights.sum())
    mood = np.array([c.mood for c in CHANNELS])[channel]
    satisfaction = np.clip(rng.beta(2.8, 1.5, size) + mood, 0.03, 0.97)
    incident = np.where(rng.random(size) < 0.32, rng.choice(len(INCIDENTS), size, p=INCIDENT_SHARES), -1)
    incident_day = signup + 14 + (rng.random(size) * np.maximum(days - signup - 20, 1)).astype(int)
    drop = rng.uniform(0.25, 0.6, size)
    recovered = rng.random(size) < 0.25
    recovery_day = np.where(recovered, incident_day + rng.integers(20, 90, size), days + 1)
    wealth = np.array([c.value for c in CHANNELS])[channel] * rng.lognormal(0, 0.35, size)
    for customer_id, value in moods.items():
        row = customer_id - 1 - block * BLOCK
        if 0 <= row < size:
            satisfaction[row], incident[row] = value, -1
            # Who called had bought something before: these came early.
            signup[row] = signup[row] // 2
    return Population(ids, signup, satisfaction, incident, incident_day, drop, recovery_day, channel, wealth)
