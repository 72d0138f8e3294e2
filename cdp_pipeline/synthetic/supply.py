"""Stock at the end of the history: what is where, what is scarce, what is sold out.

Belongs here: one count per store or warehouse and product.
Does not belong here: sales (`baskets`).
"""

from dataclasses import dataclass

import numpy as np

from cdp_pipeline.synthetic.assortment import Assortment, Stores
from cdp_pipeline.synthetic.columns import Ints
from cdp_pipeline.synthetic.people import END_DAY, NEVER
from cdp_pipeline.synthetic.random_streams import Dice

WAREHOUSES = ("W01", "W02")
STOCKED_SHARE = 0.16  # of the assortment, in a store; the warehouses hold everything
SCARCE_SHARE, SOLD_OUT_SHARE = 0.09, 0.05  # of products, everywhere at once
PIECES_IN_STORE, PIECES_IN_WAREHOUSE = 9.0, 140.0


@dataclass(frozen=True)
class Stock:
    """One position per place and product."""

    place: Ints  # stores, then warehouses
    product: Ints
    quantity: Ints  # pieces
    restock_on: Ints  # NEVER: none on its way


def draw_stock(stores: Stores, assortment: Assortment, dice: Dice, *, demand: float = 1.0) -> Stock:
    """Count what lies where; what is no longer sold runs out.

    Parameters
    ----------
    demand
        How many times the people of the committed demo buy here. The warehouses hold as many times
        the pieces, and never fewer; a store holds what its shelves do.
    """
    chance = dice.stream("stock")
    products, places = len(assortment.names), len(stores.store_id)
    held = chance.random((places + len(WAREHOUSES), products)) < STOCKED_SHARE
    held[places:] = True
    place, product = np.nonzero(held)
    luck = chance.random(products)
    level = np.select(
        [luck < SOLD_OUT_SHARE, luck < SOLD_OUT_SHARE + SCARCE_SHARE], [0.0, 0.06], 1.0
    )
    level = np.where(assortment.is_discontinued, level * 0.1, level)
    usual = np.where(place < places, PIECES_IN_STORE, PIECES_IN_WAREHOUSE * max(demand, 1.0))
    mean = usual * level[product]
    quantity = chance.poisson(mean * chance.gamma(2.0, 0.5, len(place)))
    few = quantity < 0.15 * usual
    comes = few & ~assortment.is_discontinued[product] & (chance.random(len(place)) < 0.7)
    restock = END_DAY + 2 + chance.integers(0, 40, len(place))
    return Stock(place, product, quantity, np.where(comes, restock, NEVER))
