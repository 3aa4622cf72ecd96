"""What a purchase is worth: the gamma-gamma model.

P. Fader, B. Hardie, "The Gamma-Gamma Model of Monetary Value" (2013).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import gammaln


@dataclass(frozen=True)
class GammaGamma:
    """Each purchase of a customer is Gamma(p, nu) dollars, nu is Gamma(q, gamma) over customers; q > 1."""

    p: float
    q: float
    gamma: float

    @staticmethod
    def fit(purchases: np.ndarray, mean_value: np.ndarray, prior_sd: float | None = None) -> GammaGamma:
        """From each customer's number of purchases and their mean value (both above 0), by maximum likelihood.

        `prior_sd` pulls the logarithms of p and q - 1 to those of 1 and 3, weakly: for tiny data.
        """
        positive = (purchases > 0) & (mean_value > 0)
        x, m = purchases[positive].astype(float), mean_value[positive].astype(float)
        if x.size == 0:
            raise ValueError("There is no purchase with a value to learn from.")
        unit = float(np.average(m, weights=x))
        log_m, m, log_x = np.log(m / unit), m / unit, np.log(x)

        def objective(logs: np.ndarray) -> float:
            p, q, gamma = np.exp(logs[0]), 1 + np.exp(logs[1]), np.exp(logs[2])
            likelihood = (
                gammaln(p * x + q) - gammaln(p * x) - gammaln(q) + q * np.log(gamma)
                + (p * x - 1) * log_m + p * x * log_x - (p * x + q) * np.log(gamma + m * x)
            )  # fmt: skip
            value = -float(likelihood.sum())
            if prior_sd is not None:
                value += float(np.sum(((logs - np.array([0.0, np.log(3.0), 0.0])) / prior_sd) ** 2)) / 2
            return value if np.isfinite(value) else 1e300

        starts = ([0.0, 0.7, 0.0], [1.8, 1.0, -0.8], [1.0, 1.5, 0.5])
        fits = [minimize(objective, s, method="L-BFGS-B", bounds=[(-4, 6), (-4, 5), (-7, 7)]) for s in starts]
        p, q_less_one, gamma = np.exp(min(fits, key=lambda fit: fit.fun).x)
        return GammaGamma(float(p), float(1 + q_less_one), float(gamma * unit))

    def expected_value(self, purchases: np.ndarray, mean_value: np.ndarray) -> np.ndarray:
        """Expected dollars of a future purchase: the customer's own mean, pulled towards everybody's."""
        x, m = purchases.astype(float), np.maximum(mean_value, 0.0)
        return self.p * (self.gamma + m * x) / (self.p * x + self.q - 1)
