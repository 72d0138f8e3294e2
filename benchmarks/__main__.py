"""``python -m benchmarks NAME [--json FILE]``: every figure the README states, from one command.

A benchmark is a module of this package with ``run() -> list[Figure]``. Walls are noisy: figures
are ratios, rows, peak memory and processor seconds where that is possible, and references are
measured in the same run.
"""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

import benchmarks
from benchmarks.figures import Figure, shown


def names() -> list[str]:
    """Return the benchmarks there are."""
    found = []
    for info in pkgutil.iter_modules(benchmarks.__path__):
        if info.name.startswith("_") or info.name in {"figures", "measuring"}:
            continue
        if hasattr(importlib.import_module(f"benchmarks.{info.name}"), "run"):
            found.append(info.name)
    return found


def show(figures: list[Figure]) -> None:
    """Print the figures with their bars and references."""
    table = Table("figure", "value", "unit", "bar", "", "reference")
    for row in figures:
        bar = (
            ""
            if row["bar"] is None
            else f"{'>=' if row['direction'] == 'up' else '<='} {row['bar']:g}"
        )
        verdict = {True: "ok", False: "short", None: ""}[row["ok"]]
        table.add_row(
            row["figure"], shown(row["value"]), row["unit"], bar, verdict, row["reference"]
        )
    Console(width=160).print(table)


def main() -> int:
    """Run one benchmark."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", choices=names())
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    arguments = parser.parse_args()
    figures: list[Figure] = importlib.import_module(f"benchmarks.{arguments.name}").run()
    show(figures)
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
