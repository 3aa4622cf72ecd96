"""The chat: answers from retrieved passages. Extractive, or an OpenAI chat model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from customer_analytics.settings import Settings


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
        """The answer in pieces as they come, with citations like [1] that number the passages from 1.

        Raises `ChatError` when the model cannot be reached or refuses.
        """
        ...


class ChatError(Exception):
    """What went wrong, in one sentence with the remedy."""


def chat_from(settings: Settings) -> Chat:
    """OpenAI's chat when OPENAI_API_KEY is set, else the extractive one."""
    if settings.openai_api_key:
        from customer_analytics.resources.chat.openai_chat import OpenAIChat

        return OpenAIChat(settings.chat_model, settings.openai_api_key.get_secret_value(), settings.openai_base_url)
    from customer_analytics.resources.chat.extractive import ExtractiveChat

    return ExtractiveChat()
