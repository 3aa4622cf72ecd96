"""Embedding by many pods: one partition for each bucket of texts, then one file that the pipeline takes up.

Beside the project's own definitions, with `EXECUTOR=k8s` or any run launcher that gives a run a machine of its own:

    dg.Definitions.merge(definitions(), dg.Definitions([comment_vectors, comment_vector_file]))

and `comment_vectors` as a backfill over all partitions. SOURCE_URI must be a place where all of them can write.
"""

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
from upath import UPath

from customer_analytics.resources.embedder import Embedder
from customer_analytics.resources.vector_store.rows import vector_array
from customer_analytics.resources.warehouse import Warehouse
from customer_analytics.settings import Settings

BUCKETS = dg.StaticPartitionsDefinition([f"{number:03}" for number in range(16)])
TEXTS_OF_A_BUCKET = (
    "SELECT DISTINCT REVIEW_TEXT FROM STG_TWITTER_COMMENTS WHERE MOD(ABS(HASH(REVIEW_TEXT)), ?) = ? ORDER BY 1"
)


def folder(settings: Settings) -> UPath:
    return UPath(settings.sources) / "vectors"


@dg.asset(partitions_def=BUCKETS, deps=["STG_TWITTER_COMMENTS"])
def comment_vectors(
    context: dg.AssetExecutionContext,
    settings: dg.ResourceParam[Settings],
    warehouse: dg.ResourceParam[Warehouse],
    embedder: dg.ResourceParam[Embedder],
) -> dg.MaterializeResult:
    """One part: the texts of a bucket with their vectors. Written again, it is the same."""
    bucket = [len(BUCKETS.get_partition_keys()), int(context.partition_key)]
    texts = [str(row[0]) for row in warehouse.session().sql(TEXTS_OF_A_BUCKET, params=bucket).collect()]
    part = folder(settings) / "parts" / f"{context.partition_key}.parquet"
    part.parent.mkdir(parents=True, exist_ok=True)
    rows = pa.table(
        {
            "review_text": pa.array(texts, pa.string()),
            "vector": vector_array(embedder.embed(texts)) if texts else pa.array([], pa.list_(pa.float32())),
            "embedding_model": pa.array([embedder.model] * len(texts), pa.string()),
        }
    )
    with part.open("wb") as file:
        pq.write_table(rows, file)
    return dg.MaterializeResult(metadata={"dagster/row_count": len(texts)})


@dg.asset(deps=[comment_vectors])
def comment_vector_file(settings: dg.ResourceParam[Settings]) -> dg.MaterializeResult:
    """All parts as `vectors/CustomerComment.parquet`: what the collection then need not embed."""
    files = sorted((folder(settings) / "parts").glob("*.parquet"), key=str)
    parts = [pq.read_table(pa.BufferReader(file.read_bytes())) for file in files]
    whole = pa.concat_tables([part for part in parts if part.num_rows])
    with (folder(settings) / "CustomerComment.parquet").open("wb") as file:
        pq.write_table(whole, file)
    return dg.MaterializeResult(metadata={"dagster/row_count": whole.num_rows})
