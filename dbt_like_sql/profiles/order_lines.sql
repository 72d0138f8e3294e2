-- One row per order line as delivered, with the customer, day and currency of its order.
--
-- Returns are negative lines. Lines of cancelled orders are kept and carry the order's status. A
-- line whose order was never delivered is kept with null customer, day and currency. Sums of
-- line_amount per currency equal the source to the cent; home amounts are rounded per line, so
-- they may differ from a rounded order total by a cent per line. The margin is what was paid less
-- the product's cost today, VAT not taken off, and null where no cost is known.

with

orders as (
    select
        orders.source,
        orders.order_id,
        orders.customer_id,
        orders.status,
        orders.currency,
        orders.home_currency,
        orders.exchange_rate,
        orders.ordered_on,
    from profiles.orders as orders
),

products as (
    select
        products.product_id,
        products.category,
        products.currency as cost_currency,
        products.unit_cost_amount,
    from staging.products as products
),

cost_rates as (
    select
        rates.from_currency as cost_currency,
        rates.day_on,
        rates.rate,
    from profiles.daily_exchange_rates as rates
),

priced_lines as (
    select
        delivered_lines.source,
        delivered_lines.order_id,
        delivered_lines.line_id,
        delivered_lines.product_id,
        delivered_lines.returned_order_id,
        delivered_lines.returned_line_id,
        delivered_lines.quantity,
        delivered_lines.unit_price_amount,
        delivered_lines.discount_amount,
        delivered_lines.line_amount,
        coalesce(delivered_lines.is_return, false) as is_return,
        orders.customer_id,
        orders.status,
        orders.currency,
        orders.home_currency,
        orders.ordered_on,
        case
            when orders.currency = orders.home_currency then delivered_lines.line_amount
            else round(delivered_lines.line_amount::decimal(38, 2) * orders.exchange_rate, 2)::decimal(18, 2)
        end as line_home_amount,
    from staging.order_lines as delivered_lines
    left join orders
        on
            delivered_lines.source = orders.source
            and delivered_lines.order_id = orders.order_id
),

costed_lines as (
    select
        priced_lines.source,
        priced_lines.order_id,
        priced_lines.line_id,
        priced_lines.product_id,
        priced_lines.returned_order_id,
        priced_lines.returned_line_id,
        priced_lines.quantity,
        priced_lines.unit_price_amount,
        priced_lines.discount_amount,
        priced_lines.line_amount,
        priced_lines.is_return,
        priced_lines.customer_id,
        priced_lines.status,
        priced_lines.currency,
        priced_lines.home_currency,
        priced_lines.ordered_on,
        priced_lines.line_home_amount,
        products.category,
        -- sources write the quantity of a return with either sign
        case when priced_lines.is_return then -1 else 1 end
        * round(
            abs(priced_lines.quantity)::decimal(38, 3)
            * products.unit_cost_amount
            * cost_rates.rate,
            2
        )::decimal(18, 2) as cost_home_amount,
    from priced_lines
    left join products
        on priced_lines.product_id = products.product_id
    left join cost_rates
        on
            coalesce(products.cost_currency, priced_lines.home_currency) = cost_rates.cost_currency
            and priced_lines.ordered_on = cost_rates.day_on
)

select
    costed_lines.source, -- Source system of the order
    costed_lines.order_id, -- Order number in the source
    costed_lines.line_id, -- Line within the order
    costed_lines.customer_id, -- Customer who ordered; null when the buyer is unknown
    costed_lines.product_id, -- Product sold or returned
    costed_lines.returned_order_id, -- Order a returned line was bought in
    costed_lines.returned_line_id, -- Line a returned line takes back
    costed_lines.category, -- Category of the product today
    costed_lines.status, -- Status of the order: completed or cancelled
    costed_lines.quantity, -- Quantity as delivered, in the product's unit
    costed_lines.currency, -- Currency of the amounts as delivered: that of the order
    costed_lines.unit_price_amount, -- Price of one unit before discount, in currency
    costed_lines.discount_amount, -- Discount on the line, in currency
    costed_lines.line_amount, -- What was paid for the line, negative for returns, in currency
    costed_lines.home_currency, -- Currency of the home amounts, ISO 4217
    costed_lines.line_home_amount, -- line_amount in the home currency; null without a rate
    (costed_lines.line_home_amount - costed_lines.cost_home_amount)::decimal(18, 2) as margin_home_amount, -- Paid less the product's cost, in home currency; null when the cost is unknown
    costed_lines.is_return, -- The line takes goods back
    costed_lines.customer_id is null as is_orphan, -- The buyer is unknown
    costed_lines.ordered_on, -- Day of the order in the business's time zone
from costed_lines
