"""Dagster as its users know it: the daemon runs the schedule, the pages show what was made.

A home with a release and new files since, served by ``cdp dev``; its schedule fires every minute
and is turned on with Dagster's own command. The pages are read in headless Chromium;
``CDP_SCREENSHOTS=DIR`` keeps pictures.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest

from cdp_pipeline_tests.homes import ROOT, DemoHome, deliver_fewer_contacts

pytestmark = [pytest.mark.slow, pytest.mark.browser]

LAYERS = ["sources", "staging", "identity", "profiles", "insight", "prediction", "action", "export"]
CHROMIUM = shutil.which("chromium")
# Without these, chromium tries to reach the network by itself.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass(frozen=True)
class Served:
    """A home whose pages are up, and how a browser reads them."""

    home: DemoHome
    address: str

    def page(self, path: str, wait_for: str, picture: str) -> str:
        """Return the text of a page once a word has appeared on it."""
        from playwright.sync_api import sync_playwright

        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            page = browser.new_page(viewport={"width": 1600, "height": 1000})
            page.goto(self.address + path)
            page.get_by_text(wait_for).first.wait_for(timeout=90_000)
            page.wait_for_timeout(2_000)
            if folder := os.environ.get("CDP_SCREENSHOTS"):
                page.screenshot(path=str(Path(folder) / f"{picture}.png"))
            text = page.inner_text("body")
            browser.close()
        return text


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(condition: object, seconds: float, what: str) -> None:
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds:.0f} s"
        time.sleep(1)


def answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/server_info", timeout=2) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False


def has_succeeded(root: Path) -> bool:
    """Return whether a run of this home has ended well, as Dagster's own storage tells."""
    with dg.DagsterInstance.from_config(str(root / "data" / "dagster")) as instance:
        done = dg.RunsFilter(statuses=[dg.DagsterRunStatus.SUCCESS])
        return bool(instance.get_runs(filters=done, limit=1))


def wait_until_at_rest(root: Path) -> None:
    """Wait until no run of this home has been waiting or under way for some seconds.

    A schedule that fires every minute may have started another run before it was stopped, and a
    tick that was being judged starts one just after.
    """
    ended = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
    going = dg.RunsFilter(statuses=[s for s in dg.DagsterRunStatus if s not in ended])
    quiet_since = time.monotonic()

    def is_at_rest() -> bool:
        nonlocal quiet_since
        with dg.DagsterInstance.from_config(str(root / "data" / "dagster")) as instance:
            if instance.get_runs(filters=going, limit=1):
                quiet_since = time.monotonic()
        return time.monotonic() - quiet_since > 5

    wait_until(is_at_rest, 300, "the end of the last scheduled run")


@pytest.fixture(scope="module")
def served(published_home: DemoHome, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    if CHROMIUM is None:
        pytest.skip("Debian's chromium is not installed")
    root = tmp_path_factory.mktemp("served") / "home"
    home = published_home.copied_to(root)
    # What this home's Dagster has to tell shall be of the scheduled run alone.
    shutil.rmtree(root / "data" / "dagster")
    with (root / "cdp.yml").open("a", encoding="utf-8") as settings:
        settings.write('daily_schedule: "* * * * *"\n')
    deliver_fewer_contacts(home.landing)
    port = free_port()
    process = home.start("dev", "--port", str(port), is_read=False)
    address = f"http://127.0.0.1:{port}"
    environment = {
        **os.environ,
        "CDP_HOME": str(root),
        "DAGSTER_HOME": str(root / "data" / "dagster"),
    }
    schedule = [sys.executable, "-m", "dagster", "schedule"]
    module = ["-w", str(ROOT / "workspace.yaml")]
    try:
        wait_until(lambda: answers(address), 120, "the web server's first answer")
        subprocess.run([*schedule, "start", "daily_pipeline", *module], env=environment, check=True)
        wait_until(lambda: has_succeeded(root), 300, "a scheduled run")
        subprocess.run([*schedule, "stop", "daily_pipeline", *module], env=environment, check=True)
        wait_until_at_rest(root)
        yield Served(home, address)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=60)


def test_the_daemon_published_the_scheduled_run(served: Served, published_home: DemoHome) -> None:
    before, now = published_home.manifest(), served.home.manifest()
    assert now["previous"] == before["release"]
    contacts = "sources.crm_contacts"
    assert now["inputs"][contacts]["rows"] < before["inputs"][contacts]["rows"]
    assert now["tables"]["golden_profiles"]["rows"] > 500


def test_the_daemons_run_let_go_of_the_home(served: Served) -> None:
    assert served.home.run()["release"] == served.home.manifest()["release"]


def test_the_lineage_page_shows_the_eight_groups(served: Served) -> None:
    text = served.page("/asset-groups", "prediction", "lineage")
    assert [layer for layer in LAYERS if layer not in text] == []


def test_a_tables_page_shows_what_it_is(served: Served) -> None:
    text = served.page("/assets/insight/rfm_segments", "rfm_cell", "table")
    rows = served.home.manifest()["tables"]["rfm_segments"]["rows"]
    assert "One row per customer" in text
    assert "The three scores as one text" in text
    assert "decimal(18,2)" in text
    assert "from insight.customer_measures" in text
    assert f"{rows:,}" in text


def test_a_personal_column_is_tagged(served: Served) -> None:
    assert "personal/email" in served.page(
        "/assets/profiles/golden_profiles", "personal/email", "personal"
    )


def test_the_checks_page_shows_both_kinds_of_rules(served: Served) -> None:
    text = served.page("/assets/insight/rfm_segments?view=checks", "rules_that_block", "checks")
    assert "rules_that_warn" in text


def test_the_runs_page_shows_the_scheduled_run(served: Served) -> None:
    assert "daily_pipeline" in served.page("/runs", "Success", "runs")
