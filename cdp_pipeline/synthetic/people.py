"""The people behind the records: households, names, homes, phones and e-mail addresses.

Belongs here: what is true of a person, and when it changed (marriage, moves, new numbers).
Does not belong here: what any system wrote down about them (`records`) or what they buy
(`behaviour`). Everything is a column over all people; there is no loop over people.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from cdp_pipeline.synthetic.columns import (
    Ints,
    Mask,
    Rows,
    Text,
    digits,
    fold,
    join,
    number_repeats,
    one,
    scatter,
    take,
    where,
)
from cdp_pipeline.synthetic.names import COUNTRIES, ORIGINS, name_book
from cdp_pipeline.synthetic.places import atlas
from cdp_pipeline.synthetic.random_streams import Dice

NEVER = 2**31 - 1
COUNTRY_SHARES = (0.62, 0.14, 0.13, 0.11)
END_DAY = 20_726  # 2026-09-30
START_DAY = END_DAY - 3 * 365  # three years of history

SINGLE, COUPLE, COUPLE_CHILD, COUPLE_CHILDREN, PARENT_CHILD, FLAT_TWO, FLAT_THREE, TWINS = range(8)
HOUSEHOLD_SHARES = (0.53, 0.25, 0.055, 0.03, 0.05, 0.045, 0.015, 0.025)
HOUSEHOLD_SIZES = (1, 2, 3, 4, 2, 2, 3, 4)
ORIGIN_SHARES = (0.15, 0.11, 0.09, 0.05)  # of households, by country
ORIGIN_NAMES = tuple(ORIGINS)
ORIGIN_WEIGHTS = (0.28, 0.09, 0.2, 0.16, 0.08, 0.1, 0.08, 0.01)

# Reserved top-level domain: no real mailbox can be hit by a demo.
MAIL_DOMAINS = (
    "gpost.example", "hotpost.example", "utsikt.example", "molnet.example", "telnord.example",
    "live.example", "bredband.example", "yahej.example", "kabelnat.example", "fjord.example",
    "jubi.example", "kolumbus.example", "privat.example", "min-mejl.example",
)  # fmt: skip
MAIL_WEIGHTS = (40, 16, 8, 7, 6, 5, 4, 3, 3, 2, 2, 2, 1, 1)
PET_WORDS = (
    "solros sommar katten fotboll vinter stjarna lilla musik hockey blomma drake bjorn skogen "
    "havet golf pizza lucky tiger angel mamma pappa fisk segling kaffe hund"
)


@dataclass(frozen=True)
class Addresses:
    """Homes, one per position; what a letter needs."""

    country: npt.NDArray[np.int8]
    city: npt.NDArray[np.int16]
    street: npt.NDArray[np.int32]
    number: npt.NDArray[np.int16]
    door: npt.NDArray[np.int16]
    postcode: npt.NDArray[np.int32]


@dataclass(frozen=True)
class People:
    """One position per person in every column; days are days since 1970."""

    country: npt.NDArray[np.int8]
    female: Mask
    born: npt.NDArray[np.int32]
    household_before: npt.NDArray[np.int32]
    household: npt.NDArray[np.int32]
    head: npt.NDArray[np.int32]
    is_twin: Mask
    is_flatmate: Mask
    given: npt.NDArray[np.int32]
    middle_surname: Text
    surname_before: Text
    surname: Text
    renamed_on: npt.NDArray[np.int32]
    homes: Addresses
    home_before: npt.NDArray[np.int32]
    home: npt.NDArray[np.int32]
    moved_on: npt.NDArray[np.int32]
    mobile_before: Ints
    mobile: Ints
    mobile_changed_on: npt.NDArray[np.int32]
    landline: Ints
    email_before: Text
    email: Text
    email_changed_on: npt.NDArray[np.int32]
    email_other: Text  # from work or school; null for most
    shares_email: Mask
    shares_phone: Mask

    def __len__(self) -> int:
        return len(self.country)


@dataclass(frozen=True)
class _Households:
    """Who lives together: the skeleton that names, homes and numbers hang on."""

    kind: npt.NDArray[np.int8]
    number: npt.NDArray[np.int32]
    place: npt.NDArray[np.int8]
    head: npt.NDArray[np.int32]
    country: npt.NDArray[np.int8]
    female: Mask
    born: npt.NDArray[np.int32]

    @property
    def is_child(self) -> Mask:
        """Adult children at home (or just moved out)."""
        first_child = np.array([9, 9, 2, 2, 1, 9, 9, 2])[self.kind]
        return np.asarray(self.place >= first_child)

    @property
    def is_partner(self) -> Mask:
        """The second adult of a couple."""
        has_partner = np.isin(self.kind, (COUPLE, COUPLE_CHILD, COUPLE_CHILDREN, TWINS))
        return np.asarray(has_partner & (self.place == 1))

    @property
    def is_flat(self) -> Mask:
        """People who share a flat and nothing else."""
        return np.isin(self.kind, (FLAT_TWO, FLAT_THREE))


def make_people(count: int, dice: Dice) -> People:
    """Make the people of a company, exactly as many as asked for."""
    homes = _make_households(count, dice)
    given, origin = _draw_given_names(homes, dice)
    surname, surname_before, renamed_on, middle = _draw_surnames(homes, origin, dice)
    addresses, home_before, home, moved_on, household = _draw_homes(homes, dice)
    mobile_before, mobile, mobile_changed_on, landline = _draw_phones(homes, dice)
    email_before, email, email_changed_on, email_other = _draw_emails(
        homes, given, surname_before, surname, dice
    )
    age = (END_DAY - homes.born) / 365.25
    chance = dice.stream("people.sharing")
    old_partner = homes.is_partner & (age > 58)
    shares_email = chance.random(count) < np.select(
        [old_partner, homes.is_partner, homes.is_child & (age < 23)], [0.22, 0.06, 0.15], 0.0
    )
    shares_phone = chance.random(count) < np.select(
        [homes.is_partner, homes.is_child & (age < 25)], [0.07, 0.2], 0.0
    )
    return People(
        country=homes.country,
        female=homes.female,
        born=homes.born,
        household_before=homes.number,
        household=household,
        head=homes.head,
        is_twin=(homes.kind == TWINS) & (homes.place >= 2),
        is_flatmate=homes.is_flat,
        given=given,
        middle_surname=middle,
        surname_before=surname_before,
        surname=surname,
        renamed_on=renamed_on,
        homes=addresses,
        home_before=home_before,
        home=home,
        moved_on=moved_on,
        mobile_before=mobile_before,
        mobile=mobile,
        mobile_changed_on=mobile_changed_on,
        landline=landline,
        email_before=email_before,
        email=email,
        email_changed_on=email_changed_on,
        email_other=email_other,
        shares_email=shares_email,
        shares_phone=shares_phone,
    )


def _make_households(count: int, dice: Dice) -> _Households:
    chance = dice.stream("people.households")
    # Enough households for everyone; the last one may lose members to make the count exact.
    kinds = chance.choice(len(HOUSEHOLD_SHARES), size=count, p=HOUSEHOLD_SHARES).astype(np.int8)
    sizes = np.array(HOUSEHOLD_SIZES)[kinds]
    number = np.repeat(np.arange(count, dtype=np.int32), sizes)[:count]
    starts = np.cumsum(sizes) - sizes
    place = (np.arange(count) - starts[number]).astype(np.int8)
    kind = kinds[number]
    head = starts[number].astype(np.int32)
    country = chance.choice(4, size=count, p=COUNTRY_SHARES).astype(np.int8)[number]
    born = _birth_days(kind, place, head, chance)
    female = chance.random(count) < 0.54
    partner = np.isin(kind, (COUPLE, COUPLE_CHILD, COUPLE_CHILDREN, TWINS)) & (place == 1)
    opposite = partner & (chance.random(count) < 0.96)
    female = np.where(opposite, ~female[head], female)
    return _Households(kind, number, place, head, country, female, born)


def _birth_days(
    kind: Rows, place: Rows, head: Rows, chance: np.random.Generator
) -> npt.NDArray[np.int32]:
    count = len(kind)
    wide = 19 + 70 * chance.beta(1.35, 2.0, count)
    family = 43 + 22 * chance.beta(1.5, 2.0, count)
    young = 19 + 12 * chance.beta(1.2, 2.0, count)
    is_family = np.isin(kind, (COUPLE_CHILD, COUPLE_CHILDREN, PARENT_CHILD, TWINS))
    is_flat = np.isin(kind, (FLAT_TWO, FLAT_THREE))
    age = np.select([is_family, is_flat], [family, young], wide)
    head_age = age[head]
    partner = ~is_flat & (place == 1) & (kind != PARENT_CHILD)
    age = np.where(partner, np.maximum(19, head_age + chance.normal(0, 3.2, count)), age)
    child = (is_family & (place >= 2)) | ((kind == PARENT_CHILD) & (place == 1))
    gap = 21 + 14 * chance.random(count)
    age = np.where(child, np.maximum(16.5, head_age - gap), age)
    born = (END_DAY - age * 365.25).astype(np.int32)
    # Twins: the second one has the first one's birthday.
    second = np.flatnonzero((kind == TWINS) & (place == 3))
    born[second] = born[second - 1]
    return born


def _draw_given_names(
    homes: _Households, dice: Dice
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int8]]:
    """Draw names by country, sex and generation; some households came from elsewhere."""
    chance = dice.stream("people.given")
    count = len(homes.country)
    origin_of_household = np.where(
        chance.random(count) < np.array(ORIGIN_SHARES)[homes.country],
        chance.choice(len(ORIGIN_NAMES), size=count, p=_normal(ORIGIN_WEIGHTS)),
        -1,
    ).astype(np.int8)
    origin = np.where(homes.is_flat, origin_of_household, origin_of_household[homes.head])
    mixed = homes.is_partner & (chance.random(count) < 0.15)
    origin = np.where(mixed, origin_of_household, origin).astype(np.int8)
    uniform = chance.random(count)
    local = (origin < 0) | (homes.is_child & (chance.random(count) < 0.4))
    given = _given_names(
        homes.country, homes.female, homes.born, np.where(local, -1, origin), uniform
    )
    given = _apart(homes, given, origin, local, chance)
    # A child may bear the parent's own name; of twins, neither does.
    named_after = homes.is_child & (homes.kind != TWINS)
    named_after &= homes.female == homes.female[homes.head]
    junior = named_after & (chance.random(count) < 0.015)
    return np.where(junior, given[homes.head], given), origin


def _apart(
    homes: _Households,
    given: npt.NDArray[np.int32],
    origin: Rows,
    local: Mask,
    chance: np.random.Generator,
) -> npt.NDArray[np.int32]:
    """Draw again for who would share a given name within the household."""
    drawn = given.copy()
    for _ in range(4):
        again = np.flatnonzero(_named_alike(homes, drawn))
        drawn[again] = _given_names(
            homes.country[again],
            homes.female[again],
            homes.born[again],
            np.where(local, -1, origin)[again],
            chance.random(len(again)),
        )
    return drawn


def _named_alike(homes: _Households, given: npt.NDArray[np.int32]) -> Mask:
    same = np.zeros(len(given), dtype=bool)
    for back in (1, 2, 3):
        earlier = np.maximum(np.arange(len(given)) - back, 0)
        of_household = (homes.number[earlier] == homes.number) & (homes.place >= back)
        same |= of_household & (given[earlier] == given)
    return same


def _given_names(
    country: Rows,
    female: Mask,
    born: Rows,
    origin: Rows,
    uniform: npt.NDArray[np.float64],
) -> npt.NDArray[np.int32]:
    """Give names by country, sex and generation, or by origin where that is not -1."""
    book = name_book()
    cohort = np.digitize(1970 + born / 365.25, (1958, 1985))
    given = np.zeros(len(country), dtype=np.int32)
    for gender in ("f", "m"):
        of_gender = female == (gender == "f")
        for number, name in enumerate(COUNTRIES):
            for generation in range(3):
                rows = of_gender & (origin < 0) & (country == number) & (cohort == generation)
                given[rows] = book.given_pools[name, gender, generation].draw(uniform[rows])
        for number, name in enumerate(ORIGIN_NAMES):
            rows = of_gender & (origin == number)
            given[rows] = book.origin_given_pools[name, gender].draw(uniform[rows])
    return given


def _normal(weights: tuple[float, ...]) -> npt.NDArray[np.float64]:
    return np.asarray(np.array(weights) / np.sum(weights), dtype=np.float64)


def _draw_surnames(
    homes: _Households, origin: Rows, dice: Dice
) -> tuple[Text, Text, npt.NDArray[np.int32], Text]:
    """Draw surnames: shared in families, changed at marriages, doubled by some."""
    chance = dice.stream("people.surnames")
    count = len(homes.country)
    own = _surname_ids(homes, origin, chance.random(count))
    maiden = _surname_ids(homes, origin, chance.random(count))
    pool = pa.array(name_book().surnames, pa.string())
    follows = (homes.is_partner & (chance.random(count) < 0.62)) | (
        homes.is_child & (chance.random(count) < 0.85)
    )
    # Icelanders keep their patronyms.
    follows &= origin != ORIGIN_NAMES.index("icelandic")
    surname_id = np.where(follows, own[homes.head], own)
    surname = take(pool, surname_id)
    age = (END_DAY - homes.born) / 365.25
    married = (homes.is_partner & follows & (age < 48) & (chance.random(count) < 0.3)) | (
        ~homes.is_child & homes.female & (chance.random(count) < 0.025)
    )
    renamed_on = np.where(
        married, chance.integers(START_DAY - 900, END_DAY - 60, count), NEVER
    ).astype(np.int32)
    # Names of two families: married women's, and many who came from where that is the custom.
    custom = [ORIGIN_NAMES.index(name) for name in ("arabic", "somali", "asian")]
    chance_of_two = np.where(homes.female & ~homes.is_child, 0.045, 0.0)
    chance_of_two = np.where(np.isin(origin, custom), 0.3, chance_of_two)
    doubled = chance.random(count) < chance_of_two
    glue = where(chance.random(count) < 0.6, "-", " ")
    both = join(take(pool, maiden), glue, surname)
    surname = where(doubled, both, surname)
    before = where(married, take(pool, maiden), surname)
    # Danes and Norwegians carry a family name between given name and surname.
    has_middle = chance.random(count) < np.array([0.01, 0.14, 0.25, 0.0])[homes.country]
    middle = where(has_middle, take(pool, maiden), None)
    return surname, before, renamed_on, middle


def _surname_ids(
    homes: _Households, origin: Rows, uniform: npt.NDArray[np.float64]
) -> npt.NDArray[np.int32]:
    book = name_book()
    ids = np.zeros(len(uniform), dtype=np.int32)
    for country_number, country in enumerate(COUNTRIES):
        rows = (origin < 0) & (homes.country == country_number)
        ids[rows] = book.surname_pools[country].draw(uniform[rows])
    for origin_number, name in enumerate(ORIGIN_NAMES):
        rows = origin == origin_number
        if name == "icelandic":
            for gender in ("f", "m"):
                of_gender = rows & (homes.female == (gender == "f"))
                ids[of_gender] = book.surname_pools[f"{name}_{gender}"].draw(uniform[of_gender])
        else:
            ids[rows] = book.surname_pools[name].draw(uniform[rows])
    return ids


def draw_addresses(country: Rows, chance: np.random.Generator) -> Addresses:
    """Draw homes in the given countries, one per row."""
    places = atlas()
    count = len(country)
    city = places.draw_cities(country.astype(np.int8), chance.random(count))
    street = places.street_first[country] + (
        chance.random(count) ** 1.3 * places.street_count[country]
    ).astype(np.int32)
    number = 1 + np.minimum(chance.geometric(0.035, count), 180)
    door = np.where(chance.random(count) < 0.35, chance.integers(1, 60, count), 0)
    low, high = places.postcode_low[city], places.postcode_high[city]
    # People cluster in a few dozen postcodes of a city.
    step = np.maximum(1, (high - low) // 40)
    postcode = low + np.minimum(chance.integers(0, 41, count) * step, high - low)
    return Addresses(
        country=country.astype(np.int8),
        city=city,
        street=street.astype(np.int32),
        number=number.astype(np.int16),
        door=door.astype(np.int16),
        postcode=postcode.astype(np.int32),
    )


def _draw_homes(
    homes: _Households, dice: Dice
) -> tuple[
    Addresses,
    npt.NDArray[np.int32],
    npt.NDArray[np.int32],
    npt.NDArray[np.int32],
    npt.NDArray[np.int32],
]:
    """Give households a home, let some move together and grown children move out."""
    chance = dice.stream("people.homes")
    count = len(homes.country)
    # Address numbers: the household's first home, its second, and one for who moves out alone.
    addresses = draw_addresses(np.concatenate([homes.country] * 3), chance)
    first_home = homes.head
    second_home = homes.head + count
    own_home = np.arange(count) + 2 * count
    restless = np.where(np.isin(homes.kind, (SINGLE, FLAT_TWO, FLAT_THREE)), 0.27, 0.15)
    together = (chance.random(count) < restless)[homes.head]
    alone = (homes.is_child & (chance.random(count) < 0.3)) | (
        homes.is_flat & (chance.random(count) < 0.3)
    )
    window = chance.integers(START_DAY - 700, END_DAY - 20, count)
    moved_on = np.where(alone, window, np.where(together, window[homes.head], NEVER))
    home = np.where(alone, own_home, np.where(together, second_home, first_home))
    household = np.where(alone, count + np.arange(count), homes.number)
    return (
        addresses,
        first_home.astype(np.int32),
        home.astype(np.int32),
        moved_on.astype(np.int32),
        household.astype(np.int32),
    )


def _draw_phones(homes: _Households, dice: Dice) -> tuple[Ints, Ints, npt.NDArray[np.int32], Ints]:
    """Draw mobile numbers (national significant figures), and landlines of older households."""
    chance = dice.stream("people.phones")
    count = len(homes.country)
    changes = chance.random(count) < 0.13
    first = draw_mobiles(homes.country, chance)
    second = np.where(changes, draw_mobiles(homes.country, chance), first)
    changed_on = np.where(
        changes, chance.integers(START_DAY - 700, END_DAY - 20, count), NEVER
    ).astype(np.int32)
    head_age = (END_DAY - homes.born[homes.head]) / 365.25
    has_landline = (chance.random(count)[homes.head] < 0.5) & (head_age > 60) & ~homes.is_flat
    # Göteborg, Oslo, Jutland and Helsinki: as many figures as a mobile number, or one fewer.
    bases = np.array([312_000_000, 22_000_000, 75_100_000, 92_000_000])[homes.country]
    spans = np.array([7_999_999, 999_999, 899_999, 5_999_999])[homes.country]
    lines = bases + (chance.random(count) * spans).astype(np.int64)
    landline = np.where(has_landline, lines[homes.head], 0)
    return first, second, changed_on, landline


def draw_mobiles(country: Rows, chance: np.random.Generator) -> Ints:
    """Draw mobile numbers in each country's ranges."""
    count = len(country)
    prefixes = (
        (70, 72, 73, 76, 79),
        (40, 41, 45, 46, 47, 48, 90, 91, 92, 93, 95, 97, 98, 99),
        (20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 40, 41, 50, 51, 52, 53, 60, 61),
        (40, 41, 44, 45, 46, 50),
    )
    rest = (10_000_000, 1_000_000, 1_000_000, 10_000_000)
    mobile = np.zeros(count, dtype=np.int64)
    for number in range(4):
        rows = np.flatnonzero(country == number)
        prefix = np.array(prefixes[number])[chance.integers(0, len(prefixes[number]), len(rows))]
        # No number starts with a zero after its prefix.
        figures = chance.integers(rest[number] // 10, rest[number], len(rows))
        mobile[rows] = prefix * rest[number] + figures
    return mobile


def _draw_emails(
    homes: _Households, given: Rows, surname_before: Text, surname: Text, dice: Dice
) -> tuple[Text, Text, npt.NDArray[np.int32], Text]:
    """Draw private addresses; some people changed provider or name, and so the address."""
    chance = dice.stream("people.emails")
    count = len(homes.country)
    year = (1970 + homes.born / 365.25).astype(np.int64)
    before = _mail_address(given, surname_before, year, chance)
    changes = chance.random(count) < 0.25
    after = where(changes, _mail_address(given, surname, year, chance), before)
    has_other = chance.random(count) < 0.42
    other = _mail_address(given, surname, year, chance)
    # All addresses of all people at once: nobody gets somebody else's.
    addresses = number_repeats_of_mail(
        pa.concat_arrays(
            [
                before,
                take(after, np.flatnonzero(changes)),
                take(other, np.flatnonzero(has_other)),
            ]
        ),
        chance,
    )
    before = addresses.slice(0, count)
    after = scatter(before, np.flatnonzero(changes), addresses.slice(count, changes.sum()))
    nothing = pa.nulls(count, pa.string())
    other = scatter(nothing, np.flatnonzero(has_other), addresses.slice(count + changes.sum()))
    changed_on = np.where(
        changes, chance.integers(START_DAY - 900, END_DAY - 20, count), NEVER
    ).astype(np.int32)
    return before, after, changed_on, other


def number_repeats_of_mail(addresses: Text, chance: np.random.Generator) -> Text:
    """Make addresses unique by a number before the at sign, as providers do."""
    numbered = number_repeats(addresses, chance)
    # The number landed behind the domain: move it.
    pattern = r"^([^@]*)@(.*\.example)([0-9]*)$"
    return one(pc.replace_substring_regex(numbered, pattern, r"\1\3@\2"))


def _mail_address(given: Rows, surname: Text, year: Ints, chance: np.random.Generator) -> Text:
    count = len(given)
    first = take(plain_letters(pa.array(name_book().given, pa.string())), given)
    last = plain_letters(surname)
    initial = pc.utf8_slice_codeunits(first, 0, 1)
    short_year = digits(year % 100, 2)
    figures = digits(chance.integers(1, 100, count))
    pets = pa.array(PET_WORDS.split(), pa.string())
    pet = take(pets, chance.integers(0, len(pets), count))
    pattern = chance.choice(9, size=count, p=_normal((30, 12, 8, 10, 8, 10, 8, 6, 8)))
    local = first
    forms = (
        join(first, ".", last),
        join(first, last),
        join(initial, last, figures),
        join(first, ".", last, short_year),
        join(first, "_", last),
        join(first, short_year, figures),
        join(pet, first, figures),
        join(last, ".", first),
        join(pet, pc.utf8_slice_codeunits(last, 0, 3), digits(year)),
    )
    for number, form in enumerate(forms):
        local = where(pattern == number, form, local)
    domain = take(
        pa.array(MAIL_DOMAINS, pa.string()),
        chance.choice(len(MAIL_DOMAINS), size=count, p=_normal(MAIL_WEIGHTS)),
    )
    return join(local, "@", domain)


def plain_letters(names: Text) -> Text:
    """Keep the letters a to z, as addresses of mail and web are written."""
    return pc.replace_substring_regex(fold(names), r"[^a-z]", "")
