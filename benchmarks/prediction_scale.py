"""Insight and prediction alone at 10,000, 100,000 and 1,000,000 customer records, step by step.

The demo company delivers (10 order lines a record, about 490,000 people at the largest size), the
layers up to the profiles are made, and from then on only insight and prediction are run: once with
every model trained anew, once from the stored models, each in a process of its own. Growth is that
of the marginal cost: CPU seconds per record added from 100,000 to 1,000,000, over those per record
added from 10,000 to 100,000, so that what a run costs whatever its size flatters nothing.

``CDP_BENCHMARK_FOLDER`` keeps the inputs there and uses them again: a run after a change to insight
or prediction then takes its own time only. ``CDP_BENCHMARK_RECORDS`` (comma-separated) chooses
other sizes, ``CDP_BENCHMARK_TRAIN=no`` leaves training out where models are stored already.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks._steps import MEASURED, Step
from benchmarks.figures import Figure, figure
from benchmarks.measuring import ROOT, copy_home, measure
from benchmarks.pipeline import RECORDS_PER_PERSON, write_company
from cdp_pipeline.settings import find_home
from cdp_pipeline.warehouse import Store

_SIZES = (10_000, 100_000, 1_000_000)
_BAR_SECONDS = 150.0
_BAR_GB = 8.0
_BAR_GROWTH = 1.2
# blueprint: what training everything may add to the largest run
_BAR_TRAINING_SECONDS = 300.0
_SHOWN = 12


def run() -> list[Figure]:
    """Run every size and compare them."""
    named = os.environ.get("CDP_BENCHMARK_RECORDS", "")
    sizes = [int(size) for size in named.split(",")] if named else list(_SIZES)
    figures: list[Figure] = []
    costs: list[tuple[int, float]] = []
    with _folder() as folder:
        for size in sizes:
            rows, cost = _one_size(folder, size)
            figures += rows
            costs.append(cost)
    return figures + _growth(costs)


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """Give the folder of the homes: the one to keep, or one that goes when it is over."""
    kept = os.environ.get("CDP_BENCHMARK_FOLDER")
    if kept:
        yield Path(kept)
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def _one_size(folder: Path, size: int) -> tuple[list[Figure], tuple[int, float]]:
    label = f"{size // 1000}k" if size < 1_000_000 else f"{size // 1_000_000}m"
    home = folder / label / "home"
    if not (home / "inputs_made").exists():
        copy_home(ROOT, home)
        write_company(home, people=round(size / RECORDS_PER_PERSON))
        _steps(home, "inputs")
        (home / "inputs_made").touch()
    name = f"prediction_scale.{label}"
    is_largest = size >= _SIZES[-1]
    counts = {
        table: Store(find_home(home)).needed_head(f"profiles.{table}", by=name).row_count
        for table in ("golden_profiles", "order_lines")
    }
    records = Store(find_home(home)).needed_head("staging.customer_records", by=name).row_count
    told = f"{counts['golden_profiles']:,} customers, {counts['order_lines']:,} order lines"
    figures = [figure(f"{name}.customer_records", records, "rows", reference=told)]
    trained = None
    if os.environ.get("CDP_BENCHMARK_TRAIN") != "no":
        trained = _steps(home, "train")
        _show(f"{label}, models trained", trained)
    scored = _steps(home, "score")
    _show(f"{label}, stored models", scored)
    for layer in MEASURED:
        of_layer = [step for step in scored if step.layer == layer]
        figures.append(figure(f"{name}.{layer}.cpu_seconds", _cpu(of_layer), "s"))
    figures += [
        figure(f"{name}.cpu_seconds", _cpu(scored), "s", reference="stored models"),
        figure(
            f"{name}.wall_seconds",
            _wall(scored),
            "s",
            bar=_BAR_SECONDS if is_largest else None,
            reference="stored models",
        ),
        figure(
            f"{name}.peak_gb",
            max(step.peak_gb for step in scored + (trained or [])),
            "GB",
            bar=_BAR_GB if is_largest else None,
        ),
    ]
    if trained:
        more = _wall(trained) - _wall(scored)
        figures += [
            figure(f"{name}.training.cpu_seconds", _cpu(trained) - _cpu(scored), "s"),
            figure(
                f"{name}.training.wall_seconds",
                more,
                "s",
                bar=_BAR_TRAINING_SECONDS if is_largest else None,
                reference="beyond a run from stored models",
            ),
        ]
    return figures, (records, _cpu(scored))


def _steps(home: Path, what: str) -> list[Step]:
    ran = measure([sys.executable, "-m", "benchmarks._steps", str(home), what])
    return [Step(**json.loads(line)) for line in ran.output.splitlines()]


def _cpu(steps: list[Step]) -> float:
    return sum(step.cpu_seconds for step in steps)


def _wall(steps: list[Step]) -> float:
    return sum(step.wall_seconds for step in steps)


def _show(title: str, steps: list[Step]) -> None:
    """Print the dearest steps."""
    table = Table("step", "rows", "wall s", "CPU s", "peak GB", title=title)
    dearest = sorted(steps, key=lambda step: -step.cpu_seconds)
    for step in dearest[:_SHOWN]:
        table.add_row(
            step.table,
            f"{step.rows:,}",
            f"{step.wall_seconds:.1f}",
            f"{step.cpu_seconds:.1f}",
            f"{step.peak_gb:.2f}",
        )
    others = dearest[_SHOWN:]
    table.add_row(
        f"{len(others)} others",
        "",
        f"{_wall(others):.1f}",
        f"{_cpu(others):.1f}",
        "",
        end_section=True,
    )
    table.add_row("all", "", f"{_wall(steps):.1f}", f"{_cpu(steps):.1f}", "")
    Console(width=100).print(table)


def _growth(costs: list[tuple[int, float]]) -> list[Figure]:
    """Compare what a record costs that is added between the two largest sizes, and before."""
    if len(costs) < 3:
        return []
    (small, cheap), (middle, dearer), (large, dearest) = costs[-3:]
    before = (dearer - cheap) / (middle - small)
    after = (dearest - dearer) / (large - middle)
    told = f"{after * 1e6:.0f} CPU s per million records, {before * 1e6:.0f} before"
    name = "prediction_scale.marginal_cost.growth"
    return [figure(name, after / before, "x", bar=_BAR_GROWTH, reference=told)]
