"""Find the recordings at SOURCE_URI: the folder `customer_calls`, or `customer_calls.zip`."""

from __future__ import annotations

import io
import os
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, Any

from customer_analytics.addresses import showable, without_credentials
from customer_analytics.calls import RejectedRecording
from customer_analytics.sources import SourceError, SourceUnreachable

NAME = "customer_calls"
EXTENSIONS = ("wav", "mp3", "m4a", "ogg", "flac")
_PATTERN = re.compile(rf"0*(?P<customer>\d+)-.*\.({'|'.join(EXTENSIONS)})", re.I | re.S | re.A)
_LARGEST_ID = 2**63 - 1
_LONGEST_NAME_BYTES = 255
LARGEST_BYTES = 4 * 2**30
"""A larger file is rejected: more than six hours in any format that is in use."""
_BOMB_BYTES, _BOMB_RATIO = 50 * 2**20, 200
"""An entry that unpacks to more than this, and to so many times its size, is no sound: at most silence."""


class Unusable(Exception):
    """Why one recording cannot be read while the others can, in words for STG_REJECTED."""


@dataclass(frozen=True)
class Recording:
    """One file that is named like a call. Its own folder is left out: every call stands beside the others."""

    name: str
    shown: str
    """Where it is in the source, for people."""
    open: Callable[[], IO[bytes]]

    @property
    def call_id(self) -> str:
        return PurePosixPath(self.name).stem

    @property
    def customer_id(self) -> int:
        return customer_of(self.name)


@dataclass(frozen=True)
class Source:
    """What is there: the recordings in order of name, and what cannot be one by its name alone."""

    shown: str
    recordings: list[Recording]
    rejected: list[RejectedRecording]


def customer_of(name: str) -> int:
    """The customer id that the file's name begins with. Names were checked before."""
    match = _PATTERN.fullmatch(name)
    if match is None:
        raise ValueError(f"{name} does not begin with a customer id")
    return int(match["customer"])


@contextmanager
def open_source(uri: str) -> Iterator[Source | None]:
    """The recordings at `uri`, readable until the end of the block; None where there are none at all.

    SourceError when there are both a folder and a zip, or the zip cannot be read.
    """
    from fsspec.core import url_to_fs

    shown = without_credentials(uri).rstrip("/")
    try:
        filesystem, root = url_to_fs(uri)
        root = root.rstrip("/")
        folder, archive = f"{root}/{NAME}", f"{root}/{NAME}.zip"
        has_folder, has_archive = filesystem.isdir(folder), filesystem.isfile(archive)
        if has_folder and has_archive:
            raise SourceError(f"{shown} has both {NAME}/ and {NAME}.zip: remove the one that is out of date")
        in_folder = _sorted(f"{shown}/{NAME}", _in_folder(filesystem, folder)) if has_folder else None
    except (OSError, ValueError, ImportError) as error:
        raise SourceUnreachable(f"SOURCE_URI {shown} cannot be read ({type(error).__name__}): check it") from showable(
            error, uri
        )
    if has_archive:
        with _opened(filesystem, archive, f"{shown}/{NAME}.zip") as file:
            yield _sorted(f"{shown}/{NAME}.zip", _in_archive(file))
    else:
        yield in_folder


@contextmanager
def _opened(filesystem: Any, path: str, shown: str) -> Iterator[zipfile.ZipFile]:
    try:
        with filesystem.open(path, "rb") as remote, zipfile.ZipFile(remote) as archive:
            yield archive
    except zipfile.BadZipFile as error:
        raise SourceError(f"{shown} is not a whole zip file ({error}): write it again") from error


def _in_folder(filesystem: Any, folder: str) -> Iterator[tuple[str, Callable[[], IO[bytes]]]]:
    """Every file. What cannot be listed raises OSError: it would else look as if its recordings were gone."""
    from fsspec.implementations.local import LocalFileSystem

    if isinstance(filesystem, LocalFileSystem):
        for path in _local_files(folder):
            yield os.path.relpath(path, folder), lambda path=path: _local(path)
        return
    found = filesystem.find(folder)
    if not found:
        filesystem.ls(folder)  # `find` takes an error for an empty folder
    for path in found:
        yield path[len(folder) :].lstrip("/"), lambda path=path: filesystem.open(path, "rb")


def _local_files(folder: str) -> Iterator[str]:
    """Links to folders are followed, each folder once."""

    def refuse(error: OSError) -> None:
        raise error

    seen = {os.path.realpath(folder)}
    for here, folders, files in os.walk(folder, onerror=refuse, followlinks=True):
        real = {os.path.realpath(os.path.join(here, name)): name for name in sorted(folders, reverse=True)}
        folders[:] = sorted(name for place, name in real.items() if place not in seen)
        seen.update(real)
        yield from (os.path.join(here, name) for name in files)


def _local(path: str) -> IO[bytes]:
    if os.path.exists(path) and not os.path.isfile(path):
        raise Unusable("it is no file")  # a pipe would be waited for
    return open(path, "rb")


def _in_archive(archive: zipfile.ZipFile) -> Iterator[tuple[str, Callable[[], IO[bytes]]]]:
    for entry in archive.infolist():
        if not entry.is_dir():
            yield entry.filename, lambda entry=entry: _entry(archive, entry)


def _entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> IO[bytes]:
    if entry.flag_bits & 1:
        raise Unusable("it is encrypted")
    if entry.file_size > max(_BOMB_BYTES, _BOMB_RATIO * entry.compress_size):
        raise Unusable(
            f"it would unpack to {entry.file_size:,} bytes from {entry.compress_size:,}, as no recording does"
        )
    return io.BufferedReader(archive.open(entry))  # pyright: ignore[reportArgumentType]


def _sorted(shown: str, found: Iterator[tuple[str, Callable[[], IO[bytes]]]]) -> Source:
    """Files by name, those that cannot be a call apart. System files (hidden, __MACOSX) are passed over."""
    recordings: dict[str, Recording] = {}
    rejected: list[RejectedRecording] = []
    for path, open_ in sorted(found, key=lambda item: item[0]):
        parts = path.replace("\\", "/").split("/")
        shown_path = path.encode(errors="backslashreplace").decode()
        if ".." in parts or path.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", path):
            rejected.append(RejectedRecording(shown_path, "its path leads out of the folder: it is not unpacked"))
            continue
        if any(part.startswith((".", "__MACOSX")) for part in parts) or parts[-1] in ("Thumbs.db", "desktop.ini"):
            continue
        recording = Recording(parts[-1], shown_path, open_)
        reason = _unusable(recording, recordings)
        if reason:
            rejected.append(RejectedRecording(shown_path, reason))
        else:
            recordings[recording.call_id] = recording
    return Source(shown, list(recordings.values()), rejected)


def _unusable(recording: Recording, before: dict[str, Recording]) -> str | None:
    name = recording.name
    if PurePosixPath(name).suffix.lower().lstrip(".") not in EXTENSIONS:
        return f"its name does not end in one of {', '.join(EXTENSIONS)}"
    if any("\ud800" <= c <= "\udfff" for c in name):
        return "its name is not UTF-8: rename it"
    if len(name.encode()) > _LONGEST_NAME_BYTES or any(ord(c) < 32 for c in name):
        return "its name is longer than 255 bytes or holds control characters"
    match = _PATTERN.fullmatch(name)
    if match is None or int(match["customer"]) > _LARGEST_ID:
        return "its name has no customer id: name it <customer_id>-<anything>"
    if recording.call_id in before:
        return f"the call {recording.call_id} stands there already, as {before[recording.call_id].shown}"
    return None
