"""The whole product against the sum of what computes in it.

    python -m benchmarks.end_to_end [--source FOLDER] [--set-up] [--json]

`customer-analytics run` in a fresh home, twice, as a process of its own; memory is the highest sum of the resident
sizes of its processes and the local Snowflake, sampled. Then each part that computes, as a program of its own on
the same input and with nothing cached: embedding of every distinct text, transcription of the calls, training of
both models; and the SQL (the seconds that the server spent on the first run's statements). `times_the_parts`
compares the run with these programs, `times_bare_computing` with their computing alone, without their imports
and the reading of their input.
`--set-up` also makes a fresh virtual environment by `make setup`, with uv's cache as it is.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.structured import Peak

ROOT = Path(__file__).parents[1]
MOST = {"run": 300.0, "run_again": 30.0, "times_the_parts": 1.25, "set_up": 60.0, "peak_mb": 3000.0}


def embedding() -> None:
    from customer_analytics.resources.embedder.minilm import MiniLMEmbedder

    texts = [
        row[0]
        for row in _rows(
            "select review_text from STG_TWITTER_COMMENTS union select review_text from STG_COMMENT_TRAINING "
            "union select transcript from CALL_TRANSCRIPTS where transcript is not null"
        )
    ]
    with tempfile.TemporaryDirectory() as cache, _timed():
        MiniLMEmbedder(Path(cache)).embed(texts)


def transcription() -> None:
    from customer_analytics.resources.transcriber.pocketsphinx import PocketsphinxTranscriber
    from customer_analytics.resources.transcriber.pool import transcribe_files
    from customer_analytics.settings import Settings

    settings = Settings()
    calls = Path(settings.source_uri or settings.home / "sample") / "customer_calls"
    paths = sorted(p for p in calls.iterdir() if p.stat().st_size > 1000) if calls.is_dir() else []
    with _timed():
        for _ in transcribe_files(PocketsphinxTranscriber(), paths):
            pass


def sentiment() -> None:
    from customer_analytics.resources.embedder import embedder_from
    from customer_analytics.sentiment.competition import compete
    from customer_analytics.sentiment.training_set import training_set
    from customer_analytics.settings import Settings

    settings = Settings()
    texts, labels = zip(*_rows("select review_text, label from STG_COMMENT_TRAINING"), strict=True)
    embedder = embedder_from(settings)
    data = training_set(texts, labels, embedder.embed(list(texts)), embedder.model)
    with _timed():
        compete(data, settings.seed)


def lifetime_value() -> None:
    from dataclasses import fields

    from customer_analytics.defs.lifetime_value.training import as_pandas, reference_of
    from customer_analytics.lifetime_value.training import gather, train
    from customer_analytics.resources.warehouse import warehouse_from
    from customer_analytics.settings import Settings
    from customer_analytics.transforms.lifetime_value import Sources, customer_features

    settings = Settings()
    session = warehouse_from(settings).session()
    sources = Sources(**{part.name: session.table(part.name.upper()) for part in fields(Sources)})
    reference = reference_of(sources.orders, settings.reference_date)
    if reference is None:
        print(0.0)
        return
    material = gather(
        lambda cut, days: as_pandas(customer_features(sources, cut, days)),
        reference.cut,
        settings.ltv_horizon_days,
    )
    with _timed():
        train(material, settings.ltv_horizon_days, settings.seed)


PARTS = {part.__name__: part for part in (embedding, transcription, sentiment, lifetime_value)}
"""Each prints its seconds."""


class _timed:
    def __enter__(self) -> None:
        self._began = time.perf_counter()

    def __exit__(self, *error: object) -> None:
        if error[0] is None:
            print(time.perf_counter() - self._began)


def _rows(query: str) -> list[Any]:
    from customer_analytics.resources.warehouse import warehouse_from
    from customer_analytics.settings import Settings

    return warehouse_from(Settings()).session().sql(query).collect()


def measure(source: str | None, home: Path) -> dict[str, float]:
    statements = home.parent / "statements.jsonl"
    environment = {
        **os.environ,
        "CUSTOMER_ANALYTICS_HOME": str(home),
        "SOURCE_URI": source or "",
        "LOCAL_SNOWFLAKE_STATEMENT_LOG": str(statements),
    }
    figures: dict[str, float] = {}
    peak = 0
    for name in ("run", "run_again"):
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "customer_analytics", "run"], env=environment, stdout=subprocess.DEVNULL
        )
        watched = Peak(process.pid, home)
        if process.wait():
            raise SystemExit(f"customer-analytics {name} ended with exit code {process.returncode}")
        figures[name] = time.perf_counter() - began
        peak = max(peak, watched.stop())
        if name == "run":
            lines = statements.read_text().splitlines()
            figures["sql"] = sum(json.loads(line)["seconds"] for line in lines)
            figures["statements"] = len(lines)
    bare = figures["sql"]
    for name in PARTS:
        began = time.perf_counter()
        command = [sys.executable, "-m", "benchmarks.end_to_end", "--part", name]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        figures[name] = time.perf_counter() - began
        bare += float(done.stdout.split()[-1])
    stop = [sys.executable, "-m", "customer_analytics", "warehouse", "stop"]
    subprocess.run(stop, env=environment, capture_output=True, check=False)
    figures["parts"] = sum(figures[name] for name in (*PARTS, "sql"))
    figures["times_the_parts"] = figures["run"] / figures["parts"]
    figures["times_bare_computing"] = figures["run"] / bare
    figures["peak_mb"] = peak
    return figures


def set_up(folder: Path) -> float:
    began = time.perf_counter()
    subprocess.run(["make", "-s", "setup", f"VENV={folder / 'venv'}"], cwd=ROOT, check=True)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("--source", help="A SOURCE_URI; the sample without it")
    parser.add_argument("--set-up", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.part:
        PARTS[given.part]()
        return
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(given.source, Path(folder) / "home")
        if given.set_up:
            figures["set_up"] = set_up(Path(folder))
    if given.json:
        print(json.dumps(figures, indent=1))
        return
    print("| | measured | at most |\n|---|---|---|")
    for name, value in figures.items():
        limit = f"{MOST[name]:g}" if name in MOST else ""
        unit = "" if name in ("statements", "peak_mb") or name.startswith("times") else ", s"
        print(f"| {name.replace('_', ' ')}{unit} | {value:.3g} | {limit} |")


if __name__ == "__main__":
    main()
