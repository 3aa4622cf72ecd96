from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from customer_analytics.calls.recordings import Recording, Unusable, customer_of, open_source
from customer_analytics.sources import SourceError, SourceUnreachable


def folder_of(root: Path, *names: str) -> Path:
    for name in names:
        path = root / "customer_calls" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return root


def content(recording: Recording) -> bytes:
    with recording.open() as file:
        return file.read()


def zip_of(root: Path, *names: str) -> Path:
    with zipfile.ZipFile(root / "customer_calls.zip", "w") as archive:
        for name in names:
            archive.writestr(name, name.encode())
    return root


@pytest.mark.parametrize("make", [folder_of, zip_of])
def test_recordings_are_found_by_name(tmp_path: Path, make) -> None:
    make(tmp_path, "6-a.wav", "deep/er/54-it's a b.OGG", "8-x-y.m4a", "9-z.mp3", "10-q.flac")
    with open_source(str(tmp_path)) as source:
        found = {r.name: (r.call_id, r.customer_id, content(r).decode()) for r in source.recordings}
    assert found == {
        "6-a.wav": ("6-a", 6, "6-a.wav"),
        "54-it's a b.OGG": ("54-it's a b", 54, "deep/er/54-it's a b.OGG"),
        "8-x-y.m4a": ("8-x-y", 8, "8-x-y.m4a"),
        "9-z.mp3": ("9-z", 9, "9-z.mp3"),
        "10-q.flac": ("10-q", 10, "10-q.flac"),
    }
    assert source.rejected == []


@pytest.mark.parametrize("make", [folder_of, zip_of])
def test_what_cannot_be_a_call_is_rejected_with_its_reason(tmp_path: Path, make) -> None:
    make(tmp_path, "call.wav", "-a.wav", "x6-a.wav", "6.wav", "6-a.txt", "6-a.wav", "b/6-a.mp3", "-6-a.wav", "6-.wav",
         "99999999999999999999-a.wav", ".DS_Store", "__MACOSX/6-a.wav", "more.zip")  # fmt: skip
    with open_source(str(tmp_path)) as source:
        reasons = {r.source_file: r.reason for r in source.rejected}
    assert [r.name for r in source.recordings] == ["6-.wav", "6-a.wav"]
    assert set(reasons) == {
        "call.wav", "-a.wav", "x6-a.wav", "6.wav", "6-a.txt", "b/6-a.mp3", "-6-a.wav", "99999999999999999999-a.wav",
        "more.zip",
    }  # fmt: skip
    assert "customer id" in reasons["call.wav"]
    assert "wav, mp3" in reasons["6-a.txt"]
    assert reasons["b/6-a.mp3"] == "the call 6-a stands there already, as 6-a.wav"


@pytest.mark.parametrize(
    "name", ["../6-a.wav", "x/../../6-a.wav", "/6-a.wav", "C:\\6-a.wav", "..\\6-a.wav", "C:6-a.wav"]
)
def test_an_entry_cannot_escape_its_folder(tmp_path: Path, name: str) -> None:
    zip_of(tmp_path, name, "7-ok.wav")
    with open_source(str(tmp_path)) as source:
        assert [r.name for r in source.recordings] == ["7-ok.wav"]
        assert [r.reason for r in source.rejected] == ["its path leads out of the folder: it is not unpacked"]


def test_no_calls_are_no_error_but_a_broken_zip_or_two_sources_are(tmp_path: Path) -> None:
    with open_source(str(tmp_path)) as source:
        assert source is None
    (tmp_path / "customer_calls.zip").write_bytes(b"PK\x03\x04 not a zip")
    with pytest.raises(SourceError, match=r"customer_calls\.zip is not a whole zip"), open_source(str(tmp_path)):
        pass
    folder_of(tmp_path, "6-a.wav")
    with pytest.raises(SourceError, match="both customer_calls/ and"), open_source(str(tmp_path)):
        pass


