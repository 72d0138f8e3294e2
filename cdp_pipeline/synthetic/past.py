"""What happened to whom and when, to look up: orders, what came back, complaints.

Belongs here: what the other systems' exports need to know of baskets that are made chunk by chunk,
and searches in time per buyer.
Does not belong here: anything drawn by lot.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from cdp_pipeline.synthetic.baskets import Basket
from cdp_pipeline.synthetic.behaviour import DAY, WEB
from cdp_pipeline.synthetic.columns import Ints, Mask, Rows
from cdp_pipeline.synthetic.people import END_DAY

RECENT_DAYS = 180
"""How far back web sessions and carts go."""

RECENT_SINCE = (END_DAY - RECENT_DAYS) * DAY
_SHIFT = 2**36  # more seconds than the history has


class Timeline:
    """Moments per buyer, searched by time."""

    def __init__(self, buyer: npt.NDArray[np.signedinteger], at: Ints) -> None:
        key = buyer.astype(np.int64) * _SHIFT + at
        self.order = np.argsort(key, kind="stable")
        self.key = key[self.order]

    def next_after(self, buyer: npt.NDArray[np.signedinteger], at: Ints) -> tuple[Ints, Ints]:
        """Give the place of each buyer's first moment at or after a time, and that moment.

        The place is -1 where there is none.
        """
        wanted = buyer.astype(np.int64) * _SHIFT + at
        return self._found(np.searchsorted(self.key, wanted), buyer)

    def last_before(self, buyer: npt.NDArray[np.signedinteger], at: Ints) -> tuple[Ints, Ints]:
        """Give the place of each buyer's last moment before a time, and that moment."""
        wanted = buyer.astype(np.int64) * _SHIFT + at
        return self._found(np.searchsorted(self.key, wanted) - 1, buyer)

    def _found(self, place: Ints, buyer: npt.NDArray[np.signedinteger]) -> tuple[Ints, Ints]:
        if not len(self.key):
            return np.full(len(buyer), -1), np.zeros(len(buyer), dtype=np.int64)
        inside = (place >= 0) & (place < len(self.key))
        key = self.key[np.clip(place, 0, len(self.key) - 1)]
        same = inside & (key // _SHIFT == buyer)
        row = self.order[np.clip(place, 0, len(self.key) - 1)]
        return np.where(same, row, -1), np.where(same, key % _SHIFT, 0)


@dataclass(frozen=True)
class Sold:
    """One position per order of a known buyer; returns are not among them."""

    order_id: Ints
    buyer: npt.NDArray[np.int32]
    account: npt.NDArray[np.int32]
    channel: npt.NDArray[np.int8]
    at: Ints
    campaign: npt.NDArray[np.int16]
    product: npt.NDArray[np.int32]  # of the first line
    is_cancelled: Mask
    came_back: Mask  # something of it was returned
    line_order: Ints  # lines of recent web orders: position above, in order
    line_product: npt.NDArray[np.int32]
    line_quantity: Ints  # thousandths
    line_price: Ints  # hundredths

    def __len__(self) -> int:
        return len(self.order_id)


@dataclass
class Notes:
    """Takes notes of baskets as they pass."""

    _orders: list[tuple[Rows, ...]] = field(default_factory=list)
    _lines: list[tuple[Rows, ...]] = field(default_factory=list)
    _returned: list[Ints] = field(default_factory=list)
    _count: int = 0

    def watch(self, baskets: Iterable[Basket]) -> Iterator[Basket]:
        """Hand the baskets on, and remember what matters later."""
        for basket in baskets:
            if basket.is_return:
                self._returned.append(np.unique(basket.returned_order))
            else:
                self._note(basket)
            yield basket

    def _note(self, basket: Basket) -> None:
        known = np.flatnonzero(basket.buyer >= 0)
        first = np.zeros(len(basket.order_id), dtype=np.int32)
        is_first = basket.line_number == 1
        first[basket.line_order[is_first]] = basket.product[is_first]
        channel = np.full(len(known), basket.channel, dtype=np.int8)
        self._orders.append(
            (
                basket.order_id[known],
                basket.buyer[known],
                basket.account[known],
                channel,
                basket.at[known],
                basket.campaign[known],
                first[known],
                basket.is_cancelled[known],
            )
        )
        if basket.channel == WEB:
            place = np.full(len(basket.order_id), -1, dtype=np.int64)
            place[known] = self._count + np.arange(len(known))
            place[basket.at < RECENT_SINCE] = -1
            lines = np.flatnonzero(place[basket.line_order] >= 0)
            self._lines.append(
                (
                    place[basket.line_order[lines]],
                    basket.product[lines],
                    basket.quantity[lines],
                    basket.unit_price[lines],
                )
            )
        self._count += len(known)

    def sold(self) -> Sold:
        """Put the notes together, once all baskets have passed."""
        orders = [np.concatenate(column) for column in zip(*self._orders, strict=True)]
        lines = [np.concatenate(column) for column in zip(*self._lines, strict=True)]
        came_back = np.isin(orders[0], np.concatenate(self._returned))
        return Sold(
            **dict(zip(Sold.__dataclass_fields__, [*orders, came_back, *lines], strict=True))
        )
