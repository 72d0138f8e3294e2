"""How people buy: rhythm, season, channel, and the moment they stop.

Belongs here: who has accounts where, when somebody buys, through which account, and the latent
truth behind it (rhythm and churn moment).
Does not belong here: what lies in the basket (`baskets`), what campaigns add (`campaigns`).

A buyer has a mean gap between purchases and a regularity (the shape of a gamma distribution), lives
from joining to a churn moment that no system sees, and half of those who leave fade out first. So
churn is readable from the rhythm, but not perfectly.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cdp_pipeline.synthetic.columns import Ints, Mask
from cdp_pipeline.synthetic.companies import Companies
from cdp_pipeline.synthetic.people import END_DAY, NEVER, START_DAY, People
from cdp_pipeline.synthetic.random_streams import Dice

DAY = 86_400
OTHER_LINES = 1.13  # strangers', campaigns' and returned lines, on top of the members' own
ANONYMOUS_SHARE = 0.13  # of store receipts: nobody showed a card

WEB, STORE = 0, 1
MONTH_STRENGTH = (0.82, 0.80, 0.9, 0.98, 1.05, 1.0, 0.85, 0.95, 0.98, 1.02, 1.32, 1.45)
WEEKDAY_STRENGTH = (0.9, 0.88, 0.92, 1.0, 1.22, 1.3, 0.78)  # Monday first


@dataclass(frozen=True)
class Accounts:
    """Which buyer has which records: per system, the buyer of each record, in buyer order.

    Buyers are people first, then companies.
    """

    buyers: int
    crm_buyer: Ints
    crm_employer: Ints  # company a contact works for, or -1
    web_buyer: Ints
    web_is_guest: Mask
    pos_buyer: Ints
    web_first: Ints
    web_count: Ints
    pos_first: Ints
    pos_count: Ints
    is_prospect: Mask

    @property
    def records(self) -> int:
        """Customer records over all systems."""
        return len(self.crm_buyer) + len(self.web_buyer) + len(self.pos_buyer)


@dataclass(frozen=True)
class Habits:
    """The latent truth of each buyer; days since 1970."""

    mean_gap_days: npt.NDArray[np.float64]
    regularity: npt.NDArray[np.float64]
    joined_on: npt.NDArray[np.int32]
    churned_on: npt.NDArray[np.int32]  # NEVER: has not
    is_fading: Mask
    web_share: npt.NDArray[np.float64]


@dataclass(frozen=True)
class Purchases:
    """One position per order, in time order; ``buyer`` is -1 for nobody known."""

    buyer: npt.NDArray[np.int32]
    at: Ints  # seconds since 1970, local time
    channel: npt.NDArray[np.int8]
    account: npt.NDArray[np.int32]  # position in the channel's records, or -1
    campaign: npt.NDArray[np.int16]  # -1: none

    def __len__(self) -> int:
        return len(self.buyer)


def open_accounts(people: People, companies: Companies, dice: Dice) -> Accounts:
    """Decide who is known to which system, and how many times."""
    chance = dice.stream("accounts")
    persons = len(people)
    buyers = persons + len(companies)
    is_company = np.arange(buyers) >= persons
    age = np.concatenate([(END_DAY - people.born) / 365.25, np.full(len(companies), 45.0)])
    prospect = ~is_company & (chance.random(buyers) < 0.09)
    likes_web = chance.random(buyers) < np.where(age < 60, 0.585, 0.385)
    likes_store = chance.random(buyers) < np.where(age < 35, 0.41, 0.55)
    neither = ~likes_web & ~likes_store
    likes_web |= neither & (chance.random(buyers) < 0.5)
    likes_store |= neither & ~likes_web
    in_web = (likes_web & ~prospect) | (is_company & (chance.random(buyers) < 0.75))
    in_store = likes_store & ~prospect & ~is_company
    in_crm = prospect | is_company | (chance.random(buyers) < 0.51)
    guests = in_web & (chance.random(buyers) < 0.27)
    web_count = np.where(in_web, 1 + guests * chance.geometric(0.68, buyers), 0)
    pos_count = np.where(in_store, 1 + (chance.random(buyers) < 0.07), 0)
    crm_count = np.where(in_crm, 1 + (chance.random(buyers) < 0.075), 0)
    crm_count = np.where(is_company, 1, crm_count)
    crm_buyer = np.concatenate([np.repeat(np.arange(buyers), crm_count), companies.contact_person])
    employer = np.concatenate([np.full(crm_count.sum(), -1), companies.contact_company])
    web_buyer = np.repeat(np.arange(buyers), web_count)
    web_first = np.cumsum(web_count) - web_count
    place = np.arange(len(web_buyer)) - web_first[web_buyer]
    return Accounts(
        buyers=buyers,
        crm_buyer=crm_buyer,
        crm_employer=employer,
        web_buyer=web_buyer,
        web_is_guest=(place > 0) & (chance.random(len(web_buyer)) < 0.85),
        pos_buyer=np.repeat(np.arange(buyers), pos_count),
        web_first=web_first,
        web_count=web_count,
        pos_first=np.cumsum(pos_count) - pos_count,
        pos_count=pos_count,
        is_prospect=prospect,
    )


def draw_habits(accounts: Accounts, lines_wanted: float, dice: Dice) -> Habits:
    """Draw rhythms and churn moments, so that about the wanted number of lines comes out."""
    chance = dice.stream("habits")
    count = accounts.buyers
    buys = (accounts.web_count + accounts.pos_count) > 0
    gap = np.exp(chance.normal(np.log(60), 0.75, count))
    regularity = chance.choice([1.0, 1.6, 3.0, 6.0], count, p=[0.3, 0.3, 0.25, 0.15])
    early = chance.random(count) < 0.52
    joined = np.where(
        early,
        START_DAY - 1 - chance.integers(0, 5 * 365, count),
        START_DAY + (3 * 365 - 20) * chance.random(count) ** 0.9,
    ).astype(np.int32)
    # Frequent buyers are a little more loyal; the rest of the difference is luck.
    patience = np.exp(chance.normal(np.log(1250), 0.8, count)) * (60 / gap) ** 0.25
    counted_from = np.maximum(joined, START_DAY)
    leaves = counted_from + patience * chance.exponential(1.0, count)
    one_time = ~early & (chance.random(count) < 0.3)
    leaves = np.where(one_time, joined + 1, leaves)
    churned = np.where(leaves < END_DAY, leaves, NEVER).astype(np.int32)
    alive = np.minimum(churned, END_DAY) - counted_from
    fading = (churned != NEVER) & ~one_time & (chance.random(count) < 0.5)
    faded = np.where(fading, 0.55 * np.minimum(alive, 150), 0)
    firsts = np.where(buys & ~early, 1.0, 0.0)
    later = np.where(buys, np.maximum(alive - faded, 0), 0.0)
    scale = _scale(firsts, later, gap, lines_wanted)
    web_share = np.clip(chance.beta(1.1, 1.1, count), 0.04, 0.96)
    web_share = np.where(accounts.pos_count == 0, 1.0, web_share)
    web_share = np.where(accounts.web_count == 0, 0.0, web_share)
    return Habits(
        mean_gap_days=np.maximum(gap / scale, 2.0),
        regularity=regularity,
        joined_on=joined,
        churned_on=churned,
        is_fading=fading,
        web_share=web_share,
    )


def _scale(
    firsts: npt.NDArray[np.float64],
    later: npt.NDArray[np.float64],
    gap: npt.NDArray[np.float64],
    lines_wanted: float,
) -> float:
    """Find how much faster everybody must buy for the wanted number of lines (bisection).

    Who comes seldom buys more at a time, because more has run out.
    """
    low, high = 1e-3, 1e3
    for _ in range(40):
        scale = (low * high) ** 0.5
        between = gap / scale
        lines = (firsts + later / between) * (1.5 + 1.6 * -np.expm1(-between / 75))
        if lines.sum() * OTHER_LINES < lines_wanted:
            low = scale
        else:
            high = scale
    return float(low)


def _season_clock() -> npt.NDArray[np.float64]:
    """Shop time at the start of each calendar day: it runs faster when more is sold."""
    days = np.arange(START_DAY, END_DAY + 1)
    dates = days.astype("datetime64[D]")
    month = dates.astype("datetime64[M]").astype(np.int64) % 12
    in_month = (dates - dates.astype("datetime64[M]")).astype(np.int64) + 1
    weekday = (days + 3) % 7  # 1970-01-01 was a Thursday
    strength = np.array(MONTH_STRENGTH)[month] * np.array(WEEKDAY_STRENGTH)[weekday]
    black_week = (month == 10) & (in_month >= 22) & (in_month <= 30)
    before_christmas = (month == 11) & (in_month >= 10) & (in_month <= 22)
    closed = (month == 11) & np.isin(in_month, (24, 25))
    strength *= np.where(black_week, 1.9, 1.0) * np.where(before_christmas, 1.35, 1.0)
    strength *= np.where(closed, 0.15, 1.0)
    clock = np.concatenate([[0.0], np.cumsum(strength)])
    return np.asarray(clock / clock[-1] * len(days))


def draw_purchases(accounts: Accounts, habits: Habits, dice: Dice) -> Purchases:
    """Let everybody buy at their own rhythm until they stop, or the history ends."""
    chance = dice.stream("purchases")
    clock = _season_clock()
    calendar = np.arange(len(clock), dtype=np.float64)
    buyers = np.flatnonzero((accounts.web_count + accounts.pos_count) > 0)
    gap, shape = habits.mean_gap_days[buyers], habits.regularity[buyers]
    begin = np.maximum(habits.joined_on[buyers] - START_DAY, 0).astype(np.float64)
    stop = np.minimum(habits.churned_on[buyers], END_DAY + 1) - START_DAY
    begin_clock = np.interp(begin, calendar, clock)
    room = np.maximum(np.interp(stop, calendar, clock) - begin_clock, 0)
    tries = np.ceil(room / gap + 4 * np.sqrt(room / gap + 1) + 3).astype(np.int64)
    who = np.repeat(np.arange(len(buyers)), tries)
    first = np.cumsum(tries) - tries
    gaps = chance.gamma(shape[who], 1.0, len(who)) * (gap / shape)[who]
    # New customers buy on the day they join; for the others the history starts mid-rhythm.
    is_new = habits.joined_on[buyers] >= START_DAY
    gaps[first] *= np.where(is_new, 0.0, chance.random(len(buyers)))
    elapsed = np.cumsum(gaps)
    elapsed -= np.repeat(elapsed[first] - gaps[first], tries)
    keep = elapsed <= room[who]
    who, elapsed = who[keep], elapsed[keep]
    day_of = np.interp(begin_clock[who] + elapsed, clock, calendar)
    left = stop[who] - day_of
    fades = habits.is_fading[buyers][who] & (left < 150) & (chance.random(len(who)) < 0.55)
    who, day_of = who[~fades], day_of[~fades]
    buyer = buyers[who].astype(np.int32)
    channel = np.where(chance.random(len(buyer)) < habits.web_share[buyer], WEB, STORE)
    at = _opening_time(START_DAY + np.floor(day_of).astype(np.int64), channel, chance)
    account = _choose_account(accounts, buyer, channel, at, chance)
    return in_time_order(
        Purchases(
            buyer=buyer,
            at=at,
            channel=channel.astype(np.int8),
            account=account,
            campaign=np.full(len(buyer), -1, dtype=np.int16),
        )
    )


def _opening_time(days: Ints, channel: npt.NDArray[np.int64], chance: np.random.Generator) -> Ints:
    days = np.minimum(days, END_DAY)
    evening = 7.5 + 16 * chance.beta(2.6, 1.6, len(days))
    shop_hours = 9.1 + 10.8 * chance.beta(1.9, 1.7, len(days))
    hour = np.where(channel == WEB, evening, shop_hours)
    return np.asarray(days * DAY + np.floor(hour * 3600).astype(np.int64))


def _choose_account(
    accounts: Accounts,
    buyer: npt.NDArray[np.int32],
    channel: npt.NDArray[np.int64],
    at: Ints,
    chance: np.random.Generator,
) -> npt.NDArray[np.int32]:
    """Most web orders go through the account, some as guest; a new card replaces an old one."""
    extra = accounts.web_count[buyer] - 1
    as_guest = (extra > 0) & (chance.random(len(buyer)) < np.minimum(0.6, 0.25 * extra))
    pick = np.where(as_guest, 1 + (chance.random(len(buyer)) * np.maximum(extra, 1)), 0)
    web = accounts.web_first[buyer] + pick.astype(np.int64)
    replaced_at = (START_DAY + 1095 * chance.random(accounts.buyers)) * DAY
    second = (accounts.pos_count[buyer] > 1) & (at > replaced_at[buyer])
    store = accounts.pos_first[buyer] + second
    return np.where(channel == WEB, web, store).astype(np.int32)


def add_anonymous(purchases: Purchases, dice: Dice) -> Purchases:
    """Add store receipts of customers nobody knows."""
    chance = dice.stream("anonymous")
    in_store = np.flatnonzero(purchases.channel == STORE)
    count = int(len(in_store) * ANONYMOUS_SHARE / (1 - ANONYMOUS_SHARE))
    if not count:
        return purchases
    # They come when the others come, at another minute.
    like = chance.choice(in_store, count)
    at = purchases.at[like] // DAY * DAY + 9 * 3600 + chance.integers(0, 11 * 3600, count)
    nobody = np.full(count, -1, dtype=np.int32)
    return merge(
        purchases,
        Purchases(
            buyer=nobody,
            at=at,
            channel=np.full(count, STORE, dtype=np.int8),
            account=nobody,
            campaign=np.full(count, -1, dtype=np.int16),
        ),
    )


def merge(one: Purchases, other: Purchases) -> Purchases:
    """Put two sets of orders together, in time order."""
    return in_time_order(
        Purchases(
            buyer=np.concatenate([one.buyer, other.buyer]),
            at=np.concatenate([one.at, other.at]),
            channel=np.concatenate([one.channel, other.channel]),
            account=np.concatenate([one.account, other.account]),
            campaign=np.concatenate([one.campaign, other.campaign]),
        )
    )


def in_time_order(orders: Purchases) -> Purchases:
    """Sort orders by time; ties keep their place."""
    order = np.argsort(orders.at, kind="stable")
    return Purchases(
        buyer=orders.buyer[order],
        at=orders.at[order],
        channel=orders.channel[order],
        account=orders.account[order],
        campaign=orders.campaign[order],
    )
