-- One row per product of the catalogue or the order lines: whether it may be recommended, and why not.
-- Stock is added up over locations; a product without inventory rows is not held back, because a
-- shop that counts no stock is not sold out. Best sellers are counted in buyers, not in units: one
-- restaurant that buys a thousand eggs does not make them everybody's favourite. Catalogue and stock
-- are the newest landed ones, whatever the as-of date: nothing is learned from them, and what is gone
-- cannot be offered.
with clock as (
    select as_of_on,
    from sources.run_clock
),

horizon as (
    select
        horizon.horizon_days,
        -- long enough to be steady, short enough to follow the season
        least(4 * horizon.horizon_days, 365) as popular_days,
    from prediction.churn_horizon as horizon
),

buyers as (
    select
        purchases.customer_id,
        purchases.product_id,
        max(purchases.ordered_on) as last_ordered_on,
    from prediction.product_purchases as purchases
    group by
        purchases.customer_id,
        purchases.product_id
),

sold_products as (
    select
        buyers.product_id,
        count(*) as buyer_count,
        count(*) filter (
            where buyers.last_ordered_on > clock.as_of_on - horizon.popular_days
        ) as recent_buyer_count,
    from buyers
    cross join clock
    cross join horizon
    group by buyers.product_id
),

catalogue as (
    select
        products.product_id,
        products.product_name,
        products.category,
        products.list_price_amount,
        products.currency,
        products.is_discontinued,
    from staging.products as products
    where products.product_id is not null
),

stock as (
    select
        inventory.product_id,
        sum(coalesce(inventory.quantity_on_hand, 0)) as stock_quantity,
    from staging.inventory as inventory
    where inventory.product_id is not null
    group by inventory.product_id
),

known_products as (
    select
        coalesce(catalogue.product_id, sold_products.product_id) as product_id,
        catalogue.product_name,
        catalogue.category,
        catalogue.list_price_amount,
        catalogue.currency,
        stock.stock_quantity,
        coalesce(sold_products.buyer_count, 0) as buyer_count,
        coalesce(sold_products.recent_buyer_count, 0) as recent_buyer_count,
        case
            when catalogue.is_discontinued then 'discontinued'
            when stock.stock_quantity <= 0 then 'out_of_stock'
        end as excluded_because,
    from catalogue
    full outer join sold_products
        on catalogue.product_id = sold_products.product_id
    left join stock
        on coalesce(catalogue.product_id, sold_products.product_id) = stock.product_id
)

select
    known_products.product_id, -- The product.
    known_products.product_name, -- Its name; null when the catalogue does not have it.
    known_products.category, -- Its category today; null when not known.
    known_products.currency, -- Currency of the list price, ISO 4217.
    known_products.list_price_amount, -- Its list price, in currency; null when not known.
    known_products.stock_quantity::decimal(18, 3) as stock_quantity, -- Units on hand over all locations; null when stock is not counted.
    known_products.buyer_count, -- Customers who ever bought it.
    known_products.recent_buyer_count, -- Of these, those who bought it in the last popular_days.
    horizon.popular_days::integer as popular_days, -- Days that count as recent: four horizons, a year at most.
    row_number() over (
        order by
            known_products.excluded_because is null desc,
            known_products.recent_buyer_count desc,
            known_products.buyer_count desc,
            known_products.product_id asc
    ) as popularity_rank, -- 1 is the best seller; products that may not be recommended come last.
    known_products.excluded_because, -- discontinued or out_of_stock; null when it may be recommended.
    known_products.excluded_because is null as is_recommendable, -- Whether it may be recommended.
from known_products
cross join horizon
