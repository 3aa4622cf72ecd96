"""`customer-analytics run`: progress while it works, then what came out and where to look next."""

from __future__ import annotations

import os
import threading
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Column, Table
from rich.text import Text

from customer_analytics.resources.warehouse import warehouse_from
from customer_analytics.tables import PRES_HEALTH

if TYPE_CHECKING:
    from dagster import AssetKey, DagsterEvent, DagsterInstance, Definitions

    from customer_analytics.pipeline import RunReport
    from customer_analytics.settings import Settings

INTERRUPTED = 130


def run_command(settings: Settings, select: str | None = None) -> int:
    """Materialise what is stale, or `select`; the exit code: 0, 1 when something failed, 130 when interrupted."""
    console = Console()
    _start_warehouse(settings)
    with console.status("Loading the asset graph…"):
        import dagster as dg

        # Observable sources are in beta in this Dagster; the version is pinned, and tests cover the use.
        warnings.filterwarnings("ignore", category=dg.BetaWarning)
        from customer_analytics import pipeline
        from customer_analytics.dagster_home import instance as dagster_instance

        # The webserver and the daemon find the same storage.
        os.environ["DAGSTER_HOME"] = str(settings.home / "dagster")
        instance = dagster_instance(settings)
        definitions = _definitions()
        if abandoned := pipeline.fail_abandoned_runs(instance):
            console.print(
                f"An earlier run ({abandoned[0][:8]}) was cut off; its tables are whole, this run goes on from there."
            )
    with console.status("Making the sample business…"):
        from customer_analytics.sample_data.once import ensure_sample

        if ensure_sample(settings):
            console.print(f"Made the sample business in {settings.home / 'sample'}.")
    try:
        if select:
            report = _with_progress(console, definitions, instance, _select(definitions, select))
        else:
            report = _stale(console, definitions, instance)
    except KeyboardInterrupt:
        return _interrupted(console)
    if any("Interrupted" in why for why in report.failures.values()):
        return _interrupted(console)
    if PRES_HEALTH.name not in report.materialised:
        _keep_health(console, settings, definitions, instance)
    _summary(console, definitions, instance, report)
    return 0 if report.success else 1


def _start_warehouse(settings: Settings) -> None:
    """The local Snowflake starts while Dagster is loaded. What fails here fails again, and is told, in the run."""

    warehouse = warehouse_from(settings)

    def start() -> None:
        with suppress(Exception):
            warehouse.wake()

    threading.Thread(target=start, daemon=True).start()


def _stale(console: Console, definitions: Definitions, instance: DagsterInstance) -> RunReport:
    """First what looks at the outside world, then what is stale because of it; not past a failure."""
    from customer_analytics import pipeline

    console.print("Looking at the sources")
    first = _with_progress(console, definitions, instance, pipeline.roots(definitions))
    if any("Interrupted" in why for why in first.failures.values()):
        return first
    blocked = pipeline.following(definitions, first.failed_assets)
    stale = pipeline.stale_assets(definitions, instance) - pipeline.roots(definitions) - blocked
    if not stale:
        console.print("Everything else is up to date.")
        return first
    return first.and_then(_with_progress(console, definitions, instance, stale))


def _interrupted(console: Console) -> int:
    console.print("\n[yellow]Interrupted.[/] Every table is whole, old or new; the next run goes on from here.")
    return INTERRUPTED


def _keep_health(console: Console, settings: Settings, definitions: Definitions, instance: DagsterInstance) -> None:
    """A run that failed before PRES_HEALTH, or left it out, is shown on the dashboard all the same."""
    from customer_analytics.health import record

    warehouse = warehouse_from(settings)
    try:
        record(instance, definitions.resolve_asset_graph(), warehouse.session())
    except Exception as error:  # noqa: BLE001 - the run's own outcome matters more than how it is shown
        console.print(Text(f"warning  PRES_HEALTH was not kept: {error}"[:400], style="yellow"))
    finally:
        warehouse.close()


def _definitions() -> Definitions:
    from customer_analytics.definitions import definitions

    return definitions()


