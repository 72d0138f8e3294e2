"""The next best action of every customer, as a table.

Belongs here: laying the candidates out for ``arbitration``, the control group, and saying why in
the catalogue's words. The choosing itself is arithmetic and stands in ``arbitration``.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa

from cdp_pipeline.action.arbitration import (
    Candidates,
    Floats,
    Limit,
    Positions,
    best_candidates,
    choose,
    net_values,
)
from cdp_pipeline.action.candidates import FACTS, facts_view
from cdp_pipeline.action.catalogue import NO_ACTION, Catalogue
from cdp_pipeline.action.expressions import sentence_sql, sql_text

log = logging.getLogger("cdp_pipeline.action")


@dataclass(frozen=True)
class _Laid:
    """The open candidates as arrays."""

    candidates: Candidates
    is_held_out: np.ndarray


def choose_next_best_actions(
    con: duckdb.DuckDBPyConnection, catalogue: Catalogue
) -> dict[str, str]:
    """Make ``action.next_best_actions``: one row per customer.

    Customers of the control group take part in everything but the actions that have a holdout;
    what they would have got follows from the same prices, and uses up no capacity.

    Parameters
    ----------
    con : DuckDBPyConnection
        Sees ``action.action_candidates``, ``action.customer_facts``,
        ``identity.customer_aliases`` and ``sources.run_clock``.
    catalogue : Catalogue
        The one that ``action_candidates`` was made with.
    """
    facts_view(con, catalogue)
    con.execute(_CUSTOMERS.format(**_control(catalogue)))
    laid = _laid_out(con, catalogue)
    limits = limits_of(con, catalogue)
    given = np.flatnonzero(~laid.is_held_out)
    choice = choose(laid.candidates.only(given), limits)
    chosen = _in_all(choice.chosen, given)
    withheld = _best_among(
        laid.candidates,
        np.flatnonzero(laid.is_held_out),
        net_values(laid.candidates, limits, choice.prices),
    )
    runner_up = _best_among(
        laid.candidates,
        np.setdiff1d(given, chosen, assume_unique=True),
        laid.candidates.value,
    )
    if choice.bound > 0:
        log.info("next best actions reach %.2f %% of the bound", 100 * choice.value / choice.bound)
    con.register(
        "choices",
        pa.table(
            {
                "customer_no": pa.array(np.arange(laid.candidates.customer_count)),
                "lane_no": _lanes_of(laid.candidates, chosen),
                "runner_up_lane_no": _lanes_of(laid.candidates, runner_up),
                "withheld_lane_no": _lanes_of(laid.candidates, withheld),
            }
        ),
    )
    return {"action.next_best_actions": _result_sql(catalogue)}


def _in_all(positions: Positions, kept: Positions) -> Positions:
    """Return positions among the kept candidates as positions among all."""
    return np.where(positions >= 0, kept[positions], -1) if len(kept) else positions


def _best_among(candidates: Candidates, kept: Positions, score: Floats) -> Positions:
    return _in_all(best_candidates(candidates.only(kept), score[kept]), kept)


def _lanes_of(candidates: Candidates, positions: Positions) -> pa.Array:
    """Return the lane of each customer's candidate, null where there is none."""
    missing = positions < 0
    if not len(candidates.lane):
        return pa.nulls(len(positions), pa.int64())
    return pa.array(candidates.lane[np.where(missing, 0, positions)], mask=missing)


def limits_of(con: duckdb.DuckDBPyConnection, catalogue: Catalogue) -> list[Limit]:
    """Return the catalogue's capacities and budgets in numbers, for this business.

    Parameters
    ----------
    con : DuckDBPyConnection
        In which `facts_view` was made.
    catalogue : Catalogue
    """
    lanes = catalogue.lanes()
    numbers = {lane: number for number, lane in enumerate(lanes)}
    limits = []

    def add(name: str, lanes_of: list[int], counts: str, text: str | None) -> None:
        if text is None:
            return
        value = con.sql(f"select max(try_cast(({text}) as double)) from {FACTS}").fetchall()[0][0]
        amount = max(float(value or 0), 0.0)
        if counts == "customers":
            limits.append(Limit(name, tuple(lanes_of), "customers", float(int(amount))))
        else:
            limits.append(Limit(name, tuple(lanes_of), "cost", amount))

    for channel, text in catalogue.limits.channel_capacity.items():
        add(channel, [n for (_, c), n in numbers.items() if c == channel], "customers", text)
    for name, action in catalogue.actions.items():
        own = [n for (a, _), n in numbers.items() if a == name]
        add(name, own, "customers", action.capacity)
        add(name, own, "cost", action.budget)
        for channel, use in action.channels.items():
            add(f"{name}/{channel}", [numbers[name, channel]], "customers", use.capacity)
    add("all", list(numbers.values()), "cost", catalogue.limits.budget)
    return limits


