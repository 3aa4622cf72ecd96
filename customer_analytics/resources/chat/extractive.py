"""Answers without a model: the sentences that customers wrote which answer best, quoted literally."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence

from customer_analytics.resources.chat import Passage, Turn

SENTENCES = 5
"""At most so many passages are quoted."""
_SENTENCE = re.compile(r"(?<=[.!?…])\s+|\n+")
_WORD = re.compile(r"[^\W_]+")
_STOP = frozenset(
    re.findall(
        r"\w+",
        "a about an and any are as at be been but by can could customer customers did do does for from had has have "
        "how i in is it its me most much my of often on one or our people say so tell that the their them there "
        "they this to us was we were what when where which who why will with would you your",
    )
)


def content_words(text: str) -> list[str]:
    """The words of a question that carry its meaning, lower case."""
    return [w for w in _WORD.findall(text.lower()) if w not in _STOP]


def sentences(text: str) -> list[str]:
    """The sentences of a text, each literally as it stands there."""
    return [s for s in (part.strip() for part in _SENTENCE.split(text)) if s]


class ExtractiveChat:
    """Quotes from each retrieved passage the sentence nearest to the question, in the order of the search."""

    name = "extractive"

    def answer(self, question: str, passages: Sequence[Passage], history: Sequence[Turn] = ()) -> Iterator[str]:
        """One line for each quoted passage: “sentence” [n]. `history` only shapes the search before this."""
        if not passages:
            yield "No comment or call about this was found."
            return
        yield "What customers say, in their own words:\n\n"
        for number, sentence in best_sentences(question, passages)[:SENTENCES]:
            # A bracketed number inside a quotation must not look like a citation of ours: an invisible
            # word joiner keeps it apart and leaves the text as it reads.
            quoted = sentence.replace("[", "[\u2060")
            yield f"- “{quoted}” [{number}]\n"


def best_sentences(question: str, passages: Sequence[Passage]) -> list[tuple[int, str]]:
    """For each passage its number and the sentence that shares most (rare) words with the question.

    Passages that share none, found by meaning alone, are left out where others do.
    """
    split = [sentences(p.text) for p in passages]
    frequency = Counter(stem for ss in split for s in ss for stem in set(_stems(s)))
    total = sum(len(ss) for ss in split) or 1
    wanted = set(_stems(" ".join(content_words(question))))

    def score(sentence: str) -> float:
        found = wanted.intersection(_stems(sentence))
        gain = sum(math.log1p(total / frequency[stem]) for stem in found)
        return gain / (1 + 0.01 * max(0, len(sentence) - 200))  # of two that match, the shorter one

    best = [(n, max(ss, key=score)) for n, ss in enumerate(split, 1) if ss]
    return [(n, s) for n, s in best if score(s) > 0] or best


def _stems(text: str) -> list[str]:
    """Words cut to a common beginning, so that "breaks" and "breaking" meet."""
    return [re.sub(r"(ing|ed|es|s)$", "", w) if len(w) > 4 else w for w in _WORD.findall(text.lower())]
