"""Dagster's run history in SQLite, at the price of a log instead of a bank's ledger.

Dagster opens a connection for every event and closes it again. Closing the last connection to a
file writes its log back and waits for the disk, some thousand times a run; that took more time
than the steps. One connection of ours to each file stays open, so that no other is the last, and
the disk is waited for when SQLite tidies up its log, not at every event. After a power cut the
newest events may be missing; the warehouse, which decides what a run has to do, is not in there.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine

_held: dict[str, sqlite3.Connection] = {}


def keep_history_cheaply() -> None:
    """Let every SQLite connection that is opened from now on in this process be a cheap one."""
    if not event.contains(Engine, "connect", _on_connect):
        event.listen(Engine, "connect", _on_connect)


def _on_connect(connection: Any, _: Any) -> None:
    if not isinstance(connection, sqlite3.Connection):
        return
    connection.execute("pragma synchronous = normal")
    file = str(connection.execute("pragma database_list").fetchall()[0][2])
    if file and file not in _held:
        _held[file] = held = sqlite3.connect(file, check_same_thread=False)
        # only who has read from it counts as one of its users
        held.execute("select count(*) from sqlite_master").fetchall()
