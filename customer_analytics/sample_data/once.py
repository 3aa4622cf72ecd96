"""The sample business stands in for SOURCE_URI when that is not set: made once, by whoever needs it first."""

from __future__ import annotations

import fcntl
import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from customer_analytics.settings import Settings


def ensure_sample(settings: Settings) -> bool:
    """Make the sample under the home folder when SOURCE_URI is not set and it is missing; whether it was made now.

    It appears whole or not at all, also when several processes start at once or one is killed meanwhile.
    """
    folder = settings.home / "sample"
    if settings.source_uri is not None or folder.exists():
        return False
    from customer_analytics.sample_data.generator import generate

    settings.home.mkdir(parents=True, exist_ok=True)
    with (settings.home / ".sample.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.exists():
            return False
        partial = settings.home / ".sample.partial"
        shutil.rmtree(partial, ignore_errors=True)
        generate(partial)
        partial.rename(folder)
    return True
