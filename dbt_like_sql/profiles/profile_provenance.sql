-- One row per customer, field group and record that has a value: who won, by which rule, who lost.
--
-- A field group is taken whole from one record, so an address is never put together from two. The
-- order of the rules is fixed: a valid value before an invalid one, fresh before stale, then the
-- more trusted source, the newer record, the more complete value, the value more records agree
-- on, and at last the record first in key order, so that the same input always gives the same
-- profile. How soon a group goes stale, and whether an invalid value may stand for want of a
-- better one, is said in survivorship_policies. Valid is what identity.standardised_records could
-- read, and no address or number that is shared by too many different names. Holds personal
-- values.

with

survivorship_policies as (
    select
        policies.field_group,
        policies.stale_after_days,
        policies.may_be_invalid,
    from (
        values
        -- people change these: after two years a less trusted but fresh source knows better
        ('email', 730, false),
        ('phone', 730, false),
        ('address', 730, true),
        ('language', 730, false),
        -- these do not age; half a name is still what to call somebody
        ('name', null, true),
        ('organisation', null, true),
        ('birth_date', null, false),
        ('gender', null, true),
        ('national_id', null, false),
        ('loyalty_id', null, false)
    ) as policies (field_group, stale_after_days, may_be_invalid)
),

clock as (
    select
        as_of_on,
        time_zone,
    from sources.run_clock
),

identity_map as (
    select
        links.source,
        links.record_id,
        links.customer_id,
    from identity.identity_map as links
),

standardised as (
    select
        standardised.source,
        standardised.record_id,
        standardised.is_name_turned_round,
        standardised.email,
        standardised.phone,
        standardised.birth_on,
        standardised.national_id,
        standardised.organisation_number,
        standardised.loyalty_id,
    from identity.standardised_records as standardised
),

shared_values as (
    select
        shared.identity_column,
        shared.value as shared_value,
    from identity.shared_identifiers as shared
    where shared.identity_column in ('email', 'phone')
),

records as (
    select
        identity_map.customer_id,
        records.source,
        records.record_id,
        case
            when standardised.is_name_turned_round then records.family_name
            else records.given_name
        end as given_name,
        case
            when standardised.is_name_turned_round then records.given_name
            else records.family_name
        end as family_name,
        records.full_name,
        records.company_name,
        records.organisation_number,
        standardised.organisation_number as valid_organisation_number,
        lower(trim(records.email)) as email,
        case when shared_emails.shared_value is null then standardised.email end as valid_email,
        trim(records.phone) as phone,
        case when shared_phones.shared_value is null then standardised.phone end as valid_phone,
        records.street,
        records.postcode,
        records.city,
        records.region,
        records.country,
        records.birth_on,
        standardised.birth_on as valid_birth_on,
        records.gender,
        records.language,
        records.national_id,
        standardised.national_id as valid_national_id,
        records.loyalty_id,
        standardised.loyalty_id as valid_loyalty_id,
        coalesce(records.trust, 1000) as trust,
        records.updated_at,
        date_diff(
            'day',
            ((records.updated_at at time zone 'UTC') at time zone clock.time_zone)::date,
            clock.as_of_on
        ) as age_days,
    from staging.customer_records as records
    inner join identity_map
        on
            records.source = identity_map.source
            and records.record_id = identity_map.record_id
    cross join clock
    left join standardised
        on
            records.source = standardised.source
            and records.record_id = standardised.record_id
    left join shared_values as shared_emails
        on
            standardised.email = shared_emails.shared_value
            and shared_emails.identity_column = 'email'
    left join shared_values as shared_phones
        on
            standardised.phone = shared_phones.shared_value
            and shared_phones.identity_column = 'phone'
),

named_records as (
    select
        records.customer_id,
        records.source,
        records.record_id,
        coalesce(
            nullif(concat_ws(' ', records.given_name, records.family_name), ''),
            records.full_name
        ) as full_name,
        records.given_name is not null and records.family_name is not null as is_split,
        (records.given_name is not null)::integer
        + (records.family_name is not null)::integer as name_part_count,
        records.trust,
        records.updated_at,
        records.age_days,
    from records
),

