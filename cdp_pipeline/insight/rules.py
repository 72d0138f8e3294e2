"""What a company decides about its insight: ``insight.yml`` as tables that SQL can read.

Belongs here: reading the file and laying it out as rows. What the values do is said in the file
and done in ``dbt_like_sql/insight/*.sql``.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

import duckdb
from pydantic import Field, model_validator

from cdp_pipeline.declared import DeclaredFile, Strict, load_declared

Segment = Literal[
    "champions",
    "loyal",
    "active",
    "new",
    "promising",
    "needs_attention",
    "at_risk",
    "previously_loyal",
    "almost_lost",
    "dormant",
]
Score = Annotated[int, Field(ge=1, le=5)]
SegmentRow = Annotated[tuple[Segment, ...], Field(min_length=5, max_length=5)]
Share = Annotated[Decimal, Field(ge=0, lt=1, max_digits=9, decimal_places=6)]
Value = Annotated[Decimal, Field(max_digits=18, decimal_places=2)]


class Borders(Strict):
    """The four borders between the five scores of a measure, as shares of buyers or as values."""

    shares: Annotated[tuple[Share, ...], Field(min_length=4, max_length=4)] | None = None
    values: Annotated[tuple[Value, ...], Field(min_length=4, max_length=4)] | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Borders:
        if (self.shares is None) == (self.values is None):
            raise ValueError("give either `shares` or `values`, four of them")
        if self.shares is not None and list(self.shares) != sorted(self.shares):
            raise ValueError("shares rise from score to score")
        return self


class RfmRules(Strict):
    """Borders of the scores, and the segment of each pair of scores."""

    recency: Borders
    frequency: Borders
    monetary: Borders
    grid: dict[Score, SegmentRow]
    migration_days: int = Field(90, ge=1)

    @model_validator(mode="after")
    def _whole(self) -> RfmRules:
        if set(self.grid) != {1, 2, 3, 4, 5}:
            raise ValueError("grid has one line for each recency score from 1 to 5")
        falls = {"recency": True, "frequency": False, "monetary": False}
        for name, is_falling in falls.items():
            values = getattr(self, name).values
            if values is not None and list(values) != sorted(values, reverse=is_falling):
                raise ValueError(f"values of {name} {'fall' if is_falling else 'rise'}")
        return self


class LifecycleRules(Strict):
    """When a customer slips and lapses, in their own rhythm."""

    usual_gap_weight: int = Field(2, ge=1)
    default_gap_days: int = Field(90, ge=1)
    slipping_after_gaps: int = Field(2, ge=1)
    lapsed_after_gaps: int = Field(4, ge=1)
    slipping_days_least: int = Field(14, ge=1)
    lapsed_days_least: int = Field(60, ge=1)
    loyal_purchase_days: int = Field(4, ge=2)

    @model_validator(mode="after")
    def _in_order(self) -> LifecycleRules:
        if (
            self.slipping_after_gaps >= self.lapsed_after_gaps
            or self.slipping_days_least >= self.lapsed_days_least
        ):
            raise ValueError("a customer slips before they lapse")
        return self


class AttributionRules(Strict):
    """What may be credited to a message."""

    window_days: int = Field(14, ge=1)


class BuyerAttributeRules(Strict):
    """What is looked for among buyers' attributes, and what never."""

    horizon_days: int = Field(90, ge=7)
    cutoffs: int = Field(3, ge=1, le=16)
    false_discovery_share: float = Field(0.05, gt=0, lt=1)
    customers_least: int = Field(30, ge=5)
    top_categories: int = Field(10, ge=0, le=60)
    barred: tuple[str, ...] = ()


class InsightRules(DeclaredFile):
    """The content of ``insight.yml``."""

    rfm: RfmRules
    lifecycle: LifecycleRules
    attribution: AttributionRules
    buyer_attributes: BuyerAttributeRules


def load_rules(path: Path) -> InsightRules:
    """Read ``insight.yml``.

    Raises
    ------
    DeclarationError
        With every problem, by file and line.
    """
    return load_declared(path, InsightRules, "see the comments in the shipped insight.yml")


def rule_tables(con: duckdb.DuckDBPyConnection, rules: InsightRules) -> dict[str, str]:
    """Make ``insight.settings``, ``rfm_borders`` and ``rfm_grid``; reads no table."""
    settings = {
        "rfm_migration_days": rules.rfm.migration_days,
        **{f"lifecycle_{name}": value for name, value in rules.lifecycle.model_dump().items()},
        "attribution_window_days": rules.attribution.window_days,
    }
    borders = [
        (measure, score, border if kind == "shares" else None, border if kind == "values" else None)
        for measure in ("recency", "frequency", "monetary")
        for kind in ("shares", "values")
        for score, border in enumerate(getattr(getattr(rules.rfm, measure), kind) or (), start=2)
    ]
    grid = [
        (recency, value, segment)
        for recency, row in rules.rfm.grid.items()
        for value, segment in enumerate(row, start=1)
    ]
    _fill(con, "settings_made", "setting varchar, value integer", list(settings.items()))
    _fill(
        con,
        "borders_made",
        "measure varchar, score integer, above_share decimal(9, 6), from_value decimal(18, 2)",
        borders,
    )
    _fill(con, "grid_made", "recency_score integer, value_score integer, segment varchar", grid)
    return {
        "insight.settings": "select * from settings_made",
        "insight.rfm_borders": "select * from borders_made",
        "insight.rfm_grid": "select * from grid_made",
    }


def _fill(
    con: duckdb.DuckDBPyConnection, name: str, columns: str, rows: Sequence[tuple[object, ...]]
) -> None:
    con.execute(f"create or replace temp table {name} ({columns})")
    marks = ", ".join("?" * (columns.count(",") + 1 - columns.count("(")))
    con.executemany(f"insert into {name} values ({marks})", rows)
