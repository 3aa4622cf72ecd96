"""Vectors that were computed elsewhere and come with the sources, under `vectors/`."""

import hashlib

import dagster as dg

from customer_analytics.resources.embedder.cache import CachedEmbedder
from customer_analytics.retries import OUTSIDE_WORLD, fails_at_once_if_it_stays
from customer_analytics.sample_data.once import ensure_sample
from customer_analytics.settings import Settings
from customer_analytics.sources.precomputed_vectors import load
from customer_analytics.table_assets import OWNERS
from customer_analytics.tables import COLLECTIONS


@dg.asset(
    name="VECTOR_SNAPSHOT",
    group_name="sources",
    owners=OWNERS,
    kinds={"parquet"},
    code_version="2",
    description="Vectors under vectors/ at SOURCE_URI, checked: the texts that they cover are not embedded again. "
    "Optional: without any, every text is embedded here.",
    retry_policy=OUTSIDE_WORLD,
)
@fails_at_once_if_it_stays
def vector_snapshot(
    context: dg.AssetExecutionContext,
    settings: dg.ResourceParam[Settings],
    embedder: dg.ResourceParam[CachedEmbedder],
) -> dg.MaterializeResult:
    ensure_sample(settings)
    found = {c.name: load(settings.sources, c, embedder) for c in COLLECTIONS}
    snapshots = {name: snapshot for name, snapshot in found.items() if snapshot}
    for snapshot in snapshots.values():
        if snapshot.usable < snapshot.rows:
            context.log.warning(
                f"{snapshot.rows - snapshot.usable} of {snapshot.rows} vectors in {snapshot.shown} are not by "
                f"{embedder.model}: those texts are embedded here"
            )
    versions = repr([(name, s.fingerprint) for name, s in snapshots.items()])
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": sum(s.rows for s in snapshots.values()),
            "usable_vectors": sum(s.usable for s in snapshots.values()),
            "files": [s.shown for s in snapshots.values()],
        },
        data_version=dg.DataVersion(hashlib.sha256(versions.encode()).hexdigest()[:32] if snapshots else "absent"),
    )
