"""The compiled graph as text.

Belongs here: one stable text that shows in a review what changed between tables, for a committed
snapshot. Docs are left out: they change without the graph changing.
"""

from __future__ import annotations

from cdp_pipeline.sqlmodels.tables import PREVIOUS, Project, Table


def graph_text(project: Project) -> str:
    """Return for each table what it reads, its key, and its columns with types.

    Tables stand by layer and name; columns in their order, ``*`` for a key, classes of personal
    data in brackets.
    """
    order = {layer: position for position, layer in enumerate(project.layers)}
    tables = sorted(project.tables.values(), key=lambda table: (order[table.layer], table.name))
    return "\n".join(_table_text(table) for table in tables)


def _table_text(table: Table) -> str:
    reads = [*table.reads, *(f"{PREVIOUS}.{name}" for name in table.previous_reads)]
    lines = [f"{table.name} ({table.made_by})"]
    lines.extend(f"  reads {read}" for read in reads)
    for column in table.columns:
        star = "*" if column.name in table.key else ""
        classes = f" [{', '.join(sorted(column.personal))}]" if column.personal else ""
        lines.append(f"  {column.name}{star}: {column.type}{classes}")
    return "\n".join(lines) + "\n"
