"""The report shows what the tables hold, says when they hold nothing, and needs no network."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlglot
from sqlglot import exp

from cdp_pipeline.declared import DeclarationError
from cdp_pipeline.project import load_home_project
from cdp_pipeline.report.blocks import report_blocks, written
from cdp_pipeline.report.declared import ReportPlan, load_report
from cdp_pipeline.report.page import DATA_DOCS, report_page
from cdp_pipeline.settings import find_home, package_sql
from cdp_pipeline.sqlmodels import Project
from cdp_pipeline_tests.homes import ROOT, DemoHome

SHIPPED = package_sql() / "export" / "report.yml"
PLAN = """
sections:
  - name: animals
    question: Which animals <are> there?
    blocks:
      - name: counts
        title: Animals & friends
        sql: select name, legs from farm.animals order by name
        facts: select count(*) as animals, max(legs) as most, 0.375 as share from farm.animals
        says: "{animals} animals, {share:percent} of them calm, at most {most} legs."
        table:
          name: {label: animal}
          legs: {label: legs, format: integer}
      - name: legs
        title: Legs
        sql: select name, legs from farm.animals order by name
        picture:
          mark: bar
          encoding:
            x: {field: name, type: nominal}
            y: {field: legs, type: quantitative}
        when_empty: There is no animal.
"""


@pytest.fixture(scope="module")
def shipped() -> ReportPlan:
    return load_report(SHIPPED)


@pytest.fixture(scope="module")
def project() -> Project:
    return load_home_project(find_home(ROOT))


def plan_of(folder: Path, text: str = PLAN) -> ReportPlan:
    file = folder / "report.yml"
    file.write_text(text, encoding="utf-8")
    return load_report(file)


def blocks_of(plan: ReportPlan, setup: str) -> dict[str, dict[str, Any]]:
    with duckdb.connect() as connection:
        connection.execute(setup)
        made = report_blocks(connection, plan)["export.report_blocks"]
        return {
            row["block"]: row for row in connection.sql(f"from {made}").to_arrow_table().to_pylist()
        }


FARM = """
create schema farm;
create table farm.animals (name varchar, legs integer);
"""
TWO = FARM + "insert into farm.animals values ('hen', 2), ('<b>cow</b>', 12345);"


def test_a_table_and_a_sentence_show_the_rows_of_the_query(tmp_path: Path) -> None:
    block = blocks_of(plan_of(tmp_path), TWO)["counts"]
    assert block["says"] == "2 animals, 37.5\u202f% of them calm, at most 12\u202f345 legs."
    assert json.loads(block["content"])["rows"] == [["<b>cow</b>", "12\u202f345"], ["hen", "2"]]


def test_a_query_without_rows_says_so_instead_of_drawing(tmp_path: Path) -> None:
    block = blocks_of(plan_of(tmp_path), FARM)["legs"]
    assert (block["kind"], block["says"], block["svg"]) == ("empty", "There is no animal.", None)


def test_a_picture_draws_every_row_and_is_the_same_each_time(tmp_path: Path) -> None:
    first, again = (blocks_of(plan_of(tmp_path), TWO)["legs"]["svg"] for _ in range(2))
    assert first == again
    assert first.count('aria-roledescription="bar"') == 2
    assert 'aria-label="Legs"' in first


def test_the_page_escapes_what_the_data_hold(tmp_path: Path) -> None:
    blocks = list(blocks_of(plan_of(tmp_path), TWO).values())
    manifest = {"company": "<i>Å</i>", "release": "r", "as_of_on": "2026-01-01", "tables": {}}
    page = report_page(manifest, blocks)
    assert "<b>cow" not in page
    assert "&lt;b&gt;cow" in page
    assert "&lt;i&gt;Å" in page
    assert "Which animals &lt;are&gt; there?" in page


def test_a_block_that_shows_two_things_is_named_with_its_line(tmp_path: Path) -> None:
    text = PLAN.replace(
        "        picture:\n", "        figures: {legs: {label: legs}}\n        picture:\n"
    )
    with pytest.raises(DeclarationError, match=r"report\.yml:\d+: .*legs must show exactly one"):
        plan_of(tmp_path, text)


@pytest.mark.parametrize(
    ("value", "form", "said"),
    [
        (None, "money", "–"),
        (-1234.6, "money", "\u22121\u202f235"),
        (-0.2, "integer", "0"),
        (0.125, "percent", "12.5\u202f%"),
        (1.5, "number", "1.500"),
        ("Åse", "text", "Åse"),
    ],
)
def test_values_are_written_the_nordic_way(value: object, form: str, said: str) -> None:
    assert written(value, form) == said


def test_the_step_reads_exactly_the_tables_its_queries_name(
    shipped: ReportPlan, project: Project
) -> None:
    read: set[str] = set()
    for section in shipped.sections:
        for block in section.blocks:
            for query in filter(None, (block.sql, block.facts)):
                for table in sqlglot.parse_one(query, dialect="duckdb").find_all(exp.Table):
                    if table.db:
                        read.add(f"{table.db}.{table.name}")
                    assert not table.catalog
    assert read == set(project.tables["export.report_blocks"].reads)


def test_every_block_binds_and_says_something_when_nothing_was_delivered(
    shipped: ReportPlan, project: Project
) -> None:
    setup = []
    for name in project.tables["export.report_blocks"].reads:
        layer, table = name.split(".")
        columns = ", ".join(f'"{c.name}" {c.type}' for c in project.tables[name].columns)
        setup += [
            f"create schema if not exists {layer}",
            f"create table {layer}.{table} ({columns})",
        ]
    for block in blocks_of(shipped, ";".join(setup)).values():
        assert block["says"] or block["kind"] != "empty", block["block"]
        assert "None" not in block["content"] + block["says"], block["block"]


def test_every_query_is_ordered(shipped: ReportPlan) -> None:
    for section in shipped.sections:
        for block in section.blocks:
            query = sqlglot.parse_one(block.sql, dialect="duckdb")
            is_one_row = bool(block.figures)
            assert is_one_row or query.args.get("order"), block.name


def test_pictures_are_about_tables_that_exist(shipped: ReportPlan, project: Project) -> None:
    about = {block.about for section in shipped.sections for block in section.blocks}
    assert about - {""} <= set(project.tables)


def test_the_page_of_a_release_names_its_tables_and_needs_no_network(
    published_home: DemoHome,
) -> None:
    page = (published_home.latest / "report.html").read_text(encoding="utf-8")
    for name in published_home.manifest()["tables"]:
        assert f'id="table-{name}"' in page
    links = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert links
    outside = [link for link in links if not link.startswith("#")]
    assert outside == [DATA_DOCS]
    assert (published_home.latest.resolve() / DATA_DOCS).is_file()
    assert "<script" not in page


def test_the_report_command_says_where_the_page_is(published_home: DemoHome) -> None:
    said = published_home.cdp("report", "--no-open").strip()
    assert Path(said).is_file()
    assert Path(said).name == "report.html"
