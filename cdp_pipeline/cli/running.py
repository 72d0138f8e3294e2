"""``cdp run``: progress while it works, the closing summary."""

from __future__ import annotations

import json
import logging
import os
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table as RichTable

from cdp_pipeline.cli.starting import prepare_dagster
from cdp_pipeline.errors import CdpError, HomeLockedError
from cdp_pipeline.project import layers_in_order
from cdp_pipeline.settings import Home
from cdp_pipeline.warehouse.lock import holder
from cdp_pipeline.warehouse.previous import Release, latest_release
from cdp_pipeline.warehouse.store import Store


class _Steps(logging.Handler):
    """Collects what the steps say, and shows it while they work."""

    def __init__(self, progress: Progress, total: int) -> None:
        super().__init__()
        self.progress = progress
        self.task = progress.add_task("starting", total=total)
        self.layers: dict[str, dict[str, float]] = {}
        self.made: Counter[str] = Counter()
        self.rows: dict[str, int] = {}

    def emit(self, record: logging.LogRecord) -> None:
        said: dict[str, Any] | None = getattr(record, "cdp", None)
        if said is None:
            return
        layer = said["table"].split(".")[0]
        if said["event"] == "started":
            self.progress.update(self.task, description=said["table"])
            return
        taken = self.layers.setdefault(layer, {"seconds": 0, "cpu_seconds": 0, "peak_gb": 0})
        if said["event"] == "made":
            taken["seconds"] += said["seconds"]
            taken["cpu_seconds"] += said["cpu_seconds"]
        taken["peak_gb"] = max(taken["peak_gb"], said["peak_gb"])
        self.made[said["event"]] += 1
        self.rows[said["table"]] = said["rows"]
        self.progress.update(self.task, advance=1, description=said["table"])


def run_pipeline(home: Home, *, select: str, train: bool, force: bool, as_json: bool) -> int:
    """Run the pipeline in this process and say what came of it.

    Returns
    -------
    int
        The exit code.
    """
    started = time.perf_counter()
    held = holder(home)
    if held is not None:
        raise HomeLockedError(
            f"{home.root.name} is held by {held['what']}, run {held['run_id'][:8]}, process "
            f"{held['pid']} on {held['host']} since {held['since']}.",
            "Wait for it or stop it; a run that died is noticed and cleared by itself.",
        )
    os.environ["CDP_HOME"] = str(home.root)
    if home.into is not None:
        os.environ["CDP_AS_OF"], os.environ["CDP_INTO"] = str(home.settings.as_of), str(home.into)
    console = Console(stderr=True, quiet=as_json)
    before = latest_release(home.exports)
    run_id = str(uuid.uuid4())
    with console.status("Loading contracts and models"):
        job, keys, instance = _prepare(home, select, train=train)
    with _progress(console, len(keys)) as steps:
        failures = _execute(job, keys, instance, run_id, train=train, force=force)
    after = latest_release(home.exports)
    summary = _summary(home, before, after, steps, time.perf_counter() - started)
    summary["run_id"], summary["failures"] = run_id, failures
    if as_json:
        print_json(summary)
    else:
        _show(console, home, summary)
    refused = any(failure["table"] == "export.release" for failure in failures)
    return 0 if not failures else 5 if refused else 1


def _prepare(home: Home, select: str, *, train: bool) -> tuple[Any, Sequence[Any], Any]:
    """Load Dagster and the definitions; return job, selected assets and instance."""
    import dagster as dg

    from cdp_pipeline.definitions import build
    from cdp_pipeline.defs.automation import DAILY, TRAINING

    definitions = build(home)
    job = definitions.resolve_job_def(TRAINING if train else DAILY)
    graph = definitions.resolve_asset_graph()
    selection = dg.AssetSelection.all() if not select else _selection(select)
    try:
        keys = sorted(selection.resolve(graph))
    except dg.DagsterInvalidSubsetError:
        keys = []
    if not keys:
        raise CdpError(
            f"--select {select} matches no table.",
            'Write `insight.rfm_segments`, `group:insight` or `key:"insight/rfm_segments"+`.',
        )
    if home.into is not None:
        return job, keys, dg.DagsterInstance.ephemeral()
    prepare_dagster(home)
    return job, keys, dg.DagsterInstance.get()


def _selection(select: str) -> Any:
    import dagster as dg

    plain = select.replace(" ", "")
    if plain.count(".") == 1 and plain.replace(".", "").replace("_", "").isalnum():
        return dg.AssetSelection.assets(dg.AssetKey(plain.split(".")))
    return dg.AssetSelection.from_string(select)


@contextmanager
def _progress(console: Console, total: int) -> Iterator[_Steps]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    log = logging.getLogger("cdp_pipeline.steps")
    with Progress(*columns, console=console, transient=True) as progress:
        steps = _Steps(progress, total)
        level, propagate = log.level, log.propagate
        log.addHandler(steps)
        log.setLevel(logging.INFO)
        log.propagate = False
        try:
            yield steps
        finally:
            log.removeHandler(steps)
            log.setLevel(level)
            log.propagate = propagate


