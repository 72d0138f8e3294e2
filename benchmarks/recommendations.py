"""Next baskets: what customers buy next, against the methods people use today.

Part of ``python -m benchmarks prediction``.

The baskets have an order and no dates, so each customer's are laid a week apart and end on the day
that is recommended from; the last one is the truth. Everything is then the product's own: the SQL
of the fallback and the functions that read purchases, find candidates, learn and rank. Users are
split five times, 72 % to learn from, 8 % left aside and 20 % to judge, as in Li et al. (2023), "A
Next Basket Recommendation Reality Check"; recall and NDCG at 10 are theirs too (NDCG is normalised
by the size of the true basket). TIFU-KNN and personal frequency run on the same users and truth.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import numpy as np

from benchmarks.figures import Figure, figure
from benchmarks.measuring import ROOT
from cdp_pipeline.prediction.recommendations.past import Past
from cdp_pipeline.prediction.recommendations.purchases import (
    CUSTOMERS_TABLE,
    PRODUCTS_TABLE,
    Ints,
    Purchases,
    days_since_1970,
    pair_keys,
    read_purchases,
)
from cdp_pipeline.prediction.recommendations.trial import (
    Hits,
    Recommended,
    Sample,
    fit_on,
    ranked,
)
from cdp_pipeline.prediction.threads import one_numeric_thread

TODAY = date(2024, 6, 30)
HORIZON_DAYS = 7
AT = 10
SPLITS = 5
LEARN, JUDGE = 0.72, 0.20
SEED = 1
SQL = ("churn_horizon", "churn_cutoffs", "product_purchases", "returned_products",
       "profiling_objections", "recommendable_products", "fallback_recommendations")  # fmt: skip


def figures() -> list[Figure]:
    """Measure on Ta-Feng, and on Complete Journey to see whether it holds elsewhere."""
    data = Path(os.environ["CDP_DATASETS"])
    return [
        *basket_figures(
            "tafeng",
            f"select * from '{_file(data / 'tafeng_baskets' / 'tafeng_baskets.parquet')}'",
            bars={
                "fallback.recall": 0.134,
                "ranker.recall": 0.165,
                "ranker.ndcg": 0.148,
                "seconds": 10.0,
            },
        ),
        *basket_figures("complete_journey", _complete_journey(data), bars={}),
    ]


def _complete_journey(data: Path) -> str:
    """Return the weeks of each household as baskets; lines are a sample, so baskets have gaps."""
    file = _file(data / "complete_journey" / "transactions_sample.parquet")
    return f"""
        with weeks as (
            select
                household_id as user_id, product_id,
                dense_rank() over (partition by household_id order by week) as order_number,
            from '{file}' where quantity > 0
        )
        select distinct
            user_id, order_number, product_id,
            order_number = max(order_number) over (partition by user_id) as is_last_basket,
        from weeks
        qualify max(order_number) over (partition by user_id) >= 3
    """


def _file(path: Path) -> Path:
    if not path.is_file():
        raise FileNotFoundError(f"{path.name} is missing below CDP_DATASETS: see its README")
    return path


def basket_figures(subject: str, baskets: str, bars: dict[str, float]) -> list[Figure]:
    """Measure fallback, ranker and references on baskets.

    Parameters
    ----------
    baskets
        A SELECT of user_id, order_number, product_id and is_last_basket.
    """
    con = _connect(baskets)
    with one_numeric_thread():
        purchases = read_purchases(con)
        truth = _truth(con, purchases)
        fallback, fallback_seconds = _fallback(con)
        started = time.process_time()
        past = Past.of(purchases, days_since_1970(TODAY), HORIZON_DAYS)
        past_seconds = time.process_time() - started
        count = purchases.product_count
        lists = {
            "popular": _popular(past, truth),
            "personal_frequency": _personal_frequency(past),
            "tifuknn": _tifuknn(purchases),
            "fallback": fallback,
        }
        hits = {name: Hits.of(found, truth, count) for name, found in lists.items()}
        trials = [_trial(past, truth, number) for number in range(SPLITS)]
    means = {
        (name, measure): float(
            np.mean([getattr(found.among(t.judged), measure).mean() for t in trials])
        )
        for name, found in hits.items()
        for measure in ("recall", "ndcg")
    }
    for measure in ("recall", "ndcg"):
        means["ranker", measure] = float(np.mean([getattr(t.hits, measure).mean() for t in trials]))
    gains = [
        t.hits.gain_over(hits["fallback"].among(t.judged), "recall", seed=SEED) for t in trials
    ]
    name = f"prediction.{subject}"
    found = [
        figure(f"{name}_baskets.users", len(hits["fallback"].customers), "users"),
        figure(f"{name}_baskets.products", count, "products"),
    ]
    for method in ("popular", "personal_frequency", "tifuknn", "fallback", "ranker"):
        for measure in ("recall", "ndcg"):
            found.append(
                figure(
                    f"{name}_{method}.{measure}_at_10",
                    means[method, measure],
                    "",
                    bar=bars.get(f"{method}.{measure}"),
                    direction="up",
                    reference="mean of five user splits"
                    + (f"; TIFU-KNN {means['tifuknn', measure]:.4f}" if method == "ranker" else ""),
                )
            )
    return [
        *found,
        figure(
            f"{name}_ranker.recall_over_fallback",
            min(gain.low for gain in gains),
            "",
            bar=0.0001 if bars else None,
            direction="up",
            reference="lowest lower end of the paired intervals of the splits",
        ),
        figure(
            f"{name}_ranker.score_cpu_seconds",
            past_seconds + float(np.mean([t.score_seconds for t in trials])),
            "s",
            bar=bars.get("seconds"),
            reference="all users: what is known on the day, candidates, features and ranking",
        ),
        figure(
            f"{name}_ranker.train_cpu_seconds",
            float(np.mean([t.train_seconds for t in trials])),
            "s",
        ),
        figure(f"{name}_fallback.cpu_seconds", fallback_seconds, "s", reference="the SQL"),
    ]


@dataclass(frozen=True)
class SplitTrial:
    """One split: the users judged, how their lists did, and what it took."""

    judged: Ints
    hits: Hits
    train_seconds: float
    score_seconds: float


def _trial(past: Past, truth: Ints, number: int) -> SplitTrial:
    """Learn from some users and recommend to all; judge on users that were not learned from."""
    users = np.unique(truth // past.product_count)
    order = np.random.default_rng(number).permutation(len(users))
    cut = [int(share * len(order)) for share in (LEARN, 1.0 - JUDGE)]
    learn, judged = (np.sort(users[part]) for part in (order[: cut[0]], order[cut[1] :]))
    started = time.process_time()
    ranker = fit_on([Sample(past, learn, truth)], seed=SEED)
    trained = time.process_time()
    lists, _ = ranked(past, ranker, users, AT)
    scored = time.process_time()
    hits = Hits.of(lists, truth, past.product_count).among(judged)
    return SplitTrial(judged, hits, trained - started, scored - trained)


def _fallback(con: duckdb.DuckDBPyConnection) -> tuple[Recommended, float]:
    """Run the SQL of the fallback as it stands; return its lists and the CPU seconds."""
    started = time.process_time()
    _make(con, "fallback_recommendations")
    seconds = time.process_time() - started
    rows = con.sql(
        f"""
        select customer_no, product_no, rank - 1 as rank
        from prediction.fallback_recommendations
        inner join {CUSTOMERS_TABLE} using (customer_id)
        inner join {PRODUCTS_TABLE} using (product_id)
        where cutoff_on = date '{TODAY}'
        order by all
        """
    ).fetchnumpy()
    return Recommended(*(np.asarray(column, dtype=np.int64) for column in rows.values())), seconds


def _popular(past: Past, truth: Ints) -> Recommended:
    """Return the same best sellers for every user."""
    users = np.unique(truth // past.product_count)
    best = past.products.by_popularity[:AT]
    return Recommended(
        np.repeat(users, len(best)), np.tile(best, len(users)), np.tile(range(AT), len(users))
    )


def _personal_frequency(past: Past) -> Recommended:
    """Return what each user bought most often, equals by first purchase (P-TopFreq)."""
    pairs = past.pairs
    order = np.lexsort((pairs.product, pairs.first_visit, -pairs.visits, pairs.customer))
    customer = pairs.customer[order].astype(np.int64)
    rank = np.arange(len(order)) - np.searchsorted(customer, customer)
    kept = rank < AT
    return Recommended(customer[kept], pairs.product[order][kept].astype(np.int64), rank[kept])


def _tifuknn(purchases: Purchases) -> Recommended:
    """Return TIFU-KNN (Hu et al. 2020) with its published settings for grocery baskets.

    Seven groups of visits, decays .9 within and .7 between them, 300 neighbours by Euclidean
    distance, weight .7 on the user's own habits.
    """
    from scipy import sparse

    groups, within, between, neighbours, alpha = 7, 0.9, 0.7, 300, 0.7
    users = np.unique(purchases.customer)
    visits = np.zeros(purchases.customer_count, dtype=np.int64)
    np.maximum.at(visits, purchases.customer, purchases.visit)
    total = visits[purchases.customer]
    # groups are as even as can be, the first ones smaller, counted from the newest visit
    size = np.maximum(-(-total // groups), 1)
    back = total - purchases.visit
    group, inside = back // size, back % size
    count = -(-total // size)
    in_group = np.minimum(size, total - group * size)
    weight = within**inside / in_group * between**group / count
    habits = sparse.csr_matrix(
        (weight, (purchases.customer, purchases.product)),
        shape=(purchases.customer_count, purchases.product_count),
    )
    squares = np.asarray(habits.multiply(habits).sum(axis=1)).ravel()
    parts = []
    for first in range(0, len(users), 500):
        batch = users[first : first + 500]
        own = habits[batch]
        distance = squares[None, :] - 2.0 * (own @ habits.T).toarray()
        distance[np.arange(len(batch)), batch] = np.inf
        near = np.argpartition(distance, neighbours, axis=1)[:, :neighbours]
        picks = sparse.csr_matrix(
            (
                np.full(near.size, 1.0 / neighbours),
                near.ravel(),
                np.arange(len(batch) + 1) * neighbours,
            ),
            shape=(len(batch), habits.shape[0]),
        )
        score = (alpha * own + (1.0 - alpha) * (picks @ habits)).toarray()
        best = np.argsort(-score, axis=1, kind="stable")[:, :AT]
        parts.append(
            Recommended(
                np.repeat(batch.astype(np.int64), AT), best.ravel(), np.tile(range(AT), len(batch))
            )
        )
    return Recommended(
        *(
            np.concatenate([getattr(p, name) for p in parts])
            for name in ("customer", "product", "rank")
        )
    )


def _truth(con: duckdb.DuckDBPyConnection, purchases: Purchases) -> Ints:
    """Return the sorted pair keys of each user's last basket."""
    rows = con.sql(
        f"""
        select customer_no, product_no
        from baskets
        inner join {CUSTOMERS_TABLE} on customer_id = user_id
        inner join {PRODUCTS_TABLE} using (product_id)
        where is_last_basket
        """
    ).fetchnumpy()
    return np.unique(pair_keys(rows["customer_no"], rows["product_no"], purchases.product_count))


