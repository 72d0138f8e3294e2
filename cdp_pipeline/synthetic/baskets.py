"""What lies in each basket, what it costs, and what comes back.

Belongs here: order lines and returns, chunk by chunk in time order, in exact whole cents.
Does not belong here: when people buy (`behaviour`) and the files (`exports`).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cdp_pipeline.synthetic.assortment import Assortment
from cdp_pipeline.synthetic.behaviour import DAY, STORE, WEB, Purchases
from cdp_pipeline.synthetic.columns import Ints, Mask
from cdp_pipeline.synthetic.people import END_DAY, START_DAY
from cdp_pipeline.synthetic.random_streams import Dice
from cdp_pipeline.synthetic.tastes import FAVOURITES, LIKED, Tastes

CHUNK_ORDERS = 400_000
EXTRA_LINES = 1.15  # besides what has run out
OFFICE = 14  # position of "Kontor & papper"
FIRST_WEB_ORDER = 500_000_001
FIRST_RECEIPT = 70_000_001
FIRST_WEB_RETURN = 900_000_001
FIRST_STORE_RETURN = 980_000_001


@dataclass(frozen=True)
class Basket:
    """Orders of one channel and one chunk, and their lines; money in hundredths."""

    channel: int
    order_id: Ints
    account: npt.NDArray[np.int32]
    buyer: npt.NDArray[np.int32]
    shopper: npt.NDArray[np.int32]  # the buyer, or whom an anonymous one resembles
    at: Ints
    country: npt.NDArray[np.int8]
    total: Ints
    campaign: npt.NDArray[np.int16]
    is_cancelled: Mask
    is_return: bool
    line_order: Ints  # position in the orders above
    line_number: Ints
    product: npt.NDArray[np.int32]
    quantity: Ints  # thousandths
    unit_price: Ints
    discount: Ints
    amount: Ints
    returned_order: Ints  # 0: none
    returned_line: Ints


def fill_baskets(
    purchases: Purchases,
    tastes: Tastes,
    assortment: Assortment,
    country_of_buyer: npt.NDArray[np.int8],
    people: int,
    dice: Dice,
) -> Iterator[Basket]:
    """Fill all baskets, chunk by chunk; each chunk gives its orders, then its returns."""
    previous = previous_days(purchases)
    numbers = order_numbers(purchases)
    returns = {WEB: FIRST_WEB_RETURN, STORE: FIRST_STORE_RETURN}
    for part, start in enumerate(range(0, max(len(purchases), 1), CHUNK_ORDERS)):
        rows = np.arange(start, min(start + CHUNK_ORDERS, len(purchases)))
        chance = dice.stream("baskets", part)
        lines = _draw_lines(
            purchases, rows, previous, tastes, assortment, country_of_buyer, people, chance
        )
        for channel in (WEB, STORE):
            basket = _basket_of_channel(
                channel, purchases, rows, numbers, lines, country_of_buyer, chance
            )
            yield basket
            back = _returns(basket, assortment, tastes, returns[channel], chance)
            returns[channel] += len(back.order_id)
            yield back


def previous_days(purchases: Purchases) -> npt.NDArray[np.int32]:
    """Give the day of the same buyer's order before each order; long ago if there was none."""
    order = np.lexsort((purchases.at, purchases.buyer))
    buyer = purchases.buyer[order]
    days = (purchases.at[order] // DAY).astype(np.int32)
    before = np.r_[np.int32(0), days[:-1]]
    first = np.r_[True, buyer[1:] != buyer[:-1]] if len(buyer) else np.zeros(0, dtype=bool)
    before[first] = days[first] - 45
    result = np.empty(len(order), dtype=np.int32)
    result[order] = before[: len(order)]
    return result


def order_numbers(purchases: Purchases) -> Ints:
    """Give web orders and receipts numbers in time order, with gaps as in real life."""
    numbers = np.zeros(len(purchases), dtype=np.int64)
    for channel, first in ((WEB, FIRST_WEB_ORDER), (STORE, FIRST_RECEIPT)):
        rows = np.flatnonzero(purchases.channel == channel)
        place = np.arange(len(rows))
        numbers[rows] = first + place + place // 17
    return numbers


@dataclass(frozen=True)
class _Lines:
    shopper: npt.NDArray[np.int32]  # per order of the chunk
    order: Ints  # position in the chunk
    product: npt.NDArray[np.int32]
    quantity: Ints
    unit_price: Ints
    discount: Ints
    amount: Ints


def _draw_lines(
    purchases: Purchases,
    rows: Ints,
    previous: npt.NDArray[np.int32],
    tastes: Tastes,
    assortment: Assortment,
    country_of_buyer: npt.NDArray[np.int8],
    people: int,
    chance: np.random.Generator,
) -> _Lines:
    buyer = purchases.buyer[rows]
    known = buyer >= 0
    # An anonymous receipt has the tastes of somebody, only nobody knows whose.
    whose = np.where(known, buyer, chance.integers(0, len(tastes.style), len(rows)))
    day = purchases.at[rows] // DAY
    due_order, due_product = _run_out(tastes, whose, day, previous[rows], known, chance)
    extras = chance.poisson(EXTRA_LINES, len(rows))
    is_company = whose >= people
    extras += np.where(is_company, chance.poisson(1.5, len(rows)), 0)
    due_count = np.bincount(due_order, minlength=len(rows))
    extras = np.where((extras == 0) & (due_count == 0), 1, extras)
    extra_order = np.repeat(np.arange(len(rows)), extras)
    extra_product = _browse(
        tastes, assortment, whose[extra_order], day[extra_order], is_company[extra_order], chance
    )
    order = np.concatenate([due_order, extra_order])
    product = np.concatenate([due_product, extra_product])
    place = np.argsort(order, kind="stable")
    order, product = order[place], product[place]
    product = _launched(assortment, product, day[order])
    return _priced(
        whose.astype(np.int32),
        order,
        product,
        day[order],
        country_of_buyer[whose[order]],
        is_company[order],
        assortment,
        chance,
    )


def _run_out(
    tastes: Tastes,
    whose: npt.NDArray[np.int64],
    day: Ints,
    previous: npt.NDArray[np.int32],
    known: Mask,
    chance: np.random.Generator,
) -> tuple[Ints, npt.NDArray[np.int32]]:
    """Favourites that ran out since the last visit are bought again, mostly."""
    orders, products = [], []
    for place in range(FAVOURITES):
        period = tastes.runs_out_days[whose, place].astype(np.int64)
        offset = tastes.offset_days[whose, place]
        empty = (day + offset) // period > (previous + offset) // period
        bought = np.flatnonzero(empty & known & (chance.random(len(day)) < 0.72))
        orders.append(bought)
        products.append(tastes.favourite[whose[bought], place].astype(np.int32))
    return np.concatenate(orders), np.concatenate(products)


def _browse(
    tastes: Tastes,
    assortment: Assortment,
    whose: npt.NDArray[np.int64],
    day: Ints,
    is_company: Mask,
    chance: np.random.Generator,
) -> npt.NDArray[np.int32]:
    """Other lines: a liked category, or whatever the season sells."""
    count = len(whose)
    month = day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12
    pick = np.searchsorted(np.array([0.55, 0.83]), chance.random(count), side="right")
    liked = tastes.liked[whose, np.minimum(pick, LIKED - 1)]
    seasonal = (assortment.season[month] < chance.random(count)[:, None]).sum(axis=1)
    category = np.where(chance.random(count) < 0.6, liked, seasonal)
    category = np.where(is_company & (chance.random(count) < 0.5), OFFICE, category)
    return assortment.draw(category, tastes.style[whose], chance.random(count))


def _launched(
    assortment: Assortment, product: npt.NDArray[np.int32], day: Ints
) -> npt.NDArray[np.int32]:
    """Replace what was not for sale yet by its neighbour on the shelf."""
    for _ in range(4):
        too_early = assortment.launched_on[product] > day
        product = np.where(too_early, np.maximum(product - 1, 0), product)
    too_early = assortment.launched_on[product] > day
    oldest = int(np.argmin(assortment.launched_on))
    return np.where(too_early, oldest, product).astype(np.int32)


def _priced(
    shopper: npt.NDArray[np.int32],
    order: Ints,
    product: npt.NDArray[np.int32],
    day: Ints,
    country: npt.NDArray[np.int8],
    is_company: Mask,
    assortment: Assortment,
    chance: np.random.Generator,
) -> _Lines:
    count = len(order)
    year = np.clip((day - START_DAY) // 365, 0, 3)
    unit = assortment.prices[product, country, year]
    pieces = 1 + np.minimum(chance.geometric(0.78, count) - 1, 7)
    pieces = np.where(is_company, pieces * chance.integers(1, 6, count), pieces)
    loose = 50 * chance.integers(4, 60, count)
    quantity = np.where(assortment.is_loose[product], loose, pieces * 1000)
    gross = (unit * quantity + 500) // 1000
    dates = day.astype("datetime64[D]")
    month = dates.astype("datetime64[M]").astype(np.int64) % 12
    in_month = (dates - dates.astype("datetime64[M]")).astype(np.int64) + 1
    sale = ((month == 10) & (in_month >= 22)) | ((month == 0) & (in_month <= 14)) | (month == 6)
    reduced = chance.random(count) < np.where(sale, 0.35, 0.06)
    percent = np.array([10, 15, 20, 25, 30, 40])[chance.integers(0, 6, count)]
    discount = np.where(reduced, (gross * percent + 50) // 100, 0)
    return _Lines(shopper, order, product, quantity, unit, discount, gross - discount)


def _basket_of_channel(
    channel: int,
    purchases: Purchases,
    rows: Ints,
    numbers: Ints,
    lines: _Lines,
    country_of_buyer: npt.NDArray[np.int8],
    chance: np.random.Generator,
) -> Basket:
    mine = np.flatnonzero(purchases.channel[rows] == channel)
    place = np.full(len(rows), -1, dtype=np.int64)
    place[mine] = np.arange(len(mine))
    of_channel = place[lines.order] >= 0
    line_order = place[lines.order[of_channel]]
    amount = lines.amount[of_channel]
    total = np.zeros(len(mine), dtype=np.int64)
    np.add.at(total, line_order, amount)
    buyer = purchases.buyer[rows[mine]]
    shopper = lines.shopper[mine]
    starts = np.flatnonzero(np.r_[True, line_order[1:] != line_order[:-1]])
    counts = np.diff(np.r_[starts, len(line_order)])
    number = np.arange(len(line_order)) - np.repeat(starts, counts) + 1
    nothing = np.zeros(len(line_order), dtype=np.int64)
    return Basket(
        channel=channel,
        order_id=numbers[rows[mine]],
        account=purchases.account[rows[mine]],
        buyer=buyer,
        shopper=shopper,
        at=purchases.at[rows[mine]],
        country=country_of_buyer[shopper],
        total=total,
        campaign=purchases.campaign[rows[mine]],
        is_cancelled=(chance.random(len(mine)) < 0.014) & (channel == WEB),
        is_return=False,
        line_order=line_order,
        line_number=number,
        product=lines.product[of_channel],
        quantity=lines.quantity[of_channel],
        unit_price=lines.unit_price[of_channel],
        discount=lines.discount[of_channel],
        amount=amount,
        returned_order=nothing,
        returned_line=nothing,
    )


def _returns(
    basket: Basket,
    assortment: Assortment,
    tastes: Tastes,
    first_id: int,
    chance: np.random.Generator,
) -> Basket:
    """Let some lines come back within a month, as credit orders that point at them."""
    buyer = basket.buyer[basket.line_order]
    habit = np.where(buyer >= 0, tastes.return_habit[np.maximum(buyer, 0)], 0.6)
    ratio = (
        assortment.return_ratio[basket.product] * habit * (1.3 if basket.channel == WEB else 0.6)
    )
    back = chance.random(len(buyer)) < ratio
    days = chance.integers(2, 28, len(basket.order_id))
    at = (basket.at // DAY + days) * DAY + 10 * 3600 + chance.integers(0, 9 * 3600, len(days))
    back &= ~basket.is_cancelled[basket.line_order]
    back &= (at // DAY <= END_DAY)[basket.line_order]
    lines = np.flatnonzero(back)
    orders, line_order = np.unique(basket.line_order[lines], return_inverse=True)
    total = np.zeros(len(orders), dtype=np.int64)
    np.add.at(total, line_order, -basket.amount[lines])
    starts = np.flatnonzero(np.r_[True, line_order[1:] != line_order[:-1]])
    counts = np.diff(np.r_[starts, len(line_order)])
    return Basket(
        channel=basket.channel,
        order_id=first_id + np.arange(len(orders)),
        account=basket.account[orders],
        buyer=basket.buyer[orders],
        shopper=basket.shopper[orders],
        at=at[orders],
        country=basket.country[orders],
        total=total,
        campaign=np.full(len(orders), -1, dtype=np.int16),
        is_cancelled=np.zeros(len(orders), dtype=bool),
        is_return=True,
        line_order=line_order,
        line_number=np.arange(len(line_order)) - np.repeat(starts, counts) + 1,
        product=basket.product[lines],
        quantity=-basket.quantity[lines],
        unit_price=basket.unit_price[lines],
        discount=-basket.discount[lines],
        amount=-basket.amount[lines],
        returned_order=basket.order_id[basket.line_order[lines]],
        returned_line=basket.line_number[lines],
    )
