-- One row per group of buyers that answer messages differently.
--
-- The groups are used twice: for a customer as they were when a message was sent (response_rates),
-- and as they are today (customer_facts). They look only at what was known on that day, so that
-- having answered does not put anybody into the group that answers.

with

listed_groups as (
    select
        listed.buyer_group,
        listed.order_count_from,
        listed.order_count_to,
        listed.recency_days_from,
        listed.recency_days_to,
    from (
        values
        ('never_bought', 0, 0, -1, -1),
        ('one_time_recent', 1, 1, 0, 90),
        ('one_time_lapsed', 1, 1, 91, 1000000),
        ('repeat_recent', 2, 1000000, 0, 90),
        ('repeat_lapsed', 2, 1000000, 91, 1000000)
    ) as listed (
        buyer_group, order_count_from, order_count_to, recency_days_from, recency_days_to
    )
)

select
    listed.buyer_group, -- Name of the group
    listed.order_count_from, -- Fewest purchases
    listed.order_count_to, -- Most purchases
    listed.recency_days_from, -- Fewest days since the last purchase; -1 stands for no purchase
    listed.recency_days_to, -- Most days since the last purchase
from listed_groups as listed
