"""Snowflake's syntax tree to DuckDB's: values first, then names, then fakesnow's own steps.

fakesnow passes the whole tree through some eighty steps. Each is listed here with the kinds of node that it looks
at, so that those with nothing to do are skipped; its implicit cast of every aggregate to a float is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import snowflake.connector.errors as sfe
from fakesnow import transforms as fs
from sqlglot import exp

from customer_analytics.local_snowflake import (
    catalogue_answers,
    duckdbs_own,
    functions,
    pivots,
    semi_structured,
    snowflake_types,
    table_definitions,
    values,
)
from customer_analytics.local_snowflake.column_types import Outputs
from customer_analytics.local_snowflake.names import qualified, quoted

if TYPE_CHECKING:
    from customer_analytics.local_snowflake.engine import Connection

Step = tuple[tuple[type, ...], Callable[[exp.Expr], exp.Expr]]


_RESERVED_BY_DUCKDB = {
    *("ANALYSE", "ANALYZE", "ASYMMETRIC", "AT", "BOTH", "CAST", "COLLATE", "DEFERRABLE", "DESCRIBE"),
    *("DO", "END", "FETCH", "FOREIGN", "INITIALLY", "LAMBDA", "LEADING", "LIMIT", "OFFSET"),
    *("ONLY", "PIVOT", "PIVOT_LONGER", "PIVOT_WIDER", "PLACING", "PRIMARY", "REFERENCES", "SHOW", "SUMMARIZE"),
    *("SYMMETRIC", "TRAILING", "UNPIVOT", "USER", "VARIADIC", "WINDOW"),
}
"""Words that are names on Snowflake."""


def translate(session: Connection, tree: exp.Expr, params: Any) -> exp.Expr:
    """The tree as DuckDB can run it. Marks that fakesnow's cursor looks for are in its `args`."""
    pivots.translate(session, tree)
    resolve_names(session, tree)
    tree = _result_scans(session, tree)
    tree = tree.transform(lambda node: fs.identifier(node, params), copy=False)
    duckdbs_own.check_names(session, tree)
    functions.columns_by_position(tree)
    _declared_types(tree)
    values.name_projections(tree)
    tree = values.correct(tree, lambda table: _columns(session, table))
    actions = prepare_merge(tree) if isinstance(tree, exp.Merge) else None
    table_definitions.unenforced_keys(tree)
    table_definitions.sequence_defaults(session, tree)
    key = tree.args.get("primary_key")
    comments = table_definitions.column_comments(tree)
    needed = table_definitions.declared_columns(tree)
    catalogue_answers.with_times(session, tree)
    tree = functions.translate(tree)
    tree = semi_structured.translate(tree)
    tree = tree.transform(fs.upper_case_unquoted_identifiers, copy=False)
    present = {type(node) for node in tree.walk()}
    for kinds, step in _steps(session, params):
        if not kinds or any(issubclass(kind, kinds) for kind in present):
            tree = tree.transform(step, copy=False)
            present = {type(node) for node in tree.walk()}
    tree = _limit_texts(tree)
    for identifier in tree.find_all(exp.Identifier):
        if not identifier.quoted and identifier.name.upper() in _RESERVED_BY_DUCKDB:
            identifier.set("quoted", True)
    if needed:
        tree.args["not_null"] = needed
    if key:
        tree.args["primary_key"] = key
    if comments:
        tree.args["column_comments"] = comments
    if actions is not None:
        tree.args["merge_actions"] = actions
    return tree


def resolve_names(session: Connection, tree: exp.Expr) -> None:
    """Qualify what DuckDB would find ambiguous; send temporary tables to its one namespace for them."""
    whole = str(tree.args.get("kind")).upper() in ("SCHEMA", "DATABASE")
    if not whole and not isinstance(tree, exp.Use | exp.Show | exp.Describe):
        for table in tree.find_all(exp.Table):  # S.T is ambiguous when database and schema share a name
            if table.db and not table.catalog and session.database and isinstance(table.this, exp.Identifier):
                table.set("catalog", exp.to_identifier(session.database, quoted=True))
    temporary = session.temporary_names
    if isinstance(tree, exp.Create) and tree.find(exp.TemporaryProperty):
        created = tree.find(exp.Table)
        if created and str(tree.args.get("kind")).upper() in ("TABLE", "VIEW"):
            temporary.add(_full(session, created))
    if not temporary:
        return
    for table in tree.find_all(exp.Table):
        identifiers = all(isinstance(part, exp.Identifier) for part in table.parts)
        if table.db and identifiers and _full(session, table) in temporary:
            table.set("db", None)
            table.set("catalog", None)


