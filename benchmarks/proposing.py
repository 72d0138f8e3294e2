"""How many columns of unseen exports ``cdp init --from`` gets right, and whether its home runs.

A column is right when type, format and personal class all are, against the answer sheets in
``answer_sheets/``; the demo company's own contracts are the sheet for its exports. ``python -m
benchmarks proposing`` prints the figures, and each wrong column with what was proposed.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console

from benchmarks.figures import Figure, figure
from benchmarks.measuring import CDP, ROOT, measure, run_home
from cdp_pipeline.cli.proposing import entity_types
from cdp_pipeline.ingest import load_contracts
from cdp_pipeline.proposing import propose
from cdp_pipeline.proposing.proposal import Proposal, all_columns, find_files

SHEETS = Path(__file__).with_name("answer_sheets")
_BARS = {"contoso": 0.9, "complete_journey": 0.9}
_ISO = frozenset({"%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S"})


@dataclass(frozen=True)
class Answer:
    """What a column is, with everything that counts as right."""

    kinds: frozenset[str]
    formats: tuple[str, ...]
    classes: frozenset[str]


def run() -> list[Figure]:
    """Score every answer sheet, and run the proposed homes of two of them."""
    datasets = Path(os.environ["CDP_DATASETS"])
    figures = []
    for sheet in sorted(SHEETS.glob("*.yml")):
        right, total, wrong, seconds = score_sheet(sheet, datasets)
        figures.append(
            figure(
                f"ingest.init.{sheet.stem}.columns_right",
                right / total,
                "share",
                bar=_BARS.get(sheet.stem),
                direction="up",
                reference=f"{right} of {total} columns; {seconds:.1f} CPU s",
            )
        )
        for line in wrong:
            Console(stderr=True).print(f"{sheet.stem}: {line}", markup=False)
    right, total, wrong = score_demo()
    figures.append(
        figure(
            "ingest.init.demo.columns_right",
            right / total,
            "share",
            direction="up",
            reference=f"{right} of {total} columns against its contracts",
        )
    )
    for line in wrong:
        Console(stderr=True).print(f"demo: {line}", markup=False)
    for name, folder in (
        ("contoso", "contoso_customer_insights"),
        ("complete_journey", "complete_journey"),
    ):
        figures.append(_edits(name, datasets / folder))
    return figures


def score_sheet(sheet: Path, datasets: Path) -> tuple[int, int, list[str], float]:
    """Return right and all columns of a data set, the wrong ones in words, and the CPU seconds."""
    spec: dict[str, Any] = yaml.safe_load(sheet.read_text(encoding="utf-8"))
    folder = datasets / spec["folder"]
    answers = {
        (file, title): _answer(list(given))
        for file, columns in spec["files"].items()
        for title, given in columns.items()
    }
    files = [folder / file for file in spec["files"]]
    started = time.process_time()
    proposal = propose(files, entity_types(), country=None)
    return *_score(proposal, answers), time.process_time() - started


def score_demo() -> tuple[int, int, list[str]]:
    """Return right and all columns of the demo company's exports, against its contracts."""
    landing = ROOT / "data" / "demo" / "landing"
    answers = {}
    files = find_files([str(landing)])
    contracts = load_contracts(ROOT / "dbt_like_sql" / "sources")
    for file in files:
        for contract in contracts:
            if not any(file.relative_to(landing).match(glob) for glob in contract.files):
                continue
            for column in contract.columns.values():
                formats = tuple(column.format)
                kinds = {column.kind} | ({"date"} if column.kind == "timestamp" else set())
                answers[file.name, column.name_in_file] = Answer(
                    frozenset(kinds), formats, frozenset({column.personal})
                )
    known = {name for name, _ in answers}
    proposal = propose([file for file in files if file.name in known], entity_types())
    return _score(proposal, answers)


def _answer(given: list[str]) -> Answer:
    def listed(text: str) -> frozenset[str]:
        return frozenset(part.strip() for part in text.split("|"))

    formats = tuple(given[1:-1])
    return Answer(listed(given[0]), formats, listed(given[-1]))


def _score(
    proposal: Proposal, answers: Mapping[tuple[str, str], Answer]
) -> tuple[int, int, list[str]]:
    wrong, seen = [], set()
    for table, column in all_columns(proposal):
        for file in table.files:
            place = next(
                (
                    p
                    for p in ((file.name, column.title), (file.name, column.title.strip()))
                    if p in answers
                ),
                None,
            )
            if place is None:
                continue
            answer = answers[place]
            seen.add(place)
            said = []
            if column.kind not in answer.kinds:
                said.append(f"type {column.kind}, not {' or '.join(sorted(answer.kinds))}")
            elif column.kind in ("date", "timestamp") and not _same(column.format, answer.formats):
                said.append(f"format {column.format}, not {answer.formats}")
            if column.personal not in answer.classes:
                said.append(f"class {column.personal}, not {' or '.join(sorted(answer.classes))}")
            if said:
                wrong.append(f"{file.name} {column.title}: {'; '.join(said)}")
    wrong += [f"{file} {title}: not proposed" for file, title in sorted(set(answers) - seen)]
    return len(answers) - len(wrong), len(answers), wrong


def _same(said: Iterable[str], right: Iterable[str]) -> bool:
    return set(said) - _ISO == set(right) - _ISO


def _edits(name: str, folder: Path) -> Figure:
    """Return how many lines were edited before the proposed home ran: none, or it fails."""
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary) / name
        files = [str(p) for p in sorted(folder.iterdir()) if p.suffix in (".csv", ".parquet")]
        files = [file for file in files if "truth" not in file]
        measure([str(CDP), "init", str(home), *(x for f in files for x in ("--from", f))])
        run_home(home)
        is_released = (home / "data" / "exports" / "latest").exists()
        told = measure([str(CDP), "deliveries", "--home", str(home)]).output
        # A home that runs because a file was refused is not what was asked for.
        is_released = is_released and "refused" not in told
    return figure(
        f"ingest.init.{name}.edited_lines",
        0 if is_released else 99,
        "lines",
        bar=10,
        reference="before the proposed home runs to a release",
    )
