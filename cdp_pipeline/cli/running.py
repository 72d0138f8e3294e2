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
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table as RichTable

from cdp_pipeline.cli.idle import is_idle, note_done, state_of
from cdp_pipeline.cli.starting import prepare_dagster
from cdp_pipeline.errors import HomeError, HomeLockedError
from cdp_pipeline.project import layers_in_order, load_home_project
from cdp_pipeline.settings import Home
from cdp_pipeline.warehouse.lock import holder
from cdp_pipeline.warehouse.previous import Release, latest_release
from cdp_pipeline.warehouse.store import Store

_ROWS = (
    "rows_delivered",
    "rows_loaded",
    "rows_rejected",
    "rows_refused",
    "rows_already_loaded",
)
_SPENT = ("seconds", "cpu_seconds", "check_cpu_seconds")
_MOST_SHOWN = 5
_DECIDED = "identity.record_clusters"


class _Steps(logging.Handler):
    """Collects what the steps say, and shows it while they work."""

    def __init__(self, progress: Progress, total: int) -> None:
        super().__init__()
        self.progress = progress
        self.task = progress.add_task("starting", total=total)
        self.layers: dict[str, dict[str, float]] = {}
        self.made: Counter[str] = Counter()
        self.rows: dict[str, int] = {}
        self.news: dict[str, dict[str, Any]] = {}

    @classmethod
    def of_an_idle_run(cls, tables: int) -> _Steps:
        """Return what a run says that found every table unchanged."""
        steps = cls(Progress(disable=True), tables)
        steps.made["unchanged"] = tables
        return steps

    def emit(self, record: logging.LogRecord) -> None:
        said: dict[str, Any] | None = getattr(record, "cdp", None)
        if said is None:
            return
        layer = said["table"].split(".")[0]
        if said["event"] == "started":
            self.progress.update(self.task, description=said["table"])
            return
        taken = self.layers.setdefault(layer, dict.fromkeys((*_SPENT, "peak_gb"), 0.0))
        if said["event"] == "made":
            for name in _SPENT:
                taken[name] += said[name]
        taken["peak_gb"] = max(taken["peak_gb"], said["peak_gb"])
        self.made[said["event"]] += 1
        self.rows[said["table"]] = said["rows"]
        if said["news"]:
            self.news[said["table"]] = said["news"]
        self.progress.update(self.task, advance=1, description=said["table"])


def run_pipeline(home: Home, *, select: str, train: bool, force: bool, as_json: bool) -> int:
    """Run the pipeline in this process and say what came of it.

    Returns
    -------
    int
        The exit code.
    """
    started = time.perf_counter()
    _refuse_when_held(home)
    os.environ["CDP_HOME"] = str(home.root)
    if home.into is not None:
        os.environ["CDP_AS_OF"], os.environ["CDP_INTO"] = str(home.settings.as_of), str(home.into)
    console = Console(stderr=True, quiet=as_json)
    if not console.is_terminal:
        console.width = 160  # a log file has no edge to wrap at
    before = latest_release(home.exports)
    run_id = str(uuid.uuid4())
    is_plain = not (select or train or force) and home.into is None
    state = state_of(home) if is_plain else ""
    with console.status("Loading contracts and models"):
        project = load_home_project(home)
        if is_plain and is_idle(home, project, state):
            steps = _Steps.of_an_idle_run(len(project.tables))
            summary = _summary(home, before, before, steps, time.perf_counter() - started)
            return _tell(console, home, {**summary, "run_id": None, "failures": []}, as_json)
        job, keys, instance = _prepare(home, select, train=train)
    with _progress(console, len(keys)) as steps:
        failures = _execute(home, job, keys, instance, run_id, train=train, force=force)
    if is_plain and not failures:
        note_done(home, state)
    after = latest_release(home.exports)
    summary = _summary(home, before, after, steps, time.perf_counter() - started)
    return _tell(console, home, {**summary, "run_id": run_id, "failures": failures}, as_json)


def make_tables(home: Home, tables: Sequence[str], console: Console) -> None:
    """Make some tables and all that they are made from, publishing nothing.

    Raises
    ------
    StepError
        If one of them could not be made.
    """
    from cdp_pipeline.errors import StepError

    _refuse_when_held(home)
    job, keys, instance = _prepare(home, tables, train=False)
    with _progress(console, len(keys)):
        run_id = str(uuid.uuid4())
        failures = _execute(home, job, keys, instance, run_id, train=False, force=False)
    if failures:
        first = failures[0]
        raise StepError(f"{first['table']}: {first['message']}", "`cdp run` tells more.")


def _tell(console: Console, home: Home, summary: dict[str, Any], as_json: bool) -> int:
    """Print the summary; return the exit code."""
    if as_json:
        print_json(summary)
    else:
        _show(console, home, summary)
    return max((failure["exit_code"] for failure in summary["failures"]), default=0)


