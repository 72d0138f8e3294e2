"""What each system wrote down about its customers, with the slips real systems are full of.

Belongs here: names, numbers and addresses as typed on the day they were typed.
Does not belong here: the truth about people (`people`) and the files' dialects (`exports`).
"""

from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from cdp_pipeline.synthetic.assortment import Stores
from cdp_pipeline.synthetic.behaviour import DAY, STORE, WEB, Accounts, Habits, Purchases
from cdp_pipeline.synthetic.checksums import luhn_digit
from cdp_pipeline.synthetic.columns import (
    Ints,
    Mask,
    Rows,
    Text,
    blank,
    by_variant,
    digits,
    iso_day,
    join,
    misspell,
    scatter,
    take,
    where,
    without_accents,
)
from cdp_pipeline.synthetic.companies import Companies, personal_number_of
from cdp_pipeline.synthetic.names import name_book
from cdp_pipeline.synthetic.people import END_DAY, NEVER, START_DAY, Addresses, People
from cdp_pipeline.synthetic.places import LANGUAGES, atlas
from cdp_pipeline.synthetic.random_streams import Dice

SHOP_PHONE = "0700000000"
JUNK_MAILS = ("test@test.se", "saknas@saknas.se", "ingen@mail.com", "info@nordhem.example")
END_AT = (END_DAY + 1) * DAY - 1

# How a number is written, by country: figures of the national number by position, rest verbatim.
PHONE_FORMS = (
    (
        "0{0:9}", "0{0:2}-{2:5} {5:7} {7:9}", "0{0:2}-{2:9}", "+46{0:9}",
        "+46 {0:2} {2:5} {5:7} {7:9}",
        "0046{0:9}", "0{0:2} {2:5} {5:7} {7:9}", "+46(0){0:2}-{2:9}", "0{0:2}/{2:5}{5:9}",
    ),
    ("{0:8}", "{0:3} {3:5} {5:8}", "+47{0:8}", "+47 {0:3} {3:5} {5:8}", "0047{0:8}",
     "{0:2} {2:4} {4:6} {6:8}", "+47 {0:2} {2:4} {4:6} {6:8}", "(+47) {0:8}", "{0:8}"),
    ("{0:8}", "{0:2} {2:4} {4:6} {6:8}", "+45{0:8}", "+45 {0:2} {2:4} {4:6} {6:8}", "0045{0:8}",
     "{0:4} {4:8}", "+45 {0:8}", "(+45) {0:8}", "{0:2}-{2:4}-{4:6}-{6:8}"),
    (
        "0{0:9}", "0{0:2} {2:5} {5:9}", "0{0:2}-{2:9}", "+358{0:9}", "+358 {0:2} {2:5} {5:9}",
        "00358{0:9}", "0{0:2}-{2:5} {5:9}", "+358 (0){0:2} {2:9}", "0{0:2} {2:9}",
    ),
)  # fmt: skip
PHONE_FORM_SHARES = (0.3, 0.2, 0.15, 0.12, 0.07, 0.04, 0.07, 0.03, 0.02)


@dataclass(frozen=True)
class Sloppiness:
    """How often each slip happens in one system, as shares of its records."""

    nickname: float
    given_typo: float
    family_typo: float
    no_accents: float
    initial: float
    swapped: float
    no_name: float
    no_email: float
    email_typo: float
    other_email: float
    no_phone: float
    phone_typo: float
    landline: float
    no_birth: float
    wrong_birth: float
    junk_birth: float
    no_street: float
    no_postcode: float
    street_typo: float
    junk: float


CRM_SLIPS = Sloppiness(
    nickname=0.05, given_typo=0.012, family_typo=0.016, no_accents=0.01, initial=0.006,
    swapped=0.008, no_name=0.0, no_email=0.34, email_typo=0.008, other_email=0.5, no_phone=0.27,
    phone_typo=0.01, landline=0.45, no_birth=0.42, wrong_birth=0.01, junk_birth=0.015,
    no_street=0.1, no_postcode=0.08, street_typo=0.03, junk=0.004,
)  # fmt: skip
WEB_SLIPS = Sloppiness(
    nickname=0.06, given_typo=0.013, family_typo=0.014, no_accents=0.06, initial=0.008,
    swapped=0.014, no_name=0.0, no_email=0.0, email_typo=0.008, other_email=0.58, no_phone=0.22,
    phone_typo=0.01, landline=0.05, no_birth=0.86, wrong_birth=0.01, junk_birth=0.02,
    no_street=0.05, no_postcode=0.03, street_typo=0.03, junk=0.003,
)  # fmt: skip
POS_SLIPS = Sloppiness(
    nickname=0.08, given_typo=0.035, family_typo=0.04, no_accents=0.1, initial=0.02,
    swapped=0.02, no_name=0.03, no_email=0.64, email_typo=0.02, other_email=0.5, no_phone=0.1,
    phone_typo=0.018, landline=0.12, no_birth=0.5, wrong_birth=0.018, junk_birth=0.03,
    no_street=0.8, no_postcode=0.42, street_typo=0.04, junk=0.008,
)  # fmt: skip


