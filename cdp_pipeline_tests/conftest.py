"""What all tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cdp_pipeline_tests.homes import DemoHome, make_home


@pytest.fixture(scope="session")
def datasets() -> Path:
    """The folder of public data sets, or a skip that says how to get it."""
    folder = os.environ.get("CDP_DATASETS", "")
    if not folder or not Path(folder).is_dir():
        pytest.skip("CDP_DATASETS does not name the folder of public data sets")
    return Path(folder)


@pytest.fixture(scope="session")
def small_company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Exports of a demo company of 1,000 people."""
    from cdp_pipeline.synthetic import write_company

    folder = tmp_path_factory.mktemp("company")
    write_company(folder / "landing", folder / "truth", people=1000, seed=7)
    return folder


@pytest.fixture(scope="session")
def published_home(tmp_path_factory: pytest.TempPathFactory, small_company: Path) -> DemoHome:
    """A home after its first run. Tests that change it copy it first."""
    home = make_home(tmp_path_factory.mktemp("home") / "a home", small_company / "landing")
    home.run()
    return home
