"""Households and companies from records to ids, over several releases."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pytest

from cdp_pipeline.identity import load_identity_columns, standardise
from cdp_pipeline.identity.companies import standardise_companies
from cdp_pipeline.ingest.contracts import load_contracts
from cdp_pipeline.sqlmodels import Project, load_project
from cdp_pipeline_tests.homes import ROOT

Row = Mapping[str, Any]
Tables = dict[str, list[tuple[Any, ...]]]
MODELS = (
    "postal_addresses",
    "company_records",
    "home_stays",
    "household_homes",
    "household_ties",
    "household_groups",
    "household_ids",
    "household_members",
    "households",
    "company_ids",
    "company_map",
    "company_owners",
    "company_details",
    "companies",
    "company_contacts",
)
KEPT = ("households", "household_members", "companies", "company_map")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    root = ROOT / "dbt_like_sql"
    return load_project(
        root, root, load_contracts(root / "sources"), cache=tmp_path_factory.mktemp("compiled")
    )


class Releases:
    """Makes release after release of hand-made records, each seeing the one before."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.previous: dict[str, list[Row]] = {}

    def make(
        self,
        records: Iterable[Row],
        *,
        companies: Iterable[Row] = (),
        contacts: Iterable[Row] = (),
        as_of_on: str = "2026-01-31",
        is_published: bool = True,
        threads: int = 1,
    ) -> dict[str, list[dict[str, Any]]]:
        """Make all tables; the customer of a record is given with it."""
        with duckdb.connect() as con:
            con.execute(f"set TimeZone = 'UTC'; set threads = {threads}")
            for schema in ("sources", "staging", "identity", "previous"):
                con.execute(f"create schema {schema}")
            clock = {"as_of_on": as_of_on, "time_zone": "UTC", "home_country": "SE"}
            self._fill(con, "sources.run_clock", [clock])
            rows = [{"kind": "person", "country": "SE", **row} for row in records]
            self._fill(con, "staging.customer_records", rows)
            self._fill(con, "staging.customer_attributes", [])
            self._fill(con, "staging.companies", companies)
            self._fill(con, "staging.company_contacts", contacts)
            self._fill(con, "identity.identity_map", rows)
            self._fill(con, "identity.customer_aliases", [])
            self._fill(con, "identity.shared_identifiers", [])
            declared = load_identity_columns(Path(ROOT / "dbt_like_sql" / "identity"))
            steps = standardise(con, declared) | standardise_companies(con)
            for name, select in steps.items():
                con.execute(f"create table {name} as {select}")
            self._fill_previous(con)
            for name in MODELS:
                con.execute(
                    f"create table identity.{name} as {self.project.tables[f'identity.{name}'].sql}"
                )
            made = {name: _rows(con, self.project, name) for name in MODELS}
        if is_published:
            self.previous = {name: list(made[name]) for name in KEPT}
        return made

    def _fill_previous(self, con: duckdb.DuckDBPyConnection) -> None:
        for name in KEPT:
            columns = self.project.previous_columns("identity", name)
            _create(con, f"previous.{name}", columns, self.previous.get(name, []))

    def _fill(self, con: duckdb.DuckDBPyConnection, name: str, rows: Iterable[Row]) -> None:
        columns = {column.name: column.type for column in self.project.tables[name].columns}
        _create(con, name, columns, rows)


def _create(
    con: duckdb.DuckDBPyConnection, name: str, columns: Mapping[str, str], rows: Iterable[Row]
) -> None:
    listing = ", ".join(f'"{column}" {kind}' for column, kind in columns.items())
    con.execute(f"create table {name} ({listing})")
    marks = ", ".join(f"cast(? as {kind})" for kind in columns.values())
    values = [[row.get(column) for column in columns] for row in rows]
    if values:
        con.executemany(f"insert into {name} values ({marks})", values)


def _rows(con: duckdb.DuckDBPyConnection, project: Project, name: str) -> list[dict[str, Any]]:
    key = ", ".join(project.tables[f"identity.{name}"].key)
    result = con.sql(f"select * from identity.{name} order by {key}")
    return [dict(zip(result.columns, row, strict=True)) for row in result.fetchall()]


@pytest.fixture
def releases(project: Project) -> Releases:
    return Releases(project)


def person(
    number: int, family_name: str, street: str, seen: str = "2025-01-01", **more: Any
) -> dict[str, Any]:
    """Return a record of a customer of its own."""
    return {
        "source": "crm",
        "record_id": str(number),
        "customer_id": f"c_{number}",
        "given_name": f"Name{number}",
        "family_name": family_name,
        "street": street,
        "postcode": "11122",
        "city": "Stockholm",
        "created_at": "2020-01-01",
        "updated_at": seen,
        **more,
    }


def households(made: Mapping[str, list[dict[str, Any]]]) -> dict[str, set[str]]:
    """Return who lives in each household now."""
    found: dict[str, set[str]] = {}
    for row in made["household_members"]:
        if row["is_current"]:
            found.setdefault(row["household_id"], set()).add(row["customer_id"])
    return found


