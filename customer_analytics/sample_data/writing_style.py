"""How customers write: the patterns of `phrases` put together, with typing errors, shouting and emoji."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cache
from typing import Any

from customer_analytics.sample_data import phrases
from customer_analytics.sample_data.population import TOPICS

TURNED = 0.38
"""Share of clauses that say it in the other side's words."""

_MISSPELT = {
    "received": "recieved",
    "definitely": "definately",
    "the": "teh",
    "because": "becuase",
    "their": "thier",
    "really": "realy",
    "disappointed": "dissapointed",
    "daughter": "daugther",
    "beautiful": "beatiful",
    "expected": "expeced",
    "quality": "qualty",
    "your": "ur",
    "you": "u",
    "arrived": "arived",
    "until": "untill",
}


class Writer:
    """Writes comments from one random stream."""

    def __init__(self, seed: int):
        self._random = random.Random(seed).random  # noqa: S311 - toys, not secrets

    def _pick(self, options: Sequence[Any]) -> Any:
        return options[int(self._random() * len(options))]

    def _say(self, pattern: tuple) -> str:
        """One wording of a parsed pattern."""
        return "".join([part if isinstance(part, str) else self._say(part) for part in self._pick(pattern)])

    def clause(self, topic: str, good: bool, turned: bool) -> str:
        return self._say(parsed(phrases.CLAUSES[topic][("good" if good else "bad") + ("_turned" if turned else "")]))

    def comment(self, good: bool, topic: str) -> str:
        """One comment whose writer is content (`good`) or not. What they say last is what they mean."""
        r = self._random
        parts: list[str] = []
        if r() < 0.5:
            parts.append(self._say(parsed(phrases.OPENERS)) + " ")
        if r() < 0.33:
            parts.append(self._say(parsed(phrases.ASIDES)) + self._pick((". ", ", ", " ")))
        style = r()
        other = self._pick(TOPICS)
        if style < 0.03:
            # Says nothing either way: nobody can know.
            parts.append(self._say(parsed(phrases.ASIDES)))
        elif style < 0.28:
            # One thing was the other way round.
            first = self.clause(other, not good, r() < TURNED)
            parts.append(first + self._pick(phrases.TURNS) + " " + self.clause(topic, good, r() < TURNED))
        elif style < 0.56:
            parts.append(self.clause(topic, good, r() < TURNED))
        else:
            join = self._pick(phrases.JOINS)
            parts.append(self.clause(topic, good, r() < TURNED) + join + self.clause(other, good, r() < TURNED))
            if r() < 0.25:
                parts.append(". " + self.clause(self._pick(TOPICS), good, r() < TURNED))
        if r() < 0.30:
            parts.append(self._pick((". ", ", ", "! ", "... ")))
            parts.append(self._say(parsed(phrases.GOOD_CLOSERS if good else phrases.BAD_CLOSERS)))
        text = self._type("".join(parts))
        if r() < 0.2:
            text += " " + self._say(parsed(phrases.GOOD_TAGS if good else phrases.BAD_TAGS))
        return text.strip()

    def _type(self, text: str) -> str:
        """As it was typed: careful, hasty, shouted."""
        r = self._random
        hand = r()
        if hand < 0.55:
            text = ". ".join(s[:1].upper() + s[1:] for s in text.split(". ")) + self._pick(("", ".", ".", "!"))
        elif hand < 0.6:
            text = text.upper()
        if hand > 0.7:
            words = text.split(" ")
            for i, word in enumerate(words):
                u = r()
                if u < 0.25 and word in _MISSPELT:
                    words[i] = _MISSPELT[word]
                elif u < 0.05 and len(word) > 4:
                    at = 1 + int(r() * (len(word) - 2))
                    kind = r()
                    if kind < 0.4:
                        words[i] = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
                    elif kind < 0.7:
                        words[i] = word[:at] + word[at + 1 :]
                    else:
                        words[i] = word[:at] + word[at] + word[at:]
            text = " ".join(words)
            if r() < 0.4:
                text = text.replace("'", "")
        return text


@cache
def parsed(pattern: str) -> tuple:
    """The alternatives of a pattern, each a sequence of texts and nested alternatives."""
    alternatives, end = _alternatives(pattern, 0)
    if end != len(pattern):
        raise ValueError(f"the pattern has a brace too many at {end}: {pattern[:40]}...")
    return alternatives


def _alternatives(pattern: str, at: int) -> tuple[tuple, int]:
    options, sequence, text = [], [], []

    def close_text() -> None:
        if text:
            sequence.append("".join(text))
            text.clear()

    while at < len(pattern) and pattern[at] != "}":
        character = pattern[at]
        if character == "{":
            close_text()
            nested, at = _alternatives(pattern, at + 1)
            if at >= len(pattern):
                raise ValueError(f"the pattern misses a closing brace: {pattern[:40]}...")
            sequence.append(nested)
        elif character == "<":
            close_text()
            closing = pattern.index(">", at)
            sequence.append(parsed(phrases.WORDS[pattern[at + 1 : closing]]))
            at = closing
        elif character == "|":
            close_text()
            options.append(tuple(sequence))
            sequence = []
        else:
            text.append(character)
        at += 1
    close_text()
    options.append(tuple(sequence))
    return tuple(options), at