def _connect(baskets: str) -> duckdb.DuckDBPyConnection:
    """Return a connection that holds the baskets as the tables the product reads.

    Products that are only in last baskets are in the catalogue, as they would be in a shop.
    """
    con = duckdb.connect()
    con.execute("set threads = 2").fetchall()
    for statement in (
        *(
            f"create schema {layer}"
            for layer in ("sources", "staging", "identity", "profiles", "prediction")
        ),
        f"""
        create table baskets as
        select
            cast(user_id as varchar) as user_id,
            cast(product_id as varchar) as product_id,
            is_last_basket,
            date '{TODAY}' - cast({HORIZON_DAYS} * (
                max(order_number) over (partition by user_id) - 1 - order_number
            ) as integer) as ordered_on,
        from ({baskets})
        """,
        f"""
        create table sources.run_clock as
        select date '{TODAY}' as as_of_on, 'UTC' as time_zone, 'EUR' as home_currency
        """,
        """
        create table profiles.order_lines as
        select
            user_id as customer_id, product_id, 'completed' as status, 1 as quantity,
            false as is_return, ordered_on,
        from baskets where not is_last_basket
        """,
        """
        create table profiles.orders as
        select customer_id, ordered_on, true as is_purchase
        from profiles.order_lines group by all
        """,
        """
        create table identity.identity_map as
        select 'shop' as source, customer_id as record_id, customer_id
        from profiles.orders group by customer_id
        """,
        """
        create table staging.products as
        select
            product_id, null::varchar as product_name, null::varchar as category,
            null::decimal(18, 2) as list_price_amount, null::varchar as currency,
            false as is_discontinued,
        from baskets group by product_id
        """,
        """
        create table staging.inventory (
            location_id varchar, product_id varchar, quantity_on_hand decimal(18, 3)
        )
        """,
        """
        create table profiles.consents (
            customer_id varchar, channel varchar, purpose varchar, reach varchar,
            is_granted boolean, is_current_contact_point boolean, decided_at timestamp
        )
        """,
    ):
        con.execute(statement).fetchall()
    for name in SQL:
        _make(con, name)
    return con


def _make(con: duckdb.DuckDBPyConnection, name: str) -> None:
    query = (ROOT / "dbt_like_sql" / "prediction" / f"{name}.sql").read_text()
    con.execute(f"create or replace table prediction.{name} as {query}").fetchall()