def prepare_merge(merge: exp.Merge) -> set[str]:
    """Snowflake's MERGE as DuckDB's, returning each row's action; the actions that can happen."""
    actions = set()
    for when in merge.args["whens"].expressions:
        if when.args.get("source"):
            raise sfe.ProgrammingError(
                msg="SQL compilation error:\nsyntax error: MERGE has no WHEN NOT MATCHED BY SOURCE",
                errno=1003,
                sqlstate="42000",
            )
        then = when.args["then"]
        kind = {exp.Var: "DELETE", exp.Update: "UPDATE"}.get(type(then), "INSERT")
        actions.add(kind)
        if kind == "UPDATE":
            for assignment in then.expressions:
                assignment.set("this", exp.column(assignment.this.this))
        if kind == "INSERT" and then.this:
            for column in then.this.find_all(exp.Column):
                column.set("table", None)
    merge.set("returning", exp.Returning(expressions=[exp.column("merge_action")]))
    return actions


def _full(session: Connection, table: exp.Table) -> tuple[str, ...]:
    return qualified(session, ".".join(part.sql(dialect="snowflake") for part in table.parts))


def _columns(session: Connection, table: exp.Table) -> Outputs:
    """The columns of a table or view; none when DuckDB does not know it (it will say so when it runs)."""
    import duckdb

    if session.database is None and not table.catalog:
        return []
    name = [
        part.name if isinstance(part, exp.Identifier) and part.quoted else part.name.upper() for part in table.parts
    ]
    if name[-2:-1] == ["INFORMATION_SCHEMA"]:
        return []
    if session.duck.in_transaction:  # where a name that is not there would end it
        full = ("temp", "main", name[0]) if len(name) == 1 and name[0].startswith("LOCAL_") else _full(session, table)
        place = ("temp", "main", full[2]) if full in session.temporary_names else full
        query = (
            "SELECT column_name, data_type FROM duckdb_columns()"
            " WHERE (database_name, schema_name, table_name) = (?, ?, ?) ORDER BY column_index"
        )
        known = session.duck.con.execute(query, list(place)).fetchall()
        return [(column, snowflake_types.from_duck(kind)) for column, kind in known]
    try:
        found = session.duck.con.execute(f"DESCRIBE {quoted(*name)}").fetchall()
    except duckdb.Error:
        return []
    return [(row[0], snowflake_types.from_duck(row[1])) for row in found]


def _result_scans(session: Connection, tree: exp.Expr) -> exp.Expr:
    """TABLE(RESULT_SCAN('id')) anywhere: the kept result as a table of this session."""
    for rows in list(tree.find_all(exp.TableFromRows)):
        call = rows.this
        if not (isinstance(call, exp.Anonymous) and call.name.upper() == "RESULT_SCAN"):
            continue
        given = call.expressions[0]
        query_id = given.name if isinstance(given, exp.Literal) else session.last_query_id
        kept = session.results_cache.get(query_id or "")
        if kept is None:
            raise sfe.ProgrammingError(msg=f"Statement {query_id} not found", errno=709, sqlstate="02000")
        table = exp.to_table(session.register(kept[0]))
        if rows.args.get("alias"):
            table.set("alias", rows.args["alias"].copy())
        rows.replace(table)
    return tree


def _declared_types(tree: exp.Expr) -> None:
    """CHAR alone is one character; DuckDB's BLOB has no length."""
    for kind in tree.find_all(exp.DataType):
        if kind.this in (exp.DType.CHAR, exp.DType.NCHAR):
            kind.set("this", exp.DType.VARCHAR)
            if not kind.expressions:
                kind.set("expressions", [exp.DataTypeParam(this=exp.Literal.number(1))])
        if kind.this in (exp.DType.BINARY, exp.DType.VARBINARY):
            kind.set("expressions", None)


def _limit_texts(tree: exp.Expr) -> exp.Expr:
    """CREATE TABLE with VARCHAR(n): a longer text is an error, not kept."""
    if not (isinstance(tree, exp.Create) and isinstance(tree.this, exp.Schema)):
        return tree
    for column in tree.this.find_all(exp.ColumnDef):
        sizes = column.kind.expressions if column.kind and column.kind.this in exp.DataType.TEXT_TYPES else []
        if sizes and int(sizes[0].name) < 16_777_216:
            length = exp.LTE(
                this=exp.Length(this=exp.column(column.this.copy())), expression=exp.Literal.number(sizes[0].name)
            )
            column.append("constraints", exp.ColumnConstraint(kind=exp.CheckColumnConstraint(this=length)))
    return tree


