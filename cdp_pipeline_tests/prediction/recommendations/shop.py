"""A shop in memory: the tables that recommendations read, and the steps over them.

Here belongs making and filling those tables; no expectation does.
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from cdp_pipeline.prediction.recommendations.model import RecommendationModel
from cdp_pipeline.prediction.recommendations.score import score_recommendations
from cdp_pipeline.prediction.recommendations.train import train_recommendations

MODELS = Path(__file__).parents[3] / "dbt_like_sql" / "prediction"
SQL = (
    "churn_horizon",
    "churn_cutoffs",
    "product_purchases",
    "returned_products",
    "profiling_objections",
    "recommendable_products",
    "fallback_recommendations",
)
TABLES = {
    "profiles.orders": "customer_id varchar, ordered_on date, is_purchase boolean",
    "profiles.order_lines": """
        customer_id varchar, product_id varchar, ordered_on date, status varchar,
        quantity decimal(18, 3), is_return boolean""",
    "profiles.consents": """
        customer_id varchar, channel varchar, purpose varchar, reach varchar, is_granted boolean,
        is_current_contact_point boolean, decided_at timestamp""",
    "staging.products": """
        product_id varchar, product_name varchar, category varchar,
        list_price_amount decimal(18, 2), currency varchar, is_discontinued boolean""",
    "staging.inventory": """
        location_id varchar, product_id varchar, quantity_on_hand decimal(18, 3)""",
    "identity.identity_map": "source varchar, record_id varchar, customer_id varchar",
}
Bought = tuple[str, str, date]


class Shop:
    """A shop with nothing in it yet, as of a day."""

    def __init__(self, as_of_on: date, *, threads: int = 2) -> None:
        self.as_of_on = as_of_on
        self.con = duckdb.connect()
        self.run(f"set threads = {threads}")
        for layer in ("sources", "staging", "identity", "profiles", "prediction"):
            self.run(f"create schema {layer}")
        for table, columns in TABLES.items():
            self.run(f"create table {table} ({columns})")
        self.run(
            f"create table sources.run_clock as select date '{as_of_on}' as as_of_on, "
            "'Europe/Stockholm' as time_zone, 'SEK' as home_currency"
        )

    def run(self, statement: str) -> list[Any]:
        return self.con.execute(statement).fetchall()

    def sells(self, bought: list[Bought], *, is_return: bool = False) -> None:
        """Add one line of one unit per customer, product and day, and the orders they are in."""
        if not bought:
            return
        customers, products, days = zip(*bought, strict=True)
        self.con.register(
            "bought", pa.table({"customer_id": customers, "product_id": products, "day": days})
        )
        self.run(
            "insert into profiles.order_lines select customer_id, product_id, day, 'completed', "
            f"1, {is_return} from bought"
        )
        self.run(
            f"insert into profiles.orders select customer_id, day, {not is_return} from bought "
            "group by all"
        )
        self.run(
            "insert into identity.identity_map select 'crm', customer_id, customer_id from bought "
            "where customer_id not in (select customer_id from identity.identity_map) group by all"
        )
        self.con.unregister("bought")

    def knows(self, *customers: str) -> None:
        for customer in customers:
            self.run(
                f"insert into identity.identity_map values ('crm', '{customer}', '{customer}')"
            )

    def stocks(self, product: str, units: float, location: str = "main") -> None:
        self.run(f"insert into staging.inventory values ('{location}', '{product}', {units})")

    def lists(self, product: str, *, is_discontinued: bool = False, name: str = "") -> None:
        self.run(
            f"insert into staging.products values ('{product}', nullif('{name}', ''), 'goods', 10, "
            f"'SEK', {is_discontinued})"
        )

    def hears_of_profiling(self, customer: str, *, is_granted: bool, at: str) -> None:
        self.run(
            f"insert into profiles.consents values ('{customer}', 'ads', 'profiling', 'own', "
            f"{is_granted}, false, timestamp '{at}')"
        )

    def build(self) -> None:
        for name in SQL:
            query = (MODELS / f"{name}.sql").read_text()
            self.run(f"create or replace table prediction.{name} as {query}")

    def train(self) -> RecommendationModel:
        self.build()
        return train_recommendations(self.con, seed=1)

    def recommend(self, model: RecommendationModel) -> list[dict[str, Any]]:
        """Return product_recommendations in the order of its key."""
        query = score_recommendations(self.con, model)["prediction.product_recommendations"]
        found = self.con.execute(f"select * from ({query}) order by customer_id, rank")
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def tasteful_purchases(
    as_of_on: date, customers: int, *, seed: int, weeks: int = 20, tastes: int = 6
) -> list[Bought]:
    """Return purchases of customers who have one taste each and like to try what is new to them.

    Every taste has its own fifteen products. Each week a customer buys one product of the taste
    that was not bought before, now and then a favourite again, and rarely the shop's best seller:
    who knows the tastes of others knows what comes next, and who only counts does not.
    """
    draws = np.random.default_rng(seed)
    rows: list[Bought] = []
    for number in range(customers):
        taste = int(draws.integers(tastes))
        own = draws.permutation(15)
        begins = int(draws.integers(weeks // 3))
        for place, week in enumerate(range(begins, weeks)):
            day = as_of_on - timedelta(days=7 * (weeks - 1 - week) + int(draws.integers(3)))
            product = own[place % 15] if draws.random() > 0.2 else own[0]
            rows.append((f"c_{number:04d}", f"p_{taste}_{product:02d}", day))
            if draws.random() < 0.15:
                rows.append((f"c_{number:04d}", "best_seller", day))
    return sorted(set(rows))


def tasteful_shop(as_of_on: date, customers: int, *, seed: int, threads: int = 2) -> Shop:
    """Return a shop of ``tasteful_purchases``."""
    shop = Shop(as_of_on, threads=threads)
    shop.sells(tasteful_purchases(as_of_on, customers, seed=seed))
    return shop
