"""Which attributes customers who buy have in common, found on one half and confirmed on the other.

Belongs here: which facts are looked at, the comparison, and the wording. An association is not a
cause: what is told here finds audiences and raises questions, and proves nothing about what would
happen if an attribute were changed. What is looked for, and what never, stands in ``insight.yml``.
"""

from __future__ import annotations

from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from cdp_pipeline.insight.rules import BuyerAttributeRules

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

ANY_PURCHASE = "any purchase"
_LEAST_BUYERS = 5  # expected on either side; with fewer the normal test says too much
_Z = 1.959964
_BANDED_VALUES = 20  # numbers with more different values than this are told in four bands

# Everything about a customer on their own cut-off. Each customer is looked at on one cut-off only,
# chosen by a hash of the id: so customers stay independent, and no season decides alone.
_CUSTOMERS = """
    create or replace temp table looked_at as
    with clock as (select as_of_on from sources.run_clock),
    firsts as (
        select min(ordered_on) as first_on from profiles.orders, clock
        where is_purchase and customer_id is not null and ordered_on <= as_of_on
    ),
    cutoffs as (
        select as_of_on - number * {horizon} as cutoff_on, number,
            count(*) over () as cutoff_count,
        from clock, firsts, (select unnest(range(1, {cutoffs} + 1))::integer as number) as numbers
        where number = 1 or as_of_on - (number + 1) * {horizon} >= first_on
    ),
    known as (
        select measures.customer_id, md5(measures.customer_id) as digest,
            least(measures.first_seen_on, measures.first_order_on) as known_on,
        from insight.customer_measures as measures
    )
    select known.customer_id, known.digest < '8' as is_search_half, cutoffs.cutoff_on,
    from known
    inner join cutoffs
        on 1 + (instr('0123456789abcdef', substr(known.digest, 2, 1)) - 1)
            * cutoffs.cutoff_count // 16 = cutoffs.number
    where known.known_on <= cutoffs.cutoff_on
"""

# What each bought until the end of their horizon, by channel and by category: one pass each.
_BOUGHT = """
    create or replace temp table orders_seen as
    select
        looked_at.customer_id, coalesce(orders.channel, 'unknown') as channel,
        count(*) filter (where orders.ordered_on <= looked_at.cutoff_on) as before_count,
        count(*) filter (where orders.ordered_on > looked_at.cutoff_on) as after_count,
        max(orders.ordered_on) filter (where orders.ordered_on <= looked_at.cutoff_on) as last_on,
        sum(orders.net_home_amount) filter (where orders.ordered_on <= looked_at.cutoff_on)
            as net_spend_amount,
    from looked_at
    inner join profiles.orders as orders using (customer_id)
    where orders.is_purchase and orders.ordered_on <= looked_at.cutoff_on + {horizon}
    group by all;

    create or replace temp table lines_seen as
    select
        looked_at.customer_id, lines.category,
        count(*) filter (where lines.ordered_on <= looked_at.cutoff_on) as before_count,
        count(*) filter (where lines.ordered_on > looked_at.cutoff_on) as after_count,
    from looked_at
    inner join profiles.order_lines as lines using (customer_id)
    where not lines.is_return and lines.category is not null
        and lines.status is distinct from 'cancelled'
        and lines.ordered_on <= looked_at.cutoff_on + {horizon}
    group by all
"""

# A target is a bit: the first is any purchase, the others are the best selling categories.
_TARGETS = """
    create or replace temp table targets as
    with top_categories as (
        select category from lines_seen where after_count > 0
        group by category order by count(*) desc, category limit {categories}
    )
    select 0 as bit, '{any_purchase}' as target, null as category
    where exists (from orders_seen where after_count > 0)
    union all
    select row_number() over (order by category), 'category: ' || category, category
    from top_categories
"""

# A cell is all that counting needs to know of a customer: their half, and which targets they met.
_HISTORY = """
    create or replace temp table history as
    with orders as (
        select
            customer_id, sum(before_count) as order_count, max(last_on) as last_on,
            sum(net_spend_amount) as net_spend_amount,
            bool_or(after_count > 0)::integer::bigint as met,
        from orders_seen group by customer_id
    ),
    categories as (
        select customer_id, bit_or(1::bigint << targets.bit::integer) as met,
        from lines_seen inner join targets using (category)
        where after_count > 0 group by customer_id
    )
    select
        looked_at.customer_id, looked_at.cutoff_on,
        2 * (coalesce(orders.met, 0) | coalesce(categories.met, 0))
            + looked_at.is_search_half::integer as cell,
        coalesce(orders.order_count, 0) as order_count,
        looked_at.cutoff_on - orders.last_on as recency_days,
        orders.net_spend_amount,
    from looked_at
    left join orders using (customer_id)
    left join categories using (customer_id)
"""

