-- One row per message of a campaign, with its customer; the control group got none.
--
-- A message to an unknown record is kept with a null customer_id. Leave out is_control where what
-- was sent is counted.

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
    messages.source, -- Source system of the message
    messages.message_id, -- Message's id in the source
    identity_map.customer_id, -- Customer it was for; null when unknown
    messages.record_source, -- Source system of the customer record
    messages.record_id, -- Customer record in that system
    messages.campaign_id, -- Campaign it belongs to
    messages.channel, -- email, sms, phone or post
    coalesce(messages.is_control, false) as is_control, -- In the control group: nothing was sent; never null here
    ((messages.sent_at at time zone 'UTC') at time zone clock.time_zone)::date as sent_on, -- Day it was sent, or would have been, in the business's time zone
    messages.sent_at, -- When it was sent, or would have been, UTC
    messages.opened_at, -- When it was first opened, UTC
    messages.clicked_at, -- When it was first clicked, UTC
    messages.replied_at, -- When it was replied to, UTC
from staging.messages as messages
cross join clock
left join identity_map
    on
        messages.record_source = identity_map.record_source
        and messages.record_id = identity_map.record_id
