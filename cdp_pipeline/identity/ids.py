"""Customer ids that outlive a run.

Belongs here: which id each cluster carries, what became of every id ever published, and the log of
why. Does not belong here: which records form a cluster (``link``).

An id is minted from the key of its cluster's founding record and never minted twice. A cluster
takes over the id that most of the id's surviving records are in; where it could carry several, the
one published longest wins and the others become aliases of it. Nothing depends on record numbers,
row order or the model: only on source and record id, and on the previous release.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cdp_pipeline.identity.sql import drop

if TYPE_CHECKING:
    import duckdb

_ID = "'c_' || left(sha256(concat_ws(chr(31), {parts})), 16)"


def assign_ids(con: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """Give every cluster its customer id.

    Reads ``identity.record_clusters``, ``identity.standardised_records``,
    ``previous.identity_map``, ``previous.customer_aliases``, ``previous.customer_history`` and
    ``sources.run_clock``.

    Returns
    -------
    dict
        ``identity.identity_map``, ``identity.customer_aliases`` and ``identity.customer_history``.
    """
    _take_over_ids(con)
    _mint_ids(con)
    _assigned(con)
    _fates(con)
    drop(con, ["identity_takeovers", "identity_minted"])
    return {
        "identity.identity_map": _IDENTITY_MAP,
        "identity.customer_aliases": _ALIASES,
        "identity.customer_history": _HISTORY,
    }


def _take_over_ids(con: duckdb.DuckDBPyConnection) -> None:
    """Let each cluster take over at most one id of the previous release."""
    con.execute(
        """create or replace temp table identity_members as
        select r.source, r.record_id, c.cluster_no, c.how, c.probability, r.created_at,
            p.customer_id as previous_id
        from identity.record_clusters as c
        inner join identity.standardised_records as r using (record_no)
        left join previous.identity_map as p
            on r.source = p.source and r.record_id = p.record_id"""
    )
    con.execute(
        """create or replace temp table identity_founders as
        select cluster_no, count(*) as record_count, count(previous_id) as known_count,
            min(struct_pack(
                created_at := coalesce(created_at, timestamp '9999-12-31'),
                source := source, record_id := record_id)) as founder
        from identity_members group by cluster_no"""
    )
    con.execute(
        """create or replace temp table identity_overlaps as
        select m.previous_id, m.cluster_no, count(*) as shared_count,
            any_value(f.founder) as founder
        from identity_members as m inner join identity_founders as f using (cluster_no)
        where m.previous_id is not null
        group by m.previous_id, m.cluster_no"""
    )
    # An id goes where most of its records are; a cluster that could carry several keeps the one
    # that was published first.
    con.execute(
        """create or replace temp table identity_takeovers as
        with births as (
            select customer_id, min(event_no) as event_no
            from previous.customer_history where event = 'created' group by customer_id
        ),
        claims as (
            select * from identity_overlaps
            qualify row_number() over (
                partition by previous_id order by shared_count desc, founder) = 1
        )
        select claims.cluster_no, claims.previous_id as customer_id
        from claims left join births on claims.previous_id = births.customer_id
        qualify row_number() over (
            partition by claims.cluster_no
            order by births.event_no nulls last, claims.shared_count desc, claims.previous_id
        ) = 1"""
    )


def _mint_ids(con: duckdb.DuckDBPyConnection) -> None:
    """Mint ids for the other clusters, from the founding record's key.

    Where that id was published before, the length of the history, which only ever grows, goes into
    the key as well. An id that no record carries any more (its records were withdrawn, or it was
    merged into another) comes back with its founding record: a merge that is undone gives the
    person the old id again, rather than leave it an alias of somebody else.
    """
    key = _ID.format(parts="founder.source, founder.record_id")
    again = _ID.format(
        parts="founder.source, founder.record_id,"
        " cast((select count(*) from previous.customer_history) as varchar)"
    )
    con.execute(
        f"""create or replace temp table identity_minted as
        with used as (
            select customer_id from previous.identity_map
            union select alias_customer_id from previous.customer_aliases
            union select customer_id from previous.customer_history
        ),
        gone as (
            select customer_id from previous.customer_history
            where event in ('created', 'split', 'withdrawn', 'returned')
            except select customer_id from previous.identity_map
        ),
        fresh as (
            select f.cluster_no, f.founder, {key} as first_choice
            from identity_founders as f
            where f.cluster_no not in (select cluster_no from identity_takeovers)
        )
        select cluster_no,
            case when used.customer_id is null or gone.customer_id is not null then first_choice
                 else {again} end as customer_id,
            gone.customer_id is not null as is_returned
        from fresh
        left join used on fresh.first_choice = used.customer_id
        left join gone on fresh.first_choice = gone.customer_id"""
    )


def _assigned(con: duckdb.DuckDBPyConnection) -> None:
    """Put the id of every cluster together."""
    con.execute(
        """create or replace temp table identity_assigned as
        select f.cluster_no, f.record_count, f.known_count,
            coalesce(t.customer_id, m.customer_id) as customer_id,
            t.customer_id is null as is_new, coalesce(m.is_returned, false) as is_returned
        from identity_founders as f
        left join identity_takeovers as t using (cluster_no)
        left join identity_minted as m using (cluster_no)"""
    )


def _fates(con: duckdb.DuckDBPyConnection) -> None:
    """See where each id of the previous release went, and what happened on the way."""
    con.execute(
        """create or replace temp table identity_fates as
        with largest as (
            select o.previous_id, a.customer_id, a.record_count, a.known_count
            from identity_overlaps as o inner join identity_assigned as a using (cluster_no)
            qualify row_number() over (
                partition by o.previous_id order by o.shared_count desc, o.founder) = 1
        )
        select p.customer_id as previous_id, l.customer_id, l.record_count,
            l.record_count > l.known_count as has_new_records
        from (select distinct customer_id from previous.identity_map) as p
        left join largest as l on p.customer_id = l.previous_id"""
    )
    con.execute(
        """create or replace temp table identity_events as
        with lost as (
            select p.customer_id, count(*) as lost_count
            from previous.identity_map as p
            anti join identity_members as m
                on p.source = m.source and p.record_id = m.record_id
            group by p.customer_id
        )
        -- Merged: the id became another one's alias.
        select 'merged' as event, customer_id, previous_id as other_customer_id, record_count,
            case when has_new_records then 'data: new records' else 'data or model: changed' end
                as cause
        from identity_fates where customer_id <> previous_id
        union all
        -- Split: records that carried an id now stand under another that is not its successor.
        select 'split', a.customer_id, o.previous_id, a.record_count,
            case when lost.lost_count > 0 then 'data: withdrawn records'
                 when a.record_count > a.known_count then 'data: new records'
                 else 'data or model: changed' end
        from identity_overlaps as o
        inner join identity_assigned as a using (cluster_no)
        inner join identity_fates as f on o.previous_id = f.previous_id
        left join lost on o.previous_id = lost.customer_id
        where a.customer_id <> f.customer_id
        union all
        select case when a.is_returned then 'returned' else 'created' end, a.customer_id, null,
            a.record_count, 'data: new records'
        from identity_assigned as a
        where a.is_new and a.known_count = 0
        union all
        select case when a.is_returned then 'returned' else 'created' end, a.customer_id, null,
            a.record_count, 'split from another customer'
        from identity_assigned as a
        where a.is_new and a.known_count > 0
        union all
        select 'withdrawn', previous_id, null, 0, 'data: withdrawn records'
        from identity_fates where customer_id is null"""
    )


_IDENTITY_MAP = """
select m.source, m.record_id, a.customer_id, m.how, round(m.probability, 6) as probability
from identity_members as m inner join identity_assigned as a using (cluster_no)"""

_ALIASES = """
with merged as (
    select f.previous_id as alias_customer_id, f.customer_id, c.as_of_on as since_on, e.cause
    from identity_fates as f
    inner join identity_events as e
        on e.event = 'merged' and e.other_customer_id = f.previous_id
    cross join sources.run_clock as c
    where f.customer_id <> f.previous_id
)
select alias_customer_id, customer_id, since_on, cause from merged
union all
select p.alias_customer_id, coalesce(f.customer_id, p.customer_id) as customer_id,
    p.since_on, p.cause
from previous.customer_aliases as p
left join identity_fates as f on p.customer_id = f.previous_id
where
    p.alias_customer_id not in (select alias_customer_id from merged)
    -- An id that a customer carries again is nobody's alias.
    and p.alias_customer_id not in (select customer_id from identity_assigned)"""

_HISTORY = """
select event_no, event, customer_id, other_customer_id, happened_on, cause, record_count
from previous.customer_history
union all
select
    (select coalesce(max(event_no), 0) from previous.customer_history)
        + row_number() over (
            order by event, customer_id, other_customer_id nulls first) as event_no,
    e.event, e.customer_id, e.other_customer_id, c.as_of_on as happened_on, e.cause, e.record_count
from identity_events as e cross join sources.run_clock as c"""
