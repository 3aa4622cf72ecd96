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
    import pyarrow as pa

FUSED = 50
"""Reciprocal rank fusion looks at so many of each list."""
_RRF = 60
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
        parts.append(_search_one(kind, query, vector, mode, conditions, max(wanted, FUSED)))
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
    store, collection = backends()["vector_store"], _COLLECTIONS[kind]
    columns = ["id", "customer_id", collection.text, *(["date"] if kind == "comment" else [])]
    where = _filter(kind, conditions)
    near = keyword = None
    if mode != "keyword":
        near = store.near(collection, vector, k, where, columns)
    if mode != "vector":
        keyword = store.keyword(collection, query, k, where, columns)
    if near is None:
        frame = _frame(keyword, "score")
    elif keyword is None:
        frame = _frame(near, "distance")
        frame["score"] = 1 - frame["score"]
    else:
        frame = _fuse(_frame(near, "distance"), _frame(keyword, "score"))
    frame["kind"] = kind
    frame = frame.rename(columns={collection.text: "text"})
    if kind == "call":
        frame["date"] = None
    return frame


def _frame(table: pa.Table | None, score: str) -> pd.DataFrame:
    assert table is not None
    frame = table.to_pandas().rename(columns={score: "score"})
    frame["score"] = frame["score"].astype(float)
    return frame


def _fuse(near: pd.DataFrame, keyword: pd.DataFrame) -> pd.DataFrame:
    """Reciprocal rank fusion of the best 50 of each: the sum of 1 / (60 + rank), ties by id."""
    import pandas as pd

    ranked = [
        part.head(FUSED).assign(score=[1 / (_RRF + r) for r in range(1, min(len(part), FUSED) + 1)])
        for part in (near, keyword)
    ]
    both = pd.concat([r for r in ranked if len(r)] or [near.head(0)], ignore_index=True)
    total = both.groupby("id")["score"].sum()
    fused = both.drop_duplicates("id").drop(columns="score")
    return fused.assign(score=fused["id"].map(total))


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
