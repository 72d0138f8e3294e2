"""Schema drift: how a delivered file's columns differ from its contract, and what that means.

Belongs here: matching a header to a contract by name, and classifying each difference. *Harmless*
drift is loaded and reported; *breaking* drift refuses the delivery, so that the last good data
stays. Messages name columns, never values.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from cdp_pipeline.ingest.contracts import SourceTable

DriftKind = Literal[
    "new_column",
    "missing_optional",
    "missing_required",
    "renamed",
    "reordered",
    "respelled",
    "duplicate_header",
    "type_change",
    "unfinished",
]


_MOST_SHOWN = 3
_MOST_NEW = 50


@dataclass(frozen=True, slots=True)
class Drift:
    """One difference between a file and its contract.

    Attributes
    ----------
    kind : str
        What kind of difference.
    is_breaking : bool
        Whether it refuses the delivery.
    column : str
        The contract's column, or the file's if the contract has none.
    message : str
        What was expected and found.
    hint : str
        What to do about it, with the line to change.
    """

    kind: DriftKind
    is_breaking: bool
    column: str
    message: str
    hint: str

    @property
    def takes_values(self) -> bool:
        """Return whether values that were there are not, so that what is made of them changes."""
        return self.kind not in ("new_column", "reordered", "respelled")

    def told(self, touched: Sequence[str]) -> str:
        """Return the message with the published columns that a column goes into."""
        if not touched or not self.takes_values:
            return self.message
        shown = ", ".join(touched[:_MOST_SHOWN])
        more = len(touched) - _MOST_SHOWN
        also = f" and {more} more" if more > 0 else ""
        return f"{self.message} (it goes into {shown}{also})"

    def as_json(self) -> dict[str, str | bool]:
        """Return it as plain values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class HeaderMatch:
    """Which contract column stands at which place of the file (None: none), and the drift."""

    columns: tuple[str | None, ...]
    drift: tuple[Drift, ...]

    @property
    def breaking(self) -> tuple[Drift, ...]:
        """Return the drift that refuses the delivery."""
        return tuple(drift for drift in self.drift if drift.is_breaking)

    @property
    def given(self) -> frozenset[str]:
        """Return the contract's columns that the file has."""
        return frozenset(name for name in self.columns if name is not None)


Likeness = Callable[[str, str], float]
"""Share of a file column's values (by header name) that look like a contract column's."""


def match_header(
    contract: SourceTable, header: Sequence[str], likeness: Likeness | None = None
) -> HeaderMatch:
    """Match a file's header to its contract by name, whatever the order.

    Parameters
    ----------
    contract : SourceTable
    header : sequence of str
        The names in the file.
    likeness : callable, optional
        Compares contents, so that a renamed column can be suggested.
    """
    places, drift = _places(contract, header)
    missing = [name for name in contract.columns if name not in places]
    taken = {place: name for name, place in places.items()}
    matched = tuple(taken.get(place) for place in range(len(header)))
    if 2 * len(places) < len(contract.columns):
        return HeaderMatch(matched, (_no_header(contract, places),))
    new = [title for title, name in zip(header, matched, strict=True) if name is None]
    gone, unclaimed = _missing(contract, missing, new, likeness)
    drift += [*gone, *_news(contract, unclaimed)]
    order = [name for name in matched if name is not None]
    if order != [name for name in contract.columns if name in places]:
        drift.append(
            Drift(
                "reordered",
                False,
                "",
                "its columns stand in another order than in the contract",
                "Nothing to do: columns are matched by name.",
            )
        )
    return HeaderMatch(matched, tuple(drift))


