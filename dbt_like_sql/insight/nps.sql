-- One row per survey and period: the net promoter score of its answers, with an interval.
--
-- Share of promoters (9, 10) less share of detractors (0 to 6), times 100. Every answer counts, also
-- those of people nobody could tell who they are, and several of one customer. The 95 % interval is
-- the adjusted Wald one (three answers added, half of them passive), which holds for few answers
-- too; it says how sure the score is for these people, not whether who did not answer thinks alike.

with

answers as (
    select
        coalesce(surveys.survey_name, 'unnamed') as survey_name,
        strftime(surveys.answered_on, '%Y-%m') as answered_month,
        surveys.nps_score,
    from profiles.surveys as surveys
    cross join sources.run_clock as run_clock
    where
        surveys.nps_score is not null
        and surveys.answered_on <= run_clock.as_of_on
),

counted as (
    select
        answers.survey_name,
        answers.answered_month,
        count(*) as answer_count,
        count(*) filter (where answers.nps_score >= 9) as promoter_count,
        count(*) filter (where answers.nps_score < 7) as detractor_count,
    from answers
    group by all
),

periods as (
    select
        counted.survey_name,
        counted.answered_month as period,
        counted.answer_count,
        counted.promoter_count,
        counted.detractor_count,
    from counted
    union all
    select
        counted.survey_name,
        'all' as period,
        sum(counted.answer_count) as answer_count,
        sum(counted.promoter_count) as promoter_count,
        sum(counted.detractor_count) as detractor_count,
    from counted
    group by counted.survey_name
),

adjusted as (
    select
        periods.survey_name,
        periods.period,
        periods.answer_count,
        periods.promoter_count,
        periods.detractor_count,
        (periods.promoter_count + 0.75)::double / (periods.answer_count + 3) as promoter_share,
        (periods.detractor_count + 0.75)::double / (periods.answer_count + 3) as detractor_share,
        (periods.answer_count + 3)::double as adjusted_count,
    from periods
),

margins as (
    select
        adjusted.survey_name,
        adjusted.period,
        adjusted.answer_count,
        adjusted.promoter_count,
        adjusted.detractor_count,
        adjusted.promoter_share - adjusted.detractor_share as centre,
        1.959964 * sqrt(
            (
                adjusted.promoter_share
                + adjusted.detractor_share
                - (adjusted.promoter_share - adjusted.detractor_share)
                * (adjusted.promoter_share - adjusted.detractor_share)
            )
            / adjusted.adjusted_count
        ) as margin,
    from adjusted
)

select
    margins.survey_name, -- Which survey; unnamed where the source does not say
    margins.period, -- Month of the answers as 2026-05, or all
    margins.answer_count::integer as answer_count, -- Answers with a score from 0 to 10
    margins.promoter_count::integer as promoter_count, -- Scores of 9 and 10
    (margins.answer_count - margins.promoter_count - margins.detractor_count)::integer as passive_count, -- Scores of 7 and 8
    margins.detractor_count::integer as detractor_count, -- Scores from 0 to 6
    (
        100.0::double * (margins.promoter_count - margins.detractor_count) / margins.answer_count
    )::decimal(18, 2) as nps, -- Net promoter score, -100 to 100
    (100 * greatest(margins.centre - margins.margin, -1))::decimal(18, 2) as nps_low, -- Lower end of the 95 % interval
    (100 * least(margins.centre + margins.margin, 1))::decimal(18, 2) as nps_high, -- Upper end of the 95 % interval
from margins
