"""Consents, e-mail campaigns with a randomised control group, and the orders they cause.

Belongs here: who agreed to what, who was mailed, who was held out by lot, who opened, and the
orders that would not have come without the mail (kept for the truth).
Does not belong here: orders that come anyway (`behaviour`).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from cdp_pipeline.synthetic.assortment import CATEGORIES
from cdp_pipeline.synthetic.behaviour import (
    DAY,
    STORE,
    WEB,
    Accounts,
    Habits,
    Purchases,
    in_time_order,
    merge,
)
from cdp_pipeline.synthetic.columns import Ints, Mask, Text, blank, take, where
from cdp_pipeline.synthetic.random_streams import Dice
from cdp_pipeline.synthetic.records import END_AT, SystemRecords
from cdp_pipeline.synthetic.tastes import Tastes

CAMPAIGNS = 24
CONTROL_SHARE = 0.15
FOREVER = 2**62


@dataclass(frozen=True)
class Recipients:
    """CRM contacts, then web shop users: everything that can be written to."""

    system: npt.NDArray[np.int8]  # 0 crm, 1 webshop
    record_id: Text
    buyer: Ints
    email: Text
    phone: Text
    created_at: Ints
    is_guest: Mask


@dataclass(frozen=True)
class Consents:
    """Decisions in time order, and what holds for e-mail marketing per recipient."""

    recipient: Ints
    channel: Text
    purpose: Text
    contact_point: Text
    is_granted: Mask
    at: Ints
    evidence: Text
    granted_at: Ints  # per recipient; FOREVER: never
    withdrawn_at: Ints


@dataclass(frozen=True)
class Messages:
    """One position per message or held-out recipient; times in seconds, 0 = did not happen."""

    recipient: Ints
    campaign: npt.NDArray[np.int16]
    is_control: Mask
    sent_at: Ints
    opened_at: Ints
    clicked_at: Ints
    replied_at: Ints
    added_order_chance: npt.NDArray[np.float32]
    added_order: Mask


def campaign_codes() -> list[str]:
    """Name the campaigns: month and theme."""
    themes = list(CATEGORIES)
    start = np.datetime64("2024-10")
    return [
        f"{start + place}-{themes[(place * 5) % len(themes)].split()[0].lower()}"
        for place in range(CAMPAIGNS)
    ]


def all_recipients(contacts: SystemRecords, users: SystemRecords) -> Recipients:
    """List everything that can be written to."""
    guests = users.extra["is_guest"].to_numpy(zero_copy_only=False)
    return Recipients(
        system=np.repeat(np.array([0, 1], dtype=np.int8), [len(contacts), len(users)]),
        record_id=pa.concat_arrays([contacts.record_id, users.record_id]),
        buyer=np.concatenate([contacts.buyer, users.buyer]),
        email=pa.concat_arrays([contacts.details.email, users.details.email]),
        phone=pa.concat_arrays([contacts.details.phone, users.details.phone]),
        created_at=np.concatenate([contacts.created_at, users.created_at]),
        is_guest=np.concatenate([np.zeros(len(contacts), dtype=bool), guests]),
    )


def draw_consents(recipients: Recipients, dice: Dice) -> Consents:
    """Draw who agreed to what, and who thought better of it."""
    chance = dice.stream("consents")
    count = len(recipients.buyer)
    has_mail = pc.is_valid(recipients.email).to_numpy(zero_copy_only=False)
    has_phone = pc.is_valid(recipients.phone).to_numpy(zero_copy_only=False)
    created = recipients.created_at
    yes = chance.random(count) < np.where(recipients.is_guest, 0.35, 0.72)
    granted_at = np.where(has_mail & yes, created, FOREVER)
    later = created + ((END_AT - created) * chance.random(count)).astype(np.int64)
    leaves = has_mail & yes & (chance.random(count) < 0.14)
    withdrawn_at = np.where(leaves, later, FOREVER)
    back = leaves & (chance.random(count) < 0.1)
    back_at = later + ((END_AT - later) * chance.random(count)).astype(np.int64)
    by_sms = has_phone & (chance.random(count) < 0.45)
    sms_yes = chance.random(count) < 0.5
    sms_leaves = by_sms & sms_yes & (chance.random(count) < 0.1)
    by_post = (recipients.system == 0) & (chance.random(count) < 0.2)
    by_phone = (recipients.system == 0) & has_phone & (chance.random(count) < 0.15)
    profiling = chance.random(count) < 0.4
    groups = (
        # rows, channel, purpose, granted, when, evidence
        (has_mail, "email", "marketing", yes, created, 0),
        (leaves, "email", "marketing", np.zeros(count, bool), later, 1),
        (back, "email", "marketing", np.ones(count, bool), back_at, 2),
        (by_sms, "sms", "marketing", sms_yes, created, 0),
        (sms_leaves, "sms", "marketing", np.zeros(count, bool), later, 3),
        (by_post, "post", "marketing", chance.random(count) < 0.8, created, 4),
        (by_phone, "phone", "marketing", chance.random(count) < 0.3, created, 4),
        (profiling, "ads", "profiling", chance.random(count) < 0.55, created, 2),
    )
    return _listed(recipients, groups, granted_at, withdrawn_at, chance)


EVIDENCE = (
    "web form, version 3", "unsubscribe link", "preference centre", "sms STOP",
    "paper form in store",
)  # fmt: skip


def _listed(
    recipients: Recipients,
    groups: tuple[tuple[Mask, str, str, Mask, Ints, int], ...],
    granted_at: Ints,
    withdrawn_at: Ints,
    chance: np.random.Generator,
) -> Consents:
    rows = [np.flatnonzero(group[0]) for group in groups]
    recipient = np.concatenate(rows)
    sizes = [len(some) for some in rows]
    at = np.concatenate([group[4][some] for group, some in zip(groups, rows, strict=True)])
    granted = np.concatenate([group[3][some] for group, some in zip(groups, rows, strict=True)])
    kind = np.repeat(np.arange(len(groups)), sizes)
    order = np.lexsort((kind, recipient, at))
    recipient, at, kind, granted = recipient[order], at[order], kind[order], granted[order]
    channel = take(pa.array([group[1] for group in groups], pa.string()), kind)
    by_number = np.isin(np.array([group[1] for group in groups])[kind], ("sms", "phone"))
    by_mail = np.array([group[1] for group in groups])[kind] == "email"
    point = where(
        by_mail,
        take(recipients.email, recipient),
        where(by_number, take(recipients.phone, recipient), None),
    )
    return Consents(
        recipient=recipient,
        channel=channel,
        purpose=take(pa.array([group[2] for group in groups], pa.string()), kind),
        contact_point=blank(point, chance.random(len(kind)) < 0.15),
        is_granted=granted,
        at=at,
        evidence=take(pa.array(EVIDENCE, pa.string()), np.array([g[5] for g in groups])[kind]),
        granted_at=granted_at,
        withdrawn_at=withdrawn_at,
    )


class _LastOrder:
    """Looks up a buyer's last order before a time."""

    def __init__(self, purchases: Purchases) -> None:
        known = purchases.buyer >= 0
        key = purchases.buyer[known].astype(np.int64) * 2**36 + purchases.at[known]
        self.order = np.argsort(key, kind="stable")
        self.key = key[self.order]

    def seconds_since(self, buyer: Ints, at: Ints) -> Ints:
        """Give the time since the last order; FOREVER if there was none."""
        wanted = buyer.astype(np.int64) * 2**36 + at
        place = np.searchsorted(self.key, wanted) - 1
        found = self.key[np.maximum(place, 0)]
        same = (place >= 0) & (found // 2**36 == buyer)
        return np.where(same, wanted - found, FOREVER)


def run_campaigns(
    recipients: Recipients,
    consents: Consents,
    purchases: Purchases,
    habits: Habits,
    tastes: Tastes,
    dice: Dice,
) -> Messages:
    """Mail a campaign a month for two years, and hold out a part of each by lot."""
    last = _LastOrder(purchases)
    pieces = [
        _one_campaign(number, recipients, consents, last, habits, tastes, dice)
        for number in range(CAMPAIGNS)
    ]
    return Messages(
        *(
            np.concatenate([getattr(piece, name) for piece in pieces])
            for name in Messages.__dataclass_fields__
        )
    )


def _one_campaign(
    number: int,
    recipients: Recipients,
    consents: Consents,
    last: _LastOrder,
    habits: Habits,
    tastes: Tastes,
    dice: Dice,
) -> Messages:
    chance = dice.stream("campaign", number)
    month = np.datetime64("2024-10") + number
    first = int(month.astype("datetime64[D]").astype(np.int64))
    sent = (first + 2 + int(chance.integers(0, 20))) * DAY + 8 * 3600
    theme = (number * 5) % len(CATEGORIES)
    may = (consents.granted_at <= sent) & (consents.withdrawn_at > sent)
    likes = (tastes.liked[recipients.buyer] == theme).any(axis=1)
    since = last.seconds_since(recipients.buyer, np.full(len(may), sent))
    lapsing = (since > 60 * DAY) & (since < 240 * DAY)
    wanted = np.select([likes, lapsing], [0.55, 0.35], 0.12)
    chosen = np.flatnonzero(may & (chance.random(len(may)) < wanted))
    buyer = recipients.buyer[chosen]
    count = len(chosen)
    active = habits.churned_on[buyer] * np.int64(DAY) > sent
    effect = tastes.added_order_chance[buyer] * float(chance.uniform(0.6, 1.4))
    effect = effect * np.where(likes[chosen], 1.6, 1.0) * np.where(lapsing[chosen], 1.3, 0.85)
    effect = np.where(active, effect, effect * 0.12)
    control = chance.random(count) < CONTROL_SHARE
    added = ~control & (chance.random(count) < effect)
    reads = 0.12 + 0.6 * tastes.reads_mail[buyer]
    opened = ~control & (chance.random(count) < np.where(active, reads, reads * 0.45))
    opened |= added & (chance.random(count) < 0.85)
    clicked = opened & (chance.random(count) < np.where(added, 0.8, 0.11))
    replied = opened & (chance.random(count) < 0.004)
    opened_at = sent + (chance.exponential(9 * 3600, count)).astype(np.int64) + 60
    clicked_at = opened_at + chance.integers(5, 900, count)
    replied_at = opened_at + chance.integers(60, 2 * DAY, count)
    # The mail goes out over two hours.
    sent_at = np.sort(sent + chance.integers(0, 7200, count))
    shift = sent_at - sent
    return Messages(
        recipient=chosen,
        campaign=np.full(count, number, dtype=np.int16),
        is_control=control,
        sent_at=sent_at,
        opened_at=np.where(opened, opened_at + shift, 0),
        clicked_at=np.where(clicked, clicked_at + shift, 0),
        replied_at=np.where(replied, replied_at + shift, 0),
        added_order_chance=effect.astype(np.float32),
        added_order=added,
    )


def with_campaign_orders(
    purchases: Purchases,
    messages: Messages,
    recipients: Recipients,
    accounts: Accounts,
    dice: Dice,
) -> Purchases:
    """Add the orders campaigns caused, and mark web orders that came through a link."""
    chance = dice.stream("campaign orders")
    rows = np.flatnonzero(messages.added_order)
    buyer = recipients.buyer[messages.recipient[rows]]
    can_buy = (accounts.web_count + accounts.pos_count)[buyer] > 0
    messages.added_order[rows[~can_buy]] = False
    rows, buyer = rows[can_buy], buyer[can_buy]
    at = messages.sent_at[rows] + 3600 + chance.integers(0, 7 * DAY, len(rows))
    at = at // DAY * DAY + 10 * 3600 + chance.integers(0, 9 * 3600, len(rows))
    at = np.maximum(at, messages.sent_at[rows] + 600)
    on_web = accounts.web_count[buyer] > 0
    clicks = messages.clicked_at[rows] > 0
    added = Purchases(
        buyer=buyer.astype(np.int32),
        at=np.minimum(at, END_AT),
        channel=np.where(on_web, WEB, STORE).astype(np.int8),
        account=np.where(on_web, accounts.web_first[buyer], accounts.pos_first[buyer]).astype(
            np.int32
        ),
        campaign=np.where(on_web & clicks, messages.campaign[rows], -1).astype(np.int16),
    )
    return merge(_marked(purchases, messages, recipients), added)


def _marked(
    purchases: Purchases,
    messages: Messages,
    recipients: Recipients,
) -> Purchases:
    """Let some orders that would have come anyway arrive through a campaign's link."""
    clicked = np.flatnonzero(messages.clicked_at > 0)
    key = recipients.buyer[messages.recipient[clicked]] * 2**36 + messages.clicked_at[clicked]
    order = np.argsort(key, kind="stable")
    key, clicked = key[order], clicked[order]
    wanted = purchases.buyer.astype(np.int64) * 2**36 + purchases.at
    place = np.maximum(np.searchsorted(key, wanted) - 1, 0)
    if not len(key):
        return purchases
    near = (key[place] // 2**36 == purchases.buyer) & (wanted - key[place] < 10 * DAY)
    near &= (purchases.channel == WEB) & (wanted >= key[place])
    campaign = np.where(near, messages.campaign[clicked[place]], -1).astype(np.int16)
    return in_time_order(
        Purchases(purchases.buyer, purchases.at, purchases.channel, purchases.account, campaign)
    )
