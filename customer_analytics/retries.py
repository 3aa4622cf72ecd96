"""Assets that touch the outside world try again, with a growing pause, unless their error is one that stays."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import dagster as dg

from customer_analytics.resources.embedder import EmbedderError
from customer_analytics.resources.transcriber import TranscriberError
from customer_analytics.sources import SourceError, SourceUnreachable

OUTSIDE_WORLD = dg.RetryPolicy(max_retries=2, delay=2, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)
STAY = (SourceError, EmbedderError, TranscriberError)
"""A bad file stays bad; the embedder has tried again by itself."""


def fails_at_once_if_it_stays(function: Callable[..., Any]) -> Callable[..., Any]:
    """An asset's function, whose errors of the kinds `STAY` fail the step without another try."""

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except SourceUnreachable:
            raise
        except STAY as error:
            raise dg.Failure(str(error), allow_retries=False) from error

    return wrapped
