"""What the documentation says is still so: generated pages, links, commands, queries."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import duckdb
import pytest
import typer

from cdp_pipeline.cli.app import app
from cdp_pipeline.project import load_home_project
from cdp_pipeline.settings import find_home
from cdp_pipeline_tests.docs.pages import README, ROOT, TOUR, blocks, commands, filled, links, pages
from cdp_pipeline_tests.docs.reference import FOLDER, reference
from cdp_pipeline_tests.docs.tour import publish

# Folders of the machine a page was written on mean nothing to its reader.
_MACHINE_PATH = re.compile(r"(?<![\w.<])/(work|tmp|root|home|Users|var)/[\w.-]")


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def program() -> Any:
    return typer.main.get_command(app)


@pytest.mark.parametrize("name", ["cli.md", "lineage.md", "settings.md", "tables.md"])
def test_the_reference_is_what_the_code_says(name: str) -> None:
    written = text_of(FOLDER / name)
    assert written == reference()[name], (
        "write it with: python -m cdp_pipeline_tests.docs.reference"
    )


def test_every_link_leads_to_a_file() -> None:
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in pages()
        for target in links(text_of(page))
        if not (page.parent / target).exists()
    ]
    assert broken == []


def test_every_cdp_command_exists_with_its_options(program: Any) -> None:
    wrong = []
    for page in pages():
        for words in commands(text_of(page), "cdp"):
            names = [word for word in words if not word.startswith("-")]
            options = {word.split("=")[0].rstrip(",;)") for word in words if word.startswith("--")}
            command = program.commands.get(names[0]) if names else program
            if command is None:  # a value of `cdp --home DIR run`, or no command
                found = [program.commands[name] for name in names if name in program.commands]
                command = found[0] if found else None
            known = {"--home", "--help"}
            known |= {option for p in (command.params if command else []) for option in p.opts}
            if command is None or not options <= known:
                wrong.append(f"{page.relative_to(ROOT)}: cdp {' '.join(words)}")
    assert wrong == []


def test_every_module_that_is_run_exists() -> None:
    wrong = [
        f"{page.relative_to(ROOT)}: python -m {words[1]}"
        for page in pages()
        for words in commands(text_of(page), "python")
        if words[:1] == ["-m"] and importlib.util.find_spec(words[1]) is None
    ]
    assert wrong == []


def test_every_make_target_exists() -> None:
    targets = set(re.findall(r"^([\w-]+):", text_of(ROOT / "Makefile"), re.MULTILINE))
    wrong = [
        f"{page.relative_to(ROOT)}: make {words[0]}"
        for page in pages()
        for words in commands(text_of(page), "make")
        if words and "=" not in words[0] and words[0] not in targets
    ]
    assert wrong == []


def test_no_page_names_a_folder_of_one_machine() -> None:
    wrong = [
        f"{page.relative_to(ROOT)}: {match[0]}"
        for page in pages()
        for match in _MACHINE_PATH.finditer(text_of(page))
    ]
    assert wrong == []


def test_every_query_of_the_tour_and_the_readme_fits_the_tables() -> None:
    home = find_home(ROOT)
    connection = duckdb.connect()
    for table in load_home_project(home).tables.values():
        columns = [f'"{column.name}" {column.type}' for column in table.columns]
        if table.made_by == "source":
            columns += ["_delivery varchar", "_file varchar", "_record_number bigint"]
        connection.execute(f"create schema if not exists {table.layer}")
        connection.execute(f"create table {table.name} ({', '.join(columns)})")
    publish(connection, home)
    for page in (TOUR, README):
        for block in blocks(text_of(page)):
            connection.sql(block.query).fetchall()


@pytest.mark.parametrize(("page", "least"), [(TOUR, 10), (README, 7)])
def test_the_rows_of_the_demo_stand_between_their_markers(page: Path, least: int) -> None:
    text = text_of(page)
    found = blocks(text)
    assert len(found) >= least
    assert len(found) == len(re.findall(r"<!-- (?:rows|row)(?::| -->)", text))
    assert [block.query for block in found if not text[block.start : block.end].strip()] == []
    assert filled(text, [text[block.start : block.end] for block in found]) == text
