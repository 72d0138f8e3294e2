"""A run with nothing to do says so at once; anything that changed is noticed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cdp_pipeline_tests.homes import DemoHome

pytestmark = pytest.mark.slow


@pytest.fixture
def home(published_home: DemoHome, tmp_path: Path) -> DemoHome:
    copy = published_home.copied_to(tmp_path / "home")
    copy.run()  # a copied home has other file times: look once at everything
    return copy


def test_an_idle_run_takes_a_moment(home: DemoHome) -> None:
    summary = home.run()
    assert summary["run_id"] is None
    assert not summary["is_new"]
    assert summary["seconds"] < 10


def test_a_changed_file_and_a_missing_table_are_noticed(home: DemoHome) -> None:
    stores = home.landing / "erp" / "stores.csv"
    stores.write_bytes(stores.read_bytes() + b"\n")
    assert home.run()["run_id"] is not None
    assert home.run()["run_id"] is None
    shutil.rmtree(home.root / "data" / "warehouse" / "insight")
    assert home.run()["run_id"] is not None
    assert (home.root / "data" / "warehouse" / "insight").is_dir()
