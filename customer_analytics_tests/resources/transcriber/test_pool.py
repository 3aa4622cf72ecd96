from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from customer_analytics.resources.transcriber import TranscriberError, pool, transcriber_from
from customer_analytics.resources.transcriber.journal import Journal
from customer_analytics.resources.transcriber.pocketsphinx import PocketsphinxTranscriber
from customer_analytics.resources.transcriber.pool import Outcome, transcribe_files, transcribe_one
from customer_analytics.settings import Settings
from customer_analytics_tests.resources.transcriber.recorded import SPOKEN, encoded, tone


class Scripted:
    """Says how long the recording is and in which process it was heard; long ones are fatal, as told."""

    name = "scripted"

    def __init__(self, processes: int = 2, *, fatal: float = 99, failing: float = 99, mute: float = 99) -> None:
        self.meeting: Path | None = None
        self.processes = processes
        self.fatal, self.failing, self.mute = fatal, failing, mute

    def transcribe(self, samples: np.ndarray) -> str:
        seconds = round(len(samples) / 16_000, 1)
        if seconds == self.fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        if seconds == self.failing:
            raise TranscriberError("the model is not there: fetch it")
        if seconds == self.mute:
            return "  "
        self._meet()
        return f"{seconds} {os.getpid()}"

    def _meet(self) -> None:
        """Wait until as many processes as were asked for have come here."""
        if self.meeting:
            (self.meeting / str(os.getpid())).touch()
            patience = time.monotonic() + 120
            while len(list(self.meeting.iterdir())) < self.processes and time.monotonic() < patience:
                time.sleep(0.05)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """0.1 to 0.8 seconds."""
    paths = [tmp_path / f"{i}.wav" for i in range(1, 9)]
    for i, path in enumerate(paths, 1):
        path.write_bytes(encoded(tone(i / 10), "wav"))
    return paths


def test_every_file_has_its_own_outcome(files: list[Path]) -> None:
    files[3].write_bytes(b"no audio")
    outcomes = dict(transcribe_files(Scripted(mute=0.6), files))
    assert set(outcomes) == set(files)
    assert outcomes[files[0]].transcript.split()[0] == "0.1"
    assert outcomes[files[0]].duration_seconds == pytest.approx(0.1)
    assert "not audio" in outcomes[files[3]].reason
    assert outcomes[files[5]].reason == "no speech was heard in its 0.6 seconds"
    assert sum(o.reason is None for o in outcomes.values()) == 6


@pytest.mark.parametrize("asked", [1, 2])
def test_as_many_processes_work_as_the_transcriber_asks_for(files: list[Path], tmp_path: Path, asked: int) -> None:
    transcriber = Scripted(asked)
    transcriber.meeting = tmp_path / "meeting"
    transcriber.meeting.mkdir()
    heard = {o.transcript.split()[1] for _, o in transcribe_files(transcriber, files)}
    assert len(heard) == asked
    assert str(os.getpid()) not in heard


def test_a_recording_that_kills_its_process_stops_no_other(files: list[Path]) -> None:
    outcomes = dict(transcribe_files(Scripted(fatal=0.4), files))
    assert set(outcomes) == set(files)
    assert "process died" in outcomes[files[3]].reason
    assert [o.reason for p, o in outcomes.items() if p != files[3]] == [None] * 7


