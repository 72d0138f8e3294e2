"""One home, one run; a dead holder is no holder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cdp_pipeline.errors import HomeLockedError
from cdp_pipeline.settings import Home, Settings
from cdp_pipeline.warehouse.lock import hold, holder


@pytest.fixture
def home(tmp_path: Path) -> Home:
    (tmp_path / "data" / "warehouse").mkdir(parents=True)
    return Home(tmp_path, Settings())


def note_of(home: Home) -> Path:
    return home.warehouse / "run.lock"


def test_a_second_run_is_told_who_holds_the_home(home: Home) -> None:
    with (
        hold(home, run_id="first-run", what="job daily_pipeline"),
        pytest.raises(HomeLockedError, match=rf"job daily_pipeline, .* process {os.getpid()}"),
        hold(home, run_id="second-run", what="x"),
    ):
        pass
    assert holder(home) is None


def test_steps_of_the_same_run_share_the_lock(home: Home) -> None:
    with hold(home, run_id="one", what="x"):
        with hold(home, run_id="one", what="x"):
            pass
        assert holder(home) is not None
    assert holder(home) is None


def test_a_dead_holder_is_reaped(home: Home) -> None:
    script = (
        "import os, sys; from pathlib import Path\n"
        "from cdp_pipeline.settings import Home, Settings\n"
        "from cdp_pipeline.warehouse.lock import hold\n"
        "with hold(Home(Path(sys.argv[1]), Settings()), run_id='dead', what='x'): os._exit(9)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(home.root)], check=False)
    assert json.loads(note_of(home).read_text("utf-8"))["run_id"] == "dead"
    assert holder(home) is None
    with hold(home, run_id="next", what="x"):
        assert holder(home) is not None


def test_a_note_left_by_an_earlier_process_of_the_same_number_does_not_hold(home: Home) -> None:
    with hold(home, run_id="one", what="x"):
        note = json.loads(note_of(home).read_text("utf-8"))
    note_of(home).write_text(json.dumps({**note, "started": note["started"] - 3600}), "utf-8")
    assert holder(home) is None
