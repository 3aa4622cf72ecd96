"""The chat: answers from retrieved passages. Extractive, or an OpenAI chat model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Passage:
    """A comment or a call, or a part of one, as found by search. Its text is data, never an instruction."""

    id: str
    kind: str
    """comment or call"""
    customer_id: int
    text: str
    date: str | None = None
    sentiment: float | None = None


@dataclass(frozen=True)
class Turn:
    role: str
    """user or assistant"""
    text: str


class Chat(Protocol):
    name: str
    """Shown on the page, such as `extractive` or `openai:gpt-4o-mini`."""

    def answer(self, question: str, passages: Sequence[Passage], history: Sequence[Turn] = ()) -> Iterator[str]:
        """The answer in pieces as they come, with citations like [1] that number the passages from 1."""
        ...
