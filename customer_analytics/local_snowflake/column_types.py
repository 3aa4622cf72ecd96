"""What Snowflake's type of an expression is, worked out from the tables' columns upwards.

Needed where DuckDB's own types give other values: division, AVG, SUM, DATE_TRUNC. Unknown is None: then
nothing is assumed.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from sqlglot import exp

from customer_analytics.local_snowflake.names import normal
from customer_analytics.local_snowflake.snowflake_types import (
    BINARY,
    BOOLEAN,
    DATE,
    FLOAT,
    INTEGER,
    MAX_PRECISION,
    TEXT,
    TIMESTAMP,
    TIMESTAMP_TZ,
    VARIANT,
    Type,
    average,
    division,
    from_cast,
    median,
    of_number,
    product,
    summed,
    unified,
)

Outputs = list[tuple[str, Type | None]]
Describe = Callable[[exp.Table], Outputs]

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
    *(exp.Quarter, exp.Week, exp.DayOfYear, exp.Hour, exp.Minute, exp.Second, exp.Sign, exp.Factorial, exp.Rand),
    *(exp.Seq1, exp.Seq2, exp.Seq4, exp.Seq8, exp.ArraySize, exp.ArrayPosition, exp.RegexpCount, exp.RegexpInstr),
    *(exp.Ascii, exp.Unicode, exp.ByteLength, exp.BitLength, exp.Levenshtein, exp.JarowinklerSimilarity, exp.Grouping),
    *(exp.WeekOfYear, exp.DayOfWeekIso, exp.YearOfWeek, exp.YearOfWeekIso, exp.BitwiseAnd, exp.BitwiseOr),
    *(exp.BitwiseXor, exp.BitwiseNot, exp.BitwiseLeftShift, exp.BitwiseRightShift, exp.BitwiseAndAgg),
    *(exp.BitwiseOrAgg, exp.BitwiseXorAgg),
)
_INTEGER_NAMES = {"HASH", "HASH_AGG", "GROUPING_ID", "LEN"}
_FLOAT_FUNCTIONS = (
    *(exp.Sqrt, exp.Ln, exp.Exp, exp.Pow, exp.Stddev, exp.StddevSamp, exp.StddevPop, exp.Variance, exp.VariancePop),
    *(exp.ToDouble, exp.Corr, exp.Log, exp.Cbrt, exp.Pi, exp.Degrees, exp.Radians, exp.Sin, exp.Cos, exp.Tan, exp.Cot),
    *(
        exp.Asin,
        exp.Acos,
        exp.Atan,
        exp.Atan2,
        exp.Sinh,
        exp.Cosh,
        exp.Tanh,
        exp.CovarPop,
        exp.CovarSamp,
        exp.RegrSlope,
    ),
    *(exp.PercentRank, exp.CumeDist, exp.MonthsBetween, exp.Skewness, exp.Kurtosis),
)
_TEXT_FUNCTIONS = (
    *(exp.Concat, exp.DPipe, exp.Upper, exp.Lower, exp.Trim, exp.Substring, exp.ToChar, exp.GroupConcat, exp.Left),
    *(exp.Right, exp.Replace, exp.Reverse, exp.Repeat, exp.Space, exp.SplitPart, exp.Strtok, exp.Initcap, exp.Pad),
    *(exp.RegexpReplace, exp.RegexpExtract, exp.ConcatWs, exp.Translate, exp.Dayname, exp.Monthname, exp.Chr, exp.MD5),
    *(exp.ArrayToString, exp.Uuid, exp.JSONFormat, exp.SHA, exp.SHA2, exp.TimeToStr),
)
_LIKE_FIRST = (
    *(exp.Paren, exp.Neg, exp.Abs, exp.Min, exp.Max, exp.AnyValue, exp.FirstValue, exp.LastValue, exp.Lag, exp.Lead),
    *(exp.NthValue, exp.Nullif, exp.IgnoreNulls, exp.RespectNulls, exp.Window, exp.Filter, exp.Distinct, exp.Alias),
    *(
        exp.Mode,
        exp.Uniform,
        exp.ArgMax,
        exp.ArgMin,
        exp.DateTrunc,
        exp.TimestampTrunc,
        exp.First,
        exp.Last,
        exp.WithinGroup,
    ),
)
_DAY_UNITS = {"DAY", "WEEK", "MONTH", "QUARTER", "YEAR"}


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
            return [(n, unified([t, u])) for (n, t), (_, u) in zip(left, right, strict=False)]
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
                star = item if isinstance(item, exp.Star) else item.this
                for alias, columns in scope.sources.items():
                    if not only or alias == only:
                        outputs += self._chosen(star, columns)
            else:
                name = item.args.get("alias") or (item.this if isinstance(item, exp.Column) else None)
                outputs.append((_identifier(name) if name is not None else "", self.of(item)))
        return outputs

    def _chosen(self, star: exp.Star, columns: Outputs) -> Outputs:
        """What `*` with EXCLUDE, REPLACE and RENAME leaves."""
        gone = {_identifier(e.this if isinstance(e, exp.Column) else e) for e in star.args.get("except_") or []}
        replaced = {_identifier(e.args["alias"]): self.of(e.this) for e in star.args.get("replace") or []}
        names = {
            _identifier(e.this.this if isinstance(e.this, exp.Column) else e.this): _identifier(e.args["alias"])
            for e in star.args.get("rename") or []
        }
        return [(names.get(n, n), replaced.get(n, t)) for n, t in columns if n not in gone]

    def _pivoted(self, pivots: list[exp.Pivot], before: Outputs) -> Outputs:
        """The columns of PIVOT and UNPIVOT."""
        pivot, known = pivots[0], dict(before)
        field = pivot.args["fields"][0] if pivot.args.get("fields") else None
        if len(pivots) > 1 or len(pivot.expressions) != 1 or not isinstance(field, exp.In):
            return []
        used = [_identifier(c.this if isinstance(c, exp.Column) else c) for c in (field.this, *field.expressions)
                if isinstance(c, exp.Column | exp.Identifier)]  # fmt: skip
        if pivot.args.get("unpivot"):
            listed = [known.get(name) for name in used[1:]]
            found = [(n, t) for n, t in before if n not in used[1:]]
            found += [(used[0], TEXT), (_identifier(pivot.expressions[0]), unified(listed))]
        else:
            aggregate = pivot.expressions[0].unalias()
            inner = aggregate.this
            argument = known.get(_identifier(inner.this)) if isinstance(inner, exp.Column) else None
            value = summed(argument) if isinstance(aggregate, exp.Sum) else argument
            if isinstance(aggregate, exp.Count):
                value = INTEGER
            elif not isinstance(aggregate, exp.Sum | exp.Max | exp.Min | exp.AnyValue):
                value = None
            gone = {*used, *(_identifier(c.this) for c in aggregate.find_all(exp.Column))}
            found = [(n, t) for n, t in before if n not in gone]
            found += [(_identifier(c), value) for c in pivot.args.get("columns") or []]
        alias = pivot.args.get("alias")
        names = [_identifier(c) for c in alias.columns] if isinstance(alias, exp.TableAlias) else []
        return [(n, t) for n, (_, t) in zip(names, found, strict=False)] if names else found

    def _values(self, values: exp.Values) -> Outputs:
        rows = [row.expressions if isinstance(row, exp.Tuple) else [row] for row in values.expressions]
        types = [self._together(list(column)) for column in zip(*rows, strict=False)]
        alias = values.args.get("alias")
        names = [_identifier(c) for c in alias.columns] if alias is not None else []
        return list(zip(names or [f"COLUMN{i}" for i in range(1, len(types) + 1)], types, strict=False))

    def _source(self, relation: exp.Expr, named: dict[str, Outputs], outer: Scope | None) -> Outputs:
        if isinstance(relation, exp.Table) and isinstance(relation.this, exp.Identifier):
            if pivots := relation.args.get("pivots"):
                bare = relation.copy()
                bare.set("pivots", None)
                return self._pivoted(pivots, self._source(bare, named, outer))
            if not relation.db and (outputs := named.get(_identifier(relation.this))) is not None:
                return outputs
            return self._describe(relation)
        if isinstance(relation, exp.Subquery):
            outputs = self._query(relation.this, named, outer)
            if pivots := relation.args.get("pivots"):
                return self._pivoted(pivots, outputs)
            alias = relation.args.get("alias")
            columns = [_identifier(c) for c in alias.columns] if alias else []
            return [(c, t) for c, (_, t) in zip(columns, outputs, strict=False)] if columns else outputs
        if isinstance(relation, exp.Values):
            return self._values(relation)
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
            return TEXT if node.is_string else of_number(node.name)
        if isinstance(node, exp.Cast):
            return from_cast(node.to)
        if isinstance(node, exp.Add | exp.Sub | exp.Mul | exp.Div | exp.Mod):
            return self._arithmetic(node)
        if isinstance(node, exp.Anonymous) and node.name.upper() in ("TO_TIMESTAMP", "TO_TIMESTAMP_NTZ"):
            return TIMESTAMP
        if isinstance(node, exp.Sum):
            return summed(self.of(node.this if not isinstance(node.this, exp.Distinct) else node.this.expressions[0]))
        if isinstance(node, exp.Avg):
            argument = self.of(node.this)
            return average(argument) if argument and argument.kind == "NUMBER" else argument and FLOAT
        if isinstance(node, exp.Median):
            return median(self.of(node.this))
        if isinstance(node, exp.WithinGroup) and isinstance(node.this, exp.PercentileCont | exp.PercentileDisc):
            ordered = self.of(node.expression.expressions[0].this)
            return median(ordered) if isinstance(node.this, exp.PercentileCont) else ordered
        if isinstance(node, exp.Round | exp.Floor | exp.Ceil | exp.Trunc):
            return self._rounded(node)
        if isinstance(node, exp.ToNumber):
            sizes = [node.args.get(key) for key in ("precision", "scale")]
            digits, places = (int(size.name) if size is not None else None for size in sizes)
            return Type("NUMBER", MAX_PRECISION if digits is None else digits, places or 0)
        if isinstance(node, exp.Nvl2):
            return self._together([node.args.get("true"), node.args.get("false")])
        if isinstance(node, exp.DecodeCase):
            found = node.expressions[1:]
            return self._together(found[1::2] + (found[-1:] if len(found) % 2 else []))
        if isinstance(node, exp.Coalesce | exp.Greatest | exp.Least):
            return self._together([node.this, *node.expressions])
        if isinstance(node, exp.If):
            return self._together([node.args.get("true"), node.args.get("false")])
        if isinstance(node, exp.Case):
            return self._together([*(when.args["true"] for when in node.args["ifs"]), node.args.get("default")])
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
        if isinstance(node, exp.Anonymous) and node.name.upper() in _INTEGER_NAMES:
            return INTEGER
        return self.of(node.this) if isinstance(node, _LIKE_FIRST) else None

    def _together(self, parts: list[exp.Expr | None]) -> Type | None:
        """The type of what is one of these."""
        return unified([self.of(part) for part in parts if part is not None and not _is_null(part)])

    def _arithmetic(self, node: exp.Binary) -> Type | None:
        one, other = self.of(node.this), self.of(node.expression)
        if one == DATE and isinstance(node.expression, exp.Interval):
            unit = node.expression.args.get("unit")
            named = [unit.name] if unit is not None else re.findall(r"[a-z]+", node.expression.name, re.I)
            return DATE if named and all(u.upper().rstrip("S") in _DAY_UNITS for u in named) else TIMESTAMP
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

    def _rounded(self, node: exp.Round | exp.Floor | exp.Ceil | exp.Trunc) -> Type | None:
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
