"""What others know: facts bought or shared from outside, and the register of companies.

Belongs here: enrichments with licence and expiry, and companies as the ERP's ledger has them.
Does not belong here: what the company's own systems know of people (`records`).
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cdp_pipeline.synthetic.behaviour import DAY
from cdp_pipeline.synthetic.columns import (
    Ints,
    Text,
    blank,
    by_variant,
    digits,
    join,
    take,
    where,
)
from cdp_pipeline.synthetic.companies import TRADES, Companies
from cdp_pipeline.synthetic.names import COUNTRIES, name_book
from cdp_pipeline.synthetic.people import COUPLE_CHILDREN, END_DAY, People
from cdp_pipeline.synthetic.random_streams import Dice
from cdp_pipeline.synthetic.records import (
    END_AT,
    SystemRecords,
    World,
    format_phones,
    write_addresses,
)
from cdp_pipeline.synthetic.tastes import Tastes

PARTNER_SHARE = 0.09  # of web shop users: customers of the energy company too
BROKER_SHARE = 0.14  # of CRM contacts, companies not
LICENCE_DAYS = 365
PARTNER_LICENCE = "Kraftkälla data sharing agreement 2025"
BROKER_LICENCE = "Segmenta marketing licence"
FIRST_FACT = 900_001
FIRST_PARTNER = 20_001
PARENT_SHARE = 0.12
NO_CONTACT_SHARE = 0.3
HOLDING_NAMES = ("Invest", "Holding", "Group", "Gruppen")


@dataclass(frozen=True)
class Enrichments:
    """One position per fact, in the order they were collected."""

    enrichment_id: Ints
    system: Text
    record_id: Text
    attribute: Text
    value: Text
    is_third_party: Ints
    collected_on: Ints
    expires_on: Ints


def draw_enrichments(
    world: World, contacts: SystemRecords, users: SystemRecords, tastes: Tastes, dice: Dice
) -> Enrichments:
    """Draw what the energy company shares and the broker sells; some of it has run out."""
    chance = dice.stream("enrichments")
    kind = contacts.extra["kind"].to_numpy(zero_copy_only=False)
    is_person = users.buyer < len(world.people)
    shared = np.flatnonzero(is_person & (chance.random(len(users)) < PARTNER_SHARE))
    sold = np.flatnonzero((kind == 0) & (chance.random(len(contacts)) < BROKER_SHARE))
    pieces = [
        *_from_partner(users, shared, world.people, chance),
        *_from_broker(world, contacts, sold, tastes, chance),
    ]
    sizes = [len(piece[1]) for piece in pieces]
    third = np.repeat([piece[3] for piece in pieces], sizes)
    collected = END_DAY - 1 - (640 * chance.random(sum(sizes)) ** 1.2).astype(np.int64)
    record_id = pa.concat_arrays([piece[1] for piece in pieces])
    order = np.lexsort((np.arange(sum(sizes)), collected))
    names = np.repeat(np.array([piece[0] for piece in pieces]), sizes)
    return Enrichments(
        enrichment_id=FIRST_FACT + np.arange(sum(sizes)),
        system=where((third == 1)[order], "crm", "webshop"),
        record_id=take(record_id, order),
        attribute=pa.array(names[order].tolist(), pa.string()),
        value=take(pa.concat_arrays([piece[2] for piece in pieces]), order),
        is_third_party=third[order],
        collected_on=collected[order],
        expires_on=collected[order] + LICENCE_DAYS,
    )


_Piece = tuple[str, Text, Text, int]
"""Attribute, record ids, values, whether it is from a third party."""


def _from_partner(
    users: SystemRecords, rows: Ints, people: People, chance: np.random.Generator
) -> list[_Piece]:
    ids = take(users.record_id, rows)
    age = (END_DAY - people.born[users.buyer[rows]]) / 365.25
    heating = chance.choice(4, len(rows), p=[0.45, 0.3, 0.15, 0.1])
    solar = chance.random(len(rows)) < 0.11
    charges = chance.random(len(rows)) < np.where(age < 55, 0.24, 0.12)
    names = pa.array(["district_heating", "heat_pump", "electric", "pellets"], pa.string())
    return [
        ("heating", ids, take(names, heating), 0),
        ("has_solar_panels", ids, where(solar, "true", "false"), 0),
        ("charges_car_at_home", ids, where(charges, "true", "false"), 0),
    ]


def _from_broker(
    world: World,
    contacts: SystemRecords,
    rows: Ints,
    tastes: Tastes,
    chance: np.random.Generator,
) -> list[_Piece]:
    """Sell guesses that are mostly right, and now and then contradict what the CRM knows."""
    people = world.people
    buyer = np.minimum(contacts.buyer[rows], len(people) - 1)
    ids = take(contacts.record_id, rows)
    age = (END_DAY - people.born[buyer]) / 365.25
    band = np.clip(tastes.style[buyer] + chance.integers(-1, 2, len(rows)), 0, 2)
    sizes = np.bincount(people.household, minlength=int(people.household.max(initial=0)) + 1)
    size = sizes[people.household[buyer]]
    stage = np.select([age < 30, size >= COUPLE_CHILDREN, age < 65], [0, 1, 2], 3)
    stage = np.where(chance.random(len(rows)) < 0.15, chance.integers(0, 4, len(rows)), stage)
    near = world.stores.nearest[people.homes.city[people.home[buyer]]]
    elsewhere = chance.integers(0, len(world.stores.store_id), len(rows))
    store = np.where(chance.random(len(rows)) < 0.5, elsewhere, near)
    bands = pa.array(["low", "middle", "high"], pa.string())
    stages = pa.array(["young", "family", "settled", "senior"], pa.string())
    return [
        ("income_band", ids, take(bands, band), 1),
        ("life_stage", ids, take(stages, stage), 1),
        ("preferred_store", ids, take(pa.array(world.stores.store_id, pa.string()), store), 1),
    ]


def parent_companies(firms: Companies, chance: np.random.Generator) -> Ints:
    """Draw which company owns each company; -1 for those that nobody of them owns."""
    count = len(firms)
    rows = np.arange(count)
    owners = np.flatnonzero(~firms.is_sole_trader & (chance.random(count) < PARENT_SHARE))
    has_parent = ~firms.is_sole_trader & (chance.random(count) < 2 * PARENT_SHARE)
    # The parent stands in the ledger before its subsidiaries, so no company owns itself.
    place = np.searchsorted(owners, rows) - 1
    parent = owners[np.maximum(place, 0)] if len(owners) else rows
    has_parent &= (place >= 0) & (parent != rows) & bool(len(owners))
    return np.where(has_parent, parent, -1)


def company_ledger(people: People, firms: Companies, dice: Dice) -> tuple[pa.Table, pa.Table]:
    """Write the ERP's business partners, and the truth about who owns and who answers for them."""
    chance = dice.stream("company ledger")
    count = len(firms)
    rows = np.arange(count)
    parent = parent_companies(firms, chance)
    has_parent, owner = parent >= 0, np.maximum(parent, 0)
    contact, contact_name, contact_email = _ledger_contacts(people, firms, dice)
    street, postcode, city = write_addresses(firms.homes, rows, chance)
    trades = pa.array([trade for name in COUNTRIES for trade in TRADES[name].split()], pa.string())
    per_country = len(trades) // len(COUNTRIES)
    trade = firms.country.astype(np.int64) * per_country + chance.integers(0, per_country, count)
    domain = pa.array(
        [(mail or "").partition("@")[2] for mail in firms.email.to_pylist()], pa.string()
    )
    created = END_AT - 400 * DAY - (2600 * DAY * chance.random(count)).astype(np.int64)
    ledger = pa.table(
        {
            "partnernr": digits(FIRST_PARTNER + rows),
            "namn": _ledger_names(firms.name, chance),
            "orgnr": firms.organisation_number,
            "moderbolag_orgnr": where(has_parent, take(firms.organisation_number, owner), None),
            "land": take(pa.array(COUNTRIES, pa.string()), firms.country),
            "bransch": take(trades, trade),
            "anstallda": digits(
                np.where(
                    firms.is_sole_trader, 1, np.exp(chance.normal(2.2, 1.1, count)).astype(int) + 1
                )
            ),
            "gatuadress": street,
            "postnr": postcode,
            "ort": city,
            "webbplats": join("https://www.", domain),
            "epost": firms.email,
            "telefon": format_phones(firms.phone, firms.country, np.zeros(count, dtype=np.int64)),
            "kontaktperson": contact_name,
            "kontakt_epost": contact_email,
            "upplagd": created,
            "andrad": created + ((END_AT - created) * chance.random(count)).astype(np.int64),
        }
    )
    truth = pa.table(
        {
            "company_id": join("o", digits(rows, 7)),
            "partner_id": ledger["partnernr"],
            "is_sole_trader": pa.array(firms.is_sole_trader),
            "parent_company_id": blank(join("o", digits(owner, 7)), ~has_parent),
            "ledger_contact_id": blank(join("p", digits(contact, 7)), pc.is_null(contact_name)),
        }
    )
    return ledger, truth


