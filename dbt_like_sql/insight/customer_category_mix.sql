-- One row per customer and product category they bought from or returned to, as of the as-of date.
--
-- Amounts are the home amounts of lines of orders that were not cancelled, returns taken off on the
-- day they came back, so a customer's rows add up to their lines in profiles.order_lines to the
-- cent (orders without lines have no category, so they are in customer_measures only). Lines of
-- products without a known category stand under "unknown". An order with two categories counts
-- once in each: orders do not add up over categories. "12m" is the twelve months up to and
-- including the as-of date. customer_measures counts products and margin from these rows.

with

clock as (
    select
        as_of_on,
        (as_of_on - interval 12 month)::date as year_start_on,
        home_currency,
    from sources.run_clock
),

order_lines as (
    select
        order_lines.customer_id,
        coalesce(order_lines.category, 'unknown') as category,
        order_lines.source,
        order_lines.order_id,
        order_lines.product_id,
        order_lines.is_return,
        order_lines.line_home_amount,
        order_lines.margin_home_amount,
        order_lines.ordered_on,
        order_lines.ordered_on > clock.year_start_on as is_in_12m,
    from profiles.order_lines as order_lines
    cross join clock
    where
        order_lines.customer_id is not null
        and order_lines.status != 'cancelled'
        and order_lines.ordered_on <= clock.as_of_on
),

order_categories as (
    select
        order_lines.customer_id,
        order_lines.category,
        order_lines.ordered_on,
        order_lines.is_in_12m,
        count(*) filter (where not order_lines.is_return) as line_count,
        sum(order_lines.line_home_amount) as net_spend_amount,
        sum(order_lines.line_home_amount) filter (where order_lines.is_return) as return_amount,
        sum(order_lines.margin_home_amount) as margin_amount,
        sum(order_lines.line_home_amount) filter (
            where order_lines.margin_home_amount is not null
        ) as costed_spend_amount,
    from order_lines
    group by
        order_lines.customer_id,
        order_lines.category,
        order_lines.source,
        order_lines.order_id,
        order_lines.ordered_on,
        order_lines.is_in_12m
),

category_orders as (
    select
        order_categories.customer_id,
        order_categories.category,
        count(*) filter (where order_categories.line_count > 0) as order_count,
        count(*) filter (where order_categories.line_count > 0 and order_categories.is_in_12m)
            as order_12m_count,
        sum(order_categories.line_count) as line_count,
        sum(order_categories.net_spend_amount) as net_spend_amount,
        sum(order_categories.net_spend_amount) filter (where order_categories.is_in_12m)
            as net_spend_12m_amount,
        sum(order_categories.return_amount) as return_amount,
        sum(order_categories.margin_amount) as margin_amount,
        sum(order_categories.costed_spend_amount) as costed_spend_amount,
        min(order_categories.ordered_on) filter (where order_categories.line_count > 0)
            as first_order_on,
        max(order_categories.ordered_on) filter (where order_categories.line_count > 0)
            as last_order_on,
    from order_categories
    group by
        order_categories.customer_id,
        order_categories.category
),

-- a product is known by its category, so a category's products are counted without its orders
products as (
    select
        order_lines.customer_id,
        order_lines.category,
        order_lines.product_id,
    from order_lines
    where
        not order_lines.is_return
        and order_lines.product_id is not null
    group by all
),

category_products as (
    select
        products.customer_id,
        products.category,
        count(*) as product_count,
    from products
    group by
        products.customer_id,
        products.category
),

totals as (
    select
        category_orders.customer_id,
        sum(category_orders.line_count) as line_count,
        sum(category_orders.net_spend_amount) filter (where category_orders.net_spend_amount > 0)
            as spend_amount,
    from category_orders
    group by category_orders.customer_id
)

select
    category_orders.customer_id, -- Customer
    category_orders.category, -- Product category as staging.products has it; "unknown" where no category is known
    clock.as_of_on, -- Nothing later than this day is counted
    clock.home_currency as currency, -- Currency of all amounts, ISO 4217
    category_orders.order_count::integer as order_count, -- Orders in which something of the category was bought
    category_orders.order_12m_count::integer as order_12m_count, -- Those of the last 12 months
    category_orders.line_count::integer as line_count, -- Lines bought, returns left out
    coalesce(category_products.product_count, 0)::integer as product_count, -- Different products bought
    coalesce(category_orders.net_spend_amount, 0)::decimal(18, 2) as net_spend_amount, -- Paid less returns; lines without an exchange rate are left out
    coalesce(category_orders.net_spend_12m_amount, 0)::decimal(18, 2) as net_spend_12m_amount, -- The same in the last 12 months, returns on the day they happened
    coalesce(category_orders.return_amount, 0)::decimal(18, 2) as return_amount, -- Given back for returns, zero or negative
    category_orders.costed_spend_amount::decimal(18, 2) as costed_spend_amount, -- Paid less returns for lines whose cost is known; null when no cost is known
    category_orders.margin_amount::decimal(18, 2) as margin_amount, -- Margin on lines whose cost is known, before VAT is taken off; null when no cost is known
    (
        greatest(category_orders.net_spend_amount, 0)::decimal(38, 6)
        / nullif(totals.spend_amount, 0)
    )::decimal(18, 4) as spend_ratio, -- Share of what the customer paid, categories with more returned than bought left out; null when nothing was paid
    (
        category_orders.line_count::decimal(18, 6) / nullif(totals.line_count, 0)
    )::decimal(18, 4) as line_ratio, -- Share of the lines the customer bought; null when they bought none
    category_orders.first_order_on, -- Day something of the category was first bought; null when only returned
    category_orders.last_order_on, -- Day something of the category was last bought; null when only returned
from category_orders
cross join clock
inner join totals
    on category_orders.customer_id = totals.customer_id
left join category_products
    on
        category_orders.customer_id = category_products.customer_id
        and category_orders.category = category_products.category
