"""Small projects, written to a folder and compiled."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cdp_pipeline.sqlmodels import Problem, Project, ProjectError, load_project

LAYERS = """
sources: Delivered.
staging: In our words.
identity: Who is who.
profiles: Customers.
insight: Measures.
"""


@dataclass(frozen=True)
class SourceColumn:
    type: str
    doc: str = "A column."
    personal: str = "none"


@dataclass(frozen=True)
class Source:
    name: str
    columns: Mapping[str, SourceColumn]
    key: tuple[str, ...]
    description: str = "One row per record."
    owner: str = "shop"
    file: Path = Path("sources/shop.yml")
    line: int = 7


ORDERS = Source(
    "sources.shop_orders",
    {
        "order_id": SourceColumn("varchar", personal="pseudonym"),
        "email": SourceColumn("varchar", personal="email"),
        "city": SourceColumn("varchar", personal="attribute"),
        "amount": SourceColumn("decimal(18,2)"),
        "ratio": SourceColumn("double"),
        "ordered_at": SourceColumn("timestamp"),
        "tags": SourceColumn("varchar[]"),
        "delivery": SourceColumn("struct(street varchar, floor integer)", personal="address"),
    },
    ("order_id",),
)
USERS = Source(
    "sources.shop_users",
    {
        "user_id": SourceColumn("varchar", personal="pseudonym"),
        "email": SourceColumn("varchar", personal="email"),
        "points": SourceColumn("bigint"),
    },
    ("user_id",),
)


@dataclass
class Folder:
    """A project's folder; `files` by path, dedented."""

    root: Path
    sources: list[Source] = field(default_factory=lambda: [ORDERS, USERS])

    def write(self, files: Mapping[str, str]) -> Folder:
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
        return self

    def load(self, package: Path | None = None, cache: Path | None = None) -> Project:
        return load_project(self.root, package or self.root, self.sources, cache=cache)

    def problems(self) -> list[Problem]:
        try:
            self.load()
        except ProjectError as error:
            return error.problems
        return []


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "dbt_like_sql").write({"layers.yml": LAYERS})


@pytest.fixture
def model(folder: Folder) -> Callable[..., Folder]:
    """Return a function that writes `insight.measures` with the given SQL and key."""

    def write(sql: str, key: Sequence[str] = ("order_id",)) -> Folder:
        entry = f"measures: {{owner: insight, key: [{', '.join(key)}]}}\n"
        return folder.write({"insight/measures.sql": sql, "insight/_tables.yml": entry})

    return write
