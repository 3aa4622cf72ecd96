"""The vector store: what customers said, searchable by meaning. LanceDB in a folder, or Weaviate."""

from __future__ import annotations

from customer_analytics.resources.vector_store.identity import content_hash, object_id, object_ids
from customer_analytics.resources.vector_store.protocol import (
    And,
    Filter,
    In,
    IsNull,
    Range,
    VectorStore,
    VectorStoreError,
)
from customer_analytics.resources.vector_store.ranking import hybrid, reciprocal_ranks
from customer_analytics.resources.vector_store.snapshots import (
    Snapshot,
    backup,
    open_snapshot,
    restore,
    restore_backup,
    snapshot,
)
from customer_analytics.resources.vector_store.synchronise import SyncReport, sync
from customer_analytics.settings import Settings

__all__ = [
    "And",
    "Filter",
    "In",
    "IsNull",
    "Range",
    "Snapshot",
    "SyncReport",
    "VectorStore",
    "VectorStoreError",
    "backup",
    "content_hash",
    "hybrid",
    "object_id",
    "object_ids",
    "open_snapshot",
    "reciprocal_ranks",
    "restore",
    "restore_backup",
    "snapshot",
    "sync",
    "vector_store_from",
]


def vector_store_from(settings: Settings) -> VectorStore:
    """Weaviate when WEAVIATE_URL is set, otherwise LanceDB under the home folder. Nothing connects yet."""
    if settings.weaviate_url:
        from customer_analytics.resources.vector_store.weaviate import WeaviateVectorStore

        return WeaviateVectorStore.from_settings(settings)
    from customer_analytics.resources.vector_store.lancedb import LanceVectorStore

    return LanceVectorStore(settings.home / "vectors")
