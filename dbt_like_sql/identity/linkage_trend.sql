-- One row per as-of date of a release and metric of linkage_quality: how the linking has been.
--
-- Every release carries the earlier ones along; a second release of the same day takes the place of
-- the first. The newest 60 days are kept. A metric that an older release did not measure has no row
-- there, so a line that begins late began late.
with

measured as (
    select
        run_clock.as_of_on,
        quality.metric,
        quality.value,
        quality.lower,
        quality.upper,
        quality.warn_above,
    from identity.linkage_quality as quality
    cross join sources.run_clock as run_clock
),

earlier as (
    select
        trend.as_of_on,
        trend.metric,
        trend.value,
        trend.lower,
        trend.upper,
        trend.warn_above,
    from previous.linkage_trend as trend
    cross join sources.run_clock as run_clock
    where trend.as_of_on < run_clock.as_of_on
),

both_times as (
    select
        earlier.as_of_on,
        earlier.metric,
        earlier.value,
        earlier.lower,
        earlier.upper,
        earlier.warn_above,
    from earlier
    union all
    select
        measured.as_of_on,
        measured.metric,
        measured.value,
        measured.lower,
        measured.upper,
        measured.warn_above,
    from measured
)

select
    both_times.as_of_on, -- As-of date of the release.
    both_times.metric, -- Metric of linkage_quality.
    both_times.value, -- Its value in that release.
    both_times.lower, -- Lower end of its interval, where it is estimated.
    both_times.upper, -- Upper end of its interval, where it is estimated.
    both_times.warn_above, -- Value above which somebody should look.
from both_times
qualify dense_rank() over (order by both_times.as_of_on desc) <= 60
