"""Looking at a home, changing nothing: sql, report, docs, deliveries, lineage, check."""

from __future__ import annotations

import csv
import difflib
import json
import sys
import webbrowser
from typing import Any

import duckdb
from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable
from rich.tree import Tree

from cdp_pipeline.errors import CdpError
from cdp_pipeline.project import load_home_project
from cdp_pipeline.report import page
from cdp_pipeline.settings import Home
from cdp_pipeline.warehouse import databases
from cdp_pipeline.warehouse.engine import literal, translated
from cdp_pipeline.warehouse.exports import read_exports
from cdp_pipeline.warehouse.previous import latest_release
from cdp_pipeline.warehouse.store import Store

_SHOWN_ROWS = 100
_DELIVERIES = """
    select source_table, file, status, rows_delivered as rows, rows_loaded as loaded,
        rows_rejected as rejected,
        -- What drifted says the reason again, with what it goes into.
        concat_ws(
            ' ',
            case
                when not coalesce(contains(drift, split_part(reason, '; ', 1)), false) then reason
            end,
            drift,
            hint
        ) as "what to know"
    from {table}
    order by source_table, sequence, file
"""
_REJECTED = """
    select source_table, file, column_name as "column", reason, count(*) as rows,
        min(record_number) as "first record", any_value(repair_hint order by record_number) as hint
    from {table}
    group by all
    order by all
"""


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
            statement = query or sys.stdin.read()
            if not statement.strip():
                raise CdpError("There is no query.", '`cdp sql "show tables"` lists the tables.')
            _print_rows(connection, statement, form)
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
    table = RichTable(*map(escape, names))
    for row in rows[:_SHOWN_ROWS]:
        table.add_row(*("" if value is None else escape(str(value)) for value in row))
    console = Console()
    console.print(table)
    if len(rows) > _SHOWN_ROWS:
        console.print(f"{_SHOWN_ROWS} of {len(rows):,} rows; `--format csv` prints all.")


def show_deliveries(home: Home, *, rejected: bool, console: Console) -> None:
    """Print what became of every landed file, or why rows were rejected; never a row's text."""
    store = Store(home)
    table = "sources.rejected_rows" if rejected else "sources.deliveries"
    head = store.needed_head(table, by="cdp deliveries")
    query = _REJECTED if rejected else _DELIVERIES
    with translated("reading the ledger"), duckdb.connect() as connection:
        result = connection.sql(query.format(table=f"({store.select(head)})"))
        names, rows = result.columns, result.fetchall()
    shown = RichTable(*names)
    for row in rows:
        shown.add_row(*("" if value is None else escape(str(value)) for value in row))
    console.print(shown if rows else "None.")


def open_report(home: Home, console: Console, *, is_opened: bool) -> None:
    """Print where the latest report is and, where there is a screen, open it."""
    release = latest_release(home.exports)
    if release is None:
        raise CdpError("There is no release yet.", "`cdp run` publishes one.")
    file = release.folder / page.FILE
    if not file.exists():
        raise CdpError(
            f"Release {release.name} is older than the report.", "The next release has one."
        )
    console.print(str(file), markup=False, highlight=False)
    if is_opened:
        webbrowser.open(file.as_uri())


def open_data_docs(home: Home, console: Console, *, is_opened: bool) -> None:
    """Bring Data Docs up to date, print where they are and, where there is a screen, open them."""
    from cdp_pipeline.export.data_docs import data_docs

    project = load_home_project(home)
    if not Store(home).heads():
        raise CdpError("No table has been made yet.", "`cdp run` makes them.")
    site = data_docs(home, project)
    console.print(str(site.index), markup=False, highlight=False)
    if is_opened:
        webbrowser.open(site.index.as_uri())


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
    if not table:
        raise CdpError(
            f"{column} names no column.", "Write layer.table.column, or the published table.column."
        )
    if "." not in table:
        published = {export.name: export.table for export in read_exports(home, project)}
        table = published.get(table, table)
    if table not in project.tables:
        near = difflib.get_close_matches(table, project.tables, n=3, cutoff=0.5)
        hint = f"Perhaps {' or '.join(near)}." if near else "`cdp dev` shows all tables."
        raise CdpError(f"There is no table {table}.", hint)
    try:
        lineage = project.lineage(table, name)
    except KeyError:
        known = ", ".join(c.name for c in project.tables[table].columns)
        raise CdpError(f"{table} has no column {name}.", f"It has {known}.") from None
    found = project.tables[table].column[name]
    console.print(f"{table}.{name} {found.type}: {found.doc}", markup=False, style="bold")
    for words, nothing, node in (
        (
            "made from",
            "made from no column's value: constants, or rows that are there",
            lineage.upstream,
        ),
        ("goes into", "goes into no other column's value", lineage.downstream),
    ):
        console.print(_branch(Tree(words), node) if node.next else nothing)


def _branch(tree: Tree, node: Any) -> Tree:
    for child in node.next:
        mark = " …" if child.is_repeated else ""
        _branch(tree.add(f"{child.table}.{child.column}{mark}"), child)
    return tree
