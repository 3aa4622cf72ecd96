"""VARIANT, OBJECT and ARRAY, which DuckDB keeps as JSON: literals, functions, FLATTEN, and how they aggregate.

See https://docs.snowflake.com/en/sql-reference/data-types-semistructured
"""

from __future__ import annotations

import snowflake.connector.errors as sfe
from sqlglot import exp

SESSION_MACROS = r"""
CREATE OR REPLACE TEMP MACRO local_text(v) AS (v ->> '$');
CREATE OR REPLACE TEMP MACRO local_number_text(v) AS
    CASE CAST(v AS VARCHAR) WHEN 'true' THEN '1' WHEN 'false' THEN '0' ELSE v ->> '$' END;
CREATE OR REPLACE TEMP MACRO local_content(v, x, kind) AS CASE WHEN x IS NULL AND v IS NOT NULL AND v <> 'null'
    THEN error('Failed to cast variant value ' || v || ' to ' || kind) ELSE x END;
CREATE OR REPLACE TEMP MACRO local_list(a) AS CAST(CAST(a AS JSON) AS JSON[]);
CREATE OR REPLACE TEMP MACRO local_entries(o) AS map_entries(CAST(CAST(o AS JSON) AS MAP(VARCHAR, JSON)));
CREATE OR REPLACE TEMP MACRO local_object(e) AS CAST(to_json(map_from_entries(e)) AS JSON);
CREATE OR REPLACE TEMP MACRO local_order(v) AS
    CASE WHEN v IS NULL THEN NULL ELSE struct_pack(n := TRY_CAST(v ->> '$' AS DOUBLE), s := v ->> '$') END;
CREATE OR REPLACE TEMP MACRO local_sorted(l) AS list_transform(
    list_sort(list_transform(l, lambda e: struct_pack(n := TRY_CAST(e ->> '$' AS DOUBLE), s := e ->> '$', v := e))),
    lambda r: r.v);
CREATE OR REPLACE TEMP MACRO local_typeof(v) AS CASE json_type(v)
    WHEN 'UBIGINT' THEN 'INTEGER' WHEN 'BIGINT' THEN 'INTEGER' WHEN 'HUGEINT' THEN 'INTEGER'
    WHEN 'DOUBLE' THEN CASE WHEN contains(lower(CAST(v AS VARCHAR)), 'e') THEN 'DOUBLE' ELSE 'DECIMAL' END
    WHEN 'NULL' THEN 'NULL_VALUE' ELSE json_type(v) END;
CREATE OR REPLACE TEMP MACRO local_if_type(v, t) AS
    CASE WHEN v IS NULL THEN NULL ELSE list_contains(t, local_typeof(v)) END;
CREATE OR REPLACE TEMP MACRO local_as(v, t) AS CASE WHEN list_contains(t, local_typeof(v)) THEN v ->> '$' END;
CREATE OR REPLACE TEMP MACRO local_append(a, x) AS to_json(list_append(local_list(a), to_json(x)));
CREATE OR REPLACE TEMP MACRO local_prepend(a, x) AS to_json(list_prepend(to_json(x), local_list(a)));
CREATE OR REPLACE TEMP MACRO local_cat(a, b) AS
    CASE WHEN a IS NULL OR b IS NULL THEN NULL ELSE to_json(list_concat(local_list(a), local_list(b))) END;
CREATE OR REPLACE TEMP MACRO local_contains(a, x) AS list_contains(local_list(a), to_json(x));
CREATE OR REPLACE TEMP MACRO local_position(a, x) AS nullif(list_position(local_list(a), to_json(x)), 0) - 1;
CREATE OR REPLACE TEMP MACRO local_join(a, s) AS
    array_to_string(list_transform(local_list(a), lambda e: coalesce(e ->> '$', '')), s);
CREATE OR REPLACE TEMP MACRO local_distinct(a) AS to_json(list_distinct(local_list(a)));
CREATE OR REPLACE TEMP MACRO local_from_start(n, i) AS CASE WHEN i < 0 THEN n + i ELSE i END;
CREATE OR REPLACE TEMP MACRO local_slice(a, f, t) AS to_json(list_slice(local_list(a),
    local_from_start(len(local_list(a)), f) + 1, local_from_start(len(local_list(a)), t)));
CREATE OR REPLACE TEMP MACRO local_sort(a) AS to_json(local_sorted(local_list(a)));
CREATE OR REPLACE TEMP MACRO local_sort_down(a) AS to_json(list_reverse(local_sorted(local_list(a))));
CREATE OR REPLACE TEMP MACRO local_compacted(a) AS list_filter(local_list(a), lambda e: json_type(e) <> 'NULL');
CREATE OR REPLACE TEMP MACRO local_compact(a) AS to_json(local_compacted(a));
CREATE OR REPLACE TEMP MACRO local_max(a) AS list_last(local_sorted(local_compacted(a)));
CREATE OR REPLACE TEMP MACRO local_min(a) AS list_first(local_sorted(local_compacted(a)));
CREATE OR REPLACE TEMP MACRO local_intersection(a, b) AS to_json(list_intersect(local_list(a), local_list(b)));
CREATE OR REPLACE TEMP MACRO local_except(a, b) AS
    to_json(list_filter(local_list(a), lambda e: NOT list_contains(local_list(b), e)));
CREATE OR REPLACE TEMP MACRO local_overlap(a, b) AS list_has_any(local_list(a), local_list(b));
CREATE OR REPLACE TEMP MACRO local_insert(a, p, x) AS to_json(list_concat(list_concat(
    list_slice(local_list(a), 1, local_from_start(len(local_list(a)), p)), [to_json(x)]),
    list_slice(local_list(a), local_from_start(len(local_list(a)), p) + 1, len(local_list(a)))));
CREATE OR REPLACE TEMP MACRO local_remove(a, x) AS to_json(list_filter(local_list(a), lambda e: e <> to_json(x)));
CREATE OR REPLACE TEMP MACRO local_remove_at(a, p) AS
    to_json(list_filter(local_list(a), lambda e, i: i - 1 <> local_from_start(len(local_list(a)), p)));
CREATE OR REPLACE TEMP MACRO local_reverse(a) AS to_json(list_reverse(local_list(a)));
CREATE OR REPLACE TEMP MACRO local_flattened(a) AS to_json(flatten(CAST(CAST(a AS JSON) AS JSON[][])));
CREATE OR REPLACE TEMP MACRO local_object_insert(o, k, x) AS CASE WHEN o IS NULL OR k IS NULL THEN NULL ELSE
    local_object(list_concat(list_filter(local_entries(o), lambda e: e.key <> k),
        CASE WHEN x IS NULL THEN [] ELSE [struct_pack(key := k, value := to_json(x))] END)) END;
CREATE OR REPLACE TEMP MACRO local_object_delete(o, k) AS
    local_object(list_filter(local_entries(o), lambda e: NOT list_contains(k, e.key)));
CREATE OR REPLACE TEMP MACRO local_object_pick(o, k) AS
    local_object(list_filter(local_entries(o), lambda e: list_contains(k, e.key)));
CREATE OR REPLACE TEMP MACRO local_elements(j, mode, outside) AS CASE
    WHEN json_type(j) = 'OBJECT' AND mode <> 'ARRAY' AND j <> '{}' THEN list_transform(local_entries(j),
        lambda e: struct_pack(k := e.key, i := NULL::BIGINT, v := e.value))
    WHEN json_type(j) = 'ARRAY' AND mode <> 'OBJECT' AND json_array_length(j) > 0 THEN list_transform(local_list(j),
        lambda e, i: struct_pack(k := NULL::VARCHAR, i := i - 1, v := e))
    WHEN outside THEN [struct_pack(k := NULL::VARCHAR, i := NULL::BIGINT, v := NULL::JSON)] ELSE [] END;
CREATE OR REPLACE TEMP MACRO local_flatten(j, above, mode, outside) AS TABLE
    SELECT hash(j)::UBIGINT AS SEQ, e.k AS KEY,
        CASE WHEN e.k IS NOT NULL THEN above || CASE WHEN above = '' THEN '' ELSE '.' END || e.k
            WHEN e.i IS NOT NULL THEN above || '[' || e.i || ']' END AS PATH,
        e.i AS INDEX, e.v AS VALUE, j AS THIS
    FROM (SELECT unnest(local_elements(j, mode, outside)) AS e);
CREATE OR REPLACE TEMP MACRO local_flatten_deep(j, above) AS TABLE
    SELECT hash(j)::UBIGINT AS SEQ, CASE WHEN right(e.fullkey, 1) = ']' THEN NULL ELSE e.key END AS KEY,
        above || substr(e.fullkey, CASE WHEN above = '' AND e.fullkey[2] = '.' THEN 3 ELSE 2 END) AS PATH,
        CASE WHEN right(e.fullkey, 1) = ']' THEN e.key::BIGINT END AS INDEX, e.value AS VALUE,
        json_extract(j, e.path) AS THIS
    FROM json_tree(j) AS e WHERE e.parent IS NOT NULL;
CREATE OR REPLACE TEMP MACRO local_split_to_table(x, s) AS TABLE
    SELECT 1::BIGINT AS SEQ, i AS INDEX, p AS VALUE
    FROM (SELECT unnest(string_split(x, s)) AS p, generate_subscripts(string_split(x, s), 1) AS i);
"""

