"""Setup and teardown: twice on the local server, and against an account made of rows that SHOW would give."""

from __future__ import annotations

import re
from typing import Any

import pytest
import sqlglot
from sqlglot import exp
from typer.testing import CliRunner

from customer_analytics.cli import app
from customer_analytics.resources.warehouse import Warehouse
from customer_analytics.settings import Settings
from customer_analytics.snowflake_setup import Names, SetupError, as_script, setup, setup_statements, teardown
from customer_analytics.snowflake_setup.plan import MARK

NAMES = Names("PIPELINE", "PIPELINE_READER", "PIPELINE_WH", "CUSTOMER_ANALYTICS", "ANALYTICS")


def statements(names: Names = NAMES, **changes: Any) -> list[Any]:
    return setup_statements(names, **{"users": ["svc"], "statement_timeout_seconds": 1800, **changes})


class FakeAccount:
    """Answers SHOW from `objects` (kind, name -> comment), and writes down the rest."""

    def __init__(self, objects: dict[tuple[str, str], str]) -> None:
        self.objects, self.ran = objects, []
        self.description: list[tuple[str]] = []

    def connect(self, **overrides: Any) -> FakeAccount:
        self.overrides = overrides
        return self

    def cursor(self) -> FakeAccount:
        return self

    def close(self) -> None: ...

    def execute(self, sql: str) -> None:
        if match := re.match(r"SHOW (\w+)S (?:LIKE|IN)", sql):
            kind = match[1]
            rows = [(n, c) for (k, n), c in self.objects.items() if k == kind]
            if kind == "OBJECT":
                rows = [(n, c) for (k, n), c in self.objects.items() if k == "PUBLIC"]
            self.description, self.rows = [("name",), ("comment",)], rows
        else:
            self.ran.append(sql)

    def fetchall(self) -> list[tuple[str, str]]:
        return self.rows

    @property
    def dropped(self) -> list[str]:
        return [s for s in self.ran if s.startswith("DROP")]


OURS = {
    ("ROLE", "PIPELINE"): MARK,
    ("ROLE", "PIPELINE_READER"): MARK,
    ("WAREHOUSE", "PIPELINE_WH"): MARK,
    ("DATABASE", "CUSTOMER_ANALYTICS"): MARK,
    ("SCHEMA", "ANALYTICS"): MARK,
    ("SCHEMA", "PUBLIC"): "",
    ("SCHEMA", "INFORMATION_SCHEMA"): "",
}


def test_setup_runs_twice_on_the_local_server_and_the_stage_is_there(warehouse: Warehouse) -> None:
    for _ in range(2):
        setup(warehouse, statements(), lambda line: None)
    with warehouse.connect() as connection:
        stages = connection.cursor().execute('SHOW STAGES IN SCHEMA "CUSTOMER_ANALYTICS"."ANALYTICS"').fetchall()
    assert "CALL_STAGE" in {row[1] for row in stages}


def test_teardown_removes_leftovers_of_failed_runs_and_nothing_that_looks_similar(warehouse: Warehouse) -> None:
    setup(warehouse, statements(), lambda line: None)
    left = [f"SNOWPARK_IO_{'A1' * 16}", f"STG_REJECTED_{'0F' * 16}"]
    kept = ["SNOWPARK_IO_NOTES", "STG_REJECTED", f"MY_SNOWPARK_IO_{'A1' * 16}"]
    with warehouse.connect() as connection:
        cursor = connection.cursor()
        for name in left + kept:
            cursor.execute(f'CREATE OR REPLACE TABLE "{name}" (A INTEGER)')
        cursor.execute(f'CREATE STAGE IF NOT EXISTS "{left[0]}"')
        removed = teardown(warehouse, NAMES, lambda line: None, only_leftovers=True)
        tables = {row[1] for row in cursor.execute("SHOW TABLES IN SCHEMA ANALYTICS").fetchall()}
        for name in kept:
            cursor.execute(f'DROP TABLE IF EXISTS "{name}"')
    assert {r.rpartition(".")[2].strip('"') for r in removed} == set(left)
    assert len(removed) == 3  # two tables and a stage
    assert set(kept) <= tables
    assert not set(left) & tables


def databases(warehouse: Warehouse) -> set[str]:
    with warehouse.connect() as connection:
        return {row[1] for row in connection.cursor().execute("SHOW DATABASES").fetchall()}


