"""Each deviation of `docs/local-snowflake.md` by its number, as it is. A test that fails is a deviation gone: good."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from snowflake.snowpark import Session
from snowflake.snowpark.exceptions import SnowparkSQLException

PAGE = Path(__file__).resolve().parents[2] / "docs" / "local-snowflake.md"


def one(session: Session, sql: str) -> object:
    return session.sql(sql).collect()[0][0]


def refused(session: Session, sql: str) -> bool:
    with pytest.raises(SnowparkSQLException):
        session.sql(sql).collect()
    return True


DEVIATIONS: dict[int, Callable[[Session], bool]] = {
    1: lambda s: (
        one(s, "SELECT '2020-01-01 10:00:00 +02:00'::TIMESTAMP_TZ") == dt.datetime(2020, 1, 1, 8, tzinfo=dt.UTC)
    ),
    2: lambda s: refused(s, "SELECT 12345678901234567890::NUMBER(38,0)"),
    3: lambda s: isinstance(one(s, "SELECT MEDIAN(column1) FROM VALUES (1), (2)"), float),
    4: lambda s: refused(s, 'CREATE TABLE twice ("a" INT, A INT)'),
    5: lambda s: s.sql("SELECT 1+1").columns == ['"1 + 1"'],
    6: lambda s: refused(s, "CREATE FUNCTION f() RETURNS INT AS '1'"),
    7: lambda s: bool(s.sql("GRANT ROLE nobody TO USER nobody").collect()),
    8: lambda s: refused(s, "ALTER TABLE a.b.c SWAP WITH d.e.f"),
    9: lambda s: refused(s, "SELECT TO_CHAR(CURRENT_DATE, 'DAYS')"),
    10: lambda s: (
        one(s, "SELECT '2020-01-01 00:00:00.123456789'::TIMESTAMP_NTZ") == dt.datetime(2020, 1, 1, 0, 0, 0, 123456)
    ),
}


@pytest.mark.parametrize("number", DEVIATIONS)
def test_deviation(module_session: Session, number: int) -> None:
    assert DEVIATIONS[number](module_session)


def test_the_page_lists_what_is_tested() -> None:
    assert [int(n) for n in re.findall(r"^\| (\d+) \|", PAGE.read_text(), re.M)] == list(DEVIATIONS)
