"""Find a source file, bring it here, and take its fingerprint, in memory that does not grow with the file."""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from customer_analytics.addresses import showable, without_credentials
from customer_analytics.sources import SourceError, SourceUnreachable

FORMATS = ("csv", "parquet")
_COMPRESSED = ("gz", "zip", "bz2", "xz", "zst")
_OTHER_FORMATS = ("tsv", "txt", "xlsx", "xls", "json", "jsonl", "ndjson", "avro", "orc", "feather")
_BLOCK_BYTES = 1024 * 1024
_MAGIC = b"PAR1"
_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


@dataclass(frozen=True)
class SourceFile:
    """One file at SOURCE_URI. `shown` is its address without credentials."""

    filesystem: Any
    path: str
    shown: str

    @property
    def name(self) -> str:
        return PurePosixPath(self.path.replace("\\", "/")).name

    @property
    def format(self) -> str:
        return self.name.rsplit(".", 1)[-1].lower()


@dataclass(frozen=True)
class FetchedFile:
    """A file on this machine: its fingerprint, and what decides how a CSV file is read."""

    source: SourceFile
    path: Path
    fingerprint: str
    """SHA-256 of the content."""
    size: int
    plain: bool
    """Whether DuckDB may read it: no lone carriage return, blank or very long line, no quote beside a blank, which it
    would take for part of the quoting."""
    lines: int = 0
    """Lines of a CSV file, its header among them."""


def find(uri: str, name: str) -> SourceFile | None:
    """The file `name`.csv or `name`.parquet (in any case) in the folder `uri`, or None where there is none.

    `SourceError` when there are two, when the folder is not there, or cannot be listed.
    """
    from fsspec.core import url_to_fs

    shown = without_credentials(uri).rstrip("/")
    try:
        filesystem, root = url_to_fs(uri)
        wanted = {f"{name}.{f}" for f in FORMATS}
        if _protocol(filesystem) in ("http", "https"):  # a web server need not list its folders
            found = [p for w in sorted(wanted) if _web_server_has(filesystem, p := f"{root.rstrip('/')}/{w}")]
        else:
            entries = filesystem.ls(root, detail=True)
            paths = [entry["name"] for entry in entries if entry["type"] != "directory"]
            found = sorted(p for p in paths if PurePosixPath(p.replace("\\", "/")).name.lower() in wanted)
            if not found:
                _refuse_what_looks_like_it(entries, name, shown)
    except FileNotFoundError as error:
        raise SourceError(
            f"SOURCE_URI {shown} is not there: set SOURCE_URI to the folder of the source files"
        ) from showable(error, uri)
    except SourceError:
        raise
    except Exception as error:  # noqa: BLE001 - each cloud's library has errors of its own
        raise SourceUnreachable(
            f"SOURCE_URI {shown} cannot be read ({_reason(error)}): check the address and the access"
        ) from showable(error, uri)
    if len(found) > 1:
        names = " and ".join(PurePosixPath(p).name for p in found)
        raise SourceError(f"{shown} has both {names}: remove the one that is out of date")
    return SourceFile(filesystem, found[0], f"{shown}/{PurePosixPath(found[0]).name}") if found else None


def _web_server_has(filesystem: Any, url: str) -> bool:
    """Whether the file is there; OSError where the server does not say so. fsspec's `exists` is False then, too."""
    try:
        filesystem.info(url)
    except FileNotFoundError as error:
        status = getattr(error.__cause__, "status", None)
        if status in (404, 410):
            return False
        raise OSError(f"it answers {status}" if status else type(error.__cause__).__name__) from error
    return True


def _reason(error: Exception) -> str:
    """What a file system's error says, on one line and without credentials."""
    return without_credentials(" ".join(str(error).split())) or type(error).__name__


def _refuse_what_looks_like_it(entries: list[dict[str, Any]], name: str, shown: str) -> None:
    """`SourceError` where the data is there in a form that is not read: else its table would just be empty."""
    packed = {f"{name}.{f}.{c}" for f in FORMATS for c in _COMPRESSED} | {f"{name}.{c}" for c in _COMPRESSED}
    other = {f"{name}.{f}" for f in _OTHER_FORMATS}
    for entry in entries:
        base = PurePosixPath(entry["name"].replace("\\", "/")).name
        if entry["type"] == "directory":
            if base.lower() in {f"{name}.{f}" for f in FORMATS}:
                raise SourceError(f"{shown}/{base} is a folder: write {name} as one file, {name}.csv or {name}.parquet")
        elif base.lower() in packed:
            raise SourceError(f"{shown}/{base} is compressed: unpack it (Parquet is compressed by itself)")
        elif base.lower() in other:
            raise SourceError(f"{shown}/{base} is not read: write it as {name}.csv or {name}.parquet")


def _protocol(filesystem: Any) -> str:
    protocol = filesystem.protocol
    return protocol if isinstance(protocol, str) else protocol[0]


