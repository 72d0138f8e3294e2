from __future__ import annotations

import numpy as np
import pytest

from cdp_pipeline.identity import load_identity_columns
from cdp_pipeline.identity.chance import (
    BELIEF_IN_CHANCE,
    by_chance,
    holding_more,
    of_one_person,
    telling,
)
from cdp_pipeline_tests.identity.worlds import Row, linked, together, town, world


def test_pairs_of_one_person_are_no_chance_agreement() -> None:
    assert by_chance(1000, 900) == 100 + BELIEF_IN_CHANCE
    assert by_chance(1000, 0) == 1000
    assert by_chance(1000, 1000) == BELIEF_IN_CHANCE
    assert by_chance(0, 0) == 0


def test_pairs_that_hold_nothing_else_agree_by_chance_as_seldom_as_those_that_do() -> None:
    weights, sharing = np.full(100, 1.0), np.zeros(100)
    told = np.arange(100) < 10
    # Ten pairs that hold more and are of strangers stand for twenty.
    assert of_one_person(weights, sharing, told, 2.0) == 80
    # Where all hold more, each speaks for itself; where none does, none is shown to be chance.
    assert of_one_person(weights, sharing, ~np.zeros(100, dtype=bool), 1.0) == 0
    assert of_one_person(weights, sharing, np.zeros(100, dtype=bool), 1e6) == 100
    # Never more strangers than are thought to be.
    assert of_one_person(weights, weights * 0.75, told, 1000.0) == 75


def test_the_source_of_two_records_is_nothing_else_that_they_hold() -> None:
    levels = np.array([[3, -1, 1], [3, 0, 1], [-1, 0, 0]], dtype=np.int8)
    tells = telling(load_identity_columns(), ["email", "city", "source"])
    assert holding_more(levels, tells).tolist() == [
        [False, True, True],
        [True, True, True],
        [True, False, True],
    ]


def test_an_email_nobody_else_has_is_worth_more_than_the_number_of_records() -> None:
    # A record count of hundreds let every hundredth stranger have one's own e-mail address.
    con = world(town(150))
    model = linked(con)
    assert model.frequencies["email"]["rest"] < 0.1 / len(town(150))
    # A given name that many share is worth what it was: its pairs are of strangers.
    name, share = con.sql(
        """select given_name, count(*) / sum(count(*)) over () as share
        from identity.standardised_records group by 1 order by 2 desc, 1 limit 1"""
    ).fetchall()[0]
    assert model.frequencies["given_name"]["values"][name] == pytest.approx(share, rel=0.5)


def test_records_with_nothing_but_an_email_find_the_customer_who_has_it() -> None:
    rows = town(150)
    tills: list[Row] = [
        {"source": "till", "record_id": row["record_id"] + "-till", "email": row["email"]}
        for row in rows
        if row.get("email") and row["source"] == "s0"
    ]
    con = world([*rows, *tills])
    linked(con)
    found = {
        record
        for cluster in together(con)
        for _, record in cluster
        if record.endswith("-till")
        and {r.split("-")[0] for _, r in cluster} == {record.split("-")[0]}
        and len(cluster) > 1
    }
    # Measured 1.0; 0 where chance was counted with the pairs of one person.
    assert len(found) > 0.9 * len(tills)
