"""The whole pipeline at a given size: seconds, processor seconds and peak memory per layer.

Runs the demo company at about 100,000 and 1,000,000 customer records (10 order lines each), raw
exports to published release, in processes of their own, and an idle run; at the smaller size also
the same steps in a bare loop. ``CDP_BENCHMARK_RECORDS`` (comma-separated) chooses other sizes.
"""

from __future__ import annotations

import math
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, figure
from benchmarks.measuring import ROOT, Measured, copy_home, measure, run_home

# The demo company delivers about two customer records a person.
RECORDS_PER_PERSON = 2.04
_SIZES = (100_000, 1_000_000)
# What orchestration costs does not grow with the data: it is measured where it weighs most.
_LARGEST_BARE = 300_000


def run() -> list[Figure]:
    """Run every size and compare them."""
    named = os.environ.get("CDP_BENCHMARK_RECORDS", "")
    sizes = [int(size) for size in named.split(",")] if named else list(_SIZES)
    figures: list[Figure] = []
    costs: list[tuple[int, float]] = []
    for size in sizes:
        rows, cost = _one_size(size)
        figures += rows
        costs.append(cost)
    if len(costs) > 1:
        (small, cheap), (large, dear) = costs[0], costs[-1]
        exponent = math.log(dear / cheap) / math.log(large / small)
        figures.append(
            figure("pipeline.growth.exponent", exponent, "", reference="1 is proportional")
        )
    return figures


def _one_size(size: int) -> tuple[list[Figure], tuple[int, float]]:
    label = f"{size // 1000}k" if size < 1_000_000 else f"{size // 1_000_000}m"
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        copy_home(ROOT, home)
        write_company(home, people=round(size / RECORDS_PER_PERSON))
        first = run_home(home)
        summary = first.json()
        idle = run_home(home)
        bare = _bare_loop(home, Path(folder) / "bare") if size <= _LARGEST_BARE else None
    records = int(summary["rows"]["staging.customer_records"])
    lines = int(summary["rows"]["staging.order_lines"])
    name = f"pipeline.{label}"
    figures = [
        figure(f"{name}.customer_records", records, "rows"),
        figure(f"{name}.order_lines", lines, "rows"),
        figure(f"{name}.wall_seconds", first.wall_seconds, "s", reference="models trained"),
        figure(f"{name}.cpu_seconds", first.cpu_seconds, "s", reference="models trained"),
        figure(f"{name}.peak_gb", first.peak_gb, "GB"),
        figure(f"{name}.idle_wall_seconds", idle.wall_seconds, "s"),
    ]
    if bare is not None:
        ratio = first.cpu_seconds / bare.cpu_seconds
        told = f"bare loop {bare.cpu_seconds:.0f} CPU s, {bare.peak_gb:.2f} GB"
        figures.append(figure(f"{name}.orchestration_cpu_ratio", ratio, "x", reference=told))
    rules = sum(taken["check_cpu_seconds"] for taken in summary["layers"].values())
    share = rules / first.cpu_seconds
    figures.append(figure(f"{name}.rules_cpu_share", share, "share", bar=0.1))
    figures += _layers(name, summary)
    return figures, (records, first.cpu_seconds)


def write_company(home: Path, *, people: int) -> None:
    """Let the demo company of so many people deliver its exports to a home."""
    measure(
        [
            sys.executable,
            "-m",
            "cdp_pipeline.synthetic",
            *("--people", str(people), "--seed", "1"),
            *("--landing", str(home / "data" / "landing")),
            *("--truth", str(home.parent / "truth")),
        ]
    )


def _layers(name: str, summary: dict[str, Any]) -> list[Figure]:
    figures = []
    for layer, taken in summary["layers"].items():
        figures += [
            figure(f"{name}.{layer}.wall_seconds", taken["seconds"], "s"),
            figure(f"{name}.{layer}.cpu_seconds", taken["cpu_seconds"], "s"),
            figure(f"{name}.{layer}.peak_gb", taken["peak_gb"], "GB"),
        ]
    return figures


def _bare_loop(home: Path, bare_home: Path) -> Measured:
    """Run the same steps over the same files without Dagster."""
    copy_home(ROOT, bare_home)
    (home / "data" / "landing").rename(bare_home / "data" / "landing")
    return measure([sys.executable, "-m", "benchmarks.bare", str(bare_home)])