_ARRAY_FUNCTIONS: dict[type[exp.Expr], tuple[str, tuple[str, ...]]] = {
    exp.ArrayAppend: ("local_append", ("this", "expression")),
    exp.ArrayPrepend: ("local_prepend", ("this", "expression")),
    exp.ArrayContains: ("local_contains", ("this", "expression")),
    exp.ArrayPosition: ("local_position", ("this", "expression")),
    exp.ArrayToString: ("local_join", ("this", "expression")),
    exp.ArrayDistinct: ("local_distinct", ("this",)),
    exp.ArraySlice: ("local_slice", ("this", "start", "end")),
    exp.ArrayMax: ("local_max", ("this",)),
    exp.ArrayMin: ("local_min", ("this",)),
    exp.ArrayCompact: ("local_compact", ("this",)),
    exp.ArrayExcept: ("local_except", ("this", "expression")),
    exp.ArrayOverlaps: ("local_overlap", ("this", "expression")),
    exp.ArrayInsert: ("local_insert", ("this", "position", "expression")),
    exp.ArrayRemove: ("local_remove", ("this", "expression")),
    exp.ArrayRemoveAt: ("local_remove_at", ("this", "position")),
    exp.ArrayReverse: ("local_reverse", ("this",)),
    exp.Flatten: ("local_flattened", ("this",)),
}
_TYPES = {
    "IS_ARRAY": ("ARRAY",),
    "IS_OBJECT": ("OBJECT",),
    "IS_BOOLEAN": ("BOOLEAN",),
    "IS_INTEGER": ("INTEGER",),
    "IS_DECIMAL": ("INTEGER", "DECIMAL"),
    "IS_DOUBLE": ("INTEGER", "DECIMAL", "DOUBLE"),
    "IS_REAL": ("INTEGER", "DECIMAL", "DOUBLE"),
    "IS_VARCHAR": ("VARCHAR",),
    "IS_CHAR": ("VARCHAR",),
    "IS_NULL_VALUE": ("NULL_VALUE",),
}
_AS = {
    "AS_INTEGER": ("BIGINT", ("INTEGER",)),
    "AS_DOUBLE": ("DOUBLE", ("INTEGER", "DECIMAL", "DOUBLE")),
    "AS_REAL": ("DOUBLE", ("INTEGER", "DECIMAL", "DOUBLE")),
    "AS_VARCHAR": ("VARCHAR", ("VARCHAR",)),
    "AS_CHAR": ("VARCHAR", ("VARCHAR",)),
    "AS_BOOLEAN": ("BOOLEAN", ("BOOLEAN",)),
    "AS_ARRAY": ("JSON", ("ARRAY",)),
    "AS_OBJECT": ("JSON", ("OBJECT",)),
}
_HIGHER_ORDER = (exp.Transform, exp.ArrayFilter, exp.Reduce)


