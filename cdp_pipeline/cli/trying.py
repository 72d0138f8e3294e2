"""Dry runs: what decisions would change, on a copy of a home's state that nobody else sees.

The copy holds pointers only: tables are shared with the home, and new ones are named by their
content, so that neither run nor release of the home notices. Both sides are made with the same
clock and the same release in front: what differs is due to the decisions.
"""

from __future__ import annotations

import datetime as dt
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from cdp_pipeline.cli.running import make_tables
from cdp_pipeline.errors import CdpError
from cdp_pipeline.settings import Home
from cdp_pipeline.stewards.effects import TABLES, Effect, effect_of
from cdp_pipeline.warehouse.previous import latest_release

_VARIABLES = ("CDP_HOME", "CDP_AS_OF", "CDP_INTO", "CDP_TRIED")


def try_out(home: Home, text: str, file: str, decision_id: str, console: Console) -> Effect:
    """Return what would change if a file of decisions had this text.

    Parameters
    ----------
    file
        Its name below data/decisions.

    Raises
    ------
    CdpError
        If there is no release yet, or a table cannot be made.
    """
    release = latest_release(home.exports)
    if release is None:
        raise CdpError("There is no release to compare with.", "`cdp run` makes one.")
    day = dt.date.fromisoformat(str(release.manifest["as_of_on"]))
    with tempfile.TemporaryDirectory(prefix="cdp-") as folder:
        before = _copy(home, day, Path(folder) / "before")
        after = _copy(home, day, Path(folder) / "after")
        assert after.tried is not None
        (after.tried / file).write_text(text, encoding="utf-8")
        for tried in (before, after):
            with _standing_in(tried):
                make_tables(tried, TABLES, console)
        return effect_of(before, after, decision_id)


def _copy(home: Home, day: dt.date, folder: Path) -> Home:
    """Return a home with the same tables, whose pointers and decisions are its own."""
    tried = folder / "decisions"
    tried.mkdir(parents=True)
    copy = replace(home.as_of(day, folder), tried=tried)
    shutil.copytree(home.heads, copy.heads)
    if home.decisions.is_dir():
        shutil.copytree(home.decisions, tried, dirs_exist_ok=True)
    return copy


@contextmanager
def _standing_in(home: Home) -> Iterator[None]:
    """Let whoever opens the home find this copy of it."""
    before = {name: os.environ.get(name) for name in _VARIABLES}
    os.environ |= {
        "CDP_HOME": str(home.root),
        "CDP_AS_OF": str(home.settings.as_of),
        "CDP_INTO": str(home.into),
        "CDP_TRIED": str(home.tried),
    }
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
