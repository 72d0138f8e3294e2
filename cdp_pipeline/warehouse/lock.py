"""One home, one run.

The lock is a note that names its holder, guarded by a file lock that is held only while the note
is read or written. A holder that is dead is reaped, so a killed run never has to be cleaned up by
hand. Runs execute in one process (Dagster's in-process executor), which is the holder.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from filelock import FileLock

from cdp_pipeline.errors import HomeLockedError
from cdp_pipeline.settings import Home
from cdp_pipeline.warehouse.store import write_json


def holder(home: Home) -> dict[str, Any] | None:
    """Return the note of the run that holds the home, or None where nobody alive does."""
    note = _read(_note(home))
    return note if note is not None and _is_alive(note) else None


@contextmanager
def hold(home: Home, *, run_id: str, what: str) -> Iterator[None]:
    """Hold a home for a run.

    Parameters
    ----------
    home : Home
    run_id : str
        The Dagster run; whoever holds for the same run shares the lock.
    what : str
        Said to whoever is turned away, such as ``cdp run``.

    Raises
    ------
    HomeLockedError
        If another run that is alive holds it.
    """
    file = _note(home)
    file.parent.mkdir(parents=True, exist_ok=True)
    pid = os.getpid()
    with FileLock(f"{file}.guard"):
        found = _read(file)
        if found is not None and found["run_id"] != run_id and _is_alive(found):
            raise HomeLockedError(
                f"{home.root.name} is held by {found['what']}, run {found['run_id'][:8]}, process "
                f"{found['pid']} on {found['host']} since {found['since']}.",
                "Wait for it or stop it; a run that died is noticed and cleared by itself.",
            )
        shared = found is not None and found["run_id"] == run_id and _is_alive(found)
        if not shared:
            write_json(
                file,
                {
                    "run_id": run_id,
                    "what": what,
                    "pid": pid,
                    "started": _started(pid),
                    "host": socket.gethostname(),
                    "since": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
                },
            )
    try:
        yield
    finally:
        if not shared:
            with FileLock(f"{file}.guard"):
                found = _read(file)
                if found is not None and found["run_id"] == run_id:
                    file.unlink(missing_ok=True)


def _note(home: Home) -> Path:
    return home.warehouse / "run.lock"


def _read(file: Path) -> dict[str, Any] | None:
    try:
        note: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    return note


def _is_alive(note: dict[str, Any]) -> bool:
    if note["host"] != socket.gethostname():
        return True  # cannot be seen from here: believe the note
    started = _started(note["pid"])
    # Two seconds: the system clock may have been set since, and no process number returns so soon.
    return started is not None and abs(started - note["started"]) < 2


def _started(pid: int) -> float | None:
    """Return when a process started, which tells it from a later one with the same number."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return process.create_time()
    except psutil.NoSuchProcess:
        return None
