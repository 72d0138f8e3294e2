"""The asset graph, as review sees it and as Dagster's users know it."""

from __future__ import annotations

import ast
from pathlib import Path

import dagster as dg
import pytest

from cdp_pipeline.definitions import build, python_steps
from cdp_pipeline.project import load_home_project
from cdp_pipeline.settings import find_home
from cdp_pipeline.sqlmodels import Project
from cdp_pipeline_tests.graph.update import ROOT, SNAPSHOT, current_graph

PACKAGE = ROOT / "cdp_pipeline"
DAGSTER_SIDE = {"defs", "definitions.py", "cli"}


@pytest.fixture(scope="module")
def project() -> Project:
    return load_home_project(find_home(ROOT))


@pytest.fixture(scope="module")
def definitions() -> dg.Definitions:
    return build(find_home(ROOT))


def test_the_graph_is_the_committed_one() -> None:
    assert current_graph() == SNAPSHOT.read_text("utf-8"), (
        "the graph changed; look at the difference, then "
        "`python -m cdp_pipeline_tests.graph.update`"
    )


def test_every_table_is_an_asset_with_what_dagster_shows(
    project: Project, definitions: dg.Definitions
) -> None:
    graph = definitions.resolve_asset_graph()
    for name, table in project.tables.items():
        node = graph.get(dg.AssetKey(name.split(".")))
        assert node.group_name == table.layer
        assert node.owners == [f"team:{table.owner}"]
        assert str(node.description).startswith("One row per")
        schema = node.metadata["dagster/column_schema"]
        assert [column.name for column in schema.columns] == [c.name for c in table.columns]
        assert all(column.description and column.type for column in schema.columns)
        assert "dagster/column_lineage" in node.metadata
        assert node.metadata["dagster/code_references"].code_references
        assert node.check_keys
        assert node.freshness_policy is not None


def test_there_are_eight_groups(project: Project, definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    groups = {graph.get(key).group_name for key in graph.get_all_asset_keys()}
    assert groups == set(project.layers)
    assert len(groups) == 8


def test_a_table_depends_on_exactly_what_it_reads(
    project: Project, definitions: dg.Definitions
) -> None:
    graph = definitions.resolve_asset_graph()
    home = find_home(ROOT)
    more = {name: set(step.more_reads(home)) for step in python_steps() for name in step.makes}
    steps = {name: set(step.makes) for step in python_steps() for name in step.makes}
    for name, table in project.tables.items():
        if table.layer == "sources":
            continue
        parents = {
            ".".join(key.path) for key in graph.get(dg.AssetKey(name.split("."))).parent_keys
        }
        assert parents == (set(table.reads) | more.get(name, set())) - steps.get(name, set())


def test_jobs_schedules_and_the_sensor_are_there(definitions: dg.Definitions) -> None:
    repository = definitions.get_repository_def()
    assert {"daily_pipeline", "weekly_training"} <= {job.name for job in repository.get_all_jobs()}
    assert {s.name for s in repository.schedule_defs} == {"daily_pipeline", "weekly_training"}
    assert {s.name for s in repository.sensor_defs} == {"arriving_files"}


def test_every_table_made_in_python_has_one_step(project: Project) -> None:
    made = [name for step in python_steps() for name in step.makes]
    assert len(made) == len(set(made))
    wanted = {n for n, t in project.tables.items() if t.made_by == "python"}
    assert {name for name in wanted if not name.startswith("sources.")} == set(made)


def imports_of(file: Path) -> set[str]:
    """Return the top-level packages that a module imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


def test_logic_does_not_import_dagster() -> None:
    guilty = [
        str(file.relative_to(PACKAGE))
        for file in sorted(PACKAGE.rglob("*.py"))
        if file.relative_to(PACKAGE).parts[0] not in DAGSTER_SIDE and "dagster" in imports_of(file)
    ]
    assert guilty == []


@pytest.mark.parametrize("name", ["dagster.yaml", "workspace.yaml"])
def test_a_new_home_gets_the_same_dagster_settings(name: str) -> None:
    assert (ROOT / name).read_bytes() == (PACKAGE / "templates" / "home" / name).read_bytes()