def groups(made: Mapping[str, list[dict[str, Any]]]) -> list[list[str]]:
    return sorted(sorted(members) for members in households(made).values())


def test_a_family_a_partner_and_a_flatmate_are_told_apart(releases: Releases) -> None:
    made = releases.make(
        [
            person(1, "Ek", "Ekgatan 3"),
            person(2, "Berg-Ek", "EKG. 3"),
            person(3, "Lund", "Ekgatan 3", phone="070-123 45 67"),
            person(4, "Sten", "Ekgatan 3"),
            person(5, "Ek", "Ekgatan 3", phone="+46701234567", birth_on="2015-01-01"),
            person(6, "Ek", "Ekgatan 4"),
        ]
    )
    assert groups(made) == [["c_1", "c_2", "c_3", "c_5"], ["c_4"], ["c_6"]]
    family = next(row for row in made["households"] if row["member_count"] == 4)
    assert (family["child_count"], family["adult_count"]) == (1, 0)


def test_two_flats_of_a_house_are_two_homes(releases: Releases) -> None:
    made = releases.make(
        [
            person(1, "Andersson", "Ekgatan 3 lgh 1101"),
            person(2, "Andersson", "Ekgatan 3, lgh 1101"),
            person(3, "Andersson", "Ekgatan 3 lgh 1202"),
            person(4, "Andersson", "Ekgatan 3"),
            person(5, "Quist", "Ekgatan 5 B"),
            person(6, "Quist", "Ekgatan 5"),
        ]
    )
    assert groups(made) == [["c_1", "c_2"], ["c_3"], ["c_4"], ["c_5", "c_6"]]


def test_a_student_house_is_households_by_surname(releases: Releases) -> None:
    names = ["Ek", "Lund", "Berg", "Sten", "Dahl", "Holm", "Quist", "Quist"]
    made = releases.make(
        [
            person(number, name, "Campusvägen 1", phone="08-123 456")
            for number, name in enumerate(names)
        ]
    )
    assert [members for members in groups(made) if len(members) > 1] == [["c_6", "c_7"]]


def test_an_institution_of_one_name_is_no_household(releases: Releases) -> None:
    made = releases.make([person(number, "Brahe", "Slottet 1") for number in range(13)])
    assert all(len(members) == 1 for members in groups(made))


def test_who_is_protected_leaves_and_who_died_ends_the_stay(releases: Releases) -> None:
    together = [
        person(1, "Ek", "Ekgatan 3"),
        person(2, "Ek", "Ekgatan 3"),
        person(3, "Ek", "Ekgatan 3"),
    ]
    assert groups(releases.make(together)) == [["c_1", "c_2", "c_3"]]
    made = releases.make(
        [
            together[0],
            {**together[1], "has_protected_identity": True},
            {**together[2], "is_deceased": True, "updated_at": "2025-12-24"},
        ]
    )
    assert groups(made) == [["c_1"]]
    assert {row["customer_id"] for row in made["household_members"]} == {"c_1", "c_3"}
    died = next(row for row in made["household_members"] if row["customer_id"] == "c_3")
    assert str(died["to_on"]) == "2025-12-24"


def test_a_family_that_moves_keeps_its_household_and_who_leaves_gets_another(
    releases: Releases,
) -> None:
    before = releases.make([person(number, "Ek", "Ekgatan 3") for number in (1, 2, 3)])
    (family,) = households(before)
    after = releases.make(
        [
            person(1, "Ek", "Lundvägen 8", "2026-02-01"),
            person(2, "Ek", "Lundvägen 8", "2026-02-10"),
            person(3, "Ek", "Ekgatan 3"),
        ],
        as_of_on="2026-02-28",
    )
    now = households(after)
    assert now[family] == {"c_1", "c_2"}
    assert len(now) == 2
    stays = [
        (row["customer_id"], str(row["from_on"]), str(row["to_on"]), row["is_current"])
        for row in after["household_members"]
        if row["household_id"] == family
    ]
    assert stays == [
        ("c_1", "2020-01-01", "2026-02-01", False),
        ("c_1", "2026-02-01", "None", True),
        ("c_2", "2020-01-01", "2026-02-10", False),
        ("c_2", "2026-02-10", "None", True),
    ]


def test_an_id_is_never_minted_twice_and_always_resolves(releases: Releases) -> None:
    """c_2 moves out, back and out again, into the same flat: three different households."""
    alone = [person(1, "Ek", "Ekgatan 3")]
    ever: set[str] = set()
    seen = []
    for month, street in enumerate(["Ekgatan 3", "Lundgatan 1", "Ekgatan 3", "Lundgatan 1"], 1):
        made = releases.make(
            [*alone, person(2, "Ek", street, f"2026-0{month}-01")], as_of_on=f"2026-0{month}-28"
        )
        ever |= set(households(made))
        seen.append({" ".join(sorted(who)): number for number, who in households(made).items()})
        known = {row["household_id"]: row["merged_into_household_id"] for row in made["households"]}
        assert ever <= set(known)
        assert all(known[other] is None for other in known.values() if other is not None)
    assert seen[0]["c_1 c_2"] == seen[1]["c_1"] == seen[2]["c_1 c_2"] == seen[3]["c_1"]
    assert seen[1]["c_2"] != seen[3]["c_2"]


