"""Nordhem Plus: who subscribes, how they use it, and why they leave.

Belongs here: memberships and refill subscriptions with a latent use that decides who stays, and the
use itself.
Does not belong here: ordinary purchases (`behaviour`).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from cdp_pipeline.synthetic.assortment import Assortment
from cdp_pipeline.synthetic.behaviour import DAY
from cdp_pipeline.synthetic.columns import Ints, Text, take
from cdp_pipeline.synthetic.past import RECENT_DAYS
from cdp_pipeline.synthetic.people import END_DAY, NEVER, START_DAY
from cdp_pipeline.synthetic.random_streams import Dice
from cdp_pipeline.synthetic.records import END_AT, SystemRecords, World
from cdp_pipeline.synthetic.service import first_row
from cdp_pipeline.synthetic.tastes import FAVOURITES, Tastes

SUBSCRIBER_SHARE = 0.11  # of people with an account in the web shop
RETURNING_SHARE = 0.12  # of those who left: they come back
PLANS = ("plus_month", "plus_year", "refill")
PLAN_SHARES = (0.5, 0.28, 0.22)
PLAN_MONTHS = np.array([1, 12, 0])  # refill: the customer's own rhythm
PRICES = np.array([[49, 55, 35, 5], [449, 499, 319, 45]]) * 100  # [plan, country] in hundredths
REASONS = (
    "uses_too_little", "price", "dissatisfied", "moved", "payment_failed", "no_reason_given",
)  # fmt: skip
FEATURES = ("free_delivery", "member_price", "app_visit", "refill_changed", "recipe")
FEATURE_SHARES = (0.22, 0.28, 0.36, 0.04, 0.10)
ACTIVE, PAUSED, CANCELLED, EXPIRED = range(4)
STATUSES = ("active", "paused", "cancelled", "expired")
MONTH = 30.44
FIRST_SUBSCRIPTION = 5_000_001
FIRST_USE = 30_000_001


@dataclass(frozen=True)
class Subscriptions:
    """One position per subscription, in the order they started; days since 1970."""

    subscription_id: Ints
    buyer: Ints
    user: Ints  # row of the web shop's users
    plan: Ints
    product: Ints  # -1: none
    months: Ints
    amount: Ints  # hundredths
    country: npt.NDArray[np.int8]
    started_on: Ints
    ended_on: Ints  # NEVER: runs
    renews_on: Ints  # NEVER: will not
    status: Ints
    reason: Ints  # -1: none
    use: npt.NDArray[np.float64]  # times a month, before it fades

    def __len__(self) -> int:
        return len(self.buyer)


@dataclass(frozen=True)
class Usage:
    """One position per use of a recent subscription, in time order."""

    usage_id: Ints
    subscription: Ints
    feature: Text
    at: Ints
    quantity: Ints


def draw_subscriptions(
    world: World, users: SystemRecords, tastes: Tastes, assortment: Assortment, dice: Dice
) -> Subscriptions:
    """Draw who subscribes to what, from when, and until when."""
    chance = dice.stream("subscriptions")
    buyers = world.accounts.buyers
    user = first_row(users.buyer, buyers)
    habits = world.habits
    wanted = (user >= 0) & (np.arange(buyers) < len(world.people))
    # Who buys often and on the web is more likely to join.
    liking = 2 * SUBSCRIBER_SHARE * (0.35 + 1.3 * habits.web_share) * _often(habits.mean_gap_days)
    buyer = np.flatnonzero(wanted & (chance.random(buyers) < liking))
    created = users.created_at[user[buyer]] // DAY if len(buyer) else np.zeros(0, np.int64)
    first = np.maximum(created, START_DAY)
    last = np.minimum(habits.churned_on[buyer].astype(np.int64), END_DAY - 5)
    starts = first + (np.maximum(last - first, 0) * chance.random(len(buyer)) ** 1.3)
    fits = last > first
    buyer, starts = buyer[fits], starts[fits].astype(np.int64)
    use = chance.gamma(1.6, 1.5, len(buyer)) / _often(habits.mean_gap_days[buyer]) ** -0.5
    one = _terms(world, buyer, user[buyer], starts, use, tastes, assortment, chance)
    gone = (one.ended_on < END_DAY - 90) & (habits.churned_on[buyer] > END_DAY - 60)
    again = np.flatnonzero(gone & (chance.random(len(buyer)) < RETURNING_SHARE))
    back_on = one.ended_on[again] + 30 + chance.integers(0, 60, len(again))
    two = _terms(
        world, buyer[again], user[buyer[again]], back_on, use[again] * 1.5, tastes, assortment,
        chance,
    )  # fmt: skip
    return _in_order(one, two)


def _often(gap_days: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.clip((60 / gap_days) ** 0.5, 0.4, 2.0)


def _terms(
    world: World,
    buyer: Ints,
    user: Ints,
    starts: Ints,
    use: npt.NDArray[np.float64],
    tastes: Tastes,
    assortment: Assortment,
    chance: np.random.Generator,
) -> Subscriptions:
    count = len(buyer)
    plan = chance.choice(len(PLANS), count, p=PLAN_SHARES)
    country = world.people.country[buyer]
    favourite = tastes.favourite[buyer, chance.integers(0, FAVOURITES, count)].astype(np.int64)
    rhythm = np.clip(np.rint(tastes.runs_out_days[buyer, 0] / MONTH), 1, 3).astype(np.int64)
    is_refill = plan == 2
    months = np.where(is_refill, rhythm, PLAN_MONTHS[plan])
    refill_price = assortment.prices[favourite, country, 3] * 9 // 10
    amount = np.where(is_refill, refill_price, PRICES[np.minimum(plan, 1), country])
    ended, status, reason = _endings(world, buyer, starts, plan, use, chance)
    term = np.maximum(np.rint(months * MONTH), 1).astype(np.int64)
    renews = starts + ((END_DAY - starts) // term + 1) * term
    runs = status <= PAUSED
    return Subscriptions(
        subscription_id=np.zeros(count, dtype=np.int64),
        buyer=buyer,
        user=user,
        plan=plan,
        product=np.where(is_refill, favourite, -1),
        months=months,
        amount=amount,
        country=country,
        started_on=starts,
        ended_on=ended,
        renews_on=np.where(runs, renews, NEVER),
        status=status,
        reason=reason,
        use=use,
    )


def _endings(
    world: World,
    buyer: Ints,
    starts: Ints,
    plan: Ints,
    use: npt.NDArray[np.float64],
    chance: np.random.Generator,
) -> tuple[Ints, Ints, Ints]:
    """Decide who leaves when, and why: who hardly uses it leaves soon, long members rarely."""
    count = len(buyer)
    patience = 5.5 * (0.4 + use / 2.4) ** 1.2 * np.where(plan == 1, 2.0, 1.0)
    # A Weibull with a shape below one: most who leave do so early.
    lasts = patience * chance.weibull(0.8, count) * 3 + 0.4
    by_use = starts + (lasts * MONTH).astype(np.int64)
    left = world.habits.churned_on[buyer].astype(np.int64)
    by_leaving = np.where(left == NEVER, NEVER, left + chance.integers(5, 50, count))
    ends = np.minimum(by_use, by_leaving)
    has_ended = (ends <= END_DAY) & (ends > starts)
    # A yearly membership that is not renewed ends with its year.
    year_end = starts + (np.maximum(ends - starts, 1) // 365 + 1) * 365
    expires = has_ended & (plan == 1) & (year_end <= END_DAY) & (chance.random(count) < 0.7)
    ends = np.where(expires, year_end, ends)
    tenure = (ends - starts) / MONTH
    drawn = chance.random((count, 2))
    other = np.searchsorted(np.array([0.35, 0.55, 0.75, 0.9]), drawn[:, 1], side="right")
    reason = np.select(
        [
            (use < 1.2) & (drawn[:, 0] < 0.75),
            (tenure < 4) & (drawn[:, 0] < 0.6),
            (by_leaving < by_use) & (drawn[:, 0] < 0.7),
        ],
        [0, 1, 2],
        np.minimum(1 + other, len(REASONS) - 1),
    )
    pauses = ~has_ended & (chance.random(count) < 0.05)
    status = np.select([expires, has_ended, pauses], [EXPIRED, CANCELLED, PAUSED], ACTIVE)
    ended_on = np.where(has_ended, ends, NEVER)
    return ended_on, status, np.where(status == CANCELLED, reason, -1)


def _in_order(one: Subscriptions, two: Subscriptions) -> Subscriptions:
    """Put both together in the order they started, and number them."""
    fields = {
        name: np.concatenate([getattr(one, name), getattr(two, name)])
        for name in Subscriptions.__dataclass_fields__
    }
    keep = np.flatnonzero(fields["started_on"] <= END_DAY)
    order = keep[np.lexsort((fields["buyer"][keep], fields["started_on"][keep]))]
    fields = {name: values[order] for name, values in fields.items()}
    fields["subscription_id"] = FIRST_SUBSCRIPTION + np.arange(len(order))
    return Subscriptions(**fields)


def draw_usage(subscriptions: Subscriptions, dice: Dice) -> Usage:
    """Draw the use of the last months; it fades before a subscription ends."""
    chance = dice.stream("usage")
    since = END_DAY - RECENT_DAYS
    begin = np.maximum(subscriptions.started_on, since)
    until = np.minimum(subscriptions.ended_on, END_DAY)
    days = np.maximum(until - begin, 0)
    uses = np.minimum(chance.poisson(subscriptions.use * days / MONTH), 40)
    of = np.repeat(np.arange(len(subscriptions)), uses)
    day = begin[of] + (days[of] * chance.random(len(of))).astype(np.int64)
    fades = (subscriptions.ended_on[of] - day < 60) & (chance.random(len(of)) < 0.7)
    of, day = of[~fades], day[~fades]
    at = np.minimum(day * DAY + chance.integers(7 * 3600, 22 * 3600, len(of)), END_AT)
    order = np.lexsort((of, at))
    of, at = of[order], at[order]
    feature = chance.choice(len(FEATURES), len(of), p=FEATURE_SHARES)
    # Only who has a refill can change it.
    feature = np.where((feature == 3) & (subscriptions.plan[of] != 2), 2, feature)
    return Usage(
        usage_id=FIRST_USE + np.arange(len(of)),
        subscription=of,
        feature=take(pa.array(FEATURES, pa.string()), feature),
        at=at,
        quantity=np.where(feature == 1, 1 + chance.integers(0, 5, len(of)), 1),
    )
