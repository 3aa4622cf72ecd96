"""Search over all comments and calls. Part of the queries: `queries.py` hands it to the pages."""

# pandas, Snowpark rows and scikit-learn carry no usable types here.
# pyright: reportArgumentType=false, reportReturnType=false

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from customer_analytics import tables as T
from dashboard.connection import NothingBuilt, backends, read

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

_AT_LEAST = 50
"""So many are fetched even for a shorter list, since sentiment is known to the warehouse alone."""
_SCORED = {"comment": T.PRED_TWITTER_COMMENTS, "call": T.PRED_CUSTOMER_CALLS}
_COLLECTIONS = {"comment": T.CUSTOMER_COMMENT, "call": T.CUSTOMER_CALL}
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
    """The k best passages: kind, id, customer_id, date, text, sentiment, score (greatest first).

    Score: cosine similarity (vector), BM25 (keyword) or the sum of reciprocal ranks (hybrid). Calls have
    no date, so a condition on dates leaves them out. Raises `VectorStoreError`, `NothingBuilt`.
    """
    import pandas as pd

    if mode not in MODES:
        raise ValueError(f"{mode} is not one of {', '.join(MODES)}")
    vector = None if mode == "keyword" else backends()["embedder"].embed([query])[0]
    by_sentiment = conditions.low > 0 or conditions.high < 1
    wanted = k * 5 if by_sentiment else k
    parts, found_any = [], False
    for kind in conditions.kinds:
        if kind == "call" and (conditions.since or conditions.until):
            continue
        if not backends()["vector_store"].exists(_COLLECTIONS[kind]):
            continue
        found_any = True
        parts.append(_search_one(kind, query, vector, mode, conditions, max(wanted, _AT_LEAST) if by_sentiment else k))
    if not found_any and conditions.kinds == ("comment", "call") and not (conditions.since or conditions.until):
        raise NothingBuilt(T.CUSTOMER_COMMENT.name)
    parts = [p for p in parts if len(p)]
    if not parts:
        return pd.DataFrame(columns=["kind", "id", "customer_id", "date", "text", "score", "sentiment"])
    found = pd.concat(parts, ignore_index=True).sort_values(["score", "id"], ascending=[False, True]).head(wanted)
    found = found.merge(_sentiments(found), on="id", how="left")
    if by_sentiment:
        found = found[found["sentiment"].between(conditions.low, conditions.high)]
    return found.head(k).reset_index(drop=True)


def _search_one(
    kind: str, query: str, vector: np.ndarray | None, mode: str, conditions: Conditions, k: int
) -> pd.DataFrame:
    import pandas as pd

    from customer_analytics.resources.vector_store import hybrid

    store, collection = backends()["vector_store"], _COLLECTIONS[kind]
    columns = ["id", "customer_id", collection.text, *(["date"] if kind == "comment" else [])]
    where = _filter(kind, conditions)
    if vector is None:
        frame = store.keyword(collection, query, k, where, columns).to_pandas()
    elif mode == "vector":
        frame = store.near(collection, vector, k, where, columns).to_pandas()
        frame["score"] = 1 - frame["distance"]
    else:
        frame = hybrid(store, collection, query, vector, k, where, columns).to_pandas()
    frame = frame.assign(kind=kind, id=frame["id"].astype(str)).rename(columns={collection.text: "text"})
    if kind == "call":
        frame["date"] = pd.Series(pd.NaT, index=frame.index, dtype="datetime64[us, UTC]")
    return frame


def _filter(kind: str, conditions: Conditions) -> Any:
    from customer_analytics.resources.vector_store import And, In, Range

    filters: list[Any] = []
    if conditions.customer_id is not None:
        filters.append(In("customer_id", (conditions.customer_id,)))
    if kind == "comment" and (conditions.since or conditions.until):
        start = conditions.since and dt.datetime.combine(conditions.since, dt.time(), dt.UTC)
        end = conditions.until and dt.datetime.combine(conditions.until + dt.timedelta(days=1), dt.time(), dt.UTC)
        filters.append(Range("date", start, end))
    return And(tuple(filters)) if len(filters) > 1 else filters[0] if filters else None


def _sentiments(found: pd.DataFrame) -> pd.DataFrame:
    """id and sentiment of the found passages; none of those not scored yet."""
    import pandas as pd

    parts = []
    for kind, group in found.groupby("kind"):
        table = _SCORED[str(kind)]
        ids = tuple(group["id"])
        try:
            marks = ", ".join(["%s"] * len(ids))
            parts.append(read(f"select id, sentiment from {table.name} where id in ({marks})", ids, (table.name,)))
        except NothingBuilt:
            continue
    return (
        pd.concat(parts, ignore_index=True)
        if parts
        else pd.DataFrame({"id": pd.Series(dtype=str), "sentiment": pd.Series(dtype=float)})
    )
