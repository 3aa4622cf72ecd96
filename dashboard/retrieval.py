"""Search over all comments and calls. Part of the queries: `queries.py` hands it to the pages."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from customer_analytics import tables as T
from dashboard.connection import NothingBuilt, backends, read

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

DEEPEST = 10_000
"""So many of the best are looked through for passages of the wanted sentiment."""
_FUSED = 50
"""At least so many of each order are fused, however short the list."""
_FEW = 1_000
"""Up to so many passages of the wanted sentiment are named to the store by their ids."""
_SCORED = {"comment": T.PRED_TWITTER_COMMENTS, "call": T.PRED_CUSTOMER_CALLS}
_COLLECTIONS = {"comment": T.CUSTOMER_COMMENT, "call": T.CUSTOMER_CALL}
_COLUMNS = ("kind", "id", "customer_id", "date", "text", "score", "sentiment")
MODES = ("hybrid", "vector", "keyword")


@dataclass(frozen=True)
class Conditions:
    """What found passages must fulfil; None and empty: anything. `until` is included."""

    kinds: tuple[str, ...] = ("comment", "call")
    customer_id: int | None = None
    since: dt.date | None = None
    until: dt.date | None = None
    low: float = 0.0
    high: float = 1.0


def search(query: str, mode: str, conditions: Conditions, k: int = 20) -> pd.DataFrame:
    """The k best passages: kind, id, customer_id, date, text, score (greatest first), sentiment.

    Score: cosine similarity (vector), BM25 (keyword) or the sum of reciprocal ranks (hybrid), over
    comments and calls together. Calls have no date, so a condition on dates leaves them out. With a
    condition on sentiment the list may be short only when no more match, or none of the `DEEPEST` best
    do. Raises `VectorStoreError`, `NothingBuilt`.
    """
    import pandas as pd

    if mode not in MODES:
        raise ValueError(f"{mode} is not one of {', '.join(MODES)}")
    kinds = _kinds(conditions)
    if not kinds:
        return pd.DataFrame(columns=list(_COLUMNS))
    vector = None if mode == "keyword" else backends()["embedder"].embed([query])[0]
    by_sentiment = conditions.low > 0 or conditions.high < 1
    filters = {kind: _filter(kind, conditions, by_sentiment) for kind in kinds}
    depth = k * 5 if by_sentiment else k
    while True:
        found, more = _ranked(query, vector, mode, filters, depth)
        found = found.merge(_sentiments(found), on="id", how="left")[list(_COLUMNS)]
        if not by_sentiment:
            return found.head(k)
        wanted = found[found["sentiment"].between(conditions.low, conditions.high)].head(k).reset_index(drop=True)
        if len(wanted) == k or not more or depth >= DEEPEST:
            return wanted
        depth = min(DEEPEST, depth * 10)


def _kinds(conditions: Conditions) -> tuple[str, ...]:
    """The kinds to look through: those asked for whose collections are there."""
    dated = conditions.since is not None or conditions.until is not None
    asked = [kind for kind in conditions.kinds if not (kind == "call" and dated)]
    there = tuple(kind for kind in asked if backends()["vector_store"].exists(_COLLECTIONS[kind]))
    if "comment" in asked and not there:
        raise NothingBuilt(T.CUSTOMER_COMMENT.name)
    return there


def _ranked(
    query: str, vector: np.ndarray | None, mode: str, filters: dict[str, Any], depth: int
) -> tuple[pd.DataFrame, bool]:
    """The `depth` best of all kinds together with their score, and whether there may be more."""
    import pandas as pd

    from customer_analytics.resources.vector_store import reciprocal_ranks

    if mode != "hybrid":
        found = _one_order(query, vector, filters, depth)
        return found, len(found) == depth
    # Both kinds stand in one order before the orders are fused: the best call of few need not be any good.
    fetched = max(depth, _FUSED)
    orders = [_one_order(query, None, filters, fetched), _one_order(query, vector, filters, fetched)]
    scores = reciprocal_ranks(order["id"].tolist() for order in orders)
    both = pd.concat(orders, ignore_index=True).drop_duplicates("id")
    both["score"] = both["id"].map(scores)
    best = both.sort_values(["score", "id"], ascending=[False, True]).head(depth).reset_index(drop=True)
    return best, any(len(order) == fetched for order in orders)


def _one_order(query: str, vector: np.ndarray | None, filters: dict[str, Any], depth: int) -> pd.DataFrame:
    """The `depth` best by meaning, or without a vector by words, of all kinds together."""
    import pandas as pd

    store, parts = backends()["vector_store"], []
    for kind, where in filters.items():
        collection = _COLLECTIONS[kind]
        columns = ["id", "customer_id", collection.text, *(["date"] if kind == "comment" else [])]
        if vector is None:
            frame = store.keyword(collection, query, depth, where, columns).to_pandas()
        else:
            frame = store.near(collection, vector, depth, where, columns).to_pandas()
            frame["score"] = 1 - frame.pop("distance")
        frame = frame.assign(kind=kind, id=frame["id"].astype(str)).rename(columns={collection.text: "text"})
        if kind == "call":
            frame["date"] = pd.Series(pd.NaT, index=frame.index, dtype="datetime64[us, UTC]")
        parts.append(frame)
    found = pd.concat([p for p in parts if len(p)] or parts[:1], ignore_index=True)
    return found.sort_values(["score", "id"], ascending=[False, True]).head(depth).reset_index(drop=True)


def _filter(kind: str, conditions: Conditions, by_sentiment: bool) -> Any:
    """The conditions that the store can fulfil."""
    from customer_analytics.resources.vector_store import And, In, Range

    filters: list[Any] = []
    if conditions.customer_id is not None:
        filters.append(In("customer_id", (conditions.customer_id,)))
    if kind == "comment" and (conditions.since or conditions.until):
        start = conditions.since and dt.datetime.combine(conditions.since, dt.time(), dt.UTC)
        end = conditions.until and dt.datetime.combine(conditions.until + dt.timedelta(days=1), dt.time(), dt.UTC)
        filters.append(Range("date", start, end))
    if by_sentiment and (ids := _few_of_sentiment(kind, conditions.low, conditions.high)) is not None:
        filters.append(In("id", ids))
    return And(tuple(filters)) if len(filters) > 1 else filters[0] if filters else None


def _few_of_sentiment(kind: str, low: float, high: float) -> tuple[str, ...] | None:
    """The ids of the passages of this sentiment, which only the warehouse knows; None when they are many."""
    table = _SCORED[kind]
    sql = f"select id from {table.name} where sentiment between %s and %s limit {_FEW + 1}"
    ids = read(sql, (low, high), (table.name,))["id"]
    return tuple(ids) if len(ids) <= _FEW else None


def _sentiments(found: pd.DataFrame) -> pd.DataFrame:
    """id and sentiment of the found passages; none of those not scored yet."""
    import pandas as pd

    parts = [pd.DataFrame({"id": pd.Series(dtype=str), "sentiment": pd.Series(dtype=float)})]
    for kind, table in _SCORED.items():
        ids = tuple(found.loc[found["kind"] == kind, "id"])
        for start in range(0, len(ids), _FEW):
            some = ids[start : start + _FEW]
            marks = ", ".join(["%s"] * len(some))
            try:
                parts.append(read(f"select id, sentiment from {table.name} where id in ({marks})", some, (table.name,)))
            except NothingBuilt:
                break
    return pd.concat([p for p in parts if len(p)] or parts, ignore_index=True)
