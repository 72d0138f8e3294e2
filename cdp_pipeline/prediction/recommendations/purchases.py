"""Purchases as arrays: who bought which product on which day.

Here belongs reading ``prediction.product_purchases`` and what is said of products, in a fixed
order and with numbers instead of ids. What is concluded from it is in ``past``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cdp_pipeline.prediction.samples import day_number

if TYPE_CHECKING:
    import duckdb

Ints = NDArray[np.int64]
Numbers = NDArray[np.int32]

CUSTOMERS_TABLE = "recommendation_customers"
PRODUCTS_TABLE = "recommendation_products"
# A sample of customers is drawn by these, so that it does not depend on the order of rows.
DRAWS = 1 << 31


@dataclass(frozen=True)
class Purchases:
    """Products bought, one row per customer, product and day, in that order.

    Attributes
    ----------
    customer, product
        Numbers from 0, in the order of the ids.
    day
        Days since 1970.
    visit
        The how many-th day of buying anything it was for the customer, from 1.
    customer_count, product_count
        How many numbers there are; some may have no row.
    draw, other_draw
        Per customer: two numbers below ``DRAWS`` from the hash of the id.
    category
        Per product: number of its category, -1 where it is not known.
    """

    customer: Numbers
    product: Numbers
    day: Numbers
    visit: Numbers
    customer_count: int
    product_count: int
    draw: Ints
    other_draw: Ints
    category: Numbers = field(repr=False)

    def __len__(self) -> int:
        return len(self.customer)

    def until(self, day: int) -> Purchases:
        """Keep what was known at the end of a day."""
        rows = self.day <= day
        if rows.all():
            return self
        return Purchases(
            self.customer[rows],
            self.product[rows],
            self.day[rows],
            self.visit[rows],
            self.customer_count,
            self.product_count,
            self.draw,
            self.other_draw,
            self.category,
        )

    def bought_between(self, after: int, until: int) -> Ints:
        """Return the sorted keys (``pair_keys``) of what was bought after a day, until another."""
        rows = (self.day > after) & (self.day <= until)
        keys = pair_keys(self.customer[rows], self.product[rows], self.product_count)
        return distinct(keys)


def pair_keys(customer: NDArray[Any], product: NDArray[Any], product_count: int) -> Ints:
    """Return one number per customer and product, ordered by customer, then product."""
    return np.asarray(customer.astype(np.int64) * product_count + product)


def distinct(values: NDArray[Any]) -> Ints:
    """Return the different values, ascending.

    As ``np.unique``, which looks them up in a hash table and takes many times as long with
    millions of them.
    """
    ordered = np.sort(values)
    return np.asarray(
        ordered[np.r_[True, ordered[1:] != ordered[:-1]]] if len(ordered) else ordered
    )


def is_among(keys: Ints, sorted_keys: Ints) -> NDArray[np.bool_]:
    """Return which keys are among others that are sorted."""
    if not len(sorted_keys):
        return np.zeros(len(keys), dtype=np.bool_)
    place = np.minimum(np.searchsorted(sorted_keys, keys), len(sorted_keys) - 1)
    return np.asarray(sorted_keys[place] == keys)


def first_rows(values: NDArray[Any]) -> Ints:
    """Return for each row the first of its run of equal values, where equals stand together."""
    if not len(values):
        return np.zeros(0, dtype=np.int64)
    starts = np.flatnonzero(np.r_[True, values[1:] != values[:-1]])
    return np.asarray(np.repeat(starts, np.diff(np.r_[starts, len(values)])))


def number_customers_and_products(con: duckdb.DuckDBPyConnection) -> None:
    """Make temporary tables that give customers and products their numbers.

    Reads ``identity.identity_map`` and ``prediction.recommendable_products``.
    """
    con.execute(
        f"""
        create or replace temp table {CUSTOMERS_TABLE} as
        select
            customer_id,
            cast(row_number() over (order by customer_id) - 1 as integer) as customer_no,
            cast(md5_number_lower(customer_id) % {DRAWS} as bigint) as draw,
            cast(md5_number_upper(customer_id) % {DRAWS} as bigint) as other_draw,
        from (select customer_id from identity.identity_map group by customer_id)
        """
    ).fetchall()
    con.execute(
        f"""
        create or replace temp table {PRODUCTS_TABLE} as
        select
            product_id,
            product_name,
            popular_days,
            cast(row_number() over (order by product_id) - 1 as integer) as product_no,
            cast(
                case
                    when category is null then -1
                    else dense_rank() over (order by category nulls last) - 1
                end as integer
            ) as category_no,
            coalesce(is_recommendable, true) as is_recommendable,
            cast(stock_quantity as double) as stock_quantity,
        from prediction.recommendable_products
        """
    ).fetchall()


def read_purchases(con: duckdb.DuckDBPyConnection) -> Purchases:
    """Read the purchases of everybody who did not refuse to be profiled.

    Reads ``prediction.product_purchases``, ``prediction.profiling_objections`` and what numbers
    customers and products. Nothing is learned from customers who refused, nor about them.
    """
    number_customers_and_products(con)
    bought = columns_of(
        con,
        f"""
        select
            customers.customer_no as customer,
            products.product_no as product,
            date_diff('day', date '1970-01-01', purchases.ordered_on)::integer as day,
        from prediction.product_purchases as purchases
        inner join {CUSTOMERS_TABLE} as customers
            on purchases.customer_id = customers.customer_id
        inner join {PRODUCTS_TABLE} as products
            on purchases.product_id = products.product_id
        where purchases.customer_id not in (
            select customer_id from prediction.profiling_objections
        )
        """,
    )
    customers = columns_of(
        con, f"select draw, other_draw from {CUSTOMERS_TABLE} order by customer_no"
    )
    products = columns_of(con, f"select category_no from {PRODUCTS_TABLE} order by product_no")
    product_count = len(products["category_no"])
    rows = _in_order(bought["customer"], bought["product"], bought["day"], product_count)
    return Purchases(
        *rows,
        len(customers["draw"]),
        product_count,
        customers["draw"].astype(np.int64),
        customers["other_draw"].astype(np.int64),
        products["category_no"].astype(np.int32),
    )


def _in_order(
    customer: Numbers, product: Numbers, day: Numbers, product_count: int
) -> tuple[Numbers, Numbers, Numbers, Numbers]:
    """Return customer, product, day and visit in the order of the first three.

    Each row, and each customer's day, is one whole number, and those sort ten times as fast as
    rows of several columns.
    """
    first_day, last_day = (int(day.min()), int(day.max())) if len(day) else (0, 0)
    days = last_day - first_day + 1
    rows = pair_keys(customer, product, product_count) * days + (day - first_day)
    rows.sort()
    pair, since = np.divmod(rows, days)
    customer, product = (part.astype(np.int32) for part in np.divmod(pair, product_count))
    visits = customer.astype(np.int64) * days + since
    different = distinct(visits)
    visit = np.arange(len(different)) - first_rows(different // days) + 1
    at = np.searchsorted(different, visits)
    return customer, product, (since + first_day).astype(np.int32), visit[at].astype(np.int32)


def days_since_1970(day: date) -> int:
    """Return a date as the number the arrays use."""
    return day_number(day)


def columns_of(con: duckdb.DuckDBPyConnection, query: str) -> dict[str, NDArray[Any]]:
    """Return the columns of a query as arrays, in the order of its rows."""
    table = con.sql(query).to_arrow_table()
    return {
        name: np.asarray(table.column(name).to_numpy(zero_copy_only=False))
        for name in table.column_names
    }