def test_the_same_input_gives_the_same_tables_in_any_order(releases: Releases) -> None:
    records = _world(random.Random(1))
    first = releases.make(records)
    again = releases.make(records)
    random.Random(2).shuffle(records)
    shuffled = releases.make(records, threads=2)
    assert first == again == shuffled


@pytest.mark.parametrize("seed", range(4))
def test_over_releases_nobody_lives_twice_and_no_id_is_lost(project: Project, seed: int) -> None:
    chance = random.Random(seed)
    releases, records = Releases(project), _world(chance)
    ever: dict[str, int] = {}
    for month in range(1, 5):
        made = releases.make(records, as_of_on=f"2026-0{month}-28")
        current = [row for row in made["household_members"] if row["is_current"]]
        assert len({row["customer_id"] for row in current}) == len(current)
        assert {row["customer_id"] for row in current} == {r["customer_id"] for r in records}
        ids = {row["household_id"] for row in made["households"]}
        assert ids >= set(ever)
        assert {row["household_id"] for row in made["household_members"]} <= ids
        # nothing but the moves changes: whoever stays together keeps the id
        unchanged = releases.make(records, as_of_on=f"2026-0{month}-28")
        assert households(unchanged) == households(made)
        ever |= dict.fromkeys(ids, month)
        for record in chance.sample(records, 6):
            record["street"] = f"{chance.choice(STREETS)} {chance.randint(1, 3)}"
            record["updated_at"] = f"2026-0{month}-{chance.randint(10, 28)}"


STREETS = ("Ekgatan", "Lundvägen", "Bergstigen")


def _world(chance: random.Random) -> list[dict[str, Any]]:
    names = ("Ek", "Lund", "Berg", "Sten", "Ek-Lund")
    return [
        person(
            number,
            chance.choice(names),
            f"{chance.choice(STREETS)} {chance.randint(1, 3)}",
            phone=chance.choice([None, "070-123 45 67", f"070-123 45 {number:02}"]),
        )
        for number in range(30)
    ]


def company(number: str, name: str, organisation_number: str | None, **more: Any) -> dict[str, Any]:
    """Return a row of the register."""
    return {
        "source": "erp",
        "company_record_id": number,
        "company_name": name,
        "organisation_number": organisation_number,
        "country": "SE",
        "created_at": "2021-01-01",
        **more,
    }


def test_a_company_is_joined_by_number_and_keeps_its_id_as_records_come(
    releases: Releases,
) -> None:
    register = [company("1", "EK BYGG AB", "556036-0793")]
    (before,) = releases.make([], companies=register)["companies"]
    customer = {
        **person(1, "Ek", "Ekgatan 3"),
        "kind": "company",
        "company_name": "Ek Bygg Aktiebolag",
        "organisation_number": "SE556036079301",
    }
    made = releases.make([customer], companies=register)
    (after,) = made["companies"]
    assert after["company_id"] == before["company_id"]
    assert (after["company_name"], after["customer_count"], after["record_count"]) == (
        "EK BYGG AB",
        1,
        2,
    )


def test_a_number_that_fails_its_checksum_joins_nothing(releases: Releases) -> None:
    made = releases.make(
        [], companies=[company("1", "Ek AB", "556036-0794"), company("2", "Ek AB", "556036-0794")]
    )
    assert len(made["companies"]) == 2
    assert not any(row["has_organisation_number"] for row in made["companies"])


def test_a_sole_trader_is_a_person_and_its_own_owner(releases: Releases) -> None:
    made = releases.make(
        [person(1, "Lund", "Lundgatan 3", national_id="19850709-9805")],
        companies=[
            company("1", "Eva Lund Frisör", "850709-9805", street="Lundgatan 3", postcode="11122")
        ],
    )
    (trader,) = made["companies"]
    assert trader["is_sole_trader"]
    assert (trader["company_name"], trader["country"], trader["industry"]) == (None, None, None)
    (contact,) = made["company_contacts"]
    assert (contact["customer_id"], contact["role"], contact["evidence"]) == (
        "c_1",
        "owner",
        "national_id",
    )


def test_a_ring_of_owners_is_broken_the_same_way_every_time(releases: Releases) -> None:
    made = releases.make(
        [],
        companies=[
            company("1", "A AB", "556036-0793", parent_organisation_number="556012-5790"),
            company("2", "B AB", "556012-5790", parent_organisation_number="556036-0793"),
        ],
    )
    top = min(row["company_id"] for row in made["companies"])
    assert {row["ultimate_parent_company_id"] for row in made["companies"]} == {top}
    assert all(row["is_in_ring"] for row in made["companies"])
