"""What Snowflake's type of an expression is, worked out from the tables' columns upwards.

Needed where DuckDB's own types give other values: division, AVG, SUM, DATE_TRUNC. Unknown is None: then
nothing is assumed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlglot import exp

from customer_analytics.local_snowflake.names import normal

MAX_PRECISION = 38


@dataclass(frozen=True)
class Type:
    """A Snowflake type; precision and scale of NUMBER."""

    kind: str
    precision: int = MAX_PRECISION
    scale: int = 0


FLOAT, TEXT, BOOLEAN, DATE, TIMESTAMP = (Type(k) for k in ("FLOAT", "TEXT", "BOOLEAN", "DATE", "TIMESTAMP"))
TIMESTAMP_TZ, TIME, BINARY, VARIANT = (Type(k) for k in ("TIMESTAMP_TZ", "TIME", "BINARY", "VARIANT"))
INTEGER = Type("NUMBER")
Outputs = list[tuple[str, Type | None]]
Describe = Callable[[exp.Table], Outputs]

_DUCK_INTEGERS = {"BIGINT", "INTEGER", "SMALLINT", "TINYINT", "HUGEINT", "UBIGINT", "UINTEGER", "USMALLINT", "UTINYINT"}
_DUCK = {
    "DOUBLE": FLOAT,
    "FLOAT": FLOAT,
    "VARCHAR": TEXT,
    "BOOLEAN": BOOLEAN,
    "DATE": DATE,
    "TIMESTAMP WITH TIME ZONE": TIMESTAMP_TZ,
    "TIME": TIME,
    "BLOB": BINARY,
    "JSON": VARIANT,
}
_FLATTENED = [
    *(("SEQ", INTEGER), ("KEY", TEXT), ("PATH", TEXT), ("INDEX", INTEGER), ("VALUE", VARIANT), ("THIS", VARIANT)),
]
_VARIANT_FUNCTIONS = (
    *(exp.JSONExtract, exp.Bracket, exp.ParseJSON, exp.GetExtract, exp.ToVariant, exp.Array, exp.Struct, exp.ArrayAgg),
    *(exp.JSONObject, exp.StripNullValue, exp.ArrayMax, exp.ArrayMin),
)
_INTEGER_FUNCTIONS = (
    *(exp.Count, exp.CountIf, exp.RowNumber, exp.Rank, exp.DenseRank, exp.Ntile, exp.DateDiff, exp.Length),
    *(exp.Year, exp.Month, exp.Day, exp.Extract, exp.DayOfWeek, exp.WidthBucket, exp.ApproxDistinct, exp.StrPosition),
    *(exp.Quarter, exp.Week, exp.DayOfYear, exp.Hour, exp.Minute, exp.Second, exp.Sign),
)
_FLOAT_FUNCTIONS = (
    *(exp.Sqrt, exp.Ln, exp.Exp, exp.Pow, exp.Stddev, exp.StddevSamp, exp.StddevPop, exp.Variance, exp.VariancePop),
    *(exp.ToDouble, exp.Corr, exp.Log, exp.Cbrt),
)
_TEXT_FUNCTIONS = (exp.Concat, exp.DPipe, exp.Upper, exp.Lower, exp.Trim, exp.Substring, exp.ToChar, exp.GroupConcat)
_LIKE_FIRST = (
    *(exp.Paren, exp.Neg, exp.Abs, exp.Min, exp.Max, exp.AnyValue, exp.FirstValue, exp.LastValue, exp.Lag, exp.Lead),
    *(exp.NthValue, exp.Nullif, exp.IgnoreNulls, exp.RespectNulls, exp.Window, exp.Filter, exp.Distinct, exp.Alias),
    *(exp.ArgMax, exp.ArgMin, exp.DateTrunc, exp.TimestampTrunc, exp.First, exp.Last, exp.WithinGroup),
)
_DAY_UNITS = {"DAY", "WEEK", "MONTH", "QUARTER", "YEAR"}


def from_duck(name: str) -> Type | None:
    """The type of a DuckDB column."""
    if name in _DUCK_INTEGERS:
        return INTEGER
    if name.startswith("DECIMAL("):
        precision, scale = name[8:-1].split(",")
        return Type("NUMBER", int(precision), int(scale))
    return _DUCK.get(name) or (TIMESTAMP if name.startswith("TIMESTAMP") else None)


def snowflake_name(duck_type: str) -> str:
    """Snowflake's name of a DuckDB type, as INFER_SCHEMA gives it."""
    if "TIME ZONE" in duck_type:
        return "TIMESTAMP_TZ"
    known = from_duck(duck_type)
    if known is None:
        return {"UUID": "TEXT"}.get(duck_type, "VARIANT")
    if known.kind == "NUMBER":
        return f"NUMBER({known.precision}, {known.scale})"
    return {"FLOAT": "REAL", "TIMESTAMP": "TIMESTAMP_NTZ"}.get(known.kind, known.kind)


