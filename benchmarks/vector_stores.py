"""Vector stores: upsert, second upsert, vector, keyword and hybrid search on either store; memory at a million rows.

    python -m benchmarks.vector_stores [--rows 12638] [--million] [--weaviate URL GRPC] [--json FILE]

LanceDB always runs; Weaviate with --weaviate, against the bare client writing the same objects into a
collection of the same settings. Vectors are random unit vectors of 384 floats, the hardest case for HNSW.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from customer_analytics.resources.vector_store import VectorStore, content_hash, hybrid, object_ids
from customer_analytics.resources.vector_store.lancedb import LanceVectorStore
from customer_analytics.resources.vector_store.rows import matrix_of, schema_of, vector_array
from customer_analytics.tables import TEXT, Collection, Column

DIMENSION = 384
NOTES = Collection("BenchmarkNotes", "Random notes.", "text", ("text",), (Column("text", TEXT, "A text"),))
_WORDS = np.array([f"word{i}" for i in range(3000)] + ["broke", "after", "a", "week"])


def objects(count: int, seed: int) -> pa.Table:
    """Random objects: a text of 90 words, a unit vector."""
    random = np.random.default_rng(seed)
    vectors = random.normal(size=(count, DIMENSION)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    texts = [f"{seed} {i} " + " ".join(w) for i, w in enumerate(_WORDS[random.integers(0, len(_WORDS), (count, 90))])]
    ids = object_ids(NOTES, pa.table({"text": texts}))
    own = [pa.array(ids), vector_array(vectors), pa.array(map(content_hash, texts)), pa.array(["benchmark"] * count)]
    return pa.Table.from_arrays([*own, pa.array(texts)], schema=schema_of(NOTES, DIMENSION))


def _seconds(action: Callable[[], Any]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def _p50_ms(action: Callable[[], Any], times: int = 50) -> float:
    action()
    return 1000 * statistics.median(_seconds(action) for _ in range(times))


def measure(store: VectorStore, rows: pa.Table) -> dict[str, float]:
    """Seconds of writing and reading all, milliseconds (p50 of 50) of each search for 10 objects."""
    store.drop(NOTES)
    store.ensure(NOTES, DIMENSION)
    query = matrix_of(rows)[7] + np.float32(0.01)
    figures = {
        "upsert_seconds": _seconds(lambda: store.upsert(NOTES, rows)),
        "upsert_again_seconds": _seconds(lambda: store.upsert(NOTES, rows)),
        "maintain_seconds": _seconds(lambda: store.maintain(NOTES)),
        "scan_seconds": _seconds(lambda: sum(b.num_rows for b in store.scan(NOTES))),
        "near_p50_ms": _p50_ms(lambda: store.near(NOTES, query)),
        "keyword_p50_ms": _p50_ms(lambda: store.keyword(NOTES, "broke after a week")),
        "hybrid_p50_ms": _p50_ms(lambda: hybrid(store, NOTES, "broke after a week", query)),
    }
    store.drop(NOTES)
    return figures


def measure_bare_weaviate(url: str, grpc: str, rows: pa.Table) -> dict[str, float]:
    """Seconds of the bare client's own batching for the same objects into the same settings."""
    import weaviate

    from customer_analytics.resources.vector_store.weaviate_schema import HASH_PREFIX, collection_config

    host, port = url.removeprefix("http://").split(":")
    records, vectors = rows.drop_columns(["vector"]).to_pylist(), matrix_of(rows).tolist()
    with weaviate.connect_to_local(host, int(port), int(grpc.rsplit(":", 1)[1])) as client:
        client.collections.delete(NOTES.name)
        target = client.collections.create(**collection_config(NOTES, DIMENSION))

        def write() -> None:
            with target.batch.fixed_size(200, concurrent_requests=2) as batch:
                for record, vector in zip(records, vectors, strict=True):
                    properties = {k: v for k, v in record.items() if k != "id"}
                    properties[f"{HASH_PREFIX}text"] = record["content_hash"]
                    batch.add_object(properties, uuid=record["id"], vector=vector)

        figures = {"upsert_seconds": _seconds(write), "upsert_again_seconds": _seconds(write)}
        client.collections.delete(NOTES.name)
    return figures


def measure_million(count: int = 1_000_000) -> dict[str, float]:
    """LanceDB in a process of its own: writes and reads `count` rows in parts; its peak memory in MB."""
    code = f"from benchmarks.vector_stores import _million; _million({count})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def _million(count: int) -> None:
    import resource

    with tempfile.TemporaryDirectory() as folder:
        store = LanceVectorStore(Path(folder))
        store.ensure(NOTES, DIMENSION)
        part = 10_000
        start = time.perf_counter()
        for i in range(count // part):
            store.upsert(NOTES, objects(part, i))
        written = time.perf_counter() - start
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        start = time.perf_counter()
        seen = sum(b.num_rows for b in store.scan(NOTES))
        figures = {
            "rows": seen,
            "write_seconds": written,
            "scan_seconds": time.perf_counter() - start,
            "peak_mb_after_writing": before,
            "peak_mb_after_scanning": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }
        print(json.dumps(figures))


def run(rows: int, weaviate: tuple[str, str] | None = None, million: bool = False) -> dict[str, dict[str, float]]:
    """Every figure, by store."""
    table = objects(rows, 0)
    figures: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        figures["lancedb"] = measure(LanceVectorStore(Path(folder)), table)
    if weaviate:
        from customer_analytics.resources.vector_store.weaviate import WeaviateVectorStore

        store = WeaviateVectorStore(*weaviate)
        figures["weaviate, bare client"] = measure_bare_weaviate(*weaviate, table)
        figures["weaviate"] = measure(store, table)
        store.close()
    if million:
        figures["lancedb, a million"] = measure_million()
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=12_638)
    parser.add_argument("--million", action="store_true")
    parser.add_argument("--weaviate", nargs=2, metavar=("URL", "GRPC"))
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    figures = run(given.rows, tuple(given.weaviate) if given.weaviate else None, given.million)
    for store, values in figures.items():
        for name, value in values.items():
            print(f"{store:<24}{name:<26}{value:>12.2f}")
    if given.json:
        given.json.write_text(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
