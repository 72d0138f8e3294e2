-- One row per company, and company id ever published, with its place among those that own each other.
--
-- What is personal stays in company_details, in the vault: a name is shown here only where number
-- and legal form say that it is a legal person's. Records of customers and of company registers are
-- one company by organisation number; company_map says which customers it is.

with

records_per_company as (
    select
        company_map.company_id,
        count(*) as record_count,
        count(distinct company_map.customer_id) as customer_count,
        bool_or(company_map.record_kind = 'company') as is_registered,
        min(records.created_at) as first_seen_at,
        max(records.updated_at) as last_updated_at,
    from identity.company_map as company_map
    inner join identity.company_records as records
        on
            company_map.record_kind = records.record_kind
            and company_map.source = records.source
            and company_map.record_id = records.record_id
    group by company_map.company_id
),

subsidiaries as (
    select
        owners.parent_company_id as company_id,
        count(*) as subsidiary_count,
    from identity.company_owners as owners
    where owners.parent_company_id is not null
    group by owners.parent_company_id
)

select
    ids.company_id, -- The company; stays the same over releases
    ids.merged_into_company_id, -- The company that the id leads to; null while it stands for itself
    owners.parent_company_id, -- The company that owns it; null when none is known
    owners.ultimate_parent_company_id, -- The company at the top; itself when nobody known owns it
    case when details.is_legal_person then details.company_name end as company_name, -- Name of a legal person; null where it may be a person's {drops name: a legal person's is nobody's personal data}
    case when details.is_legal_person then details.country end as country, -- Country of a legal person {drops attribute: a legal person's is nobody's personal data} {drops name: not of its value}
    case when details.is_legal_person then details.industry end as industry, -- Line of business of a legal person {drops attribute: a legal person's is nobody's personal data} {drops name: not of its value}
    case when details.is_legal_person then details.employee_count end as employee_count, -- Employees of a legal person {drops attribute: a legal person's is nobody's personal data} {drops name: not of its value}
    coalesce(owners.level_count, 0) as level_count, -- Owners above it
    coalesce(subsidiaries.subsidiary_count, 0)::integer as subsidiary_count, -- Companies it owns directly
    coalesce(per_company.customer_count, 0)::integer as customer_count, -- Customers that are this company
    coalesce(per_company.record_count, 0)::integer as record_count, -- Records behind it
    coalesce(details.is_sole_trader, false) as is_sole_trader, -- A person in business: the number is personal
    details.organisation_number is not null as has_organisation_number, -- A valid number is known {drops organisation_number: only whether there is one}
    coalesce(per_company.is_registered, false) as is_registered, -- A company register has it
    coalesce(owners.is_in_ring, false) as is_in_ring, -- It owns itself by way of others; the ring is broken at its lowest id
    coalesce(owners.has_unknown_parent, false) as has_unknown_parent, -- Its owner is none of our companies
    per_company.first_seen_at, -- When the oldest record was made, UTC
    per_company.last_updated_at, -- When any record was last changed, UTC
    ids.first_published_on, -- As-of date of the first release with the id
    ids.withdrawn_on, -- As-of date of the first release without any of its records; null while there are some
from identity.company_ids as ids
left join identity.company_owners as owners
    on ids.company_id = owners.company_id
left join identity.company_details as details
    on ids.company_id = details.company_id
left join records_per_company as per_company
    on ids.company_id = per_company.company_id
left join subsidiaries
    on ids.company_id = subsidiaries.company_id
