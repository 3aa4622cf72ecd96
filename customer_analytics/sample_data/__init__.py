"""The sample business: made from a seed, with the truth known. `customer-analytics sample-data OUT` writes it."""

from customer_analytics.sample_data.generator import (
    DEFAULT_CUSTOMERS,
    DEFAULT_END,
    DEFAULT_SEED,
    generate,
    true_comments,
    truth,
)
from customer_analytics.sample_data.population import CHANNELS

__all__ = [
    "CHANNELS",
    "DEFAULT_CUSTOMERS",
    "DEFAULT_END",
    "DEFAULT_SEED",
    "generate",
    "true_comments",
    "truth",
]
