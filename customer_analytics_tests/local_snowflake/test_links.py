"""Links to staged files: signed, with an expiry, for one file each."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from snowflake.snowpark import Session

from customer_analytics.local_snowflake.links import Links
from customer_analytics.resources.warehouse.local import LocalWarehouse


@pytest.fixture
def links(tmp_path: Path) -> Links:
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages" / "it's ü.txt").write_text("inside")
    (tmp_path / "secret.txt").write_text("outside")
    return Links(tmp_path / "stages", "http://127.0.0.1:1", "key")


def opened(links: Links, link: str, **changed: str) -> Path | None:
    parts = urlsplit(link)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    path = urllib.request.url2pathname(parts.path).removeprefix("/files/")
    return links.resolve(changed.pop("path", path), {**query, **changed})


def test_a_link_opens_its_file(links: Links) -> None:
    found = opened(links, links.signed("it's ü.txt", 60))
    assert found is not None
    assert found.read_text() == "inside"


def test_a_link_opens_nothing_else(links: Links) -> None:
    link = links.signed("it's ü.txt", 60)
    assert opened(links, link, path="../secret.txt") is None
    assert opened(links, links.signed("../secret.txt", 60)) is None
    assert opened(links, link, signature="0" * 64) is None
    assert opened(links, link, expires=str(int(time.time()) + 999)) is None  # a longer life is not what was signed
    assert opened(links, link, expires="soon") is None


def test_an_expired_link_opens_nothing(links: Links) -> None:
    assert opened(links, links.signed("it's ü.txt", -5), expires=str(int(time.time()) - 1)) is None
    assert links.resolve("it's ü.txt", {}) is None


def test_the_server_answers_ranges_and_refuses_what_is_not_signed(module_session: Session, tmp_path: Path) -> None:
    module_session.sql("CREATE STAGE linked DIRECTORY = (ENABLE = TRUE)").collect()
    (tmp_path / "a b.bin").write_bytes(bytes(range(100)))
    module_session.file.put(str(tmp_path / "a b.bin"), "@linked", auto_compress=False)
    link = module_session.sql("SELECT GET_PRESIGNED_URL(@linked, 'a b.bin', 60)").collect()[0][0]
    request = urllib.request.Request(link, headers={"Range": "bytes=10-19"})
    with urllib.request.urlopen(request) as answer:
        assert (answer.status, answer.read()) == (206, bytes(range(10, 20)))
    with urllib.request.urlopen(link) as answer:
        assert answer.read() == bytes(range(100))
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(link.split("?")[0])


def test_links_are_made_after_the_session_that_made_the_first_is_closed(own_warehouse: LocalWarehouse) -> None:
    for stage in ("one", "two", "one"):
        with own_warehouse.connect() as connection:
            connection.cursor().execute(f"CREATE STAGE IF NOT EXISTS {stage}")
            row = connection.cursor().execute(f"SELECT GET_PRESIGNED_URL(@{stage}, 'x')").fetchone()
            assert isinstance(row, tuple)
            assert f"/{stage.upper()}/x?" in row[0]
