-- One row per ticket of customer service, with its customer.
--
-- A ticket of an unknown record is kept with a null customer_id. The text stays in staging.tickets;
-- here is only whether there is one.

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
    tickets.source, -- Source system of the ticket
    tickets.ticket_id, -- Ticket's id in the source
    identity_map.customer_id, -- Customer who asked; null when unknown
    tickets.record_source, -- Source system of the customer record
    tickets.record_id, -- Customer record in that system
    tickets.channel, -- How the customer got in touch
    tickets.category, -- What it is about
    tickets.language, -- ISO 639-1 language of the text
    tickets.status, -- open or closed
    coalesce(trim(tickets.subject) != '' or trim(tickets.body) != '', false) as has_text, -- Whether anything was written. {drops free_text: only whether there is some}
    ((tickets.opened_at at time zone 'UTC') at time zone clock.time_zone)::date as opened_on, -- Day it was opened, in the business's time zone
    tickets.opened_at, -- When it was opened, UTC
    tickets.closed_at, -- When it was closed, UTC; null while open
from staging.tickets as tickets
cross join clock
left join identity_map
    on
        tickets.record_source = identity_map.record_source
        and tickets.record_id = identity_map.record_id
