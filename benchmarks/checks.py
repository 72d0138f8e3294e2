"""What the rules cost within a run of the pipeline, and profiles and Data Docs beside them.

Runs the demo company at 1,000,000 customer records (10 order lines each) and adds up what each step
says its rules took, Great Expectations' import among it. ``python -m benchmarks checks`` runs raw
exports to published release; ``python -m benchmarks ingest`` leaves out the layers after insight:
they learn and score, which takes half of the whole and hardly any rules, so that the share it
measures is the greater one. ``CDP_BENCHMARK_RECORDS`` chooses another size.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from benchmarks.figures import Figure, figure
from benchmarks.measuring import ROOT, copy_home, run_home
from benchmarks.pipeline import RECORDS_PER_PERSON, write_company
from cdp_pipeline.settings import find_home
from cdp_pipeline.warehouse import Store

_WITHOUT_LEARNING = " or ".join(
    f"group:{layer}" for layer in ("sources", "staging", "identity", "profiles", "insight")
)


def run(*, is_whole: bool = True) -> list[Figure]:
    """Run the pipeline once and see what of it the rules took.

    Parameters
    ----------
    is_whole : bool
        Whether to a published release, or without the layers that learn and score.
    """
    size = int(os.environ.get("CDP_BENCHMARK_RECORDS", "1000000").split(",")[-1])
    label = f"{size // 1000}k" if size < 1_000_000 else f"{size // 1_000_000}m"
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        copy_home(ROOT, home)
        write_company(home, people=round(size / RECORDS_PER_PERSON))
        ran = run_home(home, *(() if is_whole else ("--select", _WITHOUT_LEARNING)))
        heads = Store(find_home(home)).heads()
    summary = ran.json()
    spent = sum(taken["check_cpu_seconds"] for taken in summary["layers"].values())
    rules = sum(len(head.checks) for head in heads.values())
    rows = sum(head.row_count * len(head.checks) for head in heads.values())
    lines = summary["rows"]["staging.order_lines"]
    told = (
        f"{spent:.1f} of {ran.cpu_seconds:.0f} CPU s, {rules} rules of {len(heads)} tables, "
        f"{rows / 1e6:,.0f}M row checks; {lines:,} order lines"
    )
    if not is_whole:
        told += "; sources to insight"
    figures = [
        figure(
            f"ingest.checks_{label}.cpu_share",
            spent / ran.cpu_seconds,
            "share",
            bar=0.1,
            reference=told,
        ),
        figure(f"checks.{label}.cpu_seconds", spent, "s"),
    ]
    if is_whole:
        profiles = heads["export.column_profiles"]
        columns = f"{profiles.row_count} columns, its own rules included"
        name, took = f"checks.{label}.profiles_cpu_seconds", profiles.cpu_seconds
        figures.append(figure(name, took, "s", bar=15, reference=columns))
    return figures
