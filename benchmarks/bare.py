"""The same steps without Dagster: what orchestration, checks and metadata are measured against.

``python -m benchmarks.bare HOME`` makes every table and a release in a plain loop, and prints what
it took as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from cdp_pipeline.definitions import python_steps
from cdp_pipeline.defs.sources.deliveries import source_steps
from cdp_pipeline.project import load_home_project
from cdp_pipeline.settings import find_home
from cdp_pipeline.warehouse import Made, RunContext, Warehouse
from cdp_pipeline.warehouse.exports import read_exports
from cdp_pipeline.warehouse.release import publish


def main() -> None:
    """Run everything once."""
    started, cpu = time.perf_counter(), time.process_time()
    home = find_home(Path(sys.argv[1]))
    project = load_home_project(home)
    warehouse = Warehouse(home, project, RunContext(run_id="bare"))
    sources = source_steps(home)
    steps = {name: step for step in python_steps() for name in step.makes}
    for load in sources.values():
        load(warehouse)
    done = set(sources)
    for name, table in project.tables.items():
        if name in done:
            continue
        if name in steps:
            steps[name].run(warehouse)
            done.update(steps[name].makes)
        else:
            made = Made({name: table.sql})
            warehouse.make([name], lambda _, made=made: made, code=table.code_hash)
    publish(warehouse, read_exports(home, project))
    taken = {
        "wall_seconds": time.perf_counter() - started,
        "cpu_seconds": time.process_time() - cpu,
    }
    sys.stdout.write(json.dumps(taken) + "\n")


if __name__ == "__main__":
    main()
