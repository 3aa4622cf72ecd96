"""What is stale, what is not, and what a run does about it; on a graph of four assets that need nothing outside."""

from __future__ import annotations

import dagster as dg
import pytest

from customer_analytics import pipeline
from customer_analytics.run_command import _select

SOURCE, MIDDLE, LEAF, APART = (dg.AssetKey(name) for name in ("SOURCE", "MIDDLE", "LEAF", "APART"))


class World:
    """What the graph's assets see; a test changes it between runs."""

    content = "one"
    check_passes = True
    fails: str | None = None


def graph(world: World, middle_version: str = "1") -> dg.Definitions:
    def result(name: str, version: str | None = None) -> dg.MaterializeResult:
        if world.fails == name:
            raise RuntimeError(f"{name} is broken on purpose")
        return dg.MaterializeResult(data_version=dg.DataVersion(version) if version else None)

    @dg.asset(name="SOURCE", code_version="1")
    def source() -> dg.MaterializeResult:
        return result("SOURCE", world.content)

    @dg.asset(name="MIDDLE", deps=["SOURCE"], code_version=middle_version)
    def middle() -> dg.MaterializeResult:
        return result("MIDDLE")

    @dg.asset(name="LEAF", deps=["MIDDLE"], code_version="1")
    def leaf() -> dg.MaterializeResult:
        return result("LEAF")

    @dg.asset(name="APART", code_version="1")
    def apart() -> dg.MaterializeResult:
        return result("APART", "always the same")

    @dg.asset_check(asset="MIDDLE", blocking=True)
    def holds() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=world.check_passes, description="because the test says so")

    return dg.Definitions(assets=[source, middle, leaf, apart], asset_checks=[holds])


@pytest.fixture
def instance():
    with dg.instance_for_test() as made:
        yield made


@pytest.fixture
def world() -> World:
    return World()


def build_all(definitions: dg.Definitions, instance: dg.DagsterInstance) -> pipeline.RunReport:
    return pipeline.materialise(definitions, instance, [SOURCE, MIDDLE, LEAF, APART])


def test_everything_is_stale_at_first_and_nothing_after_a_run(world, instance):
    definitions = graph(world)
    assert pipeline.stale_assets(definitions, instance) == {SOURCE, MIDDLE, LEAF, APART}
    assert build_all(definitions, instance).success
    assert pipeline.stale_assets(definitions, instance) == set()


def test_what_a_step_says_about_its_progress_is_heard(instance):
    @dg.asset
    def slow(context) -> None:
        context.log.info("Calls: 2 of 43")
        context.log.debug("for the log alone")

    said: list[str] = []
    pipeline.materialise(dg.Definitions([slow]), instance, [dg.AssetKey("slow")], on_progress=said.append)
    assert said == ["Calls: 2 of 43"]


def test_an_interrupt_is_not_tried_again(instance):
    tries: list[int] = []

    @dg.asset(retry_policy=dg.RetryPolicy(max_retries=2))
    def slow() -> None:
        tries.append(1)
        raise KeyboardInterrupt

    @dg.asset
    def beside() -> None:
        tries.append(2)

    report = pipeline.materialise(
        dg.Definitions([slow, beside]), instance, [dg.AssetKey("slow"), dg.AssetKey("beside")]
    )
    assert report.failures == {"slow": "Interrupted"}
    assert not report.success
    assert tries.count(1) == 1


def test_a_root_that_is_rebuilt_with_the_same_content_makes_nothing_stale(world, instance):
    definitions = graph(world)
    build_all(definitions, instance)
    pipeline.materialise(definitions, instance, [SOURCE])
    assert pipeline.stale_assets(definitions, instance) == set()


def test_a_champion_that_somebody_chose_makes_what_it_scores_stale_and_keeps_what_the_model_told(world, instance):
    definitions = graph(world)
    build_all(definitions, instance)
    pipeline.report_champion(instance, "MIDDLE", "V1")
    assert LEAF in pipeline.stale_assets(definitions, instance)
    assert pipeline.stale_assets(definitions, instance) <= {MIDDLE, LEAF}
    told = instance.get_latest_materialization_event(MIDDLE).asset_materialization
    assert told.metadata["decision"].value == "V1 was made the champion by hand"
    assert told.tags["dagster/code_version"] == "1"
    build_all(definitions, instance)
    assert pipeline.stale_assets(definitions, instance) == set()


