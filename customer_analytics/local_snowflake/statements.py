"""One statement, from its text to the rows of its reply."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import snowflake.connector.errors as sfe
from fakesnow.cursor import FakeSnowflakeCursor
from fakesnow.transforms import stage as fakesnow_stage
from sqlglot import exp

from customer_analytics.local_snowflake import (
    catalogue_answers,
    copy_into_stage,
    copy_into_table,
    databases,
    duckdbs_own,
    load_history,
    models,
    object_options,
    object_times,
    results,
    session_parameters,
    session_variables,
    stages,
    table_definitions,
    translation,
)
from customer_analytics.local_snowflake.names import NAME, check_kept, qualified, quoted, without_comments

if TYPE_CHECKING:
    from customer_analytics.local_snowflake.engine import Connection

DONE = "Statement executed successfully."
SELECT_TYPE = 0x1000
_ARROW = {"text": pa.string(), "fixed": pa.int64(), "timestamp_tz": pa.timestamp("us", "UTC"), "boolean": pa.bool_()}
_DUCK = {"text": "VARCHAR", "fixed": "BIGINT", "timestamp_tz": "TIMESTAMP WITH TIME ZONE", "boolean": "BOOLEAN"}
_LOCKING = re.compile(
    rf"\s*(?:update|delete\s+from|merge\s+into|truncate\s+(?:table\s+)?(?:if\s+exists\s+)?|insert\s+overwrite\s+into)"
    rf"\s+({NAME})",
    re.I,
)
_WITHOUT_EFFECT = re.compile(
    r"(grant|revoke)\b"
    r"|(create|alter|drop|describe|desc)\s+(or\s+replace\s+)?"
    r"(warehouse|role|user|network|resource\s+monitor|account|artifact\s+repository|tag)\b"
    r"|use\s+(warehouse|role|secondary)\b"
    r"|alter\s+(account|stage|warehouse|database|schema)\b"
    r"|comment\s+(if\s+exists\s+)?on\s+warehouse\b",
    re.I,
)
_UNSUPPORTED = re.compile(r"undrop\b|call\b", re.I)
_MERGE_COUNTS = (("inserted", "INSERT"), ("updated", "UPDATE"), ("deleted", "DELETE"))


def dispatch(session: Connection, cursor: Cursor, sql: str, params: Any) -> dict[str, Any] | int | None:
    """Whole statements that fakesnow does not know.

    None: not one of them. A dict: the reply's data. A number: the statement's type; its rows are on the cursor.
    """
    text = without_comments(sql)
    duckdbs_own.check_statement(text)
    if re.match(r"(put|get|list|ls|remove|rm)\s", text, re.I):
        return stages.file_command(session, cursor, text, params)
    if (reply := copy_into_stage.dispatch(session, cursor, text)) is not None:
        return reply
    if (reply := copy_into_table.dispatch(session, cursor, text, params)) is not None:
        return reply
    for module in (models, table_definitions, object_options, session_parameters, session_variables, databases):
        if (reply := module.dispatch(session, cursor, text)) is not None:
            return reply
    if re.match(r"show\b", text, re.I):
        catalogue_answers.check_scope(session, text)
        if (reply := catalogue_answers.nothing(cursor, text)) is not None:
            return reply
        if (reply := catalogue_answers.primary_keys(session, cursor, text)) is not None:
            return reply
    stages.remember_format(session, text)
    if match := re.match(
        rf"create\s+(?:or\s+replace\s+)?temp(?:orary)?\s+stage\s+(?:if\s+not\s+exists\s+)?({NAME})", text, re.I
    ):
        session.temporary_stages.append(qualified(session, match[1]))
        session.engine.temporary_stages.add(qualified(session, match[1]))
    if match := re.match(rf"drop\s+stage\s+(if\s+exists\s+)?({NAME})\s*(?:/\*.*)?$", text, re.I | re.S):
        name = qualified(session, match[2])
        if not stages.drop(session, name) and not match[1]:
            raise fakesnow_stage.not_found_error(".".join(name))
        return cursor.done(f"{name[2]} successfully dropped.")
    if match := re.match(rf"drop\s+file\s+format\s+(if\s+exists\s+)?({NAME})", text, re.I):
        object_options.drop_format(session, match[2], bool(match[1]))
        return cursor.done(f"{qualified(session, match[2])[2]} successfully dropped.")
    if re.match(r"show\s+roles\b", text, re.I):
        return cursor.answer(["name", "comment", "owner"], [("SYSADMIN", "The only role there is", "SYSADMIN")])
    if _UNSUPPORTED.match(text):
        raise sfe.ProgrammingError(
            msg=f"Unsupported feature of the local Snowflake: {' '.join(text.split()[:4])}", errno=2, sqlstate="0A000"
        )
    if _WITHOUT_EFFECT.match(text):
        return cursor.done()
    return None


class Cursor(FakeSnowflakeCursor):
    """Runs one statement. What the reply needs is in `table` and `row_types` afterwards."""

    _conn: Any
    row_types: list[dict[str, Any]] | None = None
    _shows: str | None = None
    query_id: str = ""
    """The statement's id, by which its result is kept."""
    _duck_types: list[str]

    @property
    def session(self) -> Connection:
        return self._conn

    def _inline_variables(self, sql: str) -> str:
        return sql  # done before, by `session_variables`, which leaves texts alone

    def execute(self, command: str, params: Any = None, *args: Any, **kwargs: Any) -> Cursor:
        duck, locks = self.session.duck, self.session.engine.locks
        text = without_comments(command)
        self._shows = text if re.match(r"show\b|desc(ribe)?\s+(table|view)\b", text, re.I) else None
        # INSERT OVERWRITE becomes several DuckDB statements: one transaction
        together = re.match(r"insert\s+overwrite\b", text, re.I)
        together = together and not duck.in_transaction and self.session._autocommit
        if match := _LOCKING.match(command):
            locks.take(self.session, qualified(self.session, match[1]))
        try:
            if together:
                duck.begin()
            super().execute(command, params, *args, **kwargs)
            if together:
                duck.commit()
        except BaseException:
            if together:
                duck.rollback()
            raise
        finally:
            if not duck.in_transaction:
                locks.free(self.session)
        if isinstance(self._last_transformed, exp.Merge):
            self._merge_counts()
        return self

    def _merge_counts(self) -> None:
        assert self._arrow_table is not None
        assert self._last_transformed is not None
        actions = self._arrow_table.column(0).to_pylist()
        done = self._last_transformed.args["merge_actions"]
        named = [(name, action) for name, action in _MERGE_COUNTS if action in done]
        self.answer([(f"number of rows {n}", "fixed") for n, _ in named], [tuple(actions.count(a) for _, a in named)])
        self._rowcount = len(actions)

    def _transform_explode(self, expression: exp.Expr) -> list[exp.Expr]:
        # DuckDB has its own MERGE: one atomic statement, where fakesnow makes several
        return [expression] if isinstance(expression, exp.Merge) else super()._transform_explode(expression)

    def _transform(self, expression: exp.Expr, params: Any) -> exp.Expr:
        return translation.translate(self.session, expression, params)

    def _execute(self, transformed: exp.Expr, params: Any = None) -> None:
        duck = self.session.duck
        if duck.in_transaction and _commits(transformed):
            duck.commit()
            self._conn._in_transaction = False
            self.session.engine.locks.free(self.session)
        self.row_types = None
        _widen(duck, transformed)
        if isinstance(transformed, exp.Create) and str(transformed.args.get("kind")).upper() == "SCHEMA":
            check_kept("schema", transformed.this.db)
        was_there = object_times.schema_is_there(self.session, transformed)
        super()._execute(transformed, params)
        # At once: what follows runs statements of its own on this connection, and its description is then theirs.
        self._duck_types = [str(column[1]) for column in duck.con.description or []]
        for table in _names_that_changed_hands(transformed):
            name = (table.catalog or self.session.database or "", table.db or self.session.schema or "", table.name)
            load_history.forget(self.session, name)
            if isinstance(transformed, exp.Drop):
                stages.forget_table(self.session, name)
        if isinstance(transformed, exp.Drop) and str(transformed.args.get("kind")).upper() == "SCHEMA":
            gone = transformed.find(exp.Table)
            if gone is not None:
                databases.forget_contents(self.session, gone.catalog or self.session.database or "", gone.db)
        for column in transformed.args.get("not_null") or []:
            table = quoted(*_named(self.session, transformed))
            duck.execute(f"ALTER TABLE {table} ALTER COLUMN {quoted(column)} SET NOT NULL")
        for column, text in transformed.args.get("column_comments") or []:
            table_definitions.comment_column(self.session, _named(self.session, transformed), column, text)
        object_times.note(self.session, transformed, was_there)
        if self._shows and self._arrow_table is not None:
            self._arrow_table = catalogue_answers.shown(self.session, self._shows, self._arrow_table)
            self._rowcount = self._arrow_table.num_rows
            if self._arrow_table.num_columns != len(self._duck_types):  # columns that fakesnow lacks
                kinds = (field.type for field in self._arrow_table.schema)
                self._duck_types = [_DUCK["timestamp_tz" if pa.types.is_timestamp(k) else "text"] for k in kinds]
            if self._sfqid in self.session.results_cache:
                self.session.results_cache[self._sfqid] = (self._arrow_table,)
        if isinstance(transformed, exp.Comment):  # DuckDB answers with a count
            self.done()
        if kept := self.session.results_cache.pop(self._sfqid or "", None):
            self.session.results_cache[self.query_id] = kept

    def answer(self, columns: list[Any], rows: list[Any]) -> int:
        """Reply with these rows. A column is a name (text) or a name and a type."""
        named = [(c, "text") if isinstance(c, str) else c for c in columns]
        self._arrow_table = pa.table(
            [pa.array([row[i] for row in rows], _ARROW[kind]) for i, (_, kind) in enumerate(named)],
            names=[name for name, _ in named],
        )
        self.row_types = [results.row_type(name, _DUCK[kind]) for name, kind in named]
        self._rowcount, self._last_sql = len(rows), "SELECT 1"
        self.session.results_cache[self.query_id] = (self._arrow_table,)
        return SELECT_TYPE

    def done(self, message: str = DONE) -> int:
        return self.answer(["status"], [(message,)])

    def reply(self) -> tuple[pa.Table | None, list[dict[str, Any]]]:
        """The rows and their types, as Snowflake gives them."""
        if self.row_types is not None:
            return self._arrow_table, self.row_types
        assert self._arrow_table is not None
        self._arrow_table, self.row_types = results.snowflake_result(self._arrow_table, self._duck_types)
        return self._arrow_table, self.row_types


