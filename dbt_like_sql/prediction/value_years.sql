-- One row per day of a year ago and customer who had bought by then: the rhythm known on that day, and
-- the 365 days that followed. It serves only to find out how far a forecast of a year lies from what
-- came; up to three such days are 90 days apart, the newest a year before the orders end. Without 455
-- days of orders there is none, and no value of a year is exported. A business with more than 150,000
-- buyers judges on a fixed draw of them.
with spans as (
    select
        last_ordered_on - 365 as newest_on,
        first_ordered_on + 90 as oldest_on,
        as_of_on,
    from prediction.churn_horizon
),

positions as (
    select unnest([0, 1, 2]) as position,
),

years as (
    select
        spans.newest_on - cast(90 * positions.position as integer) as cutoff_on,
        spans.as_of_on,
    from spans
    cross join positions
    where spans.newest_on - cast(90 * positions.position as integer) >= spans.oldest_on
),

purchase_days as (
    select
        orders.customer_id,
        left(md5(orders.customer_id), 1) as draw,
        orders.ordered_on as day_on,
        sum(orders.net_home_amount - coalesce(orders.return_home_amount, 0)) as spent_amount,
    from profiles.orders as orders
    cross join spans
    where
        orders.is_purchase
        and orders.customer_id is not null
        and orders.ordered_on <= spans.as_of_on
    group by
        orders.customer_id,
        orders.ordered_on
),

sizes as (
    select
        case
            when count(distinct customer_id) <= 150000 then 'g'
            when count(distinct customer_id) <= 300000 then '8'
            when count(distinct customer_id) <= 600000 then '4'
            when count(distinct customer_id) <= 1200000 then '2'
            else '1'
        end as draw_below,
    from purchase_days
),

drawn_days as (
    select
        purchase_days.customer_id,
        purchase_days.day_on,
        purchase_days.spent_amount,
    from purchase_days
    cross join sizes
    where purchase_days.draw < sizes.draw_below
)

select
    years.cutoff_on, -- The last day whose purchases are known to the forecast.
    drawn_days.customer_id, -- The customer.
    cast(
        count(*) filter (where drawn_days.day_on <= years.cutoff_on) - 1 as integer
    ) as repeat_count, -- Purchase days after the first, up to the day.
    cast(
        max(drawn_days.day_on) filter (where drawn_days.day_on <= years.cutoff_on)
        - min(drawn_days.day_on)
        as integer
    ) as active_span_days, -- Days from the first to the last purchase up to the day.
    cast(years.cutoff_on - min(drawn_days.day_on) as integer) as tenure_days, -- Days since the first purchase.
    cast(
        coalesce(
            sum(drawn_days.spent_amount) filter (where drawn_days.day_on <= years.cutoff_on), 0
        ) as decimal(18, 2)
    ) as spent_amount, -- Spent up to the day, returns not taken off, home currency.
    cast(
        coalesce(
            sum(drawn_days.spent_amount) filter (
                where
                drawn_days.day_on > years.cutoff_on
                and drawn_days.day_on <= years.cutoff_on + 365
            ),
            0
        ) as decimal(18, 2)
    ) as spend_in_year_amount, -- The outcome: spent in the 365 days after it, returns not taken off, home currency.
from years
cross join drawn_days
group by
    years.cutoff_on,
    drawn_days.customer_id
having min(drawn_days.day_on) <= years.cutoff_on
