-- One row per company, with what is known of it as delivered. Published in the vault.
--
-- A register's value comes before what a customer's record says, then the more trusted source, then
-- the newer record; an address is taken whole from one record. An organisation number may be a sole
-- trader's personal identity number, a name a person's.

with

delivered as (
    select
        ids.company_id,
        records.company_name,
        records.compared_name,
        records.organisation_number,
        records.parent_organisation_number,
        records.country,
        records.is_legal_person,
        records.is_sole_trader,
        coalesce(register.street, customers.street) as street,
        coalesce(register.postcode, customers.postcode) as postcode,
        coalesce(register.city, customers.city) as city,
        coalesce(register.email, customers.email) as email,
        coalesce(register.phone, customers.phone) as phone,
        register.website,
        register.industry,
        register.employee_count,
        row_number() over (
            partition by ids.company_id
            order by
                records.trust asc,
                records.updated_at desc nulls last,
                records.record_kind asc,
                records.source asc,
                records.record_id asc
        ) as place,
    from identity.company_records as records
    inner join identity.company_ids as ids
        on records.company_key = ids.company_key
    left join staging.companies as register
        on
            records.record_kind = 'company'
            and records.source = register.source
            and records.record_id = register.company_record_id
    left join staging.customer_records as customers
        on
            records.record_kind = 'customer'
            and records.source = customers.source
            and records.record_id = customers.record_id
)

select
    delivered.company_id, -- The company
    arg_min(delivered.company_name, (delivered.place, delivered.company_id)) filter (where delivered.company_name is not null) as company_name, -- Name as delivered
    arg_min(delivered.compared_name, (delivered.place, delivered.company_id)) filter (where delivered.compared_name is not null) as compared_name, -- Name folded, without its legal form
    min(delivered.organisation_number) as organisation_number, -- Organisation number in one form; null when no record has a valid one
    arg_min(delivered.parent_organisation_number, (delivered.place, delivered.company_id)) filter (where delivered.parent_organisation_number is not null) as parent_organisation_number, -- Number of the company that owns it
    arg_min(delivered.street, (delivered.place, delivered.company_id)) filter (where delivered.street is not null) as street, -- Street and number
    arg_min_null(delivered.postcode, (delivered.place, delivered.company_id)) filter (where delivered.street is not null) as postcode, -- Postcode of the same record; null when that has none
    arg_min_null(delivered.city, (delivered.place, delivered.company_id)) filter (where delivered.street is not null) as city, -- City of the same record
    arg_min(delivered.country, (delivered.place, delivered.company_id)) filter (where delivered.country is not null) as country, -- Country, ISO 3166-1 alpha-2
    arg_min(delivered.email, (delivered.place, delivered.company_id)) filter (where delivered.email is not null) as email, -- E-mail address
    arg_min(delivered.phone, (delivered.place, delivered.company_id)) filter (where delivered.phone is not null) as phone, -- Phone number
    arg_min(delivered.website, (delivered.place, delivered.company_id)) filter (where delivered.website is not null) as website, -- Website
    arg_min(delivered.industry, (delivered.place, delivered.company_id)) filter (where delivered.industry is not null) as industry, -- Line of business
    arg_min(delivered.employee_count, (delivered.place, delivered.company_id)) filter (where delivered.employee_count is not null) as employee_count, -- Employees
    arg_min(delivered.is_legal_person, (delivered.place, delivered.company_id)) filter (where delivered.company_name is not null) and not bool_or(delivered.is_sole_trader) as is_legal_person, -- Name and number are a legal person's, and so nobody's personal data
    bool_or(delivered.is_sole_trader) as is_sole_trader, -- The number is the trader's personal identity number
from delivered
group by delivered.company_id
