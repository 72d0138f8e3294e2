-- One row per cut-off and customer of churn_features: what value needs beyond it, and what came after.
-- The outcomes are purchase days and spend in the horizon_days after the cut-off, null for the scored
-- day. Spend is net: goods brought back in those days are taken off, down to zero and not below. The
-- margin is known for the scored day only, of lines whose product has a cost today, and is no outcome.
with clock as (
    select as_of_on,
    from sources.run_clock
),

cutoffs as (
    select
        cutoff_on,
        label_until_on,
    from prediction.churn_cutoffs
),

customers as (
    select
        cutoff_on,
        customer_id,
    from prediction.churn_features
),

purchase_days as (
    select
        orders.customer_id,
        orders.ordered_on as day_on,
        sum(orders.net_home_amount - coalesce(orders.return_home_amount, 0)) as spent_amount,
    from profiles.orders as orders
    cross join clock
    where
        orders.is_purchase
        and orders.customer_id is not null
        and orders.ordered_on <= clock.as_of_on
    group by
        orders.customer_id,
        orders.ordered_on
),

return_days as (
    select
        lines.customer_id,
        lines.ordered_on as day_on,
        -sum(lines.line_home_amount) as returned_amount,
    from profiles.order_lines as lines
    cross join clock
    where
        lines.is_return
        and lines.status = 'completed'
        and lines.customer_id is not null
        and lines.ordered_on <= clock.as_of_on
    group by
        lines.customer_id,
        lines.ordered_on
),

bought as (
    select
        cutoffs.cutoff_on,
        purchase_days.customer_id,
        count(*) as purchase_day_count,
        sum(purchase_days.spent_amount) as spent_amount,
    from cutoffs
    inner join purchase_days
        on
            cutoffs.cutoff_on < purchase_days.day_on
            and cutoffs.label_until_on >= purchase_days.day_on
    group by
        cutoffs.cutoff_on,
        purchase_days.customer_id
),

brought_back as (
    select
        cutoffs.cutoff_on,
        return_days.customer_id,
        sum(return_days.returned_amount) as returned_amount,
    from cutoffs
    inner join return_days
        on
            cutoffs.cutoff_on < return_days.day_on
            and cutoffs.label_until_on >= return_days.day_on
    group by
        cutoffs.cutoff_on,
        return_days.customer_id
),

margins as (
    select
        lines.customer_id,
        sum(lines.margin_home_amount) as margin_amount,
        sum(lines.line_home_amount) as spend_with_margin_amount,
    from profiles.order_lines as lines
    cross join clock
    where
        lines.status = 'completed'
        and lines.customer_id is not null
        and lines.margin_home_amount is not null
        and lines.ordered_on <= clock.as_of_on
    group by lines.customer_id
)

select
    customers.cutoff_on, -- The last day whose facts are read, outcomes excepted.
    customers.customer_id, -- The customer.
    case
        when cutoffs.label_until_on is null then cast(margins.margin_amount as decimal(18, 2))
    end as margin_amount, -- Margin ever earned on lines with a known cost, home currency; null on past cut-offs.
    case
        when cutoffs.label_until_on is null
            then cast(margins.spend_with_margin_amount as decimal(18, 2))
    end as spend_with_margin_amount, -- Paid for those lines, home currency; null on past cut-offs.
    case
        when cutoffs.label_until_on is not null
            then cast(coalesce(bought.purchase_day_count, 0) as integer)
    end as purchase_days_in_horizon, -- The outcome: purchase days within the horizon; null for the scored day.
    case
        when cutoffs.label_until_on is not null
            then
                cast(
                    greatest(
                        coalesce(bought.spent_amount, 0)
                        - coalesce(brought_back.returned_amount, 0),
                        0
                    ) as decimal(18, 2)
                )
    end as spend_in_horizon_amount, -- The outcome: spent within the horizon less what was brought back, home currency; null for the scored day.
from customers
inner join cutoffs
    on customers.cutoff_on = cutoffs.cutoff_on
left join bought
    on
        customers.cutoff_on = bought.cutoff_on
        and customers.customer_id = bought.customer_id
left join brought_back
    on
        customers.cutoff_on = brought_back.cutoff_on
        and customers.customer_id = brought_back.customer_id
left join margins
    on customers.customer_id = margins.customer_id