def from_cast(data_type: exp.DataType) -> Type | None:
    """The type that a CAST names."""
    kind = data_type.this
    if kind in (exp.DType.DECIMAL, exp.DType.INT, exp.DType.BIGINT, exp.DType.SMALLINT, exp.DType.TINYINT):
        sizes = [int(p.name) for p in data_type.expressions]
        return Type("NUMBER", *(sizes or [MAX_PRECISION, 0])) if len(sizes) != 1 else Type("NUMBER", sizes[0], 0)
    if kind in (exp.DType.DOUBLE, exp.DType.FLOAT):
        return FLOAT
    if kind in exp.DataType.TEXT_TYPES:
        return TEXT
    if kind == exp.DType.DATE:
        return DATE
    if kind == exp.DType.BOOLEAN:
        return BOOLEAN
    if kind in (exp.DType.VARIANT, exp.DType.OBJECT, exp.DType.ARRAY, exp.DType.JSON):
        return VARIANT
    if kind in (exp.DType.BINARY, exp.DType.VARBINARY):
        return BINARY
    if kind == exp.DType.TIME:
        return TIME
    if kind in (exp.DType.TIMESTAMPTZ, exp.DType.TIMESTAMPLTZ):
        return TIMESTAMP_TZ
    return TIMESTAMP if kind in exp.DataType.TEMPORAL_TYPES else None


def division(one: Type, other: Type) -> Type:
    """NUMBER / NUMBER. See https://docs.snowflake.com/en/sql-reference/operators-arithmetic#division"""
    scale = max(one.scale, min(one.scale + 6, 12))
    return Type("NUMBER", MAX_PRECISION, scale)


def product(one: Type, other: Type) -> Type:
    """NUMBER * NUMBER. See https://docs.snowflake.com/en/sql-reference/operators-arithmetic#multiplication"""
    scale = min(one.scale + other.scale, max(one.scale, other.scale, 12))
    digits = one.precision - one.scale + other.precision - other.scale
    return Type("NUMBER", min(MAX_PRECISION, digits + scale), scale)


def average(argument: Type) -> Type:
    return division(argument, INTEGER)


class Scope:
    """What a query's columns refer to: its sources by alias, then the query around it."""

    def __init__(self, sources: dict[str, Outputs], outer: Scope | None) -> None:
        self.sources, self.outer = sources, outer

    def column(self, table: str, name: str) -> Type | None:
        if table:
            found = [t for n, t in self.sources.get(table, []) if n == name]
        else:
            found = [t for outputs in self.sources.values() for n, t in outputs if n == name]
        if found:
            return found[0] if all(t == found[0] for t in found) else None
        return self.outer.column(table, name) if self.outer else None


