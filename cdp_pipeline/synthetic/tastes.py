"""What each buyer likes: categories, price level, favourites that run out, and open ears.

Belongs here: lasting personal traits that baskets and campaigns read.
Does not belong here: single purchases (`baskets`) or rhythm (`behaviour`).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cdp_pipeline.synthetic.assortment import CATEGORIES, STYLES, Assortment
from cdp_pipeline.synthetic.behaviour import Accounts, Habits
from cdp_pipeline.synthetic.random_streams import Dice

FAVOURITES = 3
LIKED = 3


@dataclass(frozen=True)
class Tastes:
    """One row per buyer."""

    liked: npt.NDArray[np.int16]  # [buyer, LIKED] categories, the best liked first
    style: npt.NDArray[np.int8]
    favourite: npt.NDArray[np.int16]  # [buyer, FAVOURITES] products
    runs_out_days: npt.NDArray[np.int16]
    offset_days: npt.NDArray[np.int16]
    return_habit: npt.NDArray[np.float32]
    added_order_chance: npt.NDArray[np.float32]  # by an ordinary campaign, while active
    reads_mail: npt.NDArray[np.float32]


def draw_tastes(accounts: Accounts, habits: Habits, assortment: Assortment, dice: Dice) -> Tastes:
    """Draw everybody's lasting traits."""
    chance = dice.stream("tastes")
    count = accounts.buyers
    shares = np.array([trait[0] for trait in CATEGORIES.values()])
    cumulative = np.cumsum(shares) / shares.sum()
    liked = np.searchsorted(cumulative, chance.random((count, LIKED)), side="right")
    style = chance.integers(0, STYLES, count)
    consumable = np.array([trait[1] for trait in CATEGORIES.values()])
    # Favourites come from consumables: a liked category where that is one, else any.
    everyday = np.flatnonzero(consumable)
    any_category = everyday[chance.integers(0, len(everyday), (count, FAVOURITES))]
    category = np.where(consumable[liked], liked, any_category)
    favourite = np.stack(
        [
            assortment.draw(category[:, place], style, chance.random(count))
            for place in range(FAVOURITES)
        ],
        axis=1,
    )
    period = np.clip(np.exp(chance.normal(np.log(75), 0.6, (count, FAVOURITES))), 14, 365)
    listens = chance.normal(0, 1, count) + 1.2 * habits.web_share
    listens += 0.4 * np.log(habits.mean_gap_days / 60)
    rank = np.argsort(np.argsort(listens, kind="stable"), kind="stable") / max(count, 1)
    added = np.select([rank > 0.92, rank > 0.7, rank > 0.35], [0.14, 0.06, 0.015], 0.0)
    return Tastes(
        liked=liked.astype(np.int16),
        style=style.astype(np.int8),
        favourite=favourite.astype(np.int16),
        runs_out_days=period.astype(np.int16),
        offset_days=chance.integers(0, 400, (count, FAVOURITES)).astype(np.int16),
        return_habit=np.exp(chance.normal(-0.3, 0.8, count)).astype(np.float32),
        added_order_chance=added.astype(np.float32),
        reads_mail=chance.beta(1.2, 2.2, count).astype(np.float32),
    )
