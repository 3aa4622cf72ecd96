"""Whether new scores look like those at promotion: the population stability index over ten bins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

BINS = 10
THRESHOLD = 0.2
"""PSI above it is a large shift by the usual reading (below .1 none, .1 to .2 moderate)."""
MINIMUM_ROWS = 100


@dataclass(frozen=True)
class Drift:
    index: float | None
    """The PSI; None where there are too few rows to tell"""
    new_rows: int
    mean_before: float | None
    mean_after: float | None

    @property
    def drifted(self) -> bool:
        return self.index is not None and self.index > THRESHOLD


def histogram(scores: np.ndarray) -> list[int]:
    """Rows in each tenth of 0 to 1; 1.0 counts in the last."""
    # As the warehouse counts them: np.histogram's own edges differ from it in the last bit.
    return np.bincount(np.minimum((scores * BINS).astype(int), BINS - 1), minlength=BINS).tolist()


def drift(at_promotion: Sequence[int], now: Sequence[int]) -> Drift:
    """Compare the rows that came since promotion with those of then.

    The champion is the same, so rows of then kept their scores: the difference of the histograms is
    the new rows. Where rows went away (a bin shrank) everything there is now is compared instead.
    """
    before, after = np.asarray(at_promotion, float), np.asarray(now, float)
    difference = after - before
    new = difference if (difference >= 0).all() else after
    if before.sum() < MINIMUM_ROWS or new.sum() < MINIMUM_ROWS:
        return Drift(None, int(new.sum()), _mean(before), _mean(new))
    # Half a row in each bin keeps an empty one from making the index infinite.
    p, q = (before + 0.5) / (before + 0.5).sum(), (new + 0.5) / (new + 0.5).sum()
    return Drift(float(np.sum((q - p) * np.log(q / p))), int(new.sum()), _mean(before), _mean(new))


def _mean(bins: np.ndarray) -> float | None:
    middles = (np.arange(BINS) + 0.5) / BINS
    return float((bins * middles).sum() / bins.sum()) if bins.sum() else None
