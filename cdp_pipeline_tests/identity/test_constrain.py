"""Clusters keep what was decided and declared."""

from __future__ import annotations

import random

import duckdb
import pytest

from cdp_pipeline.identity import LinkageModel
from cdp_pipeline_tests.identity.worlds import Row, decide, linked, together, town, world

HEADER = "decision,source,record_id,other_source,other_record_id,decided_at,why,overrides"


def said(*rows: str) -> str:
    """Return a file of decisions; a row is ``always s0 1-0 s1 2-0``, and ``!`` overrides."""
    lines = [HEADER]
    for n, row in enumerate(rows):
        kind, one, first, other, second, *sure = row.split()
        lines.append(
            f"{kind},{one},{first},{other},{second},2026-01-{n + 1:02d},a test,"
            f"{'yes' if sure else ''}"
        )
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def trained() -> LinkageModel:
    return linked(world(town(300)))


def cluster(con: duckdb.DuckDBPyConnection, record: str) -> set[str]:
    return next({r for _, r in c} for c in together(con) if record in {r for _, r in c})


def report(con: duckdb.DuckDBPyConnection) -> dict[str, tuple[str, str]]:
    return {
        i: (state, effect)
        for i, state, effect in con.sql(
            "select decision_id, state, effect from identity.decision_report"
        ).fetchall()
    }


SAME: Row = {
    "given_name": "Ebba", "family_name": "Lind", "email": "ebba@mejl.example",
    "phone": "0701112233", "street": "Ringvägen 4", "postcode": "11122", "city": "Stockholm",
}  # fmt: skip


def test_no_decision_leaves_the_clusters_of_linking(trained: LinkageModel) -> None:
    con = world(town(80))
    linked(con, model=trained)
    query = "select record_no, cluster_no, how, probability from identity.{} order by 1"
    assert (
        con.sql(query.format("record_clusters")).fetchall()
        == con.sql(query.format("linked_clusters")).fetchall()
    )
    assert report(con) == {}


def test_records_of_two_people_are_one_where_a_steward_says_so(trained: LinkageModel) -> None:
    con = world(town(80))
    linked(con, model=trained)
    one, other = cluster(con, "3-0"), cluster(con, "5-0")
    assert one != other
    decide(con, trained, None, (), said("always s0 3-0 s0 5-0 !"))
    assert cluster(con, "3-0") == one | other
    ((state, effect),) = report(con).values()
    assert (state, effect) == ("obeyed", "joins 2 customers that linking keeps apart")
    changed = con.sql(
        "select distinct changed_by from identity.record_clusters where changed_by is not null"
    ).fetchall()
    assert [c[0].split(":")[0] for c in changed] == ["steward"]


def test_an_exact_group_is_taken_apart_along_its_weakest_link(trained: LinkageModel) -> None:
    rows = [
        {"record_id": "a", **SAME, "birth_on": "1980-01-01"},
        {"record_id": "b", **SAME, "street": None, "postcode": None, "phone": "0709998877"},
        # Like a in more than a name and an address.
        {"record_id": "c", **SAME, "birth_on": "1980-01-01", "email": "e.lind@mejl.example"},
    ]
    con = world([*town(300), *rows])
    linked(con, model=trained)
    assert cluster(con, "a") == {"a", "b", "c"}
    decide(con, trained, None, (), said("never crm a crm b"))
    assert cluster(con, "a") == {"a", "c"}
    assert cluster(con, "b") == {"b"}
    ((state, effect),) = report(con).values()
    assert (state, effect) == ("obeyed", "takes 1 customer(s) of linking apart")
    how = con.sql(
        "select how from identity.record_clusters inner join identity.standardised_records"
        " using (record_no) where record_id = 'b'"
    ).fetchall()
    assert how == [("single",)]


def test_the_rest_of_a_star_of_exact_ties_stays_together(trained: LinkageModel) -> None:
    """An exact group is stored as a star: its middle must not hold the others together alone."""
    rows = [{"record_id": f"{n}", **SAME, "street": f"Gatan {n}"} for n in range(4)]
    con = world([*town(300), *rows])
    linked(con, model=trained)
    assert cluster(con, "0") == {"0", "1", "2", "3"}
    apart = [f"never crm 0 crm {n}" for n in (1, 2, 3)]
    decide(con, trained, None, (), said(*apart))
    assert cluster(con, "0") == {"0"}
    assert cluster(con, "1") == {"1", "2", "3"}


