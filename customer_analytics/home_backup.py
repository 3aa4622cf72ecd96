"""A backup of the whole home folder while it is in use, and back.

- The local Snowflake is frozen (SIGSTOP) while its files are copied: its clients wait, none fails. What is copied is
  what a power cut would leave, which it recovers from when it starts: everything committed, nothing else.
- Vectors are written as a snapshot (Parquet), which reads one version of each collection.
- SQLite files (Dagster's runs, caches) are copied by SQLite's own backup.
- Dagster's records go first: what a run builds meanwhile is newer than they say, and the next run looks at it again.
  The other way round, they would claim what the copied warehouse does not hold.
`manifest.json` is written last: a folder without it is no backup.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import json
import os
import shutil
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from customer_analytics.embedded_data import PARTS, remove
from customer_analytics.local_snowflake import lifecycle

if TYPE_CHECKING:
    from customer_analytics.settings import Settings

FORMAT = 1
COPIED = ("dagster", "sample", "cache")
_OF_SQLITE = ("-wal", "-shm", "-journal")
_OF_ONE_LIFE = {"server.json", "data.lock", "start.lock"}
"""Files of a server's life: who runs, on which port, with which token."""


class BackupError(Exception):
    """Why there is no backup, or why one is not brought back."""


def backup(settings: Settings, out: Path) -> dict[str, int]:
    """Write the home folder to `out`, which must be new or empty; bytes by part. `BackupError` where it cannot."""
    out = out.expanduser().resolve()
    if out.exists() and any(out.iterdir()):
        raise BackupError(f"{out} is not empty: name a new folder")
    if out == settings.home or settings.home in out.parents:
        raise BackupError(f"{out} is inside of the home folder: name a folder elsewhere, best on another disk")
    if not settings.home.is_dir():
        raise BackupError(f"There is nothing at {settings.home} yet")
    out.mkdir(parents=True, exist_ok=True, mode=0o700)
    parts = {"dagster": _copy(settings.home / "dagster", out / "dagster")}
    with _frozen(settings.home / "warehouse"):
        parts["warehouse"] = _copy(settings.home / "warehouse", out / "warehouse")
    parts |= {part: _copy(settings.home / part, out / part) for part in ("sample", "cache")}
    parts["vectors"] = _snapshot_of_vectors(settings, out / "vectors")
    manifest = {"format": FORMAT, "made_at": dt.datetime.now(dt.UTC).isoformat(), "bytes": parts}
    (out / "manifest.json").write_text(json.dumps(manifest, indent=2))
    return parts


def restore(settings: Settings, source: Path, replace: bool = False) -> dict[str, int]:
    """Bring a backup back into a home folder that holds no data yet; bytes by part.

    With `replace`, what the folder holds is removed first. Runs that the backup saw in progress count as failed.
    """
    try:
        manifest: dict[str, Any] = json.loads((source / "manifest.json").read_text())
    except (OSError, ValueError) as error:
        raise BackupError(f"{source} is no whole backup: it has no readable manifest.json") from error
    if manifest.get("format") != FORMAT:
        raise BackupError(f"{source} is a backup of format {manifest.get('format')}, and this version reads {FORMAT}")
    for part, size in manifest.get("bytes", {}).items():
        if _size(source / part) != size:
            raise BackupError(f"{source} is damaged: {part} has {_size(source / part)} bytes, and had {size}")
    for part in PARTS:
        if (settings.home / part).exists() and any((settings.home / part).iterdir()) and part != "logs" and not replace:
            raise BackupError(
                f"{settings.home} holds data ({part}): name an empty folder with CUSTOMER_ANALYTICS_HOME, "
                "or say --yes to replace what is there"
            )
    if replace and settings.home.exists():
        remove(settings)
    settings.home.mkdir(parents=True, exist_ok=True)
    parts = {part: _copy(source / part, settings.home / part, in_use=False) for part in ("warehouse", *COPIED)}
    if (settings.home / "warehouse").is_dir():
        (settings.home / "warehouse").chmod(0o700)
    parts["vectors"] = _restore_vectors(settings, source / "vectors")
    _end_unfinished_runs(settings)
    return parts


def _size(folder: Path) -> int:
    files = (file for file in folder.rglob("*") if file.is_file() and not file.name.endswith(_OF_SQLITE))
    return sum(file.stat().st_size for file in files)


def _end_unfinished_runs(settings: Settings) -> None:
    """Their processes are not here: left as they are, they would hold their place in the queue."""
    if settings.dagster_postgres_url or not (settings.home / "dagster").is_dir():
        return
    import dagster as dg
    from dagster._core.storage.dagster_run import FINISHED_STATUSES

    from customer_analytics.dagster_home import instance

    unfinished = [s for s in dg.DagsterRunStatus if s not in FINISHED_STATUSES]
    with instance(settings) as storage:
        for run in storage.get_runs(dg.RunsFilter(statuses=unfinished)):
            storage.report_run_failed(run, "It was in progress when the backup was made, and has ended with it.")


@contextmanager
def _frozen(folder: Path) -> Iterator[None]:
    """No server starts in the folder, and one that runs stands still."""
    if not folder.is_dir():
        yield
        return
    with (folder / "start.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        state = lifecycle.running(folder)
        if state is None:
            yield
            return
        os.kill(state.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(state.pid, signal.SIGCONT)


def _copy(source: Path, target: Path, in_use: bool = True) -> int:
    """Copy a folder, SQLite files in use by their own backup; bytes written. A file that goes away is left out.

    A backup is only read: SQLite would leave files of its own beside those that it opens.
    """
    written = 0
    for path in sorted(source.rglob("*")) if source.is_dir() else ():
        if path.is_symlink() or path.name in _OF_ONE_LIFE or path.name.endswith(_OF_SQLITE):
            continue
        goal = target / path.relative_to(source)
        with contextlib.suppress(FileNotFoundError):
            if path.is_dir():
                goal.mkdir(parents=True, exist_ok=True)
            elif path.is_file():
                goal.parent.mkdir(parents=True, exist_ok=True)
                (_copy_file if in_use else shutil.copy2)(path, goal)
                written += goal.stat().st_size
    return written


def _copy_file(path: Path, goal: Path) -> None:
    with path.open("rb") as file:
        is_sqlite = file.read(16) == b"SQLite format 3\0"
    if not is_sqlite:
        shutil.copy2(path, goal)
        return
    with (
        contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=60)) as there,
        contextlib.closing(sqlite3.connect(goal)) as here,
    ):
        there.backup(here)


def _snapshot_of_vectors(settings: Settings, out: Path) -> int:
    """Parquet of the collections in the folder; a Weaviate server has its own backup."""
    if settings.weaviate_url or not (settings.home / "vectors").is_dir():
        return 0
    from customer_analytics.resources.vector_store import snapshot, vector_store_from

    store = vector_store_from(settings)
    try:
        snapshot(store, out)
    finally:
        store.close()
    return sum(f.stat().st_size for f in out.rglob("*.parquet")) if out.is_dir() else 0


def _restore_vectors(settings: Settings, source: Path) -> int:
    if settings.weaviate_url or not source.is_dir():
        return 0
    from customer_analytics.resources.vector_store import restore as restore_snapshot
    from customer_analytics.resources.vector_store import vector_store_from

    store = vector_store_from(settings)
    try:
        restore_snapshot(store, source)
    finally:
        store.close()
    return sum(f.stat().st_size for f in source.rglob("*.parquet"))
