"""Two published models of how long customers stay and how often they buy, fitted by maximum likelihood.

- BG/NBD: P. Fader, B. Hardie, K. L. Lee, "Counting Your Customers the Easy Way" (2005).
- Pareto/NBD: D. Schmittlein, D. Morrison, R. Colombo (1987), in the form of P. Fader, B. Hardie,
  "A Note on Deriving the Pareto/NBD Model and Related Expressions" (2005).

Own code over SciPy: `lifetimes` is unmaintained and fails on tiny data, `btyd` pins NumPy below 2, and
`pymc-marketing` is 789 MB and 40 s a fit. A history is (x, t_x, T): repeat purchases, time of the last
one and time observed, both from the first purchase on, in any one unit of time (in days where customers are few).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, gammaln, hyp2f1

# A weak pull of each log-parameter, in units where customers were observed for about ten, to 0: it keeps
# a hundred customers from inventing infinities. From `ENOUGH` customers on, the likelihood speaks alone.
PRIOR_SD = 0.7
ENOUGH = 1000
SHORTEST_DAYS = 90
"""Customers seen for less than this on average are too new for their own time to set the unit."""
STARTS_FROM = 5_000
"""Where a search starts is settled on about so many distinct histories; all of them decide where it ends."""
_NODES, _SHARES = np.polynomial.legendre.leggauss(32)
_PLACES, _WEIGHTS = (_NODES + 1) / 2, _SHARES / 2
"""Where in 0 to 1 an integrand is evaluated, and how much each place weighs."""
_NEGLIGIBLE, _HALVINGS = 40.0, 12
"""What is smaller than the largest by this many powers of e adds nothing, and how closely its beginning is sought."""


@dataclass(frozen=True)
class History:
    """Customers with equal histories stand together; `count` says how many. All arrays have one shape."""

    x: np.ndarray
    t_x: np.ndarray
    T: np.ndarray
    count: np.ndarray

    @classmethod
    def of(cls, x: np.ndarray, t_x: np.ndarray, T: np.ndarray) -> History:
        """From one entry per customer. Equal ones are merged, which is what makes a million customers quick to fit."""
        rows = np.column_stack([x, t_x, T]).astype(float)
        if not np.isfinite(rows).all() or (rows < 0).any() or (rows[:, 1] > rows[:, 2]).any():
            raise ValueError("A history needs 0 <= t_x <= T and x >= 0, all finite.")
        distinct, count = np.unique(rows, axis=0, return_counts=True)
        return cls(distinct[:, 0], distinct[:, 1], distinct[:, 2], count.astype(float))


@dataclass(frozen=True)
class BgNbd:
    """BG/NBD: purchases at rate Gamma(r, alpha); after each, a customer leaves with probability Beta(a, b)."""

    r: float
    alpha: float
    a: float
    b: float

    @staticmethod
    def fit(history: History, prior_sd: float | None = None) -> BgNbd:
        """The parameters of maximum likelihood; with few customers or a `prior_sd`, of maximum posterior."""
        unit, parameters = _fit(BgNbd._from_logs, history, prior_sd)
        r, alpha, a, b = parameters
        return BgNbd(r, alpha * unit, a, b)

    @staticmethod
    def _from_logs(logs: np.ndarray) -> BgNbd:
        return BgNbd(*np.exp(logs))

    def log_likelihood(self, x: np.ndarray, t_x: np.ndarray, T: np.ndarray) -> np.ndarray:
        """Per customer; equation 3 of the note that goes with the paper."""
        r, alpha, a, b = self.r, self.alpha, self.a, self.b
        front = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
        front = front + gammaln(a + b) + gammaln(b + x) - gammaln(b) - gammaln(a + b + x)
        alive = -(r + x) * np.log(alpha + T)
        gone = np.log(a) - np.log(b + np.maximum(x, 1) - 1) - (r + x) * np.log(alpha + t_x)
        return front + np.where(x > 0, np.logaddexp(alive, gone), alive)

    def probability_alive(self, x: np.ndarray, t_x: np.ndarray, T: np.ndarray) -> np.ndarray:
        """P(still a customer at T); 1 before the first repeat purchase, for the model lets nobody leave earlier."""
        r, alpha, a, b = self.r, self.alpha, self.a, self.b
        gone = np.log(a) - np.log(b + np.maximum(x, 1) - 1) + (r + x) * np.log((alpha + T) / (alpha + t_x))
        return np.where(x > 0, expit(-gone), 1.0)

    def expected_purchases(self, t: float, x: np.ndarray, t_x: np.ndarray, T: np.ndarray) -> np.ndarray:
        """Expected purchases in (T, T + t]; equation 10 of the paper.

        Its hypergeometric series overflows for customers with hundreds of purchases. Euler's transformation
        (DLMF 15.8.1) takes the purchases out of the exponents; it overflows for large a instead, where the series
        as published does not. Where both do, their product with the power before them is nothing.
        """
        r, alpha, a, b = self.r, self.alpha, self.a, self.b
        a = a + 1e-6 if abs(a - 1) < 1e-6 else a
        z = t / (alpha + T + t)
        with np.errstate(all="ignore"):
            gone = np.exp((a - 1) * np.log1p(-z)) * hyp2f1(a - 1, a + b - 1 - r, a + b + x - 1, z)
            published = np.exp((r + x) * np.log1p(-z)) * hyp2f1(r + x, b + x, a + b + x - 1, z)
        gone = np.where(np.isfinite(gone), gone, np.nan_to_num(published, nan=0.0, posinf=0.0))
        expected = (a + b + x - 1) / (a - 1) * (1 - gone)
        return np.maximum(expected * self.probability_alive(x, t_x, T), 0.0)


@dataclass(frozen=True)
class ParetoNbd:
    """Pareto/NBD: purchases at rate Gamma(r, alpha) during a lifetime that ends at rate Gamma(s, beta)."""

    r: float
    alpha: float
    s: float
    beta: float

    @staticmethod
    def fit(history: History, prior_sd: float | None = None) -> ParetoNbd:
        """The parameters of maximum likelihood; with few customers or a `prior_sd`, of maximum posterior."""
        unit, parameters = _fit(ParetoNbd._from_logs, history, prior_sd)
        r, alpha, s, beta = parameters
        return ParetoNbd(r, alpha * unit, s, beta * unit)

    @staticmethod
    def _from_logs(logs: np.ndarray) -> ParetoNbd:
        return ParetoNbd(*np.exp(logs))

    def _log_gone(self, x: np.ndarray, t_x: np.ndarray, T: np.ndarray) -> np.ndarray:
        """log of the likelihood of having left in (t_x, T], but for the factors that staying shares.

        It is s / (r + s + x) times A_0 of the note's equations 18 and 19, that is the integral of
        s (alpha + u)^-(r + x) (beta + u)^-(s + 1) over u. The note's hypergeometric series overflow for customers with
        hundreds of purchases and for large s, and their difference cancels; the integral is summed as it stands
        (Gauss-Legendre), in logarithms. In y = log(u + the smaller of alpha and beta) it is smooth and its logarithm is
        concave, so that it falls for good where it has fallen by `_NEGLIGIBLE`.
        """
        x, t_x, T = (part[..., None] for part in np.broadcast_arrays(x, t_x, T))
        smaller = min(self.alpha, self.beta)

        def log_integrand(y: np.ndarray) -> np.ndarray:
            u = (smaller + t_x) * np.expm1(y) + t_x
            falls = (self.r + x) * np.log(self.alpha + u) + (self.s + 1) * np.log(self.beta + u)
            return y + np.log(smaller + t_x) - falls

        end = np.log1p((T - t_x) / (smaller + t_x))
        y = end * _PLACES
        values = log_integrand(y)
        # Nodes beyond the cut would be wasted: halve the range until the cut is within the last half of it.
        peak = values.max(axis=-1, keepdims=True)
        low, high = np.take_along_axis(y, values.argmax(axis=-1)[..., None], axis=-1), end
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            beyond = log_integrand(middle) < peak - _NEGLIGIBLE
            low, high = np.where(beyond, low, middle), np.where(beyond, middle, high)
        values = log_integrand(high * _PLACES)
        peak = values.max(axis=-1, keepdims=True)
        total = np.log((np.exp(values - peak) * _WEIGHTS).sum(axis=-1)) + peak[..., 0]
        with np.errstate(divide="ignore"):  # t_x = T leaves no time to have gone in: log 0
            return np.log(self.s) + np.log(high[..., 0]) + total

    def log_likelihood(self, x: np.ndarray, t_x: np.ndarray, T: np.ndarray) -> np.ndarray:
        """Per customer; equation 20 of the note."""
        r, alpha, s, beta = self.r, self.alpha, self.s, self.beta
        front = gammaln(r + x) - gammaln(r) + r * np.log(alpha) + s * np.log(beta)
        alive = -(r + x) * np.log(alpha + T) - s * np.log(beta + T)
        return front + np.logaddexp(alive, self._log_gone(x, t_x, T))

    def probability_alive(self, x: np.ndarray, t_x: np.ndarray, T: np.ndarray) -> np.ndarray:
        """P(still a customer at T); equation 30 of the note."""
        r, alpha, s, beta = self.r, self.alpha, self.s, self.beta
        return expit(-(self._log_gone(x, t_x, T) + (r + x) * np.log(alpha + T) + s * np.log(beta + T)))

    def expected_purchases(self, t: float, x: np.ndarray, t_x: np.ndarray, T: np.ndarray) -> np.ndarray:
        """Expected purchases in (T, T + t]; equation 41 of the note."""
        r, alpha, s, beta = self.r, self.alpha, self.s, self.beta
        stretch = np.log1p(t / (beta + T))
        lifetime = (beta + T) * (stretch if abs(s - 1) < 1e-9 else -np.expm1(-(s - 1) * stretch) / (s - 1))
        return self.probability_alive(x, t_x, T) * (r + x) / (alpha + T) * lifetime


def probability_of_purchase(
    model: BgNbd | ParetoNbd, t: float, x: np.ndarray, t_x: np.ndarray, T: np.ndarray
) -> np.ndarray:
    """P(at least one purchase in (T, T + t]).

    The likelihood of the same purchases seen until T + t is that of them and of silence in between,
    so its ratio to the likelihood seen until T is the probability of silence.
    """
    silence = np.exp(model.log_likelihood(x, t_x, T + t) - model.log_likelihood(x, t_x, T))
    return np.clip(1 - silence, 0.0, 1.0)


def _fit(
    make: Callable[[np.ndarray], BgNbd | ParetoNbd], history: History, prior_sd: float | None
) -> tuple[float, np.ndarray]:
    """(unit of time, four parameters in that unit). Several starts, because the surface has flat ridges."""
    shortest = 1e-9
    if prior_sd is None and history.count.sum() < ENOUGH:
        # The prior speaks in units of time, so a shop of yesterday must not make yesterday the unit. Time is in days.
        prior_sd, shortest = PRIOR_SD, float(SHORTEST_DAYS)
    if history.T.size == 0:
        raise ValueError("There is no customer to learn from.")
    unit = max(float(np.average(history.T, weights=history.count)), shortest) / 10
    x, t_x, T = history.x, history.t_x / unit, history.T / unit

    def objective(logs: np.ndarray, rows: slice) -> float:
        # At the far ends of the search a likelihood may underflow: such a point is merely refused.
        with np.errstate(all="ignore"):
            value = -float(history.count[rows] @ make(logs).log_likelihood(x[rows], t_x[rows], T[rows]))
        if prior_sd is not None:
            value += float(np.sum((logs / prior_sd) ** 2)) / 2
        return value if np.isfinite(value) else 1e300

    def descend(start: Sequence[float], every: int) -> Any:
        return minimize(objective, start, (slice(None, None, every),), method="L-BFGS-B", bounds=bounds)

    starts = ([0.0, 0.0, 0.0, 0.0], [-0.7, 1.0, -0.5, 1.0], [0.5, 2.0, -1.0, 1.5])
    bounds = [(-7.0, 6.0)] * 4  # beyond these customers are all but equal
    every = -(-x.size // STARTS_FROM)
    best = min((descend(start, every) for start in starts), key=lambda fit: fit.fun)
    return unit, np.exp((best if every == 1 else descend(best.x, 1)).x)
