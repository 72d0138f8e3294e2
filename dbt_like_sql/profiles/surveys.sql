-- One row per answer to a survey, with its customer.
--
-- An answer whose record is unknown is kept with a null customer_id. The free text stays in
-- staging.surveys; here is only whether there is one.

with

clock as (
    select time_zone,
    from sources.run_clock
),

identity_map as (
    select
        links.source as record_source,
        links.record_id,
        links.customer_id,
    from identity.identity_map as links
)

select
    surveys.source, -- Source system of the answer
    surveys.response_id, -- Answer's id in the source
    identity_map.customer_id, -- Customer who answered; null when unknown
    surveys.record_source, -- Source system of the customer record
    surveys.record_id, -- Customer record in that system
    surveys.survey_name, -- Which survey
    surveys.order_id, -- Order it is about; null for none
    surveys.product_id, -- Product it is about; null for none
    surveys.channel, -- How it was answered: email, sms, web or store
    surveys.language, -- ISO 639-1 language of the text
    surveys.nps_score, -- Would recommend, 0 to 10; null when not answered
    surveys.rating, -- Satisfaction, from 0 to rating_max
    surveys.rating_max, -- Best rating possible
    coalesce(trim(surveys.comment) != '', false) as has_text, -- Whether anything was written. {drops free_text: only whether there is some}
    ((surveys.answered_at at time zone 'UTC') at time zone clock.time_zone)::date as answered_on, -- Day of the answer, in the business's time zone
    surveys.answered_at, -- Time of the answer, UTC
from staging.surveys as surveys
cross join clock
left join identity_map
    on
        surveys.record_source = identity_map.record_source
        and surveys.record_id = identity_map.record_id
