"""Small worlds of several countries, by another hand than the demo company's.

Belongs here: people, homes and the records that shops of one to three kinds keep of them, with the
slips and habits of each country. Does not belong here: linking or scoring them.

They share nothing with ``cdp_pipeline.synthetic``: other names, other slips, other gaps. Families
live together, share an address and now and then an e-mail, sons are called like fathers, people
move and marry, clerks write names their own way, and some sources know next to nothing.
"""

from __future__ import annotations

import datetime as dt
import random
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from benchmarks._identity_sets import LabelledSet

if TYPE_CHECKING:
    import duckdb

Row = dict[str, Any]

# Per country: men, women, families, streets, towns, mail domains, calling code and mobile prefix.
_LANDS: dict[str, tuple[str, ...]] = {
    "SE": (
        "Lars Anders Johan Per Nils Karl Mats Jan Erik Göran Håkan Björn Östen Jörgen Ulf Leif Rune"
        " Sven Bo Åke Jonas Emil Viktor Hampus Måns Love Sixten Elis Tage Folke",
        "Anna Karin Kristina Lena Åsa Märta Ulla Birgitta Ingrid Sofia Linnéa Ebba Elsa Moa Tuva"
        " Frida Hanna Gunilla Malin Jenny Sara Ylva Siv Rut Maj Astrid Stina Greta Hedda Vera",
        "Johansson Andersson Karlsson Nilsson Lindqvist Bergström Sjöberg Hägg Åström Öhman Löfgren"
        " Ekström Wikström Norén Palm Hjelm Frisk Rask Ståhl Käll Brodin Forslund Hedman Nygren",
        "Storgatan Kyrkogatan Björkvägen Ängsstigen Nygatan Skolgatan Bäckvägen Tallgatan",
        "Umeå Växjö Lidköping Örebro Ystad",
        "mejl.example post.example brev.example",
        "+46 7",
    ),
    "DE": (
        "Hans Jürgen Peter Klaus Günter Wolfgang Dieter Jörg Uwe Ralf Frank Bernd Heinz Stefan"
        " Sönke Matthias Thomas Lukas Felix Moritz Niklas Bastian Philipp Kai Torben Malte Götz",
        "Ursula Monika Renate Käthe Sabine Jutta Heike Birgit Bärbel Anja Silke Nicole Katja Julia"
        " Lena Hannah Leonie Franziska Gisela Helga Ilse Petra Ute Antje Wiebke Frauke Svenja Ute",
        "Müller Schmidt Weiß Schäfer Köhler Krüger Böhm Jäger Groß Voß Sauer Frank Vogel Roth Beck"
        " Lorenz Baumann Franke Albrecht Winter Ludwig Kühn Pohl Engel Horn Busch Thomas Bergmann",
        "Hauptstraße Gartenstraße Schulweg Lindenallee Kirchgasse Bahnhofstraße Am_Anger Mühlweg",
        "Köln Lübeck Würzburg Gera Düren",
        "post.example brief.example mail.example",
        "+49 15",
    ),
    "NL": (
        "Jan Piet Kees Henk Willem Bram Daan Sem Lucas Thijs Joost Sjoerd Maarten Ruud Wouter Gijs"
        " Bas Jeroen Pim Rik Teun Hugo Siem Floris Koen Niels Stijn Jelle",
        "Maria Johanna Anneke Els Ria Sanne Lotte Femke Fleur Noor Saskia Marijke Ineke Tess Julia"
        " Roos Eva Mila Anouk Evi Liv Floor Jet Merel Nienke Esther Hilde Wilma",
        "de_Vries van_Dijk Bakker Visser de_Jong van_den_Berg Smit Mulder Bos Vos Peters Hendriks"
        " van_der_Meer Dekker Brouwer de_Wit Kok Jacobs van_Vliet Kuipers Post Prins Maas Blom",
        "Kerkstraat Dorpsweg Molenlaan Beatrixlaan Havenkade Schoolpad Lindelaan Stationsplein",
        "Zwolle Delft Sneek Tiel Assen",
        "post.example brief.example mail.example",
        "+31 6",
    ),
    "ES": (
        "José Antonio Manuel Francisco Javier Carlos Miguel Ángel Rafael Pedro Pablo Diego Álvaro"
        " Sergio Hugo Iván Óscar Ramón Andrés Joaquín Tomás Mateo Nicolás Adrián Rubén Jesús",
        "María Carmen Dolores Pilar Lucía Paula Marta Elena Sofía Inés Rocío Teresa Ana Julia Alba"
        " Nuria Silvia Begoña Mercedes Raquel Noelia Irene Celia Aurora Consuelo Amparo",
        "García Martínez López Sánchez Pérez Gómez Núñez Muñoz Díaz Ibáñez Vega Cano Prieto Ortega"
        " Marín Rubio Molina Castillo Crespo Gallego Pastor Vidal Soler Duran Herrero Peña Lozano",
        "Calle_Mayor Avenida_de_la_Paz Calle_Real Plaza_Nueva Calle_del_Pino Paseo_del_Río",
        "Lugo Jaén Ávila Cuenca Huesca",
        "correo.example mail.example buzon.example",
        "+34 6",
    ),
}  # fmt: skip

