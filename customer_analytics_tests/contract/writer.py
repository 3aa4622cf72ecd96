"""A process that writes to a vector store: `python -m ...contract.writer STORE FIRST COUNT TIMES`.

STORE is a folder (LanceDB) or `url,grpc address` (Weaviate).
It prints one line for each upsert that was acknowledged.
"""

from __future__ import annotations

import sys
from pathlib import Path

from customer_analytics.resources.vector_store import VectorStore
from customer_analytics_tests.contract.vectors import DIMENSION, NOTES, objects


def opened(place: str) -> VectorStore:
    if place.startswith("http"):
        from customer_analytics.resources.vector_store.weaviate import WeaviateVectorStore

        return WeaviateVectorStore(*place.split(","))
    from customer_analytics.resources.vector_store.lancedb import LanceVectorStore

    return LanceVectorStore(Path(place))


def main(place: str, first: int, count: int, times: int) -> None:
    store = opened(place)
    store.ensure(NOTES, DIMENSION)
    for _ in range(times):
        print(store.upsert(NOTES, objects(count, first)), flush=True)
    store.close()


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
