"""Dagster's run history in SQLite, at the price of a log instead of a bank's ledger.

Dagster makes an engine and a connection for every event and throws both away. Closing the last
connection to a file writes its log back and waits for the disk, some thousand times a run; the
engine itself, and every statement it has to compile again, cost more than the insert: all of it
together took more time than the steps. So the event log keeps its engines, whose connections are
used again; to the other files one connection of ours stays open, so that no other is the last; and
the disk is waited for when SQLite tidies up its log, not at every event. After a power cut the
newest events may be missing; the warehouse, which decides what a run has to do, is not in there.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from sqlalchemy import create_engine, event
from sqlalchemy.engine import Connection, Engine

_KEPT = 8
"""Files whose engines are kept: the index of all runs, the run itself, and some that pages read."""

_held: dict[str, sqlite3.Connection] = {}
_engines: dict[str, Engine] = {}
_connect_anew = SqliteEventLogStorage._connect


def keep_history_cheaply() -> None:
    """Let every SQLite connection that is opened from now on in this process be a cheap one."""
    if not event.contains(Engine, "connect", _on_connect):
        event.listen(Engine, "connect", _on_connect)
        # A method is put in a class's place: the type checker cannot be told that this is meant.
        SqliteEventLogStorage._connect = _connect  # type: ignore[assignment]


def _on_connect(connection: Any, _: Any) -> None:
    if not isinstance(connection, sqlite3.Connection):
        return
    connection.execute("pragma synchronous = normal")
    file = str(connection.execute("pragma database_list").fetchall()[0][2])
    if file and file not in _held:
        _held[file] = held = sqlite3.connect(file, check_same_thread=False)
        # only who has read from it counts as one of its users
        held.execute("select count(*) from sqlite_master").fetchall()


@contextmanager
def _connect(storage: SqliteEventLogStorage, shard: str) -> Iterator[Connection]:
    """Do what Dagster's own method does, with an engine that is kept."""
    url = storage.conn_string_for_shard(shard)
    if shard not in storage._initialized_dbs:
        _let_go(url)  # the file may be a new one
        with _connect_anew(storage, shard):
            pass  # which makes its tables
    with storage._db_lock, _engine(url).begin() as connection:
        yield connection


def _engine(url: str) -> Engine:
    engine = _engines.pop(url, None)
    if engine is None:
        timeout = {"timeout": SQLITE_BUSY_TIMEOUT_SECONDS}
        engine = create_engine(url, connect_args=timeout)
    _engines[url] = engine  # the newest stands last
    for oldest in list(_engines)[:-_KEPT]:
        _let_go(oldest)
    return engine


def _let_go(url: str) -> None:
    if engine := _engines.pop(url, None):
        engine.dispose()
