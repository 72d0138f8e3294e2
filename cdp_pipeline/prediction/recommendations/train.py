"""Training recommendations: learn on past cut-offs, judge on a later one, keep what is better.

Here belong the verb and the rules by which less is exported when the past cannot carry more: the
ranker, else the plain fallback, else nothing. How lists are judged is in ``trial``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cdp_pipeline.prediction.recommendations.card import model_card
from cdp_pipeline.prediction.recommendations.model import Rate, RecommendationModel
from cdp_pipeline.prediction.recommendations.past import ACTIVE_DAYS
from cdp_pipeline.prediction.recommendations.purchases import (
    CUSTOMERS_TABLE,
    PRODUCTS_TABLE,
    Purchases,
    columns_of,
    read_purchases,
)
from cdp_pipeline.prediction.recommendations.trial import (
    BUYERS_TO_JUDGE,
    BUYERS_TO_LEARN,
    JUDGING_CUSTOMERS,
    LEARNING_CUSTOMERS,
    LEARNING_CUTOFFS,
    Recommended,
    Sample,
    Verdict,
    fit_on,
    verdict_of,
)
from cdp_pipeline.prediction.samples import Cutoff, read_cutoffs
from cdp_pipeline.prediction.threads import one_numeric_thread

if TYPE_CHECKING:
    import duckdb

    from cdp_pipeline.prediction.trees import BoostedTrees

# A rate from fewer purchases than this would be a guess.
PURCHASES_FOR_A_RATE = 20


def train_recommendations(con: duckdb.DuckDBPyConnection, *, seed: int) -> RecommendationModel:
    """Train on past cut-offs, judge on a later one, and keep what deserves to be exported.

    Reads ``identity.identity_map``, ``prediction.churn_cutoffs``, ``product_purchases``,
    ``profiling_objections``, ``recommendable_products`` and ``fallback_recommendations``.

    Parameters
    ----------
    seed
        Of trees and resampling: the same seed and tables give the same model, bit for bit.
    """
    cutoffs = read_cutoffs(con)
    past = [cutoff for cutoff in cutoffs if cutoff.label_until_on is not None]
    judged = next((cutoff for cutoff in reversed(past) if cutoff.role == "judge"), None)
    with one_numeric_thread():
        purchases = read_purchases(con)
        if not len(purchases):
            return _finish(con, cutoffs, "nothing", "no purchases yet, exported nothing", seed=seed)
        if judged is None:
            because = (
                "not enough data for a learned ranking: the orders do not reach two horizons back, "
                "exported the fallback instead"
            )
            return _finish(con, cutoffs, "fallback", because, seed=seed)
        return _train(con, cutoffs, past, judged, purchases, seed)


def _train(
    con: duckdb.DuckDBPyConnection,
    cutoffs: list[Cutoff],
    past: list[Cutoff],
    judged: Cutoff,
    purchases: Purchases,
    seed: int,
) -> RecommendationModel:
    """Judge ranker against fallback, then learn from the newest cut-offs."""
    known = [cutoff for cutoff in past if _ends_by(cutoff, judged)][-LEARNING_CUTOFFS:]
    samples = [Sample.of(purchases, cutoff, LEARNING_CUSTOMERS) for cutoff in known]
    plain = _fallback_lists(con, judged)
    later = Sample.of(purchases, judged, JUDGING_CUSTOMERS, among=np.unique(plain.customer))
    rates = _rates(con, judged)
    buyers = sum(sample.buyers for sample in samples)
    learned_from = list(zip(known, [sample.buyers for sample in samples], strict=True))
    enough = (
        ("to learn from", buyers, BUYERS_TO_LEARN),
        ("to judge on", later.buyers, BUYERS_TO_JUDGE),
    )
    short = next((item for item in enough if item[1] < item[2]), None)
    ranker = None if short else fit_on(samples, seed=seed)
    if ranker is None:
        because = (
            f"not enough data for a learned ranking: {short[1]} customers bought after a past "
            f"cut-off {short[0]}, {short[2]} needed; exported the fallback instead"
            if short
            else "nothing to learn: every candidate was bought, or none; exported the fallback "
            "instead"
        )
        return _finish(
            con,
            cutoffs,
            "fallback",
            because,
            seed=seed,
            rates=rates,
            learned_from=learned_from,
        )
    verdict = verdict_of(ranker, later, plain, seed=seed)
    if verdict.exported == "ranker":
        # the newest days are the most like today
        newest = [*samples[-(LEARNING_CUTOFFS - 1) :], later]
        ranker = fit_on(newest, seed=seed) or ranker
        learned_from = [*learned_from[-(LEARNING_CUTOFFS - 1) :], (judged, later.buyers)]
    return _finish(
        con,
        cutoffs,
        verdict.exported,
        verdict.because,
        seed=seed,
        ranker=ranker,
        verdict=verdict,
        rates=rates,
        learned_from=learned_from,
        judged=judged,
    )


def _finish(
    con: duckdb.DuckDBPyConnection,
    cutoffs: list[Cutoff],
    exported: str,
    because: str,
    *,
    seed: int,
    ranker: BoostedTrees | None = None,
    verdict: Verdict | None = None,
    rates: list[Rate] | None = None,
    learned_from: list[tuple[Cutoff, int]] | None = None,
    judged: Cutoff | None = None,
) -> RecommendationModel:
    """Put the model together with its card."""
    horizon = cutoffs[-1].horizon_days if cutoffs else 0
    refused = con.sql("select count(*) from prediction.profiling_objections").fetchall()[0][0]
    card = model_card(
        exported=exported,
        because=because,
        horizon_days=horizon,
        learned_from=learned_from or [],
        judged_on=judged,
        verdict=verdict,
        rates=rates or [],
        as_of_on=cutoffs[-1].as_of_on.isoformat() if cutoffs else None,
        refused_count=int(refused),
        seed=seed,
    )
    return RecommendationModel(
        exported,
        horizon,
        ranker if exported == "ranker" else None,
        verdict.calibrator if verdict is not None and exported == "ranker" else None,
        rates or [],
        card,
    )


def _ends_by(cutoff: Cutoff, judged: Cutoff) -> bool:
    """Return whether what came of a cut-off was known on the judged day."""
    return cutoff.label_until_on is not None and cutoff.label_until_on <= judged.cutoff_on


def _fallback_lists(con: duckdb.DuckDBPyConnection, judged: Cutoff) -> Recommended:
    """Read what the fallback would have recommended on the judged day."""
    rows = columns_of(
        con,
        f"""
        select customers.customer_no as customer, products.product_no as product,
            fallback.rank - 1 as rank,
        from prediction.fallback_recommendations as fallback
        inner join {CUSTOMERS_TABLE} as customers on fallback.customer_id = customers.customer_id
        inner join {PRODUCTS_TABLE} as products on fallback.product_id = products.product_id
        where fallback.cutoff_on = date '{judged.cutoff_on.isoformat()}'
        order by customer, rank
        """,
    )
    return Recommended(*(rows[name].astype(np.int64) for name in ("customer", "product", "rank")))


def _rates(con: duckdb.DuckDBPyConnection, judged: Cutoff) -> list[Rate]:
    """Return how often the fallback's products were bought, by group of rows.

    Groups too small to say are pooled over the ranks, and left out when that is too small too.
    Customers who had never bought are left out: how many of them were there is not known.
    """
    assert judged.label_until_on is not None
    counted = con.sql(
        f"""
        with visits as (
            select
                customer_id,
                max(ordered_on) as last_on,
            from prediction.product_purchases
            where ordered_on <= date '{judged.cutoff_on.isoformat()}'
            group by customer_id
        ),
        bought as (
            select customer_id, product_id
            from prediction.product_purchases
            where
                ordered_on > date '{judged.cutoff_on.isoformat()}'
                and ordered_on <= date '{judged.label_until_on.isoformat()}'
            group by customer_id, product_id
        )
        select
            case
                when visits.last_on > date '{judged.cutoff_on.isoformat()}' - {ACTIVE_DAYS}
                    then 'active'
                else 'lapsed'
            end as state,
            fallback.source,
            case when fallback.rank <= 3 then 1 else 4 end as rank_from,
            count(*) as row_count,
            count(bought.customer_id) as bought_count,
        from prediction.fallback_recommendations as fallback
        inner join visits on fallback.customer_id = visits.customer_id
        left join bought
            on fallback.customer_id = bought.customer_id
            and fallback.product_id = bought.product_id
        where
            fallback.cutoff_on = date '{judged.cutoff_on.isoformat()}'
            and fallback.customer_id not in (
                select customer_id from prediction.profiling_objections
            )
        group by all
        order by all
        """
    ).fetchall()
    found = []
    for state, source in sorted({(row[0], row[1]) for row in counted}):
        group = [row for row in counted if (row[0], row[1]) == (state, source)]
        if all(row[4] >= PURCHASES_FOR_A_RATE for row in group):
            parts = [(row[2], 3 if row[2] == 1 else 10, row[3], row[4]) for row in group]
        else:
            parts = [(1, 10, sum(row[3] for row in group), sum(row[4] for row in group))]
        found += [
            Rate(state, source, first, last, rows, round((bought + 0.5) / (rows + 1.0), 6))
            for first, last, rows, bought in parts
            if bought >= PURCHASES_FOR_A_RATE
        ]
    return found


def needs_training(con: duckdb.DuckDBPyConnection, model: RecommendationModel) -> str | None:
    """Return why a stored model cannot score today, None when it can.

    Reads ``prediction.churn_cutoffs``: the horizon follows the customers' rhythm, and when it
    moves, the stored model answers a question nobody asks any more.
    """
    cutoffs = read_cutoffs(con)
    wanted = cutoffs[-1].horizon_days if cutoffs else 0
    if model.horizon_days != wanted:
        return f"it was trained for {model.horizon_days} days, the horizon is now {wanted} days"
    return None
