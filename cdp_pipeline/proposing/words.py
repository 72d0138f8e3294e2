"""What column and table names say, in six languages.

Belongs here: cutting a header into words, and the meanings of words and of their combinations as
``column_words.yml`` declares them. What the values say is for ``shapes``.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_FILE = Path(__file__).with_name("column_words.yml")
_LETTERS = str.maketrans({"æ": "ae", "ø": "o", "ß": "ss", "đ": "d", "ł": "l", "þ": "th", "ð": "d"})
_SHORTEST_PART = 2
_SHORTEST_COMPOUND = 5
NOISE = "noise"


@dataclass(frozen=True)
class ColumnMeaning:
    """A column we know, as declared.

    Attributes
    ----------
    names : tuple of frozenset of str
        Combinations of meanings that name it.
    content : str
        What its values must look like; empty if anything will do.
    personal : str
        Its class of personal data.
    type : str
        ``text`` where it is never a number.
    """

    names: tuple[frozenset[str], ...]
    content: str = ""
    personal: str = "none"
    type: str = ""


@dataclass(frozen=True)
class Entity:
    """A staging entity, and what speaks for it."""

    named: frozenset[str]
    signs: tuple[str, ...]
    needs: tuple[tuple[str, ...], ...]
    columns: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Country:
    """A country as exports name it."""

    names: frozenset[str]
    currency: str
    zone: str
    calling: str


@dataclass(frozen=True)
class Vocabulary:
    """All that ``column_words.yml`` declares."""

    words: Mapping[str, str]
    columns: Mapping[str, ColumnMeaning]
    entities: Mapping[str, Entity]
    channels: Mapping[str, frozenset[str]]
    cancelled: frozenset[str]
    granted: frozenset[str]
    refused: frozenset[str]
    booleans: tuple[tuple[str, str], ...]
    nulls: tuple[str, ...]
    genders: frozenset[str]
    countries: Mapping[str, Country]


@functools.cache
def vocabulary() -> Vocabulary:
    """Return the declared words, columns and entities."""
    # As text throughout: YAML takes no and on for booleans.
    raw: dict[str, Any] = yaml.load(_FILE.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    words = {
        word: meaning
        for meaning, languages in raw["words"].items()
        for listed in languages.values()
        for word in listed
    }
    return Vocabulary(
        words=words,
        columns={name: _column(spec) for name, spec in raw["columns"].items()},
        entities={name: _entity(spec) for name, spec in raw["entities"].items()},
        channels={name: frozenset(listed) for name, listed in raw["channels"].items()},
        cancelled=frozenset(raw["cancelled"]),
        granted=frozenset(raw["granted"]),
        refused=frozenset(raw["refused"]),
        booleans=tuple((pair[0], pair[1]) for pair in raw["booleans"]),
        nulls=tuple(raw["nulls"]),
        genders=frozenset(raw["genders"]),
        countries={
            code: Country(frozenset(c["names"]), c["currency"], c["zone"], c["calling"])
            for code, c in raw["countries"].items()
        },
    )


def _column(spec: Mapping[str, Any]) -> ColumnMeaning:
    return ColumnMeaning(
        names=tuple(frozenset(name.split()) for name in spec["names"]),
        content=spec.get("content", ""),
        personal=spec.get("personal", "none"),
        type=spec.get("type", ""),
    )


def _entity(spec: Mapping[str, Any]) -> Entity:
    return Entity(
        named=frozenset(spec["named"]),
        signs=tuple(spec["signs"]),
        needs=tuple(tuple(listed) for listed in spec["needs"]),
        columns={name: tuple(listed) for name, listed in spec.get("columns", {}).items()},
    )


def folded(text: str) -> str:
    """Return a text in lower-case ASCII letters, digits and spaces.

    Examples
    --------
    >>> folded("Födelsedatum (ÅÅÅÅ)")
    'fodelsedatum aaaa'
    """
    lower = unicodedata.normalize("NFKD", text.casefold().translate(_LETTERS))
    plain = "".join(letter for letter in lower if not unicodedata.combining(letter))
    return " ".join(re.findall(r"[a-z0-9]+", plain))


def cut(title: str) -> list[str]:
    """Return the words of a header.

    Examples
    --------
    >>> cut("EMail"), cut("KundNr"), cut("Address 1: ZIP/Postal Code")
    (['e', 'mail'], ['kund', 'nr'], ['address', '1', 'zip', 'postal', 'code'])
    """
    spaced = title.replace("%", " percent ")
    spaced = re.sub(r"(?<=[a-zåäöæø0-9])(?=[A-ZÅÄÖÆØ])", " ", spaced)
    spaced = re.sub(r"(?<=[A-ZÅÄÖÆØ])(?=[A-ZÅÄÖÆØ][a-zåäöæø])", " ", spaced)
    spaced = re.sub(r"(?<=[A-Za-zÅÄÖåäö])(?=[0-9])", " ", spaced)
    return folded(spaced).split()


def meanings(title: str) -> tuple[list[str], int]:
    """Return the meanings of a header's words, in order, and how many words are not known.

    Examples
    --------
    >>> meanings("FODELSEDATUM"), meanings("shipping_postal_code")
    ((['birth'], 0), (['freight', 'postcode'], 0))
    """
    known = vocabulary().words
    parts = cut(title)
    if _is_initial_c_o(title):
        return ["care_of"], 0
    found: list[str] = []
    unknown = 0
    place = 0
    while place < len(parts):
        # Two words that belong together first: "e mail", "zip code", "first name".
        pair = "".join(parts[place : place + 2])
        if place + 1 < len(parts) and pair in known and pair not in ("pos",):
            found.append(known[pair])
            place += 2
            continue
        word = parts[place]
        place += 1
        if word.isdigit():
            continue
        split = _compound(word)
        if split is None:
            unknown += 1
        else:
            found += split
    return [meaning for meaning in found if meaning != NOISE], unknown


def _is_initial_c_o(title: str) -> bool:
    return re.fullmatch(r"\s*c\s*/\s*o.*", title, re.IGNORECASE) is not None


@functools.lru_cache(maxsize=4096)
def _compound(word: str) -> list[str] | None:
    """Return the meanings of a word, cut into known words where it is not one; None if unknown."""
    known = vocabulary().words
    if word in known:
        return [known[word]]
    if word.endswith("s") and word[:-1] in known:
        return [known[word[:-1]]]
    if len(word) < _SHORTEST_COMPOUND:
        return None
    best: dict[int, list[str]] = {0: []}
    for end in range(1, len(word) + 1):
        for start in sorted(best):
            # The s that joins Nordic and German compounds belongs to no part.
            part = word[start:end]
            fits = len(part) >= _SHORTEST_PART and part in known
            if not fits and len(part) > _SHORTEST_PART and part[-1] in "s":
                part = part[:-1]
                fits = part in known
            if not fits:
                continue
            made = [*best[start], known[part]]
            if end not in best or len(made) < len(best[end]):
                best[end] = made
    return best.get(len(word))


def named_columns(title: str) -> list[tuple[str, float]]:
    """Return the columns that a header may name, best first, with how well it names them (0 to 1).

    Examples
    --------
    >>> named_columns("Kundnummer")[0], named_columns("DateOfBirth")[0]
    (('customer_id', 1.0), ('birth_on', 1.0))
    """
    found, unknown = meanings(title)
    said = frozenset(found)
    if not said:
        return []
    scores = []
    for place, (column, meaning) in enumerate(vocabulary().columns.items()):
        fits = [len(name) for name in meaning.names if name <= said]
        if fits:
            most = max(fits)
            rest = len(said) - most + unknown
            scores.append((most / (most + rest), -place, column))
    return [(column, score) for score, _, column in sorted(scores, reverse=True)]


def table_words(name: str) -> frozenset[str]:
    """Return the meanings of a table's or file's name."""
    return frozenset(meanings(name)[0])


def system_words(name: str) -> list[str]:
    """Return the words of a file's name that do not say what kind of table it is.

    Examples
    --------
    >>> system_words("crm_d365_contacts"), system_words("ButikKunder")
    (['crm', 'd365'], ['butik'])
    """
    entities = vocabulary().entities.values()
    kinds = frozenset(word for entity in entities for word in entity.named) | {"date"}
    spaced = re.sub(r"(?<=[a-zåäö])(?=[A-ZÅÄÖ])", " ", name)
    kinds -= {"store"}
    return [
        word
        for word in folded(spaced).split()
        if not word.isdigit() and not set(_compound(word) or []) & kinds
    ]


def channel_of(names: Iterable[str]) -> str | None:
    """Return the way of selling that names of tables and systems give away."""
    said = {word for name in names for word in cut(name)}
    for channel, listed in vocabulary().channels.items():
        if said & listed or any(
            word.startswith(start) for word in said for start in listed if len(start) >= 5
        ):
            return channel
    return None


def snake(title: str, taken: Sequence[str], reserved: frozenset[str]) -> str:
    """Return a column name of ours for a header.

    Examples
    --------
    >>> snake("E-post", [], frozenset()), snake("KundNr", [], frozenset())
    ('e_post', 'kund_nr')
    """
    name = "_".join(cut(title)) or "column"
    if not name[0].isalpha():
        name = f"c_{name}"
    if name in reserved:
        name = f"{name}_value"
    plain, number = name, 2
    while name in taken:
        name, number = f"{plain}_{number}", number + 1
    return name
