"""What the sample's customers buy and pay: orders and payments, monthly boxes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from customer_analytics.sample_data.population import MONTHS, Period, Population

PLANS = np.array([0, 15, 25, 50, 75])
"""Dollars a month of the toy box; 0 is no box."""
METHODS = np.array(["credit_card", "coupon", "bank_transfer", "gift_card"])
# Toys sell before Christmas.
SEASON = np.array([0.85, 0.8, 0.85, 0.95, 0.95, 0.9, 0.85, 0.9, 0.95, 1.0, 1.4, 1.9])


@dataclass(frozen=True)
class Purchases:
    """Orders of one block, by day. `row` is the customer's place in the block; `cents` is what was paid, 0: nothing."""

    row: np.ndarray
    day: np.ndarray
    status: np.ndarray
    cents: np.ndarray

    def __len__(self) -> int:
        return len(self.row)


def order(people: Population, period: Period, rng: np.random.Generator) -> Purchases:
    """Draw orders: how often and how much follows satisfaction, wealth and season; who is unhappy stops and returns."""
    n, mood, starts = len(people), people.satisfaction_by_month(period), period.month_starts
    gone = _last_month(people, mood, period, rng)
    rate = rng.gamma(1.6, 0.19, n) * people.wealth**0.5
    rows, days = [], []
    buyers = np.flatnonzero(rng.random(n) < 0.88)
    rows.append(buyers)
    days.append(np.minimum(people.signup_day[buyers] + rng.integers(0, 3, len(buyers)), period.days - 1))
    buys = np.zeros(n, bool)
    buys[buyers] = True
    for month, date in enumerate(period.months):
        present = buys & (people.signup_day < starts[month + 1]) & (month <= gone)
        expected = np.where(present, rate * (0.3 + 1.3 * mood[:, month]) * SEASON[date.month - 1], 0)
        # The share of the month that lies within the period and after the signup.
        share = (starts[month + 1] - np.clip(people.signup_day, starts[month], starts[month + 1])) / 30.4
        row = np.repeat(np.arange(n), rng.poisson(expected * share))
        first = np.maximum(people.signup_day[row], starts[month])
        rows.append(row)
        days.append(first + (rng.random(len(row)) * (starts[month + 1] - first)).astype(int))
    row, day = np.concatenate(rows), np.concatenate(days)
    by_day = np.lexsort((row, day))
    row, day = row[by_day], day[by_day]
    cents = np.maximum(np.round(rng.lognormal(3.35, 0.5, len(row)) * people.wealth[row]) * 100 - 1, 299).astype(int)
    age = period.days - 1 - day
    unhappy = 1 - people.satisfaction_on(row, day)
    u = rng.random(len(row))
    status = np.where(u < 0.01 + 0.16 * unhappy**1.5, "returned", "completed").astype("<U14")
    status[(status == "returned") & (age < 25)] = "return_pending"
    status[(status == "completed") & (age < 12)] = "shipped"
    status[(age < 3) & (status == "shipped")] = "placed"
    cents[(status == "placed") & (rng.random(len(row)) < 0.5)] = 0
    return Purchases(row, day, status, cents)


def pay(orders: Purchases, first_order_id: int, rng: np.random.Generator) -> pd.DataFrame:
    """Payments of the orders: one or two each, and a refund for most of those returned."""
    paid = np.flatnonzero(orders.cents > 0)
    cents = orders.cents[paid]
    method = rng.choice(METHODS, len(paid), p=[0.58, 0.09, 0.22, 0.11])
    split = rng.random(len(paid)) < 0.12
    second = np.where(split, (cents * rng.uniform(0.1, 0.5, len(paid))).astype(int), 0)
    refunded = (orders.status[paid] == "returned") & (rng.random(len(paid)) < 0.8)
    parts = [
        pd.DataFrame({"order": paid, "payment_method": method, "amount": cents - second, "turn": 0}),
        pd.DataFrame(
            {
                "order": paid[split],
                "payment_method": rng.choice(METHODS[1:], split.sum(), p=[0.6, 0.05, 0.35]),
                "amount": second[split],
                "turn": 1,
            }
        ),
        pd.DataFrame(
            {"order": paid[refunded], "payment_method": method[refunded], "amount": -cents[refunded], "turn": 2}
        ),
    ]
    payments = pd.concat(parts).sort_values(["order", "turn"], kind="stable")
    payments.insert(0, "order_id", payments.pop("order") + first_order_id)
    return payments.drop(columns="turn").reset_index(drop=True)