def _steps(session: Connection, params: Any) -> list[Step]:
    database, schema = session.database, session.schema
    stages = session.table_stages
    ddl = (exp.Create, exp.Alter, exp.Drop, exp.Command, exp.Comment)
    show, cast = (exp.Show,), (exp.Cast, exp.TryCast)
    json = (exp.JSONExtract, exp.JSONExtractScalar, exp.Bracket)
    return [
        ((exp.Alter,), fs.alter_session),
        ((exp.Set, exp.Command), lambda e: fs.update_variables(e, variables=session.variables)),
        ((exp.CurrentVersion,), fs.current_version),
        ((exp.Use,), lambda e: fs.set_schema(e, current_database=database)),
        ((exp.Create,), lambda e: fs.create_database(e, db_path=session.db_path)),
        (ddl, fs.extract_comment_on_table),
        (ddl, fs.extract_comment_on_columns),
        ((exp.Table,), fs.information_schema_fs),
        ((exp.Table,), lambda e: fs.information_schema_databases(e, current_schema=schema)),
        ((exp.Drop,), fs.drop_schema_cascade),
        (ddl, fs.tag),
        ((exp.DataType,), fs.semi_structured_types),
        ((exp.Anonymous,), fs.try_parse_json),
        ((exp.Split,), fs.split),
        ((exp.Trim,), fs.trim_cast_varchar),
        ((exp.Bracket,), fs.indices_to_json_extract),
        (cast, fs.json_extract_cast_as_varchar),
        ((exp.Upper, exp.Lower), fs.json_extract_cased_as_varchar),
        (json, fs.json_extract_precedence),
        (cast, fs.flatten_value_cast_as_varchar),
        ((exp.Lateral, exp.TableFromRows), fs.flatten),
        ((exp.RegexpReplace,), fs.regex_replace),
        ((exp.RegexpExtract,), fs.regex_substr),
        ((exp.Column,), fs.sequence_nextval),
        ((exp.Values,), fs.values_columns),
        ((exp.Anonymous,), fs.to_date),
        (cast, fs.timestamp_offsets),
        ((exp.ToNumber,), fs.to_decimal),
        ((exp.UnixToTime, exp.Anonymous, exp.Cast), fs.to_timestamp),
        ((exp.ToVariant,), fs.to_variant),
        ((exp.Struct, exp.StarMap, exp.JSONObject), fs.object_construct),
        ((exp.DataType,), fs.timestamp_ntz),
        ((exp.DataType,), fs.float_to_double),
        ((exp.DataType,), fs.integer_precision),
        ((exp.Create, exp.Alter), fs.extract_text_length),
        ((exp.TableSample,), fs.sample),
        ((exp.ArraySize,), fs.array_size),
        ((exp.Rand,), fs.random),
        ((exp.WithinGroup,), fs.array_agg_within_group),
        ((exp.ArrayAgg,), fs.array_agg),
        ((exp.ObjectAgg,), fs.object_agg),
        ((exp.Array, exp.ArrayConstructCompact, exp.ArrayConcat), fs.array_construct_etc),
        ((exp.DateAdd,), fs.dateadd_date_cast),
        ((exp.DateAdd,), fs.dateadd_string_literal_timestamp_cast),
        ((exp.DateDiff,), fs.datediff_string_literal_timestamp_cast),
        (show, fs.show_databases),
        (show, fs.show_functions),
        (show, fs.show_procedures),
        (show, fs.show_parameters),
        (show, fs.show_warehouses),
        (show, lambda e: fs.show_schemas(e, database)),
        (show, lambda e: fs.show_tables_etc(e, database, schema)),
        (show, lambda e: fs.show_columns(e, database, schema)),
        (show, lambda e: fs.show_stages(e, database, schema)),
        (show, lambda e: fs.show_sequences(e, database, schema)),
        (show, lambda e: fs.show_keys(e, database, kind="PRIMARY")),
        (show, lambda e: fs.show_keys(e, database, kind="UNIQUE")),
        (show, lambda e: fs.show_keys(e, database, kind="FOREIGN")),
        (show, fs.show_users),
        ((exp.Command,), fs.create_user),
        ((exp.Anonymous,), fs.haversine),
        ((exp.HexString,), fs.hex_string),
        ((exp.SHA2, exp.SHA2Digest, exp.Anonymous), fs.sha256),
        ((exp.Join,), fs.alias_in_join),
        ((exp.Where,), fs.alias_in_where),
        (ddl, fs.alter_table_strip_cluster_by),
        ((exp.Create,), lambda e: fs.create_stage(e, database, schema)),
        ((exp.Create, exp.Command), lambda e: fs.create_file_format(e, database, schema)),
        ((exp.ListStage,), lambda e: fs.list_stage(e, database, schema, stages)),
        ((exp.Put,), lambda e: fs.put_stage(e, database, schema, params, stages)),
    ]