def _execute(
    job: Any, keys: Sequence[Any], instance: Any, run_id: str, *, train: bool, force: bool
) -> list[dict[str, str]]:
    """Execute the job here; return the failed steps with what they said."""
    from cdp_pipeline.defs.resources import FORCE_TAG, TRAIN_TAG

    tags = {tag: "true" for tag, on in ((TRAIN_TAG, train), (FORCE_TAG, force)) if on}
    result = job.execute_in_process(
        asset_selection=keys,
        instance=instance,
        run_id=run_id,
        tags=tags,
        raise_on_error=False,
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
    )
    failures = []
    for event in result.all_events:
        if event.is_step_failure:
            data = event.step_failure_data
            said = data.user_failure_data.description if data.user_failure_data else None
            failures.append(
                {
                    "table": event.step_key.replace("__", "."),
                    "message": said or (data.error.message if data.error else "it failed"),
                }
            )
    if not result.success and not failures:
        failures = [
            {"table": "the run", "message": _run_failure(result)},
        ]
    return failures


def _run_failure(result: Any) -> str:
    for event in reversed(result.all_events):
        data = event.event_specific_data
        error = getattr(data, "error", None)
        if error is not None:
            while error.cause is not None:
                error = error.cause
            return str(error.message).strip()
    return "it failed before its first step; the run's page in `cdp dev` tells more"


def _summary(
    home: Home, before: Release | None, after: Release | None, steps: _Steps, seconds: float
) -> dict[str, Any]:
    store = Store(home)
    ledger = store.head("sources.deliveries")
    tables = after.manifest["tables"] if after is not None else {}
    old = before.manifest["tables"] if before is not None else {}
    is_new = after is not None and (before is None or before.name != after.name)
    order = {layer: place for place, layer in enumerate(layers_in_order(home))}
    return {
        "release": after.name if after is not None else None,
        "is_new": is_new,
        "rows_in": dict(ledger.figures) if ledger is not None else {},
        "customers": tables.get("golden_profiles", {}).get("rows"),
        "changes": {
            name: entry["rows"] - old.get(name, {"rows": 0})["rows"]
            for name, entry in tables.items()
            if is_new and entry["rows"] != old.get(name, {"rows": 0})["rows"]
        },
        "checks": after.manifest["checks"] if after is not None else {},
        "steps": dict(steps.made),
        "rows": steps.rows,
        "layers": {
            layer: {name: round(value, 2) for name, value in taken.items()}
            for layer, taken in sorted(steps.layers.items(), key=lambda item: order[item[0]])
        },
        "seconds": round(seconds, 1),
        "exports": str(home.exports / "latest"),
        "database": str(home.databases / "cdp.duckdb"),
    }


def _show(console: Console, home: Home, summary: dict[str, Any]) -> None:
    grid = RichTable.grid(padding=(0, 2))
    rows = summary["rows_in"]
    if rows:
        grid.add_row(
            "rows in",
            f"{rows['rows_delivered']:,} delivered = {rows['rows_loaded']:,} loaded + "
            f"{rows['rows_rejected']:,} rejected + {rows['rows_refused']:,} refused + "
            f"{rows['rows_already_loaded']:,} already loaded",
        )
    if summary["customers"] is not None:
        grid.add_row("customers", f"{summary['customers']:,}")
    made = summary["steps"]
    grid.add_row("tables", ", ".join(f"{count} {how}" for how, count in sorted(made.items())))
    if summary["is_new"]:
        changes = ", ".join(f"{name} {change:+,}" for name, change in summary["changes"].items())
        grid.add_row("changes", changes or "values only, no table grew or shrank")
    if summary["checks"]:
        checks = summary["checks"]
        grid.add_row("checks", f"{checks['passed']} passed, {checks['warned']} warn")
    taken = {name: round(layer["seconds"], 1) for name, layer in summary["layers"].items()}
    layers = ", ".join(f"{name} {seconds:g}" for name, seconds in taken.items() if seconds)
    grid.add_row("seconds", f"{summary['seconds']:g}" + (f" ({layers})" if layers else ""))
    for failure in summary["failures"]:
        grid.add_row("[red]failed[/]", f"[red]{failure['table']}[/]: {failure['message']}")
    if summary["release"] is not None:
        how = "published" if summary["is_new"] else "unchanged"
        grid.add_row("release", f"{summary['release']} ({how})")
        grid.add_row(
            "look at", f"{_near(home, summary['exports'])} (Parquet), `cdp sql`, `cdp dev`"
        )
    console.print(grid)


def _near(home: Home, path: str) -> str:
    return path.removeprefix(f"{home.root}{os.sep}")


def print_json(content: Any) -> None:
    """Print JSON to standard output, for scripts."""
    Console(soft_wrap=True, highlight=False).print(
        json.dumps(content, ensure_ascii=False, indent=1), markup=False
    )
