"""The home as a Dagster resource: opened and held for a run, whoever starts it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
from pydantic import PrivateAttr

from cdp_pipeline.errors import CdpError
from cdp_pipeline.project import layers_in_order
from cdp_pipeline.settings import Home, find_home
from cdp_pipeline.sqlmodels import Project
from cdp_pipeline.warehouse import RunContext, Warehouse
from cdp_pipeline.warehouse.lock import hold
from cdp_pipeline.warehouse.release import repair
from cdp_pipeline.warehouse.step import make_private, sweep

TRAIN_TAG = "cdp/train"
FORCE_TAG = "cdp/force"


class HomeResource(dg.ConfigurableResource["HomeResource"]):
    """The home that a run works in.

    Attributes
    ----------
    folder : str
        The home's folder; empty means what ``CDP_HOME`` names, else the nearest ``cdp.yml``.
    """

    folder: str = ""
    _run: RunContext | None = PrivateAttr(default=None)
    _warehouse: Warehouse | None = PrivateAttr(default=None)

    @property
    def home(self) -> Home:
        """The home, with its settings as they stand now."""
        return find_home(self.folder or None)

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[HomeResource]:
        """Hold the home for the run; a second run is turned away with the holder's name."""
        run = context.run
        if run is None:  # a resource looked at outside a run
            yield self
            return
        self._run = RunContext(
            run_id=run.run_id,
            train=run.tags.get(TRAIN_TAG) == "true",
            force=run.tags.get(FORCE_TAG) == "true",
        )
        home = self.home
        try:
            holding = hold(home, run_id=run.run_id, what=f"job {run.job_name}")
            with holding:
                sweep(home)
                make_private(home, layers_in_order(home))
                repair(home)
                yield self
        except CdpError as error:
            raise dg.Failure(str(error), allow_retries=False) from None

    def warehouse(self, project: Project) -> Warehouse:
        """Return the warehouse as this run sees it, the same one for all its steps."""
        if self._warehouse is None or self._warehouse.project is not project:
            run = self._run or RunContext(run_id="outside a run")
            self._warehouse = Warehouse(self.home, project, run)
        return self._warehouse
