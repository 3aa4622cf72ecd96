"""The sample of the default settings, made at first need."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from customer_analytics.sample_data.generator import make_once

if TYPE_CHECKING:
    from customer_analytics.settings import Settings


def ensure_sample(settings: Settings) -> bool:
    """Make the sample business where no SOURCE_URI is set and none is there yet; whether it was made."""
    return settings.source_uri is None and make_once(Path(settings.sources))