def translate(tree: exp.Expr) -> exp.Expr:
    """Replace what builds, reads and takes apart VARIANTs."""
    for node in list(tree.find_all(exp.PropertyEQ)):  # {'a': 1}: a key keeps its case
        if isinstance(node.this, exp.Identifier) and isinstance(node.parent, exp.Struct):
            node.set("this", exp.Literal.string(node.this.name))
    for node in list(tree.find_all(exp.Lateral, exp.TableFromRows)):
        if isinstance(node.this, exp.Explode | exp.SplitToTable):
            _replace_relation(node)
    for node in reversed(list(tree.find_all(exp.ArrayAgg, exp.ArrayUniqueAgg, exp.GroupConcat))):
        _aggregate(node)
    for node in reversed(list(tree.find_all(exp.Func, exp.Array))):
        if (replacement := _function(node)) is not None:
            if node is tree:
                return replacement
            node.replace(replacement)
    return tree


def _call(name: str, *arguments: exp.Expr) -> exp.Anonymous:
    return exp.Anonymous(this=name, expressions=[a.copy() for a in arguments])


def _texts(values: tuple[str, ...]) -> exp.Expr:
    return exp.Anonymous(this="list_value", expressions=[exp.Literal.string(v) for v in values])


def _function(node: exp.Expr) -> exp.Expr | None:
    if isinstance(node, exp.Array):
        vector = isinstance(node.parent, exp.Cast) and node.parent.to.this == exp.DType.VECTOR
        if vector or isinstance(node.parent, _HIGHER_ORDER) or node.find_ancestor(exp.Pivot):
            return None
        return _call("json_array", *node.expressions)
    if type(node) in _ARRAY_FUNCTIONS:
        name, arguments = _ARRAY_FUNCTIONS[type(node)]
        return _call(name, *(node.args[a] for a in arguments))
    if isinstance(node, exp.ArrayConcat):
        return _call("local_cat", node.this, *node.expressions)
    if isinstance(node, exp.ArrayIntersect):
        return _call("local_intersection", *node.expressions)
    if isinstance(node, exp.SortArray):
        down = node.args.get("asc")
        return _call("local_sort_down" if isinstance(down, exp.Boolean) and not down.this else "local_sort", node.this)
    if isinstance(node, exp.GenerateSeries) and node.args.get("is_end_exclusive"):
        steps = [node.args[a] for a in ("start", "end", "step") if node.args.get(a)]
        return _call("to_json", _call("range", *steps))
    if isinstance(node, exp.ObjectInsert):
        return _call("local_object_insert", node.this, node.args["key"], node.args["value"])
    if isinstance(node, exp.Typeof):
        return _call("local_typeof", _call("to_json", node.this))
    if isinstance(node, exp.IsNullValue | exp.IsArray):
        name = "IS_ARRAY" if isinstance(node, exp.IsArray) else "IS_NULL_VALUE"
        return _call("local_if_type", node.this, _texts(_TYPES[name]))
    return _by_name(node) if isinstance(node, exp.Anonymous) else None


