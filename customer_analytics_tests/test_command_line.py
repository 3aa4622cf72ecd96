"""The commands that read: export, sql, doctor; and what stands in the way of serving."""

from __future__ import annotations

import csv
import io
import json
import socket

import pytest
from typer.testing import CliRunner

from customer_analytics import doctor, export, serving, sql_command
from customer_analytics.cli import app
from customer_analytics.doctor import setting_lines
from customer_analytics.settings import Settings
from customer_analytics.tables import STG_CUSTOMERS, STG_SUBSCRIPTION_PERIODS

NASTY = ["=1+1", "<b>bold</b>", "'); DROP TABLE X; --", "ß🎈\u202e", "two\nlines", 'say "hi", twice', ""]


@pytest.fixture
def customers(warehouse, session):
    """STG_CUSTOMERS with names that are code somewhere."""
    rows = [(i, name, None) for i, name in enumerate(NASTY)]
    frame = session.create_dataframe(rows, schema=["CUSTOMER_ID", "FIRST_NAME", "LAST_NAME"])
    frame.write.save_as_table(STG_CUSTOMERS.name, mode="overwrite")
    return _InSchema(warehouse, session)


class _InSchema:
    """The warehouse, seen from the test's own schema."""

    def __init__(self, warehouse, session) -> None:
        self._warehouse, self._session = warehouse, session

    def session(self):
        return self._session

    def connect(self, **overrides):
        place = {
            "database": self._session.get_current_database().strip('"'),
            "schema": self._session.get_current_schema().strip('"'),
        }
        return self._warehouse.connect(**place, **overrides)


def test_export_writes_every_built_table_with_its_values(customers, tmp_path):
    import pyarrow.parquet as pq

    assert export.export_tables(customers, tmp_path) == {"STG_CUSTOMERS": len(NASTY)}
    table = pq.read_table(tmp_path / "STG_CUSTOMERS.parquet")
    assert table.schema.equals(export.arrow_schema(STG_CUSTOMERS))
    rows = sorted(zip(*(column.to_pylist() for column in table.columns), strict=True))
    assert rows == [(i, name, None) for i, name in enumerate(NASTY)]


def test_export_writes_dollars_as_the_numbers_they_are(customers, tmp_path):
    """Arrow's own cast of a decimal to a double makes 15.000000000000002 of 15."""
    import pyarrow.parquet as pq

    name, amounts = STG_SUBSCRIPTION_PERIODS.name, [n / 100 for n in range(1, 2000)]
    columns = ", ".join(f"{c.name} {c.type}" for c in STG_SUBSCRIPTION_PERIODS.columns)
    customers.session().sql(f"CREATE TABLE {name} ({columns})").collect()
    rows = ", ".join(f"({i}, 1, '2020-01-01', NULL, {amount})" for i, amount in enumerate(amounts))
    customers.session().sql(f"INSERT INTO {name} VALUES {rows}").collect()
    export.export_tables(customers, tmp_path, names=[name])
    read = pq.read_table(tmp_path / f"{name}.parquet", columns=["SUBSCRIPTION_ID", "MONTHLY_AMOUNT"]).sort_by(
        "SUBSCRIPTION_ID"
    )
    assert read.column("MONTHLY_AMOUNT").to_pylist() == amounts


def test_export_as_csv_keeps_texts_literally_and_tells_null_from_empty(customers, tmp_path):
    export.export_tables(customers, tmp_path, "csv", ["stg_customers"])
    text = (tmp_path / "STG_CUSTOMERS.csv").read_text()
    read = sorted(csv.reader(io.StringIO(text)), key=lambda row: row[0])
    assert [row[1] for row in read if row[0].isdigit()] == NASTY
    assert f'{len(NASTY) - 1},"",\n' in text


def test_export_hides_names_where_they_are_to_be_pseudonyms(customers, tmp_path):
    export.export_tables(customers, tmp_path, "csv", pseudonymise=True)
    rows = list(csv.DictReader(io.StringIO((tmp_path / "STG_CUSTOMERS.csv").read_text())))
    assert {(row["FIRST_NAME"], row["LAST_NAME"]) for row in rows} == {("Customer", str(i)) for i in range(len(NASTY))}


