"""``cdp sql``, ``cdp lineage`` and ``cdp check``: looking at a home without changing it."""

from __future__ import annotations

import csv
import json
import sys
from typing import Any

import duckdb
from rich.console import Console
from rich.table import Table as RichTable
from rich.tree import Tree

from cdp_pipeline.errors import CdpError
from cdp_pipeline.project import load_home_project
from cdp_pipeline.settings import Home
from cdp_pipeline.warehouse import databases
from cdp_pipeline.warehouse.engine import literal
from cdp_pipeline.warehouse.exports import read_exports

_SHOWN_ROWS = 100


def query_release(home: Home, query: str, *, with_vault: bool, form: str) -> None:
    """Run queries on the published tables and print their rows."""
    file = home.databases / databases.OPEN
    if not file.exists():
        raise CdpError("There is no release yet.", "`cdp run` publishes one.")
    with duckdb.connect(str(file), read_only=True) as connection:
        if with_vault:
            vault = home.databases / databases.VAULT
            connection.execute(f"attach {literal(vault)} as vault (read_only)")
        if query or not sys.stdin.isatty():
            _print_rows(connection, query or sys.stdin.read(), form)
            return
        _prompt(connection, form)


def _prompt(connection: duckdb.DuckDBPyConnection, form: str) -> None:
    """Read statements from a person until the end of input."""
    import readline  # noqa: F401  arrow keys and history for input()

    console = Console()
    console.print("Published tables: `show tables;`. A statement ends with `;`, Ctrl-D leaves.")
    lines: list[str] = []
    while True:
        try:
            lines.append(input("cdp> " if not lines else "...> "))
        except EOFError:
            console.print()
            return
        if lines[-1].rstrip().endswith(";"):
            try:
                _print_rows(connection, "\n".join(lines), form)
            except CdpError as error:
                console.print(str(error), style="red", markup=False)
            lines = []


def _print_rows(connection: duckdb.DuckDBPyConnection, query: str, form: str) -> None:
    try:
        # Typed as never None, but a statement without rows (`attach`) gives none.
        result: duckdb.DuckDBPyRelation | None = connection.sql(query)
        if result is None:
            return
        names = result.columns
        rows = result.fetchall()
    except duckdb.Error as error:
        raise CdpError(str(error)) from None
    if form == "csv":
        writer = csv.writer(sys.stdout)
        writer.writerow(names)
        writer.writerows(rows)
    elif form == "json":
        plain = [dict(zip(names, row, strict=True)) for row in rows]
        sys.stdout.write(json.dumps(plain, default=str, ensure_ascii=False, indent=1) + "\n")
    else:
        _print_table(names, rows)


def _print_table(names: list[str], rows: list[tuple[Any, ...]]) -> None:
    table = RichTable(*names)
    for row in rows[:_SHOWN_ROWS]:
        table.add_row(*("" if value is None else str(value) for value in row))
    console = Console()
    console.print(table)
    if len(rows) > _SHOWN_ROWS:
        console.print(f"{_SHOWN_ROWS} of {len(rows):,} rows; `--format csv` prints all.")


def check_home(home: Home, console: Console) -> None:
    """Compile contracts and models, and check that exports hold only what they may."""
    project = load_home_project(home)
    exports = read_exports(home, project)
    layers = {layer: 0 for layer in project.layers}
    for table in project.tables.values():
        layers[table.layer] += 1
    said = ", ".join(f"{layer} {count}" for layer, count in layers.items() if count)
    console.print(f"{len(project.tables)} tables compile ({said}); {len(exports)} are published.")


def show_lineage(home: Home, column: str, console: Console) -> None:
    """Print the trees of a column's origins and uses."""
    project = load_home_project(home)
    table, _, name = column.rpartition(".")
    if "." not in table:
        published = {export.name: export.table for export in read_exports(home, project)}
        table = published.get(table, table)
    if table not in project.tables:
        raise CdpError(
            f"There is no table {table}.", "`cdp check` counts them, `cdp dev` shows them."
        )
    try:
        lineage = project.lineage(table, name)
    except KeyError:
        known = ", ".join(c.name for c in project.tables[table].columns)
        raise CdpError(f"{table} has no column {name}.", f"It has {known}.") from None
    found = project.tables[table].column[name]
    console.print(f"[bold]{table}.{name}[/] {found.type}: {found.doc}")
    console.print(_branch(Tree("made from"), lineage.upstream))
    console.print(_branch(Tree("goes into"), lineage.downstream))


def _branch(tree: Tree, node: Any) -> Tree:
    for child in node.next:
        mark = " …" if child.is_repeated else ""
        _branch(tree.add(f"{child.table}.{child.column}{mark}"), child)
    return tree
