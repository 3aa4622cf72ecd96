"""How long the dashboard lets people wait.

    python benchmarks/dashboard.py [--home FOLDER | --customers N] [--json]

`--home` is a CUSTOMER_ANALYTICS_HOME with built tables (`make run` makes one); the settings' own by default.
`--customers` makes a business of that size in a temporary home first (minutes); it has no vectors, so no search.
Each page is run as Streamlit runs it (AppTest: the script until it is finished, without the browser):
cold with empty caches in a running process, warm right after. First start: a fresh process, imports,
connection and the server's start included, until the first page is finished.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).resolve().parents[1]
APP = ROOT / "dashboard" / "app.py"
TARGETS = {"cold": 1.5, "warm": 0.5, "search": 0.5, "first start": 6.0}
FIRST = f"""
from streamlit.testing.v1 import AppTest
app = AppTest.from_file({str(APP)!r}, default_timeout=120).run()
assert not app.exception, app.exception
"""
WARM_RUNS = 5


def first_start() -> float:
    """Seconds from nothing (the local Snowflake stopped as well) to the first page."""
    subprocess.run([Path(sys.executable).with_name("customer-analytics"), "warehouse", "stop"], capture_output=True)
    start = time.monotonic()
    subprocess.run([sys.executable, "-c", FIRST], check=True, capture_output=True, cwd=ROOT)
    return time.monotonic() - start


def pages() -> dict[str, dict[str, float]]:
    """Seconds of each page, cold and warm (median of five)."""
    import streamlit as st
    from streamlit.testing.v1 import AppTest

    app = AppTest.from_file(APP, default_timeout=120).run()
    result = {}
    for view in sorted((APP.parent / "views").glob("*.py")):
        if view.stem == "customer":
            app.query_params["customer_id"] = "6"
        app.switch_page(f"views/{view.name}")
        st.cache_data.clear()
        cold = _timed(app)
        result[view.stem] = {"cold": cold, "warm": statistics.median(_timed(app) for _ in range(WARM_RUNS))}
    return result


def searches() -> float:
    """Median seconds of ten different searches, as a whole run of the page."""
    from streamlit.testing.v1 import AppTest

    app = AppTest.from_file(APP, default_timeout=120).run()
    app.switch_page("views/search.py").run()
    seconds = []
    for toy in ("", "puzzle", "kite", "doll", "train", "game", "blocks", "car", "bear", "robot", "paint"):
        app.text_input(key="q").set_value(f"{toy} broke after a week")
        seconds.append(_timed(app))
    return statistics.median(seconds[1:])


def _timed(app: AppTest) -> float:
    start = time.monotonic()
    app.run()
    if app.exception:
        raise SystemExit(f"The page failed: {app.exception[0].message}")
    return time.monotonic() - start


def main() -> None:
    # This file has the package's name: without this, `import dashboard` in the pages would find it here.
    sys.path[0] = str(ROOT)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path)
    parser.add_argument("--customers", type=int)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if arguments.customers:
            from benchmarks.dashboard_business import fill

            fill(Path(folder), arguments.customers)
            arguments.home = Path(folder)
        if arguments.home:
            os.environ["CUSTOMER_ANALYTICS_HOME"] = str(arguments.home.resolve())
        targets = {**TARGETS, "cold": 3.0, "warm": 3.0} if arguments.customers else TARGETS
        result: dict[str, Any] = {"first start": first_start(), "pages": pages(), "targets": targets}
        if not arguments.customers:
            result["search"] = searches()
        subprocess.run([Path(sys.executable).with_name("customer-analytics"), "warehouse", "stop"], capture_output=True)
    if arguments.json:
        print(json.dumps(result, indent=2))
        return
    print(f"{'':16}{'cold':>8}{'warm':>8}   seconds (at most {targets['cold']} and {targets['warm']})")
    for name, row in result["pages"].items():
        print(f"{name:16}{row['cold']:8.2f}{row['warm']:8.2f}")
    if "search" in result:
        print(f"search, warm {result['search']:.2f} s (at most {TARGETS['search']})")
    print(f"first start to first page {result['first start']:.2f} s (at most {TARGETS['first start']})")


if __name__ == "__main__":
    main()
