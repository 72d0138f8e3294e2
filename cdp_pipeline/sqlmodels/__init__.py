"""Plain SQL files, compiled into a project.

`load_project` reads a home's ``dbt_like_sql/`` over the package's and returns a `Project`: every
table in the order in which it can be made, with its statement, description, owner, key, rules,
what it reads, and for each column type, doc, classes of personal data and lineage. What is wrong
is a `ProjectError` with all `Problem` s: file, line, what, and what to do.

================  ================================================================================
tables            Table, Column, Rule, Project (lineage, check_exports), the source Protocols
problems          Problem, ProjectError
load              the order of the steps, and the rules about how tables hang together
files             which file counts: the home's or the package's
declarations      ``_tables.yml``, ``_entity.yml``, ``layers.yml``, typed; ``yaml_lines`` reads them
statements        one SQL file, parsed
house_rules       what SQL may not do here, and the names of the rules
drafts, order     tables as declared, and the order among them
entities          staging entities as unions; the attribute table
dry_run           types from the engine, over no rows
column_lineage    what a column's value is made of
compile           all of it in one pass
personal          classes of personal data along the lineage; `personal_report`
graph_text        the graph as text, for a committed snapshot
cache             a compiled project, kept until a byte of its files changes
================  ================================================================================

Nothing here imports dagster, and nothing reads data.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cdp_pipeline.sqlmodels.graph_text import graph_text
from cdp_pipeline.sqlmodels.personal import PersonalReport, Removal, personal_report
from cdp_pipeline.sqlmodels.problems import Problem, ProjectError
from cdp_pipeline.sqlmodels.tables import (
    DIRECT_CLASSES,
    PERSONAL_CLASSES,
    Column,
    ColumnName,
    Lineage,
    LineageNode,
    Project,
    Rule,
    SourceColumnLike,
    SourceTableLike,
    Table,
)

__all__ = [
    "DIRECT_CLASSES",
    "PERSONAL_CLASSES",
    "Column",
    "ColumnName",
    "Lineage",
    "LineageNode",
    "PersonalReport",
    "Problem",
    "Project",
    "ProjectError",
    "Removal",
    "Rule",
    "SourceColumnLike",
    "SourceTableLike",
    "Table",
    "graph_text",
    "load_project",
    "personal_report",
]


def load_project(
    home_sql: Path,
    package_sql: Path,
    sources: Sequence[SourceTableLike],
    *,
    cache: Path | None = None,
) -> Project:
    """Return the compiled project of a home.

    Parameters
    ----------
    home_sql : Path
        The home's ``dbt_like_sql``: its staging SQL, and files that override the package's.
    package_sql : Path
        The package's ``dbt_like_sql``; may be the same folder.
    sources : Sequence[SourceTableLike]
        The source tables, from the home's contracts.
    cache : Path, optional
        A folder for compiled projects; without it everything is compiled anew.

    Raises
    ------
    ProjectError
        With every problem found.
    """
    from cdp_pipeline.sqlmodels.cache import cache_key, cached
    from cdp_pipeline.sqlmodels.files import find_files

    files = find_files(home_sql, package_sql)

    def compiled() -> Project:
        # sqlglot and duckdb are imported only when something has to be compiled.
        from cdp_pipeline.sqlmodels.load import compile_project

        return compile_project(files, sources)

    if cache is None:
        return compiled()
    return cached(cache, cache_key(files, sources), compiled)
