-- One row per day and currency, in Swedish kronor.

select
    rate_date as rate_on,
    from_currency,
    to_currency,
    'erp' as source,
    rate,
from sources.erp_exchange_rates