def test_any_file_system_of_fsspec_will_do() -> None:
    import fsspec

    memory = fsspec.filesystem("memory")
    memory.pipe("/calls-test/customer_calls/6-a.wav", b"sound")
    with open_source("memory://calls-test") as source:
        assert [(r.name, r.open().read()) for r in source.recordings] == [("6-a.wav", b"sound")]
    memory.rm("/calls-test", recursive=True)


def test_leading_zeros_are_no_other_customer() -> None:
    assert customer_of("0006-a.wav") == 6


def test_one_call_twice_in_a_zip_is_there_once(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        zip_of(tmp_path, "6-a.wav", "6-a.wav")
    with open_source(str(tmp_path)) as source:
        assert [r.name for r in source.recordings] == ["6-a.wav"]
        assert [r.reason for r in source.rejected] == ["the call 6-a stands there already, as 6-a.wav"]


def test_a_link_that_leads_nowhere_or_in_circles_stops_nothing(tmp_path: Path) -> None:
    folder_of(tmp_path, "6-a.wav")
    calls = tmp_path / "customer_calls"
    (calls / "7-gone.wav").symlink_to(tmp_path / "nowhere.wav")
    (calls / "circle").symlink_to(calls)
    with open_source(str(tmp_path)) as source:
        assert "6-a.wav" in [r.name for r in source.recordings]
        for recording in source.recordings:
            if recording.name == "7-gone.wav":
                with pytest.raises(OSError):
                    recording.open()


def test_a_linked_folder_is_followed_once(tmp_path: Path) -> None:
    folder_of(tmp_path, "6-a.wav")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "7-b.wav").write_bytes(b"sound")
    for name in ("2026", "again"):
        (tmp_path / "customer_calls" / name).symlink_to(elsewhere)
    with open_source(str(tmp_path)) as source:
        assert [(r.name, r.shown) for r in source.recordings] == [("7-b.wav", "2026/7-b.wav"), ("6-a.wav", "6-a.wav")]
        assert source.rejected == []


def test_a_folder_that_cannot_be_listed_is_not_taken_for_an_empty_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its recordings would be removed from the stage as if they were gone."""
    folder_of(tmp_path, "6-a.wav", "deep/7-b.wav")
    scandir = os.scandir

    def refused(path: str):
        if str(path).endswith("deep"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refused)
    with pytest.raises(SourceUnreachable, match="PermissionError"), open_source(str(tmp_path)):
        pass


def test_names_that_are_no_text_and_files_that_are_none(tmp_path: Path) -> None:
    folder_of(tmp_path, "6-a.wav")
    calls = os.fsencode(tmp_path / "customer_calls")
    with open(os.path.join(calls, b"7-\xff.wav"), "wb") as file:
        file.write(b"sound")
    os.mkdir(os.path.join(calls, b"\xfe"))
    with open(os.path.join(calls, b"\xfe", b"x.wav"), "wb") as file:
        file.write(b"sound")
    os.mkfifo(os.path.join(calls, b"8-pipe.wav"))
    with open_source(str(tmp_path)) as source:
        by_name = {r.name: r for r in source.recordings}
        reasons = {r.source_file: r.reason for r in source.rejected}
    assert set(by_name) == {"6-a.wav", "8-pipe.wav"}
    with pytest.raises(Unusable, match="no file"):
        by_name["8-pipe.wav"].open()
    assert reasons["7-\\udcff.wav"] == "its name is not UTF-8: rename it"
    assert "customer id" in reasons["\\udcfe/x.wav"]


def test_a_name_of_thousands_of_digits_is_only_too_long(tmp_path: Path) -> None:
    zip_of(tmp_path, f"{'9' * 6000}-a.wav", "7-ok.wav")
    with open_source(str(tmp_path)) as source:
        assert [r.name for r in source.recordings] == ["7-ok.wav"]
        assert [r.reason for r in source.rejected] == ["its name is longer than 255 bytes or holds control characters"]
