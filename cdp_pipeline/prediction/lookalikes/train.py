"""Training: likeness to today's seeds, and how the same way of training did on past days."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from cdp_pipeline.prediction.lookalikes.behaviour import (
    MEASURES,
    Behaviour,
    behaviour_on,
    categories_on,
)
from cdp_pipeline.prediction.lookalikes.declared import Audience, Audiences
from cdp_pipeline.prediction.lookalikes.likeness import Likeness
from cdp_pipeline.prediction.lookalikes.model import LookalikeModel, Trained
from cdp_pipeline.prediction.lookalikes.seeds import TABLE, count_seeds, find_seeds, is_seed
from cdp_pipeline.prediction.lookalikes.trial import (
    JUDGED_SHARE,
    LEAST_FOUND,
    PastDay,
    Verdict,
    judge,
    verdict_dict,
)
from cdp_pipeline.prediction.threads import one_numeric_thread
from cdp_pipeline.warehouse.engine import literal

if TYPE_CHECKING:
    import duckdb

PAST_DAYS = 4
# What tells seeds from others is learned from so many at most; more cost and tell nothing new.
TRAINING_CUSTOMERS = 20_000
TRAINING_SEEDS = 5_000
# What the card tells of what likeness is made of.
MOST_DRIVERS = 8
_SPEND = MEASURES.index("spend")


def train_lookalikes(
    con: duckdb.DuckDBPyConnection, plan: Audiences, today: date, *, seed: int
) -> LookalikeModel:
    """Learn likeness to each audience's seeds, and try it on past days.

    Parameters
    ----------
    con : DuckDBPyConnection
        Sees ``profiles.order_lines`` and what the seeds' queries read.
    plan : Audiences
        Which audiences.
    today : date
        The last day that is known.
    seed : int
        Of the resampling.
    """
    find_seeds(con, plan, today)
    share = _sampled_share(con)
    past = [
        today - timedelta(days=number * plan.horizon_days) for number in range(PAST_DAYS, 0, -1)
    ]
    with one_numeric_thread():
        days = [day for day in past if _has_history(con, day, plan.horizon_days)]
        known = {day: _known_on(con, day, share) for day in [*days, today]}
        audiences = {
            name: _train(con, name, audience, plan, known, today, seed)
            for name, audience in sorted(plan.audiences.items())
        }
    return LookalikeModel(plan.horizon_days, audiences, _card(plan, audiences, days, today))


def _train(
    con: duckdb.DuckDBPyConnection,
    name: str,
    audience: Audience,
    plan: Audiences,
    known: dict[date, tuple[list[str], Behaviour]],
    today: date,
    seed: int,
) -> Trained:
    """Fit today's likeness, and judge how the same way of fitting did on past days."""
    categories, behaviour = known[today]
    were_seeds = is_seed(con, name, behaviour, today)
    seeds = count_seeds(con, name, today)
    if seeds < plan.least_seeds or were_seeds.all():
        because = (
            f"not enough data for likeness: {seeds} seeds who have bought, {plan.least_seeds} are "
            "needed; exported nobody instead"
            if seeds < plan.least_seeds
            else "every customer is a seed, nobody is left to be like them; exported nobody"
        )
        return Trained(audience.title, "too_few_seeds", because, seeds, None, None)
    likeness = Likeness.fit(behaviour, categories, were_seeds)
    past = [
        found
        for day, (day_categories, at) in known.items()
        if day != today and (found := _past_day(con, name, plan, day, day_categories, at))
    ]
    verdict = judge(past, seed=seed)
    status, because = _status(verdict)
    return Trained(audience.title, status, because, seeds, likeness, verdict_dict(verdict))


