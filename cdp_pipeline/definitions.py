"""What Dagster loads: every table of the home as an asset, and the policies laid over all.

Belongs here: putting together. The assets' own code is in ``dbt_like_sql/`` (SQL) and ``defs/``.
"""

from __future__ import annotations

import importlib
import pkgutil
import warnings
from collections.abc import Iterator

import dagster as dg

import cdp_pipeline.defs as defs_package
from cdp_pipeline.defs import automation
from cdp_pipeline.defs.export.data_docs import data_docs_asset
from cdp_pipeline.defs.export.release import release_asset
from cdp_pipeline.defs.resources import HomeResource
from cdp_pipeline.defs.run_history import keep_history_cheaply
from cdp_pipeline.defs.sources.deliveries import source_assets
from cdp_pipeline.defs.tables import PythonStep, python_asset, sql_asset
from cdp_pipeline.project import load_home_project
from cdp_pipeline.settings import Home, find_home

# Code references and freshness policies are what Dagster's manual recommends, and still "beta".
warnings.filterwarnings("ignore", category=dg.BetaWarning)
warnings.filterwarnings("ignore", category=dg.PreviewWarning)
keep_history_cheaply()


def python_steps() -> Iterator[PythonStep]:
    """Yield the step of every ``defs/<layer>/<table>.py``."""
    for module in sorted(
        info.name
        for info in pkgutil.walk_packages(defs_package.__path__, f"{defs_package.__name__}.")
        if not info.ispkg
    ):
        step = getattr(importlib.import_module(module), "STEP", None)
        if isinstance(step, PythonStep):
            yield step


def build(home: Home) -> dg.Definitions:
    """Return the definitions of a home."""
    project = load_home_project(home)
    steps = list(python_steps())
    assets = [
        *source_assets(home, project),
        *(
            sql_asset(table, project, home.root)
            for table in project.tables.values()
            if table.made_by in ("sql", "entity")
        ),
        *(python_asset(step, project, home) for step in steps),
        release_asset(home, project),
        data_docs_asset(project),
    ]
    return dg.Definitions(
        assets=automation.with_freshness(assets, home),
        jobs=automation.JOBS,
        schedules=automation.schedules(home),
        sensors=[automation.arriving_files(home)],
        resources={"home": HomeResource(folder=str(home.root))},
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """Load the home that ``CDP_HOME`` names, else the nearest folder with ``cdp.yml``."""
    return build(find_home())
