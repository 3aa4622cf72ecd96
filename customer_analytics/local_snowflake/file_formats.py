"""FILE_FORMAT: the options given in a statement, over those of a named format, over the stage's own.

See https://docs.snowflake.com/en/sql-reference/sql/create-file-format
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import snowflake.connector.errors as sfe
from fakesnow.transforms.file_format import lookup_file_format

from customer_analytics.local_snowflake.names import NAME, qualified

if TYPE_CHECKING:
    from customer_analytics.local_snowflake.engine import Connection

STAGE_FORMATS = "_fs_global.main.local_stage_formats"
CATALOGUE = f"""
CREATE TABLE IF NOT EXISTS {STAGE_FORMATS} (
    db VARCHAR, sc VARCHAR, name VARCHAR, options VARCHAR, PRIMARY KEY (db, sc, name));
"""
_QUOTED = r"'(?:[^'\\]|\\.|'')*'"
_LIST = rf"\((?:[^()']|{_QUOTED})*\)"
_VALUE = rf"{_QUOTED}|\((?:[^()']|{_QUOTED}|{_LIST})*\)|(?:\"[^\"]*\"|[\w.$])+"
_OPTION = re.compile(rf"(\w+)\s*=>?\s*({_VALUE})", re.S)
_TEXT = re.compile(r"'((?:[^'\\]|\\.|'')*)'", re.S)
_STAGE = re.compile(
    rf"(?:create\s+(or\s+replace\s+)?(?:temp(?:orary)?\s+)?stage\s+(?:if\s+not\s+exists\s+)?"
    rf"|(alter)\s+stage\s+(?:if\s+exists\s+)?)({NAME})\s",
    re.I,
)
_STAGE_FORMAT = re.compile(rf"\bfile_format\s*=\s*({_VALUE})", re.I | re.S)
_ESCAPES = {"t": "\t", "n": "\n", "r": "\r", "0": "\0", "b": "\b", "f": "\f"}
_WITHOUT_EFFECT = {
    *("TYPE", "FORMAT_NAME", "COMMENT", "USE_LOGICAL_TYPE", "USE_VECTORIZED_SCANNER", "REPLACE_INVALID_CHARACTERS"),
    *("SNAPPY_COMPRESSION", "FILE_EXTENSION", "ENABLE_OCTAL", "ALLOW_DUPLICATE", "MULTI_LINE", "SKIP_BYTE_ORDER_MARK"),
}
"""What is read here so anyway, or concerns unloading alone."""
_READ = {
    "CSV": {
        *("SKIP_HEADER", "FIELD_DELIMITER", "FIELD_OPTIONALLY_ENCLOSED_BY", "NULL_IF", "EMPTY_FIELD_AS_NULL"),
        *("COMPRESSION", "PARSE_HEADER", "TRIM_SPACE", "ERROR_ON_COLUMN_COUNT_MISMATCH", "DATE_FORMAT", "TIME_FORMAT"),
        "TIMESTAMP_FORMAT",
    },
    "JSON": {"COMPRESSION", "STRIP_OUTER_ARRAY"},
    "PARQUET": {"COMPRESSION", "BINARY_AS_TEXT"},
}
_ONLY = {
    "RECORD_DELIMITER": {"\n", "\r\n", "AUTO"},
    "ESCAPE": {"NONE"},
    "ESCAPE_UNENCLOSED_FIELD": {"NONE"},
    "ENCODING": {"UTF8", "UTF-8"},
    "SKIP_BLANK_LINES": {"FALSE"},
    "BINARY_FORMAT": {"HEX"},
    "STRIP_NULL_VALUES": {"FALSE"},
    "IGNORE_UTF8_ERRORS": {"FALSE"},
    "TRIM_SPACE": {"FALSE"},
    "NULL_IF": set(),
}
"""Options of which these values alone are followed; NULL_IF and TRIM_SPACE where `_READ` does not list them."""


@dataclass(frozen=True)
class FileFormat:
    """How files are read or written. Option names are in upper case, values are texts, or lists of texts."""

    type: str
    options: dict[str, Any]

    def text(self, name: str, otherwise: str) -> str:
        return str(self.options.get(name, otherwise))

    def true(self, name: str, otherwise: bool = False) -> bool:
        return str(self.options.get(name, otherwise)).upper() == "TRUE"

    def texts(self, name: str, otherwise: list[str]) -> list[str]:
        given = self.options.get(name, otherwise)
        return [str(item) for item in (given if isinstance(given, list) else [given])]

    def check_reading(self) -> None:
        """Raises ProgrammingError for an option that would not be followed in reading."""
        if self.type not in _READ:
            raise unsupported(f"files of TYPE = {self.type}")
        for name, value in self.options.items():
            if name in _WITHOUT_EFFECT or name in _READ[self.type]:
                continue
            if name not in _ONLY or (str(value).upper() not in _ONLY[name] and value not in ([], [""], "")):
                raise unsupported(f"FILE_FORMAT option {name} = {value}")


def file_format(
    session: Connection, text: str | None, stage: tuple[str, str, str] | None = None, usual: str = "CSV"
) -> FileFormat:
    """The format that `text` says: `(TYPE = CSV ...)`, a format's name, or None; completed from the stage's own."""
    given = _given(text or "")
    options: dict[str, Any] = {}
    if name := given.pop("FORMAT_NAME", None):
        options = _named(session, name)
    elif stage is not None and "TYPE" not in given:
        options = of_stage(session, stage)
    options = {**options, **given}
    return FileFormat(str(options.get("TYPE", usual)).upper(), options)


def options_in(text: str) -> dict[str, str]:
    """Each `KEY = value` of a statement's tail, as it is written."""
    return {key.upper(): value for key, value in _OPTION.findall(text)}


