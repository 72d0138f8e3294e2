-- One row per member of the loyalty programme.
-- The column contact_id of the export is the lab's answer key and is not used.

select
    'loyalty' as source,
    loyalty_id as record_id,
    'person' as kind,
    first_name as given_name,
    last_name as family_name,
    email,
    telephone as phone,
    birth_date as birth_on,
    gender,
    loyalty_id,
    30 as trust,
    created_at,
    created_at as updated_at,
    cast(reward_points as varchar) as reward_points,
    case when has_credit_card then 'yes' when not has_credit_card then 'no' end as credit_card,
from sources.loyalty_members
