"""Visits to the web shop: what was looked at before buying, and by whom nobody knows.

Belongs here: sessions of the last months, their events, the cookies they came with, and the carts
that were left or became orders.
Does not belong here: the orders themselves (`behaviour`, `baskets`).

A cookie belongs to a device for some months. Some sessions of a household use one device, and some
people browse without logging in on the cookie they log in with another day: who joins people by
cookie joins wrong ones.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cdp_pipeline.synthetic.assortment import Assortment
from cdp_pipeline.synthetic.behaviour import DAY, WEB
from cdp_pipeline.synthetic.campaigns import CAMPAIGNS
from cdp_pipeline.synthetic.columns import Ints, Mask
from cdp_pipeline.synthetic.past import RECENT_DAYS, RECENT_SINCE, Sold
from cdp_pipeline.synthetic.people import COUNTRY_SHARES, END_DAY
from cdp_pipeline.synthetic.random_streams import Dice
from cdp_pipeline.synthetic.records import END_AT, SystemRecords, World
from cdp_pipeline.synthetic.service import languages_of
from cdp_pipeline.synthetic.tastes import LIKED, Tastes

# Sessions per person at most, so that a company of frequent buyers stays of a size.
BOUGHT, LOOKED, UNKNOWN = 0.6, 0.3, 0.35
PAGE, SEARCH, OTHER_PRODUCT, PRODUCT, CART, LOGIN = range(6)
STEPS = 6
EVENTS = ("page_view", "search", "product_view", "product_view", "add_to_cart", "login")
# How likely each step is, by kind of session: before an order, without one, by a stranger.
STEP_CHANCES = np.array(
    [
        [1.0, 0.35, 0.45, 1.0, 1.0, 0.35],
        [1.0, 0.35, 0.5, 1.0, 0.2, 0.25],
        [1.0, 0.35, 0.4, 0.7, 0.08, 0.0],
    ]
)
DEVICES = ("mobile", "desktop", "tablet", "app")
COOKIE_DAYS = 110
FIRST_EVENT = 100_000_001
FIRST_CART = 7_000_001
OPEN, ABANDONED, ORDERED = range(3)
CART_STATUSES = ("open", "abandoned", "ordered")


@dataclass(frozen=True)
class Sessions:
    """One position per session, in time order."""

    kind: Ints  # 0 before an order, 1 without one, 2 by a stranger
    at: Ints
    user: Ints  # row of the web shop's users, -1: a stranger
    order: Ints  # position in Sold, -1: none
    product: Ints
    other_product: Ints
    campaign: Ints  # -1: none
    country: Ints
    language: Ints
    cookie: npt.NDArray[np.uint64]
    device: Ints
    steps: Mask  # [session, STEPS]
    logged_in_from: Ints  # first step that is logged in; STEPS: none

    def __len__(self) -> int:
        return len(self.at)


@dataclass(frozen=True)
class WebEvents:
    """One position per event, in the order of the sessions."""

    session: Ints
    step: Ints
    at: Ints
    is_logged_in: Mask


@dataclass(frozen=True)
class Visitors:
    """One position per cookie."""

    cookie: npt.NDArray[np.uint64]
    user: Ints  # whoever logged in with it last, -1: nobody
    device: Ints
    country: Ints
    first_at: Ints
    last_at: Ints
    page_views: Ints
    product_views: Ints


@dataclass(frozen=True)
class Carts:
    """One position per product in a cart."""

    cart_id: Ints
    session: Ints
    product: Ints
    quantity: Ints  # thousandths
    unit_price: Ints  # hundredths
    status: Ints
    at: Ints
    order_id: Ints  # 0: none
    is_logged_in: Mask


def draw_sessions(
    world: World, sold: Sold, users: SystemRecords, tastes: Tastes, assortment: Assortment,
    dice: Dice,
) -> Sessions:  # fmt: skip
    """Draw sessions before orders, sessions without one, and those of strangers."""
    chance = dice.stream("sessions")
    people = len(world.people)
    before = _before_orders(sold, users, people, chance)
    without = _without_order(world, users, tastes, assortment, people, chance)
    strangers = round(UNKNOWN * people)
    kind = np.repeat([0, 1, 2], [len(before[0]), len(without[0]), strangers])
    unknown = np.full(strangers, -1)
    at = np.concatenate([before[0], without[0], _some_time(strangers, chance)])
    user = np.concatenate([before[1], without[1], unknown])
    order = np.concatenate([before[2], np.full(len(without[0]), -1), unknown])
    whose = np.where(user >= 0, users.buyer[user], -1) if len(users) else user
    like = np.where(whose >= 0, whose, chance.integers(0, max(people, 1), len(kind)))
    other = _product(tastes, assortment, like, chance)
    product = np.concatenate([before[3], without[2], _product(tastes, assortment, like, chance)[
        len(kind) - strangers :
    ]])  # fmt: skip
    country = np.concatenate([world.people.country, world.companies.country])[np.maximum(whose, 0)]
    anywhere = chance.choice(4, len(kind), p=COUNTRY_SHARES)
    campaign = np.concatenate([before[4], np.full(len(kind) - len(before[4]), -1)])
    # Advertising brings strangers more than customers.
    by_ad = (campaign < 0) & (chance.random(len(kind)) < np.array([0.03, 0.06, 0.18])[kind])
    advert = CAMPAIGNS + chance.integers(0, 2, len(kind))
    campaign = np.where(by_ad, advert, campaign)
    steps = chance.random((len(kind), STEPS)) < STEP_CHANCES[kind]
    cookie, device = _cookies(world, whose, at, chance)
    by_time = np.lexsort((cookie, at))
    made = Sessions(
        kind=kind,
        at=at,
        user=user,
        order=order,
        product=product,
        other_product=other,
        campaign=campaign,
        country=np.where(whose >= 0, country, anywhere),
        language=languages_of(world, like, chance),
        cookie=cookie,
        device=device,
        steps=steps,
        logged_in_from=_logged_in_from(kind, steps, chance),
    )
    return Sessions(
        **{name: getattr(made, name)[by_time] for name in Sessions.__dataclass_fields__}
    )


def _some_time(count: int, chance: np.random.Generator) -> Ints:
    days = END_DAY - np.floor(RECENT_DAYS * chance.random(count)).astype(np.int64)
    hour = 7.0 + 16.5 * chance.beta(2.6, 1.6, count)
    return days * DAY + (hour * 3600).astype(np.int64)


def _before_orders(
    sold: Sold, users: SystemRecords, people: int, chance: np.random.Generator
) -> tuple[Ints, Ints, Ints, Ints, Ints]:
    """Sessions that end in an order: when, by which user, order, product, campaign."""
    recent = np.flatnonzero((sold.channel == WEB) & (sold.at >= RECENT_SINCE))
    share = min(0.75, BOUGHT * people / max(len(recent), 1))
    order = recent[chance.random(len(recent)) < share]
    at = sold.at[order] - 300 - chance.integers(0, 900, len(order))
    # Not everybody buys at once: some come back days later for what they saw.
    later = chance.random(len(order)) < 0.2
    at = np.where(later, at - chance.integers(1, 6, len(order)) * DAY, at)
    user = users.position_of_account[sold.account[order]] if len(order) else order
    product, campaign = sold.product[order], sold.campaign[order]
    return at, user, order, product.astype(np.int64), campaign.astype(np.int64)


def _without_order(
    world: World,
    users: SystemRecords,
    tastes: Tastes,
    assortment: Assortment,
    people: int,
    chance: np.random.Generator,
) -> tuple[Ints, Ints, Ints]:
    """Sessions of people who buy nothing that day; who has left seldom comes."""
    wanted = round(LOOKED * people) if len(users) else 0
    user = chance.integers(0, max(len(users), 1), wanted)
    at = _some_time(wanted, chance)
    if not len(users):
        return at, user, user
    left = world.habits.churned_on[users.buyer[user]].astype(np.int64) * DAY
    is_new = users.created_at[user] > at
    keep = ~is_new & ((left > at) | (chance.random(wanted) < 0.12))
    at, user = at[keep], user[keep]
    return at, user, _product(tastes, assortment, users.buyer[user], chance)


def _product(
    tastes: Tastes, assortment: Assortment, buyer: Ints, chance: np.random.Generator
) -> Ints:
    """Give something each one likes to look at."""
    liked = tastes.liked[buyer, np.minimum(chance.geometric(0.55, len(buyer)) - 1, LIKED - 1)]
    return assortment.draw(liked, tastes.style[buyer], chance.random(len(buyer))).astype(np.int64)


def _cookies(
    world: World, buyer: Ints, at: Ints, chance: np.random.Generator
) -> tuple[npt.NDArray[np.uint64], Ints]:
    """Give each session a cookie: of the person's device, now and then of the household's."""
    count = len(buyer)
    people = len(world.people)
    owner = np.where(buyer >= 0, buyer, 0)
    head = np.where(owner < people, world.people.head[np.minimum(owner, people - 1)], owner)
    owner = np.where(chance.random(count) < 0.05, head, owner)
    second = chance.random(count) < 0.22
    device = np.where(second, (owner + 1) % 4, owner % 2)
    generation = (at // DAY + owner * 37 % COOKIE_DAYS) // COOKIE_DAYS
    known = (owner * 8 + device) * 1024 + generation % 1024
    # A stranger comes back now and then, with the same cookie.
    stranger = -1 - (np.arange(count) - (chance.random(count) < 0.25))
    number = np.where(buyer >= 0, known, stranger * 7 - 3)
    return _mixed(number), np.where(buyer >= 0, device, _mixed(stranger).astype(np.int64) % 3)


def _mixed(number: Ints) -> npt.NDArray[np.uint64]:
    """Scatter numbers so that neither owner nor order can be read from them."""
    x = number.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (x ^ (x >> np.uint64(31))) >> np.uint64(2)


def _logged_in_from(kind: Ints, steps: Mask, chance: np.random.Generator) -> Ints:
    """Say from which step on each is logged in: from the first, from the login, or never."""
    throughout = chance.random(len(kind)) < np.array([1.0, 0.72, 0.0])[kind]
    return np.where(steps[:, LOGIN], LOGIN, np.where(throughout, 0, STEPS))


def events_of(sessions: Sessions, dice: Dice) -> WebEvents:
    """Spread each session over its steps; the login comes before the cart."""
    chance = dice.stream("web events")
    # Columns in the order things happen.
    happens = np.array([PAGE, SEARCH, OTHER_PRODUCT, PRODUCT, LOGIN, CART])
    steps = sessions.steps[:, happens]
    gaps = chance.integers(8, 120, steps.shape)
    at = sessions.at[:, None] + np.cumsum(gaps, axis=1)
    session, place = np.nonzero(steps)
    login_at = np.flatnonzero(happens == LOGIN)[0]
    since = np.where(sessions.logged_in_from == LOGIN, login_at, sessions.logged_in_from)
    return WebEvents(
        session=session,
        step=happens[place],
        at=np.minimum(at[session, place], END_AT),
        is_logged_in=(place >= since[session]) & (sessions.user[session] >= 0),
    )


def visitors_of(sessions: Sessions, events: WebEvents) -> Visitors:
    """Sum up each cookie's visits; whoever logged in with it last is its login."""
    of = events.session
    order = np.lexsort((events.at, sessions.cookie[of]))
    cookie = sessions.cookie[of][order]
    first = np.flatnonzero(np.r_[True, cookie[1:] != cookie[:-1]][: len(cookie)])
    if not len(first):
        nothing = np.zeros(0, dtype=np.int64)
        return Visitors(cookie[first], *([nothing] * 7))
    last = np.r_[first[1:], len(cookie)] - 1
    at, session = events.at[order], of[order]
    step = events.step[order]
    # Later logins have greater numbers: the greatest is the last.
    logged_in = np.where(events.is_logged_in[order], np.arange(len(order)) + 1, 0)
    login = np.maximum.reduceat(logged_in, first)
    user = np.where(login > 0, sessions.user[session[np.maximum(login - 1, 0)]], -1)
    is_product = np.isin(step, (PRODUCT, OTHER_PRODUCT))
    return Visitors(
        cookie=cookie[first],
        user=user,
        device=sessions.device[session[first]],
        country=sessions.country[session[first]],
        first_at=at[first],
        last_at=at[last],
        page_views=np.add.reduceat((is_product | (step == PAGE)).astype(np.int64), first),
        product_views=np.add.reduceat(is_product.astype(np.int64), first),
    )


