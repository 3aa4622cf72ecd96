"""The one place where fakesnow is changed from outside. Everything else subclasses it or calls its functions."""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from pathlib import Path
from string import Template
from typing import Any

from fakesnow import cursor, info_schema
from fakesnow.transforms import stage, transforms


def keep_stages_in(folder: Path) -> None:
    """fakesnow keeps stages in a temporary folder of the process; here they are part of the data folder.

    It reads the module attribute at each use, and offers no argument for it. It has made its folder when it was
    imported: that one is removed.
    """
    if "fakesnow_bucket_" in stage.LOCAL_BUCKET_PATH:
        with contextlib.suppress(OSError):
            Path(stage.LOCAL_BUCKET_PATH).rmdir()
    stage.LOCAL_BUCKET_PATH = str(folder)


def columns_as_snowflake_names_them() -> str:
    """DESCRIBE and INFORMATION_SCHEMA.COLUMNS: every whole number is a NUMBER(38,0), and comments are shown.

    The statement that makes fakesnow's view anew with it.
    """
    described = transforms.SQL_DESCRIBE_TABLE.template
    transforms.SQL_DESCRIBE_TABLE = Template(
        described.replace('NULL::VARCHAR AS "comment"', "nullif(comment, '') AS \"comment\"")
    )
    whole = "columns.data_type IN ('BIGINT', 'INTEGER', 'SMALLINT', 'TINYINT', 'HUGEINT', 'UBIGINT')"
    view = info_schema.SQL_CREATE_GLOBAL_INFORMATION_SCHEMA_COLUMNS_VIEW
    view = view.replace("create view if not exists", "create or replace view")
    view = view.replace("columns.data_type='BIGINT'", whole)
    scale = "case when columns.data_type='DOUBLE' then NULL else columns.numeric_scale end"
    return view.replace(scale, f"case when {whole} then 0 else {scale} end")


class _EscapingTemplate(Template):
    def substitute(self, *args: Any, **values: Any) -> str:
        return super().substitute(*args, **{key: _escaped(value) for key, value in values.items()})


def escape_names() -> None:
    """A name or a comment with a quote in it is a syntax error in fakesnow: it writes the text into SQL as it is."""
    if isinstance(cursor.SQL_DROPPED, _EscapingTemplate):
        return
    for name, value in vars(cursor).items():
        if name.startswith(("SQL_CREATED", "SQL_DROPPED")) and isinstance(value, Template):
            setattr(cursor, name, _EscapingTemplate(value.template))
    comment, lengths = info_schema.insert_table_comment_sql, info_schema.insert_text_lengths_sql

    def insert_comment(catalog: str, schema: str, table: str, text: str | None) -> str:
        return comment(catalog, _escaped(schema), _escaped(table), _escaped(text or ""))

    def insert_lengths(catalog: str, schema: str, table: str, columns: list[tuple[str, int]]) -> str:
        escaped = [(_escaped(column), size) for column, size in columns]
        return lengths(catalog, _escaped(schema), _escaped(table), escaped)

    info_schema.insert_table_comment_sql, info_schema.insert_text_lengths_sql = insert_comment, insert_lengths


def _escaped(text: Any) -> Any:
    return text.replace("'", "''") if isinstance(text, str) else text


class BoundedResults(OrderedDict[str, tuple[Any, ...]]):
    """fakesnow keeps every result of every query for ever; RESULT_SCAN needs the last few.

    Results above `MAX_RESULT_BYTES` are not kept: scanning one says that it is not found.
    """

    MAX_RESULTS = 64
    MAX_RESULT_BYTES = 4_000_000

    def __setitem__(self, query_id: str, result: tuple[Any, ...]) -> None:
        if result[0] is not None and result[0].nbytes > self.MAX_RESULT_BYTES:
            return
        super().__setitem__(query_id, result)
        while len(self) > self.MAX_RESULTS:
            self.popitem(last=False)