_BEHAVIOUR = """
    select cell, 'purchases before' as attribute, case
        when order_count = 0 then '0' when order_count = 1 then '1' when order_count < 4 then '2-3'
        when order_count < 10 then '4-9' else '10 and more' end as value from history
    union all
    select cell, 'days since purchase', case
        when recency_days <= 30 then '0-30' when recency_days <= 90 then '31-90'
        when recency_days <= 180 then '91-180' when recency_days <= 365 then '181-365'
        else 'over 365' end from history where recency_days is not null
    union all
    select cell, 'spend before', 'fourth ' ||
        (4 * count(*) over (order by net_spend_amount) + count(*) over () - 1) // count(*) over ()
        || ' of 4' from history where order_count > 0 and net_spend_amount is not null
    union all
    select cell, 'most used channel', channel from (
        select customer_id, arg_min(channel, (-before_count, channel)) as channel
        from orders_seen where before_count > 0 group by customer_id
    ) inner join history using (customer_id)
    union all
    select cell, 'most bought category', category from (
        select customer_id, arg_min(category, (-before_count, category)) as category
        from lines_seen where before_count > 0 group by customer_id
    ) inner join history using (customer_id)
    union all
    select cell, 'message opened in 90 days before', case when is_opened then 'yes' else 'no' end
    from (
        select history.cell, count(messages.opened_at) > 0 as is_opened
        from history inner join profiles.messages as messages using (customer_id)
        where not messages.is_control and messages.sent_on <= history.cutoff_on
            and messages.sent_on > history.cutoff_on - 90
            and coalesce(messages.opened_at::date <= history.cutoff_on, true)
        group by history.customer_id, history.cell
    )
    union all
    select cell, 'seen on the web in 30 days before', case when is_seen then 'yes' else 'no' end
    from (
        select history.cell, count(events.event_id) > 0 as is_seen
        from history
        left join profiles.web_events as events
            on history.customer_id = events.customer_id
                and events.occurred_on <= history.cutoff_on
                and events.occurred_on > history.cutoff_on - 30
        -- before the web was looked at, nobody can have been seen there
        where history.cutoff_on - 29 >= (select min(occurred_on) from profiles.web_events)
        group by history.customer_id, history.cell
    )
"""

_WHO = """
    select cell, unnest(['kind', 'country', 'region', 'city', 'gender', 'language', 'age'])
        as attribute, unnest([kind, country, region, city, gender, language, case
            when age is null or age < 0 then null
            when age < 25 then 'under 25' when age < 35 then '25-34' when age < 45 then '35-44'
            when age < 55 then '45-54' when age < 65 then '55-64' else '65 and over' end]) as value
    from (
        select history.cell, kind, country, region, city, gender, language,
            case when birth_on <= cutoff_on then date_sub('year', birth_on, cutoff_on) end as age
        from history inner join profiles.golden_profiles using (customer_id)
    )
    union all
    select cell, attributes.attribute, attributes.value
    from history inner join profiles.customer_attributes as attributes using (customer_id)
    where coalesce(attributes.updated_at::date <= history.cutoff_on, true)
"""

# How many customers of each cell have each value: small, so everything after it is cheap.
_VALUES = """
    create or replace temp table value_cells as
    with told as ({behaviour} union all {who}),
    counted as (
        select cell, attribute, value, count(*) as customers from told
        where value is not null group by all
    ),
    allowed as (
        select cell, attribute, trim(value) as value, sum(customers) as customers from counted
        where trim(value) != '' and not list_bool_or(
            list_transform($barred::varchar[], lambda word: contains(lower(attribute), word))
        )
        group by all
    ),
    numbers as (
        select attribute from allowed group by attribute
        having count(distinct value) > {banded} and count(try_cast(value as double)) = count(*)
    ),
    bands as (
        select cell, attribute, customers, 'fourth ' ||
            (4 * sum(customers) over (partition by attribute order by value::double)
                + sum(customers) over (partition by attribute) - 1)
            // sum(customers) over (partition by attribute) || ' of 4' as value
        from allowed semi join numbers using (attribute)
    )
    select cell, attribute, value, customers from allowed anti join numbers using (attribute)
    union all
    select cell, attribute, value, sum(customers) from bands group by all
"""

