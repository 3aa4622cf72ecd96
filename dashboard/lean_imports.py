"""Imports without what they bring along for things that are not done here: a first page waits for each of them."""

from __future__ import annotations

import importlib
import sys


def import_without(module: str, absent: str) -> None:
    """Import `module` as if `absent`, on which it only builds when it finds it, were not installed."""
    if module in sys.modules or absent in sys.modules:
        return
    sys.modules[absent] = None  # pyright: ignore[reportArgumentType] - Python's way to say: not there
    try:
        importlib.import_module(module)
    finally:
        del sys.modules[absent]
