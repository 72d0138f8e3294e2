"""A benchmark's figure: what it is called, what it should be, what it was."""

from __future__ import annotations

from typing import Literal, TypedDict

Direction = Literal["up", "down"]


class Figure(TypedDict):
    """One row of a benchmark's result; `ok` is None where there is no bar."""

    figure: str
    value: float
    unit: str
    bar: float | None
    direction: Direction
    ok: bool | None
    reference: str


def figure(
    name: str,
    value: float,
    unit: str,
    *,
    bar: float | None = None,
    direction: Direction = "down",
    reference: str = "",
) -> Figure:
    """Return a figure, judged against its bar."""
    ok = None if bar is None else (value >= bar if direction == "up" else value <= bar)
    return Figure(
        figure=name,
        value=round(float(value), 6),
        unit=unit,
        bar=bar,
        direction=direction,
        ok=ok,
        reference=reference,
    )


def shown(value: float) -> str:
    """Return a value for people: whole numbers whole, others with four digits or two decimals."""
    if value == int(value):
        return f"{int(value):,}"
    return f"{value:,.2f}" if abs(value) >= 1000 else f"{value:,.4g}"
