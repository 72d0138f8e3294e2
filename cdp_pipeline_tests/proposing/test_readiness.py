"""What can be answered: by what is delivered, and by what was counted."""

from __future__ import annotations

import duckdb
import pytest

from cdp_pipeline.export.readiness import (
    Question,
    Questions,
    foreseen,
    limits,
    load_questions,
    readiness,
)
from cdp_pipeline.settings import package_sql


@pytest.fixture(scope="module")
def questions() -> Questions:
    """Return the questions that ship."""
    return load_questions(package_sql() / "export" / "questions.yml")


def test_without_a_contract_nothing_can_be_answered_and_each_gap_is_named(
    questions: Questions,
) -> None:
    rows = foreseen(questions, [], [])
    assert {row["status"] for row in rows} == {"no"}
    assert all("no contract delivers" in row["missing"] for row in rows)


def test_a_contract_without_a_landed_file_says_so(questions: Questions) -> None:
    rows = {r["question"]: r for r in foreseen(questions, ["customer_records.email"], [])}
    assert "no file has landed" in rows["who_is_who"]["missing"]


def test_what_only_helps_does_not_stand_in_the_way(questions: Questions) -> None:
    landed = ["customer_records.record_id", "customer_records.email"]
    rows = {r["question"]: r for r in foreseen(questions, landed, landed)}
    assert rows["who_is_who"]["status"] == "possible"
    assert rows["at_risk"]["status"] == "no"


def _asked(at_least: int | str, *, helps: bool = False) -> Questions:
    question = Question.model_validate(
        {
            "title": "Who?",
            "without": "never came",
            "answered": "select count(*) from people where came",
            "total": "select count(*) from people",
            "needs": [
                {
                    "say": "people",
                    "count": "select count(*) from people",
                    "at_least": at_least,
                    "helps": helps,
                }
            ],
        }
    )
    return Questions(questions={"who": question})


@pytest.mark.parametrize(
    ("came", "at_least", "helps", "expected"),
    [
        (3, 1, False, ("answered", 3, None)),
        (1, 1, False, ("partly", 1, "2 of 3 customers never came")),
        (3, 9, False, ("no", 0, "people: 3 of at least 9")),
        (3, 9, True, ("answered", 3, "people: 3 of at least 9 (would help)")),
        (0, 1, False, ("no", 0, None)),
    ],
)
def test_customers_are_counted_and_the_rest_is_explained(
    came: int, at_least: int, helps: bool, expected: tuple[str, int, str | None]
) -> None:
    con = duckdb.connect()
    con.execute(f"create table people as select i < {came} as came from range(3) as t(i)")
    name = readiness(con, _asked(at_least, helps=helps))["export.readiness"]
    row = con.sql(f"select status, customers_answered, missing from {name}").fetchall()[0]
    assert row == expected


def test_the_limits_are_those_of_the_prediction_steps() -> None:
    from cdp_pipeline.prediction.churn.trial import CUSTOMERS_TO_LEARN

    assert limits()["customers_to_learn"] == CUSTOMERS_TO_LEARN
    with pytest.raises(ValueError, match="customers_to_learn"):
        _asked("customers_to_guess")