@dataclass(frozen=True)
class Details:
    """A customer's particulars as one system holds them; null = not there."""

    given: Text
    family: Text
    email: Text
    phone: Text
    street: Text
    postcode: Text
    city: Text
    born: Text  # ISO text; systems rewrite it in their own form


@dataclass(frozen=True)
class SystemRecords:
    """The records of one system, in the order of their ids."""

    buyer: Ints
    record_id: Text
    created_at: Ints
    updated_at: Ints
    details: Details
    extra: dict[str, pa.Array]
    position_of_account: Ints  # account -> row here

    def __len__(self) -> int:
        return len(self.buyer)


@dataclass(frozen=True)
class World:
    """What the systems look at when they write things down."""

    people: People
    companies: Companies
    accounts: Accounts
    habits: Habits
    stores: Stores


def format_phones(numbers: Ints, country: Rows, form: Rows) -> Text:
    """Write national numbers in the notation each clerk likes; zero gives null.

    Examples
    --------
    >>> import numpy as np
    >>> format_phones(np.array([701234567]), np.array([0]), np.array([1])).to_pylist()
    ['070-123 45 67']
    """
    text = digits(numbers)
    combined = np.asarray(country).astype(np.int64) * len(PHONE_FORM_SHARES) + form
    templates = [template for forms in PHONE_FORMS for template in forms]

    def write(template: str, rows: Rows) -> Text:
        chosen = take(text, rows)
        parts: list[Text | str] = []
        for piece in template.replace("}", "{").split("{"):
            start, colon, stop = piece.partition(":")
            if colon and start.isdigit():
                # The last slice takes what is left: landlines have other lengths.
                end = int(stop) if int(stop) < 8 else 12
                parts.append(pc.utf8_slice_codeunits(chosen, int(start), end))
            elif piece:
                parts.append(piece)
        return join(*parts)

    written = by_variant(combined, [partial(write, template) for template in templates])
    return blank(written, numbers == 0)


def write_addresses(
    homes: Addresses, at: Rows, chance: np.random.Generator
) -> tuple[Text, Text, Text]:
    """Write street, postcode and city of the given homes, in each country's manner."""
    places = atlas()
    country = homes.country[at]
    street = take(pa.array(places.street_names, pa.string()), homes.street[at])
    number = digits(homes.number[at])
    door = homes.door[at]
    letter = take(pa.array(list("ABCDEF"), pa.string()), door % 6)
    floor = digits(1 + door % 5)
    flat = digits(1000 + (1 + door % 5) * 100 + 1 + door % 6)
    left_out = (door == 0) | (chance.random(len(at)) < 0.25)
    forms = (
        lambda rows: join(take(number, rows), " lgh ", take(flat, rows)),
        lambda rows: join(take(number, rows), take(letter, rows)),
        lambda rows: join(take(number, rows), ", ", take(floor, rows), ". tv"),
        lambda rows: join(take(number, rows), " ", take(letter, rows), " ", take(floor, rows)),
        lambda rows: join(take(number, rows), " ", take(letter, rows)),
        lambda rows: take(number, rows),
    )
    swedish_letter = (country == 0) & (door % 2 == 0)
    house = by_variant(np.where(left_out, 5, np.where(swedish_letter, 4, country)), forms)
    postcode = homes.postcode[at]
    five = np.isin(country, (0, 3))
    code = where(five, digits(postcode, 5), digits(postcode, 4))
    spaced = (country == 0) & (chance.random(len(at)) < 0.6)
    code = where(
        spaced,
        join(pc.utf8_slice_codeunits(code, 0, 3), " ", pc.utf8_slice_codeunits(code, 3, 5)),
        code,
    )
    city = take(pa.array(places.city_names, pa.string()), homes.city[at])
    return join(street, " ", house), code, city


