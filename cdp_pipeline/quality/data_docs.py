"""Data Docs: a page per table with its rules, what came of them, and its columns.

Belongs here: the site in ``data/warehouse/data_docs``, made of what the last run left beside each
table. Pages are put together of Great Expectations' content blocks and drawn by its views, inside a
page of our own: the library's loads its styles and scripts from six hosts. Beside each page lie
suite and result in the library's own format. A page is drawn anew when something on it changed;
nothing on it tells when that was.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cdp_pipeline.sqlmodels.tables import Table

if TYPE_CHECKING:
    from cdp_pipeline.quality.rendering import Pages

_KEPT = ".drawn.json"


@dataclass(frozen=True)
class Checked:
    """A table with what its last run left.

    Attributes
    ----------
    table : Table
    rows : int
    checks : sequence of mapping
        Its results, as they are kept with its version.
    profile : sequence of mapping
        Profiles of its columns, empty where it has none.
    """

    table: Table
    rows: int
    checks: Sequence[Mapping[str, Any]]
    profile: Sequence[Mapping[str, Any]] = ()

    @property
    def failed(self) -> tuple[Mapping[str, Any], ...]:
        """The checks that fail."""
        return tuple(check for check in self.checks if not check["passed"])

    def failing_rules(self, severity: str) -> int:
        """Return how many rules of a severity fail."""
        return sum(1 for check in self.failed if check["severity"] == severity)


@dataclass(frozen=True)
class Site:
    """What became of the site.

    Attributes
    ----------
    index : Path
        Its first page.
    pages : int
    drawn : int
        Pages drawn anew.
    """

    index: Path
    pages: int
    drawn: int


def draw_site(folder: Path, tables: Sequence[Checked], *, title: str, version: str) -> Site:
    """Bring the site up to date.

    Parameters
    ----------
    folder : Path
    tables : sequence of Checked
        In the order of the first page.
    title : str
        Heading of the first page.
    version : str
        Hash of the code that draws; pages drawn by another are drawn anew.
    """
    known = _known(folder)
    state = {table.table.name: _state(table, version) for table in tables}
    state["index"] = _state_of([*state.values(), title])
    stale = {name for name in state if known.get(name) != state[name]}
    stale |= {name for name in state if not (folder / f"{name}.html").exists()}
    if stale:
        _draw(folder, tables, title, stale)
        for name in set(known) - set(state):
            _remove(folder, name)
        _write(folder / _KEPT, json.dumps(state, indent=1, sort_keys=True))
    return Site(folder / "index.html", len(state), len(stale))


def _draw(folder: Path, tables: Sequence[Checked], title: str, stale: set[str]) -> None:
    # Great Expectations takes a second to import: not for a site that is up to date.
    from cdp_pipeline.quality.rendering import Pages

    pages = Pages()
    for checked in tables:
        if checked.table.name in stale:
            for file, text in _files(pages, checked):
                _write(folder / file, text)
    _write(folder / "index.html", pages.index(tables, title))


def _files(pages: Pages, checked: Checked) -> Iterator[tuple[str, str]]:
    name = checked.table.name
    yield f"{name}.html", pages.page(checked)
    yield f"expectations/{name}.json", _json(pages.suite(checked))
    yield f"validations/{name}.json", _json(pages.result(checked))


def _json(content: Any) -> str:
    return json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def _state(checked: Checked, version: str) -> str:
    table = checked.table
    columns = [(c.name, c.type, c.doc, sorted(c.personal)) for c in table.columns]
    about = [table.description, table.owner, table.key, columns, repr(table.rules)]
    seen = [version, checked.rows, [dict(c) for c in checked.checks], list(checked.profile)]
    return _state_of([about, seen])


def _state_of(parts: Any) -> str:
    from cdp_pipeline.warehouse.store import fingerprint_of  # which evaluates rules itself

    return fingerprint_of({"parts": parts})


def _known(folder: Path) -> dict[str, str]:
    try:
        known: dict[str, str] = json.loads((folder / _KEPT).read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
    return known


def _remove(folder: Path, name: str) -> None:
    for file in (f"{name}.html", f"expectations/{name}.json", f"validations/{name}.json"):
        (folder / file).unlink(missing_ok=True)


def _write(file: Path, text: str) -> None:
    from cdp_pipeline.warehouse.store import write_text

    write_text(file, text)