def _status(verdict: Verdict | None) -> tuple[str, str]:
    if verdict is None:
        return (
            "not_backtested",
            "not enough data to judge likeness: fewer than "
            f"{LEAST_FOUND} became seeds after a past day; exported it untried",
        )
    lift, gain = verdict.lift(), verdict.gain
    said = (
        f"the {JUDGED_SHARE:.0%} most alike became seeds {lift.value:.2f} times as often as all "
        f"({lift.low:.2f} to {lift.high:.2f}); over spend alone {gain.value:+.2f} "
        f"({gain.low:+.2f} to {gain.high:+.2f})"
    )
    return ("likeness" if verdict.is_better else "spend"), said


def _past_day(
    con: duckdb.DuckDBPyConnection,
    name: str,
    plan: Audiences,
    day: date,
    categories: list[str],
    behaviour: Behaviour,
) -> PastDay | None:
    """Return the candidates of a past day with their likeness; None with too few seeds then."""
    were_seeds = is_seed(con, name, behaviour, day)
    if were_seeds.sum() < plan.least_seeds or were_seeds.all():
        return None
    likeness = Likeness.fit(behaviour, categories, were_seeds).of(behaviour)
    later = is_seed(con, name, behaviour, day + timedelta(days=plan.horizon_days))
    # more seeds are looked at than are in the sample: those of later must not be among them
    is_candidate = ~were_seeds & behaviour.is_sampled
    return PastDay(
        day.isoformat(),
        behaviour.customer_id[is_candidate],
        likeness[is_candidate],
        behaviour.measures[is_candidate, _SPEND],
        later[is_candidate],
        int(were_seeds.sum()),
    )


def _known_on(
    con: duckdb.DuckDBPyConnection, day: date, share: float
) -> tuple[list[str], Behaviour]:
    categories = categories_on(con, day)
    also = (
        f"(select customer_id from {TABLE} where since_on <= date {literal(str(day))} "
        "qualify row_number() over (partition by audience order by md5(customer_id), customer_id) "
        f"<= {TRAINING_SEEDS})"
    )
    return categories, behaviour_on(con, day, categories, share=share, also=also)


def _sampled_share(con: duckdb.DuckDBPyConnection) -> float:
    count = con.sql("select count(distinct customer_id) from profiles.order_lines").fetchall()[0][0]
    return min(1.0, TRAINING_CUSTOMERS / max(int(count), 1))


def _has_history(con: duckdb.DuckDBPyConnection, day: date, horizon_days: int) -> bool:
    """Whether customers have bought for a whole horizon before a day."""
    first = con.sql("select min(ordered_on) from profiles.order_lines").fetchall()[0][0]
    return first is not None and first <= day - timedelta(days=horizon_days)


def _drivers(likeness: Likeness | None) -> dict[str, float]:
    """Return the columns that weigh most, in log odds per standard deviation."""
    if likeness is None:
        return {}
    weights = sorted(
        zip(likeness.columns, likeness.weights, strict=True),
        key=lambda item: (-abs(item[1]), item[0]),
    )
    return {name: round(weight, 6) for name, weight in weights[:MOST_DRIVERS]}


def _card(
    plan: Audiences, audiences: dict[str, Trained], days: list[date], today: date
) -> dict[str, Any]:
    return {
        "predicts": f"who will become one of the seeds within {plan.horizon_days} days",
        "data": {
            "trained_on": today.isoformat(),
            "tried_on": [day.isoformat() for day in days],
            "columns": "buying behaviour and interests; nothing about the person",
        },
        "audiences": {
            name: {
                "seeds": part.seeds,
                "exported": part.status,
                "because": part.because,
                "gain_over_spend": None if part.verdict is None else part.verdict["gain"],
                # where spend alone is exported, likeness drives nothing
                "drivers": _drivers(part.likeness) if part.status != "spend" else {},
            }
            for name, part in audiences.items()
        },
        "not_for": [
            "saying what makes somebody a seed: likeness goes along with it, it is no cause",
            "deciding about one person without a human",
            "customers who have never bought: nothing is known of their behaviour",
        ],
    }
