"""The statements of setup and teardown, in order, as an administrator would read them.

Three roles act, none of them ACCOUNTADMIN: USERADMIN owns the two roles, SYSADMIN owns warehouse, database and
schema, and the pipeline's own role owns what it writes.
https://docs.snowflake.com/en/user-guide/security-access-control-considerations
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from customer_analytics.snowpark_io.names import literal, quoted, stored_name

if TYPE_CHECKING:
    from customer_analytics.settings import Settings

MARK = "Made by customer-analytics snowflake setup"
"""Every object that setup makes has this comment; teardown removes nothing without it."""
CALL_STAGE = "CALL_STAGE"
DEFAULT_ROLE = "CUSTOMER_ANALYTICS"
DEFAULT_WAREHOUSE = "CUSTOMER_ANALYTICS_WH"
AUTO_SUSPEND_SECONDS = 60
QUEUE_TIMEOUT_SECONDS = 600
SYSTEM_ROLES = frozenset({"ACCOUNTADMIN", "ORGADMIN", "SECURITYADMIN", "USERADMIN", "SYSADMIN", "PUBLIC"})
SIZES = frozenset({"XSMALL", "SMALL", "MEDIUM", "LARGE", "XLARGE", "XXLARGE", "XXXLARGE", "X4LARGE"})


@dataclass(frozen=True)
class Names:
    """What things are called in the account, as Snowflake stores the names."""

    role: str
    reader: str
    """The role that may only read: for the dashboard and for people."""
    warehouse: str
    database: str
    schema: str

    @classmethod
    def of(cls, settings: Settings) -> Names:
        """The names of the settings. ValueError when SNOWFLAKE_ROLE names a role of Snowflake's own."""
        role = stored_name(settings.snowflake_role or DEFAULT_ROLE)
        if role in SYSTEM_ROLES:
            raise ValueError(
                f"SNOWFLAKE_ROLE is {role}, which is Snowflake's own and may do more than this project needs: "
                f"set it to the role that setup shall make, such as {DEFAULT_ROLE}"
            )
        return cls(
            role=role,
            reader=f"{role}_READER",
            warehouse=stored_name(settings.snowflake_warehouse or DEFAULT_WAREHOUSE),
            database=stored_name(settings.snowflake_database),
            schema=stored_name(settings.snowflake_schema),
        )

    @property
    def schema_sql(self) -> str:
        return f"{quoted(self.database)}.{quoted(self.schema)}"

    @property
    def stage_sql(self) -> str:
        return f"{self.schema_sql}.{quoted(CALL_STAGE)}"


@dataclass(frozen=True)
class Statement:
    """One statement of setup, and why it is there."""

    sql: str
    why: str = ""


