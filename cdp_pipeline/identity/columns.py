"""The declared identity columns: which columns say who somebody is, and how.

Belongs here: the typed form of ``identity_columns.yml`` and of ``nicknames.csv``, the package's own
copies and a home's additions laid over them. Does not belong here: what a kind of column means
for standardising (``standardise``), comparing (``comparisons``) or blocking (``blocking``).
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

Kind = Literal[
    "given_name",
    "family_name",
    "full_name",
    "email",
    "phone",
    "date",
    "postcode",
    "address",
    "text",
    "category",
    "identifier",
    "source",
]

# Columns that identity.standardised_records holds itself; every other declared column is looked
# for among the carried attributes (identity.standardised_attributes).
RECORD_COLUMNS = (
    "given_name",
    "family_name",
    "middle_names",
    "birth_on",
    "gender",
    "email",
    "phone",
    "address",
    "postcode",
    "city",
    "national_id",
    "loyalty_id",
    "organisation_number",
    "company_name",
    "source",
)


class IdentityColumn(BaseModel):
    """What kind of evidence one column gives.

    Attributes
    ----------
    kind
        Decides how two values are compared.
    exactness
        ``exact``: issued by a machine, a difference contradicts; ``typed``: written by people, a
        difference may be a slip; ``loose``: often differs between two records of one person.
    shared_by
        Who holds the same value: ``nobody`` else, a ``household``, or ``many`` people.
    per_person
        ``one`` value for life, or ``many``.
    applies_to
        Which records use the column.
    contradicts
        Whether two customers who each have a value of their own here, different beyond slips, are
        two whatever else they share.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Kind
    exactness: Literal["exact", "typed", "loose"] = "typed"
    shared_by: Literal["nobody", "household", "many"] = "many"
    per_person: Literal["one", "many"] = "many"
    applies_to: Literal["all", "person", "company"] = "all"
    contradicts: bool = False


class IdentityColumns(BaseModel):
    """The declared columns of a home, by name, and the nicknames known before any data."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    columns: dict[str, IdentityColumn]
    nicknames: tuple[tuple[str, str], ...] = Field(default=(), repr=False)

    @property
    def attributes(self) -> dict[str, IdentityColumn]:
        """The declared columns that travel in ``staging.customer_attributes``."""
        return {name: c for name, c in self.columns.items() if name not in RECORD_COLUMNS}

    def only(self, names: Iterable[str]) -> IdentityColumns:
        """Return a copy that declares just these columns."""
        chosen = set(names)
        return self.model_copy(
            update={"columns": {n: c for n, c in self.columns.items() if n in chosen}}
        )

    def with_columns(self, more: Mapping[str, IdentityColumn]) -> IdentityColumns:
        """Return a copy with these columns added or replaced."""
        return self.model_copy(update={"columns": {**self.columns, **more}})

    @property
    def fingerprint(self) -> str:
        """Short hash of everything declared, for model versions."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def package_folder() -> Path:
    """Return the folder of the identity SQL and data files the package brings along."""
    package = Path(__file__).resolve().parents[1]
    for root in (package, package.parent):
        folder = root / "dbt_like_sql" / "identity"
        if folder.is_dir():
            return folder
    raise FileNotFoundError(
        "dbt_like_sql/identity is missing from the installed package: reinstall cdp-pipeline"
    )


def load_identity_columns(*folders: Path) -> IdentityColumns:
    """Read ``identity_columns.yml`` and ``nicknames.csv`` of the package and of more folders.

    Parameters
    ----------
    folders
        Folders laid over the package's own, in order: a column declared again replaces the
        earlier declaration, nicknames add up. A folder without the files adds nothing.

    Examples
    --------
    >>> load_identity_columns().columns["email"].shared_by
    'household'
    """
    columns: dict[str, IdentityColumn] = {}
    nicknames: set[tuple[str, str]] = set()
    for folder in (package_folder(), *folders):
        columns.update(_read_columns(folder / "identity_columns.yml"))
        nicknames.update(_read_nicknames(folder / "nicknames.csv"))
    return IdentityColumns(columns=columns, nicknames=tuple(sorted(nicknames)))


def _read_columns(path: Path) -> dict[str, IdentityColumn]:
    if not path.is_file():
        return {}
    document = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    try:
        return {n: IdentityColumn(**c) for n, c in document.get("columns", {}).items()}
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from error


def _read_nicknames(path: Path) -> set[tuple[str, str]]:
    if not path.is_file():
        return set()
    with path.open(encoding="utf-8", newline="") as lines:
        return {(row["name"], row["full_name"]) for row in csv.DictReader(lines)}