candidates as (
    select
        named_records.customer_id,
        'name' as field_group,
        named_records.source,
        named_records.record_id,
        named_records.full_name as field_value,
        named_records.is_split or named_records.full_name like '% %' as is_valid,
        named_records.name_part_count as completeness,
        named_records.trust,
        named_records.updated_at,
        named_records.age_days,
    from named_records
    where named_records.full_name is not null
    union all
    select
        records.customer_id,
        'organisation' as field_group,
        records.source,
        records.record_id,
        concat_ws(', ', records.company_name, records.organisation_number) as field_value,
        records.valid_organisation_number is not null as is_valid,
        (records.company_name is not null)::integer
        + (records.organisation_number is not null)::integer as completeness,
        records.trust,
        records.updated_at,
        records.age_days,
    from records
    where coalesce(records.company_name, records.organisation_number) is not null
    union all
    select
        records.customer_id,
        'email' as field_group,
        records.source,
        records.record_id,
        coalesce(records.valid_email, records.email) as field_value,
        records.valid_email is not null as is_valid,
        1 as completeness,
        records.trust,
        records.updated_at,
        records.age_days,
    from records
    where records.email is not null
    union all
    select
        records.customer_id,
        'phone' as field_group,
        records.source,
        records.record_id,
        coalesce(records.valid_phone, records.phone) as field_value,
        records.valid_phone is not null as is_valid,
        1 as completeness,
        records.trust,
        records.updated_at,
        records.age_days,
    from records
    where records.phone is not null
    union all
    select
        records.customer_id,
        'address' as field_group,
        records.source,
        records.record_id,
        concat_ws(
            ', ', records.street, records.postcode, records.city, records.region, records.country
        ) as field_value,
        -- enough for a letter to arrive
        (
            records.street is not null
            and coalesce(records.postcode, records.city) is not null
        ) as is_valid,
        (records.street is not null)::integer
        + (records.postcode is not null)::integer
        + (records.city is not null)::integer
        + (records.region is not null)::integer
        + (records.country is not null)::integer as completeness,
        records.trust,
        records.updated_at,
        records.age_days,
    from records
    where
        coalesce(
            records.street, records.postcode, records.city, records.region, records.country
        ) is not null
    union all
    select
        records.customer_id,
        'birth_date' as field_group,
        records.source,
        records.record_id,
        records.birth_on::varchar as field_value,
        records.valid_birth_on is not null as is_valid,
        1 as completeness,
        records.trust,
        records.updated_at,
        records.age_days,
    from records
    where records.birth_on is not null
    union all
    select
        records.customer_id,
        'gender' as field_group,
        records.source,
        records.record_id,
        records.gender as field_value,
        true as is_valid,
        1 as completeness,
        records.trust,
        records.updated_at,
        records.age_days,
    from records
    where records.gender is not null
    union all
    select
        records.customer_id,
        'language' as field_group,
        records.source,
        records.record_id,
        lower(records.language) as field_value,
        length(records.language) = 2 as is_valid,
        1 as completeness,
        records.trust,
        records.updated_at,
        records.age_days,
    from records
    where records.language is not null
    union all
    select
        records.customer_id,
        'national_id' as field_group,
        records.source,
        records.record_id,
        coalesce(records.valid_national_id, records.national_id) as field_value,
        records.valid_national_id is not null as is_valid,
        1 as completeness,
        records.trust,
        records.updated_at,
        records.age_days,
    from records
    where records.national_id is not null
    union all
    select
        records.customer_id,
        'loyalty_id' as field_group,
        records.source,
        records.record_id,
        coalesce(records.valid_loyalty_id, records.loyalty_id) as field_value,
        records.valid_loyalty_id is not null as is_valid,
        1 as completeness,
        records.trust,
        records.updated_at,
        records.age_days,
    from records
    where records.loyalty_id is not null
),

-- counted by grouping and joined back: half the time of a window over as many rows
agreement as (
    select
        candidates.customer_id,
        candidates.field_group,
        lower(candidates.field_value) as folded_value,
        count(*) as agreeing_count,
    from candidates
    group by all
),

choices as (
    select
        agreement.customer_id,
        agreement.field_group,
        sum(agreement.agreeing_count) as candidate_count,
    from agreement
    group by all
),