# With a value: customers and buyers; without: all others whose value is known.
_COUNTS = """
    with halves as (
        select unnest([true, false]) as is_search_half
    ),
    cells as (
        select attribute, value, cell & 1 = 1 as is_search_half, cell >> 1 as met, customers,
        from value_cells
    ),
    with_value as (
        select attribute, value, is_search_half, sum(customers) as customers,
        from cells group by all
    ),
    buyers_with_value as (
        select target, attribute, value, is_search_half, sum(customers) as buyers,
        from cells inner join targets on cells.met >> targets.bit::integer & 1 = 1 group by all
    ),
    common as (
        select attribute, value from with_value group by all
        having count(*) filter (where customers >= {least}) = 2
    ),
    counted as (
        select targets.target, common.attribute, common.value, halves.is_search_half,
            with_value.customers, coalesce(buyers_with_value.buyers, 0) as buyers,
        from common
        cross join halves
        cross join targets
        inner join with_value using (attribute, value, is_search_half)
        left join buyers_with_value
            on targets.target = buyers_with_value.target
            and common.attribute = buyers_with_value.attribute
            and common.value = buyers_with_value.value
            and halves.is_search_half = buyers_with_value.is_search_half
    ),
    known as (
        select attribute, is_search_half, sum(customers) as customers from with_value group by all
    ),
    known_buyers as (
        select target, attribute, is_search_half, sum(buyers) as buyers
        from buyers_with_value group by all
    )
    select
        target, attribute, value,
        {half_columns}
    from counted
    inner join known using (attribute, is_search_half)
    left join known_buyers using (target, attribute, is_search_half)
    group by all
    order by target, attribute, value
"""

_SCHEMA = pa.schema(
    [
        ("target", pa.string()),
        ("attribute", pa.string()),
        ("value", pa.string()),
        ("verdict", pa.string()),
        ("statement", pa.string()),
        ("customer_count", pa.int64()),
        ("buyer_count", pa.int64()),
        ("other_customer_count", pa.int64()),
        ("other_buyer_count", pa.int64()),
        ("lift_ratio", pa.float64()),
        ("lift_ratio_low", pa.float64()),
        ("lift_ratio_high", pa.float64()),
        ("search_lift_ratio", pa.float64()),
        ("p_value", pa.float64()),
        ("q_value", pa.float64()),
        ("is_found", pa.bool_()),
        ("is_confirmed", pa.bool_()),
    ]
)


def buyer_attributes(con: duckdb.DuckDBPyConnection, rules: BuyerAttributeRules) -> dict[str, str]:
    """Compare customers with each value of each attribute with the others.

    Parameters
    ----------
    con : DuckDBPyConnection
        Sees the tables that ``insight.buyer_attributes`` declares.
    rules : BuyerAttributeRules
        What is looked for, and what never.

    Returns
    -------
    dict
        ``insight.buyer_attributes`` as a SELECT.
    """
    count(con, rules)
    table = compare(_counts(con, rules), rules.false_discovery_share)
    con.register("buyer_attributes_made", table)
    return {"insight.buyer_attributes": "select * from buyer_attributes_made"}


def count(con: duckdb.DuckDBPyConnection, rules: BuyerAttributeRules) -> None:
    """Make the temporary tables of customers, what they did, and what is known of them."""
    parts = {
        "horizon": rules.horizon_days,
        "cutoffs": rules.cutoffs,
        "categories": rules.top_categories,
        "any_purchase": ANY_PURCHASE,
    }
    for statement in (_CUSTOMERS, _BOUGHT, _TARGETS, _HISTORY):
        con.execute(statement.format(**parts))
    con.execute(
        _VALUES.format(behaviour=_BEHAVIOUR, who=_WHO, banded=_BANDED_VALUES),
        {"barred": [word.lower() for word in rules.barred]},
    )


def _counts(con: duckdb.DuckDBPyConnection, rules: BuyerAttributeRules) -> pa.Table:
    parts = {
        "customers": "counted.customers",
        "buyers": "counted.buyers",
        "others": "known.customers - counted.customers",
        "other_buyers": "coalesce(known_buyers.buyers, 0) - counted.buyers",
    }
    halves = {"search": "is_search_half", "held_back": "not is_search_half"}
    columns = ",\n".join(
        f"sum({expression}) filter (where {is_half})::bigint as {half}_{name}"
        for half, is_half in halves.items()
        for name, expression in parts.items()
    )
    return con.sql(
        _COUNTS.format(least=rules.customers_least, half_columns=columns)
    ).to_arrow_table()


