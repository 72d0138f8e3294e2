"""Exports with the headers of well-known systems: types, formats, classes, and that they load."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from cdp_pipeline.cli.proposing import propose_home
from cdp_pipeline.cli.starting import TEMPLATE
from cdp_pipeline.project import load_home_project
from cdp_pipeline.proposing import Proposal, propose
from cdp_pipeline.proposing.proposal import all_columns
from cdp_pipeline.settings import find_home
from cdp_pipeline_tests.proposing.exports import KINDS, ROWS, SYSTEMS
from cdp_pipeline_tests.proposing.support import TYPES, loaded, table_of


def _written(system: str, folder: Path) -> list[Path]:
    target = folder / "exports" / system
    target.mkdir(parents=True)
    return [export.write(target) for export in SYSTEMS[system]]


def _wrong(system: str, proposal: Proposal) -> tuple[list[str], int]:
    """Return the columns with another type, format or class than their kind has, and how many."""
    kinds = {(e.file, title): kind for e in SYSTEMS[system] for title, kind in e.headers()}
    wrong = []
    for table, column in all_columns(proposal):
        right = KINDS[kinds[table.files[0].name, column.title].rstrip("@")]
        is_kind = column.kind in right.kinds.split(" | ")
        is_form = column.kind not in ("date", "timestamp") or (
            {f for f in column.format if not f.startswith("%Y-%m-%d")}
            == {f for f in right.formats if not f.startswith("%Y-%m-%d")}
        )
        if not (is_kind and is_form and column.personal in right.classes.split(" | ")):
            wrong.append(f"{column.title}: {column.kind} {column.format} {column.personal}")
    return wrong, len(kinds)


@pytest.mark.parametrize("system", SYSTEMS)
def test_nine_columns_in_ten_are_right_and_every_row_is_loaded(system: str, tmp_path: Path) -> None:
    files = _written(system, tmp_path)
    proposal = propose(files, TYPES)
    wrong, total = _wrong(system, proposal)
    assert len(wrong) <= 0.1 * total, wrong
    assert loaded(proposal, tmp_path) == [(ROWS, 0, "")] * len(files)


@pytest.mark.parametrize(
    ("system", "feeds"),
    [
        ("shopify", {"customer_records", "orders", "order_lines"}),
        ("northwind", {"customer_records", "orders", "order_lines"}),
        ("olist", {"customer_records", "orders", "order_lines", "products"}),
        ("norwegian", {"customer_records", "orders", "order_lines"}),
        ("hm", {"customer_records", "orders", "order_lines", "products"}),
        ("salesforce", {"customer_records", "companies"}),
        ("zendesk", {"tickets"}),
        ("superstore", {"orders", "order_lines"}),
        ("telco", {"customer_records"}),
    ],
)
def test_the_tables_of_a_system_feed_what_they_are(
    system: str, feeds: set[str], tmp_path: Path
) -> None:
    proposal = propose(_written(system, tmp_path), TYPES)
    assert {entity for table in proposal.tables for entity in table.feeds} == feeds


def test_orders_without_an_amount_take_the_sum_of_their_lines(tmp_path: Path) -> None:
    proposal = propose(_written("northwind", tmp_path), TYPES)
    heads = table_of(proposal, "Orders")
    assert heads.lines is table_of(proposal, "Order Details")
    orders = next(text for name, text in proposal.files.items() if "staging/orders/" in name)
    assert "sum(" in orders
    assert "left join paid as p" in orders


def test_the_homes_of_all_systems_together_compile(tmp_path: Path) -> None:
    # Lines of a Shopify order have no number: numbering them by a phone's column did not compile.
    for system in SYSTEMS:
        _written(system, tmp_path)
    propose_home(
        tmp_path / "home",
        [str(tmp_path / "exports")],
        country="SE",
        currency=None,
        time_zone=None,
        reference=False,
        template=TEMPLATE,
        console=Console(quiet=True),
    )
    project = load_home_project(find_home(tmp_path / "home"))
    assert len(project.tables["staging.orders"].files) > 15
