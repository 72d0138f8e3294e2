-- One row per answered form.
-- The scale of the stars starts at 1, so 1 of 5 is the worst there is.

select
    'survey' as source,
    response_id,
    customer_system as record_source,
    customer_id as record_id,
    survey_name,
    channel,
    answered_at,
    nps_score,
    stars as rating,
    case when stars is not null then 5 end as rating_max,
    comment,
    language,
    order_id,
    product_id,
from sources.survey_responses