def subscribe(people: Population, period: Period, rng: np.random.Generator) -> pd.DataFrame:
    """Subscription periods: row, start_date, end_date (NaT while running), monthly_amount. The unhappy cancel."""
    n, mood, starts = len(people), people.satisfaction_by_month(period), period.month_starts
    signup_month = np.searchsorted(starts, people.signup_day, side="right") - 1
    begins = np.where(rng.random(n) < 0.58, signup_month + rng.integers(0, 3, n), MONTHS)
    taste = np.clip(rng.normal(0, 0.8, n) + np.log(people.wealth), -1.5, 1.5)
    first_plan = np.clip(np.round(2 + taste).astype(int), 1, 4)
    plan = np.zeros(n, int)
    plans = np.zeros((n, MONTHS), int)
    ever = np.zeros(n, bool)
    for month in range(MONTHS):
        s, u, v = mood[:, month], rng.random(n), rng.random(n)
        active = plan > 0
        leaves = active & (u < monthly_churn(s))
        up, down = active & (v < 0.025 * s), active & (v > 1 - 0.03 * (1 - s))
        returns = ~active & ever & (u < 0.005 + 0.05 * s**2)
        plan = np.where(leaves, 0, np.where(up, np.minimum(plan + 1, 4), np.where(down, np.maximum(plan - 1, 1), plan)))
        plan = np.where(returns | (begins == month), np.where(plan > 0, plan, first_plan), plan)
        ever |= plan > 0
        plans[:, month] = plan
    # A period lasts while the plan is the same; its days are the customer's billing day.
    billing_day = np.where(rng.random(n) < 0.6, 0, rng.integers(1, 28, n))
    before = np.hstack([np.zeros((n, 1), int), plans[:, :-1]])
    row, month = np.nonzero((plans != before) & (plans > 0))
    changes = np.hstack([plans[:, 1:] != plans[:, :-1], np.zeros((n, 1), bool)])
    # The next month with another plan, MONTHS where there is none.
    end_month = np.full((n, MONTHS), MONTHS)
    following = np.full(n, MONTHS)
    for m in range(MONTHS - 1, -1, -1):
        following = np.where(changes[:, m], m + 1, following)
        end_month[:, m] = following
    end = end_month[row, month]
    start_day = np.minimum(starts[month] + billing_day[row], starts[month + 1] - 1)
    end_day = np.where(
        end < MONTHS, np.minimum(starts[end] + billing_day[row], starts[np.minimum(end + 1, MONTHS)] - 1), 0
    )
    end_date = np.where(end < MONTHS, period.dates(end_day), np.datetime64("NaT"))
    return pd.DataFrame(
        {
            "row": row,
            "start_date": period.dates(start_day),
            "end_date": end_date,
            "monthly_amount": PLANS[plans[row, month]],
        }
    )


def monthly_churn(satisfaction: np.ndarray) -> np.ndarray:
    """The true probability that a subscriber this content cancels within a month."""
    return 0.006 + 0.2 * (1 - satisfaction) ** 2.2


def _last_month(people: Population, mood: np.ndarray, period: Period, rng: np.random.Generator) -> np.ndarray:
    """The last month in which each customer still orders; MONTHS for those who stay."""
    last = np.full(len(people), MONTHS)
    for month in range(MONTHS):
        here = (people.signup_day < period.month_starts[month]) & (last == MONTHS)
        leaves = here & (rng.random(len(people)) < 0.008 + 0.16 * (1 - mood[:, month]) ** 2)
        last[leaves] = month
    return last
