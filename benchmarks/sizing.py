"""The sizing on paper of docs/production.md, computed from measured rates: `python -m benchmarks.sizing` prints it.

New measurements go into MEASURED and STRUCTURED, prices and assumptions into RATES, and nothing else needs a change:
`--write` puts the tables into the page. A test compares the page with it.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).resolve().parents[1] / "docs" / "production.md"
BEGIN, END = "<!-- written by benchmarks/sizing.py -->", "<!-- end -->"
HOUR, DAY = 3600.0, 86400.0


@dataclass(frozen=True)
class Rate:
    """One figure that the sizing starts from."""

    value: float
    unit: str
    source: str
    """m: measured while this was built, on 2 cores; d: documented or listed by the vendor; a: assumed."""


@dataclass(frozen=True)
class Structured:
    """Source files to the seven structured tables with all checks; 10 sessions a customer."""

    work_seconds: float
    process_seconds: float
    peak_megabytes: float
    plain_duckdb_seconds: float


# --------------------------------------------------------------------------------------- measured, on 2 cores
MEASURED = {
    "texts embedded a second": 75.6,  # python -m benchmarks.feedback --only embedding (98 tokens each)
    "seconds to transcribe a second of speech": 0.138,  # python -m benchmarks.feedback --only transcription (one core)
    "Weaviate, objects first written a second": 12_638 / 8.2,  # python -m benchmarks.vector_stores --weaviate URL GRPC
    "Weaviate, objects read with vectors a second": 12_638 / 1.1,  # the same
}
STRUCTURED = {  # python -m benchmarks.structured; by customers
    10_000: Structured(6.0, 15.5, 631, 0.7),
    100_000: Structured(11.5, 20.3, 1019, 3.7),
}
# --------------------------------------------------------------------------------------------------------------

CUSTOMERS, SESSIONS, COMMENTS, CALLS = 10_000_000, 1_000_000_000, 100_000_000, 1_000_000
RATES = {
    "embedding, MiniLM by onnxruntime, 2 cores, 98 tokens each": Rate(
        MEASURED["texts embedded a second"], "texts/s", "m"
    ),
    "Weaviate, first upsert, one client": Rate(
        MEASURED["Weaviate, objects first written a second"], "objects of 384 floats/s", "m"
    ),
    "Weaviate, all objects read with vectors": Rate(
        MEASURED["Weaviate, objects read with vectors a second"], "objects/s", "m"
    ),
    "transcription, pocketsphinx, one core": Rate(
        MEASURED["seconds to transcribe a second of speech"], "s a second of speech", "m"
    ),
    "structured part, 10,000 customers, 100,000 sessions": Rate(STRUCTURED[10_000].work_seconds, "s", "m"),
    "structured part, 100,000 customers, 1,000,000 sessions": Rate(STRUCTURED[100_000].work_seconds, "s", "m"),
    "OpenAI text-embedding-3-small": Rate(0.02, "dollars a million tokens", "d"),
    "Snowflake, warehouse MEDIUM": Rate(4, "credits an hour", "d"),
    "a credit": Rate(3, "dollars", "a"),
    "Snowflake storage": Rate(23, "dollars a TB and month", "a"),
    "a session row in Snowflake, compressed": Rate(40, "bytes", "a"),
    "links of the vector index": Rate(600, "bytes an object", "a"),
    "a core": Rate(0.04, "dollars an hour", "a"),
    "a node of 8 cores and 32 GB": Rate(0.40, "dollars an hour", "a"),
    "a call": Rate(180, "s of speech", "a"),
    "new a day, of comments": Rate(0.001, "of all", "a"),
    "the warehouse is awake": Rate(1, "hour a day", "a"),
}
CORES, NODES = 64, 8


def rate(begins: str) -> float:
    (found,) = [r.value for name, r in RATES.items() if name.startswith(begins)]
    return found


def span(seconds: float) -> str:
    for unit, size in (("days", DAY), ("hours", HOUR), ("minutes", 60.0)):
        if seconds >= 1.5 * size:
            return f"{seconds / size:,.1f} {unit}" if seconds < 20 * size else f"{seconds / size:,.0f} {unit}"
    return f"{seconds:.0f} s"


def derived() -> list[tuple[str, str, str]]:
    """Step, derivation, result."""
    embed = COMMENTS / rate("embedding")
    core_hours = embed * 2 / HOUR
    upsert = COMMENTS / rate("Weaviate, first")
    per_session = (rate("structured part, 100,000") - rate("structured part, 10,000")) / 900_000
    speech = CALLS * rate("a call")
    heard = speech * rate("transcription")
    plain, quantised = (COMMENTS * (size + rate("links")) / 1e9 for size in (384 * 4, 384 / 8))
    vectors_gb = COMMENTS * 384 * 4 / 1e9
    tokens = COMMENTS * 98
    storage_gb = SESSIONS * rate("a session row") / 1e9
    new = COMMENTS * rate("new a day")
    awake = 30 * rate("the warehouse") * rate("Snowflake, warehouse") * rate("a credit")
    nodes = NODES * rate("a node") * 24 * 30
    return [
        (
            "embed all comments, own cores",
            f"{COMMENTS:,} / {rate('embedding'):.0f} a second = {span(embed)} on 2 cores, {core_hours:,.0f} core-hours",
            f"{span(core_hours * HOUR / CORES)} on {CORES} cores, {core_hours * rate('a core'):,.0f} dollars",
        ),
        (
            "the same by OpenAI",
            f"{COMMENTS:,} x 98 tokens = {tokens / 1e9:.1f} billion",
            f"{tokens / 1e6 * rate('OpenAI'):,.0f} dollars; the limit of tokens a minute decides the time",
        ),
        (
            "upsert into Weaviate",
            f"{COMMENTS:,} / {rate('Weaviate, first'):.0f} = {span(upsert)} by one client",
            f"{span(upsert / NODES)} by {NODES} clients to {NODES} nodes, if it scales (a)",
        ),
        (
            "memory of Weaviate",
            f"{COMMENTS:,} x (1,536 + {rate('links'):.0f}) bytes = {plain:.0f} GB",
            f"{NODES} nodes of 32 GB, {nodes:,.0f} dollars a month; with binary quantisation {quantised:.0f} GB",
        ),
        (
            "transcribe all calls",
            f"{speech / HOUR:,.0f} hours x {rate('transcription'):g} = {heard / HOUR:,.0f} core-hours",
            f"{span(heard / CORES)} on {CORES} cores, {heard / HOUR * rate('a core'):,.0f} dollars",
        ),
        (
            "all sessions as files through one machine",
            f"({rate('structured part, 100,000'):g} - {rate('structured part, 10,000'):g}) s / 900,000 sessions "
            f"x {SESSIONS:,}",
            f"{span(per_session * SESSIONS)}: load them by Snowflake itself",
        ),
        (
            "sessions in Snowflake",
            f"{SESSIONS:,} x {rate('a session row'):.0f} bytes = {storage_gb:.0f} GB",
            f"{storage_gb / 1000 * rate('Snowflake storage'):.2f} dollars a month",
        ),
        (
            "Snowflake computing",
            f"30 x {rate('the warehouse'):.0f} hour x {rate('Snowflake, warehouse'):.0f} credits "
            f"x {rate('a credit'):.0f} dollars",
            f"{awake:,.0f} dollars a month",
        ),
        (
            "score all vectors through one machine",
            f"{vectors_gb:.0f} GB, read at {rate('Weaviate, all'):,.0f} objects a second",
            f"{span(COMMENTS / rate('Weaviate, all'))}",
        ),
        (
            "each day: embed what is new",
            f"{new:,.0f} / {rate('embedding'):.0f} a second",
            f"{span(new / rate('embedding'))} on 2 cores",
        ),
        (
            "each day: upsert what is new",
            f"{new:,.0f} / {rate('Weaviate, first'):.0f} a second",
            f"{span(new / rate('Weaviate, first'))}",
        ),
        (
            "each day: compare all objects with the source",
            f"{COMMENTS:,} / {rate('Weaviate, all'):,.0f} a second (ids and hashes alone are less)",
            f"at most {span(COMMENTS / rate('Weaviate, all'))} by one client: one collection a month instead",
        ),
    ]


def tables() -> str:
    """The three tables as Markdown."""
    lines = ["| rate | | |", "|---|---|---|"]
    lines += [
        f"| {name} | {r.value:,.0f} {r.unit} | {r.source} |"
        if r.value >= 10
        else f"| {name} | {r.value:g} {r.unit} | {r.source} |"
        for name, r in RATES.items()
    ]
    lines += ["", "| step | derivation | result |", "|---|---|---|"]
    lines += [f"| {step} | {how} | {result} |" for step, how, result in derived()]
    lines += [
        "",
        "The rates of the structured part (files to the seven tables with all checks, on the local Snowflake; 10",
        "sessions, 3 subscription periods, 2 orders a customer; `python -m benchmarks.structured`):",
        "",
        "| customers | run | whole process | peak memory | plain DuckDB |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {customers:,} | {s.work_seconds:g} s | {s.process_seconds:g} s | {s.peak_megabytes:,.0f} MB "
        f"| {s.plain_duckdb_seconds:g} s |"
        for customers, s in STRUCTURED.items()
    ]
    return "\n".join(lines)


def page() -> str:
    """The page with the tables of now."""
    before, rest = PAGE.read_text().split(BEGIN)
    return f"{before}{BEGIN}\n{tables()}\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    if "--write" in sys.argv:
        PAGE.write_text(page())
    else:
        print(tables())
