"""``cdp readiness``: which questions the data can answer, before and after the first run."""

from __future__ import annotations

import json
from typing import Any

import duckdb
from rich.console import Console
from rich.table import Table

from cdp_pipeline.export.readiness import foreseen, load_questions
from cdp_pipeline.ingest.landing import discover
from cdp_pipeline.project import home_contracts, load_home_project
from cdp_pipeline.settings import Home, home_file
from cdp_pipeline.sqlmodels import Project
from cdp_pipeline.warehouse import databases

_STYLES = {"answered": "green", "possible": "green", "partly": "yellow", "no": "red"}


def show_readiness(home: Home, *, as_json: bool, console: Console) -> None:
    """Print the questions, whether they are answered, and what is missing."""
    file = home.databases / databases.OPEN
    rows = _counted(home) if file.exists() else None
    is_counted = rows is not None
    if rows is None:
        rows = _foreseen(home)
    if as_json:
        console.print_json(json.dumps(rows))
        return
    table = Table("question", "answer", "customers", "what is missing")
    for row in rows:
        style = _STYLES[row["status"]]
        table.add_row(
            row["title"],
            f"[{style}]{row['status']}[/]",
            f"{row['customers_answered']:,} of {row['customers_total']:,}" if is_counted else "-",
            row["missing"] or "-",
        )
    console.print(table)
    if not is_counted:
        console.print(
            "There is no release yet: this is what contracts and landed files promise."
            " `cdp run` counts it."
        )


def _counted(home: Home) -> list[dict[str, Any]] | None:
    """Return the rows of the published table, None where the release is older than it."""
    with duckdb.connect(str(home.databases / databases.OPEN), read_only=True) as connection:
        names = {row[0] for row in connection.sql("show tables").fetchall()}
        if "readiness" not in names:
            return None
        rows = connection.sql("select * from readiness").to_arrow_table().to_pylist()
    order = list(load_questions(home_file(home, "export/questions.yml")).questions)
    return sorted(rows, key=lambda r: order.index(r["question"]) if r["question"] in order else 99)


def _foreseen(home: Home) -> list[dict[str, Any]]:
    project = load_home_project(home)
    landed = {
        contract.name for contract in home_contracts(home) if discover(contract, home.landing)
    }
    delivered, with_files = _delivered(project, landed)
    questions = load_questions(home_file(home, "export/questions.yml"))
    return foreseen(questions, delivered, with_files)


def _delivered(project: Project, landed: set[str]) -> tuple[set[str], set[str]]:
    """Return the entity columns that come from a source, and those whose files have landed."""
    delivered, with_files = set(), set()
    for table in project.tables.values():
        if table.made_by != "entity":
            continue
        entity = table.name.removeprefix("staging.")
        for column in table.columns:
            sources = {source for source, _ in column.lineage}
            if sources:
                delivered.add(f"{entity}.{column.name}")
            if sources & landed:
                with_files.add(f"{entity}.{column.name}")
    return delivered, with_files
