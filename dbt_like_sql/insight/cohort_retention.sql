-- One row per month of first purchase and month since: how many of the cohort bought, and what they paid.
--
-- A cohort is everybody whose first purchase was in that month, by today's customers. Every month
-- up to the as-of date has a row, with zeros where nobody bought. Leave out rows that are not
-- complete: their month is not over. Spend is net of returns, on the day of the return; what was
-- taken back before the first purchase counts in month 0, so that the sum over all rows is that of
-- the customers' net_spend_amount in customer_measures to the cent (of customers with a purchase).

with

clock as (
    select
        run_clock.as_of_on,
        run_clock.home_currency,
    from sources.run_clock as run_clock
),

orders as (
    select
        orders.customer_id,
        orders.ordered_on,
        orders.is_purchase,
        orders.net_home_amount,
    from profiles.orders as orders
    cross join clock
    where
        orders.customer_id is not null
        and orders.status != 'cancelled'
        and orders.ordered_on <= clock.as_of_on
),

first_months as (
    select
        orders.customer_id,
        date_trunc('month', min(orders.ordered_on))::date as cohort_month,
    from orders
    where orders.is_purchase
    group by orders.customer_id
),

cohorts as (
    select
        first_months.cohort_month,
        count(*) as customer_count,
    from first_months
    group by first_months.cohort_month
),

customer_months as (
    select
        first_months.cohort_month,
        orders.customer_id,
        greatest(date_diff('month', first_months.cohort_month, orders.ordered_on), 0)
            as months_since,
        count(*) filter (where orders.is_purchase) as order_count,
        sum(orders.net_home_amount) as net_spend_amount,
    from orders
    inner join first_months
        on orders.customer_id = first_months.customer_id
    group by all
),

cohort_months as (
    select
        customer_months.cohort_month,
        customer_months.months_since,
        count(*) filter (where customer_months.order_count > 0) as active_customer_count,
        sum(customer_months.order_count) as order_count,
        sum(customer_months.net_spend_amount) as net_spend_amount,
    from customer_months
    group by all
),

every_month as (
    select
        cohorts.cohort_month,
        cohorts.customer_count,
        clock.as_of_on,
        clock.home_currency,
        unnest(
            generate_series(0, date_diff('month', cohorts.cohort_month, clock.as_of_on))
        ) as months_since,
    from cohorts
    cross join clock
),

filled_months as (
    select
        every_month.cohort_month,
        every_month.months_since,
        every_month.home_currency,
        every_month.customer_count,
        coalesce(cohort_months.active_customer_count, 0) as active_customer_count,
        coalesce(cohort_months.order_count, 0) as order_count,
        coalesce(cohort_months.net_spend_amount, 0) as net_spend_amount,
        last_day((every_month.cohort_month + to_months(every_month.months_since::integer))::date)
        <= every_month.as_of_on as is_complete,
    from every_month
    left join cohort_months
        on
            every_month.cohort_month = cohort_months.cohort_month
            and every_month.months_since = cohort_months.months_since
)

select
    filled_months.cohort_month, -- First day of the month of the cohort's first purchases
    filled_months.months_since::integer as months_since, -- Calendar months since then; 0 is the month of the first purchase
    filled_months.home_currency as currency, -- Currency of the amounts, ISO 4217
    filled_months.customer_count::integer as customer_count, -- Customers in the cohort, the same in all its rows
    filled_months.active_customer_count::integer as active_customer_count, -- Of those, with a purchase in the month
    (
        filled_months.active_customer_count::double / filled_months.customer_count
    )::decimal(18, 6) as retention_ratio, -- active_customer_count as a share of the cohort
    filled_months.order_count::integer as order_count, -- Purchases in the month
    filled_months.net_spend_amount::decimal(18, 2) as net_spend_amount, -- Paid less returns in the month
    (
        sum(filled_months.net_spend_amount) over (
            partition by filled_months.cohort_month
            order by filled_months.months_since
        )::double
        / filled_months.customer_count
    )::decimal(18, 2) as cumulative_spend_per_customer_amount, -- Paid less returns from month 0 to this one, per customer of the cohort
    filled_months.is_complete, -- The month is over on the as-of date
from filled_months
