"""How fast the local Snowflake is, against raw DuckDB and stock fakesnow in the same run.

python benchmarks/local_snowflake.py [--rows 1000000] [--json]
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection
    from snowflake.connector.cursor import SnowflakeCursor

TARGETS = {
    "cold start to first query, s": 3.0,
    "new Snowpark session and first query, s": 0.5,
    "SELECT 1, median of 200, ms": 15.0,
    "CTAS, times raw DuckDB": 3.0,
    "write_pandas of rows/2, snappy, s": 1.0,
    "to_pandas, times stock fakesnow": 1.2,
    "memory idle, MB": 300.0,
    "memory after large results, MB": 600.0,
}
CTAS = "SELECT {i} AS id, {i} % 1000 AS customer_id, {i} * 1.5 AS amount, 'name ' || ({i} % 100) AS name"


def timed(run: Callable[[], Any]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=1_000_000)
    options.add_argument("--json", action="store_true")
    arguments = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), arguments.rows)
    if arguments.json:
        print(json.dumps({name: round(value, 3) for name, value in found.items()}, indent=2))
        return
    print(f"{arguments.rows:,} rows\n\n| | measured | at most |\n|---|---|---|")
    for name, value in found.items():
        print(f"| {name} | {value:.3g} | {TARGETS.get(name, '')} |")


def measure(folder: Path, rows: int) -> dict[str, float]:
    import duckdb
    import snowflake.connector
    from snowflake.connector.pandas_tools import write_pandas
    from snowflake.snowpark import Session

    from customer_analytics.local_snowflake import lifecycle
    from customer_analytics.local_snowflake.lifecycle import Options
    from customer_analytics.resources.warehouse.local import LocalWarehouse

    found: dict[str, float] = {}
    home = folder / "warehouse"
    warehouse = LocalWarehouse(home, Options(folder / "log"), "CUSTOMER_ANALYTICS", "ANALYTICS")
    try:
        start = time.perf_counter()
        connection = warehouse.connect()
        run = _runner(connection)
        run("SELECT 1").fetchall()
        found["cold start to first query, s"] = time.perf_counter() - start
        found["memory idle, MB"] = _memory(home)
        args = warehouse.connection_args()
        found["new Snowpark session and first query, s"] = timed(
            lambda: Session.builder.configs(args).create().sql("SELECT 1").collect()
        )
        ones = [timed(lambda: run("SELECT 1").fetchall()) for _ in range(200)]
        found["SELECT 1, median of 200, ms"] = statistics.median(ones) * 1000

        raw = duckdb.connect(str(folder / "raw.db"))
        source = CTAS.format(i="range") + f" FROM range({rows})"
        baseline = min(timed(lambda: raw.execute(f"CREATE OR REPLACE TABLE t AS {source}")) for _ in range(3))
        generated = CTAS.format(i="s") + f" FROM (SELECT SEQ8() AS s FROM TABLE(GENERATOR(ROWCOUNT => {rows})))"
        ours = min(timed(lambda: run(f"CREATE OR REPLACE TABLE t AS {generated}")) for _ in range(3))
        found["CTAS, s"], found["CTAS raw DuckDB, s"] = ours, baseline
        found["CTAS, times raw DuckDB"] = ours / baseline

        def write(frame: Any) -> float:
            return timed(
                lambda: write_pandas(
                    connection, frame, "WRITTEN", auto_create_table=True, overwrite=True, compression="snappy"
                )
            )

        frame = run(f"SELECT * FROM t LIMIT {rows // 2}").fetch_pandas_all()
        # A NUMBER with decimals comes back as Python Decimals; a frame that people make has floats.
        usual = frame.assign(AMOUNT=frame["AMOUNT"].astype(float))
        found["write_pandas of rows/2, snappy, s"] = min(write(usual) for _ in range(2))
        found["the same with Python Decimals, which pyarrow converts one by one, s"] = write(frame)
        local = min(timed(lambda: run("SELECT * FROM t").fetch_pandas_all()) for _ in range(3))
        found["to_pandas, s"] = local
        stock = _stock_fakesnow(rows)
        found["to_pandas stock fakesnow, s"], found["to_pandas, times stock fakesnow"] = stock, local / stock
        time.sleep(3)
        found["memory after large results, MB"] = _memory(home)
        connection.close()
    finally:
        warehouse.close()
        lifecycle.stop(home)
    assert snowflake.connector
    return found


def _runner(connection: SnowflakeConnection) -> Callable[[str], SnowflakeCursor]:
    cursor = connection.cursor()

    def run(query: str) -> SnowflakeCursor:
        cursor.execute(query)
        return cursor

    return run


def _memory(folder: Path) -> float:
    from customer_analytics.local_snowflake import lifecycle

    status = lifecycle.status(folder)
    assert status is not None
    return status["memory_bytes"] / 1e6


def _stock_fakesnow(rows: int) -> float:
    """The same table and the same query on fakesnow's own server, as it comes."""
    import subprocess
    import sys

    program = f"""
import time, fakesnow, snowflake.connector
with fakesnow.server() as args:
    cursor = snowflake.connector.connect(**args, database="D", schema="S").cursor()
    cursor.execute({CTAS.format(i="column1") + " FROM VALUES (0)"!r})
    cursor.execute("CREATE TABLE t AS SELECT range AS id, range % 1000 AS customer_id, (range * 1.5)::NUMBER(21,1) "
                   "AS amount, 'name ' || (range % 100) AS name FROM range({rows})")
    times = []
    for _ in range(3):
        start = time.perf_counter()
        cursor.execute("SELECT * FROM t").fetch_pandas_all()
        times.append(time.perf_counter() - start)
    print("SECONDS", min(times))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    line = next((line for line in done.stdout.splitlines() if line.startswith("SECONDS")), None)
    if line is None:
        raise RuntimeError(f"stock fakesnow failed: {done.stderr[-800:]}")
    return float(line.split()[1])


if __name__ == "__main__":
    main()
