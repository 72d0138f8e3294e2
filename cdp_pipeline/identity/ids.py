"""Customer ids that outlive a run.

Belongs here: which id each cluster carries, what became of every id ever published, and the log of
why. Does not belong here: which records form a cluster (``link``).

An id is minted from the key of its cluster's founding record and never minted twice. A cluster
takes over the id that most of the id's surviving records are in; where it could carry several, the
one published longest wins and the others become aliases of it. Nothing depends on record numbers,
row order or the model: only on source and record id, and on the previous release.

Every merge notes which record was whose (``merged_records``). When what was merged is taken apart
again, by a decision or by the data, an id stays with the records that were its own before the
merge, and the alias comes back to the records that were its.
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
    ``identity.record_pairs``, ``identity.decided_pairs``, ``identity.linkage_model``,
    ``previous.identity_map``, ``previous.customer_aliases``, ``previous.customer_history``,
    ``previous.merged_records``, ``previous.model_cards`` and ``sources.run_clock``.

    Returns
    -------
    dict
        ``identity.identity_map``, ``identity.customer_aliases``, ``identity.customer_history``
        and ``identity.merged_records``.
    """
    _members(con)
    _take_over_ids(con)
    _return_aliases(con)
    _mint_ids(con)
    _assigned(con)
    _fates(con)
    _causes(con)
    _events(con)
    drop(con, ["identity_takeovers", "identity_returned", "identity_minted"])
    return {
        "identity.identity_map": _IDENTITY_MAP,
        "identity.customer_aliases": _ALIASES,
        "identity.customer_history": _HISTORY,
        "identity.merged_records": _MERGED_RECORDS,
    }