def setup_statements(
    names: Names,
    *,
    users: Iterable[str],
    statement_timeout_seconds: int,
    warehouse_size: str = "XSMALL",
    role_admin: str = "USERADMIN",
    object_admin: str = "SYSADMIN",
) -> list[Statement]:
    """Everything that setup runs. Each statement may be run again and changes nothing then."""
    size = warehouse_size.upper().replace("-", "")
    if size not in SIZES:
        raise ValueError(f"{warehouse_size} is no size of a warehouse: choose one of {', '.join(sorted(SIZES))}")
    role, reader, warehouse = quoted(names.role), quoted(names.reader), quoted(names.warehouse)
    database, schema, stage = quoted(names.database), names.schema_sql, names.stage_sql
    mark = f"COMMENT = {literal(MARK)}"
    admins, objects = quoted(stored_name(role_admin)), quoted(stored_name(object_admin))
    return [
        Statement(f"USE ROLE {admins}", "Roles: one that runs the pipeline, one that only reads."),
        Statement(f"CREATE ROLE IF NOT EXISTS {role} {mark}"),
        Statement(f"CREATE ROLE IF NOT EXISTS {reader} {mark}"),
        Statement(f"GRANT ROLE {reader} TO ROLE {role}"),
        Statement(
            f"GRANT ROLE {role} TO ROLE {objects}", "Nothing is out of the administrators' reach: Snowflake's advice."
        ),
        *(Statement(f"GRANT ROLE {role} TO USER {quoted(stored_name(user))}") for user in users),
        Statement(
            f"USE ROLE {objects}",
            "Compute: asleep after a minute without work, and no statement runs or waits for ever.",
        ),
        Statement(
            f"CREATE WAREHOUSE IF NOT EXISTS {warehouse} WAREHOUSE_SIZE = {size} AUTO_SUSPEND = {AUTO_SUSPEND_SECONDS} "
            f"AUTO_RESUME = TRUE INITIALLY_SUSPENDED = TRUE STATEMENT_TIMEOUT_IN_SECONDS = {statement_timeout_seconds} "
            f"STATEMENT_QUEUED_TIMEOUT_IN_SECONDS = {QUEUE_TIMEOUT_SECONDS} {mark}"
        ),
        Statement(f"GRANT USAGE ON WAREHOUSE {warehouse} TO ROLE {role}"),
        Statement(f"GRANT USAGE ON WAREHOUSE {warehouse} TO ROLE {reader}"),
        Statement(
            f"CREATE DATABASE IF NOT EXISTS {database} {mark}",
            "Database and schema. Managed access: who owns a table here cannot hand it on. (To switch it on later, by\n"
            "-- ALTER SCHEMA, would take MANAGE GRANTS on the account.)",
        ),
        Statement(f"CREATE SCHEMA IF NOT EXISTS {schema} WITH MANAGED ACCESS {mark}"),
        Statement(
            f"GRANT USAGE ON DATABASE {database} TO ROLE {role}",
            "The pipeline: makes its tables, stages, file formats and models in this one schema; owns what it made.",
        ),
        Statement(f"GRANT USAGE ON SCHEMA {schema} TO ROLE {role}"),
        *(
            Statement(f"GRANT CREATE {what} ON SCHEMA {schema} TO ROLE {role}")
            for what in ("TABLE", "STAGE", "FILE FORMAT", "MODEL")
        ),
        Statement(
            f"USE ROLE {role}",
            "The recordings. Encrypted by the server, which presigned links need; the directory lists the files.",
        ),
        Statement(
            f"CREATE STAGE IF NOT EXISTS {stage} "
            f"ENCRYPTION = (TYPE = 'SNOWFLAKE_SSE') DIRECTORY = (ENABLE = TRUE) {mark}"
        ),
        Statement(f"USE ROLE {objects}", "Readers: every table of the schema, now and later, and the recordings."),
        Statement(f"GRANT USAGE ON DATABASE {database} TO ROLE {reader}"),
        Statement(f"GRANT USAGE ON SCHEMA {schema} TO ROLE {reader}"),
        Statement(f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO ROLE {reader}"),
        Statement(f"GRANT SELECT ON FUTURE TABLES IN SCHEMA {schema} TO ROLE {reader}"),
        Statement(f"GRANT READ ON STAGE {stage} TO ROLE {reader}"),
    ]


def as_script(names: Names, statements: Iterable[Statement]) -> str:
    """The statements as a script for a worksheet, with their reasons."""
    monitor = quoted(f"{names.warehouse}_MONITOR")
    lines = [
        f"-- {MARK}; safe to run again.",
        "-- Run it as a user who has the administrators' roles that it names. It needs no ACCOUNTADMIN.",
        "-- Users are yours to make. One for the pipeline, with a key instead of a password:",
        "--   CREATE USER CUSTOMER_ANALYTICS_SERVICE TYPE = SERVICE RSA_PUBLIC_KEY = '...' "
        f"DEFAULT_ROLE = {quoted(names.role)} DEFAULT_WAREHOUSE = {quoted(names.warehouse)};",
        f"-- For people and the dashboard: GRANT ROLE {quoted(names.reader)} TO USER ...;",
        "-- A ceiling on what it may cost is an account administrator's to set:",
        f"--   CREATE RESOURCE MONITOR {monitor} WITH CREDIT_QUOTA = 100 FREQUENCY = MONTHLY "
        "START_TIMESTAMP = IMMEDIATELY TRIGGERS ON 80 PERCENT DO NOTIFY ON 100 PERCENT DO SUSPEND;",
        f"--   ALTER WAREHOUSE {quoted(names.warehouse)} SET RESOURCE_MONITOR = {monitor};",
    ]
    for statement in statements:
        if statement.why:
            lines += ["", f"-- {statement.why}"]
        lines.append(f"{statement.sql};")
    return "\n".join(lines) + "\n"


def teardown_script(names: Names, role_admin: str = "USERADMIN", object_admin: str = "SYSADMIN") -> str:
    """What teardown would run where setup has made everything and nothing else has been added since."""
    return "\n".join(
        [
            f"-- Each only where its comment is '{MARK}'. The data is gone with the database;",
            "-- UNDROP DATABASE brings it back within the retention time.",
            "-- A database that holds schemas of others stays, and only our schema goes.",
            "",
            f"USE ROLE {quoted(stored_name(object_admin))};",
            f"DROP DATABASE IF EXISTS {quoted(names.database)};",
            f"DROP WAREHOUSE IF EXISTS {quoted(names.warehouse)};",
            f"USE ROLE {quoted(stored_name(role_admin))};",
            f"DROP ROLE IF EXISTS {quoted(names.reader)};",
            f"DROP ROLE IF EXISTS {quoted(names.role)};",
            "",
        ]
    )
