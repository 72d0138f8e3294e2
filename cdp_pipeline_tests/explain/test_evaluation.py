from __future__ import annotations

from itertools import combinations

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdp_pipeline.errors import CdpError
from cdp_pipeline.explain import evaluation as ev
from cdp_pipeline.explain.wrong_pairs import kinds_of_errors
from cdp_pipeline_tests.explain.conftest import Town

GROUPED = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=14)


def columns_of(grouped: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([p for p, _ in grouped]), np.array([c for _, c in grouped])


@given(GROUPED)
def test_pairwise_figures_are_those_of_going_through_every_pair(
    grouped: list[tuple[int, int]],
) -> None:
    scores = ev.pairwise_scores(*columns_of(grouped))
    pairs = list(combinations(grouped, 2))
    same = [a[0] == b[0] for a, b in pairs]
    joined = [a[1] == b[1] for a, b in pairs]
    right = sum(s and j for s, j in zip(same, joined, strict=True))
    assert (scores.same_pairs, scores.joined_pairs, scores.right_pairs) == (
        sum(same),
        sum(joined),
        right,
    )
    assert scores.precision == (right / sum(joined) if any(joined) else 1.0)
    assert scores.recall == (right / sum(same) if any(same) else 1.0)


@given(GROUPED)
def test_b_cubed_is_the_mean_over_records_of_their_shares(
    grouped: list[tuple[int, int]],
) -> None:
    groups = ev.group_scores(*columns_of(grouped))
    precision, recall = [], []
    for person, customer in grouped:
        of_customer = [p for p, c in grouped if c == customer]
        of_person = [c for p, c in grouped if p == person]
        precision.append(of_customer.count(person) / len(of_customer))
        recall.append(of_person.count(customer) / len(of_person))
    assert groups.precision == pytest.approx(sum(precision) / len(grouped))
    assert groups.recall == pytest.approx(sum(recall) / len(grouped))
    customers = {c: {p for p, d in grouped if c == d} for _, c in grouped}
    persons = {p: {c for q, c in grouped if p == q} for p, _ in grouped}
    assert groups.mixed_customers == sum(len(people) > 1 for people in customers.values())
    assert groups.split_persons == sum(len(ids) > 1 for ids in persons.values())
    for number in (1, 2):
        counted = sum(row[0] * row[number] for row in groups.sizes)
        assert counted == len(grouped), "every record is in one group"


@given(GROUPED, st.randoms())
def test_neither_order_nor_names_of_groups_matter(grouped, random) -> None:  # noqa: ANN001
    shuffled = [(p + 100, 7 * c) for p, c in grouped]
    random.shuffle(shuffled)
    assert ev.pairwise_scores(*columns_of(grouped)) == ev.pairwise_scores(*columns_of(shuffled))
    assert ev.group_scores(*columns_of(grouped)) == ev.group_scores(*columns_of(shuffled))


def label(con: duckdb.DuckDBPyConnection, **columns: list[str | None]) -> ev.Labels:
    con.register(ev.LABELLED, pa.table({n: pa.array(v, pa.string()) for n, v in columns.items()}))
    return ev.prepare_labels(con)


def truth(of: Town) -> dict[str, list[str | None]]:
    return {
        "source": [row["source"] for row in of.rows],
        "record_id": [row["record_id"] for row in of.rows],
        "person_id": [row["record_id"].split("-")[0] for row in of.rows],
    }


def test_rows_that_cannot_be_used_are_counted_by_what_is_wrong(linked_town: Town) -> None:
    labels = label(
        linked_town.con,
        source=["s0", "s0", "s0", "s0", "s0", "nowhere", "s0"],
        record_id=["1-0", "1-0", "2-0", "2-0", "3-0", "1", None],
        person_id=["a", "a", "b", "c", "", "d", "e"],
    )
    # 1-0 once used and once repeated; 2-0 is said to be two people, both rows go.
    assert labels.told == {
        "rows": 7,
        "used": 1,
        "unknown": 1,
        "contradictory": 2,
        "repeated": 1,
        "incomplete": 2,
    }


def test_a_sample_of_other_columns_says_which_it_needs(linked_town: Town) -> None:
    with pytest.raises(CdpError, match="source, record_id, person_id; or source_a"):
        label(linked_town.con, source=["s0"], id=["1-0"])
    with pytest.raises(CdpError, match=r"No row .* unknown 1"):
        label(linked_town.con, source=["x"], record_id=["1"], person_id=["1"])


def test_labelled_pairs_give_the_figures_that_labelled_records_give(linked_town: Town) -> None:
    labels = label(linked_town.con, **truth(linked_town))
    by_records = ev.score(linked_town.con, labels, ev.CUSTOMERS)
    rows = [
        (a["source"], a["record_id"], b["source"], b["record_id"],
         "yes" if a["record_id"].split("-")[0] == b["record_id"].split("-")[0] else "No")
        for a, b in combinations(linked_town.rows[:120], 2)
    ]  # fmt: skip
    few = {name: values[:120] for name, values in truth(linked_town).items()}
    of_few = ev.score(linked_town.con, label(linked_town.con, **few), ev.CUSTOMERS)
    pairs = label(
        linked_town.con,
        **{n: list(v) for n, v in zip(ev.PAIRS, zip(*rows, strict=True), strict=True)},
    )
    assert ev.score(linked_town.con, pairs, ev.CUSTOMERS) == of_few
    assert ev.groups(linked_town.con, pairs, ev.CUSTOMERS) is None
    assert by_records.same_pairs > of_few.same_pairs


def test_todays_threshold_gives_todays_customers_and_a_higher_one_fewer_pairs(
    linked_town: Town,
) -> None:
    labels = label(linked_town.con, **truth(linked_town))
    today = ev.score(linked_town.con, labels, ev.CUSTOMERS)
    rows = ev.by_threshold(
        linked_town.con, linked_town.model, linked_town.columns, labels, (0.0, 12.0)
    )
    assert [row["is_current"] for row in rows] == [True, False]
    assert {k: rows[0][k] for k in today.as_dict()} == today.as_dict()
    assert rows[1]["joined_pairs"] < rows[0]["joined_pairs"]


def test_every_wrong_and_missed_pair_has_one_kind(linked_town: Town) -> None:
    labels = label(linked_town.con, **truth(linked_town))
    scores = ev.score(linked_town.con, labels, ev.CUSTOMERS)
    errors = kinds_of_errors(linked_town.con, linked_town.model, linked_town.columns, labels)
    assert errors.counts == {
        "wrong": scores.joined_pairs - scores.right_pairs,
        "missed": scores.same_pairs - scores.right_pairs,
    }
    for error, count in errors.counts.items():
        assert sum(k.pair_count for k in errors.kinds if k.error == error) == count
    few = kinds_of_errors(linked_town.con, linked_town.model, linked_town.columns, labels, most=3)
    assert few.counts == errors.counts
    assert max(few.looked_at.values()) == 3
