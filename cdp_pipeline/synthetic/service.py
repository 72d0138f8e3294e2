"""Tickets: who writes to support, about what, and when.

Belongs here: draws of tickets from orders and from farewells, and their text.
Does not belong here: the sentences (`ticket_texts`).
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cdp_pipeline.synthetic import ticket_texts
from cdp_pipeline.synthetic.assortment import Assortment
from cdp_pipeline.synthetic.behaviour import DAY, WEB, Purchases
from cdp_pipeline.synthetic.columns import (
    Ints,
    Mask,
    Rows,
    Text,
    digits,
    join,
    take,
    where,
)
from cdp_pipeline.synthetic.names import name_book
from cdp_pipeline.synthetic.people import END_DAY, NEVER
from cdp_pipeline.synthetic.random_streams import Dice
from cdp_pipeline.synthetic.records import END_AT, SystemRecords, World

TICKETS_PER_WEB_ORDER = 0.024
TICKETS_PER_RECEIPT = 0.005
FAREWELL_SHARE = 0.13  # of leaving customers: a complaint shortly before


@dataclass(frozen=True)
class Tickets:
    """One position per ticket, in time order."""

    buyer: Ints
    is_complaint: Mask
    system: Text
    record_id: Text
    opened_at: Ints
    closed_at: Ints  # 0: open
    channel: Text
    category: Text
    language: Text
    subject: Text
    body: Text


def draw_tickets(
    world: World,
    purchases: Purchases,
    order_numbers: Ints,
    contacts: SystemRecords,
    users: SystemRecords,
    assortment: Assortment,
    dice: Dice,
) -> Tickets:
    """Draw tickets after orders, and complaints of some who are about to leave."""
    chance = dice.stream("tickets")
    buyer, at, order, category = _who_writes(world, purchases, order_numbers, chance)
    first_contact = first_row(contacts.buyer, world.accounts.buyers)
    first_user = first_row(users.buyer, world.accounts.buyers)
    has_contact, has_user = first_contact[buyer] >= 0, first_user[buyer] >= 0
    keep = has_contact | has_user
    buyer, at, order, category = buyer[keep], at[keep], order[keep], category[keep]
    has_contact, has_user = has_contact[keep], has_user[keep]
    by_crm = has_contact & (~has_user | (chance.random(len(buyer)) < 0.35))
    record_id = where(
        by_crm,
        take(contacts.record_id, np.maximum(first_contact[buyer], 0)),
        take(users.record_id, np.maximum(first_user[buyer], 0)),
    )
    language = languages_of(world, buyer, chance)
    product = take(
        pa.array(assortment.names, pa.string()),
        chance.integers(0, len(assortment.names), len(buyer)),
    )
    number = where(order > 0, digits(order), digits(500_000_001 + at % 90_000))
    subject, body = _texts(world, buyer, language, category, product, number, chance)
    hours = chance.exponential(np.where(np.array(ticket_texts.IS_COMPLAINT)[category], 60, 25))
    closed_at = at + (hours * 3600).astype(np.int64) + 600
    stays_open = (closed_at > END_AT) | (chance.random(len(buyer)) < 0.03)
    channels = pa.array(["email", "chat", "phone", "web form"], pa.string())
    return Tickets(
        buyer=buyer,
        is_complaint=np.array(ticket_texts.IS_COMPLAINT)[category],
        system=where(by_crm, "crm", "webshop"),
        record_id=record_id,
        opened_at=at,
        closed_at=np.where(stays_open, 0, closed_at),
        channel=take(channels, chance.choice(4, len(buyer), p=[0.45, 0.25, 0.12, 0.18])),
        category=take(pa.array(ticket_texts.CATEGORIES, pa.string()), category),
        language=take(pa.array(ticket_texts.LANGUAGES, pa.string()), language),
        subject=subject,
        body=body,
    )


def _who_writes(
    world: World, purchases: Purchases, order_numbers: Ints, chance: np.random.Generator
) -> tuple[Ints, Ints, Ints, Ints]:
    share = np.where(purchases.channel == WEB, TICKETS_PER_WEB_ORDER, TICKETS_PER_RECEIPT)
    rows = np.flatnonzero((chance.random(len(purchases)) < share) & (purchases.buyer >= 0))
    after = chance.exponential(4 * DAY, len(rows)).astype(np.int64) + 3600
    everyday = chance.choice(8, len(rows), p=[0.22, 0.15, 0.12, 0.2, 0.07, 0.12, 0.04, 0.08])
    habits = world.habits
    known = (world.accounts.web_count + world.accounts.pos_count) > 0
    leaving = np.flatnonzero(
        known & (habits.churned_on != NEVER) & (chance.random(len(known)) < FAREWELL_SHARE)
    )
    before = habits.churned_on[leaving] - chance.integers(0, 40, len(leaving))
    begin = np.maximum(habits.joined_on[leaving], END_DAY - 1095)
    farewell_at = np.maximum(before, begin) * np.int64(DAY) + 36_000
    angry = chance.choice(8, len(leaving), p=[0.25, 0.2, 0.2, 0.0, 0.1, 0.0, 0.25, 0.0])
    buyer = np.concatenate([purchases.buyer[rows].astype(np.int64), leaving])
    at = np.concatenate([purchases.at[rows] + after, farewell_at])
    # Nobody writes in the middle of the night.
    at = at // DAY * DAY + 7 * 3600 + chance.integers(0, 15 * 3600, len(at))
    at = np.maximum(at, np.concatenate([purchases.at[rows] + 1800, farewell_at]))
    order = np.concatenate([order_numbers[rows], np.zeros(len(leaving), dtype=np.int64)])
    category = np.concatenate([everyday, angry])
    in_time = np.flatnonzero(at <= END_AT)
    by_time = in_time[np.lexsort((buyer[in_time], at[in_time]))]
    return buyer[by_time], at[by_time], order[by_time], category[by_time]


def first_row(buyer: Ints, buyers: int) -> Ints:
    """Give each buyer's first record of a system, -1 for none."""
    first = np.full(buyers, -1, dtype=np.int64)
    # Written backwards, so that the earliest row stays.
    first[buyer[::-1]] = np.arange(len(buyer))[::-1]
    return first