def match_fields(
    contract: SourceTable,
    fields: Sequence[str],
    likeness: Likeness | None,
    *,
    is_there: Callable[[str], bool],
    is_empty: bool,
) -> HeaderMatch:
    """Match the fields of objects to a contract; they have no order, and may be left out.

    Parameters
    ----------
    contract : SourceTable
    fields : sequence of str
        Dotted paths found in the first objects.
    likeness : callable or None
        As for `match_header`.
    is_there : callable
        Whether a field that the first objects lack may be in later ones.
    is_empty : bool
        Whether there are no objects at all.
    """
    places, drift = _places(contract, fields)
    taken = {place: name for name, place in places.items()}
    matched = tuple(taken.get(place) for place in range(len(fields)))
    if is_empty:
        return HeaderMatch(matched, ())
    if not places:
        return HeaderMatch(matched, (_no_header(contract, places),))
    missing = [
        name
        for name, column in contract.columns.items()
        if name not in places and not is_there(column.name_in_file)
    ]
    # Of a nested object the declared fields are looked at, or the object itself, not both.
    named = {title for title, name in zip(fields, matched, strict=True) if name is not None}
    new = [title for title in fields if not _is_around(title, named) and title not in named]
    gone, unclaimed = _missing(contract, missing, new, likeness)
    outer = [title for title in unclaimed if not any(title.startswith(f"{t}.") for t in new)]
    drift += [*gone, *_news(contract, outer)]
    return HeaderMatch(matched, tuple(drift))


def _is_around(title: str, named: Collection[str]) -> bool:
    return any(n.startswith(f"{title}.") or title.startswith(f"{n}.") for n in named)


def _places(contract: SourceTable, header: Sequence[str]) -> tuple[dict[str, int], list[Drift]]:
    """Return where each contract column stands in the file."""
    exact = Counter(header)
    counts = Counter(folded(title) for title in header)
    places: dict[str, int] = {}
    drift: list[Drift] = []
    for name, column in contract.columns.items():
        title = column.name_in_file
        if exact[title] == 1:
            places[name] = list(header).index(title)
        elif exact[title] > 1:
            drift.append(_duplicate(contract, name, title, exact[title]))
            places[name] = list(header).index(title)
        elif counts[folded(title)] == 1:
            place = [folded(other) for other in header].index(folded(title))
            places[name] = place
            drift.append(
                Drift(
                    "respelled",
                    False,
                    name,
                    f"column {_shown(title)} is spelt {_shown(header[place])} in the file",
                    f"Set name_in_file at {contract.where(f'columns.{name}')} if it stays so.",
                )
            )
    return places, drift


def _no_header(contract: SourceTable, places: Mapping[str, int]) -> Drift:
    """Return the drift of a first line that is hardly a header; it may be values: not shown."""
    where, hint = "first line", f", or set header: false at {contract.where('header')}"
    if contract.format != "csv":
        where, hint = "first objects" if contract.format == "jsonl" else "schema", ""
    return Drift(
        "missing_required",
        True,
        "",
        f"its {where} name{'s' * (where != 'first objects')} {len(places)} of the contract's"
        f" {len(contract.columns)} columns{' (is the header missing?)' * bool(hint)}",
        f"Compare it with columns at {contract.where('columns')}{hint}, or ask {contract.owner}.",
    )


def folded(title: str) -> str:
    """Return a header name without regard to case, width and spaces."""
    return "".join(unicodedata.normalize("NFKC", title).casefold().split())


def _is_like_a_value(title: str) -> bool:
    """Return whether a name is an address or a long number: a value that stands where names do."""
    has_number = re.fullmatch(r"[\d\s()+./-]+", title) and sum(c.isdigit() for c in title) >= 7
    return bool(has_number) or re.search(r"\w@\w", title) is not None


def _shown(title: str) -> str:
    """Return a header name for people: short, without control characters, and no value."""
    if _is_like_a_value(title):
        return "(hidden: its name looks like a value)"
    return repr("".join(c if c.isprintable() else "?" for c in title)[:60])


def _duplicate(contract: SourceTable, name: str, title: str, count: int) -> Drift:
    return Drift(
        "duplicate_header",
        True,
        name,
        f"the file has {count} columns called {_shown(title)}, so which one is meant is unclear",
        f"Ask the owner, {contract.owner}, for an export with one of them.",
    )


def _missing(
    contract: SourceTable, missing: Sequence[str], new: Sequence[str], likeness: Likeness | None
) -> tuple[list[Drift], list[str]]:
    """Return the drift of columns that the file lacks, and the new columns that are none of them.

    A new column that looks like a missing one is named with it, as what it is called now.
    """
    drift = []
    free = list(dict.fromkeys(new))
    for name in missing:
        renamed = _renamed_to(contract, name, free, likeness)
        place = contract.where(f"columns.{name}")
        title = _shown(contract.columns[name].name_in_file)
        is_breaking = contract.is_required(name)
        kind: DriftKind = "missing_required" if is_breaking else "missing_optional"
        hint = (
            f"Ask the owner, {contract.owner}, or change the column at {place}."
            if is_breaking
            else f"Its values are null. If it is gone for good, remove it at {place}."
        )
        message = f"column {title} is missing"
        if renamed is not None:
            kind = "renamed"
            free.remove(renamed)
            message += f"; the file's new column {_shown(renamed)} looks like it"
            hint = f"If it was renamed, set name_in_file: {_shown(renamed)} at {place}."
        drift.append(Drift(kind, is_breaking, name, message, hint))
    return drift, free


