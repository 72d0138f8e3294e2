-- One row per customer and product of which the customer kept nothing: returned, and not bought again.
-- Such a product is never recommended to that customer. Quantities are added up over the whole
-- history to the as-of date, so one return of three leaves two kept, and buying again after a
-- return makes the product welcome again.
with clock as (
    select as_of_on,
    from sources.run_clock
),

order_lines as (
    select
        lines.customer_id,
        lines.product_id,
        lines.ordered_on,
        lines.is_return,
        -- sources write the quantity of a return with either sign
        abs(coalesce(lines.quantity, 1)) as quantity,
    from profiles.order_lines as lines
    cross join clock
    where
        lines.status = 'completed'
        and lines.customer_id is not null
        and lines.product_id is not null
        and lines.ordered_on <= clock.as_of_on
),

-- few customers return a product, so only these need their purchases added up
returned_lines as (
    select
        order_lines.customer_id,
        order_lines.product_id,
        sum(order_lines.quantity) as returned_quantity,
        max(order_lines.ordered_on) as last_returned_on,
    from order_lines
    where order_lines.is_return
    group by
        order_lines.customer_id,
        order_lines.product_id
),

bought_lines as (
    select
        order_lines.customer_id,
        order_lines.product_id,
        sum(order_lines.quantity) as bought_quantity,
    from order_lines
    inner join returned_lines
        on
            order_lines.customer_id = returned_lines.customer_id
            and order_lines.product_id = returned_lines.product_id
    where not order_lines.is_return
    group by
        order_lines.customer_id,
        order_lines.product_id
)

select
    returned_lines.customer_id, -- The customer.
    returned_lines.product_id, -- The product.
    coalesce(bought_lines.bought_quantity, 0)::decimal(18, 3) as bought_quantity, -- Units ever bought.
    returned_lines.returned_quantity::decimal(18, 3) as returned_quantity, -- Units ever returned, not fewer than bought.
    returned_lines.last_returned_on, -- Day of the last return.
from returned_lines
left join bought_lines
    on
        returned_lines.customer_id = bought_lines.customer_id
        and returned_lines.product_id = bought_lines.product_id
where returned_lines.returned_quantity >= coalesce(bought_lines.bought_quantity, 0)