def fetch(source: SourceFile, work: Path) -> FetchedFile:
    """Read the file once: copy it to `work` unless it is on this machine, take its fingerprint, look at its bytes.

    `SourceError` when it is empty, changes while it is read, or is not what its name says.
    """
    here = _protocol(source.filesystem) in ("file", "local")
    path = Path(source.path) if here else work / source.name
    look = _CsvLook(source.shown) if source.format == "csv" else _ParquetLook(source.shown)
    digest, size = hashlib.sha256(), 0
    try:
        before = path.stat() if here else None
        with source.filesystem.open(source.path, "rb") as remote, _copy(path, here) as copy:
            for block in _blocks(remote):
                digest.update(block)
                size += len(block)
                look.at(block)
                if copy is not None:
                    copy.write(block)
    except SourceError:
        raise
    except Exception as error:  # noqa: BLE001 - each cloud's library has errors of its own
        raise SourceUnreachable(
            f"{source.shown} cannot be read ({_reason(error)}): check the access to it"
        ) from showable(error, source.path)
    if size == 0:
        raise SourceError(f"{source.shown} is empty (0 bytes): write it again, with its header")
    look.end()
    if before and (now := path.stat()) and (now.st_mtime_ns, now.st_size) != (before.st_mtime_ns, before.st_size):
        raise SourceError(f"{source.shown} changed while it was read: run again when it is complete")
    return FetchedFile(source, path, digest.hexdigest(), size, look.plain, look.lines)


def _copy(path: Path, here: bool) -> Any:
    from contextlib import nullcontext

    return nullcontext(None) if here else path.open("wb")


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    while block := file.read(_BLOCK_BYTES):
        yield block


class _ParquetLook:
    """A Parquet file begins and ends with its mark."""

    plain, lines = True, 0

    def __init__(self, shown: str) -> None:
        self.shown, self.first, self.last = shown, b"", b""

    def at(self, block: bytes) -> None:
        self.first = (self.first + block[:4])[:4]
        self.last = (self.last + block[-4:])[-4:]

    def end(self) -> None:
        if self.first != _MAGIC:
            raise SourceError(f"{self.shown} is not a Parquet file: write it as Parquet, or name it .csv")
        if self.last != _MAGIC:
            raise SourceError(f"{self.shown} is a Parquet file cut short: write it again")


class _CsvLook:
    """A CSV file is UTF-8 text. Remembers whether each line is a row, so that the fast reader may be used."""

    LONG_LINE_BYTES = _BLOCK_BYTES
    """A line within one block is shorter."""

    def __init__(self, shown: str) -> None:
        self.shown = shown
        self.plain = True
        self.lines = 0
        self._returns = self._windows_ends = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._tail = b""
        self._since_newline = 0

    def at(self, block: bytes) -> None:
        if not self._tail:
            self._begin(block)
        if (nul := block.find(b"\x00")) >= 0:
            line = self._line(block, nul)
            raise SourceError(
                f"{self.shown} line {line} holds a NUL byte, so it is no CSV text: export it as UTF-8 CSV"
            )
        self._decode(block)
        seam = self._tail + block
        returns = b"\r" in seam
        blank = b"\n\n" in seam or (not self._tail and block.startswith((b"\n", b"\r")))
        blank = blank or (returns and b"\n\r\n" in seam)
        beside = b'"' in block and any(pair in seam for pair in (b' "', b'" ', b'\t"', b'"\t'))
        self.plain = self.plain and not blank and not beside and self._short_lines(block)
        self.lines += block.count(b"\n")
        if returns:
            self._returns += block.count(b"\r")
            self._windows_ends += block.count(b"\r\n") + (self._tail.endswith(b"\r") and block.startswith(b"\n"))
        self._tail = seam[-2:]

    def _begin(self, block: bytes) -> None:
        if block.startswith(_MAGIC):
            raise SourceError(f"{self.shown} is a Parquet file: name it .parquet")
        for mark, encoding in _BYTE_ORDER_MARKS.items():
            if block.startswith(mark):
                raise SourceError(f"{self.shown} is {encoding}: save it as UTF-8")

    def _decode(self, block: bytes, final: bool = False) -> None:
        if block.isascii() and not self._decoder.getstate()[0]:
            return
        try:
            self._decoder.decode(block, final)
        except UnicodeDecodeError as error:
            # A character may have begun in the block before; then the line is that of this block's start.
            line = self._line(block, max(error.start, 0))
            raise SourceError(
                f"{self.shown} line {line} is not UTF-8 (byte 0x{error.object[error.start]:02x}): save it as UTF-8"
            ) from error

    def _line(self, block: bytes, position: int) -> int:
        return self.lines + block[:position].count(b"\n") + 1

    def _short_lines(self, block: bytes) -> bool:
        first = block.find(b"\n")
        if first < 0:
            self._since_newline += len(block)
            return self._since_newline < self.LONG_LINE_BYTES
        line = self._since_newline + first
        self._since_newline = len(block) - block.rfind(b"\n")
        return line < self.LONG_LINE_BYTES

    def end(self) -> None:
        self._decode(b"", final=True)
        lines_end_alike = self._returns == 0 or self._returns == self._windows_ends == self.lines
        self.plain = self.plain and lines_end_alike
        self.lines += not self._tail.endswith(b"\n")


def discard(fetched: FetchedFile) -> None:
    """Remove the copy of a remote file; one of this machine stays."""
    if _protocol(fetched.source.filesystem) not in ("file", "local"):
        with suppress(FileNotFoundError):
            fetched.path.unlink()
