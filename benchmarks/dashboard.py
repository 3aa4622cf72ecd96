"""How long the dashboard lets people wait.

    python benchmarks/dashboard.py [--home FOLDER | --customers N] [--browser] [--json]

`--home` is a CUSTOMER_ANALYTICS_HOME with built tables (`make run` makes one); the settings' own by default.
`--customers` makes a business of that size in a temporary home first (minutes); it has no vectors, so no search.
Each page is run as Streamlit runs it (AppTest: the script until it is finished, without the browser):
cold with empty caches in a running process, warm right after. First start: a fresh process, imports,
connection and the server's start included, until the first page is finished (median of three); beside it,
what an app of one line takes, which is Streamlit's own part.
`--browser` also selects churned customers in a real Chromium: from the click until their profile can be seen.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
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
TARGETS = {"cold": 1.5, "warm": 0.5, "search": 0.5, "first start": 6.0, "select": 1.0}
RUN = """
from streamlit.testing.v1 import AppTest
app = AppTest.{}.run()
assert not app.exception, app.exception
"""
GROUND_TRUTH = f"from_file({str(APP)!r}, default_timeout=120)"
ONE_LINE = "from_string('import streamlit as st; st.title(1)')"
WARM_RUNS = 5
SELECTED = 5
CHROMIUM = "/usr/bin/chromium"


def first_start(app: str) -> float:
    """Seconds from nothing (the local Snowflake stopped as well) to the app's first page."""
    subprocess.run([Path(sys.executable).with_name("customer-analytics"), "warehouse", "stop"], capture_output=True)
    start = time.monotonic()
    subprocess.run([sys.executable, "-c", RUN.format(app)], check=True, capture_output=True, cwd=ROOT)
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


def selections() -> list[float]:
    """Seconds from a click on each of the first churned customers, in Chromium, until their profile can be seen."""
    from playwright.sync_api import sync_playwright

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    where = ["--server.address=127.0.0.1", f"--server.port={port}"]
    server = subprocess.Popen([sys.executable, "-m", "streamlit", "run", str(APP), *where], stdout=subprocess.DEVNULL)
    seconds = []
    try:
        with sync_playwright() as playwright:
            chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
            for _ in range(120):
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                time.sleep(0.5)
            for row in range(SELECTED):
                page = chromium.new_page(viewport={"width": 1440, "height": 1000})
                page.goto(f"http://127.0.0.1:{port}/churn")
                table = page.locator('[data-testid="stDataFrame"]').first
                table.wait_for(timeout=60_000)
                page.wait_for_selector('[data-test-script-state="notRunning"]', state="attached")
                page.wait_for_timeout(1000)  # until it is drawn, as for a person who reads it
                box = table.bounding_box()
                assert box is not None
                start = time.monotonic()
                page.mouse.click(box["x"] + 12, box["y"] + 52 + 35 * row)
                page.get_by_text("Paid to date").wait_for()
                seconds.append(time.monotonic() - start)
                page.close()
            chromium.close()
    finally:
        server.terminate()
        server.wait(20)
    return seconds


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
    parser.add_argument("--browser", action="store_true")
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
        result: dict[str, Any] = {
            "first start": statistics.median(first_start(GROUND_TRUTH) for _ in range(3)),
            "app of one line": first_start(ONE_LINE),
            "pages": pages(),
            "targets": targets,
        }
        if not arguments.customers:
            result["search"] = searches()
        if arguments.browser:
            result["select"] = selections()
        subprocess.run([Path(sys.executable).with_name("customer-analytics"), "warehouse", "stop"], capture_output=True)
    if arguments.json:
        print(json.dumps(result, indent=2))
        return
    print(f"{'':16}{'cold':>8}{'warm':>8}   seconds (at most {targets['cold']} and {targets['warm']})")
    for name, row in result["pages"].items():
        print(f"{name:16}{row['cold']:8.2f}{row['warm']:8.2f}")
    if "search" in result:
        print(f"search, warm {result['search']:.2f} s (at most {TARGETS['search']})")
    if "select" in result:
        shown = ", ".join(f"{seconds:.2f}" for seconds in result["select"])
        print(f"from a click on a churned customer to the profile {shown} s (at most {TARGETS['select']})")
    print(f"first start to first page {result['first start']:.2f} s (at most {TARGETS['first start']})")
    print(f"  of an app of one line {result['app of one line']:.2f} s")


if __name__ == "__main__":
    main()
