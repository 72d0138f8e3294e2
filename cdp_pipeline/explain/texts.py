"""The words of explanations, in the language asked for.

Belongs here: reading ``identity/explanations/<language>.yml`` and putting words together. Does not
belong here: any sentence: those are in the files, so that a language is added without code.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from cdp_pipeline.errors import CdpError
from cdp_pipeline.identity.columns import package_folder
from cdp_pipeline.identity.constrain import BY_DECISION
from cdp_pipeline.identity.exact import ExactRule

FALLBACK = "en"
# The one in C where there is one: a command should answer at once.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
FOLDER = "explanations"


@dataclass(frozen=True)
class Texts:
    """The words of one language, English where it has none."""

    language: str
    content: Mapping[str, Any]
    fallback: Mapping[str, Any]

    @property
    def fingerprint(self) -> str:
        """Short hash of all words."""
        text = json.dumps([self.content, self.fallback], sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def say(self, key: str, **parts: object) -> str:
        """Return a sentence; ``key`` may lead into a group, as in ``table.record``."""
        value: Any = self.content
        other: Any = self.fallback
        for step in key.split("."):
            value = value.get(step) if isinstance(value, Mapping) else None
            other = other[step]
        return str(value if value is not None else other).format(**parts)

    def column(self, name: str) -> str:
        """Return what a column is called; one nobody named is its name in words."""
        for content in (self.content, self.fallback):
            if name in content.get("columns", {}):
                return str(content["columns"][name])
        return name.replace("_", " ")

    def level(self, label: str) -> str:
        """Return a level of agreement as a table shows it."""
        return self._level(label)[0]

    def agreement(self, column: str, label: str) -> str:
        """Return how far both sides agree on a column, as part of a sentence."""
        return self._level(label)[1].format(column=self.column(column))

    def rule(self, how: str, rules: Sequence[ExactRule]) -> str:
        """Return an exact rule in words; ``how`` is its name in the tables."""
        for rule in rules:
            if rule.name == how:
                return f"{self.say('same')} {self.listed([self.column(c) for c in rule.columns])}"
        known = {"scored": self.say("table.scored"), BY_DECISION: self.say("table.steward")}
        return known.get(how, how)

    def listed(self, words: Sequence[str]) -> str:
        """Return words as a list: "a, b and c"."""
        if len(words) < 2:
            return "".join(words)
        return f"{', '.join(words[:-1])} {self.say('and')} {words[-1]}"

    def number(self, value: float, digits: int = 1) -> str:
        """Return a number with the language's decimal mark."""
        return f"{value:.{digits}f}".replace(".", self.say("decimal_mark"))

    def _level(self, label: str) -> tuple[str, str]:
        for content in (self.content, self.fallback):
            if label in content.get("levels", {}):
                short, long = content["levels"][label]
                return str(short), str(long)
        return label, "{column}: " + label


def load_texts(language: str, *folders: Path) -> Texts:
    """Read the words of a language, those of later folders laid over the package's.

    Parameters
    ----------
    language
        ISO 639-1 code, the name of a file.
    folders
        Folders like ``dbt_like_sql/identity`` with files of a home's own.

    Raises
    ------
    CdpError
        If there is no file of that language.

    Examples
    --------
    >>> load_texts("sv").column("birth_on")
    'födelsedatum'
    """
    places = [folder / FOLDER for folder in (package_folder(), *folders)]
    known = sorted({file.stem for place in places for file in place.glob("*.yml")})
    if language not in known:
        raise CdpError(
            f"There are no explanations in {language}.", f"Languages are {', '.join(known)}."
        )
    return Texts(language, _read(places, language), _read(places, FALLBACK))


def default_language(*folders: Path) -> str:
    """Return the language of the terminal where there are words in it, else English."""
    places = [folder / FOLDER for folder in (package_folder(), *folders)]
    names = ("LC_ALL", "LC_MESSAGES", "LANG")
    spoken = next((os.environ[name] for name in names if os.environ.get(name)), "")
    code = spoken[:2].lower()
    return code if any((place / f"{code}.yml").is_file() for place in places) else FALLBACK


def _read(places: Sequence[Path], language: str) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for place in places:
        file = place / f"{language}.yml"
        if file.is_file():
            for key, value in (yaml.load(file.read_text("utf-8"), Loader=_LOADER) or {}).items():
                both = isinstance(value, dict) and isinstance(merged.get(key), dict)
                merged[key] = {**merged[key], **value} if both else value
    return merged
