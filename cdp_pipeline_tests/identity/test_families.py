"""Families fill the data: what a person is must not be learnt from who lives together."""

from __future__ import annotations

import random

import duckdb

from cdp_pipeline.identity import load_identity_columns
from cdp_pipeline.identity.classes import MOST_DIFFERENT, MOST_ELSEWHERE
from cdp_pipeline.identity.comparisons import Level, levels_of
from cdp_pipeline.identity.work import Evidence
from cdp_pipeline_tests.identity.worlds import (
    FAMILY,
    GIVEN,
    Row,
    linked,
    standardised,
    world,
)


def families(homes: int, seed: int = 1) -> list[Row]:
    """Return a shop's and a carrier's records of families, without a birth date.

    The streets are few, so that many live in one.
    """
    dice = random.Random(seed)
    rows: list[Row] = []
    person = 0
    for _ in range(homes):
        family = dice.choice(FAMILY)
        home: Row = {
            "street": f"{dice.choice(('Storgatan', 'Kyrkvägen', 'Ringvägen'))}"
            f" {dice.randrange(1, 120)}",
            "postcode": f"{dice.randrange(111, 131)}22",
            "city": "Stockholm",
        }
        for given in dice.sample(GIVEN, 4):
            person += 1
            phone = f"070{dice.randrange(10**7):07d}"
            name = f"{given}.{family}{dice.randrange(100)}".lower()
            shop: Row = {"given_name": given, "family_name": family, "phone": phone,
                         "email": f"{name}@mejl.example", **home}  # fmt: skip
            rows.append({"source": "shop", "record_id": f"{person}-shop", **shop})
            if dice.random() < 0.03:
                sent = {"full_name": f"{family}, {given}", "phone": phone, **home}
                rows.append({"source": "carrier", "record_id": f"{person}-carrier", **sent})
    return rows


def test_a_person_is_not_learnt_from_families_that_fill_the_data() -> None:
    # Where hardly anybody is there twice, the likeliest pairs are those of one home.
    con = world(families(300))
    model = linked(con)
    assert model.mixture is not None
    given = model.mixture.of_matches(model.mixture.names.index("given_name"))
    assert given[0] <= MOST_DIFFERENT + 1e-6
    address = model.mixture.agreement["household"][model.mixture.names.index("address")]
    assert sum(address[:-2]) <= MOST_ELSEWHERE + 1e-6


def test_two_houses_of_one_street_are_not_nearly_the_same_address() -> None:
    address = Evidence("address", load_identity_columns().columns["address"])
    levels = levels_of(address, frozenset({"street", "house_number"}))
    one, other = standardised([{"street": "Blankavej 62"}, {"street": "Blankavej 63"}])
    assert _first_that_holds(levels, one, other) == "same street"
    slip = standardised([{"street": "Blankavej 62"}, {"street": "Blnkavej 62"}])
    assert _first_that_holds(levels, *slip) == "nearly the same"


def _first_that_holds(levels: list[Level], one: Row, other: Row) -> str | None:
    names = ("address", "street", "house_number")
    values = ", ".join(
        f"'{row[n]}' as {n}_{side}" for row, side in ((one, "l"), (other, "r")) for n in names
    )
    con = duckdb.connect()
    for level in levels:
        if con.sql(f"select {level.condition} from (select {values})").fetchall()[0][0]:
            return str(level.label)
    return None
