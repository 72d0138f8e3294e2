-- One row per campaign, advertising included.

select
    campaign_id,
    'email' as source,
    campaign_name,
    channel,
    purpose,
    started_on,
    ended_on,
    cost as cost_amount,
    currency,
from sources.email_campaigns
