from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cdp_pipeline.explain.queue_file import COLUMNS, write_queue
from cdp_pipeline.explain.review import review_queue, weakest_of_trees, why_in_words
from cdp_pipeline.explain.texts import load_texts
from cdp_pipeline_tests.explain.conftest import Town

EN, SV = load_texts("en"), load_texts("sv")
SIZE = 5
PAIRS = [(a, b) for a in range(SIZE) for b in range(a + 1, SIZE)]


def queue(of: Town, *, longest: int = 5_000) -> list[dict[str, Any]]:
    made = review_queue(of.con, of.model, of.columns, EN, longest=longest)
    result = of.con.sql(f"select * from ({made['action.review_queue']}) order by rank")
    return [dict(zip(result.columns, row, strict=True)) for row in result.fetchall()]


def test_the_queue_is_ranked_by_what_is_at_risk(linked_town: Town) -> None:
    rows = queue(linked_town)
    assert {row["kind"] for row in rows} == {"maybe_same", "maybe_two"}
    at_risk = [row["value_at_risk_amount"] for row in rows]
    assert at_risk == sorted(at_risk, reverse=True)
    assert [row["rank"] for row in rows] == list(range(1, len(rows) + 1))
    for row in rows:
        uncertainty = row["probability"] * (1 - row["probability"])
        expected = uncertainty * float(row["value_at_stake_amount"])
        assert abs(float(row["value_at_risk_amount"]) - expected) <= 0.01
        assert row["decision"] is None


def test_two_customers_that_may_be_one_are_two_and_one_that_may_be_two_is_one(
    linked_town: Town,
) -> None:
    of = dict(
        ((source, record), customer)
        for source, record, customer in linked_town.con.sql(
            "select source, record_id, customer_id from identity.identity_map"
        ).fetchall()
    )
    for row in queue(linked_town):
        one = of[row["source"], row["record_id"]]
        other = of[row["other_source"], row["other_record_id"]]
        assert row["customer_id"] == one
        if row["kind"] == "maybe_same":
            assert row["other_customer_id"] == other != one
        else:
            assert row["other_customer_id"] is None
            assert other == one


def test_a_shorter_queue_is_the_beginning_of_a_longer_one(linked_town: Town) -> None:
    assert queue(linked_town, longest=4) == queue(linked_town)[:4]


def test_the_queue_does_not_depend_on_the_order_of_rows(linked_town: Town) -> None:
    before = queue(linked_town)
    con = linked_town.con.cursor()
    con.execute("create schema if not exists turned")
    for table in ("record_pairs", "record_clusters", "identity_map"):
        con.execute(
            f"create table turned.{table} as from identity.{table} order by hash(columns(*))"
        )
        con.execute(f"alter table identity.{table} rename to {table}_before")
        con.execute(f"create view identity.{table} as from turned.{table}")
    try:
        assert queue(linked_town) == before
    finally:
        for table in ("record_pairs", "record_clusters", "identity_map"):
            con.execute(f"drop view identity.{table}")
            con.execute(f"alter table identity.{table}_before rename to {table}")


def test_what_a_steward_decided_leaves_the_queue(linked_town: Town) -> None:
    rows = queue(linked_town)
    con = linked_town.con
    number = {
        (source, record_id): record_no
        for source, record_id, record_no in con.sql(
            "select source, record_id, record_no from identity.standardised_records"
        ).fetchall()
    }
    same = next(row for row in rows if row["kind"] == "maybe_same")
    two = next(row for row in rows if row["kind"] == "maybe_two")
    for row, decision in ((same, "never_match"), (two, "always_match")):
        ends = sorted(number[row[f"{side}source"], row[f"{side}record_id"]]
                      for side in ("", "other_"))  # fmt: skip
        con.execute(
            "insert into identity.decided_pairs values (?, ?, ?, ?, true, ?)",
            [f"d_{decision}", decision, *ends, f"d_{decision}"],
        )
    try:
        left = {(r["source"], r["record_id"], r["other_source"], r["other_record_id"])
                for r in queue(linked_town)}  # fmt: skip
    finally:
        con.execute("delete from identity.decided_pairs where decision_id like 'd_%_match'")
    for row in (same, two):
        pair = row["source"], row["record_id"], row["other_source"], row["other_record_id"]
        assert pair not in left
    assert len(left) >= len(rows) - 2


def test_no_row_tells_a_personal_value(linked_town: Town) -> None:
    held = {str(row[k]).lower() for row in linked_town.rows for k in ("family_name",) if k in row}
    for row in queue(linked_town):
        told = f"{row['why']} {row['evidence']}".lower()
        assert not [value for value in held if value in told.split()]


def test_the_words_of_a_row_are_had_again_from_its_evidence(linked_town: Town) -> None:
    for row in queue(linked_town):
        assert why_in_words(row["evidence"], EN) == row["why"]
        assert json.loads(row["evidence"])
    assert "samma" in " ".join(why_in_words(r["evidence"], SV) for r in queue(linked_town))


@given(st.lists(st.sampled_from(PAIRS), min_size=1, max_size=12))
def test_without_the_weakest_link_of_a_tree_no_stronger_one_holds_the_cluster(
    pairs: list[tuple[int, int]],
) -> None:
    """Links are given strongest first; all records reached are one cluster or stay apart."""
    left, right = np.array([a for a, _ in pairs]), np.array([b for _, b in pairs])
    cluster = np.array([reach(pairs, a) for a, _ in pairs])
    for position in weakest_of_trees(left, right, cluster):
        one, other = pairs[position]
        assert reach(pairs[:position], one) != reach(pairs[:position], other)
        # Everything weaker only leads where the tree leads already.
        for a, b in pairs[position + 1 :]:
            if reach(pairs, a) == reach(pairs, one):
                assert reach(pairs[: position + 1], a) == reach(pairs[: position + 1], b)


def reach(pairs: list[tuple[int, int]], start: int) -> int:
    """Return the smallest record that is connected with one."""
    seen = {start}
    while True:
        more = {n for pair in pairs if seen & set(pair) for n in pair}
        if more <= seen:
            return min(seen)
        seen |= more


def test_a_spreadsheet_reads_the_file_and_finds_no_formula_in_it(tmp_path: Path) -> None:
    row = dict.fromkeys(COLUMNS, None) | {
        "rank": 1,
        "record_id": '=cmd|" /C calc"!A0',
        "why": "same e-mail; different first name",
        "probability": 0.5,
    }
    write_queue(tmp_path / "queue.csv", [row])
    content = (tmp_path / "queue.csv").read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    read = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig")), delimiter=";"))
    assert read[0]["record_id"] == '\'=cmd|" /C calc"!A0'
    assert read[0]["why"] == row["why"]
    assert read[0]["decision"] == ""
