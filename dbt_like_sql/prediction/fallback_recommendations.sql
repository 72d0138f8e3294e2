-- One row per cut-off, customer and rank: what is recommended without anything learned, ten at most.
-- A customer's own products come first, those bought on most days on top and among equals the more
-- popular; the rest is filled with best sellers the customer does not have yet (GP-TopFreq with
-- ties by popularity). Customers who never bought, and those who refused to be profiled, get the
-- best sellers. Today's rows (cut-off = as-of date) leave out what is discontinued, sold out or was
-- returned by the customer. The rows of the newest past cut-off are for judging only: what was in
-- stock on that day is not known, so nothing is left out there, and above 20,000 customers a part of
-- them, drawn by hash, is enough.
with cutoffs as (
    select
        past.cutoff_on,
        past.cutoff_on = past.as_of_on as is_today,
        least(4 * past.horizon_days, 365) as popular_days,
    from prediction.churn_cutoffs as past
    where past.role in ('judge', 'score')
    qualify row_number() over (partition by past.role order by past.cutoff_on desc) = 1
),

known_customers as (
    select
        links.customer_id,
        left(md5(links.customer_id), 1) as draw,
    from identity.identity_map as links
    group by links.customer_id
),

sizes as (
    select count(*) as customer_count,
    from known_customers
),

customers as (
    select
        cutoffs.cutoff_on,
        cutoffs.is_today,
        known_customers.customer_id,
    from cutoffs
    cross join sizes
    inner join known_customers
        on
            cutoffs.is_today
            or known_customers.draw < case
                when sizes.customer_count <= 20000 then 'g'
                when sizes.customer_count <= 40000 then '8'
                when sizes.customer_count <= 80000 then '4'
                when sizes.customer_count <= 160000 then '2'
                else '1'
            end
),

objections as (
    select objections.customer_id,
    from prediction.profiling_objections as objections
),

products as (
    select
        products.product_id,
        products.is_recommendable,
    from prediction.recommendable_products as products
),

returned_products as (
    select
        returned.customer_id,
        returned.product_id,
    from prediction.returned_products as returned
),

histories as (
    select
        cutoffs.cutoff_on,
        cutoffs.is_today,
        cutoffs.popular_days,
        purchases.customer_id,
        purchases.product_id,
        count(*) as purchase_day_count,
        max(purchases.ordered_on) as last_bought_on,
    from prediction.product_purchases as purchases
    inner join cutoffs
        on purchases.ordered_on <= cutoffs.cutoff_on
    group by
        cutoffs.cutoff_on,
        cutoffs.is_today,
        cutoffs.popular_days,
        purchases.customer_id,
        purchases.product_id
),

popularity as (
    select
        histories.cutoff_on,
        histories.product_id,
        count(*) as buyer_count,
        count(*) filter (
            where histories.last_bought_on > histories.cutoff_on - histories.popular_days
        ) as recent_buyer_count,
    from histories
    inner join products
        on histories.product_id = products.product_id
    where not histories.is_today or products.is_recommendable
    group by
        histories.cutoff_on,
        histories.product_id
),

best_sellers as (
    select
        popularity.cutoff_on,
        popularity.product_id,
        popularity.recent_buyer_count,
        row_number() over (
            partition by popularity.cutoff_on
            order by
                popularity.recent_buyer_count desc,
                popularity.buyer_count desc,
                popularity.product_id asc
        ) as place,
    from popularity
),

own_products as (
    select
        histories.cutoff_on,
        histories.customer_id,
        histories.product_id,
        histories.purchase_day_count,
        histories.last_bought_on,
        best_sellers.recent_buyer_count,
        best_sellers.place,
    from histories
    inner join customers
        on
            histories.cutoff_on = customers.cutoff_on
            and histories.customer_id = customers.customer_id
    inner join best_sellers
        on
            histories.cutoff_on = best_sellers.cutoff_on
            and histories.product_id = best_sellers.product_id
    left join returned_products
        on
            histories.is_today
            and histories.customer_id = returned_products.customer_id
            and histories.product_id = returned_products.product_id
    left join objections
        on histories.customer_id = objections.customer_id
    where
        returned_products.customer_id is null
        and objections.customer_id is null
),