class Types:
    """The types of one statement's expressions. `describe` gives a table's columns."""

    def __init__(self, statement: exp.Expr, describe: Describe) -> None:
        self._describe = describe
        self._scopes: dict[int, Scope] = {}
        self._known: dict[int, Type | None] = {}
        root = self._statement_scope(statement)
        self._root = root
        for query in statement.find_all(exp.Select, exp.SetOperation):
            if id(query) not in self._scopes and not query.find_ancestor(exp.Select, exp.SetOperation):
                self._query(query, {}, root)

    def of(self, node: exp.Expr | None) -> Type | None:
        """The expression's type; None when it is not known."""
        if node is None:
            return None
        if id(node) not in self._known:
            self._known[id(node)] = self._work_out(node)
        return self._known[id(node)]

    # ------------------------------------------------------------------ queries

    def _statement_scope(self, statement: exp.Expr) -> Scope:
        """UPDATE, DELETE and MERGE name their tables themselves."""
        sources: dict[str, Outputs] = {}
        if isinstance(statement, exp.Update | exp.Delete | exp.Merge):
            tables = [statement.this, statement.args.get("using"), *(f.this for f in statement.find_all(exp.From))]
            for table in tables:
                if isinstance(table, exp.Table | exp.Subquery):
                    sources[_alias(table)] = self._source(table, {}, None)
        return Scope(sources, None)

    def _query(self, query: exp.Expr, named: dict[str, Outputs], outer: Scope | None) -> Outputs:
        named = dict(named)
        for cte in query.args["with_"].expressions if query.args.get("with_") else []:
            outputs = self._query(cte.this, named, outer)
            columns = [normal(c.sql(dialect="snowflake")) for c in cte.args["alias"].columns]
            named[_identifier(cte.args["alias"].this)] = (
                [(c, t) for c, (_, t) in zip(columns, outputs, strict=False)] if columns else outputs
            )
        if isinstance(query, exp.Subquery):
            return self._query(query.this, named, outer)
        if isinstance(query, exp.SetOperation):
            left = self._query(query.this, named, outer)
            right = self._query(query.expression, named, outer)
            return [(n, _unified([t, u])) for (n, t), (_, u) in zip(left, right, strict=False)]
        if not isinstance(query, exp.Select):
            return []
        sources: dict[str, Outputs] = {}
        start = query.args.get("from_")
        relations = [start.this] if start else []
        relations += [join.this for join in query.args.get("joins") or []]
        relations += query.args.get("laterals") or []
        for relation in relations:
            sources[_alias(relation)] = self._source(relation, named, outer)
        scope = self._scopes[id(query)] = Scope(sources, outer)
        for inner in query.find_all(exp.Select, exp.SetOperation):  # scalar subqueries, EXISTS, IN
            above = inner.find_ancestor(exp.Select, exp.SetOperation)
            if inner is not query and above is query and id(inner) not in self._scopes:
                self._query(inner, named, scope)
        return self._outputs(query, scope)

    def _outputs(self, select: exp.Select, scope: Scope) -> Outputs:
        outputs: Outputs = []
        for item in select.expressions:
            if isinstance(item, exp.Star) or (isinstance(item, exp.Column) and isinstance(item.this, exp.Star)):
                only = item.table and _identifier(item.args["table"]) if isinstance(item, exp.Column) else None
                for alias, columns in scope.sources.items():
                    if not only or alias == only:
                        outputs += columns
            else:
                name = item.args.get("alias") or (item.this if isinstance(item, exp.Column) else None)
                outputs.append((_identifier(name) if name is not None else "", self.of(item)))
        return outputs

    def _source(self, relation: exp.Expr, named: dict[str, Outputs], outer: Scope | None) -> Outputs:
        if isinstance(relation, exp.Table) and isinstance(relation.this, exp.Identifier):
            if relation.args.get("pivots"):
                return []
            if not relation.db and (outputs := named.get(_identifier(relation.this))) is not None:
                return outputs
            return self._describe(relation)
        if isinstance(relation, exp.Subquery) and not relation.args.get("pivots"):
            outputs = self._query(relation.this, named, outer)
            alias = relation.args.get("alias")
            columns = [_identifier(c) for c in alias.columns] if alias else []
            return [(c, t) for c, (_, t) in zip(columns, outputs, strict=False)] if columns else outputs
        if isinstance(relation, exp.Lateral | exp.TableFromRows) and isinstance(relation.this, exp.Explode):
            return list(_FLATTENED)
        return []

    def _scope(self, node: exp.Expr) -> Scope:
        query = node.find_ancestor(exp.Select)
        while query is not None and id(query) not in self._scopes:
            query = query.find_ancestor(exp.Select)
        return self._scopes[id(query)] if query is not None else self._root

    # ------------------------------------------------------------------ expressions

    def _work_out(self, node: exp.Expr) -> Type | None:
        if isinstance(node, exp.Column):
            table = node.args.get("table")
            return self._scope(node).column(_identifier(table) if table else "", _identifier(node.this))
        if isinstance(node, exp.Literal):
            return TEXT if node.is_string else _number(node.name)
        if isinstance(node, exp.Cast):
            return from_cast(node.to)
        if isinstance(node, exp.Add | exp.Sub | exp.Mul | exp.Div | exp.Mod):
            return self._arithmetic(node)
        if isinstance(node, exp.Anonymous) and node.name.upper() in ("TO_TIMESTAMP", "TO_TIMESTAMP_NTZ"):
            return TIMESTAMP
        if isinstance(node, exp.Sum):
            argument = self.of(node.this if not isinstance(node.this, exp.Distinct) else node.this.expressions[0])
            return Type("NUMBER", MAX_PRECISION, argument.scale) if argument and argument.kind == "NUMBER" else FLOAT
        if isinstance(node, exp.Avg | exp.Median):
            argument = self.of(node.this)
            return average(argument) if argument and argument.kind == "NUMBER" else argument and FLOAT
        if isinstance(node, exp.Round | exp.Floor | exp.Ceil):
            return self._rounded(node)
        if isinstance(node, exp.Coalesce | exp.Greatest | exp.Least):
            return _unified([self.of(part) for part in (node.this, *node.expressions) if not _is_null(part)])
        if isinstance(node, exp.If):
            parts = [node.args.get("true"), node.args.get("false")]
            return _unified([self.of(part) for part in parts if part is not None and not _is_null(part)])
        if isinstance(node, exp.Case):
            parts = [*(when.args["true"] for when in node.args["ifs"]), node.args.get("default")]
            return _unified([self.of(part) for part in parts if part is not None and not _is_null(part)])
        if isinstance(node, exp.DateAdd | exp.AddMonths):
            unit = node.args.get("unit")
            days = unit is None or unit.name.upper() in _DAY_UNITS
            return DATE if self.of(node.this) == DATE and days else TIMESTAMP
        if isinstance(node, exp.Subquery) and isinstance(node.this, exp.Select):
            return self.of(node.this.expressions[0]) if node.this.expressions else None
        return self._by_function(node)

    def _by_function(self, node: exp.Expr) -> Type | None:
        if isinstance(node, _INTEGER_FUNCTIONS):
            return INTEGER
        if isinstance(node, _FLOAT_FUNCTIONS):
            return FLOAT
        if isinstance(node, _TEXT_FUNCTIONS):
            return TEXT
        if isinstance(node, exp.TsOrDsToDate | exp.CurrentDate | exp.LastDay | exp.DateFromParts):
            return DATE
        if isinstance(node, exp.CurrentTimestamp):
            return TIMESTAMP_TZ
        if isinstance(node, exp.Predicate | exp.Connector | exp.Not | exp.Boolean):
            return BOOLEAN
        if isinstance(node, _VARIANT_FUNCTIONS):
            return VARIANT
        if isinstance(node, exp.HexString | exp.ToBinary):
            return BINARY
        if isinstance(node, exp.Distinct):
            return self.of(node.expressions[0])
        return self.of(node.this) if isinstance(node, _LIKE_FIRST) else None

    def _arithmetic(self, node: exp.Binary) -> Type | None:
        one, other = self.of(node.this), self.of(node.expression)
        if one == DATE and isinstance(node.expression, exp.Interval):
            unit = node.expression.args.get("unit")
            return DATE if unit is not None and unit.name.upper().rstrip("S") in _DAY_UNITS else TIMESTAMP
        if one is None or other is None:
            return None
        if one == DATE and isinstance(node, exp.Add | exp.Sub):
            return INTEGER if other == DATE else DATE
        if {one, other} & {TEXT, FLOAT, VARIANT}:
            return FLOAT
        if one.kind != "NUMBER" or other.kind != "NUMBER":
            return None
        if isinstance(node, exp.Div):
            return division(one, other)
        if isinstance(node, exp.Mul):
            return product(one, other)
        scale = max(one.scale, other.scale)
        digits = max(one.precision - one.scale, other.precision - other.scale) + 1
        return Type("NUMBER", min(MAX_PRECISION, digits + scale), scale)

    def _rounded(self, node: exp.Round | exp.Floor | exp.Ceil) -> Type | None:
        argument, decimals = self.of(node.this), node.args.get("decimals")
        if argument is None or argument.kind != "NUMBER":
            return argument
        scale = int(decimals.name) if isinstance(decimals, exp.Literal) else 0 if decimals is None else argument.scale
        return Type("NUMBER", argument.precision, min(argument.scale, max(scale, 0)))


