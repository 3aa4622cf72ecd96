"""Text of customers and of models as HTML that shows it literally: nothing in it runs, links or formats."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

_ENDING = "(?:s|es|ed|d|ing|er|ers|ly|n|en|able)?"
_WORD = re.compile(r"[^\W_]+")
_CITATION = re.compile(r"\[(\d{1,3}(?:\s?,\s?\d{1,3})*)\]")


def words_of(query: str) -> list[str]:
    """The words of a search, lower case, without the shortest."""
    return [w for w in _WORD.findall(query.lower()) if len(w) > 2 or w.isdigit()]


def highlight(text: str, words: Iterable[str]) -> str:
    """The text, escaped, with every form of one of `words` marked: for "break" also "breaking", not "breakfast"."""
    stems = sorted({re.escape(_stem(w)) for w in words if w}, key=len, reverse=True)
    if not stems:
        return html.escape(text)
    pattern = re.compile(rf"(?<![^\W_])(?:{'|'.join(stems)}){_ENDING}(?![^\W_])", re.IGNORECASE)
    out, end = [], 0
    for match in pattern.finditer(text):
        out += [html.escape(text[end : match.start()]), f"<mark>{html.escape(match.group())}</mark>"]
        end = match.end()
    return "".join([*out, html.escape(text[end:])])


def _stem(word: str) -> str:
    return re.sub(r"(ing|ed|es|s)$", "", word) if len(word) > 5 else word


def excerpt(text: str, words: Iterable[str], length: int = 420) -> tuple[str, bool]:
    """A part of at most about `length` characters around the first of `words`, and whether anything was left out."""
    if len(text) <= length:
        return text, False
    places = [p for w in words if (p := text.lower().find(_stem(w))) >= 0]
    start = max(0, min(places, default=0) - length // 3)
    if start:
        start = text.find(" ", start) + 1
    end = text.rfind(" ", start + 1, start + length)
    end = end if end > start else start + length
    return ("… " if start else "") + text[start:end] + (" …" if end < len(text) else ""), True


def literal(text: str) -> str:
    """The text for a widget that reads Markdown, such as a button: shown as it is, on one line."""
    return re.sub(r"([\\`*_{}\[\]()<>#+\-.!|~$:&=^])", r"\\\1", " ".join(text.split()))


def answer_html(text: str, passages: int, anchor: str) -> str:
    """An answer as HTML: escaped, lines and "- " lists kept, citations [n] and [n, m] as links to `#anchor-n`.

    Citations beyond `passages` are left out.
    """
    blocks: list[str] = []
    items: list[str] = []

    def links(citation: re.Match[str]) -> str:
        return "".join(
            f'<a class="citation" href="#{anchor}-{number}" target="_self">{number}</a>'
            for number in map(int, citation[1].split(","))
            if 1 <= number <= passages
        )

    def flush() -> None:
        if items:
            blocks.append("<ul>" + "".join(f"<li>{i}</li>" for i in items) + "</ul>")
            items.clear()

    for line in text.splitlines():
        cited = _CITATION.sub(links, html.escape(line.strip(), quote=False))
        if line.strip().startswith(("- ", "* ", "• ")):
            items.append(cited[2:])
        elif cited:
            flush()
            blocks.append(f"<p>{cited}</p>")
    flush()
    return '<div class="answer">' + "".join(blocks) + "</div>"