def _refuse_when_held(home: Home, *, by_another_than: str = "") -> None:
    held = holder(home)
    if held is not None and held["run_id"] != by_another_than:
        raise HomeLockedError(
            f"{home.root.name} is held by {held['what']}, run {held['run_id'][:8]}, process "
            f"{held['pid']} on {held['host']} since {held['since']}.",
            "Wait for it or stop it; a run that died is noticed and cleared by itself.",
        )


def _prepare(
    home: Home, select: str | Sequence[str], *, train: bool
) -> tuple[Any, Sequence[Any], Any]:
    """Load Dagster and the definitions; return job, selected assets and instance.

    What is selected is said in Dagster's syntax, or as tables that are wanted with all they are
    made from.
    """
    import dagster as dg

    from cdp_pipeline.definitions import build
    from cdp_pipeline.defs.automation import DAILY, TRAINING

    definitions = build(home)
    job = definitions.resolve_job_def(TRAINING if train else DAILY)
    graph = definitions.resolve_asset_graph()
    try:
        selection = dg.AssetSelection.all() if not select else _selection(select)
        keys = sorted(selection.resolve(graph))
    except dg.DagsterError:
        keys = []
    if not keys:
        raise HomeError(
            f"--select {select} matches no table.",
            'Write `insight.rfm_segments`, `group:insight` or `key:"insight/rfm_segments"+`.',
        )
    if home.into is not None:
        return job, keys, dg.DagsterInstance.ephemeral()
    prepare_dagster(home)
    return job, keys, dg.DagsterInstance.get()


def _selection(select: str | Sequence[str]) -> Any:
    import dagster as dg

    if not isinstance(select, str):
        wanted = dg.AssetSelection.assets(*(dg.AssetKey(table.split(".")) for table in select))
        # A step that makes several tables makes all of them.
        return wanted.upstream().required_multi_asset_neighbors()
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
    home: Home,
    job: Any,
    keys: Sequence[Any],
    instance: Any,
    run_id: str,
    *,
    train: bool,
    force: bool,
) -> list[dict[str, Any]]:
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
    failures = [_failure(home, event) for event in result.all_events if event.is_step_failure]
    if not result.success and not failures:
        # Another run may have taken the home while this one was loading.
        _refuse_when_held(home, by_another_than=run_id)
        failures = [{"table": "the run", "message": _run_failure(result), "exit_code": 1}]
    return failures


def _failure(home: Home, event: Any) -> dict[str, Any]:
    """Return a failed step as table, message and exit code."""
    table = event.step_key.replace("__", ".")
    data = event.step_failure_data
    if data.user_failure_data is not None:
        code = 5 if table == "export.release" else 1
        return {"table": table, "message": data.user_failure_data.description, "exit_code": code}
    failed = [
        f"{check['rule']} ({check['failing_count']:,} of {check['total_count']:,} rows)"
        for head in Store(home).heads().values()
        if asset_of(head.table) in event.step_key or head.table == table
        for check in head.failed_blocking_checks
    ]
    if failed:
        message = (
            f"{len(failed)} blocking rule(s) fail, nothing is published: {'; '.join(failed)}.\n"
            "  Correct the source or, if the rule is wrong, the rule in `_tables.yml`; `cdp docs`"
            " shows all rules."
        )
        return {"table": table, "message": message, "exit_code": 5}
    message = data.error.message.strip() if data.error is not None else "it failed"
    return {"table": table, "message": message, "exit_code": 1}