def _abbreviate(street: Text, mask: Mask) -> Text:
    short = street
    for ending, abbreviation in (
        ("gatan", "g."), ("vägen", "v."), ("veien", "vn."), ("katu", "k."), ("gade", "g."),
    ):  # fmt: skip
        short = pc.replace_substring(short, ending, abbreviation)
    return where(mask, short, street)


def write_down(
    people: People, person: Ints, known_on: Ints, slips: Sloppiness, chance: np.random.Generator
) -> Details:
    """Write down persons' particulars as known on a day, with one system's slips."""
    count = len(person)
    given, family = _write_names(people, person, known_on, slips, chance)
    home = np.where(
        known_on >= people.moved_on[person], people.home[person], people.home_before[person]
    )
    street, postcode, city = write_addresses(people.homes, home, chance)
    street = _abbreviate(street, chance.random(count) < 0.03)
    street = misspell(street, chance.random(count) < slips.street_typo, chance)
    without_street = chance.random(count) < slips.no_street
    without_code = chance.random(count) < slips.no_postcode
    return Details(
        given=given,
        family=family,
        email=_write_emails(people, person, known_on, slips, chance),
        phone=_write_phones(people, person, known_on, slips, chance),
        street=blank(street, without_street),
        postcode=blank(postcode, without_code),
        city=blank(city, without_street & (without_code | (chance.random(count) < 0.3))),
        born=_write_birth(people, person, slips, chance),
    )


def _write_names(
    people: People, person: Ints, known_on: Ints, slips: Sloppiness, chance: np.random.Generator
) -> tuple[Text, Text]:
    count = len(person)
    book = name_book()
    pool = pa.array(book.given, pa.string())
    given_id = people.given[person]
    short = book.nickname_of[given_id]
    use_short = (short >= 0) & (chance.random(count) < slips.nickname * 2)
    given = take(pool, np.where(use_short, short, given_id))
    renamed = known_on >= people.renamed_on[person]
    family = where(renamed, take(people.surname, person), take(people.surname_before, person))
    # The Danish and Norwegian middle name stands with the given name, the surname, or nowhere.
    middle = take(people.middle_surname, person)
    has_middle = pc.is_valid(middle).to_numpy(zero_copy_only=False)
    where_to = chance.random(count)
    given = where(has_middle & (where_to < 0.3), join(given, " ", middle), given)
    family = where(has_middle & (where_to > 0.75), join(middle, " ", family), family)
    given = misspell(given, chance.random(count) < slips.given_typo, chance)
    family = misspell(family, chance.random(count) < slips.family_typo, chance)
    plain = chance.random(count) < slips.no_accents
    given = where(plain, without_accents(given), given)
    family = where(plain, without_accents(family), family)
    lower = chance.random(count) < 0.015
    given = where(lower, pc.utf8_lower(given), given)
    family = where(lower, pc.utf8_lower(family), family)
    initial = chance.random(count) < slips.initial
    given = where(initial, pc.utf8_slice_codeunits(given, 0, 1), given)
    swapped = chance.random(count) < slips.swapped
    given, family = where(swapped, family, given), where(swapped, given, family)
    nameless = chance.random(count) < slips.no_name
    return blank(given, nameless), blank(family, nameless)


def _write_emails(
    people: People, person: Ints, known_on: Ints, slips: Sloppiness, chance: np.random.Generator
) -> Text:
    count = len(person)
    # A shared mailbox is the head's; some records have their own all the same.
    borrowed = people.shares_email[person] & (chance.random(count) < 0.75)
    whose = np.where(borrowed, people.head[person], person)
    changed = known_on >= people.email_changed_on[whose]
    email = where(changed, take(people.email, whose), take(people.email_before, whose))
    other = take(people.email_other, person)
    has_other = pc.is_valid(other).to_numpy(zero_copy_only=False)
    email = where(has_other & (chance.random(count) < slips.other_email), other, email)
    email = misspell(email, chance.random(count) < slips.email_typo, chance)
    upper = chance.random(count) < 0.03
    email = where(upper, pc.utf8_title(email), email)
    junk = chance.random(count) < slips.junk
    kinds = chance.integers(0, len(JUNK_MAILS), count)
    email = where(junk, take(pa.array(JUNK_MAILS, pa.string()), kinds), email)
    return blank(email, chance.random(count) < slips.no_email)