def _alias(relation: exp.Expr) -> str:
    alias = relation.args.get("alias")
    if alias is not None and alias.this is not None:
        return _identifier(alias.this)
    return _identifier(relation.this) if isinstance(relation, exp.Table) else f"#{id(relation)}"


def _identifier(node: exp.Expr | str) -> str:
    if isinstance(node, str):
        return node.upper()
    return node.name if isinstance(node, exp.Identifier) and node.quoted else node.name.upper()


def _is_null(node: exp.Expr) -> bool:
    return isinstance(node, exp.Null)


def _number(text: str) -> Type:
    if "e" in text.lower():
        return FLOAT
    whole, _, fraction = text.partition(".")
    return Type("NUMBER", max(1, len(whole.lstrip("0")) + len(fraction)), len(fraction))


def _unified(types: list[Type | None]) -> Type | None:
    """The type that holds them all."""
    if not types or None in types:
        return None
    found = [t for t in types if t is not None]
    if all(t == found[0] for t in found):
        return found[0]
    kinds = {t.kind for t in found}
    if "VARIANT" in kinds:
        return VARIANT
    if kinds == {"NUMBER"}:
        scale = max(t.scale for t in found)
        return Type("NUMBER", min(MAX_PRECISION, max(t.precision - t.scale for t in found) + scale), scale)
    if kinds <= {"NUMBER", "FLOAT", "TEXT"} and "FLOAT" in kinds:
        return FLOAT
    return TIMESTAMP if kinds == {"DATE", "TIMESTAMP"} else None