_KINDS = {
    "register": "given_name family_name email phone street postcode city birth_on",
    "shop": "given_name family_name email phone street postcode city",
    "carrier": "turned_name phone street postcode city",
    "club": "full_name email phone birth_on postcode",
    "donors": "initial_name email street postcode city",
    "till": "email postcode",
    "newsletter": "email",
    "texts": "phone",
}
# What a source never lacks, and those to which people sign up again and again.
_ALWAYS = {"till": "email", "newsletter": "email", "texts": "phone"}
_LISTS = ("newsletter", "texts")


@dataclass(frozen=True)
class Land:
    """One world: a country, its people, and which sources hold which share of them."""

    name: str
    country: str
    people: int
    sources: dict[str, tuple[float, float]]
    slips: float = 0.1
    lost: float = 0.08
    seed: int = 1


# Share of the people a source holds, and share of those it holds twice (of a list, of each of
# their records that another follows).
LANDS = (
    Land("families_in_two_clean_sources", "DE", 1500, {"shop": (0.7, 0), "carrier": (0.7, 0)}),
    Land("initials_in_one_source", "NL", 1200, {"donors": (1, 0.4)}),
    Land("initials_beside_a_register", "NL", 1500, {"register": (0.6, 0), "donors": (0.5, 0.1)}),
    Land("a_till_that_knows_an_email", "SE", 1500, {"register": (0.7, 0), "till": (0.6, 0)}),
    Land("double_surnames", "ES", 1500, {"register": (0.6, 0.1), "shop": (0.6, 0.1)}),
    Land("three_sources", "SE", 1500, {"register": (0.6, 0), "shop": (0.6, 0.1), "club": (0.5, 0)}),
    Land("one_small_source", "DE", 600, {"register": (1, 0.2)}),
    Land("a_list_of_emails", "SE", 1500, {"register": (0.8, 0), "newsletter": (0.5, 0.6)}),
    Land("a_list_of_phones", "DE", 1500, {"register": (0.8, 0), "texts": (0.5, 0.6)}),
    Land(
        "two_lists_beside_a_shop",
        "NL",
        1500,
        {"shop": (0.8, 0), "newsletter": (0.6, 0.6), "texts": (0.3, 0.6)},
    ),
    Land("much_is_missing", "ES", 1200, {"shop": (0.6, 0.1), "club": (0.6, 0.1)}, 0.15, 0.3),
)


def labelled(land: Land) -> LabelledSet:
    """Return a world as a labelled set."""

    def load(con: duckdb.DuckDBPyConnection, _: Path) -> None:
        rows = records(land)
        names = list(dict.fromkeys(name for row in rows for name in row))
        texts = {n: pa.array([row.get(n) for row in rows], pa.string()) for n in names}
        con.register("given", pa.table(texts))
        con.execute("create temp table delivered as from given")
        con.unregister("given")
        con.execute(
            "insert into staging.customer_records by name select * exclude (person) from delivered"
        )
        con.execute("insert into truth by name select source, record_id, person from delivered")

    return LabelledSet(land.country, load)


