"""A small business with a home of its own: what it sold, written as exports, and the tables made.

Here belongs what the homes of these tests have in common; no expectation does. Tables are made in
a plain loop in this process, because Dagster adds seconds to every home and nothing to what is
tested here.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from cdp_pipeline.definitions import python_steps
from cdp_pipeline.defs.sources.deliveries import source_steps
from cdp_pipeline.project import load_home_project
from cdp_pipeline.settings import Home, find_home
from cdp_pipeline.warehouse import Made, RunContext, Store, Warehouse

CONTRACT = """
system: shop
description: A small shop's till.
owner: sales
tables:
  customers:
    description: One row per customer.
    files: customers.csv
    delivery: snapshot
    key: [customer_no]
    columns:
      customer_no: {type: text, personal: pseudonym, doc: "Customer number."}
      name: {type: text, personal: name, doc: "Family name."}
      email: {type: text, personal: email, doc: "E-mail address."}
  sales:
    description: One row per line sold.
    files: sales.csv
    delivery: snapshot
    key: [order_no, line_no]
    event_at: sold_at
    columns:
      order_no: {type: text, doc: "Order number."}
      line_no: {type: text, doc: "Line number."}
      customer_no: {type: text, personal: pseudonym, doc: "Who bought."}
      product_no: {type: text, doc: "Product."}
      sold_at: {type: timestamp, format: "%Y-%m-%d", required: true, doc: "Day of the sale."}
      currency: {type: text, required: true, doc: "Currency."}
      quantity: {type: "decimal(18,3)", doc: "Units."}
      amount: {type: "decimal(18,2)", required: true, doc: "Paid."}
"""
PRODUCTS = """
  products:
    description: One row per product.
    files: products.csv
    delivery: snapshot
    key: [product_no]
    columns:
      product_no: {type: text, doc: "Product."}
      category: {type: text, doc: "Category."}
"""
STAGING = {
    "customer_records": """
-- One row per customer of the shop.

select
    'shop' as source,
    customer_no as record_id,
    'person' as kind,
    name as family_name,
    email,
    10 as trust,
from sources.shop_customers
""",
    "orders": """
-- One row per order of the shop.

select
    'shop' as source,
    order_no as order_id,
    case when max(customer_no) is not null then 'shop' end as record_source,
    max(customer_no) as record_id,
    'store' as channel,
    max(sold_at) as ordered_at,
    max(currency) as currency,
    sum(amount) as total_amount,
    'completed' as status,
from sources.shop_sales
group by order_no
""",
    "order_lines": """
-- One row per line of the shop.

select
    'shop' as source,
    order_no as order_id,
    line_no as line_id,
    product_no as product_id,
    quantity,
    amount as line_amount,
    amount < 0 as is_return,
from sources.shop_sales
""",
    "products": """
-- One row per product of the shop.

select
    'shop' as source,
    product_no as product_id,
    product_no as product_name,
    category,
from sources.shop_products
""",
}


@dataclass
class OddShop:
    """What a business sold, row by row.

    Attributes
    ----------
    sales
        Order, customer, product, day and amount; one line an order.
    """

    customers: Sequence[str]
    sales: list[tuple[str, str, date, float]] = field(default_factory=list)
    has_products: bool = True
    has_emails: bool = True
    currency: str = "SEK"

    def sells(self, customer: str, product: str, day: date, amount: float = 100) -> None:
        self.sales.append((customer, product, day, amount))

    def write(self, root: Path) -> Home:
        """Write the home and its exports."""
        landing = root / "data" / "landing"
        landing.mkdir(parents=True)
        (root / "cdp.yml").write_text(
            "company: Odd\ncountry: SE\ncurrency: SEK\ntime_zone: UTC\nas_of: latest_event\n"
        )
        folder = root / "dbt_like_sql"
        (folder / "sources").mkdir(parents=True)
        contract = CONTRACT + (PRODUCTS if self.has_products else "")
        (folder / "sources" / "shop.yml").write_text(contract)
        for entity, text in STAGING.items():
            if entity != "products" or self.has_products:
                (folder / "staging" / entity).mkdir(parents=True)
                (folder / "staging" / entity / "shop.sql").write_text(text.lstrip())
        # a word of letters per customer, so that nobody is taken for another
        words = ["".join(chr(97 + int(digit)) for digit in f"{n:04}") for n in range(9999)]
        _write_rows(
            landing / "customers.csv",
            ("customer_no", "name", "email"),
            (
                (
                    customer,
                    f"Person{words[n]}",
                    f"{customer}@shop.example" if self.has_emails else "",
                )
                for n, customer in enumerate(self.customers)
            ),
        )
        _write_rows(
            landing / "sales.csv",
            ("order_no", "line_no", "customer_no", "product_no", "sold_at", "currency", "quantity",
             "amount"),
            (
                (f"o{n}", 1, customer, product, day, self.currency, -1 if amount < 0 else 1, amount)
                for n, (customer, product, day, amount) in enumerate(self.sales)
            ),
        )  # fmt: skip
        if self.has_products:
            products = sorted({product for _, product, _, _ in self.sales})
            rows = ((product, "goods") for product in products)
            _write_rows(landing / "products.csv", ("product_no", "category"), rows)
        return find_home(root)


def _write_rows(file: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    with file.open("w", newline="", encoding="utf-8") as open_file:
        writer = csv.writer(open_file)
        writer.writerow(header)
        writer.writerows(rows)


class Tables:
    """The tables of a home that was made, to be asked."""

    def __init__(self, home: Home) -> None:
        self.store = Store(home)
        self.heads = self.store.heads()

    def rows(self, query: str, *reads: str) -> list[dict[str, Any]]:
        """Return the rows of a query over the tables it names."""
        with duckdb.connect() as con:
            for name in reads:
                con.execute(f"create schema if not exists {name.split('.')[0]}").fetchall()
                select = self.store.select(self.heads[name])
                con.execute(f"create view {name} as {select}").fetchall()
            found = con.execute(query)
            names = [column[0] for column in found.description]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def card(self, model: str) -> dict[str, Any]:
        """Return the card of a model."""
        table = f"prediction.{model}_model"
        card: dict[str, Any] = json.loads(self.rows(f"select card from {table}", table)[0]["card"])
        return card


def make(home: Home) -> Tables:
    """Make every table of a home up to its predictions and actions."""
    project = load_home_project(home)
    warehouse = Warehouse(home, project, RunContext(run_id="odd"))
    sources = source_steps(home)
    steps = {name: step for step in python_steps() for name in step.makes}
    for load in sources.values():
        load(warehouse)
    done = set(sources)
    for name, table in project.tables.items():
        if name in done:
            continue
        if name in steps:
            steps[name].run(warehouse)
            done.update(steps[name].makes)
        else:
            made = Made({name: table.sql})
            warehouse.make([name], lambda _, made=made: made, code=table.code_hash)
    return Tables(home)
