"""Source files to the seven structured tables: through Dagster, and by plain DuckDB on the same files.

    python -m benchmarks.structured [--customers 1000 10000 100000] [--json]

`whole` is a fresh process: start, imports, server start, sources, tables, checks. `work` is the
run of the job alone. `duckdb` reads the same CSV files with declared types and makes the same
seven tables into a database file; afterwards the two are compared cell by cell. Memory is the
highest sum of the resident sizes of the run's process and the local Snowflake, sampled.

The profile splits the work: `parse` (read, fingerprint, check each row), `parquet` (good rows out of DuckDB into
files), `put`, `copy` (both in the local Snowflake), `sql` (every other statement), `checks`, and
`dagster` (the rest: steps, events, metadata).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

AS_OF = "2026-11-23"
SESSIONS_EACH, PERIODS_EACH, ORDERS_EACH = 10, 3, 2
TABLES = {
    "CUSTOMERS": ("customer_id",),
    "ORDERS": ("order_id",),
    "CUSTOMER_REVENUE_BY_MONTH": ("customer_id", "date_month"),
    "CUSTOMER_CHURN_MONTH": ("customer_id",),
    "MRR": ("id",),
    "ATTRIBUTION_TOUCHES": ("session_id", "customer_id", "converted_at", "revenue"),
    "CPA_AND_ROAS": ("date_month", "utm_source"),
}
"""What is built, with the columns that make a row unique."""


def generate(folder: Path, customers: int) -> None:
    """The seven files of a business of that size, the same for the same size."""
    folder.mkdir(parents=True, exist_ok=True)
    con = duckdb.connect()
    con.execute("SELECT setseed(0.5)")

    def write(name: str, query: str) -> None:
        con.execute(f"COPY ({query}) TO '{folder / name}.csv' (HEADER)")

    sources = "['adwords', 'facebook_ads', 'google', 'bing', 'newsletter', 'direct']"
    moment = "strftime(TIMESTAMP '2026-01-01' + to_seconds(CAST(random() * 25000000 AS BIGINT)), '%Y-%m-%d %H:%M:%S')"
    customer = f"1 + CAST(floor(random() * {customers}) AS BIGINT)"
    write(
        "customers",
        f"SELECT i AS customer_id, 'Name' || i AS first_name, 'X.' AS last_name FROM range(1, {customers + 1}) t(i)",
    )
    write(
        "orders",
        f"SELECT i AS order_id, {customer} AS customer_id, 'completed' AS status, "
        "DATE '2024-01-01' + CAST(random() * 1000 AS INT) AS order_date "
        f"FROM range(1, {customers * ORDERS_EACH + 1}) t(i)",
    )
    write(
        "payments",
        f"SELECT i AS payment_id, 1 + CAST(floor(random() * {customers * ORDERS_EACH}) AS BIGINT) AS order_id, "
        "['credit_card', 'coupon', 'bank_transfer', 'gift_card'][1 + CAST(floor(random() * 4) AS INT)] "
        "AS payment_method, "
        f"CAST(random() * 10000 AS INT) AS amount FROM range(1, {customers * ORDERS_EACH + 1}) t(i)",
    )
    write(
        "subscription_periods",
        "SELECT i AS subscription_id, c AS customer_id, d AS start_date, "
        "CASE WHEN r < 0.9 THEN d + 30 + CAST(r * 400 AS INT) END AS end_date, m AS monthly_amount FROM "
        f"(SELECT i, {customer} AS c, DATE '2022-01-01' + CAST(random() * 1500 AS INT) AS d, random() AS r, "
        f"(1 + CAST(random() * 9 AS INT)) * 5 AS m FROM range(1, {customers * PERIODS_EACH + 1}) t(i))",
    )
    write(
        "sessions",
        f"SELECT i AS session_id, {customer} AS customer_id, {moment} AS started_at, NULL AS ended_at, "
        f"{sources}[1 + CAST(floor(random() * 6) AS INT)] AS utm_source, 'medium' AS utm_medium, NULL AS utm_campaign "
        f"FROM range(1, {customers * SESSIONS_EACH + 1}) t(i)",
    )
    write(
        "customer_conversions",
        f"SELECT {customer} AS customer_id, {moment} AS converted_at, i AS revenue FROM range(1, {customers + 1}) t(i)",
    )
    write(
        "ad_spend",
        f"SELECT DATE '2026-01-01' + CAST(i % 300 AS INT) AS date_day, {sources}[1 + i % 6] AS utm_source, "
        f"'medium' AS utm_medium, NULL AS utm_campaign, CAST(random() * 100 AS INT) AS spend "
        f"FROM range(0, {max(300, customers // 50)}) t(i)",
    )


def plain_duckdb(folder: Path, database: Path) -> None:
    """The same logic as SQL written for DuckDB."""
    con = duckdb.connect(str(database))
    types = {
        "customers": "customer_id: 'BIGINT', first_name: 'VARCHAR', last_name: 'VARCHAR'",
        "orders": "order_id: 'BIGINT', customer_id: 'BIGINT', status: 'VARCHAR', order_date: 'DATE'",
        "payments": "payment_id: 'BIGINT', order_id: 'BIGINT', payment_method: 'VARCHAR', amount: 'BIGINT'",
        "subscription_periods": "subscription_id: 'BIGINT', customer_id: 'BIGINT', start_date: 'DATE', "
        "end_date: 'DATE', monthly_amount: 'DECIMAL(28,9)'",
        "sessions": "session_id: 'BIGINT', customer_id: 'BIGINT', started_at: 'TIMESTAMP', ended_at: 'TIMESTAMP', "
        "utm_source: 'VARCHAR', utm_medium: 'VARCHAR', utm_campaign: 'VARCHAR'",
        "customer_conversions": "customer_id: 'BIGINT', converted_at: 'TIMESTAMP', revenue: 'DECIMAL(28,9)'",
        "ad_spend": "date_day: 'DATE', utm_source: 'VARCHAR', utm_medium: 'VARCHAR', utm_campaign: 'VARCHAR', "
        "spend: 'DECIMAL(28,9)'",
    }
    for name, columns in types.items():
        con.execute(
            f"CREATE TABLE {name} AS FROM read_csv('{folder / name}.csv', header = true, auto_detect = false, "
            f"delim = ',', quote = '\"', columns = {{{columns}}})"
        )
    con.execute((Path(__file__).parent / "structured_plain.sql").read_text())
    con.close()


class Profile:
    """Where the time of the work goes, by wrapping what takes it; steps run one after the other in this process."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = dict.fromkeys(("parse", "parquet", "put", "copy", "sql", "checks"), 0.0)
        self._inner = [0.0]
        """Seconds already counted inside of what is being measured, one entry for each level."""

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        self._inner.append(0.0)
        try:
            yield
        finally:
            spent = time.perf_counter() - started
            self.seconds[name] += spent - self._inner.pop()
            self._inner[-1] += spent

    def install(self) -> None:
        from snowflake.connector.cursor import SnowflakeCursor

        from customer_analytics import table_checks
        from customer_analytics.snowpark_io import upload
        from customer_analytics.sources import files, staging

        for module, name, what in (
            (files, "fetch", "parse"),
            (staging, "stage", "parse"),
            (table_checks, "measured", "checks"),
        ):
            setattr(module, name, self._wrapped(getattr(module, name), lambda *_, what=what: what))
        execute = self._wrapped(SnowflakeCursor.execute, lambda _, command, *__: _kind(command))
        in_checks, wrapped_measured = [False], table_checks.measured

        def measured(*given: Any) -> Any:
            in_checks[0] = True
            try:
                return wrapped_measured(*given)
            finally:
                in_checks[0] = False

        plain_execute = SnowflakeCursor.execute
        # A check's own statements are its time.
        SnowflakeCursor.execute = lambda *a, **k: (plain_execute if in_checks[0] else execute)(*a, **k)  # type: ignore
        table_checks.measured = measured
        parquet_files = upload._parquet_files

        def timed_files(*given: Any) -> Iterator[Any]:
            made = parquet_files(*given)
            while True:
                with self.timed("parquet"):
                    path = next(made, None)
                if path is None:
                    return
                yield path

        upload._parquet_files = timed_files

    def _wrapped(self, function: Any, what: Any) -> Any:
        def timed(*given: Any, **named: Any) -> Any:
            with self.timed(what(*given)):
                return function(*given, **named)

        return timed