def languages_of(world: World, buyer: Ints, chance: np.random.Generator) -> Ints:
    """Give the language each buyer writes in, as a place in `ticket_texts.LANGUAGES`."""
    country = np.concatenate([world.people.country, world.companies.country])[buyer]
    count = len(buyer)
    finland_swedish = (country == 3) & (chance.random(count) < 0.08)
    english = chance.random(count) < 0.05
    return np.asarray(np.where(english, 4, np.where(finland_swedish, 0, country)))


def _texts(
    world: World,
    buyer: Ints,
    language: Ints,
    category: Ints,
    product: Text,
    number: Text,
    chance: np.random.Generator,
) -> tuple[Text, Text]:
    """Put greeting, what happened, what they think of it and the name together."""
    count = len(buyer)
    languages = ticket_texts.LANGUAGES

    def pick(lists: list[tuple[str, ...]], which: Rows) -> Text:
        draw = chance.random(count)
        sizes = np.array([len(words) for words in lists])
        first = np.cumsum(sizes) - sizes
        pool = pa.array([word for words in lists for word in words], pa.string())
        return take(pool, first[which] + (draw * sizes[which]).astype(np.int64))

    combined = language * len(ticket_texts.CATEGORIES) + category
    pairs = [pair for name in languages for pair in ticket_texts.SENTENCES[name]]
    happened = pick([pair[0] for pair in pairs], combined)
    opinion = pick([pair[1] for pair in pairs], combined)
    greeting = pick([ticket_texts.GREETINGS[name] for name in languages], language)
    closing = pick([ticket_texts.CLOSINGS[name] for name in languages], language)
    subject = pick(
        [(subject,) for name in languages for subject in ticket_texts.SUBJECTS[name]], combined
    )
    person = np.where(buyer < len(world.people), buyer, 0)
    given = take(pa.array(name_book().given, pa.string()), world.people.given[person])
    family = take(world.people.surname, person)
    signature = where(chance.random(count) < 0.5, join(given, " ", family), given)
    # Companies sign with their name.
    is_person = buyer < len(world.people)
    firm = np.clip(buyer - len(world.people), 0, max(len(world.companies) - 1, 0))
    if len(world.companies):
        signature = where(is_person, signature, take(world.companies.name, firm))
    body = join(greeting, "\n\n", happened, " ", opinion, "\n\n", closing, "\n", signature)
    phone_left = chance.random(count) < 0.06
    body = where(phone_left, join(body, "\n", digits(world.people.mobile[person], 9)), body)
    values = {"{product}": product, "{order}": number}
    return fill_in(subject, values), fill_in(body, values)


def fill_in(text: Text, values: dict[str, Text]) -> Text:
    """Put values (a product, an order number) where the sentence wants them, at most once each."""
    for place, value in values.items():
        parts = pc.split_pattern(text, place, max_splits=1)
        more = pc.greater(pc.list_value_length(parts), 1).to_numpy(zero_copy_only=False)
        before = pc.list_element(parts, 0)
        rows = np.flatnonzero(more)
        after = pc.list_element(take(parts, rows), 1)
        filled = join(take(before, rows), take(value, rows), after)
        places = np.arange(len(more))
        places[rows] = len(more) + np.arange(len(rows))
        text = take(pa.concat_arrays([before, filled]), places)
    return text
