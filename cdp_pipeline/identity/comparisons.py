"""How two values of each kind of column are compared.

Belongs here: the levels of agreement per kind, as Splink comparison dictionaries, with what to
believe about each level before any data is seen. Does not belong here: what a level is worth on
the data at hand (``train``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cdp_pipeline.identity.work import Evidence

# Labels of the levels at which two values are thought to be one value with slips.
SLIPS = ("nearly the same", "similar")


@dataclass(frozen=True)
class Level:
    """One level of agreement.

    Attributes
    ----------
    label
        What a reader sees.
    condition
        SQL over ``<column>_l`` and ``<column>_r``.
    match_share
        Share of matching pairs expected at this level before training.
    by_frequency
        Whether agreement on a rare value is worth more.
    """

    label: str
    condition: str
    match_share: float
    by_frequency: bool = False


def levels_of(evidence: Evidence, columns: frozenset[str]) -> list[Level]:
    """Return the levels of a column, best first, without the null level and "anything else".

    Parameters
    ----------
    evidence
        The column.
    columns
        All columns of the working table, for comparisons that look at a second one.
    """
    name = evidence.name
    kind = evidence.column.kind
    same = Level("same", f"{name}_l = {name}_r", 0.7, by_frequency=True)
    if kind == "given_name":
        return [same, *_given_name(name, columns)]
    if kind == "family_name":
        return [same, *_family_name(name, columns)]
    if kind == "date":
        return [same, *_date(name)]
    if kind == "email":
        return [same, *_email(name)]
    if kind == "phone":
        return [same, Level("one digit off", _edits(f"{name}_l", f"{name}_r", 1), 0.05)]
    if kind == "postcode":
        return [
            same,
            Level("one character off", _edits(f"{name}_l", f"{name}_r", 1), 0.08),
            Level("same area", f"left({name}_l, 3) = left({name}_r, 3)", 0.05),
        ]
    if kind == "address":
        return [same, *_address(name, columns)]
    if kind == "identifier":
        return [same, *([] if evidence.column.exactness == "exact" else _identifier(name))]
    if kind in ("text", "full_name"):
        return [same, *_text(name)]
    if kind == "source":
        return [Level("same", f"{name}_l = {name}_r", 0.5)]
    return [same]


def comparison(evidence: Evidence, columns: frozenset[str]) -> dict[str, Any]:
    """Return the Splink comparison of a column, with starting values for m."""
    name = evidence.name
    levels = levels_of(evidence, columns)
    rest = max(0.02, 1.0 - sum(level.match_share for level in levels))
    total = rest + sum(level.match_share for level in levels)
    entries: list[dict[str, Any]] = [
        {
            "sql_condition": f"{name}_l is null or {name}_r is null",
            "label_for_charts": "missing",
            "is_null_level": True,
        }
    ]
    for level in levels:
        entry: dict[str, Any] = {
            "sql_condition": level.condition,
            "label_for_charts": level.label,
            "m_probability": level.match_share / total,
        }
        if level.by_frequency:
            entry |= {"tf_adjustment_column": name, "tf_adjustment_weight": 1.0}
        entries.append(entry)
    entries.append(
        {"sql_condition": "ELSE", "label_for_charts": "different", "m_probability": rest / total}
    )
    return {"output_column_name": name, "comparison_levels": entries}


def _similar(name: str, least: float) -> str:
    return f"jaro_winkler_similarity({name}_l, {name}_r) >= {least}"


def _edits(left: str, right: str, most: int) -> str:
    """Return SQL for at most so many slips, an exchange of neighbours counting as one.

    The exact count costs a hundred times a first look at the two, so that comes first. A single
    slip leaves all before it or all after it as it was; numbers of one country begin alike, so more
    is asked of the beginning.
    """
    count = (
        f"jaro_winkler_similarity({left}, {right}) >= 0.8"
        f" and damerau_levenshtein({left}, {right}) <= {most}"
    )
    if most > 1:
        return count
    begin = f"least(length({left}), length({right})) - 5"
    return (
        f"(right({left}, 4) = right({right}, 4)"
        f" or left({left}, greatest({begin}, 0)) = left({right}, greatest({begin}, 0))) and {count}"
    )


def _given_name(name: str, columns: frozenset[str]) -> list[Level]:
    levels = []
    if f"{name}_forms" in columns:
        # One is a pet form of the other, or both are of a third name.
        levels.append(
            Level(
                "pet form",
                f"(list_contains({name}_forms_l, {name}_r) or"
                f" list_contains({name}_forms_r, {name}_l) or"
                f" list_has_any({name}_forms_l, {name}_forms_r))",
                0.08,
            )
        )
    levels.append(Level("nearly the same", _similar(name, 0.92), 0.06))
    if "family_name" in columns and name == "given_name":
        levels.append(Level("exchanged with the family name", _exchanged(), 0.02))
    if "middle_names" in columns and name == "given_name":
        # Called by another of one's given names.
        levels.append(Level("another given name of the other", _among_middle_names(), 0.03))
    levels += [
        Level(
            "initial fits",
            f"(length({name}_l) = 1 or length({name}_r) = 1) and {name}_initial_l"
            f" = {name}_initial_r",
            0.02,
        ),
        Level("similar", _similar(name, 0.8), 0.03),
    ]
    return levels


def _family_name(name: str, columns: frozenset[str]) -> list[Level]:
    levels = [Level("nearly the same", _similar(name, 0.92), 0.1)]
    if "given_name" in columns and name == "family_name":
        levels.append(Level("exchanged with the given name", _exchanged(), 0.02))
    levels += [
        Level(
            "one part of a double name",
            f"list_has_any(string_split({name}_l, ' '), string_split({name}_r, ' '))",
            0.03,
        ),
        Level("similar", _similar(name, 0.8), 0.04),
    ]
    return levels


def _among_middle_names() -> str:
    """Return SQL for a given name that stands among the other record's middle names."""
    return " or ".join(
        f"(middle_names_{b} is not null and length(given_name_{a}) > 1"
        f" and contains(' ' || middle_names_{b} || ' ', ' ' || given_name_{a} || ' '))"
        for a, b in (("l", "r"), ("r", "l"))
    )


