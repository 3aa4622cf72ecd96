"""No user, password, query or fragment of a URL is shown, wherever in a text it stands."""

from __future__ import annotations

import pytest

from customer_analytics.addresses import showable, without_credentials


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://user:s3cret@host/x", "https://host/x"),
        ("https://t0ken@host/x", "https://host/x"),
        ("https://user:s3/cret@host:1/x", "https://host:1/x"),
        ("https://user:s3@cret@host/x", "https://host/x"),
        ("https://user:s3#cret@host/x", "https://host/x"),
        ("https://user:s3?cret@host/x", "https://host/x"),
        ("s3://key:s3/cret@bucket/p", "s3://bucket/p"),
        ("https://host/a?sig=s3cret@c", "https://host/a"),
        ("simplecache::https://user:s3cret@host/a", "simplecache::https://host/a"),
        ("cannot open 'https://u:s3cret@h/x' (gs://u@b?k=s3cret)", "cannot open 'https://h/x' (gs://b)"),
        ("abfs://files:s3cret@account/x", "abfs://account/x"),
    ],
)
def test_what_lets_in_is_left_out(text: str, shown: str) -> None:
    assert without_credentials(text) == shown


@pytest.mark.parametrize(
    "text",
    ["/folder/a?b#c", "C:\\a", "https://host:80/@folder", "https://host/@folder", "abfs://files@account/x", "a ? b"],
)
def test_what_lets_nobody_in_stays(text: str) -> None:
    assert without_credentials(text) == text


def test_an_error_about_an_address_with_credentials_is_not_shown() -> None:
    error = OSError("https://user:s3cret@host is away")
    assert showable(error, "https://user:s3cret@host") is None
    assert showable(error, "https://host") is error
    assert showable(error, None) is error