def test_on_the_local_server_teardown_takes_the_database_that_setup_made_and_no_other(warehouse: Warehouse) -> None:
    names = Names("PIPELINE", "PIPELINE_READER", "PIPELINE_WH", "TO_BE_TORN_DOWN", "ANALYTICS")
    setup(warehouse, statements(names), lambda line: None)
    assert "TO_BE_TORN_DOWN" in databases(warehouse)
    assert teardown(warehouse, names, lambda line: None) == ['DATABASE "TO_BE_TORN_DOWN"']
    assert "TO_BE_TORN_DOWN" not in databases(warehouse)
    assert "CUSTOMER_ANALYTICS" in databases(warehouse)
    assert teardown(warehouse, names, lambda line: None) == [], "twice does no harm"


def test_on_the_local_server_a_database_and_schema_that_were_there_before_setup_stay(warehouse: Warehouse) -> None:
    names = Names("PIPELINE", "PIPELINE_READER", "PIPELINE_WH", "OLDER", "ANALYTICS")
    said: list[str] = []
    with warehouse.connect() as connection:
        for sql in ("CREATE DATABASE OLDER", "CREATE SCHEMA OLDER.ANALYTICS", "CREATE TABLE OLDER.ANALYTICS.T (A INT)"):
            connection.cursor().execute(sql)
    setup(warehouse, statements(names), lambda line: None)
    assert teardown(warehouse, names, said.append) == []
    assert "Database OLDER stays: setup did not make it." in said
    assert "Schema ANALYTICS stays: setup did not make it." in said
    with warehouse.connect() as connection:
        assert connection.cursor().execute("SELECT COUNT(*) FROM OLDER.ANALYTICS.T").fetchone() == (0,)
        connection.cursor().execute("DROP DATABASE OLDER")


def test_on_the_local_server_a_database_with_somebody_elses_schema_loses_only_ours(warehouse: Warehouse) -> None:
    names = Names("PIPELINE", "PIPELINE_READER", "PIPELINE_WH", "SHARED", "ANALYTICS")
    setup(warehouse, statements(names), lambda line: None)
    with warehouse.connect() as connection:
        connection.cursor().execute("CREATE SCHEMA SHARED.FINANCE")
        assert teardown(warehouse, names, lambda line: None) == ['SCHEMA "SHARED"."ANALYTICS"']
        schemas = {row[1] for row in connection.cursor().execute("SHOW SCHEMAS IN DATABASE SHARED").fetchall()}
        connection.cursor().execute("DROP DATABASE SHARED")
    assert "FINANCE" in schemas
    assert "ANALYTICS" not in schemas


def test_teardown_drops_what_setup_made() -> None:
    account = FakeAccount(dict(OURS))
    teardown(account, NAMES, lambda line: None)
    assert account.dropped == [
        'DROP DATABASE "CUSTOMER_ANALYTICS"',
        'DROP WAREHOUSE "PIPELINE_WH"',
        'DROP ROLE "PIPELINE_READER"',
        'DROP ROLE "PIPELINE"',
    ]
    assert account.overrides == {"role": None, "warehouse": None, "database": None, "schema": None}


def test_teardown_leaves_what_others_made() -> None:
    said: list[str] = []
    account = FakeAccount(dict.fromkeys(OURS, "the finance team's"))
    assert teardown(account, NAMES, said.append) == []
    assert account.dropped == []
    assert "setup did not make it" in "\n".join(said)


@pytest.mark.parametrize("stranger", [("SCHEMA", "FINANCE"), ("PUBLIC", "BUDGET")])
def test_a_database_with_somebody_elses_objects_stays_and_only_our_schema_goes(stranger: tuple[str, str]) -> None:
    account = FakeAccount({**OURS, stranger: ""})
    teardown(account, NAMES, lambda line: None)
    assert 'DROP DATABASE "CUSTOMER_ANALYTICS"' not in account.dropped
    assert 'DROP SCHEMA "CUSTOMER_ANALYTICS"."ANALYTICS"' in account.dropped


def test_only_leftovers_touches_nothing_else() -> None:
    leftover = f"SNOWPARK_IO_{'B2' * 16}"
    account = FakeAccount({**OURS, ("TABLE", leftover): "", ("TABLE", "CUSTOMERS"): ""})
    teardown(account, NAMES, lambda line: None, only_leftovers=True)
    assert account.dropped == [f'DROP TABLE "CUSTOMER_ANALYTICS"."ANALYTICS"."{leftover}"']


