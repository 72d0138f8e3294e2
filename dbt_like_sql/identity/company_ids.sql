-- One row per company of this release, or company id published before, with what became of it.
--
-- A company takes over the id most of whose records it has; where it could carry several, the one
-- published first wins and the others lead to it. An id is minted from the founding record, and
-- never twice.

with

clock as (
    select as_of_on,
    from sources.run_clock
),

companies as (
    select
        records.company_key,
        -- the founding record: the oldest
        arg_min(
            records.record_kind || chr(31) || records.source || chr(31) || records.record_id,
            (
                coalesce(records.created_at, timestamp '9999-12-31'),
                records.record_kind,
                records.source,
                records.record_id
            )
        ) as founder,
    from identity.company_records as records
    group by records.company_key
),

previous_companies as (
    select
        companies.company_id,
        companies.merged_into_company_id,
        companies.first_published_on,
        companies.withdrawn_on,
    from previous.companies
),

shared_records as (
    select
        previous_map.company_id,
        records.company_key,
        count(*) as shared_count,
    from previous.company_map as previous_map
    inner join identity.company_records as records
        on
            previous_map.record_kind = records.record_kind
            and previous_map.source = records.source
            and previous_map.record_id = records.record_id
    group by all
),

claims as (
    select
        shared_records.company_id,
        shared_records.company_key,
        shared_records.shared_count,
    from shared_records
    inner join companies
        on shared_records.company_key = companies.company_key
    qualify row_number() over (
        partition by shared_records.company_id
        order by shared_records.shared_count desc, companies.founder asc
    ) = 1
),

takeovers as (
    select
        claims.company_key,
        claims.company_id,
    from claims
    left join previous_companies
        on claims.company_id = previous_companies.company_id
    qualify row_number() over (
        partition by claims.company_key
        order by
            previous_companies.first_published_on asc nulls last,
            claims.shared_count desc,
            claims.company_id asc
    ) = 1
),

ids_before as (
    select count(*) as id_count,
    from previous_companies
),

minted as (
    select
        companies.company_key,
        case
            when published.company_id is null then 'o_' || left(sha256(companies.founder), 16)
            else 'o_' || left(
                sha256(companies.founder || chr(31) || cast(ids_before.id_count as varchar)), 16
            )
        end as company_id,
    from companies
    cross join ids_before
    anti join takeovers
        on companies.company_key = takeovers.company_key
    left join previous_companies as published
        on 'o_' || left(sha256(companies.founder), 16) = published.company_id
),

named as (
    select
        companies.company_key,
        coalesce(takeovers.company_id, minted.company_id) as company_id,
    from companies
    left join takeovers
        on companies.company_key = takeovers.company_key
    left join minted
        on companies.company_key = minted.company_key
),

-- ids that no company of this release carries
fates as (
    select
        previous_companies.company_id,
        coalesce(claimant.company_id, heir.company_id, previous_companies.merged_into_company_id)
            as merged_into_company_id,
        previous_companies.first_published_on,
        previous_companies.withdrawn_on,
    from previous_companies
    anti join named as carried
        on previous_companies.company_id = carried.company_id
    left join claims
        on previous_companies.company_id = claims.company_id
    left join named as claimant
        on claims.company_key = claimant.company_key
    left join claims as heir_claims
        on previous_companies.merged_into_company_id = heir_claims.company_id
    left join named as heir
        on heir_claims.company_key = heir.company_key
)

select
    named.company_id, -- The company; stays the same over releases {drops organisation_number: not of its value} {drops attribute: not of any value}
    named.company_key, -- What its records share in company_records; null for an id of an earlier release only
    cast(null as varchar) as merged_into_company_id, -- The company that the id leads to; null while it stands for itself {drops organisation_number: not of its value} {drops attribute: not of any value}
    coalesce(previous_companies.first_published_on, clock.as_of_on) as first_published_on, -- As-of date of the first release with the id
    cast(null as date) as withdrawn_on, -- As-of date of the first release without any of its records
from named
cross join clock
left join previous_companies
    on named.company_id = previous_companies.company_id
union all
select
    fates.company_id,
    cast(null as varchar) as company_key,
    fates.merged_into_company_id,
    fates.first_published_on,
    coalesce(fates.withdrawn_on, clock.as_of_on) as withdrawn_on,
from fates
cross join clock
