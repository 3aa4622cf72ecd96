"""Transactions: a statement that fails is undone alone, and each sees what was committed before it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal as D
from typing import Any

import pytest
import snowflake.connector.errors as sfe
from snowflake.connector import SnowflakeConnection
from snowflake.snowpark import Session

from customer_analytics.resources.warehouse import Warehouse
from customer_analytics_tests.contract.test_expressions import Error, difference

SCENARIO: list[tuple[str, Any]] = [
    ("CREATE TABLE t (a INT)", None),
    ("BEGIN", None),
    ("INSERT INTO t VALUES (1)", 1),
    ("SELECT 1 / 0", Error(100051)),
    ("SELECT * FROM nope", Error(2003)),
    ("SELEC 1", Error(1003)),
    ("INSERT INTO t VALUES ('x')", Error(100038)),
    ("SELECT COUNT(*) FROM t", 1),
    ("UPDATE t SET a = 2", (1, 0)),
    ("COMMIT", None),
    ("SELECT a FROM t", [(2,)]),
    ("BEGIN", None),
    ("DELETE FROM t", 1),
    ("SELECT nope FROM t", Error(904)),
    ("SELECT COUNT(*) FROM t", 0),
    ("ROLLBACK", None),
    ("SELECT COUNT(*) FROM t", 1),
]


def test_a_failed_statement_leaves_the_transaction_open(session: Session) -> None:
    wrong = []
    for statement, expected in SCENARIO:
        if expected is None:
            session.sql(statement).collect()
        elif found := difference(session, statement, expected):
            wrong.append(found)
    assert wrong == []


def connections(warehouse: Warehouse, session: Session, number: int) -> list[SnowflakeConnection]:
    found = [warehouse.connect() for _ in range(number)]
    for connection in found:
        connection.cursor().execute(f"USE SCHEMA {session.get_fully_qualified_current_schema()}")
    return found


def test_transactions_that_read_first_lose_no_update(session: Session, warehouse: Warehouse) -> None:
    session.sql("CREATE TABLE counter AS SELECT 0 AS n").collect()
    clients, rounds = connections(warehouse, session, 3), 5

    def work(connection: SnowflakeConnection) -> None:
        cursor = connection.cursor()
        for _ in range(rounds):
            cursor.execute("BEGIN")
            cursor.execute("SELECT n FROM counter").fetchall()
            cursor.execute("UPDATE counter SET n = n + 1")
            cursor.execute("COMMIT")

    try:
        with ThreadPoolExecutor(len(clients)) as pool:
            list(pool.map(work, clients))
    finally:
        for connection in clients:
            connection.close()
    assert session.table("counter").collect()[0][0] == len(clients) * rounds


def test_begin_without_autocommit(session: Session) -> None:
    for statement in ("ALTER SESSION SET AUTOCOMMIT = FALSE", "CREATE TABLE t (a INT)", "BEGIN"):
        session.sql(statement).collect()
    try:
        session.sql("INSERT INTO t VALUES (1)").collect()
        session.sql("ROLLBACK").collect()
        assert session.table("t").count() == 0
    finally:
        session.sql("ALTER SESSION SET AUTOCOMMIT = TRUE").collect()


def test_many_rows_of_bindings_are_one_statement(session: Session, warehouse: Warehouse) -> None:
    session.sql("CREATE TABLE many (a INT, b VARCHAR, c NUMBER(10, 2), d DATE)").collect()
    (connection,) = connections(warehouse, session, 1)
    try:
        cursor = connection.cursor()
        rows = [(i, f"it's {i}", D(i) / 4, None) for i in range(20_000)]
        cursor.executemany("INSERT INTO many VALUES (%s, %s, %s, %s)", rows[:10])
        connection._paramstyle = "qmark"
        cursor.executemany("INSERT INTO many VALUES (?, ?, ?, ?)", rows[10:])
        assert cursor.rowcount == len(rows) - 10
        found = cursor.execute("SELECT COUNT(*), SUM(a), SUM(c), COUNT(d), COUNT(DISTINCT b) FROM many").fetchall()
        assert found == [(20_000, 199_990_000, D("49997500.00"), 0, 20_000)]
        with pytest.raises(sfe.ProgrammingError):
            cursor.executemany("INSERT INTO many (a) VALUES (?)", [("1",), ("x",)])
        assert cursor.execute("SELECT COUNT(*) FROM many").fetchall() == [(20_000,)]
    finally:
        connection.close()
