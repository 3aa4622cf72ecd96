"""The rows of CALL_TRANSCRIPTS: what is in CALL_STAGE, each recording transcribed once by one transcriber."""

from __future__ import annotations

import datetime as dt
import hashlib
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from customer_analytics.calls import RejectedRecording
from customer_analytics.calls.recordings import customer_of
from customer_analytics.calls.stage import directory, stage_path
from customer_analytics.resources.transcriber import Transcriber
from customer_analytics.resources.transcriber.journal import Journal
from customer_analytics.resources.transcriber.pool import DIED, Outcome, transcribe_files
from customer_analytics.tables import CALL_TRANSCRIPTS

if TYPE_CHECKING:
    import pyarrow as pa
    from snowflake.snowpark import Session

Known = dict[str, tuple[Outcome, dt.datetime]]
"""Outcome and its time (UTC, without a zone) by MD5 of the recording."""
_DOWNLOAD_FILES = 200
"""Recordings that lie on the local disk at once."""


@dataclass(frozen=True)
class Transcripts:
    """Every staged recording, as a row or as rejected."""

    rows: pa.Table
    rejected: list[RejectedRecording]
    transcribed: int
    """Recordings that the transcriber heard now; the others were known."""
    fingerprint: str
    """Changes when a transcript does, or who made it."""


def transcribe_calls(
    session: Session,
    transcriber: Transcriber,
    journal: Journal,
    progress: Callable[[int, int], None] | None = None,
) -> Transcripts:
    """Transcribe what this transcriber has not heard yet. Each outcome is in the journal at once.

    `progress(done, to_do)` is called after each recording.
    """
    staged = directory(session)
    known = _earlier(session, transcriber.name) | journal.known(transcriber.name)
    # Two files with one content are transcribed once.
    names = {md5: name for name, md5 in sorted(staged.items(), reverse=True) if md5 not in known}
    to_do, done = sorted(names.items(), key=lambda item: item[1]), 0
    for start in range(0, len(to_do), _DOWNLOAD_FILES):
        with tempfile.TemporaryDirectory(prefix="customer-analytics-calls-") as folder:
            paths = _download(session, to_do[start : start + _DOWNLOAD_FILES], Path(folder))
            for path, outcome in transcribe_files(transcriber, list(paths)):
                md5, now = paths[path], dt.datetime.now(dt.UTC).replace(tzinfo=None)
                if outcome is not DIED:
                    journal.keep(md5, transcriber.name, outcome, now)
                known[md5] = outcome, now
                done += 1
                if progress:
                    progress(done, len(to_do))
    rows, rejected = _rows(staged, known, transcriber.name)
    # All but the time: hearing the same again changes nothing.
    fingerprint = hashlib.sha256(repr([row[:-1] for row in rows]).encode()).hexdigest()[:32]
    return Transcripts(_table(rows), rejected, len(to_do), fingerprint)


def _earlier(session: Session, transcriber: str) -> Known:
    """What the table holds by this transcriber: on a new machine there is no journal yet."""
    from snowflake.snowpark.exceptions import SnowparkSQLException

    columns = "CONTENT_MD5, TRANSCRIPT, DURATION_SECONDS, TRANSCRIBED_AT"
    try:
        rows: list[Any] = session.sql(
            f"SELECT {columns} FROM {CALL_TRANSCRIPTS.name} WHERE TRANSCRIBER = ?", params=[transcriber]
        ).collect()
    except SnowparkSQLException as error:
        if error.sql_error_code == 2003:  # the table does not exist: this is the first run
            return {}
        raise
    return {row[0]: (Outcome(row[1], row[2], None), row[3]) for row in rows}


def _download(session: Session, files: list[tuple[str, str]], folder: Path) -> dict[Path, str]:
    """The recordings as local files, each with its MD5."""
    paths: dict[Path, str] = {}
    for number, (md5, name) in enumerate(files):
        # A folder for each: GET takes a prefix, and can bring a file with a longer name beside it.
        own = folder / str(number)
        own.mkdir()
        session.file.get(stage_path(name), str(own))
        paths[own / name] = md5
    return paths


def _rows(staged: dict[str, str], known: Known, transcriber: str) -> tuple[list[tuple], list[RejectedRecording]]:
    rows, rejected = [], []
    for name, md5 in sorted(staged.items()):
        outcome, at = known[md5]
        if outcome.reason or outcome.transcript is None:
            rejected.append(RejectedRecording(name, outcome.reason or "nothing was heard in it"))
            continue
        call_id = PurePosixPath(name).stem
        rows.append(
            (call_id, customer_of(name), name, outcome.transcript, outcome.duration_seconds, md5, transcriber, at)
        )
    return rows, rejected


def _table(rows: list[tuple]) -> pa.Table:
    import pyarrow as pa

    types = {"customer_id": pa.int64(), "duration_seconds": pa.float64(), "transcribed_at": pa.timestamp("us")}
    names = CALL_TRANSCRIPTS.column_names
    columns = zip(*rows, strict=True) if rows else ((),) * len(names)
    return pa.table(
        [pa.array(values, types.get(name, pa.string())) for name, values in zip(names, columns, strict=True)],
        names=[name.upper() for name in names],
    )
