"""Which questions the data can answer: ``questions.yml`` against what was delivered and made.

Belongs here: reading the questions, judging them before the first run by what contracts and
staging deliver, and counting them afterwards. The limits of the prediction steps are taken from
the steps themselves, so that what is said to be needed is what is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
from pydantic import Field, field_validator

from cdp_pipeline.declared import DeclaredFile, Strict, load_declared
from cdp_pipeline.warehouse.engine import Connection

_SCHEMA = pa.schema(
    [
        ("question", pa.string()),
        ("title", pa.string()),
        ("status", pa.string()),
        ("customers_answered", pa.int64()),
        ("customers_total", pa.int64()),
        ("missing", pa.string()),
        ("needs", pa.string()),
    ]
)
_NEARLY_ALL = 0.95
_ALL_CUSTOMERS = "select count(*) from profiles.golden_profiles"


class Need(Strict):
    """One thing a question needs."""

    say: str = Field(min_length=3)
    from_: tuple[str, ...] = Field((), alias="from")
    count: str
    at_least: int | str = 1
    helps: bool = False

    @field_validator("at_least")
    @classmethod
    def _known(cls, value: int | str) -> int | str:
        if isinstance(value, str) and value not in limits():
            raise ValueError(f"is a number or one of {', '.join(limits())}")
        return value

    @property
    def least(self) -> int:
        """Return how much is enough."""
        return limits()[self.at_least] if isinstance(self.at_least, str) else self.at_least


class Question(Strict):
    """One question, and what an answer takes."""

    title: str
    without: str
    answered: str
    total: str = _ALL_CUSTOMERS
    needs: tuple[Need, ...] = Field(min_length=1)

    @property
    def needs_in_words(self) -> str:
        """Return all that is needed, in words."""
        return "; ".join(need.say + (" (helps)" if need.helps else "") for need in self.needs)


class Questions(DeclaredFile):
    """The questions of ``questions.yml``, by name."""

    questions: dict[str, Question]


def limits() -> Mapping[str, int]:
    """Return how many customers the prediction steps need, by the name questions call it."""
    from cdp_pipeline.prediction.churn.train import CUSTOMERS_FOR_A_SHARE
    from cdp_pipeline.prediction.churn.trial import CUSTOMERS_TO_CALIBRATE, CUSTOMERS_TO_LEARN

    return {
        "customers_for_a_share": CUSTOMERS_FOR_A_SHARE,
        "customers_to_calibrate": CUSTOMERS_TO_CALIBRATE,
        "customers_to_learn": CUSTOMERS_TO_LEARN,
    }


def load_questions(path: Path) -> Questions:
    """Read ``questions.yml``.

    Raises
    ------
    DeclarationError
        With every problem, by file and line.
    """
    return load_declared(path, Questions, "The head of the file says what a question holds.")


def readiness(con: Connection, questions: Questions) -> dict[str, str]:
    """Return one row per question: how many customers it is answered for, and what is missing.

    Parameters
    ----------
    con : Connection
        Sees the tables the questions count.
    questions : Questions

    Returns
    -------
    dict
        ``export.readiness``.
    """

    def count(query: str) -> int:
        return int(con.sql(query).fetchall()[0][0] or 0)

    rows = [_counted(name, asked, count) for name, asked in questions.questions.items()]
    con.register("readiness_rows", pa.Table.from_pylist(rows, _SCHEMA))
    return {"export.readiness": "readiness_rows"}


def _counted(name: str, asked: Question, count: Callable[[str], int]) -> dict[str, Any]:
    found = [(need, count(need.count)) for need in asked.needs]
    short = [(need, number) for need, number in found if number < need.least]
    is_possible = all(need.helps for need, _ in short)
    total = count(asked.total)
    answered = min(count(asked.answered), total) if is_possible else 0
    missing = [_missing(need, number) for need, number in short]
    if 0 < answered < total:
        missing.append(f"{total - answered:,} of {total:,} customers {asked.without}")
    status = "no" if not answered else "answered" if answered >= _NEARLY_ALL * total else "partly"
    return {
        "question": name,
        "title": asked.title,
        "status": status,
        "customers_answered": answered,
        "customers_total": total,
        "missing": "; ".join(missing) or None,
        "needs": asked.needs_in_words,
    }


def _missing(need: Need, number: int) -> str:
    counted = f"{need.say}: {number:,} of at least {need.least:,}"
    said = need.say if need.least == 1 else counted
    return f"{said} (would help)" if need.helps else said


def foreseen(
    questions: Questions, delivered: Collection[str], landed: Collection[str]
) -> list[dict[str, Any]]:
    """Return what can be said before the first run: which questions may get an answer.

    Parameters
    ----------
    questions : Questions
    delivered : collection of str
        ``entity.column`` that staging fills from a source.
    landed : collection of str
        The same, of those whose files have landed.
    """
    rows = []
    for name, asked in questions.questions.items():
        missing = []
        is_possible = True
        for need in asked.needs:
            if not need.from_ or set(need.from_) & set(landed):
                continue
            is_possible = is_possible and need.helps
            declared = set(need.from_) & set(delivered)
            why = "no file has landed" if declared else f"no contract delivers {need.from_[0]}"
            missing.append(f"{need.say}: {why}" + (" (would help)" if need.helps else ""))
        rows.append(
            {
                "question": name,
                "title": asked.title,
                "status": "possible" if is_possible else "no",
                "missing": "; ".join(missing) or None,
                "needs": asked.needs_in_words,
            }
        )
    return rows