class RememberingAccount(FakeAccount):
    """Makes and drops what it is told, as an account would; a grant is remembered as its text."""

    def __init__(self) -> None:
        super().__init__({("SCHEMA", "PUBLIC"): "", ("ROLE", "ANALYSTS"): "the finance team's"})
        self.grants: set[str] = set()

    def execute(self, sql: str) -> None:
        super().execute(sql)
        made = re.match(r'CREATE (\w+) IF NOT EXISTS (?:"\w+"\.)*"(\w+)"', sql)
        dropped = re.match(r'DROP (\w+) (?:"\w+"\.)*"(\w+)"', sql)
        if made and (made[1], made[2]) not in self.objects:
            comment = re.search(r"COMMENT = '([^']*)'", sql)
            self.objects[(made[1], made[2])] = comment[1] if comment else ""
        elif dropped:
            del self.objects[(dropped[1], dropped[2])]
            if dropped[1] == "DATABASE":
                self.objects = {key: c for key, c in self.objects.items() if key[0] not in ("SCHEMA", "STAGE")}
        elif sql.startswith("GRANT"):
            self.grants.add(sql)


def test_setup_again_changes_nothing_and_teardown_leaves_what_was_there_before() -> None:
    account = RememberingAccount()
    before = dict(account.objects)
    setup(account, statements(), lambda line: None)
    once = dict(account.objects), set(account.grants)
    setup(account, statements(), lambda line: None)
    assert (account.objects, account.grants) == once
    assert {kind for kind, _ in set(account.objects) - set(before)} == {
        "ROLE", "WAREHOUSE", "DATABASE", "SCHEMA", "STAGE",
    }  # fmt: skip
    teardown(account, NAMES, lambda line: None)
    assert account.objects == {key: comment for key, comment in before.items() if key[0] != "SCHEMA"}
    assert teardown(account, NAMES, lambda line: None) == [], "twice does no harm"


def test_every_object_is_granted_before_it_is_used_and_made_by_who_may() -> None:
    """USERADMIN makes roles, SYSADMIN warehouse, database and schema, the pipeline its stage, in that order."""
    acting, made_by = "", {}
    for statement in statements():
        if used := re.fullmatch(r'USE ROLE "(\w+)"', statement.sql):
            acting = used[1]
        elif made := re.match(r"CREATE (\w+)", statement.sql):
            made_by.setdefault(made[1], set()).add(acting)
    assert made_by == {
        "ROLE": {"USERADMIN"}, "WAREHOUSE": {"SYSADMIN"}, "DATABASE": {"SYSADMIN"}, "SCHEMA": {"SYSADMIN"},
        "STAGE": {"PIPELINE"},
    }  # fmt: skip
    sql = [s.sql for s in statements()]
    stage = next(i for i, s in enumerate(sql) if s.startswith("CREATE STAGE"))
    for needed in ("GRANT USAGE ON DATABASE", "GRANT USAGE ON SCHEMA", "GRANT CREATE STAGE"):
        assert any(s.startswith(needed) and s.endswith('TO ROLE "PIPELINE"') for s in sql[:stage]), needed


def test_setup_alters_nothing_so_what_was_there_before_stays_as_it_was() -> None:
    """ALTER SCHEMA ... ENABLE MANAGED ACCESS, for one, would also need MANAGE GRANTS on the account."""
    kinds = {s.sql.split()[0] for s in statements()}
    assert kinds == {"USE", "CREATE", "GRANT"}
    assert all(" IF NOT EXISTS " in s.sql for s in statements() if s.sql.startswith("CREATE"))
    schema = next(s.sql for s in statements() if s.sql.startswith("CREATE SCHEMA"))
    assert " WITH MANAGED ACCESS COMMENT = " in schema


def test_the_first_refusal_is_named() -> None:
    class Refusing(FakeAccount):
        def execute(self, sql: str) -> None:
            if sql.startswith("CREATE DATABASE"):
                raise RuntimeError("Insufficient privileges to operate on account")
            super().execute(sql)

    with pytest.raises(SetupError, match=r"CREATE DATABASE.*Insufficient privileges"):
        setup(Refusing({}), statements(), lambda line: None)


def test_every_statement_parses_in_snowflakes_dialect() -> None:
    for statement in statements():
        parsed = sqlglot.parse_one(statement.sql, dialect="snowflake")
        if isinstance(parsed, exp.Command):  # sqlglot reads these as text; their forms are documented
            assert re.match(r"CREATE (ROLE|WAREHOUSE|SCHEMA) IF NOT EXISTS|GRANT", statement.sql), statement.sql


