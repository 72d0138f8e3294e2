-- One row per customer, product and day on which the customer bought it.
-- What recommendations learn from. A day counts once however many lines it has, so that a split
-- order is not a habit. Goods brought back later are still here, because on that day they were
-- bought; what nobody should be offered again is in returned_products. Cancelled orders, lines
-- without product or customer, and days after the as-of date are left out.
with clock as (
    select as_of_on,
    from sources.run_clock
),

bought_lines as (
    select
        lines.customer_id,
        lines.product_id,
        lines.ordered_on,
        lines.quantity,
    from profiles.order_lines as lines
    cross join clock
    where
        lines.status = 'completed'
        and not lines.is_return
        and lines.customer_id is not null
        and lines.product_id is not null
        and lines.ordered_on <= clock.as_of_on
)

select
    bought_lines.customer_id, -- The customer.
    bought_lines.product_id, -- The product.
    bought_lines.ordered_on, -- The day, in the business's time zone.
    sum(coalesce(bought_lines.quantity, 1))::decimal(18, 3) as quantity, -- Units bought that day; a line without a quantity counts as one.
from bought_lines
group by
    bought_lines.customer_id,
    bought_lines.product_id,
    bought_lines.ordered_on
