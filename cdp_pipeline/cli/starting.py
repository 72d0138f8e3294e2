"""``cdp init``, ``cdp demo`` and ``cdp dev``: beginnings."""

from __future__ import annotations

import filecmp
import os
import shlex
import shutil
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from cdp_pipeline.errors import CdpError, HomeError
from cdp_pipeline.settings import SETTINGS_FILE, Home

_PACKAGE = Path(__file__).resolve().parents[1]
TEMPLATE = _PACKAGE / "templates" / "home"


def prepare_dagster(home: Home) -> None:
    """Point Dagster at the folder of this home where runs and events are kept."""
    folder = home.dagster
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "dagster.yaml"
    if not config.exists():
        own = home.root / "dagster.yaml"
        shutil.copyfile(own if own.exists() else TEMPLATE / "dagster.yaml", config)
    os.environ["DAGSTER_HOME"] = str(folder)


def start_dagster(home: Home, port: int) -> None:
    """Replace this process by Dagster's web server and daemon."""
    os.environ["CDP_HOME"] = str(home.root)
    prepare_dagster(home)
    workspace = home.root / "workspace.yaml"
    if not workspace.exists():
        workspace = TEMPLATE / "workspace.yaml"
    command = [sys.executable, "-m", "dagster", "dev", "-w", str(workspace)]
    os.execv(sys.executable, [*command, "-h", "127.0.0.1", "-p", str(port)])


def make_home(folder: Path, console: Console) -> None:
    """Write a new home: settings, folders and a first contract to edit."""
    folder = folder.expanduser()
    if (folder / SETTINGS_FILE).exists():
        raise HomeError(f"{folder} is a home already.", "Nothing was changed.")
    shutil.copytree(TEMPLATE, folder, dirs_exist_ok=True)
    (folder / "data" / "landing").mkdir(parents=True, exist_ok=True)
    console.print(f"{folder} is a home now. Next:", markup=False)
    console.print("  1. put your exports below data/landing/")
    console.print("  2. describe them in dbt_like_sql/sources/, map them in dbt_like_sql/staging/")
    console.print(f"  3. cdp check --home {shlex.quote(str(folder))}", markup=False)
    console.print(f"  4. cdp run --home {shlex.quote(str(folder))}", markup=False)


def write_demo(home: Home, *, people: int | None, seed: int, force: bool, console: Console) -> None:
    """Write the demo company's exports into the landing folder; other files there stay."""
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder)
        said = _make_demo(made, people=people, seed=seed, console=console)
        files = [file.relative_to(made) for file in sorted(made.rglob("*")) if file.is_file()]
        targets = {file: home.root / "data" / file for file in files}
        there = [file for file, target in targets.items() if target.exists()]
        if there and not force:
            if people is None and all(_is_same(made / f, targets[f]) for f in files):
                console.print("The demo company's exports have landed already.")
                return
            raise CdpError(
                f"{len(there)} file(s) of a demo company lie below {home.root / 'data'} already.",
                "`cdp demo --force` replaces them; other files there stay.",
            )
        for file, target in targets.items():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(made / file, target)
    console.print(said)


def _make_demo(folder: Path, *, people: int | None, seed: int, console: Console) -> str:
    """Put exports and truth into a folder; return what to say about it."""
    landing, truth = folder / "landing", folder / "demo_truth"
    shipped = _shipped_demo()
    if people is None and shipped is not None:
        shutil.copytree(shipped / "landing", landing)
        shutil.copytree(shipped / "truth", truth)
        return "Copied the demo company of data/demo to data/landing."
    from cdp_pipeline.synthetic import DEFAULT_PEOPLE, write_company

    size = people or DEFAULT_PEOPLE
    with console.status(f"Inventing {size:,} people"):
        summary = write_company(landing, truth, people=size, seed=seed)
    rows = ", ".join(f"{name} {count:,}" for name, count in summary.rows.items())
    return f"Wrote {size:,} people to data/landing: {rows}."


def _is_same(made: Path, landed: Path) -> bool:
    return landed.is_file() and filecmp.cmp(made, landed, shallow=False)


def _shipped_demo() -> Path | None:
    folder = _PACKAGE.parent / "data" / "demo"
    return folder if (folder / "landing").is_dir() else None
