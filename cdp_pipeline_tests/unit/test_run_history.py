"""Dagster's history is written cheaply, and is as whole as Dagster writes it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from cdp_pipeline.defs.run_history import keep_history_cheaply


@dg.asset
def numbers() -> dg.MaterializeResult:
    return dg.MaterializeResult(metadata={"count": 3})


@dg.asset(deps=[numbers])
def sums() -> None:
    pass


@pytest.fixture
def opened() -> Iterator[list[str]]:
    """Files that a connection is opened to, once a connection."""
    keep_history_cheaply()
    files: list[str] = []

    def note(connection: Any, _: Any) -> None:
        if isinstance(connection, sqlite3.Connection):
            files.append(connection.execute("pragma database_list").fetchall()[0][2])

    event.listen(Engine, "connect", note)
    yield files
    event.remove(Engine, "connect", note)


def history(folder: Path) -> dg.DagsterInstance:
    return dg.DagsterInstance.local_temp(str(folder), overrides={"telemetry": {"enabled": False}})


def run(instance: dg.DagsterInstance) -> str:
    return dg.materialize([numbers, sums], instance=instance).run_id


def stored_events(folder: Path, run_id: str) -> int:
    """Count a run's events as a stranger to this process does."""
    (file,) = folder.rglob(f"{run_id}.db")
    with closing(sqlite3.connect(file)) as connection:
        return int(connection.execute("select count(*) from event_logs").fetchall()[0][0])


def test_a_run_does_not_open_its_history_for_every_event(opened: list[str], tmp_path: Path) -> None:
    with history(tmp_path) as instance:
        run_id = run(instance)
        events = instance.all_logs(run_id)
    assert stored_events(tmp_path, run_id) == len(events) > 15
    # Making the tables of a new file takes a few.
    assert sum(run_id in file for file in opened) < len(events) / 2


def test_what_was_recorded_is_found_by_the_next_process(opened: list[str], tmp_path: Path) -> None:
    with history(tmp_path) as instance:
        run_id = run(instance)
    assert opened
    with history(tmp_path) as another:
        found = another.get_latest_materialization_event(numbers.key)
        assert found is not None
        assert found.run_id == run_id


def test_a_history_that_was_wiped_begins_anew(opened: list[str], tmp_path: Path) -> None:
    with history(tmp_path) as instance:
        gone = run(instance)
        instance.wipe()
        kept = run(instance)
        assert instance.get_run_ids() == [kept]
        assert stored_events(tmp_path, kept) > 15
        assert not instance.all_logs(gone)
    assert opened


def test_files_of_old_runs_are_let_go(opened: list[str], tmp_path: Path) -> None:
    from cdp_pipeline.defs import run_history

    with history(tmp_path) as instance:
        runs = [run(instance) for _ in range(run_history._KEPT + 2)]
        assert len(run_history._engines) <= run_history._KEPT
        assert len({len(instance.all_logs(run_id)) for run_id in runs}) == 1
    assert opened