def test_no_grant_is_wider_than_the_schema_and_none_gives_ownership() -> None:
    grants = [s.sql for s in statements() if s.sql.startswith("GRANT")]
    assert grants
    for grant in grants:
        assert not re.search(r"\b(ALL PRIVILEGES|OWNERSHIP|MANAGE GRANTS|ON ACCOUNT)\b", grant), grant
    reader = [g for g in grants if g.endswith('TO ROLE "PIPELINE_READER"')]
    assert {g.split()[1] for g in reader} == {"USAGE", "SELECT", "READ"}


def test_names_cannot_leave_their_quotes() -> None:
    nasty = 'X"; DROP DATABASE PROD; --'
    script = as_script(NAMES, statements(Names("R", "R_READER", "W", nasty, "S")))
    assert 'X""; DROP DATABASE PROD; --"' in script
    for statement in statements(Names("R", "R_READER", "W", nasty, "S")):
        assert len(sqlglot.tokenize(statement.sql, dialect="snowflake")) < 60
        assert not any(t.token_type.name == "SEMICOLON" for t in sqlglot.tokenize(statement.sql, dialect="snowflake"))


def test_a_role_of_snowflakes_own_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SNOWFLAKE_ROLE", "accountadmin")
    result = CliRunner().invoke(app, ["snowflake", "setup", "--dry-run"])
    assert result.exit_code == 1
    assert "ACCOUNTADMIN" in result.output


def test_dry_run_prints_the_names_of_the_settings_and_connects_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "SNOWFLAKE_ACCOUNT": "nobody-nowhere",
        "SNOWFLAKE_USER": "deployer",
        "SNOWFLAKE_PASSWORD": "hunter2-hunter2",
        "SNOWFLAKE_ROLE": "toys",
        "SNOWFLAKE_WAREHOUSE": "toys_wh",
        "SNOWFLAKE_DATABASE": "toys_db",
        "SNOWFLAKE_STATEMENT_TIMEOUT_SECONDS": "900",
    }.items():
        monkeypatch.setenv(name, value)
    result = CliRunner().invoke(app, ["snowflake", "setup", "--dry-run"])
    assert result.exit_code == 0
    for expected in (
        'GRANT ROLE "TOYS" TO USER "DEPLOYER";',
        'CREATE WAREHOUSE IF NOT EXISTS "TOYS_WH"',
        "AUTO_SUSPEND = 60",
        "STATEMENT_TIMEOUT_IN_SECONDS = 900",
        '"TOYS_DB"."ANALYTICS"."CALL_STAGE" ENCRYPTION = (TYPE = \'SNOWFLAKE_SSE\') DIRECTORY = (ENABLE = TRUE)',
    ):
        assert expected in result.output
    assert "hunter2" not in result.output
    for line in result.output.splitlines():
        assert not line or line.startswith("--") or line.endswith(";"), line


def test_a_dry_run_for_leftovers_drops_nothing_and_speaks_of_nothing_else(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = f"SNOWPARK_IO_{'C3' * 16}"
    with warehouse.connect() as connection:
        connection.cursor().execute(f'CREATE OR REPLACE TABLE "{left}" (A INTEGER)')
        monkeypatch.setattr("customer_analytics.resources.warehouse.warehouse_from", lambda *_, **__: warehouse)
        result = CliRunner().invoke(app, ["snowflake", "teardown", "--leftovers", "--dry-run"])
        assert result.output == f'DROP TABLE "CUSTOMER_ANALYTICS"."ANALYTICS"."{left}";\n'
        assert connection.cursor().execute(f'SELECT COUNT(*) FROM "{left}"').fetchone() == (0,)
        connection.cursor().execute(f'DROP TABLE "{left}"')


def test_an_unknown_size_is_refused() -> None:
    with pytest.raises(ValueError, match="HUGE"):
        statements(warehouse_size="HUGE")


def test_names_follow_the_settings() -> None:
    assert Names.of(Settings(_env_file=None)) == Names(  # type: ignore[call-arg]
        "CUSTOMER_ANALYTICS", "CUSTOMER_ANALYTICS_READER", "CUSTOMER_ANALYTICS_WH", "CUSTOMER_ANALYTICS", "ANALYTICS"
    )