def _ledger_contacts(people: People, firms: Companies, dice: Dice) -> tuple[Ints, Text, Text]:
    """Name for most companies one of their contacts, with the address of mail at work."""
    chance = dice.stream("company ledger contacts")
    count = len(firms)
    first = np.searchsorted(firms.contact_company, np.arange(count))
    how_many = np.bincount(firms.contact_company, minlength=count)
    place = first + (how_many * chance.random(count)).astype(np.int64)
    unknown = chance.random(count) < NO_CONTACT_SHARE
    person = firms.contact_person[place] if count else place
    given = take(pa.array(name_book().given, pa.string()), people.given[person])
    name = blank(join(given, " ", take(people.surname, person)), unknown)
    return person, name, blank(take(firms.contact_email, place), unknown)


def _ledger_names(name: Text, chance: np.random.Generator) -> Text:
    """Bookkeepers write names their own way: in capitals, or as a group."""
    variant = np.searchsorted(np.array([0.7, 0.9]), chance.random(len(name)), side="right")
    words = pa.array(HOLDING_NAMES, pa.string())
    group = take(words, chance.integers(0, len(HOLDING_NAMES), len(name)))
    return by_variant(
        variant,
        [
            lambda rows: take(name, rows),
            lambda rows: pa.array([text.upper() for text in take(name, rows).to_pylist()]),
            lambda rows: join(take(name, rows), " ", take(group, rows)),
        ],
    )
