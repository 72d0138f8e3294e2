"""Microsoft's Contoso Coffee lab, from its exports to the figures Microsoft published.

The home is ``examples/contoso``; the truth is ``truth_links.csv`` (5,000 links between web shop
and loyalty records, 5,002 customers), which the home never reads. The published figures are in the
data set's README.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import duckdb

from benchmarks.figures import Figure, figure
from benchmarks.measuring import ROOT, copy_home, run_home

_LAB = "Microsoft's lab 5.1K-5.2K customers"


def run() -> list[Figure]:
    """Run the example home and compare what it published."""
    data = Path(os.environ["CDP_DATASETS"]) / "contoso_customer_insights"
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "contoso"
        copy_home(ROOT / "examples" / "contoso", home)
        measured = run_home(home)
        return [
            *figures_of(home / "data" / "exports" / "latest", data),
            figure("contoso.run.wall_seconds", measured.wall_seconds, "s"),
            figure("contoso.run.cpu_seconds", measured.cpu_seconds, "s"),
            figure("contoso.run.peak_gb", measured.peak_gb, "GB"),
        ]


def figures_of(release: Path, data: Path) -> list[Figure]:
    """Return the figures of a Contoso release."""
    con = duckdb.connect()
    for name in ("identity_map", "orders"):
        con.execute(f"create view {name} as from read_parquet('{release / name}.parquet')")
    con.execute(
        f"create view profiles as from read_parquet('{release / 'vault/golden_profiles.parquet'}')"
    )
    con.execute(f"create view truth as from read_csv('{data / 'truth_links.csv'}')")
    con.execute(
        """
        create view members as
        select i.customer_id, t.person, i.side from (
            select customer_id, record_id, 'web' as side from identity_map
            where record_id like 'CNTID%' or record_id in (select ContactId from truth)
            union all
            select customer_id, record_id, 'loyalty' from identity_map
            where record_id in (select LoyaltyId from truth)
        ) as i
        join (
            select ContactId as record_id, LoyaltyId as person from truth where in_ecommerce
            union all
            select LoyaltyId, LoyaltyId from truth
        ) as t using (record_id)
        """
    )
    customers, wrong, right = con.sql(
        """
        with pairs as (
            select a.person = b.person as is_right
            from members as a join members as b
                on a.customer_id = b.customer_id and (a.side, a.person) < (b.side, b.person)
        )
        select
            (select count(distinct customer_id) from members),
            (select count(*) from pairs where not is_right),
            (select count(*) from pairs where is_right)
        """
    ).fetchall()[0]
    orders = dict(con.sql("select channel, count(*) from orders group by all").fetchall())
    segment, low, overall = con.sql(
        """
        with p as (
            select
                region, attributes ->> 'loyalty_tier' as tier,
                attributes ->> 'occupation' as occupation,
                attributes ->> 'customer_satisfaction' as satisfaction
            from profiles
        ),
        chosen as (
            select * from p
            where region = 'California' and tier <> 'high' and occupation <> 'Teacher'
        )
        select
            (select count(*) from chosen),
            (select count(*) filter (where satisfaction = 'low') / count(*) from chosen),
            (select count(*) filter (where satisfaction = 'low') / count(satisfaction) from p)
        """
    ).fetchall()[0]
    return [
        figure("contoso.customers.count", customers, "customers", bar=5002, reference=_LAB),
        figure("contoso.links.wrong", wrong, "links", bar=1, reference="5,000 true links"),
        figure("contoso.links.right", right, "links", bar=4999, direction="up"),
        figure("contoso.orders.web", orders.get("web", 0), "orders", bar=12369, direction="up"),
        figure("contoso.orders.store", orders.get("store", 0), "orders", bar=20024, direction="up"),
        figure("contoso.segment.members", segment, "customers", reference="488 published"),
        figure("contoso.segment.low_satisfaction", low, "share", reference="0.83 published"),
        figure("contoso.all.low_satisfaction", overall, "share", reference="0.26 published"),
    ]
