"""The steps of one home in a plain loop, with what each one took.

``python -m benchmarks._steps HOME inputs`` makes everything up to the profiles; ``train`` makes
insight and prediction, and trains the models anew; ``score`` makes insight and prediction again
from the stored models. Prints one JSON row per step. A step's memory is the highest resident
memory of the process while it ran, where the system can tell (Linux), else the highest so far.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from cdp_pipeline.definitions import python_steps
from cdp_pipeline.defs.sources.deliveries import source_steps
from cdp_pipeline.defs.tables import PythonStep
from cdp_pipeline.project import load_home_project
from cdp_pipeline.settings import find_home
from cdp_pipeline.warehouse import Made, RunContext, TableVersion, Warehouse
from cdp_pipeline.warehouse.step import peak_memory_gb

MEASURED = ("insight", "prediction")
_INPUTS = ("sources", "staging", "identity", "profiles")


@dataclass(frozen=True)
class Step:
    """What one step took."""

    table: str
    layer: str
    rows: int
    wall_seconds: float
    cpu_seconds: float
    peak_gb: float


def steps(home_folder: Path, what: str) -> Iterator[Step]:
    """Make the tables of a home in order, and yield what each step took."""
    home = find_home(home_folder)
    project = load_home_project(home)
    # made again, so that nothing is taken as it lies there; models are kept unless trained anew
    run = RunContext(run_id="steps", train=what == "train", force=what != "inputs")
    warehouse = Warehouse(home, project, run)
    done: set[str] = set()
    if what == "inputs":
        for name, load in source_steps(home).items():
            done.add(name)
            yield _measured(name, "sources", lambda load=load: load(warehouse))
    python = {name: step for step in python_steps() for name in step.makes}
    for name, table in project.tables.items():
        if name in done or table.layer not in (_INPUTS if what == "inputs" else MEASURED):
            continue
        done.update(python[name].makes if name in python else [name])
        yield _measured(name, table.layer, _maker(warehouse, name, python.get(name)))


def _maker(
    warehouse: Warehouse, name: str, step: PythonStep | None
) -> Callable[[], list[TableVersion]]:
    if step is not None:
        return lambda: step.run(warehouse)
    table = warehouse.table(name)
    return lambda: warehouse.make([name], lambda _: Made({name: table.sql}), code=table.code_hash)


def _measured(name: str, layer: str, make: Callable[[], object]) -> Step:
    _forget_peak()
    started, cpu = time.perf_counter(), time.process_time()
    made = make()
    rows = sum(v.row_count for v in made) if isinstance(made, list) else 0
    return Step(
        table=name,
        layer=layer,
        rows=rows,
        wall_seconds=round(time.perf_counter() - started, 3),
        cpu_seconds=round(time.process_time() - cpu, 3),
        peak_gb=round(_peak_gb(), 3),
    )


def _forget_peak() -> None:
    """Let the kernel count the highest memory from now on, where it can."""
    file = Path("/proc/self/clear_refs")
    if file.exists():
        file.write_text("5")


def _peak_gb() -> float:
    status = Path("/proc/self/status")
    if not status.exists():
        return peak_memory_gb()
    lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
    return int(lines["VmHWM"].split()[0]) / 1e6


def main() -> None:
    """Make the steps and print them."""
    home, what = Path(sys.argv[1]), sys.argv[2]
    for step in steps(home, what):
        sys.stdout.write(json.dumps(asdict(step)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