def _write_phones(
    people: People, person: Ints, known_on: Ints, slips: Sloppiness, chance: np.random.Generator
) -> Text:
    count = len(person)
    borrowed = people.shares_phone[person] & (chance.random(count) < 0.6)
    whose = np.where(borrowed, people.head[person], person)
    changed = known_on >= people.mobile_changed_on[whose]
    number = np.where(changed, people.mobile[whose], people.mobile_before[whose])
    landline = people.landline[person]
    number = np.where((landline > 0) & (chance.random(count) < slips.landline), landline, number)
    slip = chance.random(count) < slips.phone_typo
    number = number + np.where(slip, 10 ** chance.integers(0, 5, count), 0)
    form = chance.choice(len(PHONE_FORM_SHARES), size=count, p=PHONE_FORM_SHARES)
    phone = format_phones(number, people.country[person], form)
    phone = where(chance.random(count) < slips.junk * 2, SHOP_PHONE, phone)
    return blank(phone, chance.random(count) < slips.no_phone)


def _write_birth(
    people: People, person: Ints, slips: Sloppiness, chance: np.random.Generator
) -> Text:
    count = len(person)
    born = people.born[person].astype(np.int64)
    wrong = chance.random(count) < slips.wrong_birth
    shift = chance.choice(np.array([-365, 365, 31, -31, 1, -1, 10, -10]), count)
    text = iso_day(np.where(wrong, born + shift, born))
    text = where(chance.random(count) < slips.junk_birth, "1900-01-01", text)
    return blank(text, chance.random(count) < slips.no_birth)


def _first_orders(purchases: Purchases, channel: int, accounts: int) -> Ints:
    mine = purchases.channel == channel
    known = mine & (purchases.account >= 0)
    first = np.full(accounts, END_AT + 1, dtype=np.int64)
    np.minimum.at(first, purchases.account[known], purchases.at[known])
    return first


def _account_times(
    world: World, purchases: Purchases, channel: int, dice: Dice
) -> tuple[Ints, Ints]:
    """Draw when the records of web shop or till were made and last changed."""
    accounts = world.accounts
    chance = dice.stream(f"records.times.{channel}")
    buyer = accounts.web_buyer if channel == WEB else accounts.pos_buyer
    count = len(buyer)
    joined = world.habits.joined_on[buyer] * DAY + chance.integers(8 * 3600, 20 * 3600, count)
    begin = np.maximum(joined, START_DAY * DAY)
    sometime = begin + ((END_AT - begin) * chance.random(count)).astype(np.int64)
    first = np.minimum(_first_orders(purchases, channel, count), sometime)
    starts = accounts.web_first if channel == WEB else accounts.pos_first
    is_main = np.arange(count) == starts[buyer]
    created = np.where(is_main, np.minimum(joined, first), first)
    # A minute before the order that made the account.
    created = np.minimum(created, first - 60)
    later = created + ((END_AT - created) * chance.random(count)).astype(np.int64)
    changes = chance.random(count) < 0.35
    if channel == WEB:
        changes &= ~accounts.web_is_guest
    return created, np.where(changes, later, created)


def _in_id_order(created: Ints) -> tuple[Ints, Ints]:
    """Rows in the order records were made, and each account's row."""
    order = np.argsort(created, kind="stable")
    position = np.empty(len(order), dtype=np.int64)
    position[order] = np.arange(len(order))
    return order, position


def _owner(world: World, buyer: Ints) -> Ints:
    """Give the person who types: buyers themselves, or the owner of a company."""
    persons = len(world.people)
    if not len(world.companies):
        return buyer
    company = np.clip(buyer - persons, 0, len(world.companies) - 1)
    return np.asarray(np.where(buyer >= persons, world.companies.owner[company], buyer))


