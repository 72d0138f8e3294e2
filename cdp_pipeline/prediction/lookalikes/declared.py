"""Which audiences there are: ``dbt_like_sql/prediction/audiences.yml``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from cdp_pipeline.declared import DeclaredFile, Strict, load_declared

_HINT = "an audience has title and seeds, a query that gives customer_id and since_on"


class Audience(Strict):
    """One audience.

    Attributes
    ----------
    title : str
        What is said of its seeds, as in "customers who ...".
    seeds : str
        A query that gives ``customer_id`` and ``since_on``: the customers we want more of, and the
        day each became one. It sees the facts that the model reads.
    """

    title: str
    seeds: str


class Audiences(DeclaredFile):
    """All audiences, and what holds for each.

    Attributes
    ----------
    horizon_days : int
        How long after a past day somebody may become a seed to count as found.
    least_seeds : int
        With fewer seeds an audience is refused: likeness to a handful is chance.
    largest_share : float
        Which share of the candidates is exported, the most alike first.
    """

    horizon_days: Annotated[int, Field(ge=7, le=730)] = 90
    least_seeds: Annotated[int, Field(ge=20)] = 50
    largest_share: Annotated[float, Field(gt=0, le=1)] = 0.3
    audiences: dict[Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$")], Audience]


def load_audiences(path: Path) -> Audiences:
    """Read the declaration.

    Raises
    ------
    DeclarationError
        With every problem, by file and line.
    """
    return load_declared(path, Audiences, _HINT)
