from __future__ import annotations

import random
from collections.abc import Mapping

import duckdb
import pyarrow as pa
import pytest

from cdp_pipeline.insight.lexicon import LANGUAGES, Lexicon, load_lexicons
from cdp_pipeline.insight.sentiment import feedback_sentiments, judge
from cdp_pipeline.settings import package_sql

CASES = [
    ("sv", "Jag är mycket nöjd, snabb leverans!", "positive"),
    ("sv", "Jag är inte nöjd med lampan.", "negative"),
    ("sv", "Lampan fungerar inte", "negative"),
    ("sv", "Inga problem alls, trevlig personal", "positive"),
    ("sv", "Helt okej, som väntat.", "neutral"),
    ("sv", "Lite dyrt, men helt okej.", "neutral"),
    ("nb", "Veldig skuffet, varen var ødelagt.", "negative"),
    ("nb", "Rask levering og hyggelig betjening", "positive"),
    ("da", "Jeg er meget tilfreds med købet", "positive"),
    ("da", "Varen virker ikke, og ingen svarer", "negative"),
    ("fi", "Olen hyvin tyytyväinen tuotteeseen", "positive"),
    ("fi", "En ole tyytyväinen", "negative"),
    ("en", "Not happy, the parcel was damaged", "negative"),
    ("en", "Works great and the staff was very helpful", "positive"),
]


@pytest.fixture(scope="module")
def lexicons() -> dict[str, Lexicon]:
    folder = package_sql() / "insight" / "lexicons"
    return load_lexicons({name: folder / f"{name}.yml" for name in LANGUAGES})


def judged(
    lexicons: Mapping[str, Lexicon], *texts: str, language: str | None = None
) -> list[dict[str, object]]:
    declared = pa.chunked_array([pa.array([language] * len(texts), pa.string())])
    rows: list[dict[str, object]] = judge(
        pa.chunked_array([pa.array(texts, pa.string())]), declared, lexicons
    ).to_pylist()
    return rows


@pytest.mark.parametrize(("language", "text", "expected"), CASES)
def test_a_clear_text_is_judged_in_its_language(
    lexicons: Mapping[str, Lexicon], language: str, text: str, expected: str
) -> None:
    (row,) = judged(lexicons, text, language=language)
    assert (row["sentiment"], row["language"]) == (expected, language)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Passar den även för utomhusbruk? Med vänlig hälsning", "no_opinion_words"),
        ("Trevlig personal. Trasig vara.", "mixed_words"),
        ("Tack på förhand", "no_opinion_words"),
    ],
)
def test_what_says_nothing_or_both_is_not_judged(
    lexicons: Mapping[str, Lexicon], text: str, reason: str
) -> None:
    (row,) = judged(lexicons, text, language="sv")
    assert (row["sentiment"], row["score"], row["abstain_reason"]) == (None, None, reason)


def test_an_undeclared_language_is_told_by_its_words_or_not_at_all(
    lexicons: Mapping[str, Lexicon],
) -> None:
    rows = judged(
        lexicons,
        "Jag har väntat i två veckor och ingen svarar.",
        "Jeg har ventet i to uker, og pengene har ikke kommet. Veldig dårlig!",
        "Jeg har ventet i to uger, og pengene er ikke kommet. Hvad nu?",
        "Tilaus ei ole vieläkään saapunut, olen pettynyt",
        "I have been waiting for two weeks and nobody answers",
        "xyz",
    )
    assert [row["language"] for row in rows] == ["sv", "nb", "da", "fi", "en", None]
    assert rows[-1]["abstain_reason"] == "language_unknown"


def test_a_form_in_another_language_than_the_text_does_not_decide(
    lexicons: Mapping[str, Lexicon],
) -> None:
    (row,) = judged(lexicons, "The delivery was very slow and I am not happy", language="sv-SE")
    assert (row["language"], row["sentiment"]) == ("en", "negative")


def test_a_language_without_a_lexicon_is_said_so(lexicons: Mapping[str, Lexicon]) -> None:
    (row,) = judged(lexicons, "Der Tisch ist sehr schön", language="de")
    assert (row["language"], row["abstain_reason"]) == ("de", "language_not_covered")


def test_only_words_of_the_lexicon_are_shown(lexicons: Mapping[str, Lexicon]) -> None:
    (row,) = judged(
        lexicons, "Zqxcanary Svensson är inte nöjd, jättebesviken, besviken!", language="sv"
    )
    assert row["evidence_words"] == "not nöjd*, besvik*"


def test_a_judgement_depends_on_no_other_text(lexicons: Mapping[str, Lexicon]) -> None:
    texts = [text for _, text, _ in CASES] + ["", "!!!", "inte", "nöjd"]
    together = dict(zip(texts, judged(lexicons, *texts), strict=True))
    shuffled = texts[:]
    random.Random(5).shuffle(shuffled)
    assert dict(zip(shuffled, judged(lexicons, *shuffled), strict=True)) == together
    assert all(judged(lexicons, text) == [row] for text, row in together.items())


def test_a_home_without_surveys_and_tickets_has_an_empty_table(
    lexicons: Mapping[str, Lexicon],
) -> None:
    with duckdb.connect() as con:
        con.execute("create schema staging")
        con.execute("create schema profiles")
        key = "source varchar, {} varchar, language varchar"
        con.execute(f"create table staging.surveys ({key.format('response_id')}, comment varchar)")
        con.execute(
            f"create table staging.tickets ({key.format('ticket_id')}, subject varchar,"
            " body varchar)"
        )
        facts = "source varchar, {} varchar, customer_id varchar, {} date, has_text boolean"
        con.execute(f"create table profiles.surveys ({facts.format('response_id', 'answered_on')})")
        con.execute(f"create table profiles.tickets ({facts.format('ticket_id', 'opened_on')})")
        select = feedback_sentiments(con, lexicons)["insight.feedback_sentiments"]
        assert con.sql(select).fetchall() == []
