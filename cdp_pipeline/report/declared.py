"""Which questions the report answers, with which queries: ``dbt_like_sql/export/report.yml``.

A block is one query and how its rows are shown: as key figures, as a table, or as a picture in
Vega-Lite, the grammar that Altair writes (Satyanarayan et al. 2017, "Vega-Lite: A Grammar of
Interactive Graphics"). A home changes the report by a file of its own at the same path.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from cdp_pipeline.declared import DeclaredFile, Strict, load_declared

_NAME = Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$")]
_HINT = "a block has name, title and sql, and shows figures, a table or a picture"
Format = Literal["text", "integer", "decimal", "number", "money", "percent", "date"]


class Shown(Strict):
    """How one column of a table or one key figure is written."""

    label: str
    format: Format = "text"


class Block(Strict):
    """One query and how its rows are shown.

    Attributes
    ----------
    name : str
        Unique in the report.
    title : str
        Heading.
    about : str
        The asset whose page in Dagster shows the picture too, ``layer.table``.
    sql : str
        Its rows are shown; they must be ordered.
    figures, table : dict
        Column of the query to how it is written: as key figures of one row, or as a table.
    picture : dict
        A Vega-Lite specification without data; the rows of the query are its data.
    says : str
        A sentence with ``{column}`` of the first row of `facts` (or of `sql`), in Python's
        format syntax; left out when the row is missing or a value is null.
    note : str
        What a reader must know to read it right.
    when_empty : str
        What is said when the query gives no row.
    """

    name: _NAME
    title: str
    about: str = ""
    sql: str
    figures: dict[str, Shown] = Field(default_factory=dict)
    table: dict[str, Shown] = Field(default_factory=dict)
    picture: dict[str, Any] = Field(default_factory=dict)
    facts: str = ""
    says: str = ""
    note: str = ""
    when_empty: str = "Nothing to show yet."

    @model_validator(mode="after")
    def _shows_one_thing(self) -> Block:
        if sum(map(bool, (self.figures, self.table, self.picture))) != 1:
            raise ValueError(f"{self.name} must show exactly one of figures, table and picture")
        return self

    @property
    def kind(self) -> str:
        """What it shows: figures, table or picture."""
        return "figures" if self.figures else "table" if self.table else "picture"


class Section(Strict):
    """A question and the blocks that answer it."""

    name: _NAME
    question: str
    answer: str = ""
    blocks: list[Block] = Field(min_length=1)


class ReportPlan(DeclaredFile):
    """The whole report, in the order of the page."""

    sections: list[Section] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_are_unique(self) -> ReportPlan:
        names = [block.name for section in self.sections for block in section.blocks]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"blocks of the same name: {', '.join(twice)}")
        return self


def load_report(path: Path) -> ReportPlan:
    """Read the report's declaration.

    Raises
    ------
    DeclarationError
        With every problem, by file and line.
    """
    return load_declared(path, ReportPlan, _HINT)
