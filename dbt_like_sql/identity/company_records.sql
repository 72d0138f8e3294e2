-- One row per company record: of a customer that is a company, or of a company register.
--
-- The organisation number decides which records are one company. A customer's record without one
-- follows the one number the customer's other records have; else the customer is a company by
-- itself, and so is a register's row without a number. A Swedish sole trader's number is the
-- personal identity number of the trader. Holds personal values.

with

delivered as (
    select
        'customer' as record_kind,
        records.source,
        records.record_id,
        links.customer_id,
        records.country,
        delivered_records.company_name,
        records.company_name as compared_name,
        records.organisation_number,
        cast(null as varchar) as parent_organisation_number,
        coalesce(records.trust, 1000) as trust,
        records.created_at,
        delivered_records.updated_at,
    from identity.standardised_records as records
    inner join staging.customer_records as delivered_records
        on
            records.source = delivered_records.source
            and records.record_id = delivered_records.record_id
    inner join identity.identity_map as links
        on
            records.source = links.source
            and records.record_id = links.record_id
    where records.kind = 'company'
    union all
    select
        'company' as record_kind,
        register.source,
        register.company_record_id as record_id,
        cast(null as varchar) as customer_id,
        register.country,
        companies.company_name,
        register.company_name as compared_name,
        register.organisation_number,
        register.parent_organisation_number,
        -- a register before what customers typed
        0 as trust,
        companies.created_at,
        companies.updated_at,
    from identity.standardised_companies as register
    inner join staging.companies as companies
        on
            register.source = companies.source
            and register.company_record_id = companies.company_record_id
),

numbers_per_customer as (
    select
        delivered.customer_id,
        min(coalesce(delivered.country, '') || ' ' || delivered.organisation_number) as number_key,
    from delivered
    where
        delivered.customer_id is not null
        and delivered.organisation_number is not null
    group by delivered.customer_id
    having count(distinct coalesce(delivered.country, '') || ' ' || delivered.organisation_number) = 1
)

select
    delivered.record_kind, -- customer: a row of staging.customer_records; company: of staging.companies
    delivered.source, -- Source system of the record
    delivered.record_id, -- The record's id in it
    delivered.customer_id, -- Customer the record belongs to; null in a register
    coalesce(
        coalesce(delivered.country, '') || ' ' || delivered.organisation_number,
        numbers.number_key,
        delivered.customer_id,
        delivered.source || ' ' || delivered.record_id
    ) as company_key, -- What the records of one company share within this release
    case
        when delivered.organisation_number is not null then 'organisation_number'
        when numbers.number_key is not null then 'customer'
        else 'single'
    end as how, -- What ties the record to its company: organisation_number, customer, or single {drops organisation_number: only whether there is one} {drops attribute: not of any value}
    delivered.company_name, -- Name as delivered
    delivered.compared_name, -- Name folded, without its legal form
    delivered.organisation_number, -- Organisation number in one form; null when wrong
    delivered.parent_organisation_number, -- Number of the company that owns it, in one form
    delivered.country, -- Country of the record
    coalesce(
        delivered.country = 'SE'
        and regexp_full_match(delivered.organisation_number, '\d{2}(0\d|1[0-2])\d{6}'),
        false
    ) as is_sole_trader, -- The number is the trader's personal identity number {drops organisation_number: only whether it is a person's} {drops attribute: only whether the number is a person's}
    coalesce(
        delivered.organisation_number is not null
        and not (
            delivered.country = 'SE'
            and regexp_full_match(delivered.organisation_number, '\d{2}(0\d|1[0-2])\d{6}')
        )
        and regexp_matches(
            lower(delivered.company_name),
            '(^|[ ,.])(ab|aktiebolag|as|asa|a/s|aps|oy|oyj|abp|gmbh|ag|ltd|limited|plc|inc|llc|bv|b\.v\.|nv|sa|sarl)([ ,.(]|$)'
        ),
        false
    ) as is_legal_person, -- The number is valid and the name has the legal form of a company, so neither is personal data {drops organisation_number: only whether it is a company's} {drops name: only whether it has a legal form} {drops attribute: only whether it is a company's}
    delivered.trust, -- The lower, the more its values count; a register comes first
    delivered.created_at, -- When the record was made, UTC
    delivered.updated_at, -- When the record was last changed, UTC
from delivered
left join numbers_per_customer as numbers
    on delivered.customer_id = numbers.customer_id
