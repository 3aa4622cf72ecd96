"""Every locked package is on the page of licences, with its version and a licence that this project can live with."""

from __future__ import annotations

import re

import pytest

from customer_analytics_tests.licences import LOCKS, PAGE, locked

ROWS = {
    (name, version): licence.strip()
    for name, version, licence in re.findall(r"^\| ([\w.-]+) \| (\S+) \| ([^|]*)\|$", PAGE.read_text(), re.M)
}


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_is_listed_with_its_version_and_licence(lock: str) -> None:
    packages = locked(lock)
    assert len(packages) > 20
    assert [p for p in packages.items() if not ROWS.get(p)] == [], "run make licences"


def test_nothing_that_everybody_installs_is_under_a_licence_that_would_bind_this_code() -> None:
    for package in locked("requirements.lock").items():
        assert not re.search(r"(?<!L)GPL|proprietary|commercial|SSPL|BUSL", ROWS[package], re.I), package
