"""Companies that buy from the shop, and the people who are their contacts.

Belongs here: names, organisation numbers, addresses and who answers the phone there.
Does not belong here: their accounts and purchases, which come with everybody's.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from cdp_pipeline.synthetic.checksums import organisation_numbers, personal_numbers
from cdp_pipeline.synthetic.columns import (
    Ints,
    Mask,
    Text,
    by_variant,
    join,
    scatter,
    take,
)
from cdp_pipeline.synthetic.names import COUNTRIES, name_book
from cdp_pipeline.synthetic.people import (
    Addresses,
    People,
    draw_addresses,
    number_repeats_of_mail,
    plain_letters,
)
from cdp_pipeline.synthetic.places import atlas
from cdp_pipeline.synthetic.random_streams import Dice

TRADES = {
    "SE": "Bygg Måleri El Städ Redovisning Café Hotell Frisör Konsult Fastigheter Åkeri Förskola "
    "Tandvård Snickeri Trädgård Bageri",
    "NO": "Bygg Maling Elektro Renhold Regnskap Kafé Hotell Frisør Rådgivning Eiendom Transport "
    "Barnehage Tannlege Snekker Hage Bakeri",
    "DK": "Byg Maler El Rengøring Revision Café Hotel Frisør Rådgivning Ejendomme Transport "
    "Børnehave Tandlæge Tømrer Have Bageri",
    "FI": "Rakennus Maalaus Sähkö Siivous Tilitoimisto Kahvila Hotelli Parturi Konsultointi "
    "Kiinteistöt Kuljetus Päiväkoti Hammas Puusepät Puutarha Leipomo",
}
FORMS = {"SE": "AB", "NO": "AS", "DK": "ApS", "FI": "Oy"}


@dataclass(frozen=True)
class Companies:
    """One position per company; contacts are positions in `People`."""

    country: npt.NDArray[np.int8]
    name: Text
    organisation_number: Text
    is_sole_trader: Mask
    owner: Ints
    homes: Addresses
    email: Text
    phone: Ints
    contact_person: Ints
    contact_company: Ints
    contact_email: Text

    def __len__(self) -> int:
        return len(self.country)


def personal_number_of(people: People, rows: Ints) -> Text:
    """Give each person's own number, the same wherever it is written."""
    return personal_numbers(
        people.country[rows], people.born[rows], people.female[rows], rows * 7919 % 100_003
    )


def make_companies(count: int, people: People, dice: Dice) -> Companies:
    """Make companies, with one to three of the people as contacts."""
    chance = dice.stream("companies")
    working = np.flatnonzero((people.born > -9_000) & (people.born < 12_000))
    owner = chance.choice(working, size=count, replace=len(working) < count).astype(np.int64)
    country = people.country[owner]
    sole = (country == 0) & (chance.random(count) < 0.18)
    homes = draw_addresses(country, chance)
    name = _names(people, owner, country, homes, sole, chance)
    number = organisation_numbers(country, chance.permutation(count) * 1_237 + 11)
    # A Swedish sole trader's organisation number is the personal number, without the century.
    own_number = personal_number_of(people, owner[sole])
    short = pc.utf8_slice_codeunits(own_number, 2, 13)
    number = scatter(number, np.flatnonzero(sole), short)
    domain = join(plain_letters(name), ".example")
    contacts = chance.choice([1, 2, 3], count, p=[0.6, 0.3, 0.1])
    contact_company = np.repeat(np.arange(count), contacts)
    first = np.r_[True, contact_company[1:] != contact_company[:-1]][: len(contact_company)]
    others = _colleagues(people, working, country[contact_company], chance)
    contact = np.where(first, owner[contact_company], others)
    given = take(pa.array(name_book().given, pa.string()), people.given[contact])
    return Companies(
        country=country,
        name=name,
        organisation_number=number,
        is_sole_trader=sole,
        owner=owner,
        homes=homes,
        email=number_repeats_of_mail(join("info@", domain), chance),
        phone=_switchboards(country, chance),
        contact_person=contact,
        contact_company=contact_company,
        contact_email=join(
            plain_letters(given),
            ".",
            plain_letters(take(people.surname, contact)),
            "@",
            take(domain, contact_company),
        ),
    )


def _names(
    people: People,
    owner: Ints,
    country: npt.NDArray[np.int8],
    homes: Addresses,
    sole: Mask,
    chance: np.random.Generator,
) -> Text:
    """Name companies after owner or city, and trade; sole traders after themselves."""
    surname = take(people.surname, owner)
    given = take(pa.array(name_book().given, pa.string()), people.given[owner])
    city = take(pa.array(atlas().city_names, pa.string()), homes.city)
    trades = pa.array([trade for name in COUNTRIES for trade in TRADES[name].split()], pa.string())
    per_country = len(trades) // len(COUNTRIES)
    place = chance.integers(0, per_country, len(owner))
    trade = take(trades, country.astype(np.int64) * per_country + place)
    form = take(pa.array([FORMS[name] for name in COUNTRIES], pa.string()), country)
    forms = (
        join(surname, " ", trade, " ", form),
        join(city, " ", trade, " ", form),
        join(surname, " & Co ", trade, " ", form),
        join(given, " ", surname, " ", trade),
    )
    style = np.where(sole, 3, chance.integers(0, 3, len(owner)))
    return by_variant(style, [partial(take, text) for text in forms])


def _colleagues(
    people: People, working: Ints, country: npt.NDArray[np.int8], chance: np.random.Generator
) -> Ints:
    """Draw people of working age who live in the company's country."""
    chosen = np.zeros(len(country), dtype=np.int64)
    for number in range(len(COUNTRIES)):
        rows = np.flatnonzero(country == number)
        pool = working[people.country[working] == number]
        if len(rows):
            chosen[rows] = chance.choice(pool, len(rows))
    return chosen


def _switchboards(country: npt.NDArray[np.int8], chance: np.random.Generator) -> Ints:
    bases = np.array([402_000_000, 23_000_000, 76_100_000, 92_000_000])[country]
    spans = np.array([7_999_999, 999_999, 899_999, 5_999_999])[country]
    return np.asarray(bases + (chance.random(len(country)) * spans).astype(np.int64))