def carts_of(
    sessions: Sessions, events: WebEvents, sold: Sold, assortment: Assortment, dice: Dice
) -> Carts:
    """Turn what was added into carts: with the order's lines where there was one."""
    chance = dice.stream("carts")
    filled = np.flatnonzero(events.step == CART)
    session = events.session[filled]
    keep = (sessions.kind[session] > 0) | (chance.random(len(filled)) < 0.5)
    filled, session = filled[keep], session[keep]
    number = FIRST_CART + np.arange(len(session))
    at = events.at[filled]
    order = sessions.order[session]
    # Some saw it, left the cart, and bought the same thing later in a fresh one.
    forgotten = (order >= 0) & (chance.random(len(session)) < 0.25)
    bought = (order >= 0) & ~forgotten
    of_line, line = _lines_of(sold, np.where(bought, order, -1))
    left = np.flatnonzero(~bought)
    of = np.concatenate([of_line, left])
    product = np.concatenate([sold.line_product[line], sessions.product[session[left]]])
    pieces = 1000 * np.minimum(chance.geometric(0.8, len(left)), 4)
    price = assortment.prices[sessions.product[session[left]], sessions.country[session[left]], 3]
    fresh = at > END_AT - 2 * DAY
    status = np.where(bought, ORDERED, np.where(fresh & (order < 0), OPEN, ABANDONED))
    touched = np.where(bought, np.maximum(at, _ordered_at(sold, order)), at)
    made = Carts(
        cart_id=number[of],
        session=session[of],
        product=product.astype(np.int64),
        quantity=np.concatenate([sold.line_quantity[line], pieces]),
        unit_price=np.concatenate([sold.line_price[line], price]),
        status=status[of],
        at=np.minimum(touched[of], END_AT),
        order_id=np.where(bought[of], sold.order_id[np.maximum(order, 0)][of], 0)
        if len(sold)
        else bought[of].astype(np.int64),
        is_logged_in=events.is_logged_in[filled][of],
    )
    # A product stands in a cart once.
    _, once = np.unique(made.cart_id * 100_000 + made.product, return_index=True)
    return Carts(**{name: getattr(made, name)[once] for name in Carts.__dataclass_fields__})


def _ordered_at(sold: Sold, order: Ints) -> Ints:
    if not len(sold):
        return np.zeros(len(order), dtype=np.int64)
    return np.where(order >= 0, sold.at[np.maximum(order, 0)], 0)


def _lines_of(sold: Sold, order: Ints) -> tuple[Ints, Ints]:
    """Give for each line of the wanted orders the place in `order`, and the line."""
    first = np.searchsorted(sold.line_order, order, side="left")
    end = np.searchsorted(sold.line_order, order, side="right")
    counts = np.where(order >= 0, end - first, 0)
    of = np.repeat(np.arange(len(order)), counts)
    step = np.arange(len(of)) - np.repeat(np.cumsum(counts) - counts, counts)
    return of, first[of] + step
