"""Is a statement one that Snowflake documents? The list is documented_forms.json; what is not on it is a problem.

`python -m customer_analytics_tests.statements.forms LOG OUT RUN` writes the trail of that run as Markdown, from a
statement log.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.tokens import TokenType

FORMS: dict[str, Any] = json.loads(Path(__file__).with_name("documented_forms.json").read_text())
_NODES = {node for group in FORMS["constructs"].values() for node in group["nodes"]}
_FUNCTIONS = set(FORMS["functions"]) | set(FORMS["sent_by_snowflakes_own_libraries"])
_NO_FUNCTION = set(FORMS["before_a_parenthesis_but_no_function"])
_NAME = re.compile(r"[A-Za-z_][\w$]*")
_IDENTIFIER = r'(?:"(?:[^"]|"")+"|[A-Za-z_][\w$]*)'
_PLACEHOLDERS = {
    "{NAME}": rf"{_IDENTIFIER}(?:\.{_IDENTIFIER}){{0,2}}",
    "{TEXT}": r"(?:'(?:[^'\\]|''|\\.)*'|\$\$(?:(?!\$\$).)*\$\$)",
    "{IN_TEXT}": r"(?:[^'\\]|''|\\.)*",
    "{TYPE}": r"\w+(?:\([\d, ]+\))?",
}
"""What stands for what in the forms that sqlglot need not parse."""


def problems(sql: str) -> list[str]:
    """What in the statement is not on the list; empty when all is."""
    form = form_of(sql)
    if form is None:
        return [f"no documented form begins like: {_plain(sql)[:100]}"]
    if not form.get("parsed"):
        return []
    found = [f"function {name}" for name in functions(sql) if name not in _FUNCTIONS]
    try:
        tree = sqlglot.parse_one(sql, dialect="snowflake")
    except sqlglot.errors.ParseError as error:
        return [f"sqlglot cannot parse it as Snowflake's: {error}"]
    # A function's own node is judged by the name that stands in the text.
    found += [
        f"construct {type(node).__name__}"
        for node in tree.walk()
        if not isinstance(node, exp.Func) and type(node).__name__ not in _NODES
    ]
    return sorted(set(found))


def form_of(sql: str) -> dict[str, Any] | None:
    """The first form of the list that the statement has: what is parsed begins like it, any other is it as a whole."""
    text = _plain(sql)
    return next((f for f in FORMS["statements"] if _has_form(text, f)), None)


def _has_form(text: str, form: dict[str, Any]) -> bool:
    if form.get("parsed"):
        return re.match(form["starts"], text, re.I) is not None
    pattern = form["whole"]
    for placeholder, meaning in _PLACEHOLDERS.items():
        pattern = pattern.replace(placeholder, meaning)
    return re.fullmatch(pattern, text, re.I | re.S) is not None


def functions(sql: str) -> Iterator[str]:
    """Every name right before a parenthesis that is not a word of the grammar, upper case, as it stands in the text."""
    tokens = sqlglot.tokenize(sql, dialect="snowflake")
    # The table of INSERT INTO name (columns) or CREATE TABLE name (columns) is no function.
    after_a_table_word = {"INTO", "TABLE", "EXISTS", "UPDATE"}
    for before, token, after in zip([None, *tokens], tokens, tokens[1:], strict=False):
        quoted = token.token_type in (TokenType.IDENTIFIER, TokenType.STRING)
        if after.token_type is not TokenType.L_PAREN or quoted or not _NAME.fullmatch(token.text):
            continue
        name = token.text.upper()
        if name in _NO_FUNCTION or (before and before.text.upper() in after_a_table_word):
            continue
        yield name


def _plain(sql: str) -> str:
    return " ".join(re.sub(r"/\*.*?\*/|--[^\n]*", " ", sql, flags=re.S).split()).rstrip("; ")


def statements_of(log: Path) -> list[dict[str, Any]]:
    """The entries of a statement log of the local Snowflake."""
    return [json.loads(line) for line in log.read_text().splitlines()]


def example(sql: str) -> str:
    """The statement with its literals, random names and long middle left out."""
    text = re.sub(r"\$\$.*?\$\$", "$$…$$", _plain(sql))
    text = re.sub(r"'file://[^']*'", "'file://…'", text)
    text = re.sub(r"_[0-9A-F]{32}", "_…", text)
    text = re.sub(r"(SNOWPARK_TEMP_\w+?_)[A-Z0-9]{10}", r"\1…", text).replace("|", "\\|")
    return text if len(text) <= 160 else text[:110] + " … " + text[-45:]


def trail(entries: Iterable[dict[str, Any]]) -> str:
    """The trail as Markdown: each form that was sent, how often, one example; each function."""
    count: Counter[str] = Counter()
    examples: dict[str, str] = {}
    used: Counter[str] = Counter()
    for entry in entries:
        form = form_of(entry["sql"])
        if form is None:
            continue
        count[form["form"]] += 1
        examples.setdefault(form["form"], example(entry["sql"]))
        if form.get("parsed"):
            used.update(functions(entry["sql"]))
    manual = FORMS["manual"]
    lines = [
        "# Every statement that a full run sends to Snowflake",
        "",
        "The audit trail: `customer_analytics_tests/deployment` runs the whole graph on the local Snowflake, which",
        "logs each statement, and checks each against `statements/documented_forms.json`: its form, every function by",
        "the name in the text, and every construct that sqlglot finds when it parses it in Snowflake's dialect; a",
        "statement that is not parsed must have its form as a whole. What is not on the list fails the test. This page",
        "is written from such a log by",
        "`python -m customer_analytics_tests.statements.forms LOG docs/snowflake-statements.md RUN`.",
        "No statement of it has been run on a real account by the makers of this project.",
        "",
        "| form | sent | example |",
        "|---|---:|---|",
    ]
    lines += [
        f"| [{form['form']}]({manual}{form['page']}) | {count[form['form']]} | `{examples[form['form']]}` |"
        for form in FORMS["statements"]
        if count[form["form"]]
    ]
    lines += ["", "## Functions", "", "| function that may be sent | used |", "|---|---:|"]
    for name in FORMS["functions"]:
        used[name] += 0  # one that may be sent, and was not this time, is listed too
    for name, uses in sorted(used.items()):
        own = FORMS["sent_by_snowflakes_own_libraries"].get(name)
        page = FORMS["functions"].get(name)
        lines.append(f"| {f'{name} ({own})' if own else f'[{name}]({manual}functions/{page})'} | {uses} |")
    lines += ["", "## Constructs that may be used", "", "| | |", "|---|---|"]
    for group, what in FORMS["constructs"].items():
        lines.append(f"| [{group}]({manual}{what['page']}) | {', '.join(sorted(what['nodes']))} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    logging.getLogger("sqlglot").setLevel(logging.ERROR)
    sent = statements_of(Path(sys.argv[1]))
    Path(sys.argv[2]).write_text(trail(entry for entry in sent if sys.argv[3] in (entry["query_tag"] or "")))