def member_records(world: World, purchases: Purchases, dice: Dice) -> SystemRecords:
    """Write what the tills know about the club's members."""
    chance = dice.stream("records.pos")
    created, updated = _account_times(world, purchases, STORE, dice)
    order, position = _in_id_order(created)
    buyer, created, updated = world.accounts.pos_buyer[order], created[order], updated[order]
    serial = 4_100_000 + np.arange(len(buyer)) * 3
    number = digits(serial * 10 + luhn_digit(serial, 7), 8)
    details = write_down(world.people, buyer, updated // DAY, POS_SLIPS, chance)
    city = world.people.homes.city[world.people.home[buyer]]
    return SystemRecords(
        buyer=buyer,
        record_id=join("7", number),
        created_at=created,
        updated_at=updated,
        details=details,
        extra={
            "store": take(pa.array(world.stores.store_id), world.stores.nearest[city]),
            "without_comma": pa.array(chance.random(len(buyer)) < 0.15),
        },
        position_of_account=position,
    )


def _loyalty_numbers(
    world: World, members: SystemRecords, buyer: Ints, share: float, chance: np.random.Generator
) -> Text:
    """Write the club number some records carry: the member's first or latest card."""
    accounts = world.accounts
    count = accounts.pos_count[buyer]
    pick = accounts.pos_first[buyer] + np.where(
        chance.random(len(buyer)) < 0.5, 0, np.maximum(count - 1, 0)
    )
    has = (count > 0) & (chance.random(len(buyer)) < share)
    rows = members.position_of_account[np.where(has, pick, 0)] if len(members) else pick * 0
    return blank(take(members.record_id, rows), ~has)


def user_records(
    world: World, members: SystemRecords, purchases: Purchases, dice: Dice
) -> SystemRecords:
    """Write what the web shop knows about its users, guests among them."""
    chance = dice.stream("records.web")
    created, updated = _account_times(world, purchases, WEB, dice)
    order, position = _in_id_order(created)
    buyer, created, updated = world.accounts.web_buyer[order], created[order], updated[order]
    person = _owner(world, buyer)
    details = write_down(world.people, person, updated // DAY, WEB_SLIPS, chance)
    is_company = buyer >= len(world.people)
    rows = np.flatnonzero(is_company)
    company = buyer[rows] - len(world.people)
    details = _with_company(details, world, rows, company, chance)
    nothing = pa.nulls(len(buyer), pa.string())
    country = world.people.country[person]
    return SystemRecords(
        buyer=buyer,
        record_id=digits(200_001 + np.arange(len(buyer))),
        created_at=created,
        updated_at=updated,
        details=details,
        extra={
            "loyalty": _loyalty_numbers(world, members, buyer, 0.25, chance),
            "company": scatter(nothing, rows, take(world.companies.name, company)),
            "vat": scatter(nothing, rows, _vat_numbers(world.companies, company)),
            "is_guest": pa.array(world.accounts.web_is_guest[order]),
            "country": pa.array(country),
        },
        position_of_account=position,
    )


def _with_company(
    details: Details, world: World, rows: Ints, company: Ints, chance: np.random.Generator
) -> Details:
    """Put the company's e-mail, phone and address where its owner's would stand."""
    firms = world.companies
    street, postcode, city = write_addresses(firms.homes, company, chance)
    form = chance.choice(len(PHONE_FORM_SHARES), size=len(rows), p=PHONE_FORM_SHARES)
    phone = format_phones(firms.phone[company], firms.country[company], form)
    own_mail = chance.random(len(rows)) < 0.6
    kept = take(details.email, rows)
    return Details(
        given=details.given,
        family=details.family,
        email=scatter(details.email, rows, where(own_mail, take(firms.email, company), kept)),
        phone=scatter(details.phone, rows, phone),
        street=scatter(details.street, rows, street),
        postcode=scatter(details.postcode, rows, postcode),
        city=scatter(details.city, rows, city),
        born=scatter(details.born, rows, pa.nulls(len(rows), pa.string())),
    )


def _vat_numbers(firms: Companies, company: Ints) -> Text:
    """Write VAT numbers: SE + ten figures + 01, NO ... MVA, DK ..., FI ...."""
    plain = pc.replace_substring(take(firms.organisation_number, company), "-", "")
    return by_variant(
        firms.country[company],
        [
            lambda rows: join("SE", take(plain, rows), "01"),
            lambda rows: join("NO", take(plain, rows), "MVA"),
            lambda rows: join("DK", take(plain, rows)),
            lambda rows: join("FI", take(plain, rows)),
        ],
    )


PERSON, CONTACT, COMPANY, PROSPECT = range(4)


def contact_records(
    world: World, members: SystemRecords, orders_of_buyer: Ints, dice: Dice
) -> SystemRecords:
    """Write what the CRM knows: customers, prospects, companies and their contacts."""
    chance = dice.stream("records.crm")
    accounts, people, firms = world.accounts, world.people, world.companies
    count = len(accounts.crm_buyer)
    joined = world.habits.joined_on[accounts.crm_buyer] * DAY
    created = np.minimum(
        joined + (chance.exponential(220, count) * DAY).astype(np.int64), END_AT - 3600
    )
    created = created // DAY * DAY + chance.integers(8 * 3600, 17 * 3600, count)
    order, position = _in_id_order(created)
    buyer, employer = accounts.crm_buyer[order], accounts.crm_employer[order]
    created = created[order]
    later = created + ((END_AT - created) * chance.random(count)).astype(np.int64)
    updated = np.where(chance.random(count) < 0.45, later, created)
    is_company = buyer >= len(people)
    is_contact = employer >= 0
    kind = np.select(
        [is_company, is_contact, accounts.is_prospect[np.minimum(buyer, accounts.buyers - 1)]],
        [COMPANY, CONTACT, PROSPECT],
        PERSON,
    )
    person = _owner(world, buyer)
    details = write_down(people, person, updated // DAY, CRM_SLIPS, chance)
    details = _with_company(
        details, world, np.flatnonzero(is_company), buyer[is_company] - len(people), chance
    )
    details = _company_rows(details, world, is_company, buyer)
    details = _contact_rows(details, world, order, is_contact, employer, chance)
    extra = _crm_extras(world, members, buyer, employer, kind, person, orders_of_buyer, chance)
    ids = join("K", digits(10_001 + np.arange(count), 7))
    # A contact's account is the company's own row.
    company_row = np.zeros(max(len(firms), 1), dtype=np.int64)
    company_row[buyer[is_company] - len(people)] = np.flatnonzero(is_company)
    extra["account"] = blank(take(ids, company_row[np.maximum(employer, 0)]), ~is_contact)
    extra |= _jobs(world, np.flatnonzero(is_contact), order, created, dice)
    return SystemRecords(
        buyer=buyer,
        record_id=ids,
        created_at=created,
        updated_at=updated,
        details=details,
        extra=extra,
        position_of_account=position,
    )


def _company_rows(details: Details, world: World, is_company: Mask, buyer: Ints) -> Details:
    rows = np.flatnonzero(is_company)
    company_mail = take(world.companies.email, buyer[rows] - len(world.people))
    return Details(
        given=blank(details.given, is_company),
        family=blank(details.family, is_company),
        email=scatter(details.email, rows, company_mail),
        phone=details.phone,
        street=details.street,
        postcode=details.postcode,
        city=details.city,
        born=blank(details.born, is_company),
    )


def _contact_rows(
    details: Details,
    world: World,
    order: Ints,
    is_contact: Mask,
    employer: Ints,
    chance: np.random.Generator,
) -> Details:
    """Contacts have the work e-mail, and the firm's address."""
    firms = world.companies
    rows = np.flatnonzero(is_contact)
    # Contacts follow the other accounts, in the order of `Companies.contact_person`.
    place = order[rows] - (len(order) - len(firms.contact_person))
    street, postcode, city = write_addresses(firms.homes, employer[rows], chance)
    private = chance.random(len(rows)) < 0.15
    email = where(private, take(details.email, rows), take(firms.contact_email, place))
    return Details(
        given=details.given,
        family=details.family,
        email=scatter(details.email, rows, email),
        phone=details.phone,
        street=scatter(details.street, rows, street),
        postcode=scatter(details.postcode, rows, postcode),
        city=scatter(details.city, rows, city),
        born=blank(details.born, is_contact),
    )


def _crm_extras(
    world: World,
    members: SystemRecords,
    buyer: Ints,
    employer: Ints,
    kind: Rows,
    person: Ints,
    orders_of_buyer: Ints,
    chance: np.random.Generator,
) -> dict[str, pa.Array]:
    """Fill the CRM's other fields: tier, store, language, numbers, flags."""
    count = len(buyer)
    people = world.people
    nothing = pa.nulls(count, pa.string())
    is_company, is_contact = kind == COMPANY, kind == CONTACT
    company, numbers, country = _firm_fields(world, buyer, employer, person, is_company)
    with_credit = np.flatnonzero(np.isin(kind, (PERSON,)) & (chance.random(count) < 0.045))
    personal = scatter(nothing, with_credit, personal_number_of(people, person[with_credit]))
    orders = orders_of_buyer[buyer]
    tier = np.select([orders >= 30, orders >= 12, orders >= 3], [2, 1, 0], -1)
    tier = np.where(chance.random(count) < 0.2, -1, tier)
    city = people.homes.city[people.home[person]]
    store = take(pa.array(world.stores.store_id), world.stores.nearest[city])
    age = (END_DAY - people.born[person]) / 365.25
    credit = np.where(is_company, chance.integers(5, 200, count) * 500, 0)
    credit[with_credit] = chance.integers(4, 40, len(with_credit)) * 500
    language = _languages(people.country[person], chance)
    has_left = world.habits.churned_on[buyer] != NEVER
    deceased = (age > 70) & has_left & ~is_company & (chance.random(count) < 0.04)
    return {
        "kind": pa.array(kind),
        "company": company,
        "organisation_number": numbers,
        "personal_number": personal,
        "loyalty": _loyalty_numbers(world, members, buyer, 0.42, chance),
        "gender": blank(
            where(people.female[person], "Kvinna", "Man"),
            is_company | is_contact | (chance.random(count) < 0.35),
        ),
        "language": blank(language, chance.random(count) < 0.1),
        "tier": _labels(tier, ("Brons", "Silver", "Guld")),
        "store": blank(store, is_company | (chance.random(count) < 0.45)),
        "topic": _labels(
            np.where(chance.random(count) < 0.6, -1, chance.integers(0, 5, count)),
            ("Inspiration", "Erbjudanden", "Trädgård", "Barnfamilj", "Husdjur"),
        ),
        "credit": blank(join(digits(credit), ",", "00"), credit == 0),
        "is_deceased": pa.array(deceased),
        "is_protected": pa.array(~is_company & (chance.random(count) < 0.002)),
        "country": pa.array(country),
    }


JOBS = ("Ägare", "Inköp", "Ekonomi", "Kontorschef", "Platschef")
NO_JOB_SHARE = 0.15
LEFT_SHARE = 0.15


def _jobs(world: World, rows: Ints, order: Ints, created: Ints, dice: Dice) -> dict[str, pa.Array]:
    """Say what contacts are at their company, and when some of them left it."""
    chance = dice.stream("records.crm.jobs")
    firms, count = world.companies, len(created)
    place = order[rows] - (len(order) - len(firms.contact_person))
    is_owner = firms.contact_person[place] == firms.owner[firms.contact_company[place]]
    job = np.where(is_owner, 0, chance.integers(1, len(JOBS), len(rows)))
    job = np.where(chance.random(len(rows)) < NO_JOB_SHARE, -1, job)
    has_left = ~is_owner & (chance.random(len(rows)) < LEFT_SHARE)
    first = created[rows] // DAY + 1
    left = first + ((END_DAY - first) * chance.random(len(rows))).astype(np.int64)
    nothing = pa.nulls(count, pa.string())
    return {
        "job": scatter(nothing, rows, _labels(job, JOBS)),
        "left": scatter(nothing, rows, blank(iso_day(left), ~has_left)),
    }


def _firm_fields(
    world: World, buyer: Ints, employer: Ints, person: Ints, is_company: Mask
) -> tuple[Text, Text, npt.NDArray[np.int8]]:
    """Fill company name, organisation number and country of companies and their contacts."""
    people, firms = world.people, world.companies
    nothing = pa.nulls(len(buyer), pa.string())
    firm = np.where(is_company, buyer - len(people), employer)
    has_firm = np.flatnonzero(firm >= 0)
    company = scatter(nothing, has_firm, take(firms.name, firm[has_firm]))
    own_row = np.flatnonzero(is_company)
    numbers = scatter(nothing, own_row, take(firms.organisation_number, firm[own_row]))
    country = people.country[person].copy()
    country[has_firm] = firms.country[firm[has_firm]]
    return company, numbers, country


def _languages(country: Rows, chance: np.random.Generator) -> Text:
    """Choose the country's language, or English, or in Finland Swedish."""
    language = take(pa.array(list(LANGUAGES.values()), pa.string()), country)
    english = chance.random(len(country)) < 0.03
    finland_swedish = (country == 3) & (chance.random(len(country)) < 0.06)
    return where(english, "en", where(finland_swedish, "sv", language))


def _labels(number: npt.NDArray[np.int64], labels: tuple[str, ...]) -> Text:
    text = take(pa.array(labels, pa.string()), np.maximum(number, 0))
    return blank(text, number < 0)
