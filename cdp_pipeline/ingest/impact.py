"""What a source column goes into: the published columns downstream of it, by column lineage.

Belongs here: following the lineage from a column to what is published. Which columns drifted is
``drift``'s business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from cdp_pipeline.sqlmodels import Project
from cdp_pipeline.sqlmodels.tables import LineageNode


def published_columns(
    project: Project, published: Mapping[str, str]
) -> Callable[[str, str], Sequence[str]]:
    """Return a function from a source column to the published columns its values go into.

    Parameters
    ----------
    project : Project
    published : Mapping
        Published name by ``layer.table``, in the order in which they are to be named.
    """
    order = {table: place for place, table in enumerate(published)}

    def touched(table: str, column: str) -> Sequence[str]:
        if table not in project.tables or column not in project.tables[table].column:
            return ()
        nodes = set(_nodes(project.lineage(table, column).downstream))
        found = sorted((order[t], c) for t, c in nodes if t in order)
        names = list(published.values())
        return [f"{names[place]}.{name}" for place, name in found]

    return touched


def _nodes(node: LineageNode) -> Iterator[tuple[str, str]]:
    for child in node.next:
        yield child.table, child.column
        yield from _nodes(child)
