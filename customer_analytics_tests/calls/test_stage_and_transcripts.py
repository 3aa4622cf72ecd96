"""On the local Snowflake: what goes up, what is heard, and what a crash in the middle loses."""

from __future__ import annotations

import datetime as dt
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

from customer_analytics.calls.stage import StagedCalls, directory, stage_calls
from customer_analytics.calls.transcripts import transcribe_calls
from customer_analytics.resources.transcriber.journal import Journal
from customer_analytics.sources import SourceError
from customer_analytics_tests.resources.transcriber.recorded import encoded, tone

NOW = dt.datetime(2026, 3, 1)


class Listener:
    """Hears how long a recording is; from a given one on, its process is gone."""

    name = "listener:1"
    processes = 1

    def __init__(self, fail_at: float | None = None) -> None:
        self.fail_at = fail_at

    def transcribe(self, samples: np.ndarray) -> str:
        seconds = round(len(samples) / 16_000, 1)
        if seconds == self.fail_at:
            raise KeyError("out of order")
        return f"{seconds} seconds"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "source"
    calls = root / "customer_calls"
    calls.mkdir(parents=True)
    for i in range(1, 4):
        (calls / f"{i}-call '{i}'.wav").write_bytes(encoded(tone(i / 10), "wav"))
    return root


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal.sqlite")


def stage(session, root: Path, tmp_path: Path) -> StagedCalls:
    work = tmp_path / "work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    return stage_calls(session, str(root), work, NOW)


def rejected(session) -> dict[str, str]:
    return {r[0]: r[1] for r in session.sql("SELECT SOURCE_FILE, REASON FROM STG_REJECTED").collect()}


def test_only_new_and_changed_recordings_go_up(session, root: Path, tmp_path: Path) -> None:
    first = stage(session, root, tmp_path)
    assert (first.total, first.uploaded, first.removed) == (3, 3, 0)
    again = stage(session, root, tmp_path)
    assert (again.uploaded, again.fingerprint) == (0, first.fingerprint)
    calls = root / "customer_calls"
    (calls / "1-call '1'.wav").write_bytes(encoded(tone(0.5), "wav"))
    (calls / "2-call '2'.wav").unlink()
    (calls / "4-new.wav").write_bytes(encoded(tone(0.4), "wav"))
    (calls / "5-empty.wav").write_bytes(b"")
    changed = stage(session, root, tmp_path)
    assert (changed.total, changed.uploaded, changed.removed, changed.rejected) == (3, 2, 1, 1)
    assert changed.fingerprint != first.fingerprint
    assert set(directory(session)) == {"1-call '1'.wav", "3-call '3'.wav", "4-new.wav"}
    assert rejected(session) == {"5-empty.wav": "the recording is empty (0 bytes)"}


def test_a_zip_is_the_same_as_a_folder(session, root: Path, tmp_path: Path) -> None:
    first = stage(session, root, tmp_path)
    with zipfile.ZipFile(root / "customer_calls.zip", "w") as archive:
        for path in (root / "customer_calls").iterdir():
            archive.write(path, f"customer_calls/{path.name}")
    shutil.rmtree(root / "customer_calls")
    again = stage(session, root, tmp_path)
    assert (again.uploaded, again.removed, again.fingerprint) == (0, 0, first.fingerprint)


def test_no_calls_at_all_is_an_empty_table_and_calls_that_are_gone_are_an_error(
    session, root: Path, tmp_path: Path, journal: Journal
) -> None:
    nowhere = tmp_path / "nowhere"
    nowhere.mkdir()
    assert stage(session, nowhere, tmp_path).source is None
    assert transcribe_calls(session, Listener(), journal).rows.num_rows == 0
    stage(session, root, tmp_path)
    with pytest.raises(SourceError, match="is gone"):
        stage(session, nowhere, tmp_path)
    assert len(directory(session)) == 3


def test_each_recording_is_heard_once_and_broken_ones_stop_nothing(
    session, root: Path, tmp_path: Path, journal: Journal
) -> None:
    calls = root / "customer_calls"
    (calls / "7-silent.wav").write_bytes(encoded(tone(0.6, loudness=0), "wav"))
    shutil.copy(calls / "3-call '3'.wav", calls / "8-same-sound.wav")
    stage(session, root, tmp_path)
    heard = transcribe_calls(session, Listener(), journal)
    assert heard.transcribed == 4  # three sounds, one of them under two names, and the silent one
    rows = heard.rows.to_pylist()
    assert [(r["CALL_ID"], r["CUSTOMER_ID"], r["TRANSCRIPT"]) for r in rows] == [
        ("1-call '1'", 1, "0.1 seconds"),
        ("2-call '2'", 2, "0.2 seconds"),
        ("3-call '3'", 3, "0.3 seconds"),
        ("8-same-sound", 8, "0.3 seconds"),
    ]
    assert [(r.source_file, r.reason) for r in heard.rejected] == [("7-silent.wav", "the recording is silent")]
    again = transcribe_calls(session, Listener(), journal)
    assert (again.transcribed, again.rows, again.rejected) == (0, heard.rows, heard.rejected)
    other = Listener()
    other.name = "listener:2"
    assert transcribe_calls(session, other, journal).transcribed == 4


def test_a_stop_in_the_middle_keeps_what_was_heard(session, root: Path, tmp_path: Path, journal: Journal) -> None:
    stage(session, root, tmp_path)
    with pytest.raises(KeyError):
        transcribe_calls(session, Listener(fail_at=0.1), journal)
    # The longest come first, so two were done.
    assert {o.transcript for o, _ in journal.known("listener:1").values()} == {"0.2 seconds", "0.3 seconds"}
    assert transcribe_calls(session, Listener(), journal).transcribed == 1


def test_a_new_machine_takes_the_transcripts_from_the_table(
    session, root: Path, tmp_path: Path, journal: Journal
) -> None:
    stage(session, root, tmp_path)
    heard = transcribe_calls(session, Listener(), journal)
    session.create_dataframe(heard.rows.to_pandas()).write.save_as_table("CALL_TRANSCRIPTS", mode="overwrite")
    again = transcribe_calls(session, Listener(), Journal(tmp_path / "empty.sqlite"))
    assert again.transcribed == 0
    assert again.fingerprint == heard.fingerprint
