"""What any warehouse must do for a Snowpark session."""

from __future__ import annotations

from snowflake.snowpark import Session


def test_a_session_is_in_its_schema(session: Session) -> None:
    row = session.sql("SELECT CURRENT_DATABASE(), CURRENT_SCHEMA()").collect()[0]
    assert tuple(row) == ("CUSTOMER_ANALYTICS", (session.get_current_schema() or "").strip('"'))
