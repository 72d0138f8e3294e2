"""The sensor asks for a run once a landed file is whole, and only once."""

from __future__ import annotations

import shutil
from pathlib import Path

import dagster as dg
import pytest

from cdp_pipeline.defs.automation import arriving_files
from cdp_pipeline.settings import find_home
from cdp_pipeline_tests.homes import ROOT

TEMPLATE = ROOT / "cdp_pipeline" / "templates" / "home"


class Looks:
    """The sensor looking again and again, with its cursor kept as Dagster keeps it."""

    def __init__(self, root: Path) -> None:
        self.sensor = arriving_files(find_home(root))
        self.cursor: str | None = None

    def look(self) -> str:
        """Return ``run``, or why there is none."""
        context = dg.build_sensor_context(cursor=self.cursor)
        tick = self.sensor.evaluate_tick(context)
        self.cursor = tick.cursor or self.cursor
        return "run" if tick.run_requests else str(tick.skip_message)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    shutil.copytree(TEMPLATE, folder)
    (folder / "data" / "landing").mkdir(parents=True, exist_ok=True)
    return folder


def test_a_file_is_run_once_it_is_stable_and_only_once(root: Path) -> None:
    looks = Looks(root)
    assert "No file" in looks.look()
    customers = root / "data" / "landing" / "customers.csv"
    customers.write_text("customer_id\n1\n", encoding="utf-8")
    assert "stable" in looks.look()
    assert looks.look() == "run"
    assert "Nothing new" in looks.look()


def test_a_file_that_still_grows_waits(root: Path) -> None:
    looks = Looks(root)
    customers = root / "data" / "landing" / "customers.csv"
    customers.write_text("customer_id\n1\n", encoding="utf-8")
    assert "stable" in looks.look()
    customers.write_text("customer_id\n1\n2\n", encoding="utf-8")
    assert "stable" in looks.look()
    assert looks.look() == "run"


def test_a_file_no_contract_asks_for_does_nothing(root: Path) -> None:
    (root / "data" / "landing" / "holiday.jpg").write_bytes(b"x")
    assert "No file" in Looks(root).look()