def _control(catalogue: Catalogue) -> dict[str, str]:
    threshold = round(catalogue.control.share * 1_000_000)
    hashed = "md5_number(" + sql_text(catalogue.control.key + ":") + " || {0}) % 1000000"
    return {
        "own_arm": f"{hashed.format('facts.customer_id')} < {threshold}",
        "alias_arm": f"{hashed.format('aliases.alias_customer_id')} < {threshold}",
        "current_arm": f"{hashed.format('aliases.customer_id')} < {threshold}",
    }


_CUSTOMERS = """
create or replace temp table customers as
with mixed as (
    select aliases.customer_id
    from identity.customer_aliases as aliases
    where ({alias_arm}) != ({current_arm})
    group by all
)
select
    facts.customer_id,
    (row_number() over (order by facts.customer_id) - 1)::integer as customer_no,
    {own_arm} as is_control,
    mixed.customer_id is not null as is_mixed_arm
from action.customer_facts as facts
left join mixed
    on facts.customer_id = mixed.customer_id
"""


def _laid_out(con: duckdb.DuckDBPyConnection, catalogue: Catalogue) -> _Laid:
    columns = con.sql(
        f"""select
            customers.customer_no::bigint as customer,
            lanes.lane_no::bigint as lane,
            candidates.expected_value_amount::double as value,
            candidates.cost_amount::double as cost,
            customers.is_control and lanes.has_holdout as is_held_out
        from action.action_candidates as candidates
        inner join customers
            on candidates.customer_id = customers.customer_id
        inner join ({_lanes_sql(catalogue)}) as lanes
            on candidates.action = lanes.action and candidates.channel = lanes.channel
        where candidates.is_open and candidates.expected_value_amount > 0
        order by customer, lane"""
    ).to_arrow_table()
    count = con.sql("select count(*) from customers").fetchall()[0][0]
    return _Laid(
        Candidates(
            customer=columns["customer"].to_numpy(),
            lane=columns["lane"].to_numpy(),
            value=columns["value"].to_numpy(),
            cost=columns["cost"].to_numpy(),
            customer_count=int(count),
        ),
        columns["is_held_out"].to_numpy(),
    )


def _lanes_sql(catalogue: Catalogue) -> str:
    """Return a SELECT of each lane with what the catalogue says of its action."""
    rows = ", ".join(
        f"({number}, {sql_text(name)}, {sql_text(channel)}, {action.holdout},"
        f" {sql_text(action.content_key)}, {action.valid_days})"
        for number, (name, channel) in enumerate(catalogue.lanes())
        for action in [catalogue.actions[name]]
    )
    return (
        f"select * from (values {rows})"
        " as lanes (lane_no, action, channel, has_holdout, content_key, valid_days)"
    )


def _result_sql(catalogue: Catalogue) -> str:
    whys = " ".join(
        f"when {sql_text(name)} then {sentence_sql(action.why)}"
        for name, action in catalogue.actions.items()
    )
    products = " ".join(
        f"when {sql_text(name)} then ({action.content_product})"
        for name, action in catalogue.actions.items()
        if action.content_product is not None
    )
    gates = " ".join(
        f"when {sql_text(name)} then {sql_text(gate.title)}"
        for name, gate in catalogue.gates.items()
    )
    words = catalogue.words
    return _RESULT.format(
        facts=FACTS,
        none=sql_text(NO_ACTION),
        lanes=_lanes_sql(catalogue),
        whys=whys,
        content_product=f"case chosen.action {products} end" if products else "null",
        gate_title=f"case closed_by {gates} end" if gates else "null",
        words_permission=sentence_sql(words.permission),
        words_gate=sentence_sql(words.gate),
        words_probability=sentence_sql(words.probability),
        words_worth=sentence_sql(words.worth),
        words_capacity=sentence_sql(words.capacity),
    )


