"""``cdp init``, ``cdp demo`` and ``cdp dev``: beginnings."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from rich.console import Console

from cdp_pipeline.errors import CdpError, HomeError
from cdp_pipeline.settings import SETTINGS_FILE, Home

_PACKAGE = Path(__file__).resolve().parents[1]
_TEMPLATE = _PACKAGE / "templates" / "home"


def prepare_dagster(home: Home) -> None:
    """Point Dagster at the folder of this home where runs and events are kept."""
    folder = home.dagster
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "dagster.yaml"
    if not config.exists():
        own = home.root / "dagster.yaml"
        shutil.copyfile(own if own.exists() else _TEMPLATE / "dagster.yaml", config)
    os.environ["DAGSTER_HOME"] = str(folder)


def start_dagster(home: Home, port: int) -> None:
    """Replace this process by Dagster's web server and daemon."""
    os.environ["CDP_HOME"] = str(home.root)
    prepare_dagster(home)
    workspace = home.root / "workspace.yaml"
    if not workspace.exists():
        workspace = _TEMPLATE / "workspace.yaml"
    command = [sys.executable, "-m", "dagster", "dev", "-w", str(workspace)]
    os.execv(sys.executable, [*command, "-h", "127.0.0.1", "-p", str(port)])


def make_home(folder: Path, console: Console) -> None:
    """Write a new home: settings, folders and a first contract to edit."""
    folder = folder.expanduser()
    if (folder / SETTINGS_FILE).exists():
        raise HomeError(f"{folder} is a home already.", "Nothing was changed.")
    shutil.copytree(_TEMPLATE, folder, dirs_exist_ok=True)
    (folder / "data" / "landing").mkdir(parents=True, exist_ok=True)
    console.print(f"{folder} is a home now. Next:")
    console.print("  1. put your exports below data/landing/")
    console.print("  2. describe them in dbt_like_sql/sources/, map them in dbt_like_sql/staging/")
    console.print(f"  3. cdp check --home {folder}")
    console.print(f"  4. cdp run --home {folder}")


def write_demo(home: Home, *, people: int | None, seed: int, force: bool, console: Console) -> None:
    """Write the demo company's exports into the landing folder."""
    landed = [file for file in home.landing.rglob("*") if file.is_file()]
    if landed and not force:
        if people is None and _is_small_demo(home):
            console.print("The demo company's exports have landed already.")
            return
        raise CdpError(
            f"{len(landed)} file(s) lie in {home.landing} already.",
            "`cdp demo --force` replaces them.",
        )
    shutil.rmtree(home.landing, ignore_errors=True)
    truth = home.root / "data" / "demo_truth"
    shutil.rmtree(truth, ignore_errors=True)
    shipped = _shipped_demo()
    if people is None and shipped is not None:
        shutil.copytree(shipped / "landing", home.landing)
        shutil.copytree(shipped / "truth", truth)
        console.print("Copied the demo company of data/demo to data/landing.")
        return
    from cdp_pipeline.synthetic import DEFAULT_PEOPLE, write_company

    size = people or DEFAULT_PEOPLE
    with console.status(f"Inventing {size:,} people"):
        summary = write_company(home.landing, truth, people=size, seed=seed)
    rows = ", ".join(f"{name} {count:,}" for name, count in summary.rows.items())
    console.print(f"Wrote {size:,} people to {home.landing}: {rows}.")


def _shipped_demo() -> Path | None:
    folder = _PACKAGE.parent / "data" / "demo"
    return folder if (folder / "landing").is_dir() else None


def _is_small_demo(home: Home) -> bool:
    shipped = _shipped_demo()
    if shipped is None:
        return False
    return all(
        (home.landing / file.relative_to(shipped / "landing")).exists()
        for file in (shipped / "landing").rglob("*")
        if file.is_file()
    )