def _select(definitions: Definitions, selection: str) -> set[AssetKey]:
    import dagster as dg

    graph = definitions.resolve_asset_graph()
    try:
        keys = dg.AssetSelection.from_string(selection).resolve(graph)
    except dg.DagsterError as error:
        raise ValueError(
            f"{selection!r} is not Dagster's selection syntax: write 'key:MRR', 'key:MRR+', 'group:marketing', "
            "or several joined by ' or '"
        ) from error
    chosen = {key for key in keys if graph.get(key).is_materializable}
    if not chosen:
        raise ValueError(f"The selection {selection!r} matches no asset; names are upper case, such as MRR.")
    return chosen


def _with_progress(
    console: Console, definitions: Definitions, instance: DagsterInstance, assets: set[AssetKey]
) -> RunReport:
    from customer_analytics import pipeline

    columns = [
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    ]
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("Materialising", total=len(assets))
        quiet = not console.is_terminal

        def show(event: DagsterEvent) -> None:
            if event.event_type_value == "STEP_START":
                progress.update(task, description=(event.step_key or "")[:40])
            elif event.event_type_value == "ASSET_MATERIALIZATION":
                progress.advance(task)
                if quiet and event.asset_key:
                    console.print(f"built {event.asset_key.to_user_string()}", highlight=False)

        def tell(message: str) -> None:
            progress.update(task, description=escape(message[:70]))
            if quiet:
                console.print(Text(message))

        return pipeline.materialise(definitions, instance, assets, on_event=show, on_progress=tell)


def _summary(console: Console, definitions: Definitions, instance: DagsterInstance, report: RunReport) -> None:
    graph = definitions.resolve_asset_graph()
    table = Table(
        Column("asset", no_wrap=True, min_width=25),
        Column("rows", justify="right"),
        Column("rejected", justify="right"),
        Column("seconds", justify="right"),
        Column("result", overflow="fold"),
    )
    for key in graph.toposorted_asset_keys:
        if not graph.get(key).is_materializable:
            continue
        name = key.to_user_string()
        metadata: dict[str, Any] | None = report.materialised.get(name)
        state = "built" if metadata is not None and name not in report.unchanged else "unchanged"
        if name in report.failures:
            state = "FAILED"
        elif metadata is None:
            event = instance.get_latest_materialization_event(key)
            materialization = event.asset_materialization if event else None
            if materialization is None:
                state = "not built"
            metadata = {k: v.value for k, v in materialization.metadata.items()} if materialization else {}
        metadata = metadata or {}
        seconds = report.seconds.get(name)
        table.add_row(
            name,
            _count(metadata.get("dagster/row_count")),
            _count(metadata.get("rejected_rows"), hide_zero=True),
            f"{seconds:.1f}" if seconds is not None else "",
            Text(" ".join([state, _scores(metadata)]), style="red" if state == "FAILED" else ""),
        )
    console.print(table)
    for name, why in report.warnings.items():
        found = why.replace("observed=", "found ").removesuffix(", threshold=0")
        console.print(Text(f"warning  {name}: {found}"[:400], style="yellow"), soft_wrap=True)
    for name, why in report.failures.items():
        console.print(Text(f"FAILED   {name}: {why}", style="red"), soft_wrap=True)
    built = len(report.materialised.keys() - report.unchanged)
    console.print(
        f"{built} assets built, {len(report.unchanged)} looked at and unchanged, in {report.total_seconds:.0f} s."
    )
    if report.failures:
        console.print("What follows a failure keeps its last good content. Mend the cause and run again.")
    console.print("Next: make serve, for the dashboard and the Dagster UI; customer-analytics sql 'SELECT …'.")


def _count(value: Any, hide_zero: bool = False) -> str:
    return "" if value is None or (hide_zero and not value) else f"{int(value):,}"


_SCORES = {
    "model_version": "{}",
    "champion_holdout_accuracy": "accuracy {:.3f}",
    "champion_holdout_auc": "AUC {:.3f}",
    "normalised_gini": "Gini {:.3f}",
}
"""What is shown of a model's metadata."""


def _scores(metadata: dict[str, Any]) -> str:
    """A model's version and scores, in brackets; nothing for a table."""
    shown = [form.format(metadata[name]) for name, form in _SCORES.items() if metadata.get(name) is not None]
    return f"({', '.join(shown)})" if shown else ""
