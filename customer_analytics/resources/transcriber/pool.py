"""Many recordings at once: a process for each core, and one bad recording stops none of the others."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

from customer_analytics.resources.transcriber import SAMPLE_RATE, Transcriber
from customer_analytics.resources.transcriber.audio import BrokenRecording, decode


@dataclass(frozen=True)
class Outcome:
    """What became of one recording: what was heard in it, or why nothing could be."""

    transcript: str | None
    duration_seconds: float | None
    reason: str | None
    """None when it was transcribed."""


DIED = Outcome(None, None, "the transcriber's process died on it: it may be damaged, or too long")
"""Also what a lack of memory looks like, or somebody's kill: it is not remembered, the next run tries again."""


def transcribe_one(transcriber: Transcriber, path: Path) -> Outcome:
    """Decode and transcribe one file in this process."""
    try:
        samples = decode(path.read_bytes())
    except BrokenRecording as broken:
        return Outcome(None, None, str(broken))
    seconds = len(samples) / SAMPLE_RATE
    text = transcriber.transcribe(samples)
    if not text.strip():
        return Outcome(None, seconds, f"no speech was heard in its {seconds:.1f} seconds")
    return Outcome(text, seconds, None)


def transcribe_files(transcriber: Transcriber, paths: Sequence[Path]) -> Iterator[tuple[Path, Outcome]]:
    """Every file with its outcome, as each is done. A recording that kills its process has that as its reason.

    The processes are started afresh (spawn), so that no lock or client of this one is in them. An error of
    the transcriber itself (its model cannot be loaded) is raised.
    """
    # Longest first: otherwise one long call at the end keeps one core busy and the others idle.
    waiting = sorted(paths, key=lambda p: p.stat().st_size, reverse=True)
    workers = max(1, min(transcriber.processes, len(waiting)))
    while waiting:
        done = set[Path]()
        for path, outcome in _round(transcriber, waiting, workers):
            done.add(path)
            yield path, outcome
        waiting = [p for p in waiting if p not in done]
        # A process died. Each had the next recording in line: those go alone, then the rest together again.
        for path in waiting[:workers]:
            alone = list(_round(transcriber, [path], 1))
            yield alone[0] if alone else (path, DIED)
        waiting = waiting[workers:]


def _round(transcriber: Transcriber, paths: Sequence[Path], workers: int) -> Iterator[tuple[Path, Outcome]]:
    """Outcomes until all are done or a process dies."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_load, initargs=(transcriber,)) as pool:
        futures: dict[Future[Outcome], Path] = {}
        with suppress(BrokenProcessPool):  # as early as this, when it died at once
            for path in paths:
                futures[pool.submit(_work, path)] = path
        try:
            for future in as_completed(futures):
                with suppress(BrokenProcessPool):
                    yield futures[future], future.result()
        except BaseException:
            # Stopped from outside or failed: what has not begun is not begun.
            pool.shutdown(wait=False, cancel_futures=True)
            raise


_transcriber: Transcriber | None = None


def _load(transcriber: Transcriber) -> None:
    global _transcriber
    _transcriber = transcriber
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A run that is killed leaves nobody who would end its processes: they wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(path: Path) -> Outcome:
    if _transcriber is None:
        raise RuntimeError("this process has no transcriber: `_load` was not called in it")
    return transcribe_one(_transcriber, path)
