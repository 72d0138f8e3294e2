from __future__ import annotations

import random
from collections.abc import Iterable

import duckdb
from hypothesis import given, settings
from hypothesis import strategies as st

from cdp_pipeline_tests.identity.worlds import publish, world

Key = tuple[str, str]


def release(
    con: duckdb.DuckDBPyConnection, clusters: Iterable[Iterable[str]], seed: int = 0
) -> dict[Key, str]:
    """Publish a release in which the records are clustered like this; numbering is arbitrary."""
    members = [(record, number) for number, c in enumerate(clusters) for record in c]
    random.Random(seed).shuffle(members)
    con.execute("create or replace table identity.standardised_records as select * from (values "
                + ", ".join(f"({i}, 'crm', '{r}', timestamp '2020-01-01')"
                            for i, (r, _) in enumerate(members))
                + ") as t(record_no, source, record_id, created_at)")  # fmt: skip
    con.execute("create or replace table identity.record_clusters as select * from (values "
                + ", ".join(f"({i}, {c}, 'scored', 0.9, {c}, null::varchar)"
                            for i, (_, c) in enumerate(members))
                + ") as t(record_no, cluster_no, how, probability, linked_cluster_no,"
                " changed_by)")  # fmt: skip
    return publish(con)


def resolve(con: duckdb.DuckDBPyConnection) -> dict[str, str]:
    return dict(
        con.sql("select alias_customer_id, customer_id from identity.customer_aliases").fetchall()
    )


def test_ids_stay_on_unchanged_input_however_records_are_numbered() -> None:
    con = world([])
    first = release(con, ["ab", "c", "def"])
    assert release(con, ["def", "c", "ab"], seed=5) == first
    events = con.sql("select count(*) from identity.customer_history").fetchall()
    assert events == [(3,)]


def test_a_merge_keeps_the_longest_published_id_and_the_other_resolves() -> None:
    con = world([])
    old = release(con, ["a"])["crm", "a"]
    new = release(con, ["a", "bcd"])["crm", "b"]
    merged = release(con, ["abcd"])
    assert set(merged.values()) == {old}
    assert resolve(con) == {new: old}
    assert ("merged", old, new) in con.sql(
        "select event, customer_id, other_customer_id from identity.customer_history"
    ).fetchall()


def test_a_split_leaves_the_id_with_the_larger_part_and_is_logged() -> None:
    con = world([])
    before = release(con, ["abc"])["crm", "a"]
    after = release(con, ["a", "bc"])
    assert after["crm", "b"] == after["crm", "c"] == before
    assert after["crm", "a"] != before
    assert ("split", after["crm", "a"], before) in con.sql(
        "select event, customer_id, other_customer_id from identity.customer_history"
    ).fetchall()


def test_a_minted_id_is_never_minted_again() -> None:
    con = world([])
    seen: set[str] = set()
    for clusters in (["abc"], ["a", "bc"], ["abc"], ["a", "bc"], ["ab", "c"], ["a", "b", "c"]):
        published = set(release(con, clusters).values())
        created = con.sql(
            "select customer_id from identity.customer_history where event = 'created'"
        ).fetchall()
        assert len(created) == len(set(created))
        seen |= published
        known = set(resolve(con)) | published
        assert seen <= known


def test_an_alias_of_an_alias_resolves_to_todays_id() -> None:
    con = world([])
    first = release(con, ["a"])["crm", "a"]
    second = release(con, ["a", "b"])["crm", "b"]
    third = release(con, ["a", "b", "c"])["crm", "c"]
    release(con, ["a", "bc"])
    assert resolve(con) == {third: second}
    release(con, ["abc"])
    assert resolve(con) == {third: first, second: first}


def test_a_customer_whose_records_come_back_has_the_id_it_had() -> None:
    con = world([])
    before = release(con, ["a", "b"])
    release(con, ["b"])
    assert release(con, ["a", "b"]) == before


def test_a_merge_that_is_undone_gives_both_people_their_ids_back() -> None:
    con = world([])
    before = release(con, ["a", "b"])
    release(con, ["ab"])
    assert len(resolve(con)) == 1
    assert release(con, ["a", "b"]) == before
    assert resolve(con) == {}


partitions = st.lists(st.integers(0, 3), min_size=6, max_size=6)


@settings(max_examples=15, deadline=None)
@given(st.lists(partitions, min_size=2, max_size=4))
def test_every_id_ever_published_resolves_and_stands_for_one_customer(
    history: list[list[int]],
) -> None:
    con = world([])
    ever: set[str] = set()
    for labels in history:
        clusters = [
            [r for r, label in zip("abcdef", labels, strict=True) if label == wanted]
            for wanted in sorted(set(labels))
        ]
        published = release(con, clusters)
        ever |= set(published.values())
        aliases = resolve(con)
        today = set(published.values())
        assert len(today) == len(clusters)
        for customer in ever:
            assert customer in today or aliases[customer] in today
        assert not today & set(aliases)
