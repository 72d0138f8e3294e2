"""Forty small worlds of known truth, to see whether estimates without truth hold.

Belongs here: what differs between the worlds (size, country, sources, columns, slips) and making
them. Does not belong here: linking or scoring them.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

COUNT = 40
_PEOPLE = (1_000, 1_500, 2_500, 4_000)
_COUNTRIES = (None, "SE", "NO", "DK", "FI")
_SOURCES = (("crm", "pos", "webshop"), ("crm", "webshop"), ("crm",), ("pos", "webshop"))
_WITHOUT: tuple[tuple[str, ...], ...] = (
    (),
    ("loyalty_id", "national_id"),
    ("phone",),
    ("birth_on",),
    ("street", "postcode"),
    ("loyalty_id", "email"),
)
# Share of values that get lost, and of family names that lose their second letter.
_SLIPS = ((0.0, 0.0), (0.1, 0.02), (0.25, 0.05), (0.0, 0.08))


@dataclass(frozen=True)
class World:
    """One world: a demo company of its own seed, seen through some sources and columns."""

    seed: int
    people: int
    country: str | None
    sources: tuple[str, ...]
    without: tuple[str, ...]
    lost: float
    slips: float

    @property
    def name(self) -> str:
        """What is special about it."""
        parts = [f"seed {self.seed}", f"{self.people} people", self.country or "four countries"]
        parts.append("+".join(self.sources))
        parts += [f"no {name}" for name in self.without]
        return ", ".join([*parts, f"{self.lost:.0%} lost", f"{self.slips:.0%} slips"])


def worlds(count: int = COUNT) -> list[World]:
    """Return the first worlds; each number walks its own cycle, so that all combine."""
    found = []
    for seed in range(1, count + 1):
        country = _COUNTRIES[seed % len(_COUNTRIES)]
        found.append(
            World(
                seed=seed,
                # One country of four is a fraction of the company.
                people=_PEOPLE[seed % len(_PEOPLE)] * (1 if country in (None, "SE") else 4),
                country=country,
                sources=_SOURCES[seed // 2 % len(_SOURCES)],
                without=_WITHOUT[seed // 3 % len(_WITHOUT)],
                lost=_SLIPS[seed // 5 % len(_SLIPS)][0],
                slips=_SLIPS[seed // 5 % len(_SLIPS)][1],
            )
        )
    return found


def write_world(world: World, folder: Path) -> None:
    """Write the world's company."""
    command = [
        *(sys.executable, "-m", "cdp_pipeline.synthetic", "--people", str(world.people)),
        *("--seed", str(world.seed), "--lines-per-record", "0.2"),
        *("--landing", str(folder / "landing"), "--truth", str(folder / "truth")),
    ]
    subprocess.run(command, check=True, capture_output=True)


def narrow(con: duckdb.DuckDBPyConnection, world: World) -> None:
    """Take out of staging what the world does not see, and put in its slips."""
    listed = ", ".join(f"'{s}'" for s in world.sources)
    con.execute(f"delete from staging.customer_records where source not in ({listed})")
    if world.country is not None:
        con.execute(
            f"delete from staging.customer_records where country is distinct from '{world.country}'"
        )
    for name in world.without:
        con.execute(f"update staging.customer_records set {name} = null")
    for name in ("email", "phone", "street", "birth_on"):
        con.execute(
            f"update staging.customer_records set {name} = null"
            f" where hash(source, record_id, '{name}', {world.seed}) % 1000 < {world.lost * 1000}"
        )
    con.execute(
        "update staging.customer_records set family_name = left(family_name, 1)"
        " || substr(family_name, 3) where length(family_name) > 4"
        f" and hash(source, record_id, 'slip', {world.seed}) % 1000 < {world.slips * 1000}"
    )
    con.execute(
        "delete from truth where not exists (select 1 from staging.customer_records as r"
        " where r.source = truth.source and r.record_id = truth.record_id)"
    )
