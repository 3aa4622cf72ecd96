"""A file that cannot be its table raises one sentence with the file, the place and the remedy."""

from __future__ import annotations

import functools
import http.server
import random
import threading
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.core import url_to_fs

from customer_analytics.sources import SourceError, SourceUnreachable, files
from customer_analytics.tables import STG_CUSTOMERS, STG_ORDERS
from customer_analytics_tests.sources.reading import read, read_source

GOOD = "customer_id,first_name,last_name\n1,Ann,B.\n"


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None: ...


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", r"empty \(0 bytes\)"),
        (b"\n\n", "no header"),
        (b"customer_id,first_name\n1,Ann\n", "lacks the column last_name .*it has: customer_id, first_name"),
        (b"id,first_name,last_name\n1,Ann,B.\n", "lacks the column customer_id"),
        (b"customer_id,first_name,last_name,FIRST_NAME\n1,a,b,c\n", "column first_name more than once"),
        (GOOD.replace(",", ";").encode(), "line 1 separates its columns by semicolons"),
        (GOOD.replace(",", "\t").encode(), "line 1 separates its columns by tabs"),
        (GOOD.encode("utf-16"), "UTF-16: save it as UTF-8"),
        (GOOD.encode("utf-16-le"), "line 1 holds a NUL byte"),
        (GOOD.encode() + "2,Zoé,É.\n".encode("latin-1"), "line 3 is not UTF-8"),
        (GOOD.encode() + b"2,\xc3", "line 3 is not UTF-8"),
        (random.Random(1).randbytes(5000), "not UTF-8|NUL byte"),
        (b"PAR1" + b"0" * 100, "is a Parquet file: name it .parquet"),
        (b'"customer_id";"first_name";"last_name"\n"1";"a";"b"\n', "line 1 separates its columns by semicolons"),
        (GOOD.replace("\n", "\r").encode(), "ends its lines by carriage returns alone: save it with line feeds"),
        (b'customer_id,"first_name,last_name\n', "line 1 is not a CSV header"),
        (b"1,Ann,B.\n2,Bob,C.\n", "lacks the columns customer_id, first_name, last_name"),
    ],
)
def test_a_csv_file_that_is_none(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(SourceError, match=said) as raised:
        read(tmp_path, STG_CUSTOMERS, content)
    assert "customers.csv" in str(raised.value)
    assert "\n" not in str(raised.value)


def _parquet(path: Path, **columns: pa.Array) -> bytes:
    pq.write_table(pa.table(columns), path / "made")
    return (path / "made").read_bytes()


def test_a_truncated_parquet_file(tmp_path: Path) -> None:
    content = _parquet(tmp_path, customer_id=pa.array([1]), first_name=pa.array(["a"]), last_name=pa.array(["b"]))
    with pytest.raises(SourceError, match=r"customers.parquet is a Parquet file cut short: write it again"):
        read(tmp_path, STG_CUSTOMERS, content[: len(content) // 2], "parquet")


def test_a_parquet_file_damaged_inside(tmp_path: Path) -> None:
    content = _parquet(tmp_path, customer_id=pa.array([1]), first_name=pa.array(["a"]), last_name=pa.array(["b"]))
    with pytest.raises(SourceError, match=r"customers.parquet cannot be read as Parquet .*: write it again"):
        read(tmp_path, STG_CUSTOMERS, content[:4] + content[len(content) // 2 :], "parquet")


def test_a_csv_file_named_parquet(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"is not a Parquet file: write it as Parquet, or name it .csv"):
        read(tmp_path, STG_CUSTOMERS, GOOD, "parquet")


def test_a_parquet_file_without_a_column_or_with_a_column_of_bytes(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="lacks the column last_name"):
        read(
            tmp_path,
            STG_CUSTOMERS,
            _parquet(tmp_path, customer_id=pa.array([1]), first_name=pa.array(["a"])),
            "parquet",
        )
    content = _parquet(tmp_path, customer_id=pa.array([1]), first_name=pa.array([b"a"]), last_name=pa.array([["b"]]))
    with pytest.raises(SourceError, match="column first_name is of type BLOB"):
        read(tmp_path, STG_CUSTOMERS, content, "parquet")


def test_a_parquet_file_with_a_column_twice(tmp_path: Path) -> None:
    twice = pa.table([[1], ["a"], ["b"], ["c"]], ["customer_id", "first_name", "last_name", "FIRST_NAME"])
    pq.write_table(twice, tmp_path / "customers.parquet")
    with pytest.raises(SourceError, match=r"customers.parquet has the column first_name more than once: remove one"):
        read_source(tmp_path, STG_CUSTOMERS)


def test_two_files_of_one_name_and_no_folder(tmp_path: Path) -> None:
    (tmp_path / "customers.csv").write_text(GOOD)
    (tmp_path / "Customers.parquet").write_bytes(b"PAR1PAR1")
    with pytest.raises(SourceError, match=r"has both .* and .*: remove the one"):
        files.find(str(tmp_path), "customers")
    with pytest.raises(SourceError, match=r"SOURCE_URI .* is not there"):
        files.find(str(tmp_path / "nowhere"), "customers")
    assert files.find(str(tmp_path), "orders") is None


def test_credentials_are_never_shown() -> None:
    assert files.without_credentials("https://me:secret@host/x?sig=abc#f") == "https://host/x"
    assert files.without_credentials("/data/a?b") == "/data/a?b"


def test_header_only_is_an_empty_table(tmp_path: Path) -> None:
    assert read(tmp_path, STG_ORDERS, "order_id,customer_id,order_date,status").rows == []
    assert read(tmp_path, STG_ORDERS, "order_id,customer_id,order_date,status\r\n").rows == []


@pytest.mark.parametrize("uri", ["memory", "file"])
def test_any_fsspec_address(tmp_path: Path, uri: str) -> None:
    address = "memory://shop/in" if uri == "memory" else f"file://{tmp_path}"
    filesystem, folder = url_to_fs(address)
    filesystem.pipe_file(f"{folder}/CUSTOMERS.csv", GOOD.encode())
    source = files.find(address, "customers")
    assert source is not None
    fetched = files.fetch(source, tmp_path)
    assert fetched.path.read_text() == GOOD
    if uri == "file":
        assert read_source(tmp_path, STG_CUSTOMERS).rows == [(1, "Ann", "B.")]


@pytest.mark.parametrize(
    ("there", "said"),
    [
        ("customers.csv.gz", "is compressed: unpack it"),
        ("CUSTOMERS.zip", "is compressed: unpack it"),
        ("customers.xlsx", "is not read: write it as customers.csv or customers.parquet"),
        ("customers.parquet/part-0.parquet", "customers.parquet is a folder: write customers as one file"),
    ],
)
def test_data_in_another_form_is_no_missing_source(tmp_path: Path, there: str, said: str) -> None:
    (tmp_path / there).parent.mkdir(exist_ok=True)
    (tmp_path / there).write_bytes(b"x")
    with pytest.raises(SourceError, match=said):
        files.find(str(tmp_path), "customers")
    assert files.find(str(tmp_path), "orders") is None


def test_a_web_server(tmp_path: Path) -> None:
    """It lists nothing, so the names are asked for; what is not there is absent, not an error."""
    served = tmp_path / "served"
    served.mkdir()
    (served / "customers.csv").write_text(GOOD)
    handler = functools.partial(_Quiet, directory=str(served))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        try:
            source = files.find(address, "customers")
            assert source is not None
            assert source.shown == f"{address}/customers.csv"
            fetched = files.fetch(source, tmp_path)
            assert fetched.path.read_text() == GOOD
            files.discard(fetched)
            assert not fetched.path.exists()
            assert files.find(f"{address}/", "customers") is not None
            assert files.find(address, "orders") is None
        finally:
            server.shutdown()


@pytest.mark.parametrize("status", [401, 403, 500, None])
def test_a_web_server_that_does_not_answer_has_not_said_that_a_file_is_absent(status: int | None) -> None:
    """Else a wrong address or an expired token would give empty tables. None: nobody listens there."""

    class Refusing(_Quiet):
        def do_GET(self) -> None:
            self.send_error(status or 500)

        do_HEAD = do_GET

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        address = f"http://127.0.0.1:{server.server_port}"
        if status is None:
            server.server_close()
        else:
            threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            with pytest.raises(
                SourceUnreachable, match=rf"{address} cannot be read \(.*{status or 'onnect'}.*check the"
            ):
                files.find(address, "customers")
        finally:
            if status is not None:
                server.shutdown()


def test_a_download_that_breaks_off_is_named(tmp_path: Path) -> None:
    class Cut(_Quiet):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(GOOD.encode())

        do_HEAD = do_GET

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Cut) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        try:
            source = files.SourceFile(url_to_fs(address)[0], f"{address}/customers.csv", f"{address}/customers.csv")
            with pytest.raises(SourceUnreachable, match=r"customers.csv cannot be read .*check the access"):
                files.fetch(source, tmp_path)
        finally:
            server.shutdown()