def compare(counts: pa.Table, false_discovery_share: float) -> pa.Table:
    """Find on the search half, confirm on the held-back half, and word it.

    Found is what the Benjamini-Hochberg procedure keeps, over all values of one target; confirmed
    is what points the same way on the held-back half with an interval that leaves out 1.
    """
    from scipy.stats import norm

    half = {
        name: tuple(
            np.asarray(counts[f"{name}_{part}"].to_numpy(), dtype=np.float64)
            for part in ("customers", "buyers", "others", "other_buyers")
        )
        for name in ("search", "held_back")
    }
    z, is_enough = _score_test(*half["search"])
    p_value = np.where(is_enough, 2 * norm.sf(np.abs(z)), 1.0)
    targets = np.array(counts["target"].to_pylist(), dtype=object)
    q_value = np.ones(len(p_value))
    for target in dict.fromkeys(targets.tolist()):
        chosen = (targets == target) & is_enough
        q_value[chosen] = _benjamini_hochberg(p_value[chosen])
    is_found = q_value <= false_discovery_share
    search_lift, _, _ = _lift(*half["search"])
    lift, low, high = _lift(*half["held_back"])
    _, is_enough_too = _score_test(*half["held_back"])
    is_confirmed = is_found & is_enough_too & np.where(search_lift > 1, low > 1, high < 1)
    verdict = np.where(
        is_confirmed, "associated", np.where(is_found, "not_confirmed", "no_evidence")
    ).astype(object)
    rows: list[Any] = [
        *(counts[name] for name in ("target", "attribute", "value")),
        pa.array(verdict, pa.string()),
        pa.array(_statements(counts, verdict, lift, low, high), pa.string()),
        *(
            counts[f"held_back_{part}"]
            for part in ("customers", "buyers", "others", "other_buyers")
        ),
        *(pa.array(np.round(x, 4)) for x in (lift, low, high, search_lift)),
        *(pa.array(np.round(x, 9)) for x in (p_value, q_value)),
        pa.array(is_found),
        pa.array(is_confirmed),
    ]
    return pa.Table.from_arrays(
        [column.cast(field.type) for column, field in zip(rows, _SCHEMA, strict=True)],
        schema=_SCHEMA,
    )


def _score_test(n: Floats, k: Floats, others: Floats, other_k: Floats) -> tuple[Floats, Flags]:
    """Return the z of two shares, and whether there are enough on either side to tell."""
    with np.errstate(divide="ignore", invalid="ignore"):
        share = (k + other_k) / (n + others)
        error = np.sqrt(share * (1 - share) * (1 / n + 1 / others))
        z = np.nan_to_num((k / n - other_k / others) / error)
        least = np.minimum(n, others) * np.minimum(share, 1 - share)
    return z, (others > 0) & (np.nan_to_num(least) >= _LEAST_BUYERS)


def _lift(n: Floats, k: Floats, others: Floats, other_k: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the share with the value over that of the others, with its 95 % interval.

    Half a buyer is added on either side, so that the interval exists where nobody bought.
    """
    share, other_share = (k + 0.5) / (n + 1), (other_k + 0.5) / (others + 1)
    error = np.sqrt((1 - share) / (k + 0.5) + (1 - other_share) / (other_k + 0.5))
    lift = share / other_share
    return lift, lift * np.exp(-_Z * error), lift * np.exp(_Z * error)


def _benjamini_hochberg(p: Floats) -> Floats:
    """Return q values: the share of false findings if everything up to here is taken."""
    if len(p) == 0:
        return p
    order = np.argsort(p, kind="stable")
    ranked = p[order] * len(p) / np.arange(1, len(p) + 1)
    q = np.empty_like(p)
    q[order] = np.minimum(np.minimum.accumulate(ranked[::-1])[::-1], 1.0)
    return q


def _statements(
    counts: pa.Table, verdict: npt.NDArray[np.object_], lift: Floats, low: Floats, high: Floats
) -> list[str | None]:
    """Say in words what was found; null where nothing was."""
    said: list[str | None] = []
    for row, (target, attribute, value) in enumerate(
        zip(*(counts[name].to_pylist() for name in ("target", "attribute", "value")), strict=True)
    ):
        if verdict[row] == "no_evidence":
            said.append(None)
            continue
        what = f"{attribute} = {value} is associated with {target}"
        how = (
            f"{lift[row]:.2f} times as often as other customers ({low[row]:.2f} to {high[row]:.2f})"
        )
        said.append(
            f"{what}: {how}."
            if verdict[row] == "associated"
            else f"{attribute} = {value} and {target}: seen on one half of the customers, not "
            f"confirmed on the other ({low[row]:.2f} to {high[row]:.2f} times as often)."
        )
    return said
