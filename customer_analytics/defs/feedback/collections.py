"""The vector collections: what customers said, searchable by meaning."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import dagster as dg
import numpy as np
import pyarrow as pa

from customer_analytics.defs.feedback.progress import Progress
from customer_analytics.resources.embedder.cache import CachedEmbedder
from customer_analytics.resources.vector_store import VectorStore, sync
from customer_analytics.resources.vector_store.inspection import inspect
from customer_analytics.resources.warehouse import Warehouse
from customer_analytics.retries import OUTSIDE_WORLD, fails_at_once_if_it_stays
from customer_analytics.settings import Settings
from customer_analytics.sources.precomputed_vectors import load
from customer_analytics.table_assets import OWNERS
from customer_analytics.table_checks import identifier
from customer_analytics.tables import COLLECTIONS, Collection

CHECKS = {
    "one_object_per_distinct_source_row": "The collection has one object for each distinct key of its source.",
    "ids_are_unique": "No two objects have one id; counts those that do.",
    "no_vector_is_zero": "Every vector has a direction; counts those without.",
    "one_embedding_model": "Every vector is by the embedder in use; counts the objects by others.",
}


def collection_asset(collection: Collection) -> dg.AssetsDefinition:
    @dg.asset(
        name=collection.name,
        group_name="feedback",
        owners=OWNERS,
        kinds={"vectorstore"},
        code_version="2",
        description=collection.description,
        ins={"source": dg.AssetIn(key=collection.source)},
        deps=["VECTOR_SNAPSHOT"],
        retry_policy=OUTSIDE_WORLD,
    )
    @fails_at_once_if_it_stays
    def embed_source(
        context: dg.AssetExecutionContext,
        source: pa.Table,
        settings: dg.ResourceParam[Settings],
        embedder: dg.ResourceParam[CachedEmbedder],
        vector_store: dg.ResourceParam[VectorStore],
    ) -> dg.MaterializeResult:
        progress = Progress(context.log.info, f"{collection.name}: objects embedded and written")
        before = embedder.computed
        report = sync(
            vector_store,
            collection,
            source,
            _embed(settings, collection, embedder, progress),
            model=embedder.model,
            dimension=embedder.dimension,
            progress=progress,
        )
        found = inspect(vector_store, collection)
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": found.objects,
                "dimension": embedder.dimension,
                "embedding_model": embedder.model,
                "fingerprint": found.fingerprint,
                "vector_store": vector_store.name,
                "inserted": report.inserted,
                "changed": report.changed,
                "unchanged": report.unchanged,
                "deleted": report.deleted,
                "equal_source_rows": report.duplicates,
                "embedded_now": embedder.computed - before,
            },
            data_version=dg.DataVersion(found.fingerprint),
        )

    return embed_source


def _embed(
    settings: Settings, collection: Collection, embedder: CachedEmbedder, progress: Progress
) -> Callable[[Sequence[str]], np.ndarray]:
    """The embedder, which at its first use has taken in the vectors that came with the sources."""
    loaded = False

    def embed(texts: Sequence[str]) -> np.ndarray:
        nonlocal loaded
        if not loaded:
            load(settings.sources, collection, embedder)
            loaded = True
        do = embedder.embed_whole if collection.read_whole else embedder.embed
        return do(texts, progress.within)

    return embed


def collection_checks(collection: Collection) -> dg.AssetChecksDefinition:
    key = dg.AssetKey(collection.name)

    @dg.multi_asset_check(
        name=f"check_{collection.name.lower()}",
        specs=[
            dg.AssetCheckSpec(name, asset=key, description=text, blocking=True, additional_deps=[collection.source])
            for name, text in CHECKS.items()
        ],
        description=f"{collection.name} is its source, embedded by one model.",
        retry_policy=OUTSIDE_WORLD,
    )
    def check(
        warehouse: dg.ResourceParam[Warehouse],
        embedder: dg.ResourceParam[CachedEmbedder],
        vector_store: dg.ResourceParam[VectorStore],
    ) -> Iterator[dg.AssetCheckResult]:
        found = inspect(vector_store, collection)
        keys = ", ".join(map(identifier, collection.key))
        distinct = f"SELECT COUNT(*) FROM (SELECT DISTINCT {keys} FROM {identifier(collection.source)})"
        row: Any = warehouse.session().sql(distinct).collect()[0]
        expected = int(row[0])
        by_others = found.objects - found.models.get(embedder.model, 0)
        observed = {
            "one_object_per_distinct_source_row": (found.objects, expected),
            "ids_are_unique": (found.repeated_ids, 0),
            "no_vector_is_zero": (found.zero_vectors, 0),
            "one_embedding_model": (by_others, 0),
        }
        for name, (value, wanted) in observed.items():
            yield dg.AssetCheckResult(
                check_name=name,
                asset_key=key,
                passed=value == wanted,
                metadata={"observed": value, "threshold": wanted},
            )

    return check


assets = [collection_asset(c) for c in COLLECTIONS]
checks = [collection_checks(c) for c in COLLECTIONS]
