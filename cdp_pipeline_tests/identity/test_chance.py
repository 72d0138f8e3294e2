from __future__ import annotations

import pytest

from cdp_pipeline.identity.chance import BELIEF_IN_CHANCE, by_chance
from cdp_pipeline_tests.identity.worlds import Row, linked, together, town, world


def test_pairs_of_one_person_are_no_chance_agreement() -> None:
    assert by_chance(1000, 900) == 100 + BELIEF_IN_CHANCE
    assert by_chance(1000, 0) == 1000
    assert by_chance(1000, 1000) == BELIEF_IN_CHANCE
    assert by_chance(0, 0) == 0


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
