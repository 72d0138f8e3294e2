"""Exports to write, propose for and load."""

from __future__ import annotations

from pathlib import Path

from cdp_pipeline.cli.proposing import entity_types
from cdp_pipeline.ingest import load_contracts, load_source
from cdp_pipeline.proposing import Proposal, propose
from cdp_pipeline.proposing.columns import ProposedColumn
from cdp_pipeline.proposing.proposal import find_files
from cdp_pipeline.proposing.tables import ProposedTable

TYPES = entity_types()


def proposed(*files: Path) -> Proposal:
    """Return what is proposed for files."""
    return propose(find_files([str(file) for file in files]), TYPES)


def table_of(proposal: Proposal, start: str) -> ProposedTable:
    """Return the table of a file by how its name starts."""
    return next(t for t in proposal.tables if t.files[0].name.startswith(start))


def column_of(proposal: Proposal, title: str) -> ProposedColumn:
    """Return a column by its header."""
    return next(c for t in proposal.tables for c in t.columns if c.title == title)


def loaded(proposal: Proposal, folder: Path) -> list[tuple[int, int, str]]:
    """Load the samples by the proposed contracts; return rows loaded, rejected, and why not."""
    sources, landing = folder / "sources", folder / "landing"
    sources.mkdir()
    for name, text in proposal.files.items():
        if name.startswith("sources/"):
            (sources / Path(name).name).write_text(text, encoding="utf-8")
    for path, name in proposal.landing.items():
        target = landing / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    reports = [
        load_source(contract, landing, folder / "store", spill=folder / "spill")
        for contract in load_contracts(sources)
    ]
    return [(d.rows_loaded, d.rows_rejected, d.reason) for report in reports for d in report.new]
