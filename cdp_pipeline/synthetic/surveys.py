"""Surveys: who answered, how they feel, and what they write.

Belongs here: answers whose score follows from what happened to the person (a return, a complaint,
a farewell near), and whose text follows from the score.
Does not belong here: the sentences (`survey_texts`).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from cdp_pipeline.synthetic import ticket_texts
from cdp_pipeline.synthetic.assortment import Assortment
from cdp_pipeline.synthetic.behaviour import DAY, WEB
from cdp_pipeline.synthetic.columns import Ints, Mask, Text, blank, join, misspell, take, where
from cdp_pipeline.synthetic.past import Sold, Timeline
from cdp_pipeline.synthetic.people import END_DAY, NEVER
from cdp_pipeline.synthetic.random_streams import Dice
from cdp_pipeline.synthetic.records import END_AT, SystemRecords, World
from cdp_pipeline.synthetic.service import Tickets, fill_in, languages_of
from cdp_pipeline.synthetic.survey_texts import COMMENTS, TOPICS

ORDER_ANSWERS = 0.022  # of orders of the last two years
YEARLY_ANSWERS = 0.05  # of CRM contacts, a year
AGAINST_THE_SCORE = 0.03  # texts that say something else than the score
FIRST_ANSWER = 40_001
DELIVERY, QUALITY, PRICE, SERVICE = range(len(TOPICS))


@dataclass(frozen=True)
class Surveys:
    """One position per answer, in time order."""

    response_id: Ints
    is_yearly: Mask
    system: Text
    record_id: Text
    at: Ints
    channel: Text
    order_id: Ints  # 0: none
    product: Ints  # -1: none
    score: Ints  # 0 to 10, -1: skipped
    stars: Ints  # 1 to 5, -1: skipped
    comment: Text
    language: Text


@dataclass(frozen=True)
class _Asked:
    """Who answered what, before anything is felt about it."""

    buyer: Ints
    at: Ints
    order: Ints  # position in Sold, -1: the yearly survey
    system: Text
    record_id: Text


def draw_surveys(
    world: World,
    sold: Sold,
    tickets: Tickets,
    contacts: SystemRecords,
    users: SystemRecords,
    members: SystemRecords,
    assortment: Assortment,
    dice: Dice,
) -> Surveys:
    """Draw answers after orders and to the yearly survey."""
    chance = dice.stream("surveys")
    asked = _asked(sold, contacts, users, members, chance)
    count = len(asked.buyer)
    complains, returned, leaves = _history(world, sold, tickets, asked)
    mood = chance.normal(0.35, 0.75, world.accounts.buyers)[asked.buyer]
    mood = mood + chance.normal(0, 0.55, count)
    mood -= 1.9 * returned + 1.7 * complains + 1.3 * leaves
    score = np.clip(np.rint(8.3 + 1.55 * mood), 0, 10).astype(np.int64)
    stars = np.clip(np.rint(4.1 + 0.75 * mood + chance.normal(0, 0.3, count)), 1, 5)
    comment, language = _comments(
        world, asked, sold, score, (complains, returned, leaves), assortment, chance
    )
    is_yearly = asked.order < 0
    of_order = np.maximum(asked.order, 0)
    store = ~is_yearly & (sold.channel[of_order] != WEB) if len(sold) else ~is_yearly & False
    return Surveys(
        response_id=FIRST_ANSWER + np.arange(count),
        is_yearly=is_yearly,
        system=asked.system,
        record_id=asked.record_id,
        at=asked.at,
        channel=where(store, "sms", where(chance.random(count) < 0.85, "email", "web")),
        order_id=np.where(is_yearly, 0, sold.order_id[of_order]) if len(sold) else of_order,
        product=np.where(is_yearly, -1, sold.product[of_order]) if len(sold) else of_order - 1,
        score=np.where(chance.random(count) < 0.04, -1, score),
        stars=np.where(chance.random(count) < 0.08, -1, stars.astype(np.int64)),
        comment=comment,
        language=language,
    )


def _asked(
    sold: Sold,
    contacts: SystemRecords,
    users: SystemRecords,
    members: SystemRecords,
    chance: np.random.Generator,
) -> _Asked:
    since = (END_DAY - 730) * DAY
    of_order = chance.random(len(sold)) < ORDER_ANSWERS
    orders = np.flatnonzero(of_order & (sold.at >= since) & ~sold.is_cancelled)
    on_web = sold.channel[orders] == WEB
    account = sold.account[orders]
    after_order = sold.at[orders] + (3 + 9 * chance.random(len(orders))) * DAY
    yearly = np.concatenate(
        [np.flatnonzero(chance.random(len(contacts)) < YEARLY_ANSWERS) for _ in range(2)]
    )
    # The survey goes out in May; answers come for two weeks.
    may = np.where(chance.random(len(yearly)) < 0.5, END_DAY - 140, END_DAY - 505)
    asked_at = (may + 14 * chance.random(len(yearly)) ** 2) * DAY
    at = np.concatenate([after_order, asked_at]).astype(np.int64) // DAY * DAY
    at = at + 7 * 3600 + chance.integers(0, 15 * 60, len(at)) * 60
    known = np.concatenate([np.zeros(len(orders), np.int64), contacts.created_at[yearly]])
    user = _at_account(users, np.where(on_web, account, 0))
    member = _at_account(members, np.where(on_web, 0, account))
    record = where(on_web, user, member)
    system = where(on_web, "webshop", "pos")
    in_time = np.flatnonzero((at <= END_AT) & (at > known))
    buyer = np.concatenate([sold.buyer[orders].astype(np.int64), contacts.buyer[yearly]])
    order = np.concatenate([orders, np.full(len(yearly), -1)])
    by_time = in_time[np.lexsort((buyer[in_time], at[in_time]))]
    crm = pa.array(["crm"] * len(yearly), pa.string())
    return _Asked(
        buyer=buyer[by_time],
        at=at[by_time],
        order=order[by_time],
        system=take(pa.concat_arrays([system, crm]), by_time),
        record_id=take(pa.concat_arrays([record, take(contacts.record_id, yearly)]), by_time),
    )


def _at_account(records: SystemRecords, account: npt.NDArray[np.signedinteger]) -> Text:
    if not len(records):
        return pa.nulls(len(account), pa.string())
    return take(records.record_id, records.position_of_account[account])


def _history(world: World, sold: Sold, tickets: Tickets, asked: _Asked) -> tuple[Mask, Mask, Mask]:
    """Say of each answer whether a complaint, a return or a farewell is near."""
    angry = tickets.is_complaint
    complaints = Timeline(tickets.buyer[angry], tickets.opened_at[angry])
    _, complained_at = complaints.last_before(asked.buyer, asked.at)
    returned = np.zeros(len(asked.buyer), dtype=bool)
    of_order = asked.order >= 0
    returned[of_order] = sold.came_back[asked.order[of_order]]
    left_on = world.habits.churned_on[asked.buyer].astype(np.int64)
    leaves = (left_on != NEVER) & (left_on - asked.at // DAY < 60)
    return asked.at - complained_at < 60 * DAY, returned, leaves


def _comments(
    world: World,
    asked: _Asked,
    sold: Sold,
    score: Ints,
    history: tuple[Mask, Mask, Mask],
    assortment: Assortment,
    chance: np.random.Generator,
) -> tuple[Text, Text]:
    """Write what the score makes them say; the angry write more often."""
    count = len(asked.buyer)
    complains, returned, leaves = history
    feeling = np.select([score >= 9, score >= 7], [0, 1], 2)
    against = chance.random(count) < AGAINST_THE_SCORE
    feeling = np.where(against, 2 - feeling, feeling)
    topic = chance.choice(len(TOPICS), count, p=[0.3, 0.3, 0.2, 0.2])
    because = [returned, complains, leaves]
    topic = np.where(feeling == 2, np.select(because, [QUALITY, SERVICE, PRICE], topic), topic)
    language = languages_of(world, asked.buyer, chance)
    names = ticket_texts.LANGUAGES
    sentences = [
        sentence
        for name in names
        for feelings in COMMENTS[name]
        for topics in feelings
        for sentence in topics
    ]
    per_topic = len(COMMENTS[names[0]][0][0])
    place = ((language * 3 + feeling) * len(TOPICS) + topic) * per_topic
    pool = pa.array(sentences, pa.string())
    one = take(pool, place + chance.integers(0, per_topic, count))
    other_topic = ((language * 3 + feeling) * len(TOPICS) + (topic + 1) % len(TOPICS)) * per_topic
    other = take(pool, other_topic + chance.integers(0, per_topic, count))
    text = where(chance.random(count) < 0.25, join(one, " ", other), one)
    product = (
        np.where(asked.order >= 0, sold.product[np.maximum(asked.order, 0)], 0)
        if len(sold)
        else np.zeros(count, dtype=np.int64)
    )
    text = fill_in(text, {"{product}": take(pa.array(assortment.names, pa.string()), product)})
    text = misspell(text, chance.random(count) < 0.12, chance)
    silent = chance.random(count) < np.array([0.55, 0.75, 0.3])[feeling]
    codes = take(pa.array(names, pa.string()), language)
    return blank(text, silent), blank(codes, chance.random(count) < 0.15)
