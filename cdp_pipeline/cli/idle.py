"""Whether a run would find anything to do, told without running.

After a whole run the state of everything a release is a function of is noted: landed files and
decisions (size and time), settings, day, SQL, Python, models. While it is the same and every
table's file is there, `cdp run` says so and leaves: sixty steps that only find themselves done cost
seconds in Dagster.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from cdp_pipeline.ingest import landed_state
from cdp_pipeline.ingest.decisions import decisions_state
from cdp_pipeline.project import home_contracts
from cdp_pipeline.settings import Home, package_sql
from cdp_pipeline.sqlmodels import Project
from cdp_pipeline.warehouse import Store, databases
from cdp_pipeline.warehouse.previous import MODEL_SUFFIX, latest_release
from cdp_pipeline.warehouse.step import python_code
from cdp_pipeline.warehouse.store import fingerprint_of, write_json


def state_of(home: Home) -> str:
    """Return the hash of everything that decides what a run would make, but the stored models."""
    files = hashlib.sha256()
    for folder in (home.sql, package_sql()):
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                files.update(file.relative_to(folder).as_posix().encode() + file.read_bytes())
    return fingerprint_of(
        {
            "landed": sorted(landed_state(home_contracts(home), home.landing).items()),
            "decided": sorted(decisions_state(home.decisions).items()),
            "settings": home.settings.that_change_results(),
            "day": str(dt.datetime.now(ZoneInfo(home.settings.time_zone)).date()),
            "sql": files.hexdigest(),
            "python": python_code("cdp_pipeline"),
        }
    )


def note_done(home: Home, before: str) -> None:
    """Remember the state a whole run started from, unless it has changed meanwhile."""
    release = latest_release(home.exports)
    if release is not None and state_of(home) == before:
        write_json(_note(home), _told(home, before, release.name))


def _told(home: Home, state: str, release: str) -> dict[str, Any]:
    heads = Store(home).heads()
    models = {n: h.content_hash for n, h in heads.items() if n.endswith(MODEL_SUFFIX)}
    return {"state": state, "release": release, "models": models}


def is_idle(home: Home, project: Project, state: str) -> bool:
    """Return whether nothing changed since the last whole run, and all it made is there."""
    try:
        note = json.loads(_note(home).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return False
    release = latest_release(home.exports)
    if release is None or note != _told(home, state, release.name):
        return False
    store = Store(home)
    heads = store.heads()
    files = [home.databases / databases.OPEN, home.databases / databases.VAULT]
    files += [release.folder / entry["file"] for entry in release.manifest["tables"].values()]
    files += [path for head in heads.values() for path in store.paths(head)]
    return set(heads) >= set(project.tables) and all(file.exists() for file in files)


def _note(home: Home) -> Path:
    return home.heads.parent / "idle.json"
