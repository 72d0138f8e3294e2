"""What is known of each customer on a day: buying behaviour and interests, nothing later.

Facts about the person (age, gender, income, address) are left out: an audience must not be a
portrait of whom we have always sold to.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cdp_pipeline.prediction.bgnbd import Floats
from cdp_pipeline.warehouse.engine import literal

if TYPE_CHECKING:
    import duckdb

MEASURES = (
    "orders",
    "spend",
    "recency_days",
    "tenure_days",
    "order_amount",
    "discount_ratio",
    "return_ratio",
    "categories",
    "recent_orders",
)
MOST_CATEGORIES = 60
RECENT_DAYS = 60

_HASH = "('0x' || left(md5(customer_id), 8))::bigint"
# Sampling by a hash of the id: the same customers whatever the order of rows.
_LINES_SQL = """
    create or replace temp view lookalike_lines as
    select customer_id, source, order_id, ordered_on, category, is_return, line_home_amount,
        coalesce(discount_amount, 0) as discount_amount, line_amount
    from profiles.order_lines
    where customer_id is not null and ordered_on <= {day} and status <> 'cancelled'
        and {is_wanted}
"""
_INTERESTS_SQL = """
    create or replace temp table lookalike_interests as
    select customer_id, category, count(*) filter (not is_return) as lines
    from lookalike_lines
    where category is not null
    group by customer_id, category
"""
_MEASURES_SQL = """
    create or replace temp table lookalike_measures as
    with orders as (
        select customer_id, source, order_id, bool_or(ordered_on > {day} - {recent}) as is_recent
        from lookalike_lines
        where not is_return
        group by customer_id, source, order_id
    ),
    order_counts as (
        select customer_id, count(*)::double as orders,
            (count(*) filter (is_recent))::double as recent_orders
        from orders
        group by customer_id
    ),
    category_counts as (
        select customer_id, count(*)::double as categories
        from lookalike_interests
        group by customer_id
    ),
    sums as (
        select
            customer_id,
            {is_sampled} as is_sampled,
            coalesce(sum(line_home_amount), 0)::double as spend,
            ({day} - max(ordered_on))::double as recency_days,
            ({day} - min(ordered_on))::double as tenure_days,
            (sum(discount_amount) filter (not is_return)::double
                / nullif(sum(line_amount + discount_amount) filter (not is_return), 0)::double)
                as discount_ratio,
            count(*) filter (is_return)::double / count(*) as return_ratio
        from lookalike_lines
        group by customer_id
    )

    select
        row_number() over (order by customer_id) - 1 as customer_no,
        sums.*,
        spend / orders as order_amount,
        coalesce(categories, 0) as categories,
        orders,
        recent_orders
    from sums
    inner join order_counts using (customer_id)
    left join category_counts using (customer_id)
"""
_COUNTED_SQL = """
    with places as (
        select unnest($categories::varchar[]) as category,
            generate_subscripts($categories::varchar[], 1) - 1 as place
    )
    select customer_no, place, lines
    from lookalike_interests
    inner join places using (category)
    inner join lookalike_measures using (customer_id)
"""
_CATEGORIES_SQL = """
    select category
    from profiles.order_lines
    where customer_id is not null and category is not null and ordered_on <= {day}
        and status <> 'cancelled' and not is_return
    group by category
    order by count(distinct customer_id) desc, category
    limit {most}
"""


@dataclass(frozen=True)
class Behaviour:
    """Customers who have bought by a day, in the order of their ids.

    Attributes
    ----------
    customer_id
        (n,) text.
    measures
        (n, len(MEASURES)); NaN where not known.
    interests
        (n, number of categories): lines bought of each.
    is_sampled
        (n,): whether the customer is of the sample, not only one of `also`.
    """

    customer_id: NDArray[np.str_]
    measures: Floats
    interests: Floats
    is_sampled: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.customer_id)


def categories_on(con: duckdb.DuckDBPyConnection, day: date) -> list[str]:
    """Return the categories that most customers had bought by a day."""
    query = _CATEGORIES_SQL.format(day=_day(day), most=MOST_CATEGORIES)
    return [str(row[0]) for row in con.sql(query).fetchall()]


def behaviour_on(
    con: duckdb.DuckDBPyConnection,
    day: date,
    categories: list[str],
    *,
    share: float = 1.0,
    also: str = "",
) -> Behaviour:
    """Return what was known of customers on a day.

    Parameters
    ----------
    con : DuckDBPyConnection
        Sees ``profiles.order_lines``.
    day : date
        Nothing later is read.
    categories : list of str
        Whose lines are counted.
    share : float
        Share of the customers to look at, chosen by a hash of the id.
    also : str
        A query of customers to look at besides.
    """
    is_sampled = "true" if share >= 1 else f"{_HASH} < {int(share * 2**32)}"
    wanted = f"({is_sampled} or customer_id in {also})" if also and share < 1 else is_sampled
    words = {
        "day": _day(day),
        "is_wanted": wanted,
        "is_sampled": is_sampled,
        "recent": RECENT_DAYS,
    }
    for statement in (_LINES_SQL, _INTERESTS_SQL, _MEASURES_SQL):
        con.execute(statement.format(**words)).fetchall()
    found = con.sql("select * from lookalike_measures order by customer_no").fetchnumpy()
    measures = np.column_stack(
        [np.ma.filled(np.ma.asarray(found[name], dtype=np.float64), np.nan) for name in MEASURES]
    )
    counted = con.execute(_COUNTED_SQL, {"categories": categories}).fetchnumpy()
    interests = np.zeros((len(measures), len(categories)))
    interests[counted["customer_no"], counted["place"]] = counted["lines"]
    return Behaviour(
        np.asarray(found["customer_id"], dtype=np.str_),
        measures,
        interests,
        np.asarray(found["is_sampled"], dtype=np.bool_),
    )


def _day(day: date) -> str:
    return f"date {literal(day.isoformat())}"
