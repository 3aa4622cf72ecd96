"""The drill of docs/operations.md: kill -9 of each service in the middle of a run, start it again as compose would.
Nothing is lost, and the next run, at the latest, makes everything whole."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from typing import Any

import psutil
import pytest

from customer_analytics_tests.deployment.conftest import WholeRun
from customer_analytics_tests.deployment.deployment import Deployment

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(900)]
SERVICES = ["webserver", "daemon", "dashboard", "weaviate", "snowflake", "postgres", "code"]
COUNTED = ("CUSTOMERS", "ORDERS", "MRR", "ATTRIBUTION_TOUCHES", "PRED_TWITTER_COMMENTS", "CALL_TRANSCRIPTS")
OBJECTS = "/v1/objects?class={}&limit=10000"


def whole(deployment: Deployment) -> dict[str, Any]:
    """What must be the same after the drill as before it."""
    found: dict[str, Any] = {name: deployment.sql(f"SELECT COUNT(*) FROM {name}") for name in COUNTED}
    found["mrr"] = deployment.sql("SELECT SUM(MRR), SUM(MRR_CHANGE) FROM MRR")
    for name in ("CustomerComment", "CustomerCall", "CommentTraining"):
        objects = deployment.weaviate(OBJECTS.format(name))["objects"]
        found[name] = sorted(one["id"] for one in objects)
    return found


def run_worker(deployment: Deployment) -> psutil.Process:
    """The process of the run: a child of the code server that Python's multiprocessing has started."""
    children = psutil.Process(deployment.processes["code"].pid).children(recursive=True)
    workers = [c for c in children if any("multiprocessing" in part for part in c.cmdline())]
    workers = [c for c in workers if "resource_tracker" not in " ".join(c.cmdline())]
    return max(workers, key=lambda process: process.memory_info().rss)


def kill(deployment: Deployment, victim: str) -> None:
    if victim == "the run's process":
        run_worker(deployment).kill()
    elif victim == "everything":
        for name in list(deployment.processes):
            deployment.kill(name)
        deployment.start_all()
    else:
        deployment.kill(victim)
        deployment.start(victim)


def drill(deployment: Deployment, victim: str, job: str, until: Callable[[str], bool]) -> None:
    before = whole(deployment)
    run = deployment.launch(job)
    deployment.wait("webserver", lambda: until(run))
    began = time.monotonic()
    kill(deployment, victim)
    if victim in ("webserver", "everything"):
        deployment.wait("webserver", lambda: deployment.get("webserver", "/server_info"))
    if victim in ("code", "everything"):
        deployment.wait("code", lambda: deployment.answers("code"))
    outcome = "unfinished"
    with contextlib.suppress(AssertionError):
        outcome = deployment.finished(run, 180)
    first = time.monotonic() - began
    again = deployment.launch(job)
    assert deployment.finished(again, 420) == "SUCCESS", "\n".join(deployment.failures(again)) or deployment.log("code")
    whole_after = time.monotonic() - began
    print(f"\ndrill | {victim} | {job}: {outcome} after {first:.0f} s | whole after {whole_after:.0f} s |")
    assert outcome != "unfinished", "a run that never ends holds its place in the queue"
    after = whole(deployment)
    assert after == before
    for name in SERVICES:
        deployment.wait(name, lambda name=name: deployment.is_healthy(name), 90)


def a_step_is_done(deployment: Deployment) -> Callable[[str], bool]:
    return lambda run: bool(deployment.status(run)[1])


@pytest.mark.parametrize(
    "victim", ["the run's process", "code", "webserver", "daemon", "dashboard", "snowflake", "postgres", "everything"]
)
def test_a_killed_service_loses_nothing_and_the_next_run_goes_on(
    deployment: Deployment, whole_run: WholeRun, victim: str
) -> None:
    if victim != "the run's process" and os.environ.get("FAULT_DRILL") != "1":
        pytest.skip("a minute or two for each service: FAULT_DRILL=1 runs the whole drill")
    drill(deployment, victim, "structured", a_step_is_done(deployment))


def test_weaviate_killed_while_vectors_are_written(deployment: Deployment, whole_run: WholeRun) -> None:
    """New comments, so that there is something to write when it goes down."""
    if os.environ.get("FAULT_DRILL") != "1":
        pytest.skip("a minute or two: FAULT_DRILL=1 runs the whole drill")
    deployment.add_comments(300)
    loaded = deployment.launch("structured")
    assert deployment.finished(loaded) == "SUCCESS"
    before = whole(deployment)
    run = deployment.launch("feedback")
    count = len(before["CustomerComment"])
    deployment.wait("webserver", lambda: "CustomerComment" in deployment.started(run))
    deployment.wait("weaviate", lambda: seen(deployment) > count, 60)
    began = time.monotonic()
    kill(deployment, "weaviate")
    outcome = deployment.finished(run, 300)
    again = deployment.launch("everything")  # what else is made of comments follows the new ones, for the other tests
    assert deployment.finished(again, 600) == "SUCCESS", "\n".join(deployment.failures(again))
    print(f"\ndrill | weaviate | feedback: {outcome} | whole after {time.monotonic() - began:.0f} s |")
    after = whole(deployment)
    assert set(before["CustomerComment"]) < set(after["CustomerComment"]), "an object that was there is gone"
    assert len(after["CustomerComment"]) == deployment.sql("SELECT COUNT(*) FROM STG_TWITTER_COMMENTS")[0][0]


def seen(deployment: Deployment) -> int:
    return len(deployment.weaviate(OBJECTS.format("CustomerComment"))["objects"])
