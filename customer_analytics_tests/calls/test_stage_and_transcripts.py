"""On the local Snowflake: what goes up, what is heard, and what a crash in the middle loses."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import signal
import zipfile
from pathlib import Path

import numpy as np
import pytest

from customer_analytics.calls.stage import StagedCalls, directory, stage_calls
from customer_analytics.calls.transcripts import transcribe_calls
from customer_analytics.resources.transcriber.journal import Journal
from customer_analytics.sources import SourceError, SourceUnreachable
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


class Fatal(Listener):
    """Its process is killed on the recording that is so long."""

    def __init__(self, at: float) -> None:
        super().__init__()
        self.at = at

    def transcribe(self, samples: np.ndarray) -> str:
        if round(len(samples) / 16_000, 1) == self.at:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().transcribe(samples)


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


AWKWARD = ["6-call 2 ü'\"#%.wav", "7-a.b.c.WAV", "8-(x) [y] {z} $HOME;&|`.wav", "9-שלום 😀.wav", "10-%20+=,.wav",
           "11-.wav", "12-a.wav", "12-a.wav.wav", "0012-b?*.wav"]  # fmt: skip


@pytest.mark.parametrize("archived", [False, True], ids=["folder", "zip"])
def test_names_as_people_give_them(session, tmp_path: Path, journal: Journal, archived: bool) -> None:
    root = tmp_path / "awkward"
    calls = root / "customer_calls" / "year 2026"
    calls.mkdir(parents=True)
    for i, name in enumerate(AWKWARD, 1):
        (calls / name).write_bytes(encoded(tone(i / 10), "wav"))
    if archived:
        shutil.make_archive(str(root / "customer_calls"), "zip", root / "customer_calls")
        shutil.rmtree(root / "customer_calls")
    staged = stage(session, root, tmp_path)
    assert (staged.total, staged.rejected) == (len(AWKWARD), 0)
    heard = {r["RELATIVE_PATH"]: r for r in transcribe_calls(session, Listener(), journal).rows.to_pylist()}
    assert set(heard) == set(AWKWARD)
    assert {name: heard[name]["TRANSCRIPT"] for name in AWKWARD} == {
        name: f"{i / 10} seconds" for i, name in enumerate(AWKWARD, 1)
    }
    assert [heard[name]["CUSTOMER_ID"] for name in AWKWARD] == [6, 7, 8, 9, 10, 11, 12, 12, 12]
    assert stage(session, root, tmp_path).uploaded == 0


def test_a_call_that_is_renamed_moves_and_one_that_is_removed_goes(
    session, root: Path, tmp_path: Path, journal: Journal
) -> None:
    stage(session, root, tmp_path)
    transcribe_calls(session, Listener(), journal)
    calls = root / "customer_calls"
    (calls / "1-call '1'.wav").rename(calls / "20-renamed.wav")
    (calls / "2-call '2'.wav").unlink()
    stage(session, root, tmp_path)
    heard = transcribe_calls(session, Listener(), journal)
    assert heard.transcribed == 0
    assert [(r["CALL_ID"], r["CUSTOMER_ID"], r["TRANSCRIPT"]) for r in heard.rows.to_pylist()] == [
        ("20-renamed", 20, "0.1 seconds"),
        ("3-call '3'", 3, "0.3 seconds"),
    ]


def test_entries_that_cannot_be_unpacked_are_rejected_and_the_others_go_up(session, root: Path, tmp_path: Path) -> None:
    calls = root / "customer_calls"
    spoken = encoded(tone(0.3), "wav")
    with zipfile.ZipFile(root / "customer_calls.zip", "w") as archive:
        archive.writestr("1-fine.wav", spoken)
        archive.writestr("2-bomb.wav", bytes(60 * 2**20), zipfile.ZIP_DEFLATED)
        archive.writestr("3-damaged.wav", spoken, zipfile.ZIP_LZMA)
        archive.writestr("4-encrypted.wav", spoken)
        archive.writestr("5-link.wav", "/etc/passwd")
        archive.getinfo("5-link.wav").external_attr = 0o120777 << 16
        archive.getinfo("4-encrypted.wav").flag_bits |= 1
        damaged = archive.getinfo("3-damaged.wav")
    shutil.rmtree(calls)
    content = bytearray((root / "customer_calls.zip").read_bytes())
    start = damaged.header_offset + 30 + len(damaged.filename) + 20
    content[start : start + 200] = bytes(200)
    (root / "customer_calls.zip").write_bytes(bytes(content))
    staged = stage(session, root, tmp_path)
    assert set(directory(session)) == {"1-fine.wav", "5-link.wav"}
    reasons = rejected(session)
    assert set(reasons) == {"2-bomb.wav", "3-damaged.wav", "4-encrypted.wav"}
    assert staged.rejected == 3
    assert "as no recording does" in reasons["2-bomb.wav"]
    assert "encrypted" in reasons["4-encrypted.wav"]


def test_a_recording_that_vanishes_is_rejected_and_trouble_of_the_system_is_not_its_fault(
    session, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk or a network that is away must not empty the stage."""
    from customer_analytics.calls import recordings

    stage(session, root, tmp_path)
    opened = recordings._local

    def failing(error: OSError):
        def local(path: str):
            if path.endswith("2-call '2'.wav"):
                raise error
            return opened(path)

        return local

    for error in (
        OSError(28, "No space left on device"),
        TimeoutError("timed out"),
        ConnectionResetError(104, "reset"),
    ):
        monkeypatch.setattr(recordings, "_local", failing(error))
        with pytest.raises(SourceUnreachable, match="cannot be copied"):
            stage(session, root, tmp_path)
        assert len(directory(session)) == 3
    monkeypatch.setattr(recordings, "_local", failing(FileNotFoundError(2, "No such file")))
    assert (stage(session, root, tmp_path).total, list(rejected(session))) == (2, ["2-call '2'.wav"])


def test_a_killed_process_is_not_held_against_a_recording(
    session, root: Path, tmp_path: Path, journal: Journal
) -> None:
    stage(session, root, tmp_path)
    heard = transcribe_calls(session, Fatal(at=0.2), journal)
    assert [(r.source_file, "process died" in r.reason) for r in heard.rejected] == [("2-call '2'.wav", True)]
    again = transcribe_calls(session, Listener(), journal)
    assert (again.transcribed, again.rows.num_rows, again.rejected) == (1, 3, [])


def test_a_damaged_journal_is_begun_anew(session, root: Path, tmp_path: Path, journal: Journal) -> None:
    stage(session, root, tmp_path)
    heard = transcribe_calls(session, Listener(), journal)
    session.create_dataframe(heard.rows.to_pandas()).write.save_as_table("CALL_TRANSCRIPTS", mode="overwrite")
    journal.path.write_bytes(b"not a database at all" * 100)
    again = transcribe_calls(session, Listener(), journal)
    assert (again.transcribed, again.fingerprint) == (0, heard.fingerprint)
    assert len(list(tmp_path.glob("journal.sqlite.broken-*"))) == 1
