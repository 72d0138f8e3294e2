-- One row per customer who answered a survey or wrote to customer service: what they think of us.
--
-- The last answer to a question counts, by time, then by the answer's number; who skipped the
-- question has null there. Ratings of different scales are compared as a share of the scale from
-- its lowest point 0. Sentiment is that of the last text that was clear enough to judge.

with

clock as (
    select run_clock.as_of_on,
    from sources.run_clock as run_clock
),

answers as (
    select
        surveys.customer_id,
        surveys.source,
        surveys.response_id,
        surveys.nps_score,
        (surveys.rating::double / nullif(surveys.rating_max, 0))::decimal(18, 6) as rating_ratio,
        surveys.answered_on,
        surveys.answered_at,
    from profiles.surveys as surveys
    cross join clock
    where
        surveys.customer_id is not null
        and surveys.answered_on <= clock.as_of_on
),

last_scores as (
    select
        answers.customer_id,
        answers.nps_score,
        answers.answered_on,
        row_number() over (
            partition by answers.customer_id
            order by answers.answered_at desc, answers.source desc, answers.response_id desc
        ) as place,
    from answers
    where answers.nps_score is not null
),

answer_counts as (
    select
        answers.customer_id,
        count(*) as answer_count,
        count(answers.nps_score) as nps_answer_count,
        (sum(answers.rating_ratio)::double / nullif(count(answers.rating_ratio), 0))::decimal(18, 4)
            as mean_rating_ratio,
        max(answers.answered_on) as last_answer_on,
    from answers
    group by answers.customer_id
),

texts as (
    select
        sentiments.customer_id,
        sentiments.source,
        sentiments.kind,
        sentiments.feedback_id,
        sentiments.sentiment,
        sentiments.score,
        sentiments.written_on,
    from insight.feedback_sentiments as sentiments
    cross join clock
    where
        sentiments.customer_id is not null
        and sentiments.written_on <= clock.as_of_on
),

last_texts as (
    select
        texts.customer_id,
        texts.sentiment,
        texts.score,
        texts.written_on,
        row_number() over (
            partition by texts.customer_id
            order by texts.written_on desc, texts.source desc, texts.kind desc, texts.feedback_id desc
        ) as place,
    from texts
    where texts.sentiment is not null
),

text_counts as (
    select
        texts.customer_id,
        count(*) as text_count,
        count(*) filter (where texts.sentiment = 'positive') as positive_text_count,
        count(*) filter (where texts.sentiment = 'negative') as negative_text_count,
    from texts
    group by texts.customer_id
),

customers as (
    select answer_counts.customer_id,
    from answer_counts
    union
    select text_counts.customer_id,
    from text_counts
)

select
    customers.customer_id, -- Customer
    last_scores.nps_score as last_nps_score, -- Last answer to "would you recommend us", 0 to 10; null when never answered
    case
        when last_scores.nps_score >= 9 then 'promoter'
        when last_scores.nps_score >= 7 then 'passive'
        when last_scores.nps_score >= 0 then 'detractor'
    end as nps_class, -- promoter (9, 10), passive (7, 8) or detractor (0 to 6)
    answer_counts.mean_rating_ratio, -- Mean rating as a share of the best possible; null without ratings
    last_texts.sentiment as last_sentiment, -- positive, neutral or negative: the last text that could be judged
    last_texts.score::decimal(18, 6) as last_sentiment_score, -- From -1 (worst) to 1 (best)
    coalesce(answer_counts.answer_count, 0)::integer as answer_count, -- Survey answers
    coalesce(answer_counts.nps_answer_count, 0)::integer as nps_answer_count, -- Of those, with a score from 0 to 10
    coalesce(text_counts.text_count, 0)::integer as text_count, -- Comments and tickets with a text
    coalesce(text_counts.positive_text_count, 0)::integer as positive_text_count, -- Of those, judged positive
    coalesce(text_counts.negative_text_count, 0)::integer as negative_text_count, -- Of those, judged negative
    last_scores.answered_on as last_nps_on, -- Day of last_nps_score
    answer_counts.last_answer_on, -- Day of the last survey answer
    last_texts.written_on as last_sentiment_on, -- Day of the text behind last_sentiment
from customers
left join answer_counts
    on customers.customer_id = answer_counts.customer_id
left join text_counts
    on customers.customer_id = text_counts.customer_id
left join last_scores
    on
        customers.customer_id = last_scores.customer_id
        and last_scores.place = 1
left join last_texts
    on
        customers.customer_id = last_texts.customer_id
        and last_texts.place = 1