def _members(con: duckdb.DuckDBPyConnection) -> None:
    """Put beside each record whose it was: in the previous release, and before earlier merges."""
    con.execute(
        """create or replace temp table identity_members as
        select r.record_no, r.source, r.record_id, c.cluster_no, c.linked_cluster_no, c.how,
            c.probability, c.changed_by, r.created_at, p.customer_id as previous_id
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
        """create or replace temp table identity_births as
        select customer_id, min(event_no) as event_no
        from previous.customer_history where event = 'created' group by customer_id"""
    )
    # What each alias's last merge says of the records: which were the alias's, which the other's.
    con.execute(
        """create or replace temp table identity_former as
        with last_merge as (
            select h.other_customer_id as alias_id, max(h.event_no) as event_no
            from previous.customer_history as h
            inner join previous.customer_aliases as a
                on h.other_customer_id = a.alias_customer_id
            where h.event = 'merged' group by all
        )
        select m.record_no, m.cluster_no, m.previous_id, l.alias_id,
            a.customer_id as stands_for_id, g.customer_id as former_id
        from last_merge as l
        inner join previous.customer_aliases as a on l.alias_id = a.alias_customer_id
        inner join previous.merged_records as g using (event_no)
        inner join identity_members as m on g.source = m.source and g.record_id = m.record_id"""
    )


def _take_over_ids(con: duckdb.DuckDBPyConnection) -> None:
    """Let each cluster take over at most one id of the previous release."""
    con.execute(
        """create or replace temp table identity_overlaps as
        with former as (
            select record_no,
                bool_or(former_id = alias_id and stands_for_id = previous_id) as is_anothers,
                bool_or(former_id = previous_id) as is_own
            from identity_former group by record_no
        ),
        counted as (
            select m.previous_id, m.cluster_no, count(*) as shared_count,
                count(*) filter (not coalesce(f.is_anothers, false)
                    and coalesce(f.is_own, false)) as own_count,
                count(*) filter (not coalesce(f.is_anothers, false)) as free_count
            from identity_members as m left join former as f using (record_no)
            where m.previous_id is not null
            group by m.previous_id, m.cluster_no
        )
        -- An id goes where most of its records are: those that were its own before any merge.
        select counted.*, f.founder,
            row_number() over (
                partition by previous_id
                order by own_count desc, free_count desc, shared_count desc, f.founder) as place
        from counted inner join identity_founders as f using (cluster_no)"""
    )
    # A cluster that could carry several keeps the one that was published first.
    con.execute(
        """create or replace temp table identity_takeovers as
        select o.cluster_no, o.previous_id as customer_id
        from identity_overlaps as o
        left join identity_births as b on o.previous_id = b.customer_id
        where o.place = 1
        qualify row_number() over (
            partition by o.cluster_no
            order by b.event_no nulls last, o.shared_count desc, o.previous_id
        ) = 1"""
    )


def _return_aliases(con: duckdb.DuckDBPyConnection) -> None:
    """Give an alias back to its records, where they are a customer of their own again."""
    con.execute(
        """create or replace temp table identity_alias_homes as
        select r.alias_id, r.cluster_no, t.cluster_no is null as is_free
        from identity_former as r
        inner join identity_founders as f using (cluster_no)
        left join identity_takeovers as t using (cluster_no)
        where r.former_id = r.alias_id
        group by r.alias_id, r.cluster_no, t.cluster_no, f.founder
        qualify row_number() over (
            partition by r.alias_id order by count(*) desc, is_free desc, f.founder) = 1"""
    )
    con.execute(
        """create or replace temp table identity_returned as
        select h.cluster_no, h.alias_id as customer_id
        from identity_alias_homes as h
        left join identity_births as b on h.alias_id = b.customer_id
        where h.is_free
        qualify row_number() over (
            partition by h.cluster_no order by b.event_no nulls last, h.alias_id) = 1"""
    )


def _mint_ids(con: duckdb.DuckDBPyConnection) -> None:
    """Mint ids for the other clusters, from the founding record's key.

    Where that id was published before, the length of the history, which only ever grows, goes into
    the key as well. An id that no record carries any more because its records were withdrawn comes
    back with its founding record; so does an alias of which no merge is noted.
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
            except select alias_id from identity_alias_homes
        ),
        fresh as (
            select f.cluster_no, f.founder, {key} as first_choice
            from identity_founders as f
            where f.cluster_no not in (select cluster_no from identity_takeovers)
                and f.cluster_no not in (select cluster_no from identity_returned)
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
            coalesce(t.customer_id, r.customer_id, m.customer_id) as customer_id,
            t.customer_id is null as is_new,
            r.customer_id is not null or coalesce(m.is_returned, false) as is_returned
        from identity_founders as f
        left join identity_takeovers as t using (cluster_no)
        left join identity_returned as r using (cluster_no)
        left join identity_minted as m using (cluster_no)"""
    )


def _fates(con: duckdb.DuckDBPyConnection) -> None:
    """See where each id of the previous release went."""
    con.execute(
        """create or replace temp table identity_fates as
        with heirs as (
            select o.previous_id, a.customer_id, a.cluster_no, a.record_count, a.known_count
            from identity_overlaps as o inner join identity_assigned as a using (cluster_no)
            where o.place = 1
        )
        select p.customer_id as previous_id, h.customer_id, h.cluster_no, h.record_count,
            h.record_count > h.known_count as has_new_records
        from (select distinct customer_id from previous.identity_map) as p
        left join heirs as h on p.customer_id = h.previous_id"""
    )


def _causes(con: duckdb.DuckDBPyConnection) -> None:
    """See what brought records together that were two customers', or took one customer's apart.

    A decision did it where linking alone says otherwise, or where a decision that was in force no
    longer is; then what is new in the data; then a model trained anew, which may have other exact
    rules; records that changed are what is left.
    """
    con.execute(
        """create or replace temp table identity_retrained as
        select exists (
            select 1 from previous.model_cards as p, identity.linkage_model as m
            where p.model_name = m.model_name and p.model_version <> m.model_version
        ) as is_retrained"""
    )
    con.execute(
        """create or replace temp table identity_merges as
        select f.previous_id, f.customer_id, f.cluster_no, f.record_count, f.has_new_records
        from identity_fates as f where f.customer_id <> f.previous_id"""
    )
    con.execute(
        """create or replace temp table identity_splits as
        select o.previous_id, a.customer_id, a.cluster_no, f.cluster_no as heir_cluster_no,
            a.record_count, a.record_count > a.known_count as has_new_records
        from identity_overlaps as o
        inner join identity_assigned as a using (cluster_no)
        inner join identity_fates as f on o.previous_id = f.previous_id
        where a.customer_id <> f.customer_id"""
    )
    con.execute(
        """create or replace temp table identity_merge_causes as
        with sides as (
            select g.previous_id, g.cluster_no, m.record_no, m.linked_cluster_no, m.changed_by,
                m.previous_id is not distinct from g.previous_id as is_mine
            from identity_merges as g inner join identity_members as m using (cluster_no)
            where m.previous_id is not null
        ),
        linked as (
            select previous_id, cluster_no, max(is_both) as is_linked from (
                select previous_id, cluster_no, linked_cluster_no,
                    bool_or(is_mine) and bool_or(not is_mine) as is_both
                from sides group by all
            ) group by all
        ),
        changed as (
            select previous_id, cluster_no,
                coalesce(min(changed_by) filter (is_mine), min(changed_by)) as changed_by
            from sides group by all
        ),
        ruled as (
            select l.previous_id, l.cluster_no, min(p.how) as how
            from identity.record_pairs as p
            inner join sides as l on p.left_record_no = l.record_no
            inner join sides as r
                on p.right_record_no = r.record_no and l.previous_id = r.previous_id
                and l.cluster_no = r.cluster_no
            where p.how <> 'scored' and l.is_mine <> r.is_mine
            group by all
        )
        select g.previous_id,
            case when not linked.is_linked and changed.changed_by is not null
                    then changed.changed_by
                when g.has_new_records then 'data: new records'
                when is_retrained and ruled.how is not null then 'rule: ' || ruled.how
                when is_retrained then 'model: trained anew'
                else 'data: changed records' end as cause
        from identity_merges as g
        cross join identity_retrained
        inner join linked using (previous_id, cluster_no)
        inner join changed using (previous_id, cluster_no)
        left join ruled using (previous_id, cluster_no)"""
    )
    con.execute(
        """create or replace temp table identity_split_causes as
        with sides as (
            select s.previous_id, s.cluster_no, m.record_no, m.linked_cluster_no, m.changed_by,
                m.cluster_no = s.cluster_no as is_mine
            from identity_splits as s
            inner join identity_members as m
                on s.previous_id = m.previous_id
                and m.cluster_no in (s.cluster_no, s.heir_cluster_no)
        ),
        linked as (
            select previous_id, cluster_no, max(is_both) as is_linked from (
                select previous_id, cluster_no, linked_cluster_no,
                    bool_or(is_mine) and bool_or(not is_mine) as is_both
                from sides group by all
            ) group by all
        ),
        changed as (
            select previous_id, cluster_no,
                coalesce(min(changed_by) filter (is_mine), min(changed_by)) as changed_by
            from sides group by all
        ),
        taken_back as (
            select l.previous_id, l.cluster_no, min(d.by_id) as by_id
            from identity.decided_pairs as d
            inner join sides as l on d.left_record_no = l.record_no
            inner join sides as r
                on d.right_record_no = r.record_no and l.previous_id = r.previous_id
                and l.cluster_no = r.cluster_no
            where d.decision = 'always_match' and not d.is_obeyed and l.is_mine <> r.is_mine
            group by all
        ),
        lost as (
            select p.customer_id as previous_id, count(*) as lost_count
            from previous.identity_map as p
            anti join identity_members as m
                on p.source = m.source and p.record_id = m.record_id
            group by p.customer_id
        )
        select s.previous_id, s.cluster_no,
            case when linked.is_linked and changed.changed_by is not null
                    then changed.changed_by
                when taken_back.by_id is not null then 'steward: ' || taken_back.by_id
                when lost.lost_count > 0 then 'data: withdrawn records'
                when s.has_new_records then 'data: new records'
                when is_retrained then 'model: trained anew'
                else 'data: changed records' end as cause
        from identity_splits as s
        cross join identity_retrained
        inner join linked using (previous_id, cluster_no)
        inner join changed using (previous_id, cluster_no)
        left join taken_back using (previous_id, cluster_no)
        left join lost on s.previous_id = lost.previous_id"""
    )


def _events(con: duckdb.DuckDBPyConnection) -> None:
    """Put the events of this release together, numbered after those before."""
    con.execute(
        """create or replace temp table identity_events as
        with found as (
            -- Merged: the id became another one's alias.
            select 'merged' as event, g.customer_id, g.previous_id as other_customer_id,
                g.record_count, c.cause
            from identity_merges as g inner join identity_merge_causes as c using (previous_id)
            union all
            -- Split: records that carried an id now stand under another that is not its heir.
            select 'split', s.customer_id, s.previous_id, s.record_count, c.cause
            from identity_splits as s
            inner join identity_split_causes as c using (previous_id, cluster_no)
            union all
            select case when a.is_returned then 'returned' else 'created' end, a.customer_id, null,
                a.record_count, coalesce(min(c.cause), 'data: new records')
            from identity_assigned as a
            left join identity_split_causes as c using (cluster_no)
            where a.is_new
            group by a.is_returned, a.customer_id, a.record_count
            union all
            select 'withdrawn', previous_id, null, 0, 'data: withdrawn records'
            from identity_fates where customer_id is null
        )
        select (select coalesce(max(event_no), 0) from previous.customer_history)
                + row_number() over (order by event, customer_id, other_customer_id nulls first)
                as event_no, *
        from found"""
    )


_IDENTITY_MAP = """
select m.source, m.record_id, a.customer_id, m.how, round(m.probability, 6) as probability
from identity_members as m inner join identity_assigned as a using (cluster_no)"""

_ALIASES = """
with merged as (
    select e.other_customer_id as alias_customer_id, e.customer_id, c.as_of_on as since_on, e.cause
    from identity_events as e cross join sources.run_clock as c
    where e.event = 'merged'
)
select alias_customer_id, customer_id, since_on, cause from merged
union all
-- An earlier alias leads to where most of its own records are, where that is noted.
select p.alias_customer_id, coalesce(a.customer_id, f.customer_id, p.customer_id) as customer_id,
    p.since_on, p.cause
from previous.customer_aliases as p
left join identity_fates as f on p.customer_id = f.previous_id
left join identity_alias_homes as h on p.alias_customer_id = h.alias_id
left join identity_assigned as a on h.cluster_no = a.cluster_no
where
    p.alias_customer_id not in (select alias_customer_id from merged)
    -- An id that a customer carries again is nobody's alias.
    and p.alias_customer_id not in (select customer_id from identity_assigned)"""

_HISTORY = """
select event_no, event, customer_id, other_customer_id, happened_on, cause, record_count
from previous.customer_history
union all
select e.event_no, e.event, e.customer_id, e.other_customer_id, c.as_of_on as happened_on, e.cause,
    e.record_count
from identity_events as e cross join sources.run_clock as c"""

_MERGED_RECORDS = """
select event_no, source, record_id, customer_id
from previous.merged_records
union all
select e.event_no, m.source, m.record_id, m.previous_id as customer_id
from identity_events as e
inner join identity_members as m on m.previous_id in (e.customer_id, e.other_customer_id)
inner join identity_assigned as a on m.cluster_no = a.cluster_no and a.customer_id = e.customer_id
where e.event = 'merged'"""
