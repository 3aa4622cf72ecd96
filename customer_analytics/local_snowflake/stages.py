"""Stages: folders under the data folder. PUT, GET, LIST, REMOVE, DIRECTORY and links to files.

Client and server share a file system, so PUT and GET use the connector's LOCAL_FS transport.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import snowflake.connector.errors as sfe
from fakesnow.transforms import stage as fakesnow_stage

from customer_analytics.local_snowflake import file_formats, models
from customer_analytics.local_snowflake.names import NAME, STAGE, check_kept, qualified
from customer_analytics.local_snowflake.table_definitions import columns

if TYPE_CHECKING:
    from customer_analytics.local_snowflake.engine import Connection
    from customer_analytics.local_snowflake.statements import Cursor

REFERENCE = re.compile(
    rf"^'?(?:@(?P<name>{STAGE})(?P<path>/.*?)?"
    rf"|snow://model/(?P<model>{NAME})/versions/(?P<version>[^/']+)(?P<model_path>/.*?)?)'?$",
    re.S,
)
_FILE_COMMAND = re.compile(
    r"\s*(put|get|list|ls|remove|rm)\s+(?:/\*.*?\*/\s*)?"
    r"('(?:[^'\\]|\\.|'')*'|(?:\"[^\"]*\"|[^\s\"])+)(?:\s+('(?:[^'\\]|\\.|'')*'|(?:\"[^\"]*\"|[^\s\"])+))?(.*)$",
    re.I | re.S,
)
_STAGES = "_fs_global._fs_information_schema._fs_stages"
_md5_of: dict[tuple[str, int, int], str] = {}


def exists(session: Connection, name: tuple[str, str, str]) -> bool:
    query = f"SELECT 1 FROM {_STAGES} WHERE (database_name, schema_name, name) = (?, ?, ?)"
    return session.duck.side.execute(query, name).fetchone() is not None


def drop(session: Connection, name: tuple[str, str, str]) -> bool:
    """Remove the stage and its files; False when there is none."""
    query = f"DELETE FROM {_STAGES} WHERE (database_name, schema_name, name) = (?, ?, ?) RETURNING 1"
    found = session.duck.side.execute(query, name).fetchall()
    file_formats.forget_stage(session, name)
    shutil.rmtree(_folder(session, name), ignore_errors=True)
    return bool(found)


def _folder(session: Connection, name: tuple[str, str, str]) -> Path:
    return session.engine.stages_folder.joinpath(*(check_kept("stage", part) for part in name))


def locate(session: Connection, reference: str) -> tuple[Path, str, str]:
    """`@stage/path` or `snow://model/...`: its folder, the path below it, and what LIST puts before names."""
    reference = reference.strip()
    match = REFERENCE.match(file_formats.plain(reference) if reference[:1] == "'" else reference)
    if not match:
        raise sfe.ProgrammingError(
            msg=f"SQL compilation error: invalid stage reference {reference}", errno=1003, sqlstate="42000"
        )
    if match["model"]:
        folder = models.version_folder(session, qualified(session, match["model"]), match["version"])
        return folder, _inside((match["model_path"] or "").lstrip("/")), f"versions/{match['version']}/"
    path = (match["path"] or "").lstrip("/")
    if match["name"] == "~":
        return session.engine.stages_folder / "~", _inside(path), ""
    name = qualified(session, match["name"].replace("%", ""))
    if "%" in match["name"]:
        columns(session, name)
        return table_stage(session, name), _inside(path), ""
    if not exists(session, name):
        raise fakesnow_stage.not_found_error(".".join(name))
    return _folder(session, name), _inside(path), name[2].lower() + "/"


def remember_format(session: Connection, sql: str) -> None:
    """The FILE_FORMAT of a CREATE STAGE or ALTER STAGE, before it is run. Raises for a name that cannot be kept."""
    match = re.match(rf"(?:create|alter)\s+[^'\"]*?\bstage\s+(?:if\s+(?:not\s+)?exists\s+)?({NAME})", sql, re.I)
    if match:
        name = qualified(session, match[1])
        _folder(session, name)
        file_formats.remember_stage(session, sql, exists(session, name))


def named(session: Connection, reference: str) -> tuple[str, str, str] | None:
    """The name of the stage in a reference; None for a user's, a table's or a model's."""
    match = REFERENCE.match(reference.strip())
    name = match["name"] if match else None
    return qualified(session, name) if name and name != "~" and "%" not in name else None


def folder_of(session: Connection, path: Path) -> Path:
    """The folder of the stage that the file is in."""
    root = session.engine.stages_folder
    parts = path.relative_to(root).parts if path.is_relative_to(root) else ()
    return root.joinpath(*parts[: 1 if parts[:1] == ("~",) else 3])


