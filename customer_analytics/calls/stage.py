"""Keep the stage CALL_STAGE equal to the recordings at SOURCE_URI: new and changed ones go up, others are removed."""

from __future__ import annotations

import datetime as dt
import errno
import hashlib
import lzma
import shutil
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from customer_analytics.addresses import without_credentials
from customer_analytics.calls import CALL_STAGE, RejectedRecording, rejected_rows
from customer_analytics.calls.recordings import LARGEST_BYTES, NAME, Recording, Source, Unusable, open_source
from customer_analytics.sources import SourceError, SourceUnreachable

if TYPE_CHECKING:
    from snowflake.snowpark import Session

_BLOCK_BYTES = 1024 * 1024
_DAMAGED = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError, NotImplementedError, ValueError)
_ITS_OWN = (errno.ENOENT, errno.EACCES, errno.EPERM, errno.EISDIR, errno.ENOTDIR, errno.ELOOP, errno.EINVAL)
"""Errors of one file. Any other of the system (network, full disk) says nothing about the recording."""
_UPLOAD_FILES = 200
_UPLOAD_BYTES = 2**30
"""Recordings that lie on the local disk at once on their way to the stage, and about how large they are."""


@dataclass(frozen=True)
class StagedCalls:
    """What one `stage_calls` found and did, in recordings."""

    source: str | None
    """Where they are; None where there is no source of calls."""
    total: int
    uploaded: int
    removed: int
    rejected: int
    fingerprint: str
    """Changes when a recording in the stage does."""


def create_stage(session: Session) -> None:
    """Make the stage when it is missing. Encrypted by the server: presigned links and MD5 of the content need it."""
    session.sql(
        f"CREATE STAGE IF NOT EXISTS {CALL_STAGE} ENCRYPTION = (TYPE = 'SNOWFLAKE_SSE') DIRECTORY = (ENABLE = TRUE)"
    ).collect()


def directory(session: Session) -> dict[str, str]:
    """MD5 of each file in the stage, by its path there.

    On an account, a file above 64 MB goes up in parts, and what stands here is not the MD5 of its
    content: it is uploaded again by each run, and still transcribed once.
    """
    session.sql(f"ALTER STAGE {CALL_STAGE} REFRESH").collect()
    rows: list[Any] = session.sql(
        f"SELECT RELATIVE_PATH, MD5 FROM DIRECTORY(@{CALL_STAGE}) ORDER BY RELATIVE_PATH"
    ).collect()
    return {row[0]: row[1] for row in rows}


def stage_path(name: str) -> str:
    """The stage's address of a file, as a quoted literal for REMOVE and GET."""
    escaped = name.replace("\\", "\\\\").replace("'", "\\'")
    return f"'@{CALL_STAGE}/{escaped}'"


def stage_calls(session: Session, uri: str, work: Path, now: dt.datetime) -> StagedCalls:
    """Bring the stage up to date; broken names and empty files go to STG_REJECTED. `work` is an empty folder.

    SourceError when the source of calls was there and is gone: the stage keeps what it has.
    """
    from customer_analytics.sources.rejected import replace_rejected

    create_stage(session)
    staged = directory(session)
    with open_source(uri) as source:
        if source is None:
            if staged:
                raise SourceError(
                    f"{NAME} was at SOURCE_URI and is gone, while {CALL_STAGE} holds {len(staged)} calls: bring it back"
                )
            replace_rejected(session, CALL_STAGE, rejected_rows(CALL_STAGE, [], now))
            return StagedCalls(None, 0, 0, 0, 0, "absent")
        removed = _remove_gone(session, staged, source)
        if removed:
            # REMOVE takes a prefix: should it have met another name, that one goes up again.
            staged = directory(session)
        uploaded, broken = _upload_new(session, staged, source, work)
    rejected = source.rejected + broken
    replace_rejected(session, CALL_STAGE, rejected_rows(CALL_STAGE, rejected, now))
    held = directory(session)
    fingerprint = hashlib.sha256(repr(sorted(held.items())).encode()).hexdigest()[:32]
    return StagedCalls(source.shown, len(held), uploaded, removed, len(rejected), fingerprint)


def _remove_gone(session: Session, staged: dict[str, str], source: Source) -> int:
    gone = sorted(set(staged) - {r.name for r in source.recordings})
    for name in gone:
        session.sql(f"REMOVE {stage_path(name)}").collect()
    return len(gone)


def _upload_new(
    session: Session, staged: dict[str, str], source: Source, work: Path
) -> tuple[int, list[RejectedRecording]]:
    uploaded, waiting, size = 0, 0, 0
    broken: list[RejectedRecording] = []
    for recording in source.recordings:
        path = work / recording.name
        reason, md5 = _fetch(recording, path)
        if reason:
            broken.append(RejectedRecording(recording.shown, reason))
            if recording.name in staged:
                # It was whole once: what it holds now decides, so the old one does not stay.
                session.sql(f"REMOVE {stage_path(recording.name)}").collect()
        if reason or staged.get(recording.name) == md5:
            path.unlink(missing_ok=True)
            continue
        uploaded, waiting, size = uploaded + 1, waiting + 1, size + path.stat().st_size
        if waiting == _UPLOAD_FILES or size >= _UPLOAD_BYTES:
            _put(session, work)
            waiting, size = 0, 0
    if waiting:
        _put(session, work)
    return uploaded, broken


def _fetch(recording: Recording, path: Path) -> tuple[str | None, str]:
    """Copy the recording here: why it cannot be read, or None, and its MD5."""
    digest = hashlib.md5(usedforsecurity=False)
    size = 0
    try:
        with recording.open() as file, path.open("wb") as copy:
            while block := file.read(_BLOCK_BYTES):
                digest.update(block)
                copy.write(block)
                size += len(block)
                if size > LARGEST_BYTES:
                    return f"it is larger than {LARGEST_BYTES / 2**30:.0f} GB: cut it", ""
    except Unusable as error:
        return f"it cannot be read: {error}", ""
    except _DAMAGED as error:
        # One entry of a zip can be damaged while the others are whole.
        return f"it cannot be read ({type(error).__name__}: {error})", ""
    except OSError as error:
        if error.errno not in _ITS_OWN and not isinstance(error, FileNotFoundError | PermissionError):
            raise SourceUnreachable(
                f"The recording {recording.shown} cannot be copied ({without_credentials(str(error))}):"
                " check the access to SOURCE_URI and the space on the disk"
            ) from None
        return f"it cannot be read ({type(error).__name__})", ""
    return (None if size else "the recording is empty (0 bytes)"), digest.hexdigest()


def _put(session: Session, work: Path) -> None:
    """Upload every file of the folder in one statement, and empty it."""
    session.file.put(f"{work}/*", f"@{CALL_STAGE}", auto_compress=False, overwrite=True)
    shutil.rmtree(work)
    work.mkdir()