def _by_name(node: exp.Anonymous) -> exp.Expr | None:
    name = node.name.upper()
    if name in _TYPES:
        return _call("local_if_type", *node.expressions, _texts(_TYPES[name]))
    if name in _AS:
        target, types = _AS[name]
        return exp.cast(_call("local_as", *node.expressions, _texts(types)), target)
    if name in ("OBJECT_DELETE", "OBJECT_PICK"):
        return _call(f"local_{name.lower()}", node.expressions[0], _call("list_value", *node.expressions[1:]))
    if name in ("TO_OBJECT", "TO_ARRAY") and len(node.expressions) == 1:
        return _call("to_json", node.expressions[0])
    return None


# ------------------------------------------------------------------ aggregates


def _aggregate(node: exp.Expr) -> None:
    """ARRAY_AGG leaves NULLs out and gives [] for no rows, LISTAGG '' for none."""
    top = node
    while isinstance(top.parent, exp.WithinGroup | exp.Window) and top.parent.this is top:
        top = top.parent
    if isinstance(node, exp.GroupConcat):
        if not node.args.get("separator"):
            node.set("separator", exp.Literal.string(""))
        whole: exp.Expr = exp.Coalesce(this=top.copy(), expressions=[exp.Literal.string("")])
    else:
        whole = _collected(node, top)
    top.replace(whole)