ranked_own_products as (
    select
        own_products.cutoff_on,
        own_products.customer_id,
        own_products.product_id,
        own_products.purchase_day_count,
        own_products.last_bought_on,
        own_products.recent_buyer_count,
        row_number() over (
            partition by own_products.cutoff_on, own_products.customer_id
            order by own_products.purchase_day_count desc, own_products.place asc
        ) as place,
    from own_products
),

own_lists as (
    select
        ranked_own_products.cutoff_on,
        ranked_own_products.customer_id,
        ranked_own_products.product_id,
        ranked_own_products.purchase_day_count,
        ranked_own_products.last_bought_on,
        ranked_own_products.recent_buyer_count,
        ranked_own_products.place,
    from ranked_own_products
    where ranked_own_products.place <= 10
),

own_counts as (
    select
        own_lists.cutoff_on,
        own_lists.customer_id,
        count(*) as own_count,
    from own_lists
    group by
        own_lists.cutoff_on,
        own_lists.customer_id
),

-- a customer whose list is not full has nine products at most, so twenty-four leave room for ten
-- more beside those and five that were returned
fillers as (
    select
        customers.cutoff_on,
        customers.customer_id,
        best_sellers.product_id,
        best_sellers.recent_buyer_count,
        best_sellers.place,
        coalesce(own_counts.own_count, 0) as own_count,
        customers.is_today,
    from customers
    inner join best_sellers
        on
            customers.cutoff_on = best_sellers.cutoff_on
            and best_sellers.place <= 24
    left join own_counts
        on
            customers.cutoff_on = own_counts.cutoff_on
            and customers.customer_id = own_counts.customer_id
    where coalesce(own_counts.own_count, 0) < 10
),

filled_lists as (
    select
        fillers.cutoff_on,
        fillers.customer_id,
        fillers.product_id,
        fillers.recent_buyer_count,
        fillers.own_count,
        row_number() over (
            partition by fillers.cutoff_on, fillers.customer_id
            order by fillers.place
        ) as place,
    from fillers
    left join own_lists
        on
            fillers.cutoff_on = own_lists.cutoff_on
            and fillers.customer_id = own_lists.customer_id
            and fillers.product_id = own_lists.product_id
    left join returned_products
        on
            fillers.is_today
            and fillers.customer_id = returned_products.customer_id
            and fillers.product_id = returned_products.product_id
    left join objections
        on fillers.customer_id = objections.customer_id
    where
        own_lists.customer_id is null
        -- who refused to be profiled gets the same best sellers as everybody, whatever they did
        and (returned_products.customer_id is null or objections.customer_id is not null)
),

lists as (
    select
        own_lists.cutoff_on,
        own_lists.customer_id,
        own_lists.place as list_place,
        own_lists.product_id,
        own_lists.purchase_day_count,
        own_lists.last_bought_on,
        own_lists.recent_buyer_count,
    from own_lists
    union all
    select
        filled_lists.cutoff_on,
        filled_lists.customer_id,
        filled_lists.own_count + filled_lists.place as list_place,
        filled_lists.product_id,
        0 as purchase_day_count,
        null as last_bought_on,
        filled_lists.recent_buyer_count,
    from filled_lists
    where filled_lists.own_count + filled_lists.place <= 10
)

select
    lists.cutoff_on, -- The last day whose purchases were read.
    lists.customer_id, -- The customer.
    lists.list_place::integer as rank, -- 1 is recommended first.
    lists.product_id, -- The product.
    case
        when lists.purchase_day_count > 0 then 'own_history'
        else 'popular'
    end as source, -- own_history or popular.
    lists.purchase_day_count::integer as purchase_day_count, -- Days on which the customer bought it.
    lists.recent_buyer_count::bigint as recent_buyer_count, -- Customers who bought it in the last popular_days of recommendable_products.
    lists.last_bought_on, -- Day the customer last bought it; null when never.
from lists
