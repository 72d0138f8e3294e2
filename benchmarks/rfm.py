"""RFM segments on the CDNOW purchases: does the best segment buy again, and does any score move?

Belongs here: the product's own SQL on days in the past, and what the 90 days after them brought.
A segment counts when it holds at least one in a hundred buyers: the share of a handful says
nothing. On the early days even the longest silent have been so for months only (everybody in the
data first bought in early 1997), so nobody could look dormant yet.
"""

from __future__ import annotations

import os
from datetime import date, timedelta
from pathlib import Path

import duckdb

from benchmarks.figures import Figure, figure
from benchmarks.measuring import ROOT
from cdp_pipeline.insight.rules import load_rules, rule_tables

MAIN_DAY = date(1998, 4, 1)
OTHER_DAYS = (
    date(1997, 8, 15),
    date(1997, 10, 20),
    date(1997, 12, 15),
    date(1998, 2, 1),
    date(1998, 3, 15),
)
HORIZON_DAYS = 90
LEAST_SHARE = 0.01
_INSIGHT = ROOT / "dbt_like_sql" / "insight"


def figures() -> list[Figure]:
    """Measure the segments on all days, and count who moves when rows are shuffled."""
    data = Path(os.environ["CDP_DATASETS"]) / "cdnow" / "cdnow_master.parquet"
    con = connect(f"select customer_id, date, dollar_value from '{data}'")
    found = [
        _ratio(con, day, bar=10.0 if day == MAIN_DAY else None) for day in (MAIN_DAY, *OTHER_DAYS)
    ]
    return [*found, _moved(con)]


def connect(purchases: str) -> duckdb.DuckDBPyConnection:
    """Return a connection that holds purchases of (customer_id, date, dollar_value)."""
    con = duckdb.connect()
    for layer in ("sources", "profiles", "insight"):
        con.execute(f"create schema {layer}")
    con.execute(
        f"""
        create table profiles.orders as
        select
            cast(customer_id as varchar) as customer_id,
            'completed' as status,
            true as is_purchase,
            cast(dollar_value as decimal(18, 2)) as net_home_amount,
            cast(date as date) as ordered_on,
        from ({purchases})
        """
    )
    for name, made in rule_tables(con, load_rules(_INSIGHT / "insight.yml")).items():
        con.execute(f"create table {name} as {made}")
    return con


def score(con: duckdb.DuckDBPyConnection, day: date) -> str:
    """Score all buyers as of a day with the product's SQL; return the table's name."""
    con.execute(f"create or replace table sources.run_clock as select date '{day}' as as_of_on")
    con.execute(f"create or replace table scores as {(_INSIGHT / 'rfm_scores.sql').read_text()}")
    return f"(from scores where scored_on = date '{day}')"


def _ratio(con: duckdb.DuckDBPyConnection, day: date, *, bar: float | None) -> Figure:
    """Return the share that bought again, best segment over worst."""
    rows = con.sql(
        f"""
        with later as (
            select customer_id from profiles.orders
            where ordered_on > date '{day}'
                and ordered_on <= date '{day + timedelta(days=HORIZON_DAYS)}'
            group by customer_id
        ),
        segments as (
            select
                scores.segment,
                count(*) as customers,
                count(later.customer_id) / count(*) as share,
            from {score(con, day)} as scores
            left join later using (customer_id)
            group by scores.segment
        )
        select segment, share from segments
        where customers >= {LEAST_SHARE} * (select sum(customers) from segments)
        order by share desc, segment
        """
    ).fetchall()
    (best, best_share), (worst, worst_share) = rows[0], rows[-1]
    name = "" if day == MAIN_DAY else f"_{day:%Y_%m_%d}"
    return figure(
        f"prediction.cdnow_rfm{name}.repurchase_ratio",
        best_share / worst_share,
        "x",
        bar=bar,
        direction="up",
        reference=f"{best} {best_share:.3f} over {worst} {worst_share:.3f}, 90 days after {day}, "
        f"segments of 1 % and more",
    )


def _moved(con: duckdb.DuckDBPyConnection) -> Figure:
    """Count customers whose score changes with row order or number of threads."""
    con.execute(f"create table first_scores as {score(con, MAIN_DAY)}")
    moved = 0
    for threads, order in ((1, "hash(customer_id, ordered_on)"), (2, "hash(net_home_amount)")):
        con.execute(f"set threads = {threads}")
        con.execute(
            f"create or replace table profiles.orders as from profiles.orders order by {order}"
        )
        again = score(con, MAIN_DAY)
        moved += con.sql(
            f"select count(*) from (from {again} except from first_scores)"
        ).fetchall()[0][0]
    return figure(
        "prediction.cdnow_rfm.moved_customers",
        moved,
        "customers",
        bar=0,
        reference="same purchases in two other orders, 1 and 2 threads",
    )
