"""How monthly recurring revenue moves: a waterfall between two months, and over time."""

import pandas as pd
import streamlit as st

from dashboard import formats, queries
from dashboard.charts import MOVEMENT, line, movement_bars, show, waterfall
from dashboard.downloads import download
from dashboard.frame import data_up_to, figures, nothing_yet, page


def steps(months: pd.DataFrame, movements: pd.DataFrame, first, last) -> pd.DataFrame:
    """The columns of the waterfall: MRR before `first`, the movements of `first` to `last`, MRR in `last`."""
    before = float(months[months["date_month"] < first]["mrr"].tail(1).sum())
    inside = movements[(movements["date_month"] >= first) & (movements["date_month"] <= last)]
    amounts = inside.groupby("change_category")["amount"].sum().astype(float)
    rows = [{"label": "Before", "kind": "total", "amount": before, "start": 0.0, "end": before}]
    level = before
    for kind in MOVEMENT:
        amount = float(amounts.get(kind, 0.0))
        rows.append({"label": kind.capitalize(), "kind": kind, "amount": amount, "start": level, "end": level + amount})
        level += amount
    rows.append({"label": formats.month(last), "kind": "total", "amount": level, "start": 0.0, "end": level})
    return pd.DataFrame(rows).assign(top=lambda f: f[["start", "end"]].max(axis=1))


with page("MRR movement", "What is won and lost of monthly recurring revenue."):
    months = queries.mrr_months()
    if not len(months):
        nothing_yet("There is no subscription period in the sources (subscription_periods).")
        st.stop()
    months["mrr"] = months["mrr"].astype(float)
    movements = queries.mrr_movements()
    data_up_to(formats.last_day(months["date_month"].max()), "whole months")
    choices = list(months["date_month"])
    first, last = choices[max(0, len(choices) - 12)], choices[-1]
    if len(choices) > 1:
        first, last = st.select_slider(
            "Months",
            choices,
            (first, last),
            format_func=formats.month,
            key="mrr-months",
            persist_state="session",
        )
    table = steps(months, movements, first, last)

    amounts = table.set_index("kind")["amount"]
    now, then = table.iloc[-1]["amount"], table.iloc[0]["amount"]
    figures(
        (f"MRR, {formats.month(last)}", formats.money(now), f"{formats.money(now - then, sign=True)} in these months"),
        ("New and returning", formats.money(amounts["new"] + amounts["reactivation"]), None),
        ("Upgrades less downgrades", formats.money(amounts["upgrade"] + amounts["downgrade"]), None),
        ("Lost to churn", formats.money(-amounts["churn"]), None),
    )

    st.subheader(f"From {formats.month(first)} to {formats.month(last)}", anchor=False)
    show(waterfall(table), "Waterfall of MRR: before, new, reactivation, upgrade, downgrade, churn, after")
    inside = (movements["date_month"] >= first) & (movements["date_month"] <= last)
    left, right = st.columns(2)
    with left:
        st.subheader("Movement by month", anchor=False)
        show(movement_bars(movements[inside]), "Changes of MRR by month and category")
    with right:
        st.subheader("MRR by month", anchor=False)
        span = (months["date_month"] >= first) & (months["date_month"] <= last)
        show(line(months[span], "date_month", "mrr", "MRR, dollars", height=300), "MRR by month")
    download(lambda: movements, "mrr-movement")
