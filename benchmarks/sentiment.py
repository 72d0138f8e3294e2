"""Sentiment against the star ratings of Contoso's website reviews.

Belongs here: precision where a feeling is told, and how often one is told. The data has 20,020
reviews but only four different texts, one for each rating from 2 to 5: it shows that the wiring is
right, not how good the lexicon is. Whoever has rated texts of their own should measure on those.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import duckdb

from benchmarks.figures import Figure, figure
from benchmarks.measuring import ROOT
from cdp_pipeline.insight.lexicon import LANGUAGES, load_lexicons
from cdp_pipeline.insight.sentiment import judge

_LEXICONS = ROOT / "dbt_like_sql" / "insight" / "lexicons"
_SPEED_TEXTS = 100_000


def figures() -> list[Figure]:
    """Measure on Contoso, and the time that the demo company's tickets take."""
    reviews = Path(os.environ["CDP_DATASETS"]) / "contoso_customer_insights" / "website_reviews.csv"
    lexicons = load_lexicons({name: _LEXICONS / f"{name}.yml" for name in LANGUAGES})
    con = duckdb.connect()
    rated = con.sql(
        f"""
        select
            ReviewText as text,
            cast(null as varchar) as declared,
            case when ReviewRating > 3 then 'positive' when ReviewRating < 3 then 'negative'
                else 'neutral' end as expected,
        from read_csv('{reviews}')
        """
    ).to_arrow_table()
    rows = zip(
        judge(rated["text"], rated["declared"], lexicons)["sentiment"].to_pylist(),
        rated["expected"].to_pylist(),
        strict=True,
    )
    told = [(said, expected) for said, expected in rows if said is not None]
    texts = len(set(rated["text"].to_pylist()))
    return [
        figure(
            "prediction.contoso_sentiment.precision",
            sum(said == expected for said, expected in told) / len(told),
            "",
            direction="up",
            reference=f"rating over 3 positive, under 3 negative; only {texts} different texts",
        ),
        figure(
            "prediction.contoso_sentiment.coverage",
            len(told) / rated.num_rows,
            "",
            direction="up",
            reference="share of reviews a feeling is told of; the rest abstain",
        ),
        _speed(con),
    ]


def _speed(con: duckdb.DuckDBPyConnection) -> Figure:
    """Return what judging a million texts takes, measured on a tenth of it."""
    tickets = ROOT / "data" / "demo" / "landing" / "support" / "tickets.csv"
    lexicons = load_lexicons({name: _LEXICONS / f"{name}.yml" for name in LANGUAGES})
    texts = con.sql(
        f"""
        with tickets as (
            select language, concat_ws('. ', subject, body) as text, row_number() over () as number,
            from read_csv('{tickets}')
        ),
        copies as (select unnest(range(1000)) as copy)
        select text || ' x' || number || chr((97 + copy % 26)::integer) as text, language,
        from copies, tickets order by copy, number limit {_SPEED_TEXTS}
        """
    ).to_arrow_table()
    started = time.process_time()
    judge(texts["text"], texts["language"], lexicons)
    seconds = (time.process_time() - started) * 1_000_000 / texts.num_rows
    return figure(
        "prediction.sentiment.cpu_seconds_per_million",
        seconds,
        "s",
        bar=30.0,
        reference="tickets of 25 words, five languages",
    )