def _renamed_to(
    contract: SourceTable, name: str, new: Sequence[str], likeness: Likeness | None
) -> str | None:
    """Return the new column that a missing one is most like, by content, else by name."""
    if likeness is not None:
        scored = sorted(((likeness(title, name), title) for title in new), reverse=True)
        if scored and scored[0][0] >= 0.5:
            return scored[0][1]
    title = contract.columns[name].name_in_file
    by_folded = {folded(other): other for other in new}
    near = difflib.get_close_matches(folded(title), list(by_folded), n=1, cutoff=0.75)
    return by_folded[near[0]] if near else None


def _news(contract: SourceTable, titles: Sequence[str]) -> list[Drift]:
    """Return the drift of columns the contract does not have; of very many only a count."""
    hint = f"Add it to columns at {contract.where('columns')} to load it from the next delivery on."
    drift = [
        Drift(
            "new_column",
            False,
            title if title.isprintable() and not _is_like_a_value(title) else _shown(title),
            f"column {_shown(title)} is new; it is left out",
            hint,
        )
        for title in titles[:_MOST_NEW]
    ]
    if more := len(titles) - len(drift):
        message = f"{more} more columns are new; they are left out"
        drift.append(Drift("new_column", False, "", message, hint))
    return drift


def unnamed_column(contract: SourceTable, place: int) -> Drift:
    """Return the drift of a column that has values but no name in the header."""
    return Drift(
        "new_column",
        False,
        f"column {place}",
        f"column {place} has values but no name; it is left out",
        f"Ask the owner, {contract.owner}, to name it, or not to deliver it.",
    )


def type_change(contract: SourceTable, name: str, file_type: str) -> Drift:
    """Return the breaking drift of a Parquet column whose type does not go with the contract."""
    column = contract.columns[name]
    return Drift(
        "type_change",
        True,
        name,
        f"column {_shown(column.name_in_file)} is {file_type.lower()} in the file, but the contract"
        f" says type: {column.kind}",
        f"Change the type at {contract.where(f'columns.{name}')}, or ask {contract.owner}.",
    )


def values_changed(contract: SourceTable, name: str, found: str, share: str) -> Drift:
    """Return the breaking drift of a text column most of whose values are of another type."""
    column = contract.columns[name]
    return Drift(
        "type_change",
        True,
        name,
        f"column {_shown(column.name_in_file)} has other values than type: {column.kind} says:"
        f" {found} ({share})",
        f"Change type or format at {contract.where(f'columns.{name}')}, or ask {contract.owner}.",
    )


def refusal(breaking: Sequence[Drift]) -> tuple[str, str]:
    """Return reason and hint of a delivery that is refused for its drift."""
    return "; ".join(drift.message for drift in breaking), " ".join(d.hint for d in breaking)


def delimiter_hint(
    contract: SourceTable, header: Sequence[str], splits: Mapping[str, Sequence[str]]
) -> tuple[str, str] | None:
    """Return reason and hint if the header fits the contract with another delimiter.

    Parameters
    ----------
    contract : SourceTable
    header : sequence of str
        The header as the contract's delimiter splits it.
    splits : Mapping
        By other delimiter, the header as that one splits it.
    """
    wanted = {folded(column.name_in_file) for column in contract.columns.values()}

    def found(titles: Sequence[str]) -> int:
        return len(wanted & {folded(title) for title in titles})

    best = max(splits, key=lambda delimiter: found(splits[delimiter]), default=None)
    if best is None or found(splits[best]) <= found(header) or found(header) > 1:
        return None
    shown = "\\t" if best == "\t" else best
    return (
        f"its columns are separated by {shown!r}, but the contract says delimiter:"
        f" {contract.delimiter!r}",
        f'Change `delimiter:` at {contract.where("delimiter")} to "{shown}".',
    )
