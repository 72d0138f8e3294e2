"""The table of recommendations: every customer's list as of today.

Here belong putting learned and fallback lists together, taking out what a customer returned,
sharing out scarce stock, and the reasons in words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cdp_pipeline.prediction.bgnbd import Floats
from cdp_pipeline.prediction.recommendations.candidates import (
    NEAREST,
    SCORED_CUSTOMERS,
    SOURCES,
    batches,
    evidence,
    find_candidates,
    own_rows,
    usual_gap_days,
)
from cdp_pipeline.prediction.recommendations.model import (
    RecommendationModel,
    best_of,
    chance,
)
from cdp_pipeline.prediction.recommendations.past import Past
from cdp_pipeline.prediction.recommendations.purchases import (
    CUSTOMERS_TABLE,
    PRODUCTS_TABLE,
    Ints,
    columns_of,
    days_since_1970,
    distinct,
    first_rows,
    is_among,
    pair_keys,
    read_purchases,
)
from cdp_pipeline.prediction.recommendations.stock import Rationed, ration
from cdp_pipeline.prediction.recommendations.trial import CALIBRATED_LENGTH, LIST_LENGTH
from cdp_pipeline.prediction.samples import Cutoff, read_cutoffs
from cdp_pipeline.prediction.threads import one_numeric_thread

if TYPE_CHECKING:
    import duckdb

PUBLISHED_DIGITS = 6
FALLBACK_BECAUSE = (
    "no_learned_ranking",
    "never_bought",
    "no_purchase_in_12_months",
    "refused_profiling",
)
LEARNED = -1
NO_LEARNED_RANKING, NEVER_BOUGHT, NO_RECENT_PURCHASE, REFUSED = range(4)
# Best sellers looked through for the next product of a customer whose product is short.
NEXT_BEST_SELLERS = 60


# No wider than needed: at a million records every eight bytes of a row are fifty megabytes, several
# times over, and getting them from the system takes longer than filling them.
_KINDS: Mapping[str, type[np.generic]] = {
    "customer": np.int32,
    "product": np.int32,
    "score": np.float64,
    "chance": np.float64,
    "source": np.int8,
    "because": np.int32,
    "count": np.int32,
    "own_row": np.int32,
    "fallback": np.int8,
}


@dataclass(frozen=True)
class Pool:
    """Products that may be recommended, ordered by customer, best first.

    Attributes
    ----------
    chance
        Calibrated probability of a purchase in the horizon; nan where it is not known.
    source, because, count, own_row
        As in ``Evidence``.
    fallback
        ``LEARNED``, or the place of the reason in ``FALLBACK_BECAUSE``.
    """

    customer: NDArray[np.int32]
    product: NDArray[np.int32]
    score: Floats
    chance: Floats
    source: NDArray[np.int8]
    because: NDArray[np.int32]
    count: NDArray[np.int32]
    own_row: NDArray[np.int32]
    fallback: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.customer)

    def at(self, rows: NDArray[Any]) -> Pool:
        """Keep some rows, in the order given."""
        return Pool(*(getattr(self, item.name)[rows] for item in fields(self)))

    @classmethod
    def with_columns(cls, **columns: NDArray[Any]) -> Pool:
        """Make one of columns of any whole numbers."""
        return cls(**{name: columns[name].astype(kind) for name, kind in _KINDS.items()})

    @classmethod
    def of(cls, parts: list[Pool]) -> Pool:
        """Put pools together, ordered by customer; rows of one customer stay in their order."""
        if not parts:
            return cls.with_columns(**dict.fromkeys(_KINDS, np.zeros(0)))
        order = np.argsort(np.concatenate([part.customer for part in parts]), kind="stable")
        return cls(
            *(
                np.concatenate([getattr(part, item.name) for part in parts])[order]
                for item in fields(cls)
            )
        )


@dataclass(frozen=True)
class Today:
    """What holds on the day that is recommended for.

    Attributes
    ----------
    allowed, stock
        Per product: whether it may be recommended, and the units on hand (nan: not counted).
    returned
        Sorted ``pair_keys`` of what a customer returned and does not have.
    refused
        Customers who refused to be profiled.
    """

    past: Past
    allowed: NDArray[np.bool_]
    stock: Floats
    returned: Ints
    refused: Ints


def score_recommendations(
    con: duckdb.DuckDBPyConnection, model: RecommendationModel
) -> dict[str, str]:
    """Recommend products to every customer as of today.

    Reads ``identity.identity_map``, ``prediction.churn_cutoffs``, ``product_purchases``,
    ``returned_products``, ``profiling_objections``, ``recommendable_products`` and
    ``fallback_recommendations``.

    Returns
    -------
    dict
        ``prediction.product_recommendations`` and the SELECT that gives its rows.
    """
    cutoffs = read_cutoffs(con)
    if not cutoffs or cutoffs[-1].role != "score":
        raise ValueError("prediction.churn_cutoffs has no day to score: run churn_cutoffs again")
    cutoff = cutoffs[-1]
    threads = int(con.sql("select current_setting('threads')").fetchall()[0][0])
    with one_numeric_thread():
        today = _today(con, cutoff)
        # A ranker of another horizon answers another question; needs_training says so in time.
        can_rank = model.ranker is not None and model.horizon_days == cutoff.horizon_days
        active = np.flatnonzero(today.past.customers.is_active) if can_rank else np.zeros(0, int)
        parts = _learned(today, model, active, threads)
        fallback = _fallback(con, today, model, cutoff, can_rank)
        pool = Pool.of([*parts, fallback, *_next_best(fallback, today)])
        rationed = _share_out(pool, today, model)
    columns = _columns(pool.at(rationed.is_listed), rationed, today)
    _register(con, columns)
    return {"prediction.product_recommendations": _table_sql(model, cutoff)}


def _today(con: duckdb.DuckDBPyConnection, cutoff: Cutoff) -> Today:
    purchases = read_purchases(con)
    past = Past.of(purchases, days_since_1970(cutoff.cutoff_on), cutoff.horizon_days)
    products = columns_of(
        con,
        f"select is_recommendable, stock_quantity from {PRODUCTS_TABLE} order by product_no",
    )
    returned = columns_of(
        con,
        f"""
        select customers.customer_no, products.product_no
        from prediction.returned_products as returned
        inner join {CUSTOMERS_TABLE} as customers on returned.customer_id = customers.customer_id
        inner join {PRODUCTS_TABLE} as products on returned.product_id = products.product_id
        -- nobody looks at what those did who refused to be profiled
        where returned.customer_id not in (
            select customer_id from prediction.profiling_objections
        )
        """,
    )
    refused = columns_of(
        con,
        f"""
        select customers.customer_no
        from prediction.profiling_objections as objections
        inner join {CUSTOMERS_TABLE} as customers on objections.customer_id = customers.customer_id
        order by customers.customer_no
        """,
    )
    return Today(
        past,
        products["is_recommendable"].astype(np.bool_),
        products["stock_quantity"].astype(np.float64),
        distinct(pair_keys(returned["customer_no"], returned["product_no"], past.product_count)),
        refused["customer_no"].astype(np.int64),
    )


def _learned(today: Today, model: RecommendationModel, active: Ints, threads: int) -> list[Pool]:
    """Return the learned lists of the active customers, batch by batch.

    Batches are the same whatever the number of threads, so the lists are too.
    """

    def batch(customers: Ints) -> Pool:
        return _learned_batch(today, model, customers)

    parts = batches(today.past, active, SCORED_CUSTOMERS)
    if threads == 1:
        return [batch(part) for part in parts]
    with ThreadPoolExecutor(threads) as workers:
        return list(workers.map(batch, parts))


def _learned_batch(today: Today, model: RecommendationModel, customers: Ints) -> Pool:
    assert model.ranker is not None
    assert model.calibrator is not None
    found = find_candidates(today.past, customers, today.allowed)
    score = chance(model.ranker, found)
    keys = pair_keys(found.customer, found.product, today.past.product_count)
    # below every other score, so that it is in no list
    score[is_among(keys, today.returned)] = -1.0
    rows, _ = best_of(found, score, CALIBRATED_LENGTH)
    rows = rows[score[rows] >= 0.0]
    why = evidence(today.past, found, rows)
    return Pool.with_columns(
        customer=found.customer[rows],
        product=found.product[rows],
        score=score[rows],
        chance=model.calibrator.apply(score[rows]),
        source=why.source,
        because=why.because,
        count=why.count,
        own_row=why.own_row,
        fallback=np.full(len(rows), LEARNED),
    )


def _fallback(
    con: duckdb.DuckDBPyConnection,
    today: Today,
    model: RecommendationModel,
    cutoff: Cutoff,
    can_rank: bool,
) -> Pool:
    """Return the lists of the fallback for everybody who has no learned one."""
    rows = columns_of(
        con,
        f"""
        select
            customers.customer_no as customer,
            products.product_no as product,
            fallback.rank,
            fallback.purchase_day_count,
            fallback.recent_buyer_count,
        from prediction.fallback_recommendations as fallback
        inner join {CUSTOMERS_TABLE} as customers on fallback.customer_id = customers.customer_id
        inner join {PRODUCTS_TABLE} as products on fallback.product_id = products.product_id
        where fallback.cutoff_on = date '{cutoff.cutoff_on.isoformat()}'
        order by customer, fallback.rank
        """,
    )
    customer, product = rows["customer"], rows["product"]
    because = _fallback_because(customer, today, can_rank)
    kept = because != LEARNED
    customer, product, because = customer[kept], product[kept], because[kept]
    days, buyers, rank = (
        rows[name][kept] for name in ("purchase_day_count", "recent_buyer_count", "rank")
    )
    source = np.where(days > 0, 0, SOURCES.index("popular"))
    everybody = max(len(today.past.customers.visits), 1)
    return Pool.with_columns(
        customer=customer,
        product=product,
        score=days + buyers / (everybody + 1.0),
        chance=_rate(model, today, customer, source, rank, because),
        source=source,
        because=np.full(len(customer), -1),
        count=np.where(days > 0, days, buyers),
        own_row=own_rows(today.past, customer, product),
        fallback=because,
    )


def _fallback_because(customer: Ints, today: Today, can_rank: bool) -> Ints:
    """Return per row why the customer has no learned list; LEARNED where there is one."""
    people = today.past.customers
    has_bought = people.visits[customer] > 0
    found = np.where(
        people.is_active[customer] & has_bought,
        LEARNED if can_rank else NO_LEARNED_RANKING,
        np.where(has_bought, NO_RECENT_PURCHASE, NEVER_BOUGHT),
    )
    return np.where(np.isin(customer, today.refused), REFUSED, found)


def _rate(
    model: RecommendationModel,
    today: Today,
    customer: Ints,
    source: Ints,
    rank: Ints,
    because: Ints,
) -> Floats:
    """Return the share of such rows that was bought in the past; nan where it is not known."""
    found = np.full(len(customer), np.nan)
    active = today.past.customers.is_active[customer]
    for rate in model.rates:
        rows = (
            (active == (rate.state == "active"))
            & (source == SOURCES.index(rate.source))
            & (rank >= rate.rank_from)
            & (rank <= rate.rank_to)
            & (because != NEVER_BOUGHT)
            & (because != REFUSED)
        )
        found[rows] = rate.rate
    return found


def _next_best(pool: Pool, today: Today) -> list[Pool]:
    """Return the next best sellers for lists of the fallback with a product of counted stock.

    They are what a customer gets when a product above them is short.
    """
    counted = np.isfinite(today.stock)
    with_counted = distinct(pool.customer[counted[pool.product]])
    popular = today.past.products.by_popularity
    popular = popular[today.allowed[popular]][:NEXT_BEST_SELLERS].astype(np.int64)
    if not len(with_counted) or not len(popular):
        return []
    more = CALIBRATED_LENGTH - LIST_LENGTH
    parts = []
    where = np.full(today.past.product_count, -1, dtype=np.int64)
    where[popular] = np.arange(len(popular))
    last = np.searchsorted(pool.customer, with_counted, side="right") - 1
    returner, returned = np.divmod(today.returned, today.past.product_count)
    for begin in range(0, len(with_counted), 50_000):
        customers = with_counted[begin : begin + 50_000]
        end = last[begin : begin + 50_000]
        free = np.ones((len(customers), len(popular)), dtype=np.bool_)
        for customer, product in ((pool.customer, pool.product), (returner, returned)):
            first, after = np.searchsorted(customer, [customers[0], customers[-1] + 1])
            column = where[product[first:after]]
            row = np.searchsorted(customers, customer[first:after])
            taken = (column >= 0) & (customers[row] == customer[first:after])
            free[row[taken], column[taken]] = False
        place = np.cumsum(free, axis=1)
        row, column = np.nonzero(free & (place <= more))
        product = popular[column]
        buyers = today.past.products.recent_buyers[product]
        own = own_rows(today.past, customers[row], product)
        everybody = max(len(today.past.customers.visits), 1)
        parts.append(
            Pool.with_columns(
                customer=customers[row],
                product=product,
                score=np.minimum(buyers / (everybody + 1.0), pool.score[end[row]]),
                # the last of the list was a best seller in most lists, and is the nearest known
                chance=pool.chance[end[row]],
                source=np.full(len(row), SOURCES.index("popular")),
                because=np.full(len(row), -1),
                count=buyers,
                own_row=own,
                fallback=pool.fallback[end[row]],
            )
        )
    return parts


def _share_out(pool: Pool, today: Today, model: RecommendationModel) -> Rationed:
    """Share out scarce stock by the chance of a purchase."""
    known = np.isfinite(pool.chance)
    if known.any():
        # who has no known chance buys no more often than those whose chance is known and lowest
        lowest = min([rate.rate for rate in model.rates], default=float(pool.chance[known].min()))
        likely = np.where(known, pool.chance, lowest)
        priority, demand = likely, likely
    else:
        priority, demand = pool.score, np.ones(len(pool))
    return ration(pool.customer, pool.product, priority, demand, today.stock, length=LIST_LENGTH)


def _columns(pool: Pool, rationed: Rationed, today: Today) -> dict[str, Any]:
    """Return the listed rows as columns of numbers."""
    rank = np.arange(len(pool)) - first_rows(pool.customer)
    is_own = pool.own_row >= 0
    rows = np.maximum(pool.own_row, 0)
    last = today.past.pairs.last_day
    days = np.full(len(pool), -1, dtype=np.int32)
    gap = np.full(len(pool), np.nan)
    days[is_own] = today.past.day - last[rows[is_own]]
    gap[is_own] = np.round(usual_gap_days(today.past, rows[is_own]), 1)
    # a rhythm that nobody has shown is not one of zero days
    gap[gap <= 0] = np.nan
    of_kind = np.zeros(len(pool), dtype=np.int32)
    for kind in (is_own, ~is_own):
        kept = pool.customer[kind]
        of_kind[kind] = np.arange(len(kept)) - first_rows(kept) + 1
    return {
        "customer_no": pool.customer,
        "product_no": pool.product,
        "rank": (rank + 1).astype(np.int32),
        "rank_within_kind": of_kind,
        "score": np.round(pool.score, PUBLISHED_DIGITS),
        "p_purchase": np.round(pool.chance, PUBLISHED_DIGITS),
        "is_repeat": is_own,
        "source_no": pool.source,
        "because_no": pool.because,
        "evidence_count": pool.count,
        "days_since": days,
        "usual_gap_days": gap,
        "fallback_no": pool.fallback,
        "is_stock_limited": rationed.is_short[pool.product],
        "instead_of_no": rationed.instead_of[rationed.is_listed].astype(np.int32),
    }


def _register(con: duckdb.DuckDBPyConnection, columns: dict[str, Any]) -> None:
    """Put the columns into a temporary table."""
    import pyarrow as pa

    con.register("recommended_arrow", pa.table(columns))
    con.execute(
        "create or replace temp table recommended as select * from recommended_arrow"
    ).fetchall()
    con.unregister("recommended_arrow")


def _names(values: tuple[str, ...]) -> Iterator[str]:
    for number, value in enumerate(values):
        yield f"when {number} then '{value}'"


def _table_sql(model: RecommendationModel, cutoff: Cutoff) -> str:
    """Return the SELECT of ``prediction.product_recommendations`` over the temporary table."""
    sources = " ".join(_names(SOURCES))
    reasons = " ".join(_names(FALLBACK_BECAUSE))
    return f"""
        select
            customers.customer_id,
            recommended.rank,
            products.product_id,
            recommended.rank_within_kind,
            recommended.score,
            case when not isnan(recommended.p_purchase) then recommended.p_purchase end
                as p_purchase,
            {cutoff.horizon_days} as horizon_days,
            recommended.is_repeat,
            case recommended.source_no {sources} end as source,
            case recommended.source_no
                when 0 then
                    case
                        when recommended.evidence_count = 1
                            then 'bought once, ' || recommended.days_since || ' days ago'
                        else
                            'bought on ' || recommended.evidence_count || ' days, last '
                            || recommended.days_since || ' days ago, usually every '
                            || format('{{:.0f}}', recommended.usual_gap_days) || ' days'
                    end
                when 1 then
                    recommended.evidence_count || ' customers who bought '
                    || coalesce(because_product.product_name, because_product.product_id)
                    || ' bought it too'
                when 2 then
                    'bought by ' || recommended.evidence_count
                    || ' of the {NEAREST} customers who buy most alike'
                else
                    'bought by ' || recommended.evidence_count || ' customers in the last '
                    || products.popular_days || ' days'
            end as reason,
            because_product.product_id as because_product_id,
            recommended.evidence_count,
            case when recommended.days_since >= 0 then recommended.days_since end
                as days_since_last_bought,
            case when not isnan(recommended.usual_gap_days) then recommended.usual_gap_days end
                as usual_gap_days,
            recommended.fallback_no >= 0 as is_fallback,
            case recommended.fallback_no {reasons} end as fallback_because,
            recommended.is_stock_limited,
            instead_of.product_id as instead_of_product_id,
            date '{cutoff.as_of_on.isoformat()}' as as_of_on,
            '{model.version}' as model_version
        from recommended
        inner join {CUSTOMERS_TABLE} as customers
            on recommended.customer_no = customers.customer_no
        inner join {PRODUCTS_TABLE} as products
            on recommended.product_no = products.product_no
        left join {PRODUCTS_TABLE} as because_product
            on recommended.because_no = because_product.product_no
        left join {PRODUCTS_TABLE} as instead_of
            on recommended.instead_of_no = instead_of.product_no
    """
