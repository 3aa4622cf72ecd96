"""Themes by month: how many comments and calls, how they feel, and the most typical passages."""

from __future__ import annotations

import datetime as dt
import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field

PASSAGES = 3
_KEPT = 8
"""Candidates kept for each theme and month, of which the three most typical with different texts are shown."""


@dataclass
class _Cell:
    comments: int = 0
    calls: int = 0
    negative: int = 0
    sentiment: float = 0.0
    typical: list[tuple[float, str]] = field(default_factory=list)


class ThemeSummary:
    """Collects scored comments and calls, in any order, into the rows of PRES_THEMES."""

    def __init__(self) -> None:
        self._cells: dict[tuple[int, dt.date | None], _Cell] = {}

    def add(
        self,
        kind: str,
        theme_ids: Sequence[int],
        similarities: Sequence[float],
        texts: Sequence[str],
        sentiments: Sequence[float],
        months: Sequence[dt.date | None],
    ) -> None:
        """Add objects of one kind ("comment" or "call"); a call has no month."""
        for theme, similarity, text, sentiment, month in zip(
            theme_ids, similarities, texts, sentiments, months, strict=True
        ):
            cell = self._cells.setdefault((int(theme), month), _Cell())
            if kind == "call":
                cell.calls += 1
            else:
                cell.comments += 1
            cell.sentiment += sentiment
            cell.negative += sentiment < 0.5
            entry = (round(float(similarity), 6), text)
            if len(cell.typical) < _KEPT:
                heapq.heappush(cell.typical, entry)
            elif entry > cell.typical[0]:
                heapq.heapreplace(cell.typical, entry)

    def rows(self, labels: dict[int, str]) -> list[dict]:
        """The rows of PRES_THEMES, by theme and month."""
        order = sorted(self._cells, key=lambda key: (key[0], key[1] or dt.date.min))
        return [
            {
                "theme_id": theme,
                "date_month": month,
                "label": labels.get(theme, f"Theme {theme}"),
                "comments": cell.comments,
                "calls": cell.calls,
                "mean_sentiment": cell.sentiment / (cell.comments + cell.calls),
                "negative": cell.negative,
                **_passages(cell),
            }
            for theme, month in order
            for cell in [self._cells[theme, month]]
        ]


def _passages(cell: _Cell) -> dict[str, str | None]:
    texts = list(dict.fromkeys(text for _, text in sorted(cell.typical, key=lambda e: (-e[0], e[1]))))
    return {f"passage_{i + 1}": texts[i] if i < len(texts) else None for i in range(PASSAGES)}