def test_copies_are_taken_apart_only_where_it_overrides(trained: LinkageModel) -> None:
    rows = [{"record_id": "a", **SAME}, {"record_id": "b", **SAME}]
    con = world([*town(300), *rows])
    linked(con, model=trained)
    decide(con, trained, None, (), said("never crm a crm b"))
    assert cluster(con, "a") == {"a", "b"}
    assert [state for state, _ in report(con).values()] == ["contradicts_data"]
    decide(con, trained, None, (), said("never crm a crm b !"))
    assert cluster(con, "a") == {"a"}


def test_a_clean_source_has_one_record_per_customer(trained: LinkageModel) -> None:
    rows = [
        {"source": "crm", "record_id": "a", **SAME},
        {"source": "web", "record_id": "b", **SAME, "birth_on": "1980-01-01"},
        {"source": "crm", "record_id": "c", **SAME, "birth_on": "1980-01-01"},
    ]
    con = world([*town(300), *rows])
    linked(con, model=trained)
    assert cluster(con, "a") == {"a", "b", "c"}
    decide(con, trained, None, ["crm"])
    assert cluster(con, "a") == {"a"}
    assert cluster(con, "b") == {"b", "c"}
    assert (
        report(con)["one_record_per_customer_in_crm"][1] == "takes 1 customer(s) of linking apart"
    )
    decide(con, trained, None, ["crm"], said("always crm a crm c !"))
    assert cluster(con, "a") == {"a", "b", "c"}


@pytest.mark.parametrize("seed", range(12))
def test_whatever_is_decided_the_constraints_hold(trained: LinkageModel, seed: int) -> None:
    dice = random.Random(seed)
    rows = town(60, seed=seed % 3)
    keys = [(r["source"], r["record_id"]) for r in rows]
    by_person: dict[str, list[tuple[str, str]]] = {}
    for key in keys:
        by_person.setdefault(key[1].split("-")[0], []).append(key)
    pairs = [tuple(dice.sample(keys, 2)) for _ in range(8)]
    pairs += [tuple(mine[:2]) for mine in by_person.values() if len(mine) > 1][:8]
    lines = [
        f"{dice.choice(('always', 'never'))} {a[0]} {a[1]} {b[0]} {b[1]}"
        + (" !" if dice.random() < 0.5 else "")
        for a, b in pairs
    ]
    clean = ["s0"] if seed % 2 else []
    con = world(rows)
    linked(con, model=trained)
    decide(con, trained, None, clean, said(*lines))
    first = con.sql("select * from identity.record_clusters order by 1").fetchall()
    violated = con.sql(
        """select count(*) from identity.decided_pairs as d
        inner join identity.record_clusters as l on d.left_record_no = l.record_no
        inner join identity.record_clusters as r on d.right_record_no = r.record_no
        where d.is_obeyed
            and (l.cluster_no = r.cluster_no) <> (d.decision = 'always_match')"""
    ).fetchall()
    assert violated == [(0,)]
    obeyed = con.sql("select count(*) filter (is_obeyed), count(*) from identity.decision_report")
    assert obeyed.fetchall()[0][0] > 0
    if clean:
        several = con.sql(
            """select l.cluster_no from identity.record_clusters as l
            inner join identity.standardised_records as r using (record_no)
            where r.source = 's0' group by all having count(*) > 1"""
        ).fetchall()
        # Only what an overriding decision made one.
        assert len(several) <= sum(line.endswith("!") for line in lines)
    dice.shuffle(lines)
    # The order of files and rows says nothing; the time of a decision does, so it stays.
    text = said(*sorted(lines))
    body = text.splitlines()[1:]
    decide(con, trained, None, clean, text)
    sorted_once = con.sql("select * from identity.record_clusters order by 1").fetchall()
    dice.shuffle(body)
    half = [HEADER, *body[:5]], [HEADER, *body[5:]]
    decide(con, trained, None, clean, *("\n".join(part) for part in half))
    assert con.sql("select * from identity.record_clusters order by 1").fetchall() == sorted_once
    assert len(first) == len(rows)