def _exchanged() -> str:
    """Return SQL for names that stand in each other's place in one of the two records.

    Both names have to fit: one alone is what two members of a family have in common.
    """
    one, other = ("given_name_l", "family_name_r"), ("family_name_l", "given_name_r")
    return " or ".join(
        f"({a[0]} = {a[1]} and jaro_winkler_similarity({b[0]}, {b[1]}) >= 0.8)"
        for a, b in ((one, other), (other, one))
    )


def _date(name: str) -> list[Level]:
    left, right = f"{name}_text_l", f"{name}_text_r"
    return [
        Level(
            "day and month exchanged",
            f"{left} = left({right}, 4) || right({right}, 2) || substr({right}, 5, 2)",
            0.02,
        ),
        Level("one digit off", _edits(left, right, 1), 0.1),
        Level("same day and month", f"right({left}, 4) = right({right}, 4)", 0.04),
        Level("same year", f"left({left}, 4) = left({right}, 4)", 0.04),
        Level("two digits off", _edits(left, right, 2), 0.03),
    ]


def _email(name: str) -> list[Level]:
    return [
        Level("same before the @", f"{name}_user_l = {name}_user_r", 0.05),
        Level(
            "nearly the same",
            f"abs(length({name}_l) - length({name}_r)) <= 2 and {_similar(name, 0.9)}"
            f" and damerau_levenshtein({name}_l, {name}_r) <= 2",
            0.05,
        ),
        Level("similar", _similar(name, 0.9), 0.05),
    ]


def _address(name: str, columns: frozenset[str]) -> list[Level]:
    if name != "address" or not {"street", "house_number"} <= columns:
        return [
            Level("nearly the same", _similar(name, 0.92), 0.1),
            Level("similar", _similar(name, 0.8), 0.03),
        ]
    # Two houses of a street are spelt alike, and are two homes.
    other_house = "coalesce(house_number_l <> house_number_r, false)"
    return [
        Level("nearly the same", f"not {other_house} and {_similar(name, 0.92)}", 0.1),
        Level("same street", "street_l = street_r", 0.03),
        Level("similar", _similar(name, 0.8), 0.03),
    ]


def _identifier(name: str) -> list[Level]:
    return [
        Level("one character off", _edits(f"{name}_l", f"{name}_r", 1), 0.1),
        Level("two characters off", _edits(f"{name}_l", f"{name}_r", 2), 0.03),
    ]


def _text(name: str) -> list[Level]:
    return [
        Level("nearly the same", _similar(name, 0.9), 0.1),
        Level(
            "shares a word",
            f"list_has_any(string_split({name}_l, ' '), string_split({name}_r, ' '))",
            0.04,
        ),
    ]
