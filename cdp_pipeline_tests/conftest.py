"""What all tests share."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from cdp_pipeline_tests.homes import DemoHome, make_home

MakeOnce = Callable[[str, Callable[[Path], object]], Path]

LONGEST = (
    "test_killed_runs",
    "test_no_personal_value_leaves",
    "test_stewards",
    "test_same_input_same_bytes",
    "test_dagster_ui",
)
"""Modules that take minutes, of which no worker should be left with one when the others are done.

The first two are what two workers begin with: the one publishes the home that most of the others
wait for, the other needs a home of its own.
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let what takes longest come first."""

    def place(item: pytest.Item) -> tuple[int, bool]:
        at = LONGEST.index(item.path.stem) if item.path.stem in LONGEST else len(LONGEST)
        return at, item.get_closest_marker("slow") is None

    items.sort(key=place)


@pytest.fixture(scope="session")
def make_once(tmp_path_factory: pytest.TempPathFactory) -> MakeOnce:
    """Return a function that makes a folder by name, once for all workers of the session.

    Such a folder is only read; a test that changes it copies it first.
    """
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent

    def folder(name: str, make: Callable[[Path], object]) -> Path:
        target, whole = shared / "made once" / name, shared / "made once" / f"{name} is whole"
        target.parent.mkdir(exist_ok=True)
        with FileLock(target.with_suffix(".lock")):
            if not whole.exists():
                shutil.rmtree(target, ignore_errors=True)
                make(target)
                whole.touch()
        return target

    return folder


@pytest.fixture(scope="session")
def datasets() -> Path:
    """The folder of public data sets, or a skip that says how to get it."""
    folder = os.environ.get("CDP_DATASETS", "")
    if not folder or not Path(folder).is_dir():
        pytest.skip("CDP_DATASETS does not name the folder of public data sets")
    return Path(folder)


@pytest.fixture(scope="session")
def small_company(make_once: MakeOnce) -> Path:
    """Exports of a demo company of 1,000 people."""

    def write(folder: Path) -> None:
        from cdp_pipeline.synthetic import write_company

        write_company(folder / "landing", folder / "truth", people=1000, seed=7)

    return make_once("company", write)


@pytest.fixture(scope="session")
def published_home(
    make_once: MakeOnce, small_company: Path, tmp_path_factory: pytest.TempPathFactory
) -> DemoHome:
    """A home after its first run. Tests that change it copy it first."""
    made = make_once(
        "published", lambda folder: make_home(folder / "a home", small_company / "landing").run()
    )
    # A home is held by one run at a time: every worker has its own.
    return DemoHome(made / "a home").copied_to(tmp_path_factory.mktemp("home") / "a home")
