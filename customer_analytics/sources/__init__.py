"""Source files: found by name at any fsspec URI, fingerprinted, read and checked row by row against `tables.py`.

`stage_source` is the whole way; what it cannot read raises `SourceError`.
"""

from __future__ import annotations


class SourceError(Exception):
    """A source file cannot be its table. One sentence: the file, the line or column, and the remedy."""


class SourceUnreachable(SourceError):
    """A source cannot be read now; it may be in a moment, so the asset tries again."""
