"""From a folder of SQL to a compiled project.

Belongs here: the order of the steps (read, check each file, sort, type, trace, class), and the
rules about how tables hang together. Each step's own knowledge stands in its module. Every
problem is collected, so that one check shows them all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from cdp_pipeline.sqlmodels.compile import compile_drafts
from cdp_pipeline.sqlmodels.drafts import Draft, published_names, read_drafts
from cdp_pipeline.sqlmodels.files import ProjectFiles
from cdp_pipeline.sqlmodels.order import in_order
from cdp_pipeline.sqlmodels.personal import with_personal_classes
from cdp_pipeline.sqlmodels.problems import Problem, ProjectError
from cdp_pipeline.sqlmodels.tables import PREVIOUS, Project, SourceTableLike


def compile_project(files: ProjectFiles, sources: Sequence[SourceTableLike]) -> Project:
    """Return the compiled project of the given files and source tables.

    Raises
    ------
    ProjectError
        With every problem found.
    """
    problems: list[Problem] = []
    found = read_drafts(files, sources, problems)
    rank = {layer: position for position, layer in enumerate(found.layers)}
    ordered, cycles = in_order(
        {name: draft.reads for name, draft in found.drafts.items()},
        lambda name: (rank[found.drafts[name].layer], name),
    )
    problems.extend(_cycle_problem(cycle, found.drafts) for cycle in cycles)
    for draft in found.drafts.values():
        problems.extend(_read_problems(draft, found.drafts, rank))
        problems.extend(_previous_problems(draft, found.previous.get(draft.layer, {})))
    tables = compile_drafts(found, ordered, problems)
    if problems:
        raise ProjectError(problems)
    published = {
        f"{PREVIOUS}.{bare}": name for bare, name in published_names(found.layers, tables).items()
    }
    return Project(with_personal_classes(tables, published), found.layers, found.previous)


def _cycle_problem(cycle: Sequence[str], drafts: Mapping[str, Draft]) -> Problem:
    draft = drafts[cycle[0]]
    following = cycle[1] if len(cycle) > 1 else cycle[0]
    file, line = draft.place_of_read(following)
    way = " reads ".join([*cycle, cycle[0]])
    return Problem(
        file,
        line,
        f"a cycle: {way}",
        "take what both need into a table of its own, or read the last release as previous.<table>",
        "cycle",
    )


def _read_problems(
    draft: Draft, drafts: Mapping[str, Draft], rank: Mapping[str, int]
) -> list[Problem]:
    problems = []
    for read in draft.reads:
        file, line = draft.place_of_read(read)
        if read not in drafts:
            close = get_close_matches(read, drafts, 3)
            hint = f"perhaps {' or '.join(close)}" if close else "declare it, or mend the name"
            problems.append(Problem(file, line, f"there is no table {read}", hint, "unknown"))
        elif rank[drafts[read].layer] > rank[draft.layer]:
            problems.append(
                Problem(
                    file,
                    line,
                    f"{draft.name} reads {read}, which is in a higher layer",
                    f"layers read themselves and lower ones: {', '.join(rank)}",
                    "layer",
                )
            )
    return problems


def _previous_problems(draft: Draft, declared: Mapping[str, Mapping[str, str]]) -> list[Problem]:
    problems = []
    for read in draft.previous_reads:
        if read not in declared:
            file, line = draft.place_of_read(f"{PREVIOUS}.{read}")
            problems.append(
                Problem(
                    file,
                    line,
                    f"{PREVIOUS}.{read} is read and not declared in {draft.layer}/_tables.yml",
                    f"declare the columns that are read: _previous: {{{read}: {{column: type}}}}",
                    "previous",
                )
            )
    return problems