def test_a_champion_of_what_was_never_built_changes_nothing(world, instance):
    pipeline.report_champion(instance, "MIDDLE", "V1")
    assert instance.get_latest_materialization_event(MIDDLE) is None


def test_changed_content_makes_what_follows_stale_and_nothing_else(world, instance):
    definitions = graph(world)
    build_all(definitions, instance)
    world.content = "two"
    pipeline.materialise(definitions, instance, [SOURCE])
    assert pipeline.stale_assets(definitions, instance) == {MIDDLE, LEAF}


def test_new_code_makes_the_asset_and_what_follows_stale(world, instance):
    build_all(graph(world), instance)
    assert pipeline.stale_assets(graph(world, middle_version="2"), instance) == {MIDDLE, LEAF}


def test_a_failed_blocking_check_stops_what_follows_and_is_tried_again(world, instance):
    definitions, world.check_passes = graph(world), False
    report = build_all(definitions, instance)
    assert not report.success
    assert report.failures["MIDDLE: holds"] == "because the test says so"
    assert MIDDLE in report.failed_assets
    assert "LEAF" not in report.materialised
    assert pipeline.stale_assets(definitions, instance) == {MIDDLE, LEAF}
    world.check_passes = True
    assert pipeline.materialise(definitions, instance, [MIDDLE, LEAF]).success
    assert pipeline.stale_assets(definitions, instance) == set()


def test_a_failed_step_says_why_and_only_the_rest_is_left_to_do(world, instance):
    definitions, world.fails = graph(world), "LEAF"
    report = build_all(definitions, instance)
    assert not report.success
    assert "LEAF is broken on purpose" in report.failures["LEAF"]
    assert report.failed_assets == {LEAF}
    assert pipeline.stale_assets(definitions, instance) == {LEAF}


def test_what_follows_and_what_looks_outside(world):
    definitions = graph(world)
    assert pipeline.roots(definitions) == {SOURCE, APART}
    assert pipeline.following(definitions, {MIDDLE}) == {MIDDLE, LEAF}
    assert pipeline.following(definitions, set()) == set()


def test_a_run_whose_process_is_gone_is_marked_as_failed(instance):
    gone = instance.create_run_for_job(
        graph(World()).resolve_implicit_global_asset_job_def(),
        tags={pipeline.PID_TAG: "4194305"},  # above the largest process number
        status=dg.DagsterRunStatus.STARTED,
    )
    assert pipeline.fail_abandoned_runs(instance) == [gone.run_id]
    assert instance.get_run_by_id(gone.run_id).status is dg.DagsterRunStatus.FAILURE
    assert pipeline.fail_abandoned_runs(instance) == []


def test_reports_of_two_runs_are_one():
    first = pipeline.RunReport("a", True, {"X": {}}, {"X": 1.0}, unchanged={"X"}, total_seconds=2.0)
    second = pipeline.RunReport("b", False, {"Y": {}}, {"Y": 3.0}, {"Y": "no"}, {LEAF}, total_seconds=4.0)
    both = first.and_then(second)
    assert (both.success, set(both.materialised), both.total_seconds) == (False, {"X", "Y"}, 6.0)
    assert both.failures == {"Y": "no"}
    assert (both.failed_assets, both.unchanged) == ({LEAF}, {"X"})


def test_a_root_with_the_same_content_is_reported_as_unchanged_and_one_with_new_content_as_built(world, instance):
    definitions = graph(world)
    assert build_all(definitions, instance).unchanged == set()
    assert pipeline.materialise(definitions, instance, [SOURCE]).unchanged == {"SOURCE"}
    world.content = "two"
    assert pipeline.materialise(definitions, instance, [SOURCE]).unchanged == set()


@pytest.mark.parametrize("selection", ["SOURCE,LEAF", "))", "key:"])
def test_a_selection_that_is_none_names_the_syntax(world, selection):
    with pytest.raises(ValueError, match="is not Dagster's selection syntax: write 'key:MRR'"):
        _select(graph(world), selection)


@pytest.mark.parametrize(
    ("selection", "expected"), [("key:SOURCE+", {SOURCE, MIDDLE, LEAF}), ("key:LEAF or key:APART", {LEAF, APART})]
)
def test_a_selection_is_dagsters(world, selection, expected):
    assert _select(graph(world), selection) == expected


def test_a_selection_of_nothing_is_refused(world):
    with pytest.raises(ValueError, match="matches no asset"):
        _select(graph(world), "key:source")