def test_export_hides_names_in_rejected_rows_too(customers, tmp_path):
    columns = '"SOURCE_FILE", "LINE", "TABLE_NAME", "REASON", "ROW_TEXT", "LOADED_AT"'
    with customers.connect() as connection:
        cursor = connection.cursor()
        cursor.execute("CREATE TABLE STG_REJECTED (SOURCE_FILE VARCHAR, LINE NUMBER, TABLE_NAME VARCHAR, "
                       "REASON VARCHAR, ROW_TEXT VARCHAR, LOADED_AT TIMESTAMP_NTZ)")  # fmt: skip
        for table in ("STG_CUSTOMERS", "STG_ORDERS"):
            row = (table, "customer_id 'O''Ana' is not a whole number", "O'Ana,1")
            cursor.execute(
                f"INSERT INTO STG_REJECTED ({columns}) SELECT 'f', 2, %s, %s, %s, '2026-01-01'::TIMESTAMP_NTZ", row
            )
        export.export_tables(customers, tmp_path, "csv", ["STG_REJECTED"], pseudonymise=True)
        cursor.execute("DROP TABLE STG_REJECTED")
    rows = {r["TABLE_NAME"]: r for r in csv.DictReader(io.StringIO((tmp_path / "STG_REJECTED.csv").read_text()))}
    assert "Ana" not in str(rows["STG_CUSTOMERS"])
    assert rows["STG_CUSTOMERS"]["REASON"] == "customer_id '...' is not a whole number"
    assert rows["STG_ORDERS"]["ROW_TEXT"] == "O'Ana,1"


def test_export_names_what_it_lacks_and_leaves_no_half_file(customers, tmp_path):
    with pytest.raises(export.ExportError, match="MRR is not built yet"):
        export.export_tables(customers, tmp_path, names=["mrr"])
    with pytest.raises(export.ExportError, match="NONSENSE is no table of this project"):
        export.export_tables(customers, tmp_path, names=["nonsense"])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("layout", ["csv", "json", "table"])
def test_sql_prints_rows_literally(customers, layout):
    out = io.StringIO()
    statement = "SELECT CUSTOMER_ID AS ID, FIRST_NAME, LAST_NAME FROM STG_CUSTOMERS"
    sql_command.print_result(customers, statement, layout, out)
    if layout == "csv":
        rows = {row[0]: row[1] for row in csv.reader(io.StringIO(out.getvalue()))}
        assert rows == {"ID": "FIRST_NAME", **{str(i): name for i, name in enumerate(NASTY)}}
    elif layout == "json":
        assert {r["ID"]: r["FIRST_NAME"] for r in json.loads(out.getvalue())} == dict(enumerate(NASTY))
    else:
        assert "<b>bold</b>" in out.getvalue()
        assert "NULL" in out.getvalue()
        assert f"{len(NASTY)} rows" in out.getvalue()


def test_a_taken_port_is_named_with_the_way_out():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(serving.ServeError, match=f"Port {port}.*--dagster-port or DAGSTER_PORT"):
            serving.check_port(port, "the Dagster UI", "--dagster-port", "DAGSTER_PORT")


def test_the_doctor_shows_no_secret():
    settings = Settings(weaviate_url="http://127.0.0.1:1", weaviate_api_key="very secret", openai_api_key="sk-hidden")
    lines = {finding.name: finding.detail for finding in setting_lines(settings)}
    assert lines["WEAVIATE_API_KEY"] == "set (set)"
    assert "secret" not in "".join(lines.values())
    assert "sk-" not in "".join(lines.values())


@pytest.mark.parametrize(
    ("setting", "value", "word"),
    [
        ("SNOWFLAKE_ACCOUNT", "acme-1", "SNOWFLAKE_USER"),
        ("WEAVIATE_API_KEY", "k", "WEAVIATE_URL"),
        ("EMBEDDER", "word2vec", "EMBEDDER"),
        ("AS_OF", "yesterday", "AS_OF"),
        ("MAX_REJECTED_SHARE", "1.5", "MAX_REJECTED_SHARE"),
    ],
)
def test_a_wrong_or_half_given_setting_is_refused_by_name(monkeypatch, setting, value, word):
    monkeypatch.setenv(setting, value)
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 2
    assert word in result.output


def test_reset_asks_first_and_removes_only_the_projects_own(tmp_path, monkeypatch):
    home = tmp_path / "elsewhere"
    (home / "sample").mkdir(parents=True)
    (home / "mine.txt").write_text("not the project's")
    monkeypatch.setenv("CUSTOMER_ANALYTICS_HOME", str(home))
    assert CliRunner().invoke(app, ["reset"], input="n\n").exit_code == 1
    assert (home / "sample").exists()
    assert CliRunner().invoke(app, ["reset", "--yes"]).exit_code == 0
    assert not (home / "sample").exists()
    assert (home / "mine.txt").exists()


def test_the_doctor_says_when_whisper_is_chosen_and_not_installed(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ImportError, match="openai-whisper is not installed"):
        doctor._transcriber(Settings(transcriber="whisper"))
    assert doctor._transcriber(Settings()) == "pocketsphinx:en-us"
