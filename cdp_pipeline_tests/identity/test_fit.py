from __future__ import annotations

import random
from collections.abc import Callable

import duckdb
import pytest

from cdp_pipeline.identity import LinkageModel
from cdp_pipeline.identity.fit import FAR, MOVED, WATCH, drift_of, status_of
from cdp_pipeline.identity.model import Seen
from cdp_pipeline_tests.identity.worlds import Row, linked, town, world

PEOPLE = 400


@pytest.fixture(scope="module")
def model() -> LinkageModel:
    return linked(world(town(PEOPLE)))


def _drift(model: LinkageModel, rows: list[Row]) -> dict[tuple[str, str], str]:
    con = world(rows)
    linked(con, None, model)
    found = con.sql("select column_name, measure, status from identity.linkage_drift").fetchall()
    return {(name, measure): status for name, measure, status in found}


@pytest.mark.parametrize("seed", [2, 3, 4, 5])
def test_other_people_of_the_same_town_are_no_drift(model: LinkageModel, seed: int) -> None:
    assert set(_drift(model, town(PEOPLE, seed)).values()) == {"calm"}


def test_the_data_it_was_trained_on_are_no_drift(model: LinkageModel) -> None:
    con = world(town(PEOPLE))
    linked(con, None, model)
    highest = con.sql("select max(stability_index) from identity.linkage_drift").fetchall()
    assert highest == [(0.0,)]


def _without_email(rng: random.Random, row: Row) -> Row:
    return {**row, "email": None} if rng.random() < 0.95 else row


def _one_birth_day(rng: random.Random, row: Row) -> Row:
    return {**row, "birth_on": "1980-01-01"} if rng.random() < 0.7 else row


@pytest.mark.parametrize(
    ("change", "column", "measure"),
    [(_without_email, "email", "filled"), (_one_birth_day, "birth_on", "levels")],
)
def test_a_column_that_moved_is_named(
    model: LinkageModel,
    change: Callable[[random.Random, Row], Row],
    column: str,
    measure: str,
) -> None:
    rng = random.Random(3)
    found = _drift(model, [change(rng, row) for row in town(PEOPLE, 2)])
    assert found[column, measure] in ("moved", "far")
    assert {name for (name, kind), s in found.items() if kind == "filled" and s != "calm"} <= {
        column
    }


def test_few_records_cannot_be_told_from_chance(model: LinkageModel) -> None:
    assert _drift(model, town(40, 2)) == {}


def _seen(filled: float, same: float) -> Seen:
    return Seen(
        nodes=10_000,
        pairs=10_000,
        filled={"email": filled},
        levels={"email": [0.2, 0.8 - same, same]},
        linked_pairs_ratio=0.1,
        largest_group_ratio=0.01,
    )


def test_the_index_is_the_textbook_sum_less_what_chance_shows() -> None:
    found = drift_of(_seen(0.5, 0.4), _seen(0.8, 0.4))
    # (.8 - .5) ln(.8 / .5) + (.2 - .5) ln(.2 / .5) = .4159, and 1 / 10,000 twice
    assert found["email", "filled"] == pytest.approx(0.415888 - 0.0002, abs=1e-6)
    assert found["email", "levels"] == 0.0


@pytest.mark.parametrize(
    ("index", "status"),
    [(WATCH, "calm"), (WATCH + 0.01, "watch"), (MOVED + 0.01, "moved"), (FAR + 0.01, "far")],
)
def test_limits_have_names(index: float, status: str) -> None:
    assert status_of(index) == status


def _curve(con: duckdb.DuckDBPyConnection) -> list[tuple[float, float]]:
    return con.sql(
        "select match_weight, record_ratio from identity.unlinkable_records order by 1"
    ).fetchall()


def test_records_of_a_given_name_alone_are_unlinkable_and_full_ones_are_not() -> None:
    full = [row for row in town(PEOPLE) if row.get("email") and row.get("phone")]
    bare: list[Row] = [
        {"record_id": f"bare-{i}", "given_name": "Anna", "city": "Malmö"} for i in range(100)
    ]
    con = world([*full, *bare])
    linked(con)
    ((share,),) = con.sql(
        "select record_ratio from identity.unlinkable_records where is_threshold"
    ).fetchall()
    assert share == pytest.approx(100 / (100 + len(full)), abs=0.02)
    shares = [ratio for _, ratio in _curve(con)]
    assert shares == sorted(shares)


def test_weights_are_those_of_the_model_and_pairs_add_up(model: LinkageModel) -> None:
    con = world(town(PEOPLE))
    linked(con, None, model)
    for comparison in model.settings["comparisons"]:
        name = comparison["output_column_name"]
        same = next(x for x in comparison["comparison_levels"] if "u_probability" in x)
        rows = con.sql(
            f"""select level, m_probability, u_probability from identity.match_weights
            where column_name = '{name}' order by level_no desc limit 1"""
        ).fetchall()
        assert rows == [("same", same["m_probability"], same["u_probability"])]
    ((least, most),) = con.sql(
        """select min(total), max(total) from (
            select sum(m_probability) as total from identity.match_weights group by column_name)"""
    ).fetchall()
    assert least == pytest.approx(1, abs=1e-6)
    assert most == pytest.approx(1, abs=1e-6)
