"""What touches the outside world tries again; what stays wrong fails at once, in its own words."""

import dagster as dg
import pytest

from customer_analytics import pipeline, retries
from customer_analytics.definitions import definitions
from customer_analytics.resources.embedder import EmbedderError
from customer_analytics.sources import SourceError, SourceUnreachable

POLICY = dg.RetryPolicy(max_retries=2)
KEY = dg.AssetKey("SOURCE")


def built(*outcomes: Exception | None) -> tuple[int, pipeline.RunReport]:
    """An asset that raises the outcomes one after the other; how often it was called, and the report."""
    left = list(outcomes)
    calls = 0

    @dg.asset(name="SOURCE", retry_policy=POLICY)
    @retries.fails_at_once_if_it_stays
    def source(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        nonlocal calls
        calls += 1
        if error := left.pop(0):
            raise error
        return dg.MaterializeResult(metadata={"run_id": context.run.run_id})

    with dg.instance_for_test() as instance:
        report = pipeline.materialise(dg.Definitions(assets=[source]), instance, [KEY])
    return calls, report


@pytest.mark.parametrize("error", [SourceError("line 3 of orders.csv: mend it"), EmbedderError("no key: set it")])
def test_an_error_that_stays_is_tried_once_and_told_in_its_own_words(error):
    calls, report = built(error, None)
    assert (calls, report.success) == (1, False)
    assert str(error) in report.failures["SOURCE"]


@pytest.mark.parametrize("error", [SourceUnreachable("s3://shop cannot be read"), ConnectionError("reset")])
def test_a_source_that_answers_at_the_third_try_is_built(error):
    calls, report = built(error, error, None)
    assert (calls, report.success) == (3, True)


def test_a_source_that_never_answers_fails_after_three_tries():
    error = SourceUnreachable("s3://shop cannot be read (timeout): check the address")
    calls, report = built(error, error, error)
    assert (calls, report.success) == (3, False)
    assert str(error) in report.failures["SOURCE"]


def test_the_cause_behind_our_own_error_does_not_hide_it():
    error = SourceError("orders.parquet is cut short: write it again")
    error.__cause__ = ValueError("Invalid: magic bytes")
    assert "write it again" in built(error)[1].failures["SOURCE"]


def test_every_asset_that_looks_outside_has_the_policy():
    loaded = definitions()
    assert isinstance(loaded, dg.Definitions)
    graph = loaded.resolve_asset_graph()
    outside = set(pipeline.roots(loaded)) - {dg.AssetKey("AS_OF"), dg.AssetKey("AS_OF_MONTH")}
    outside |= {key for key in graph.get_all_asset_keys() if graph.get(key).group_name == "feedback"}
    for key in outside:
        node = graph.get(key).assets_def.node_def
        assert isinstance(node, dg.OpDefinition)
        assert node.retry_policy == retries.OUTSIDE_WORLD, key