judged_candidates as (
    select
        candidates.customer_id,
        candidates.field_group,
        candidates.source,
        candidates.record_id,
        candidates.field_value,
        candidates.is_valid,
        -- a record without a date counts as stale wherever the group can go stale
        coalesce(candidates.age_days > policies.stale_after_days, true)
        and policies.stale_after_days is not null as is_stale,
        candidates.trust,
        candidates.updated_at,
        candidates.completeness,
        candidates.is_valid or policies.may_be_invalid as is_usable,
        agreement.agreeing_count,
        choices.candidate_count,
    from candidates
    inner join survivorship_policies as policies
        on candidates.field_group = policies.field_group
    inner join agreement
        on
            candidates.customer_id = agreement.customer_id
            and candidates.field_group = agreement.field_group
            and lower(candidates.field_value) = agreement.folded_value
    inner join choices
        on
            candidates.customer_id = choices.customer_id
            and candidates.field_group = choices.field_group
),

ranked_candidates as (
    select
        judged.customer_id,
        judged.field_group,
        judged.source,
        judged.record_id,
        judged.field_value,
        judged.is_valid,
        judged.is_usable,
        judged.is_stale,
        judged.trust,
        judged.updated_at,
        judged.completeness,
        judged.agreeing_count,
        judged.candidate_count,
        row_number() over ranking as value_rank,
        first_value(judged.is_valid) over ranking as winner_is_valid,
        first_value(judged.is_stale) over ranking as winner_is_stale,
        first_value(judged.trust) over ranking as winner_trust,
        first_value(judged.updated_at) over ranking as winner_updated_at,
        first_value(judged.completeness) over ranking as winner_completeness,
        first_value(judged.agreeing_count) over ranking as winner_agreeing_count,
    from judged_candidates as judged
    window ranking as (
        partition by judged.customer_id, judged.field_group
        order by
            judged.is_valid desc,
            judged.is_stale asc,
            judged.trust asc,
            judged.updated_at desc nulls last,
            judged.completeness desc,
            judged.agreeing_count desc,
            judged.source asc,
            judged.record_id asc
    )
),

decided_candidates as (
    select
        ranked.customer_id,
        ranked.field_group,
        ranked.source,
        ranked.record_id,
        ranked.field_value,
        ranked.is_valid,
        ranked.is_usable,
        ranked.is_stale,
        ranked.updated_at,
        ranked.agreeing_count,
        ranked.candidate_count,
        ranked.value_rank,
        case
            when ranked.agreeing_count = ranked.candidate_count then 'all_agree'
            when (ranked.is_valid is distinct from ranked.winner_is_valid) then 'valid'
            when (ranked.is_stale is distinct from ranked.winner_is_stale) then 'fresh'
            when (ranked.trust is distinct from ranked.winner_trust) then 'trusted_source'
            when (ranked.updated_at is distinct from ranked.winner_updated_at) then 'newest'
            when (ranked.completeness is distinct from ranked.winner_completeness)
                then 'most_complete'
            when (ranked.agreeing_count is distinct from ranked.winner_agreeing_count)
                then 'most_frequent'
            else 'first_in_order'
        end as lost_by,
    from ranked_candidates as ranked
)

select
    decided.customer_id, -- Customer
    decided.field_group, -- Fields taken together: name, organisation, email, phone, address, birth_date, gender, language, national_id, loyalty_id
    decided.source, -- Source system of the record
    decided.record_id, -- Record the value comes from
    decided.field_value, -- The value as one text; the fields of a group joined by commas
    case
        when not decided.is_usable then 'not_valid'
        when decided.candidate_count = 1 then 'only_value'
        when decided.value_rank > 1 then decided.lost_by
        else lead(decided.lost_by) over (
            partition by decided.customer_id, decided.field_group
            order by decided.value_rank
        )
    end as decided_by, -- What decided: for the winner against the second, for a loser against the winner
    decided.value_rank::integer as value_rank, -- 1 comes first; it wins unless it is invalid where only valid values count
    decided.candidate_count::integer as candidate_count, -- Records of the customer that have a value
    decided.agreeing_count::integer as agreeing_count, -- Records with this same value, this one included
    decided.value_rank = 1 and decided.is_usable as is_winner, -- The golden profile takes this record's value
    decided.is_valid, -- The value could be read, and is complete enough to use
    decided.is_stale, -- Older than the group's limit, or without a date
    decided.updated_at, -- When the record was last changed, UTC
from decided_candidates as decided