def _kind(command: str) -> str:
    word = command.lstrip(" (\n").upper()
    return "put" if word.startswith("PUT") else "copy" if word.startswith("COPY INTO") else "sql"


def through_dagster() -> None:
    """One process: load the definitions and run the structured job; print what it took and what came out."""
    started = time.perf_counter()
    import dagster as dg

    from customer_analytics.definitions import definitions

    loaded: dg.Definitions = definitions()  # type: ignore[assignment]
    job = loaded.resolve_job_def("structured")
    imported = time.perf_counter()
    warehouse = (loaded.resources or {})["warehouse"]
    warehouse.session()
    served = time.perf_counter()
    profile = Profile()
    profile.install()
    with dg.DagsterInstance.ephemeral() as instance:
        ready = time.perf_counter()
        result = job.execute_in_process(instance=instance)
    done = time.perf_counter()
    spent = [
        (e.step_key, round(e.step_success_data.duration_ms / 1000, 2)) for e in result.all_events if e.is_step_success
    ]
    counts = {t: warehouse.session().table(t).count() for t in TABLES}
    json.dump(
        {
            "import": round(imported - started, 2),
            "server": round(served - imported, 2),
            "work": round(done - ready, 2),
            "profile": {k: round(v, 2) for k, v in profile.seconds.items()}
            | {"dagster": round(done - ready - sum(profile.seconds.values()), 2)},
            "steps": dict(sorted(spent, key=lambda s: -s[1])),
            "rows": counts,
        },
        sys.stdout,
    )


