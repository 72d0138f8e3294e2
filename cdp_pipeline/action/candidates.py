"""What could be done for each customer, and what it is expected to bring.

Belongs here: the catalogue evaluated over ``action.customer_facts``, with probability, value,
cost and gates. Which one of them is taken is decided in ``choice``.
"""

from __future__ import annotations

import duckdb

from cdp_pipeline.action.catalogue import Action, Catalogue, ChannelUse, DeclarationError
from cdp_pipeline.action.expressions import sentence_sql, sql_text

FACTS = "facts_with_definitions"

# From this share of evidence in the estimate on, it is called measured.
_MEASURED_SHARE = 0.8


def action_candidates(con: duckdb.DuckDBPyConnection, catalogue: Catalogue) -> dict[str, str]:
    """Make ``action.action_candidates``.

    Parameters
    ----------
    con : DuckDBPyConnection
        Sees ``action.customer_facts``, ``action.contact_permissions`` and
        ``action.response_rates``.
    catalogue : Catalogue

    Raises
    ------
    DeclarationError
        If an expression names a column there is none of, by file and line.
    """
    facts_view(con, catalogue)
    branches = "\nunion all\n".join(
        _branch(catalogue, name, catalogue.actions[name], channel)
        for name, channel in catalogue.lanes()
    )
    return {"action.action_candidates": _CANDIDATES.format(branches=branches)}


def facts_view(con: duckdb.DuckDBPyConnection, catalogue: Catalogue) -> None:
    """Create the view that the catalogue's expressions are evaluated in.

    Raises
    ------
    DeclarationError
        If an expression names a column there is none of.
    """
    columns = list(con.sql("select * from action.customer_facts limit 0").columns)
    select = "select * from action.customer_facts"
    for name, text in catalogue.definitions.items():
        wider = f"select *, ({text}) as {name} from ({select})"
        error = "is already a column of the facts" if name in columns else _bind_error(con, wider)
        if error:
            raise DeclarationError(
                [catalogue.problem(("definitions", name), _told(error), _columns_hint(columns))]
            )
        select = wider
        columns.append(name)
    con.execute(f"create or replace temp view {FACTS} as {select}")
    problems = []
    sentences = [
        (("actions", name, "why"), sentence_sql(action.why))
        for name, action in catalogue.actions.items()
    ]
    for place, text in (*catalogue.customer_expressions(), *sentences):
        if error := _bind_error(con, f"select ({text}) from {FACTS}"):
            problems.append(catalogue.problem(place, _told(error), _columns_hint(columns)))
    if problems:
        raise DeclarationError(problems)


def _bind_error(con: duckdb.DuckDBPyConnection, query: str) -> str | None:
    """Return what the engine says against a query, which is planned but not run."""
    try:
        con.execute(f"explain {query}").fetchall()
    except (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException) as error:
        return str(error)
    return None


def _told(error: str) -> str:
    """Return the first line of what the engine says; it speaks of the statement, not of data."""
    return error.splitlines()[0].split("Error: ", 1)[-1]


def _columns_hint(columns: list[str]) -> str:
    return "there are the columns " + ", ".join(columns)


def _branch(catalogue: Catalogue, name: str, action: Action, channel: str) -> str:
    """Return the SELECT of the customers one action and channel is for."""
    use: ChannelUse = action.channels[channel]  # type: ignore[index]
    probability = use.probability or action.probability
    closed = "".join(
        f" when ({gate.when}) then {sql_text(gate_name)}"
        for gate_name, gate in catalogue.gates.items()
        if name not in gate.lets_through
    )
    return f"""select
    customer_id,
    {sql_text(name)} as action,
    {sql_text(channel)} as channel,
    {sql_text(action.purpose)} as purpose,
    buyer_group,
    currency,
    greatest(coalesce(try_cast(({action.value}) as decimal(18, 4)), 0), 0) as value_amount,
    coalesce(try_cast(({use.cost}) as decimal(18, 4)), 0) as cost_amount,
    {"case" + closed + " end" if closed else "null"} as closed_gate,
    {probability.prior!r}::double as prior,
    {probability.prior_weight!r}::double as prior_weight,
    {"true" if probability.evidence == "campaigns" else "false"} as uses_evidence
from {FACTS}
where ({action.when})"""


_CANDIDATES = f"""
with

eligible as (
{{branches}}
),

channel_rates as (
    select
        channel,
        max(channel_uplift_ratio)::double as uplift,
        max(channel_evidence_count)::double as evidence
    from action.response_rates
    group by channel
),

estimated as (
    select
        eligible.*,
        case when eligible.uses_evidence then coalesce(channel_rates.evidence, 0) else 0 end
            as evidence,
        coalesce(rates.shrunk_uplift_ratio::double, channel_rates.uplift, 0) as uplift
    from eligible
    left join action.response_rates as rates
        on eligible.channel = rates.channel and eligible.buyer_group = rates.buyer_group
    left join channel_rates
        on eligible.channel = channel_rates.channel
),

believed as (
    select
        *,
        evidence / (evidence + prior_weight) as evidence_share,
        least(
            greatest((evidence * uplift + prior_weight * prior) / (evidence + prior_weight), 0), 1
        )::decimal(9, 6) as probability
    from estimated
)

select
    believed.customer_id,
    believed.action,
    believed.channel,
    believed.purpose,
    case
        when permissions.is_allowed is not true then 'permission'
        else believed.closed_gate
    end as closed_by,
    case
        when permissions.is_allowed is not true then coalesce(permissions.why, 'no_rule')
    end as closed_why,
    case
        when believed.evidence_share = 0 then 'declared'
        when believed.evidence_share >= {_MEASURED_SHARE} then 'measured'
        else 'blended'
    end as probability_basis,
    believed.currency,
    believed.probability,
    believed.value_amount::decimal(18, 4) as value_amount,
    believed.cost_amount::decimal(18, 4) as cost_amount,
    (believed.probability * believed.value_amount - believed.cost_amount)::decimal(18, 4)
        as expected_value_amount,
    permissions.is_allowed is true and believed.closed_gate is null as is_open
from believed
left join action.contact_permissions as permissions
    on
        believed.customer_id = permissions.customer_id
        and believed.channel = permissions.channel
        and believed.purpose = permissions.purpose
"""