def _collected(node: exp.Expr, top: exp.Expr) -> exp.Expr:
    argument = node.this
    distinct = isinstance(argument, exp.Distinct) or isinstance(node, exp.ArrayUniqueAgg)
    value = argument.expressions[0] if isinstance(argument, exp.Distinct) else argument
    order: list[exp.Expr] = []
    if isinstance(value, exp.Order):
        order, value = value.expressions, value.this
        if isinstance(value, exp.Distinct):
            distinct, value = True, value.expressions[0]
    if isinstance(node.parent, exp.WithinGroup):
        order = node.parent.expression.expressions
    inner: exp.Expr = exp.Distinct(expressions=[value.copy()]) if distinct else value.copy()
    if order:
        inner = exp.Order(this=inner, expressions=[o.copy() for o in order])
    present = exp.Not(this=exp.Is(this=value.copy(), expression=exp.Null()))
    listed: exp.Expr = exp.Filter(
        this=exp.Anonymous(this="LIST", expressions=[inner]), expression=exp.Where(this=present)
    )
    if isinstance(top, exp.Window):
        window = top.copy()
        window.set("this", listed)
        listed = window
    empty = exp.cast(exp.Literal.string("[]"), "JSON")
    return exp.Coalesce(this=exp.Anonymous(this="to_json", expressions=[listed]), expressions=[empty])


# ------------------------------------------------------------------ tables


def _replace_relation(node: exp.Expr) -> None:
    """LATERAL FLATTEN(...), TABLE(FLATTEN(...)) and SPLIT_TO_TABLE."""
    source = node.this
    if isinstance(source, exp.SplitToTable):
        call = _call("local_split_to_table", source.this, source.expression)
    else:
        call = _flatten(source)
    alias = node.args.get("alias")
    join = node.parent
    if isinstance(join, exp.Join) and join.side and not join.args.get("on"):
        join.set("on", exp.true())
    node.replace(exp.Table(this=call, alias=alias.copy() if alias else None))


def _flatten(explode: exp.Explode) -> exp.Expr:
    """See https://docs.snowflake.com/en/sql-reference/functions/flatten"""
    given: dict[str, exp.Expr] = {}
    for argument in [explode.this, *explode.expressions]:
        if isinstance(argument, exp.Kwarg):
            given[argument.this.name.upper()] = argument.expression
        else:
            given["INPUT"] = argument
    data: exp.Expr = _call("to_json", given["INPUT"])
    above = given["PATH"].name if "PATH" in given else ""
    if above:
        data = _call("json_extract", data, exp.Literal.string(f"$.{above}" if above[0] != "[" else f"${above}"))

    def true(name: str) -> bool:
        return name in given and given[name].sql().upper() == "TRUE"

    if true("RECURSIVE"):
        if true("OUTER") or "MODE" in given:
            raise sfe.ProgrammingError(
                msg="The local Snowflake cannot FLATTEN with RECURSIVE and OUTER or MODE", errno=2, sqlstate="0A000"
            )
        return _call("local_flatten_deep", data, exp.Literal.string(above))
    mode = given["MODE"].name.upper() if "MODE" in given else "BOTH"
    outside = exp.true() if true("OUTER") else exp.false()
    return _call("local_flatten", data, exp.Literal.string(above), exp.Literal.string(mode), outside)