def test_after_a_death_all_processes_work_again(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    rounds: list[tuple[int, int]] = []
    a_round = pool._round

    def counted(transcriber: Scripted, paths: list[Path], workers: int):
        rounds.append((len(paths), workers))
        return a_round(transcriber, paths, workers)

    monkeypatch.setattr(pool, "_round", counted)
    outcomes = dict(transcribe_files(Scripted(fatal=0.8), files))
    assert [p for p, o in outcomes.items() if o.reason] == [files[7]]
    assert rounds[:3] == [(8, 2), (1, 1), (1, 1)]
    ((left, workers),) = rounds[3:]
    assert left >= 5
    assert workers == 2


_KILLED = """
import os, sys, time
from pathlib import Path
from customer_analytics.resources.transcriber.pool import transcribe_files

class Slow:
    name, processes = "slow", 2
    def __init__(self, place): self.place = place
    def transcribe(self, samples):
        (Path(self.place) / str(os.getpid())).touch()
        time.sleep(600)

if __name__ == "__main__":
    list(transcribe_files(Slow(sys.argv[1]), [Path(p) for p in sys.argv[2:]]))
"""


def test_processes_end_with_a_run_that_is_killed(files: list[Path], tmp_path: Path) -> None:
    script, place = tmp_path / "run.py", tmp_path / "workers"
    script.write_text(_KILLED)
    place.mkdir()
    run = subprocess.Popen([sys.executable, str(script), str(place), *map(str, files)])

    def until(condition: Callable[[], bool]) -> bool:
        patience = time.monotonic() + 120
        while not condition() and time.monotonic() < patience:
            time.sleep(0.1)
        return condition()

    def alive(pid: int) -> bool:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        # What nobody has waited for yet is still listed.
        status = Path(f"/proc/{pid}/status")
        return not status.is_file() or "State:\tZ" not in status.read_text()

    assert until(lambda: len(list(place.iterdir())) == 2)
    run.kill()
    run.wait()
    assert until(lambda: not any(alive(int(p.name)) for p in place.iterdir()))


def test_an_error_of_the_transcriber_itself_is_raised(files: list[Path]) -> None:
    with pytest.raises(TranscriberError, match="fetch it"):
        list(transcribe_files(Scripted(failing=0.8), files))


def test_no_files_no_processes() -> None:
    assert list(transcribe_files(Scripted(), [])) == []


def test_speech_is_heard_and_the_same_whatever_came_before(tmp_path: Path) -> None:
    transcriber = PocketsphinxTranscriber()
    first = transcribe_one(transcriber, SPOKEN)
    assert first.reason is None
    words = first.transcript.split()
    assert {"ridiculous", "subscription", "march", "money"} <= set(words)
    other = tmp_path / "other.wav"
    other.write_bytes(encoded(np.random.default_rng(1).normal(scale=0.3, size=(1, 30_000)).astype(np.float32), "wav"))
    transcribe_one(transcriber, other)
    assert transcribe_one(transcriber, SPOKEN) == first


def test_what_ends_with_a_whole_frame_is_heard_too() -> None:
    """pocketsphinx's Segmenter alone drops it."""
    from customer_analytics.resources.transcriber.audio import decode

    samples = decode(SPOKEN.read_bytes())
    loud = np.flatnonzero(np.abs(samples) > 0.05)[-1]
    samples = samples[: loud // 480 * 480]
    assert "ridiculous" in PocketsphinxTranscriber().transcribe(samples)


def test_settings_choose_the_transcriber(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert transcriber_from(Settings()).name == "pocketsphinx:en-us"
    monkeypatch.setenv("TRANSCRIBER", "whisper")
    assert transcriber_from(Settings()).name == "whisper:tiny.en"
    names = set()
    for content in (b"one", b"two"):
        (tmp_path / "mine.pt").write_bytes(content)
        monkeypatch.setenv("WHISPER_MODEL", str(tmp_path / "mine.pt"))
        names.add(transcriber_from(Settings()).name)
    assert len(names) == 2
    assert all(name.startswith("whisper:mine@") for name in names)


def test_the_journal_keeps_outcomes_by_content_and_transcriber(tmp_path: Path) -> None:
    at = dt.datetime(2026, 3, 1, 12, 30, 15, 123456)
    journal = Journal(tmp_path / "new" / "journal.sqlite")
    assert journal.known("a") == {}
    journal.keep("m1", "a", Outcome("hello \u05e9 'quoted'", 1.5, None), at)
    journal.keep("m2", "a", Outcome(None, None, "the recording is silent"), at)
    journal.keep("m1", "b", Outcome("other", 1.5, None), at)
    again = Journal(journal.path).known("a")
    assert again == {
        "m1": (Outcome("hello \u05e9 'quoted'", 1.5, None), at),
        "m2": (Outcome(None, None, "the recording is silent"), at),
    }
