"""What marketing plans and offers: the campaigns' master data, and offers shown and taken up.

Belongs here: cost and period of each campaign (advertising too), offers in mails and on the web.
Does not belong here: the mails themselves (`campaigns`).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cdp_pipeline.synthetic.assortment import Assortment
from cdp_pipeline.synthetic.behaviour import DAY
from cdp_pipeline.synthetic.browsing import Sessions
from cdp_pipeline.synthetic.campaigns import CAMPAIGNS, Messages, Recipients, campaign_codes
from cdp_pipeline.synthetic.columns import Ints
from cdp_pipeline.synthetic.past import Sold, Timeline
from cdp_pipeline.synthetic.people import END_DAY, NEVER, START_DAY
from cdp_pipeline.synthetic.random_streams import Dice
from cdp_pipeline.synthetic.records import END_AT, SystemRecords
from cdp_pipeline.synthetic.tastes import Tastes

ADVERTISING = ("search", "social media", "black week", "spring garden")
OFFERED_SINCE = 12  # the last campaigns: from here on mails carry a personal offer
OFFER_SHARE = 0.35
WEB_OFFER_SHARE = 0.18  # of sessions of known people
PERCENTS = np.array([10, 15, 20, 25])
VALID_DAYS = 14
FIRST_OFFER = 600_000_001
EMAIL, WEB_BANNER = range(2)


@dataclass(frozen=True)
class CampaignMaster:
    """One position per campaign; days since 1970, hundredths of SEK."""

    code: list[str]
    name: list[str]
    channel: list[str]
    purpose: list[str]
    started_on: Ints
    ended_on: Ints  # NEVER: runs
    cost: Ints


@dataclass(frozen=True)
class Offers:
    """One position per offer shown, in time order."""

    offer_id: Ints
    recipient: Ints  # position in Recipients
    campaign: Ints  # -1: none
    product: Ints
    channel: Ints
    shown_at: Ints
    accepted_at: Ints  # 0: not taken up
    expires_on: Ints
    percent: Ints


def campaign_master(messages: Messages, people: int, dice: Dice) -> CampaignMaster:
    """List the mail campaigns and what advertising ran beside them."""
    chance = dice.stream("campaign master")
    sent = np.full(CAMPAIGNS, END_AT)
    np.minimum.at(sent, messages.campaign, messages.sent_at)
    mailed = np.bincount(messages.campaign[~messages.is_control], minlength=CAMPAIGNS)
    mail_cost = 40_000 + people * 12 + mailed * 35 + chance.integers(0, 20_000, CAMPAIGNS)
    codes = campaign_codes()
    ads = [f"ads-{name.replace(' ', '-')}" for name in ADVERTISING]
    begin = np.array([START_DAY, START_DAY, END_DAY - 313, END_DAY - 183])
    end = np.array([NEVER, NEVER, END_DAY - 304, END_DAY - 120])
    purpose = ["reactivation" if place % 6 == 5 else "sales" for place in range(CAMPAIGNS)]
    return CampaignMaster(
        code=[*codes, *ads],
        name=[*(f"Nyhetsbrev {code}" for code in codes), *(name.title() for name in ADVERTISING)],
        channel=["email"] * CAMPAIGNS + ["ads"] * len(ads),
        purpose=[*purpose, "acquisition", "awareness", "sales", "sales"],
        started_on=np.concatenate([sent // DAY, begin]),
        ended_on=np.concatenate([sent // DAY + VALID_DAYS, end]),
        cost=np.concatenate([mail_cost, people * np.array([9_000, 5_500, 1_800, 1_200])]),
    )


def draw_offers(
    messages: Messages,
    recipients: Recipients,
    sessions: Sessions,
    users: SystemRecords,
    sold: Sold,
    tastes: Tastes,
    assortment: Assortment,
    dice: Dice,
) -> Offers:
    """Show offers in mails and on the web; an order soon after may be taking one up."""
    chance = dice.stream("offers")
    mailed = np.flatnonzero(
        (messages.campaign >= OFFERED_SINCE)
        & ~messages.is_control
        & (chance.random(len(messages.campaign)) < OFFER_SHARE)
    )
    known = np.flatnonzero(
        (sessions.logged_in_from == 0)
        & (sessions.user >= 0)
        & (chance.random(len(sessions)) < WEB_OFFER_SHARE)
    )
    contacts = len(recipients.buyer) - len(users)
    recipient = np.concatenate([messages.recipient[mailed], contacts + sessions.user[known]])
    at = np.concatenate([messages.sent_at[mailed], sessions.at[known] + 20])
    channel = np.repeat([EMAIL, WEB_BANNER], [len(mailed), len(known)])
    campaign = np.concatenate([messages.campaign[mailed], np.full(len(known), -1)])
    buyer = recipients.buyer[recipient]
    place, bought_at = Timeline(sold.buyer, sold.at).next_after(buyer, at)
    soon = (place >= 0) & (bought_at - at < VALID_DAYS * DAY)
    caused = np.zeros(len(recipient), dtype=bool)
    caused[: len(mailed)] = messages.added_order[mailed]
    accepted = soon & (chance.random(len(recipient)) < np.where(caused, 0.8, 0.22))
    liked = tastes.liked[buyer, 0]
    drawn = assortment.draw(liked, tastes.style[buyer], chance.random(len(buyer))).astype(np.int64)
    # Who takes an offer up bought what was offered.
    product = np.where(accepted, _first_product(sold, place), drawn)
    order = np.lexsort((recipient, at))
    return Offers(
        offer_id=FIRST_OFFER + np.arange(len(order)),
        recipient=recipient[order],
        campaign=campaign[order],
        product=product[order],
        channel=channel[order],
        shown_at=at[order],
        accepted_at=np.where(accepted, bought_at, 0)[order],
        expires_on=at[order] // DAY + VALID_DAYS,
        percent=PERCENTS[chance.integers(0, len(PERCENTS), len(order))],
    )


def _first_product(sold: Sold, place: Ints) -> npt.NDArray[np.int32]:
    if not len(sold):
        return np.zeros(len(place), dtype=np.int32)
    return sold.product[np.maximum(place, 0)]
