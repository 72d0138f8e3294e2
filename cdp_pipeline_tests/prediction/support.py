"""A shop in memory: the tables churn reads, filled with rows small enough to check by eye.

Here belongs making those tables and running the prediction layer over them; no expectation does.
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from cdp_pipeline.prediction.churn.model import ChurnModel
from cdp_pipeline.prediction.churn.score import score_churn
from cdp_pipeline.prediction.churn.train import train_churn
from cdp_pipeline.prediction.value.model import ValueModel
from cdp_pipeline.prediction.value.score import score_value
from cdp_pipeline.prediction.value.train import train_value

MODELS = Path(__file__).parents[2] / "dbt_like_sql" / "prediction"
LAYERS = ("sources", "staging", "identity", "profiles", "prediction")

BY_SQL = ("churn_horizon", "churn_cutoffs", "churn_features", "value_features", "value_years")

TABLES = {
    "profiles.orders": """
        source varchar, order_id varchar, customer_id varchar, channel varchar,
        is_purchase boolean, net_home_amount decimal(18, 2), return_home_amount decimal(18, 2),
        ordered_on date""",
    "profiles.order_lines": """
        source varchar, order_id varchar, line_id varchar, customer_id varchar, category varchar,
        status varchar, discount_amount decimal(18, 2), line_home_amount decimal(18, 2),
        is_return boolean, ordered_on date, margin_home_amount decimal(18, 2)""",
    "staging.messages": """
        message_id varchar, record_source varchar, record_id varchar, is_control boolean,
        sent_at timestamp, opened_at timestamp, clicked_at timestamp""",
    "staging.tickets": """
        ticket_id varchar, record_source varchar, record_id varchar, opened_at timestamp,
        closed_at timestamp""",
    "identity.identity_map": "source varchar, record_id varchar, customer_id varchar",
}


class Shop:
    """A shop with nothing in it yet, as of a day."""

    def __init__(self, as_of_on: str, *, threads: int = 2) -> None:
        self.con = duckdb.connect()
        self.run(f"set threads = {threads}")
        for layer in LAYERS:
            self.run(f"create schema {layer}")
        for table, columns in TABLES.items():
            self.run(f"create table {table} ({columns})")
        self.stand_on(as_of_on)

    def run(self, statement: str) -> list[Any]:
        return self.con.execute(statement).fetchall()

    def stand_on(self, as_of_on: str) -> None:
        self.run(
            "create or replace table sources.run_clock as select "
            f"date '{as_of_on}' as as_of_on, 'Europe/Stockholm' as time_zone, "
            "'SEK' as home_currency, 'SE' as home_country"
        )

    def buys(self, customer: str, day: str | date, amount: float = 100, **order: Any) -> None:
        """Add one completed order with one line."""
        order_id = order.get("order_id") or f"{customer} {day} {amount}"
        is_return = amount < 0
        bought, returned = (0, amount) if is_return else (amount, 0)
        self.insert(
            "profiles.orders",
            ("web", order_id, customer, order.get("channel", "web"), not is_return,
             bought + returned, returned, day),
        )  # fmt: skip
        self.insert(
            "profiles.order_lines",
            ("web", order_id, "1", customer, order.get("category", "tea"), "completed",
             order.get("discount", 0), amount, is_return, day, order.get("margin")),
        )  # fmt: skip

    def knows(self, *customers: str) -> None:
        """Add one record per customer to the identity map."""
        for customer in customers:
            self.insert("identity.identity_map", ("crm", f"record of {customer}", customer))

    def insert(self, table: str, row: tuple[Any, ...]) -> None:
        places = ", ".join("?" for _ in row)
        self.con.execute(f"insert into {table} values ({places})", list(row)).fetchall()

    def build(self, *names: str) -> None:
        """Make the tables of the prediction layer that SQL makes."""
        for name in names or BY_SQL:
            query = (MODELS / f"{name}.sql").read_text()
            self.run(f"create or replace table prediction.{name} as {query}")

    def features(self) -> list[Any]:
        return self.run("select * from prediction.churn_features order by all")

    def train(self, seed: int = 1) -> ChurnModel:
        self.build()
        return train_churn(self.con, seed=seed)

    def train_value(self, seed: int = 1) -> ValueModel:
        self.build()
        self.run(
            "create table if not exists prediction.churn_predictions "
            "(customer_id varchar, horizon_days integer, p_churn double)"
        )
        return train_value(self.con, seed=seed)

    def value(self, model: ValueModel, **settings: float) -> list[dict[str, Any]]:
        """Return customer_value in the order of its key."""
        query = score_value(self.con, model, **settings)["prediction.customer_value"]
        found = self.con.execute(f"select * from ({query}) order by customer_id")
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def score(self, model: ChurnModel) -> list[dict[str, Any]]:
        """Return churn_predictions in the order of its key."""
        query = score_churn(self.con, model)["prediction.churn_predictions"]
        found = self.con.execute(f"select * from ({query}) order by customer_id")
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def simulated_shop(
    as_of_on: str,
    customers: int,
    *,
    seed: int,
    days: int = 730,
    monthly_rate: float = 1.0,
    stops: float = 0.12,
    threads: int = 2,
) -> Shop:
    """Return a shop whose customers buy at random at their own rate and stop by chance.

    Rates are Gamma distributed with the mean ``monthly_rate``, the chance to stop after a purchase
    is Beta distributed with the mean ``stops``.
    """
    draws = np.random.default_rng(seed)
    start = date.fromisoformat(as_of_on) - timedelta(days=days)
    rows: list[tuple[str, date, float]] = []
    rates = draws.gamma(1.5, monthly_rate / 1.5, customers) / 30.0
    chances = draws.beta(1.0, 1.0 / stops - 1.0, customers)
    for number in range(customers):
        day = float(draws.uniform(0, days * 0.8))
        spends = float(draws.gamma(3.0, 40.0))
        while day < days + 200:
            amount = round(float(draws.gamma(4.0, spends / 4.0)), 2)
            rows.append((f"c_{number:05d}", start + timedelta(days=int(day)), amount))
            if draws.uniform() < chances[number]:
                break
            day += float(draws.exponential(1.0 / max(rates[number], 1e-4)))
    shop = Shop(as_of_on, threads=threads)
    import pyarrow as pa

    names = [row[0] for row in rows]
    table = pa.table(
        {"customer_id": names, "day": [row[1] for row in rows], "amount": [row[2] for row in rows]}
    )
    shop.con.register("simulated", table)
    shop.run(
        "insert into profiles.orders select 'web', row_number() over ()::varchar, customer_id, "
        "'web', true, amount, 0, day from simulated"
    )
    shop.run(
        "insert into profiles.order_lines select source, order_id, '1', customer_id, 'tea', "
        "'completed', 0, net_home_amount, false, ordered_on, net_home_amount / 4 "
        "from profiles.orders"
    )
    shop.run(
        "insert into identity.identity_map select 'crm', customer_id, customer_id "
        "from simulated group by customer_id"
    )
    shop.con.unregister("simulated")
    return shop