# What was missed is looked for in this order: an open candidate that pays (then only room was
# missing), a closed one that would pay, and at last one that does not pay.
_RESULT = """
with

lanes as ({lanes}),

chosen as (
    select
        customers.customer_id,
        customers.is_control,
        customers.is_mixed_arm,
        lanes.action,
        lanes.channel,
        lanes.content_key,
        lanes.valid_days,
        runner_up_lanes.action as runner_up_action,
        runner_up_lanes.channel as runner_up_channel,
        withheld_lanes.action as withheld_action,
        withheld_lanes.channel as withheld_channel
    from customers
    inner join choices
        on customers.customer_no = choices.customer_no
    left join lanes
        on choices.lane_no = lanes.lane_no
    left join lanes as runner_up_lanes
        on choices.runner_up_lane_no = runner_up_lanes.lane_no
    left join lanes as withheld_lanes
        on choices.withheld_lane_no = withheld_lanes.lane_no
),

missed as (
    select
        candidates.customer_id,
        candidates.action,
        candidates.channel,
        candidates.purpose,
        candidates.closed_by,
        candidates.probability as probability_now,
        candidates.cost_amount / nullif(candidates.value_amount, 0) as probability_needed,
        case
            when candidates.expected_value_amount <= 0 then 'not_worth_its_cost'
            when candidates.is_open then 'no_capacity'
            else 'gate_closed'
        end as reason,
        row_number() over (
            partition by candidates.customer_id
            order by
                candidates.expected_value_amount > 0 desc,
                candidates.is_open desc,
                candidates.expected_value_amount desc,
                candidates.action asc,
                candidates.channel asc
        ) as place
    from action.action_candidates as candidates
    inner join chosen
        on candidates.customer_id = chosen.customer_id
    where chosen.action is null and chosen.withheld_action is null
),

told as (
    select
        customer_id,
        reason,
        {gate_title} as gate,
        action,
        channel,
        purpose,
        closed_by,
        coalesce(probability_needed >= 1, true) as is_beyond_reach,
        format('{{:.1f}} %', probability_now::double * 100) as probability,
        format('{{:.1f}} %', probability_needed::double * 100) as needed
    from missed
    where place = 1
),

explained as (
    select
        customer_id,
        reason,
        case
            when reason = 'no_capacity' then {words_capacity}
            -- no probability makes up for an order that brings less than the action costs
            when reason = 'not_worth_its_cost' and is_beyond_reach then {words_worth}
            when reason = 'not_worth_its_cost' then {words_probability}
            when closed_by = 'permission' then {words_permission}
            else {words_gate}
        end as what_it_would_take
    from told
),

reasons as (
    select
        facts.customer_id,
        case chosen.action {whys} end as why,
        {content_product} as content_product_id
    from {facts} as facts
    inner join chosen
        on facts.customer_id = chosen.customer_id
    where chosen.action is not null
)

select
    chosen.customer_id,
    run_clock.as_of_on,
    coalesce(chosen.action, {none}) as action,
    chosen.channel,
    candidates.purpose,
    chosen.content_key,
    reasons.content_product_id,
    case
        when chosen.action is not null then 'best_value'
        when chosen.withheld_action is not null then 'control_group'
        else coalesce(explained.reason, 'not_eligible')
    end as reason,
    reasons.why,
    explained.what_it_would_take,
    chosen.runner_up_action,
    chosen.runner_up_channel,
    chosen.withheld_action,
    chosen.withheld_channel,
    candidates.probability_basis,
    run_clock.home_currency as currency,
    candidates.probability,
    round(candidates.value_amount, 2)::decimal(18, 2) as value_amount,
    round(candidates.cost_amount, 2)::decimal(18, 2) as cost_amount,
    coalesce(candidates.expected_value_amount, 0)::decimal(18, 4) as expected_value_amount,
    runner_up_candidates.expected_value_amount as runner_up_expected_value_amount,
    chosen.is_control,
    chosen.is_mixed_arm,
    run_clock.as_of_on as valid_from_on,
    case
        when chosen.action is not null then run_clock.as_of_on + (chosen.valid_days - 1)
    end as valid_until_on
from chosen
cross join sources.run_clock as run_clock
left join action.action_candidates as candidates
    on
        chosen.customer_id = candidates.customer_id
        and chosen.action = candidates.action
        and chosen.channel = candidates.channel
left join action.action_candidates as runner_up_candidates
    on
        chosen.customer_id = runner_up_candidates.customer_id
        and chosen.runner_up_action = runner_up_candidates.action
        and chosen.runner_up_channel = runner_up_candidates.channel
left join explained
    on chosen.customer_id = explained.customer_id
left join reasons
    on chosen.customer_id = reasons.customer_id
"""