@dataclass
class _Person:
    number: int
    given: str
    family: str
    born: dt.date
    homes: list[Row]
    mails: list[str]
    phones: list[str]
    families: list[str] = field(default_factory=list)


def records(land: Land) -> list[Row]:
    """Return the records of a world, each with its ``person``."""
    return _Makers(land).records()


class _Makers:
    def __init__(self, land: Land) -> None:
        self.land = land
        self.dice = random.Random(f"{land.name} {land.seed}")
        lists = [_words(text) for text in _LANDS[land.country][:6]]
        self.men, self.women, self.families, self.streets, self.towns, self.domains = lists
        self.calling = _LANDS[land.country][6].split()
        self.areas = {t: f"{10 + 17 * i}" for i, t in enumerate(self.towns)}
        self.count = 0

    def records(self) -> list[Row]:
        people = list(self._people())
        found = []
        for source, (share, twice) in self.land.sources.items():
            habit = self.dice.choice(("as it is", "plain", "spelt out", "upper"))
            rows = []
            for person in people:
                if self.dice.random() < share:
                    for _ in range(1 + self._further(source, twice)):
                        rows.append((person, self._row(person, source, habit)))
            self.dice.shuffle(rows)
            found += [
                {"source": source, "record_id": str(n), "person": str(person.number), **row}
                for n, (person, row) in enumerate(rows)
            ]
        return found

    def _further(self, source: str, twice: float) -> int:
        """Return how many more records a source has of somebody."""
        count = int(self.dice.random() < twice)
        while count and source in _LISTS and self.dice.random() < twice:
            count += 1
        return count

    def _people(self) -> Iterator[_Person]:
        while self.count < self.land.people:
            home, family = self._home(), self._family()
            if self.dice.random() < 0.45:
                yield self._person(home, family, self.dice.random() < 0.5)
                continue
            father = self._person(home, family, True)
            mother = self._person(
                home, family if self.dice.random() < 0.7 else self._family(), False
            )
            members = [father, mother]
            for _ in range(self.dice.choice((0, 0, 1, 2))):
                child = self._person(home, family, self.dice.random() < 0.5, 16)
                if self.dice.random() < 0.04:
                    child.given = father.given
                members.append(child)
            if self.dice.random() < 0.12:
                for member in members:
                    member.mails = father.mails
            if self.dice.random() < 0.25:
                for member in members:
                    member.phones = [*member.phones, father.phones[0]]
            yield from members

    def _person(self, home: Row, family: str, man: bool, age: int = 30) -> _Person:
        self.count += 1
        given = self.dice.choice(self.men if man else self.women)
        born = dt.date(2026 - age, 1, 1) - dt.timedelta(days=self.dice.randrange(18_000))
        homes = [home, self._home()] if self.dice.random() < 0.1 else [home]
        families = [family, self._family()] if not man and self.dice.random() < 0.05 else [family]
        mails = [self._mail(given, family, born) for _ in range(1 + (self.dice.random() < 0.2))]
        digits = "".join(str(self.dice.randrange(10)) for _ in range(8))
        phone = self.calling[0] + self.calling[1] + digits
        return _Person(self.count, given, family, born, homes, mails, [phone], families)

    def _family(self) -> str:
        places = range(len(self.families))
        found = [self.families[min(self.dice.choice(places), self.dice.choice(places))]]
        if self.land.country == "ES":
            found.append(self.dice.choice(self.families))
        elif self.dice.random() < 0.25:
            # Names that nobody listed: the ends of two, put together.
            one, other = self.dice.choice(self.families), self.dice.choice(self.families)
            found = [one[: max(3, len(one) // 2)] + other[-4:].lower().strip()]
        return " ".join(found)

    def _home(self) -> Row:
        town = self.towns[min(self.dice.randrange(5), self.dice.randrange(5))]
        street, number = self.dice.choice(self.streets), self.dice.randrange(1, 140)
        return {
            "street": f"{street} {number}",
            "postcode": f"{self.areas[town]}{self.streets.index(street):01d}{number // 20:02d}",
            "city": town,
        }

    def _mail(self, given: str, family: str, born: dt.date) -> str:
        one, other = _plain(given).lower(), re.sub("[^a-z]", "", _plain(family).lower())
        user = self.dice.choice(
            (f"{one}.{other}", f"{one}{born.year % 100:02d}", f"{one[0]}{other}{born.day}",
             f"{other}.{one}{self.dice.randrange(90)}", f"sol{self.dice.randrange(9999)}")
        )  # fmt: skip
        return f"{user}@{self.dice.choice(self.domains)}"

    def _row(self, person: _Person, source: str, habit: str) -> Row:
        dice, slips = self.dice, self.land.slips
        if dice.random() < 0.15:
            habit = dice.choice(("as it is", "plain", "spelt out", "upper"))
        given, family = person.given, dice.choice(person.families)
        if " " in family and self.land.country == "ES" and dice.random() < 0.3:
            family = family.split()[0]
        given, family = self._slip(given), self._slip(family)
        given, family = _written(given, habit), _written(family, habit)
        if dice.random() < 0.01:
            given, family = family, given
        home = dice.choice(person.homes)
        born = person.born
        if dice.random() < slips / 2:
            born = dice.choice((_turned(born), born.replace(day=dice.randrange(1, 29))))
        mail = dice.choice(person.mails)
        if dice.random() < slips / 3:
            mail = self._slip(mail.split("@")[0], 1.0) + "@" + mail.split("@")[1]
        phone = dice.choice(person.phones)
        every = {
            "given_name": given,
            "family_name": family,
            "full_name": f"{given} {family}",
            "turned_name": f"{family.upper()}, {given}",
            "initial_name": f"{given[0]}. {family}" if dice.random() < 0.4 else f"{given} {family}",
            "email": "test@test.example" if dice.random() < 0.01 else mail,
            "phone": phone if dice.random() < 0.5 else "00" + phone[1:],
            "street": _written(self._slip(home["street"]), habit),
            "postcode": home["postcode"],
            "city": _written(home["city"], habit),
            "birth_on": "1900-01-01" if dice.random() < 0.01 else born.isoformat(),
        }
        kept = {
            ("full_name" if name in ("turned_name", "initial_name") else name): every[name]
            for name in _KINDS[source].split()
            if name.endswith("_name") or dice.random() >= self.land.lost
        }
        always = _ALWAYS.get(source)
        return kept | ({always: every[always]} if always else {})

    def _slip(self, text: str, share: float | None = None) -> str:
        """Return a text with a slip of the keyboard, now and then."""
        if len(text) < 4 or self.dice.random() >= (self.land.slips if share is None else share):
            return text
        place = self.dice.randrange(1, len(text) - 1)
        before, letter, after = text[:place], text[place], text[place + 1 :]
        return before + self.dice.choice(
            (after, letter + letter + after, after[:1] + letter + after[1:],
             self.dice.choice("aeiornst") + after)
        )  # fmt: skip


def _words(text: str) -> list[str]:
    return [word.replace("_", " ") for word in text.split()]


def _plain(text: str) -> str:
    apart = unicodedata.normalize("NFD", text.replace("ß", "ss"))
    return "".join(c for c in apart if not unicodedata.combining(c))


def _written(text: str, habit: str) -> str:
    """Return a text as a system writes it."""
    if habit == "spelt out":
        for letter, letters in (("å", "aa"), ("ä", "ae"), ("ö", "oe"), ("ü", "ue")):
            text = text.replace(letter, letters).replace(letter.upper(), letters.title())
    if habit in ("spelt out", "plain"):
        return _plain(text)
    return text.upper() if habit == "upper" else text


def _turned(day: dt.date) -> dt.date:
    return day.replace(month=day.day, day=day.month) if day.day <= 12 else day
