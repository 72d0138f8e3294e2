-- One row per currency and day on which something was ordered: the rate into the home currency.
--
-- The rate is the newest one on or before the day, never a later one. A currency and day without
-- such a rate has no row here; amounts in it stay without a home amount and are flagged. Only
-- rates delivered as "1 foreign = rate home" are used, no inverse and no cross rates.

with

clock as (
    select
        time_zone,
        home_currency,
    from sources.run_clock
),

order_days as (
    select ((orders.ordered_at at time zone 'UTC') at time zone clock.time_zone)::date as day_on,
    from staging.orders as orders
    cross join clock
    where orders.ordered_at is not null
    group by all
),

currencies as (
    select orders.currency as from_currency,
    from staging.orders as orders
    where orders.currency is not null
    -- costs of products may stand in yet another currency
    union
    select products.currency as from_currency,
    from staging.products as products
    where products.currency is not null
),

rate_periods as (
    select
        rates.from_currency,
        rates.rate,
        rates.rate_on,
        lead(rates.rate_on) over (
            partition by rates.from_currency
            order by rates.rate_on
        ) as next_rate_on,
    from staging.exchange_rates as rates
    inner join clock
        on rates.to_currency = clock.home_currency
    where rates.rate > 0
),

foreign_rates as (
    select
        rate_periods.from_currency,
        order_days.day_on,
        rate_periods.rate,
        rate_periods.rate_on,
    from order_days
    inner join rate_periods
        on
            order_days.day_on >= rate_periods.rate_on
            and order_days.day_on < coalesce(rate_periods.next_rate_on, date '9999-12-31')
    inner join currencies
        on rate_periods.from_currency = currencies.from_currency
    cross join clock
    where rate_periods.from_currency != clock.home_currency
),

home_rates as (
    select
        clock.home_currency as from_currency,
        order_days.day_on,
        1::decimal(18, 8) as rate,
        order_days.day_on as rate_on,
    from order_days
    cross join clock
),

all_rates as (
    select
        foreign_rates.from_currency,
        foreign_rates.day_on,
        foreign_rates.rate,
        foreign_rates.rate_on,
    from foreign_rates
    union all
    select
        home_rates.from_currency,
        home_rates.day_on,
        home_rates.rate,
        home_rates.rate_on,
    from home_rates
)

select
    all_rates.from_currency, -- Currency to convert from, ISO 4217
    all_rates.day_on, -- Day of the order, in the business's time zone
    clock.home_currency as to_currency, -- The home currency, ISO 4217
    all_rates.rate, -- 1 unit of from_currency is this much of to_currency
    all_rates.rate_on, -- Day the rate was set; on or before day_on
from all_rates
cross join clock