def measure(customers: int, work: Path) -> dict[str, Any]:
    files, home = work / f"files{customers}", work / f"home{customers}"
    generate(files, customers)
    started = time.perf_counter()
    plain_duckdb(files, work / f"plain{customers}.duckdb")
    plain = time.perf_counter() - started
    environment = {
        **os.environ,
        "SOURCE_URI": str(files),
        "AS_OF": AS_OF,
        "CUSTOMER_ANALYTICS_HOME": str(home),
        "DAGSTER_DISABLE_TELEMETRY": "1",
    }
    started = time.perf_counter()
    command = [sys.executable, "-m", "benchmarks.structured", "--in-process"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    peak = Peak(process.pid, home)
    out, err = process.communicate()
    whole = time.perf_counter() - started
    megabytes = peak.stop()
    if not process.returncode:
        subprocess.run(
            [sys.executable, "-m", "customer_analytics", "export", str(work / f"out{customers}")],
            env=environment,
            check=True,
            capture_output=True,
        )
    subprocess.run(
        [sys.executable, "-m", "customer_analytics", "warehouse", "stop"],
        env=environment,
        check=False,
        capture_output=True,
    )
    if process.returncode:
        raise SystemExit(err[-3000:])
    result = json.loads(out.splitlines()[-1])
    if differing := differing_rows(work / f"plain{customers}.duckdb", work / f"out{customers}"):
        raise SystemExit(f"rows that are not as plain SQL has them: {differing}")
    return {
        "customers": customers,
        "duckdb": round(plain, 2),
        "work": result["work"],
        "work_ratio": round(result["work"] / plain, 1),
        "whole": round(whole, 2),
        "whole_ratio": round(whole / plain, 1),
        "peak_mb": megabytes,
        **{k: result[k] for k in ("import", "server", "profile", "steps", "rows")},
    }


def differing_rows(database: Path, exported: Path) -> dict[str, int]:
    """How many rows of each table are on one side alone or have another cell; tables without any are left out.

    `database` is what `plain_duckdb` made, `exported` what `customer-analytics export` wrote. Fractions, which are
    floats, agree to nine digits; everything else agrees exactly.
    """
    con = duckdb.connect(str(database))
    found = {}
    for table, key in TABLES.items():
        ours = f"read_parquet('{exported / table}.parquet')"
        columns = [(name.lower(), kind) for name, kind, *_ in con.execute(f"DESCRIBE FROM {ours}").fetchall()]
        plain = {name.lower() for name, *_ in con.execute(f"DESCRIBE {table}_OUT").fetchall()}
        assert plain == {name for name, _ in columns}, (table, plain, columns)
        differs = " OR ".join(
            f"(a.{c} IS NULL) <> (b.{c} IS NULL) OR abs(a.{c} - b.{c}) > 1e-9 * greatest(1, abs(b.{c}))"
            if kind == "DOUBLE"
            else f"a.{c} IS DISTINCT FROM b.{c}"
            for c, kind in columns
        )
        same = " AND ".join(f"a.{c} IS NOT DISTINCT FROM b.{c}" for c in key)
        (number,) = con.execute(
            f"SELECT count(*) FROM {ours} a FULL JOIN {table}_OUT b ON {same} WHERE {differs}"
        ).fetchone() or (0,)
        (rows,) = con.execute(
            f"SELECT (SELECT count(*) FROM {ours}) - (SELECT count(*) FROM {table}_OUT)"
        ).fetchone() or (0,)
        if number or rows:
            found[table] = max(number, abs(rows))
    con.close()
    return found


class Peak:
    """The highest sum of resident sizes of a process, its children, and the server of `home`."""

    def __init__(self, pid: int, home: Path) -> None:
        self._pid, self._home, self._peak, self._over = pid, str(home), 0, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        import psutil

        while not self._over.wait(0.2):
            total = 0
            for process in psutil.process_iter(["pid", "ppid", "cmdline", "memory_info"]):
                info = process.info
                mine = info["pid"] == self._pid or self._home in " ".join(info["cmdline"] or ())
                if mine and info["memory_info"]:
                    total += info["memory_info"].rss
            self._peak = max(self._peak, total)

    def stop(self) -> int:
        self._over.set()
        self._thread.join()
        return self._peak // 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--in-process", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.in_process:
        through_dagster()
        return
    with tempfile.TemporaryDirectory() as folder:
        results = [measure(n, Path(folder)) for n in arguments.customers]
    if arguments.json:
        print(json.dumps(results, indent=1))
        return
    columns = ("customers", "duckdb", "work", "work_ratio", "whole", "whole_ratio", "import", "server", "peak_mb")
    print("  ".join(f"{c:>11}" for c in columns))
    for result in results:
        print("  ".join(f"{result[c]:>11}" for c in columns))
        print("   profile (s):", result["profile"])
        print("   slowest steps (s):", dict(list(result["steps"].items())[:8]))


if __name__ == "__main__":
    main()
