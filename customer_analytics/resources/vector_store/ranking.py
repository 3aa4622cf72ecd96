"""Orders that every store gives alike: nearest by cosine, best by BM25, and the fusion of the two."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa

from customer_analytics.resources.vector_store.protocol import Filter, VectorStore
from customer_analytics.resources.vector_store.rows import ID, check_k, matrix_of, names_of
from customer_analytics.tables import Collection

DISTANCE, SCORE = "distance", "score"
# Equal texts have equal vectors, so ties are normal. Stores compute in float32: what agrees to this is a tie.
TIE = 1e-6
# Candidates asked for beyond k, so that most ties at the edge are seen by the first query.
_MARGIN = 10


def nearest(fetch: Callable[[int], pa.Table], vector: np.ndarray, k: int, columns: Sequence[str]) -> pa.Table:
    """The k nearest of what `fetch(limit)` finds, with `distance`; `fetch` gives the rows with their vectors.

    The store only proposes: distances are computed again in float64, so that they do not depend on
    the store, and more is fetched while objects that tie with the k-th may be missing.
    """
    query = vector.astype(np.float64)
    query /= np.linalg.norm(query)

    def measured(rows: pa.Table) -> np.ndarray:
        matrix = matrix_of(rows).astype(np.float64)
        # einsum, not a matrix product: equal rows must give equal sums wherever they stand.
        return 1 - np.einsum("ij,j->i", matrix, query) / np.sqrt(np.einsum("ij,ij->i", matrix, matrix))

    return _top(fetch, measured, k, columns, DISTANCE)


def best(fetch: Callable[[int], pa.Table], k: int, columns: Sequence[str], score_column: str) -> pa.Table:
    """The k best of what `fetch(limit)` finds by its column `score_column`, as `score`; ties by id."""

    def measured(rows: pa.Table) -> np.ndarray:
        return -rows.column(score_column).to_numpy().astype(np.float64)

    return _top(fetch, measured, k, columns, SCORE)


def _top(
    fetch: Callable[[int], pa.Table],
    measure: Callable[[pa.Table], np.ndarray],
    k: int,
    columns: Sequence[str],
    name: str,
) -> pa.Table:
    limit = k + _MARGIN
    while True:
        rows = fetch(limit)
        cost = measure(rows) if rows.num_rows else np.empty(0)
        ranked = np.sort(cost)
        if rows.num_rows < limit or ranked[-1] > ranked[k - 1] + 2 * TIE:
            break
        limit *= 4
    ids = np.array(rows.column(ID).to_pylist(), dtype=str)
    order = np.lexsort((ids, np.round(cost / TIE)))[:k]
    values = cost[order] if name == DISTANCE else -cost[order]
    return rows.take(pa.array(order)).select(list(columns)).append_column(name, pa.array(values, pa.float64()))


def reciprocal_ranks(lists: Iterable[Sequence[str]], constant: int = 60) -> dict[str, float]:
    """For each id in lists of distinct ids, best first: the sum of 1 / (constant + rank), ranks from 1.

    Reciprocal rank fusion (Cormack, Clarke, Büttcher 2009).
    """
    scores: dict[str, float] = {}
    for found in lists:
        for rank, id_ in enumerate(found, start=1):
            scores[id_] = scores.get(id_, 0.0) + 1 / (constant + rank)
    return scores


def hybrid(
    store: VectorStore,
    collection: Collection,
    query: str,
    vector: np.ndarray,
    k: int = 10,
    where: Filter | None = None,
    columns: Sequence[str] | None = None,
    *,
    depth: int = 50,
    constant: int = 60,
) -> pa.Table:
    """The k best by meaning and words together, with `score`, best first, ties by id.

    The score is that of `reciprocal_ranks` in the top `depth` of `near` and of `keyword`. Ranks are
    all that two stores agree on, so the fusion is done here and not in either.
    """
    check_k(k)
    names = names_of(collection, columns, vector=False)
    wanted = list(dict.fromkeys([ID, *names]))
    depth = max(depth, k)
    # Both wait for the store, not for Python: together they take as long as the slower one.
    with ThreadPoolExecutor(1) as other:
        by_words = other.submit(store.keyword, collection, query, depth, where, wanted)
        by_meaning = store.near(collection, vector, depth, where, wanted)
        lists = [by_meaning.drop_columns([DISTANCE]), by_words.result().drop_columns([SCORE])]
    scores = reciprocal_ranks((found.column(ID).to_pylist() for found in lists), constant)
    rows = pa.concat_tables(lists)
    place = {id_: i for i, id_ in reversed(list(enumerate(rows.column(ID).to_pylist())))}
    order = sorted(scores, key=lambda id_: (-scores[id_], id_))[:k]
    found = rows.take(pa.array([place[id_] for id_ in order], pa.int64())).select(names)
    return found.append_column(SCORE, pa.array([scores[id_] for id_ in order], pa.float64()))
