"""Addresses as they may be shown: a URL can hold a user, a password, a signature."""

from __future__ import annotations

import re

_URL = re.compile(r"(?P<scheme>[A-Za-z][\w+.-]*)://(?P<rest>[^\s'\"<>)\]]*)")
_BEFORE_A_PORT = re.compile(r"[^/@:]*:\d+(/|$)")
_CONTAINER_FIRST = ("abfs", "abfss", "wasb", "wasbs")
"""Azure writes container@account."""


def without_credentials(text: str) -> str:
    """The text, each URL in it without user, password, query and fragment."""
    return _URL.sub(lambda match: f"{match['scheme']}://{_shown(match['scheme'], match['rest'])}", text)


def _shown(scheme: str, rest: str) -> str:
    before, _, after = rest.rpartition("@")
    # A password may hold a slash that nobody has escaped; a path may hold an @.
    has_password = ":" in before.split("/")[0] and not _BEFORE_A_PORT.match(before)
    is_login = has_password or ("/" not in before and scheme not in _CONTAINER_FIRST)
    return re.split(r"[?#]", after if is_login else rest, maxsplit=1)[0]


def showable(error: Exception, address: str | None) -> Exception | None:
    """The error, to be raised from; None where its own words could show the credentials that the address holds."""
    return error if address is None or without_credentials(address) == address else None