def plain(value: str) -> str:
    """What a text literal, or a bare word, stands for."""
    match = _TEXT.fullmatch(value)
    return _unescaped(match[1]) if match else value


def of_stage(session: Connection, stage: tuple[str, str, str]) -> dict[str, Any]:
    query = f"SELECT options FROM {STAGE_FORMATS} WHERE (db, sc, name) = (?, ?, ?)"
    found = session.duck.side.execute(query, list(stage)).fetchone()
    if not found:
        return {}
    options = json.loads(found[0])
    name = options.pop("FORMAT_NAME", None)
    return {**(_named(session, name) if name else {}), **options}


def remember_stage(session: Connection, sql: str, there: bool) -> None:
    """Keep the FILE_FORMAT of a CREATE STAGE or ALTER STAGE. `there`: the stage exists already."""
    match, given = _STAGE.match(sql), _STAGE_FORMAT.search(sql)
    if not match or (there and not (match[1] or match[2])) or (match[2] and not given):
        return
    name = list(qualified(session, match[3]))
    session.duck.side.execute(f"DELETE FROM {STAGE_FORMATS} WHERE (db, sc, name) = (?, ?, ?)", name)
    if given:
        options = json.dumps(_given(given[1]))
        session.duck.side.execute(f"INSERT INTO {STAGE_FORMATS} VALUES (?, ?, ?, ?)", [*name, options])


def forget_stage(session: Connection, name: tuple[str, str, str]) -> None:
    session.duck.side.execute(f"DELETE FROM {STAGE_FORMATS} WHERE (db, sc, name) = (?, ?, ?)", list(name))


def unsupported(what: str) -> sfe.ProgrammingError:
    return sfe.ProgrammingError(msg=f"Unsupported feature of the local Snowflake: {what}", errno=2, sqlstate="0A000")


def _given(text: str) -> dict[str, Any]:
    text = text.strip()
    if text and text[0] != "(":
        return {"FORMAT_NAME": plain(text)}
    found: dict[str, Any] = {}
    for key, value in options_in(text[1:-1]).items():
        found[key] = [_unescaped(t) for t in _TEXT.findall(value)] if value[0] == "(" else plain(value)
    return found


def _named(session: Connection, name: str) -> dict[str, Any]:
    found = lookup_file_format(session.duck.side, name, session.database, session.schema)  # type: ignore[arg-type]
    return {key.upper(): value for key, value in found.items()}


def _unescaped(text: str) -> str:
    def one(match: re.Match[str]) -> str:
        if match[0] == "''":
            return "'"
        if match[1]:
            return chr(int(match[1], 16))
        return _ESCAPES.get(match[2], match[2])

    text = re.sub(r"''|\\x([0-9A-Fa-f]{2})|\\(.)", one, text, flags=re.S)
    return bytes.fromhex(text[2:]).decode() if re.fullmatch(r"0x([0-9A-Fa-f]{2})+", text) else text
