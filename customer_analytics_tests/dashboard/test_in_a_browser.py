"""The main journey in a real Chromium; what it saw is kept in `screenshots/`, under CI_KEEP when that is set."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import dashboard

CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
# `.ci/run` keeps what stands in the folder CI_KEEP.
SCREENSHOTS = Path(os.environ.get("CI_KEEP") or Path(__file__).resolve().parents[2]) / "screenshots"
SIZES = {"wide": (1440, 1000), "narrow": (390, 844)}
PAGES = (
    "",
    "ad_spend",
    "revenue",
    "journeys",
    "mrr",
    "top_customers",
    "churn",
    "at_risk",
    "customer?customer_id=6",
    "search?q=broke+after+a+week",
    "themes",
    "ask",
    "health",
)

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.skipif(not shutil.which(CHROMIUM), reason="no Chromium: apt-get install chromium"),
]


@pytest.fixture(scope="module")
def address(business: Path) -> Iterator[str]:
    """The dashboard over the small business, served on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    app = Path(dashboard.__file__).with_name("app.py")
    server = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", str(app), "--server.address=127.0.0.1", f"--server.port={port}"],
        env={**os.environ, "CUSTOMER_ANALYTICS_HOME": str(business)},
    )
    url = f"http://127.0.0.1:{port}"
    for _ in range(120):
        try:
            urllib.request.urlopen(f"{url}/_stcore/health", timeout=1).close()
            break
        except OSError:
            time.sleep(0.5)
    yield url
    server.terminate()
    server.wait(20)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


def settled(page: Any) -> Any:
    """Wait until the script has run and everything is drawn."""
    page.wait_for_selector("h1", timeout=60_000)
    page.wait_for_selector('[data-test-script-state="notRunning"]', state="attached", timeout=60_000)
    page.wait_for_timeout(1000)
    assert not page.query_selector_all('[data-testid="stException"]')
    return page


def opened(context: Any, url: str) -> Any:
    page = context.new_page()
    page.goto(url)
    return settled(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_every_page_is_drawn(browser: Any, address: str, size: str, scheme: str) -> None:
    width, height = SIZES[size]
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    for name in PAGES:
        page = opened(context, f"{address}/{name}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        tall = page.evaluate("(document.querySelector('[data-testid=stMain]') || document.body).scrollHeight")
        page.set_viewport_size({"width": width, "height": min(max(tall, height), 3000)})
        page.wait_for_timeout(500)
        page.screenshot(path=SCREENSHOTS / f"{size}-{scheme}-{name.split('?')[0] or 'overview'}.png")
        page.close()
    context.close()


def test_the_main_journey(browser: Any, address: str) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 1000})
    page = opened(context, f"{address}/ad_spend")
    page.get_by_role("radio", name="First touch").or_(page.get_by_text("First touch", exact=True)).first.click()
    page.get_by_text("all to the first touch").wait_for()

    page = opened(context, f"{address}/churn")
    box = page.locator('[data-testid="stDataFrame"]').first.bounding_box()
    start = time.monotonic()
    page.mouse.click(box["x"] + 12, box["y"] + 52)
    page.get_by_text("Paid to date").wait_for(timeout=20_000)
    print(f"from the click on a churned customer to the profile: {time.monotonic() - start:.2f} s")
    assert "/customer?customer_id=" in page.url
    settled(page)
    page.go_back()
    page.locator("h1", has_text="Churned customers").wait_for(timeout=20_000)
    assert "/churn" in settled(page).url

    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    page = opened(context, f"{address}/?customer_id=6")
    page.get_by_text("Name6 X. · customer 6").wait_for()
    assert page.title() != "owned"
    page.get_by_role("tab", name="Calls (1)").click()
    audio = page.locator("audio").first
    audio.wait_for()
    page.wait_for_function("document.querySelector('audio').duration > 0", timeout=20_000)
    assert audio.evaluate("a => a.duration") == pytest.approx(2.0, abs=0.1)
    assert (
        audio.evaluate("a => { a.currentTime = 1.5; return new Promise(r => a.onseeked = () => r(a.currentTime)) }")
        >= 1.4
    )

    part = urllib.request.Request(audio.evaluate("a => a.currentSrc"), headers={"Range": "bytes=0-9"})
    with urllib.request.urlopen(part) as answer:
        assert (answer.status, len(answer.read())) == (206, 10)
    # Neither the page nor what a customer wrote makes the browser ask anybody else.
    own = ("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:")
    assert [url for url in asked if not url.startswith(own)] == []

    page = opened(context, f"{address}/search")
    page.get_by_role("textbox", name="Search").fill("broke after a week")
    page.keyboard.press("Enter")
    page.locator("mark", has_text="broke").first.wait_for(timeout=20_000)

    page = opened(context, f"{address}/ask")
    page.locator("textarea").fill("What broke after a week?")
    page.keyboard.press("Enter")
    citation = page.locator("a.citation").first
    citation.wait_for(timeout=30_000)
    page.wait_for_timeout(1000)
    assert not page.locator("#source-1-1").is_visible()
    page.locator('a.citation[href="#source-1-1"]').first.click()
    page.wait_for_timeout(500)
    page.screenshot(path=SCREENSHOTS / "journey-ask.png")
    assert page.locator("#source-1-1").is_visible()
    context.close()
