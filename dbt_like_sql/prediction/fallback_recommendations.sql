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

objections as (
    select objections.customer_id,
    from prediction.profiling_objections as objections
),

-- numbered, because every list below is looked up and ordered by customer
known_customers as (
    select
        links.customer_id,
        left(md5(links.customer_id), 1) as draw,
        row_number() over (order by links.customer_id) as customer_no,
        bool_and(objections.customer_id is null) as is_profiled,
    from identity.identity_map as links
    left join objections
        on links.customer_id = objections.customer_id
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
        known_customers.customer_no,
        known_customers.is_profiled,
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

-- today and the past cut-off, if there is one, so that the purchases are gone through once
days as (
    select
        max(cutoffs.cutoff_on) filter (where cutoffs.is_today) as today_on,
        max(cutoffs.cutoff_on) filter (where not cutoffs.is_today) as past_on,
    from cutoffs
),

-- a customer buys a product on a day in one row
bought_products as (
    select
        purchases.customer_id,
        purchases.product_id,
        days.today_on,
        days.past_on,
        count(*) as today_day_count,
        max(purchases.ordered_on) as today_last_on,
        count(*) filter (where purchases.ordered_on <= days.past_on) as past_day_count,
        max(purchases.ordered_on) filter (where purchases.ordered_on <= days.past_on)
            as past_last_on,
    from prediction.product_purchases as purchases
    cross join days
    where purchases.ordered_on <= days.today_on
    group by
        purchases.customer_id,
        purchases.product_id,
        days.today_on,
        days.past_on
),

histories as (
    select
        bought_products.today_on as cutoff_on,
        true as is_today,
        bought_products.customer_id,
        bought_products.product_id,
        returned_products.customer_id is not null as is_returned,
        bought_products.today_day_count as purchase_day_count,
        bought_products.today_last_on as last_bought_on,
    from bought_products
    left join returned_products
        on
            bought_products.customer_id = returned_products.customer_id
            and bought_products.product_id = returned_products.product_id
    union all
    select
        bought_products.past_on as cutoff_on,
        false as is_today,
        bought_products.customer_id,
        bought_products.product_id,
        false as is_returned,
        bought_products.past_day_count as purchase_day_count,
        bought_products.past_last_on as last_bought_on,
    from bought_products
    where bought_products.past_day_count > 0
),

popularity as (
    select
        histories.cutoff_on,
        histories.product_id,
        count(*) as buyer_count,
        count(*) filter (
            where histories.last_bought_on > histories.cutoff_on - cutoffs.popular_days
        ) as recent_buyer_count,
    from histories
    inner join cutoffs
        on histories.cutoff_on = cutoffs.cutoff_on
    inner join products
        on histories.product_id = products.product_id
    where not histories.is_today or products.is_recommendable
    group by
        histories.cutoff_on,
        histories.product_id
),

-- a product is known by its place among the best sellers from here on
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
        customers.cutoff_on,
        customers.customer_no,
        best_sellers.place,
        histories.purchase_day_count,
        histories.last_bought_on,
    from histories
    inner join customers
        on
            histories.cutoff_on = customers.cutoff_on
            and histories.customer_id = customers.customer_id
    inner join best_sellers
        on
            histories.cutoff_on = best_sellers.cutoff_on
            and histories.product_id = best_sellers.product_id
    where
        customers.is_profiled
        and not histories.is_returned
),

own_lists as (
    select
        own_products.cutoff_on,
        own_products.customer_no,
        own_products.place,
        own_products.purchase_day_count,
        own_products.last_bought_on,
        row_number() over (
            partition by own_products.cutoff_on, own_products.customer_no
            order by own_products.purchase_day_count desc, own_products.place asc
        ) as list_place,
    from own_products
    qualify list_place <= 10
),

own_counts as (
    select
        own_lists.cutoff_on,
        own_lists.customer_no,
        list(own_lists.place order by own_lists.place) as own_places,
    from own_lists
    group by
        own_lists.cutoff_on,
        own_lists.customer_no
),

-- who refused to be profiled gets the same best sellers as everybody, whatever they did
returned_counts as (
    select
        customers.cutoff_on,
        customers.customer_no,
        list(best_sellers.place order by best_sellers.place) as returned_places,
    from returned_products
    inner join customers
        on returned_products.customer_id = customers.customer_id
    inner join best_sellers
        on
            customers.cutoff_on = best_sellers.cutoff_on
            and returned_products.product_id = best_sellers.product_id
    where
        customers.is_today
        and customers.is_profiled
    group by
        customers.cutoff_on,
        customers.customer_no
),

-- a customer whose list is not full has nine products at most, so twenty-four leave room for ten
-- more beside those and five that were returned
best_lists as (
    select
        best_sellers.cutoff_on,
        list(best_sellers.place order by best_sellers.place) as best_places,
    from best_sellers
    where best_sellers.place <= 24
    group by best_sellers.cutoff_on
),

fillers as (
    select
        customers.cutoff_on,
        customers.customer_no,
        coalesce(len(own_counts.own_places), 0) as own_count,
        list_filter(
            best_lists.best_places,
            lambda place:
            not coalesce(list_contains(own_counts.own_places, place), false)
            and not coalesce(list_contains(returned_counts.returned_places, place), false)
        ) as filling_places,
    from customers
    inner join best_lists
        on customers.cutoff_on = best_lists.cutoff_on
    left join own_counts
        on
            customers.cutoff_on = own_counts.cutoff_on
            and customers.customer_no = own_counts.customer_no
    left join returned_counts
        on
            customers.cutoff_on = returned_counts.cutoff_on
            and customers.customer_no = returned_counts.customer_no
    where coalesce(len(own_counts.own_places), 0) < 10
),

positions as (
    select unnest(range(1, 11)) as position,
),

lists as (
    select
        own_lists.cutoff_on,
        own_lists.customer_no,
        own_lists.list_place,
        own_lists.place,
        own_lists.purchase_day_count,
        own_lists.last_bought_on,
    from own_lists
    union all
    select
        fillers.cutoff_on,
        fillers.customer_no,
        fillers.own_count + positions.position as list_place,
        fillers.filling_places[positions.position] as place,
        0 as purchase_day_count,
        null as last_bought_on,
    from fillers
    inner join positions
        on
            positions.position <= len(fillers.filling_places)
            and fillers.own_count + positions.position <= 10
)

select
    lists.cutoff_on, -- The last day whose purchases were read.
    known_customers.customer_id, -- The customer.
    lists.list_place::integer as rank, -- 1 is recommended first.
    best_sellers.product_id, -- The product.
    case
        when lists.purchase_day_count > 0 then 'own_history'
        else 'popular'
    end as source, -- own_history or popular.
    lists.purchase_day_count::integer as purchase_day_count, -- Days on which the customer bought it.
    best_sellers.recent_buyer_count::bigint as recent_buyer_count, -- Customers who bought it in the last popular_days of recommendable_products.
    lists.last_bought_on, -- Day the customer last bought it; null when never.
from lists
inner join known_customers
    on lists.customer_no = known_customers.customer_no
inner join best_sellers
    on
        lists.cutoff_on = best_sellers.cutoff_on
        and lists.place = best_sellers.place
