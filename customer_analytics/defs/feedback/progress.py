"""How far long work is, as lines in the log every few seconds."""

from __future__ import annotations

import time
from collections.abc import Callable

SECONDS = 5.0


class Progress:
    """Says `done` of `to_do` at most every few seconds, and at the end."""

    def __init__(self, say: Callable[[str], None], what: str, clock: Callable[[], float] = time.monotonic) -> None:
        """`what` names the work, such as "CustomerComment: texts embedded"."""
        self._say, self._what, self._clock = say, what, clock
        self._began = self._last = clock()
        self._done = 0

    def __call__(self, done: int, to_do: int) -> None:
        self._done = done
        self._line(f"{done:,} of {to_do:,}", done, last=done >= to_do)

    def within(self, more: int) -> None:
        """`more` are done since the last call, of a number that only that call knows."""
        self._line(f"{self._done + more:,}", self._done + more, last=False)

    def _line(self, how_many: str, done: int, *, last: bool) -> None:
        now = self._clock()
        if not last and now - self._last < SECONDS:
            return
        self._last = now
        pace = f" ({done / (now - self._began):.1f} a second)" if now > self._began else ""
        self._say(f"{self._what}: {how_many}{pace}")