def asset_of(table: str) -> str:
    """Return the name that Dagster's step of a table has."""
    return table.replace(".", "__")


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
    tables = after.manifest["tables"] if after is not None else {}
    old = before.manifest["tables"] if before is not None else {}
    is_new = after is not None and (before is None or before.name != after.name)
    order = {layer: place for place, layer in enumerate(layers_in_order(home))}
    return {
        "release": after.name if after is not None else None,
        "is_new": is_new,
        "rows_in": {
            name: sum(news[name] for news in steps.news.values()) for name in (*_ROWS, "files")
        },
        "refused": [entry for news in steps.news.values() for entry in news["refused"]],
        "skipped": [entry for news in steps.news.values() for entry in news["skipped"]],
        "warnings": [w for news in steps.news.values() for w in news["warnings"]],
        "late": late_sources(home),
        "decisions": decisions_in_short(home),
        "tables_without_files": sorted(
            n for n, news in steps.news.items() if not news["has_files"]
        ),
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


def late_sources(home: Home) -> list[str]:
    """Return a sentence for each source that is late by its contract."""
    head = Store(home).head("sources.freshness")
    return list(head.figures.get("late", ())) if head is not None else []


def decisions_in_short(home: Home) -> dict[str, int]:
    """Return how many stewards' decisions there are, and what of them is not obeyed."""
    store = Store(home)
    report, rejected = store.head(_DECIDED), store.head("sources.rejected_decisions")
    figures = report.figures if report is not None else {}
    return {
        "decisions": int(figures.get("decisions", 0)),
        "not_obeyed": int(figures.get("not obeyed", 0)),
        "rejected_rows": rejected.row_count if rejected is not None else 0,
    }


def _show(console: Console, home: Home, summary: dict[str, Any]) -> None:
    grid = RichTable.grid(padding=(0, 2))
    for name, value in (*_news_lines(summary), *_result_lines(summary)):
        grid.add_row(name, value)
    for failure in summary["failures"]:
        grid.add_row("[red]failed[/]", f"[red]{failure['table']}[/]: {escape(failure['message'])}")
    if summary["release"] is not None:
        how = "published" if summary["is_new"] else "unchanged"
        grid.add_row("release", f"{summary['release']} ({how})")
        exports, database = _near(summary["exports"]), _near(summary["database"])
        asked = "`cdp sql`" if home.into is None else database
        grid.add_row("look at", f"{exports} (Parquet, report.html), {asked}, `cdp docs`, `cdp dev`")
    console.print(grid)


def _news_lines(summary: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what came in, and what did not make it."""
    rows = summary["rows_in"]
    if rows["files"]:
        yield (
            "rows in",
            f"{rows['rows_delivered']:,} in {rows['files']} new files = "
            f"{rows['rows_loaded']:,} loaded + {rows['rows_rejected']:,} rejected + "
            f"{rows['rows_refused']:,} refused + {rows['rows_already_loaded']:,} already loaded",
        )
    else:
        yield "rows in", "no new file"
    if rows["rows_rejected"]:
        yield "rejected", "`cdp deliveries --rejected` says which rows, and why"
    for entry in summary["refused"][:_MOST_SHOWN]:
        told = f"{entry['file']}: {entry['reason']} {entry['hint']}".strip()
        yield "[red]refused[/]", escape(told)
    if len(summary["refused"]) > _MOST_SHOWN:
        yield "", f"and {len(summary['refused']) - _MOST_SHOWN} more: `cdp deliveries`"
    for entry in summary["skipped"][:_MOST_SHOWN]:
        yield "skipped", escape(entry)
    for entry in summary["warnings"][:_MOST_SHOWN]:
        yield "[yellow]warning[/]", escape(entry)
    if len(summary["warnings"]) > _MOST_SHOWN:
        yield "", f"and {len(summary['warnings']) - _MOST_SHOWN} more: `cdp deliveries`"
    decided = summary["decisions"]
    if decided["not_obeyed"] or decided["rejected_rows"]:
        told = f"{decided['not_obeyed']} of {decided['decisions']} not obeyed"
        if decided["rejected_rows"]:
            told += f", {decided['rejected_rows']} rows are none"
        yield "[yellow]decisions[/]", f"{told}: `cdp decisions` says why"
    for entry in summary["late"][:_MOST_SHOWN]:
        yield "[yellow]late[/]", escape(entry)
    if summary["tables_without_files"]:
        names = ", ".join(summary["tables_without_files"])
        yield "no file yet", f"{names}: nothing matches the `files` of the contract"


def _result_lines(summary: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what was made of it; figures of the release only where the run came to its end."""
    if summary["customers"] is not None and not summary["failures"]:
        yield "customers", f"{summary['customers']:,}"
    made = summary["steps"]
    yield "tables", ", ".join(f"{count} {how}" for how, count in sorted(made.items())) or "none"
    if summary["is_new"]:
        changes = ", ".join(f"{name} {change:+,}" for name, change in summary["changes"].items())
        yield "changes", changes or "values only, no table grew or shrank"
    if summary["checks"] and not summary["failures"]:
        checks = summary["checks"]
        yield "checks", f"{checks['passed']} passed, {checks['warned']} warn"
    taken = {name: round(layer["seconds"], 1) for name, layer in summary["layers"].items()}
    taken["start and orchestration"] = round(summary["seconds"] - sum(taken.values()), 1)
    parts = ", ".join(f"{name} {seconds:g}" for name, seconds in taken.items() if seconds > 0)
    yield "seconds", f"{summary['seconds']:g} ({parts})" if parts else f"{summary['seconds']:g}"


def _near(path: str) -> str:
    """Return a path as it is typed from here."""
    here = f"{Path.cwd()}{os.sep}"
    return path.removeprefix(here)


def print_json(content: Any) -> None:
    """Print JSON to standard output, for scripts."""
    Console(soft_wrap=True, highlight=False).print(
        json.dumps(content, ensure_ascii=False, indent=1), markup=False
    )
