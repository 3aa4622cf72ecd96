"""What runs by itself: sources that change start a run, what follows is rebuilt, a failed check stops it."""

from __future__ import annotations

import io
import json

import dagster as dg
import pytest
from upath import UPath

from customer_analytics.defs import automation
from customer_analytics.settings import Settings


def test_signatures_change_with_a_file_and_with_a_recording(tmp_path):
    (tmp_path / "orders.csv").write_text("order_id\n1\n")
    (tmp_path / "readme.txt").write_text("no source")
    calls = tmp_path / "customer_calls"
    calls.mkdir()
    first = automation.source_signatures(UPath(tmp_path))
    assert set(first) == {"orders", "customer_calls"}
    (tmp_path / "orders.csv").write_text("order_id\n1\n2\n")
    (calls / "6-hello.ogg").write_bytes(b"x")
    second = automation.source_signatures(UPath(tmp_path))
    assert all(first[name] != second[name] for name in first)
    assert automation.source_signatures(UPath(tmp_path)) == second
    assert automation.source_signatures(UPath(tmp_path / "nowhere")) == {}


@pytest.fixture(scope="module")
def repository():
    from customer_analytics.definitions import definitions

    return definitions().get_repository_def()


def test_the_sensor_asks_for_everything_at_first_and_then_for_what_changed(tmp_path, repository):
    (tmp_path / "orders.csv").write_text("order_id,customer_id,order_date\n1,1,2020-01-01\n")
    settings = Settings(source_uri=str(tmp_path))
    with dg.instance_for_test() as instance:

        def tick(cursor: str | None):
            context = dg.build_sensor_context(instance, cursor=cursor, repository_def=repository)
            return automation.sources_changed(context, settings=settings)

        result = tick(None)
        first = {key.to_user_string() for key in result.run_requests[0].asset_selection}
        assert {"AS_OF", "AS_OF_MONTH", "CALL_STAGE", "STG_ORDERS", "STG_SESSIONS"} <= first
        assert "ORDERS" not in first
        assert isinstance(tick(result.cursor), dg.SkipReason)
        yesterday = json.dumps(json.loads(result.cursor) | {"day": "2020-01-01"})
        assert tick(yesterday).run_requests[0].asset_selection == [dg.AssetKey("AS_OF"), dg.AssetKey("AS_OF_MONTH")]
        (tmp_path / "customer_calls").mkdir()
        (tmp_path / "customer_calls" / "6-a.ogg").write_bytes(b"x")
        again = tick(result.cursor)
        assert again.run_requests[0].asset_selection == [dg.AssetKey("CALL_STAGE")]
        assert set(json.loads(again.cursor)) == {"orders", "customer_calls", "day"}


class World:
    version = "one"
    check_passes = True


def toy(world: World) -> dg.Definitions:
    @dg.asset(name="SOURCE", code_version="1")
    def source() -> dg.MaterializeResult:
        return dg.MaterializeResult(data_version=dg.DataVersion(world.version))

    @dg.asset(name="TABLE", deps=["SOURCE"], code_version="1")
    def table() -> None: ...

    @dg.asset_check(asset="SOURCE", blocking=True)
    def holds() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=world.check_passes)

    built = dg.map_asset_specs(automation.follows_its_inputs, [source, table])
    return dg.Definitions(assets=built, asset_checks=[holds])


def test_a_table_follows_changed_content_and_not_mere_rebuilding_nor_a_failed_check():
    world = World()
    definitions = toy(world)
    job = definitions.resolve_implicit_global_asset_job_def()

    def build(*names: str) -> None:
        job.execute_in_process(instance=instance, asset_selection=[dg.AssetKey(n) for n in names], raise_on_error=False)

    with dg.instance_for_test() as instance:
        build("SOURCE", "TABLE")
        tick = dg.evaluate_automation_conditions(definitions, instance)

        def requested(before):
            after = dg.evaluate_automation_conditions(definitions, instance, cursor=before.cursor)
            return after, {key.to_user_string() for key in after._requested_partitions_by_asset_key}

        build("SOURCE")
        tick, wanted = requested(tick)
        assert "TABLE" not in wanted
        world.version = "two"
        build("SOURCE")
        tick, wanted = requested(tick)
        assert "TABLE" in wanted
        build("TABLE")
        world.version, world.check_passes = "three", False
        build("SOURCE")
        tick, wanted = requested(tick)
        assert "TABLE" not in wanted


def test_a_failed_run_is_posted_only_when_an_address_is_set(monkeypatch):
    class Run:
        run_id, job_name = "abc", "everything"

    class Event:
        message = "it broke"

    class Context:
        dagster_run, failure_event = Run(), Event()

    posted = []
    monkeypatch.setattr(
        automation.urllib.request, "urlopen", lambda request, timeout: posted.append(request) or io.BytesIO()
    )
    assert isinstance(automation.post_failure(Context(), Settings()), dg.SkipReason)
    assert posted == []
    automation.post_failure(Context(), Settings(failure_webhook_url="http://127.0.0.1:9/hook"))
    assert json.loads(posted[0].data)["run_id"] == "abc"
