-- One row per audience and customer in it: the seeds, and those most like them.
--
-- Customers who refused profiling are in no audience. The channels are those over which marketing
-- is permitted today; whoever uses an audience in a channel takes the customers that have it. Who
-- is alike is limited to the share that prediction/audiences.yml exports.

with

members as (
    select
        seeds.audience,
        seeds.customer_id,
        true as is_seed,
        seeds.since_on,
        null::bigint as rank,
        null::double as similarity,
        null::varchar as reason,
    from prediction.audience_seeds as seeds
    union all
    select
        lookalikes.audience,
        lookalikes.customer_id,
        false as is_seed,
        null::date as since_on,
        lookalikes.rank,
        lookalikes.similarity,
        lookalikes.reason,
    from prediction.lookalikes as lookalikes
),

permissions as (
    select
        permissions.customer_id,
        bool_or(permissions.purpose = 'profiling' and permissions.why = 'refused') as refuses_profiling,
        string_agg(
            case when permissions.purpose = 'marketing' and permissions.is_allowed then permissions.channel end,
            ', ' order by permissions.channel
        ) as channels,
    from action.contact_permissions as permissions
    group by permissions.customer_id
)

select
    members.audience, -- Name of the audience in prediction/audiences.yml
    members.customer_id, -- Customer in it
    members.is_seed, -- Whether the audience is built around the customer
    members.since_on, -- Day the customer became a seed; null for those alike
    members.rank, -- Place among those alike, 1 is most alike; null for seeds
    members.similarity, -- 0 to 1; null for seeds
    members.reason, -- What speaks most for the similarity; null for seeds
    permissions.channels, -- Channels that marketing may use, comma-separated; null for none. {drops attribute: which channels are open, not why}
from members
left join permissions
    on members.customer_id = permissions.customer_id
where not coalesce(permissions.refuses_profiling, false)