def _names_that_changed_hands(statement: exp.Expr) -> list[exp.Table]:
    """The table that is dropped or emptied; both names of one that is renamed."""
    if isinstance(statement, exp.TruncateTable):  # ends its load history, as on Snowflake
        return list(statement.find_all(exp.Table))
    if isinstance(statement, exp.Drop) and str(statement.args.get("kind")).upper() == "TABLE":
        return [table for table in [statement.find(exp.Table)] if table]
    if isinstance(statement, exp.Alter) and statement.find(exp.AlterRename):
        return list(statement.find_all(exp.Table))
    return []


_WIDER = {
    **dict.fromkeys(("TINYINT", "SMALLINT", "INTEGER", "UTINYINT", "USMALLINT", "UINTEGER"), "BIGINT"),
    **dict.fromkeys(("HUGEINT", "UBIGINT", "UHUGEINT"), "DECIMAL(38,0)"),
    "FLOAT": "DOUBLE",
    '"NULL"': "VARCHAR",
    "UUID": "VARCHAR",
    "TIMESTAMP_NS": "TIMESTAMP",
}


def _widen(duck: Any, tree: exp.Expr) -> None:
    """CREATE TABLE AS: columns of Snowflake's types, not of the narrowest that hold the first rows."""
    query = tree.args.get("expression")
    if not (isinstance(tree, exp.Create) and str(tree.args.get("kind")).upper() == "TABLE") or query is None:
        return
    if not isinstance(query, exp.Query) or query.find(exp.Placeholder):
        return
    described = duck.con.execute(f"DESCRIBE {query.sql(dialect='duckdb')}").fetchall()
    names = [row[0] for row in described]
    if len(set(names)) < len(names) or not any(row[1] in _WIDER or row[1].endswith("]") for row in described):
        return
    columns: list[exp.Expr] = []
    for name, kind, *_ in described:
        column: exp.Expr = exp.column(exp.to_identifier(name, quoted=True))
        if kind in _WIDER:
            target = exp.DataType(this=exp.DType.USERDEFINED, kind=_WIDER[kind])
            column = exp.alias_(exp.Cast(this=column, to=target), name, quoted=True)
        elif kind.endswith("[]"):
            column = exp.alias_(exp.Anonymous(this="to_json", expressions=[column]), name, quoted=True)
        columns.append(column)
    inner = query if isinstance(query, exp.Subquery) else query.subquery("LOCAL_SOURCE", copy=False)
    tree.set("expression", exp.select(*columns).from_(inner))


def _named(session: Connection, tree: exp.Expr) -> tuple[str, str, str]:
    table = tree.find(exp.Table)
    assert table is not None
    return qualified(session, quoted(*(part.name for part in table.parts)))


def _commits(statement: exp.Expr) -> bool:
    """DDL ends an open transaction. See https://docs.snowflake.com/en/sql-reference/transactions#ddl"""
    if statement.args.get("create_stage_name") or statement.args.get("create_file_format_name"):
        return True
    return isinstance(statement, exp.Create | exp.Alter | exp.Drop | exp.Comment)