def table_stage(session: Connection, table: tuple[str, str, str]) -> Path:
    """The folder of a table's own stage, `@%table`; it goes with the table."""
    folder = _folder(session, table)
    return folder.with_name(f"%{folder.name}")


def forget_table(session: Connection, table: tuple[str, str, str]) -> None:
    """Remove the stage of a table that was dropped."""
    with contextlib.suppress(sfe.ProgrammingError):  # of a name that a stage cannot have
        shutil.rmtree(table_stage(session, table), ignore_errors=True)


def _inside(path: str) -> str:
    if ".." in Path(path).parts:
        raise sfe.ProgrammingError(
            msg=f"SQL compilation error: the path {path!r} leads out of its stage", errno=1003, sqlstate="42000"
        )
    return path


def files(folder: Path, below: str = "", pattern: str | None = None, prefix: str = "") -> list[tuple[str, Path]]:
    """Every file whose relative path starts with `below` and, with its prefix, matches the pattern whole."""
    found = []
    for directory, _, names in os.walk(folder):
        for name in names:
            path = Path(directory, name)
            relative = path.relative_to(folder).as_posix()
            if relative.startswith(below) and (not pattern or re.fullmatch(pattern, prefix + relative)):
                found.append((relative, path))
    return sorted(found)


def md5(path: Path) -> str:
    """The file's MD5, computed again only when it changed."""
    stat = path.stat()
    key = (str(path), stat.st_size, stat.st_mtime_ns)
    if key not in _md5_of:
        if len(_md5_of) > 100_000:
            _md5_of.clear()
        with path.open("rb") as file:
            _md5_of[key] = hashlib.file_digest(file, "md5").hexdigest()
    return _md5_of[key]


def file_command(session: Connection, cursor: Cursor, sql: str, params: Any) -> dict[str, Any] | int | None:
    """PUT, GET, LIST or REMOVE; None for anything else."""
    match = _FILE_COMMAND.match(sql)
    if not match:
        return None
    verb, first, second, rest = match[1].lower(), match[2], match[3] or "", match[4]
    if verb == "put":
        folder, below, _ = locate(session, _bound(_unquoted(second), params))
        return _upload(folder, below, _unquoted(first), rest)
    folder, below, prefix = locate(session, _bound(_unquoted(first), params))
    found = files(folder, below, option(second + rest, "pattern"), prefix)
    if verb == "get":
        return _download(folder, [name for name, _ in found], _unquoted(second))
    if verb in ("remove", "rm"):
        for _, path in found:
            path.unlink(missing_ok=True)
        return cursor.answer(["name", "result"], [(prefix + name, "removed") for name, _ in found])
    rows = [(prefix + name, path.stat().st_size, md5(path), _http_date(path)) for name, path in found]
    return cursor.answer(["name", ("size", "fixed"), "md5", "last_modified"], rows)


def option(sql: str, key: str, default: str | None = None) -> str | None:
    """`KEY = value` in the tail of a command."""
    match = re.search(rf"\b{key}\s*=\s*('(?:[^']|'')*'|\w+)", sql, re.I)
    return match[1].strip("'") if match else default


def _upload(folder: Path, below: str, source: str, rest: str) -> dict[str, Any]:
    return {
        "command": "UPLOAD",
        "src_locations": [source.removeprefix("file://")],
        "parallel": int(option(rest, "parallel", "4") or 4),
        "autoCompress": (option(rest, "auto_compress", "true") or "").lower() == "true",
        "sourceCompression": (option(rest, "source_compression", "auto_detect") or "").lower(),
        "overwrite": True,
        "stageInfo": {"locationType": "LOCAL_FS", "location": f"{folder / below}/", "creds": {}},
        "queryId": os.urandom(16).hex(),
        "statementTypeId": 0,
        "operation": "Node",
        "kind": "LOCAL_FS",
    }


def _download(folder: Path, names: list[str], target: str) -> dict[str, Any]:
    return {
        "command": "DOWNLOAD",
        "src_locations": names,
        "parallel": 4,
        "encryptionMaterial": [],
        "localLocation": target.removeprefix("file://"),
        "stageInfo": {"locationType": "LOCAL_FS", "location": f"{folder}/", "creds": {}},
        "queryId": os.urandom(16).hex(),
        "statementTypeId": 0,
    }


def _unquoted(text: str) -> str:
    return text[1:-1].replace("\\'", "'").replace("''", "'") if text[:1] == "'" else text


def _bound(text: str, params: Any) -> str:
    return params[0] if text == "?" else text


def _http_date(path: Path) -> str:
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(path.stat().st_mtime))
