"""Churn on shops that had no part in any choice: a grocer's loyalty cards, Microsoft's coffee shop.

On several days in the past the product's own SQL and functions train on what was known by that day
and score it; what is compared is the exported probability, whatever the card chose to export, with
days since the last purchase. The horizon is the one the SQL finds.

Complete Journey holds a sample of the lines in one year of 2,377 households. Contoso's purchases
are invented, and customers are put together by the truth of its links: who buys again is chance,
and purchases grow tenfold in two years. The honest score there is the share of all, with an
interval that says how fast it moves; not to be surely worse than recency is all there is to show.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import numpy as np

from benchmarks._churn_backtest import SEED, Backtest, backtest
from benchmarks.figures import Figure, figure
from cdp_pipeline.prediction.metrics import Judge

_COMPLETE_JOURNEY = """
    select
        household_id as customer_id,
        basket_id as order_id,
        'store' as channel,
        cast(transaction_timestamp - interval 5 hour as date) as ordered_on,
        product_category as category,
        sales_value as amount,
        retail_disc as discount
    from read_parquet('{data}/complete_journey/transactions_sample.parquet')
    left join read_parquet('{data}/complete_journey/products.parquet') using (product_id)
"""
_CONTOSO = """
    select
        links.LoyaltyId as customer_id, PurchaseId as order_id, 'web' as channel,
        strptime(PurchasedOn, '%m/%d/%Y')::date as ordered_on, ProductId as category,
        TotalPrice as amount, 0 as discount
    from read_csv('{data}/contoso_customer_insights/ecommerce_purchases.csv', all_varchar = true)
    inner join read_csv('{data}/contoso_customer_insights/truth_links.csv') as links
        using (ContactId)
    union all
    select
        LoyaltyId, PurchaseId, 'store', PurchasedOn::date, null, TotalPrice, 0
    from read_csv('{data}/contoso_customer_insights/pos_purchases.csv', all_varchar = true)
"""


@dataclass(frozen=True)
class Shop:
    """Purchases and the days to stand on.

    Attributes
    ----------
    last_on
        The last day on which all purchases are known.
    most_error
        What the expected calibration error may be; None where the past cannot tell the level.
    """

    name: str
    lines: str
    days: tuple[date, ...]
    last_on: date
    most_error: float | None


SHOPS = (
    Shop(
        "complete_journey",
        _COMPLETE_JOURNEY,
        (date(2017, 7, 15), date(2017, 9, 1), date(2017, 10, 15), date(2017, 12, 1)),
        date(2017, 12, 31),
        0.05,
    ),
    Shop(
        "contoso",
        _CONTOSO,
        (date(2018, 3, 1), date(2018, 5, 1), date(2018, 7, 1), date(2018, 9, 1)),
        # the web shop's export ends first
        date(2019, 3, 6),
        None,
    ),
)
_TABLES = (
    *(f"create schema {name}" for name in ("sources", "staging", "identity", "profiles")),
    "create schema prediction",
    """
    create table profiles.order_lines as
    select
        'shop' as source, order_id::varchar as order_id, customer_id::varchar as customer_id,
        channel, category::varchar as category, 'completed' as status, ordered_on,
        discount::decimal(18, 2) as discount_amount, amount::decimal(18, 2) as line_home_amount,
        false as is_return,
    from ({lines})
    """,
    """
    create table profiles.orders as
    select
        source, order_id, customer_id, channel, true as is_purchase, ordered_on,
        sum(line_home_amount) as net_home_amount, 0::decimal(18, 2) as return_home_amount,
    from profiles.order_lines
    group by all
    """,
    """
    create table identity.identity_map as
    select 'shop' as source, customer_id as record_id, customer_id
    from profiles.orders group by customer_id
    """,
    """
    create table staging.messages (
        record_source varchar, record_id varchar, is_control boolean, sent_at timestamp,
        opened_at timestamp, clicked_at timestamp
    )
    """,
    """
    create table staging.tickets (
        record_source varchar, record_id varchar, opened_at timestamp, closed_at timestamp
    )
    """,
)


def run() -> list[Figure]:
    """Measure every shop."""
    return [row for shop in SHOPS for row in _figures(shop)]


def _figures(shop: Shop) -> list[Figure]:
    data = Path(os.environ["CDP_DATASETS"])
    with duckdb.connect() as con:
        for statement in _TABLES:
            con.execute(statement.format(lines=shop.lines.format(data=data))).fetchall()
        scored = [backtest(con, day, shop.last_on) for day in shop.days]
    worst = max(_judge(test).measures(test.promised)["ece"].value for test in scored)
    return [
        *(_day_figure(shop.name, test) for test in scored),
        figure(
            f"churn.{shop.name}.largest_ece",
            worst,
            "",
            bar=shop.most_error,
            reference="of the days" if shop.most_error else "the shop doubles while it is scored",
        ),
    ]


def _judge(test: Backtest) -> Judge:
    return Judge(test.churned, np.arange(len(test.churned)), seed=SEED)


def _day_figure(shop: str, test: Backtest) -> Figure:
    """Return the upper end of the paired gain: below zero, the score is surely the worse one."""
    judge = _judge(test)
    measures, gain = judge.measures(test.promised), judge.auc_gain(test.promised, test.recency_days)
    return figure(
        f"churn.{shop}_{test.day:%Y_%m_%d}.auc_over_recency_at_most",
        gain.high,
        "",
        bar=0.0,
        direction="up",
        reference=f"{gain.low:+.4f} to it; AUC {measures['auc'].value:.4f}, ECE "
        f"{measures['ece'].value:.4f}, {test.model.horizon_days} days, "
        f"exported {test.model.exported}",
    )
