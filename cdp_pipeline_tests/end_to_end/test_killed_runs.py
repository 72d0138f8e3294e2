"""A run may be killed at any moment: nothing half-made counts, and the next run goes on."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from cdp_pipeline_tests.homes import DemoHome, deliver_fewer_contacts, make_home

pytestmark = pytest.mark.slow

# Thirty by hand (CDP_KILLS=30); a few in every test run.
KILLS = int(os.environ.get("CDP_KILLS", "4"))


def sidecars(home: DemoHome) -> dict[str, int]:
    """Return when each finished version was written."""
    warehouse = home.root / "data" / "warehouse"
    return {
        str(file.relative_to(warehouse)): file.stat().st_mtime_ns
        for file in warehouse.glob("*/*/*.json")
        if not _is_about_tables(file.relative_to(warehouse))
    }


def _is_about_tables(file: Path) -> bool:
    """Data Docs and kept profiles tell of tables, and are made anew whenever one changed."""
    return file.parts[0] == "data_docs" or any(part.startswith(".") for part in file.parts)


def assert_whole(release: Path) -> None:
    """Every file that the manifest names is there and readable."""
    manifest = json.loads((release / "manifest.json").read_text("utf-8"))
    for entry in manifest["tables"].values():
        assert pq.read_metadata(release / entry["file"]).num_rows == entry["rows"]


@pytest.fixture(scope="module")
def next_day(published_home: DemoHome, tmp_path_factory: pytest.TempPathFactory) -> DemoHome:
    """A home with a release and new files since: what each killed run starts from."""
    home = published_home.copied_to(tmp_path_factory.mktemp("next") / "home")
    deliver_fewer_contacts(home.landing)
    return home


@pytest.fixture(scope="module")
def undisturbed(
    next_day: DemoHome, tmp_path_factory: pytest.TempPathFactory
) -> tuple[DemoHome, float]:
    home = next_day.copied_to(tmp_path_factory.mktemp("undisturbed") / "home")
    started = time.perf_counter()
    home.run()
    return home, time.perf_counter() - started


@pytest.mark.parametrize("seed", range(KILLS))
def test_a_killed_run_leaves_latest_whole_and_the_next_completes_it(
    seed: int, next_day: DemoHome, undisturbed: tuple[DemoHome, float], tmp_path: Path
) -> None:
    reference, seconds = undisturbed
    home = next_day.copied_to(tmp_path / "home")
    before = home.latest.resolve().name

    process = home.start("run", "--json")
    time.sleep(random.Random(seed).uniform(0.05, 0.95) * seconds)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()

    assert home.latest.resolve().name in {before, reference.latest.resolve().name}
    assert_whole(home.latest)
    finished = sidecars(home)
    home.run()
    assert_whole(home.latest)
    assert home.hashes() == reference.hashes()
    assert home.latest.resolve().name == reference.latest.resolve().name
    after = sidecars(home)
    assert {name: after[name] for name in finished} == finished, "a finished step was repeated"
    spill = home.root / "data" / "warehouse" / ".spill"
    assert not any(file.is_file() for file in spill.rglob("*"))


def test_a_second_start_says_who_holds_the_home(small_company: Path, tmp_path: Path) -> None:
    home = make_home(tmp_path / "home", small_company / "landing")
    first = home.start("run", "--json")
    note = home.root / "data" / "warehouse" / "run.lock"
    deadline = time.monotonic() + 60
    while not note.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    said = home.cdp("run", expect=4)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    assert "is held by" in said
    assert str(first.pid) in said
