"""Ids over releases: seeded worlds with inserts, changes, withdrawals and stewards' decisions."""

from __future__ import annotations

import random

import duckdb
import pytest

from cdp_pipeline.identity import LinkageModel
from cdp_pipeline_tests.identity.worlds import (
    Row,
    linked,
    publish,
    redeliver,
    town,
    world,
)

Key = tuple[str, str]
HEADER = "decision,source,record_id,other_source,other_record_id,decided_at,why,overrides"


@pytest.fixture(scope="module")
def trained() -> LinkageModel:
    return linked(world(town(300)))


def churn(before: dict[Key, str], after: dict[Key, str]) -> float:
    """Return the share of ids whose majority of surviving records has another id now."""
    ids: dict[str, list[str]] = {}
    for key, customer in before.items():
        if key in after:
            ids.setdefault(customer, []).append(after[key])
    moved = sum(
        2 * sum(now != customer for now in all_) > len(all_) for customer, all_ in ids.items()
    )
    return moved / max(len(ids), 1)


def aliases(con: duckdb.DuckDBPyConnection) -> dict[str, str]:
    return dict(
        con.sql("select alias_customer_id, customer_id from identity.customer_aliases").fetchall()
    )


def causes(con: duckdb.DuckDBPyConnection, event: str) -> list[str]:
    return [
        cause
        for (cause,) in con.sql(
            f"select cause from identity.customer_history where event = '{event}' order by event_no"
        ).fetchall()
    ]


def changed(rows: list[Row], dice: random.Random, share: float, *, start: int) -> list[Row]:
    """Return the rows with some withdrawn, some changed and some new people."""
    kept = [dict(row) for row in rows if dice.random() > share / 3]
    for row in kept:
        if dice.random() < share / 3:
            row["phone"] = f"073{dice.randrange(10**7):07d}"
    more = town(max(1, int(len(rows) * share / 6)), seed=start)
    for row in more:
        row["record_id"] = f"{start}{row['record_id']}"
    return [*kept, *more]


@pytest.mark.parametrize("seed", range(10))
def test_constraints_hold_and_every_id_ever_published_resolves(
    trained: LinkageModel, seed: int
) -> None:
    dice = random.Random(seed)
    rows = town(40, seed=seed)
    con = world(rows)
    ever: set[str] = set()
    lines: list[str] = []
    for release in range(4):
        linked(con, None, trained, "\n".join([HEADER, *lines]))
        published = publish(con)
        ever |= set(published.values())
        known = aliases(con)
        withdrawn = {
            customer
            for (customer,) in con.sql(
                "select customer_id from identity.customer_history where event = 'withdrawn'"
            ).fetchall()
        }
        today = set(published.values())
        assert not today & set(known)
        for customer in ever:
            at = known.get(customer, customer)
            assert at in today or at in withdrawn
        born = con.sql(
            "select customer_id from identity.customer_history where event = 'created'"
        ).fetchall()
        assert len(born) == len(set(born))
        violated = con.sql(
            """select count(*) from identity.decided_pairs as d
            inner join identity.record_clusters as l on d.left_record_no = l.record_no
            inner join identity.record_clusters as r on d.right_record_no = r.record_no
            where d.is_obeyed
                and (l.cluster_no = r.cluster_no) <> (d.decision = 'always_match')"""
        ).fetchall()
        assert violated == [(0,)]
        rows = changed(rows, dice, 0.3, start=100 * (seed + 1) + release)
        dice.shuffle(rows)
        redeliver(con, rows)
        for _ in range(3):
            a, b = dice.sample(sorted(published), 2)
            lines.append(
                f"{dice.choice(('same', 'different'))},{a[0]},{a[1]},{b[0]},{b[1]},"
                f"2026-0{release + 1}-01,{len(lines)},{dice.choice(('', 'yes'))}"
            )
        together = [k for k in published if list(published.values()).count(published[k]) > 1]
        if len(together) > 1:
            a = dice.choice(together)
            b = next(k for k in published if k != a and published[k] == published[a])
            lines.append(f"different,{a[0]},{a[1]},{b[0]},{b[1]},2026-0{release + 1}-02,x,yes")


def test_shuffled_rows_and_a_model_trained_again_move_no_id(trained: LinkageModel) -> None:
    rows = town(200, seed=4)
    con = world(rows)
    linked(con, None, trained)
    before = publish(con)
    random.Random(1).shuffle(rows)
    redeliver(con, rows)
    linked(con, None, trained)
    assert publish(con) == before
    linked(con)  # trained on these very records
    after = publish(con)
    clusters = [
        {frozenset(k for k, c in m.items() if c == customer) for customer in set(m.values())}
        for m in (before, after)
    ]
    same = clusters[0] & clusters[1]
    assert len(same) > 100
    assert all(before[key] == after[key] for cluster in same for key in cluster)


def test_a_delta_of_one_in_a_hundred_moves_fewer_than_one_id_in_two_hundred(
    trained: LinkageModel,
) -> None:
    rows = town(300, seed=1)
    con = world(rows)
    linked(con, None, trained)
    before = publish(con)
    dice = random.Random(3)
    for n in range(4):
        rows = changed(rows, dice, 0.01, start=1000 + n)
        redeliver(con, rows)
        linked(con, None, trained)
        after = publish(con)
        assert churn(before, after) < 0.005
        before = after


def test_a_renamed_source_moves_no_id_and_keeps_its_decisions(trained: LinkageModel) -> None:
    """`previous` reads the new name for the old one, and so do the decisions."""
    from cdp_pipeline.ingest.decisions import read_texts

    rows = town(100, seed=2)
    con = world(rows)
    text = f"{HEADER}\nsame,s0,1-0,s0,2-0,2026-01-01,x,yes\n"
    linked(con, None, trained, text)
    before = publish(con)
    assert before["s0", "1-0"] == before["s0", "2-0"]
    for row in rows:
        row["source"] = "shop" if row["source"] == "s0" else row["source"]
    redeliver(con, rows)
    for table in ("identity_map", "merged_records"):
        con.execute(f"update previous.{table} set source = 'shop' where source = 's0'")
    renamed = read_texts([("a.csv", text.encode())], {"s0": "shop"}).pairs
    assert renamed[0].source == "shop"
    linked(con, None, trained, text.replace(",s0,", ",shop,"))
    after = publish(con)
    assert {("shop" if s == "s0" else s, r): c for (s, r), c in before.items()} == after


def test_a_steward_is_named_as_the_cause_and_both_ids_come_back(trained: LinkageModel) -> None:
    rows = town(100, seed=6)
    con = world(rows)
    linked(con, None, trained)
    before = publish(con)
    one, other = before["s0", "1-0"], before["s0", "2-0"]
    merge = f"{HEADER},decision_id,withdraws\nsame,s0,1-0,s0,2-0,2026-01-01,x,yes,d_merge,\n"
    linked(con, None, trained, merge)
    merged = publish(con)
    assert merged["s0", "1-0"] == merged["s0", "2-0"]
    assert causes(con, "merged") == ["steward: d_merge"]
    # Months go by: records come, change and go, and each person gets a new one.
    dice = random.Random(2)
    mine = {
        "1": [k for k in before if before[k] == one],
        "2": [k for k in before if before[k] == other],
    }
    kept = {key for keys in mine.values() for key in keys}
    for month in range(3):
        safe = [r for r in rows if (r["source"], r["record_id"]) in kept]
        rest = [r for r in rows if (r["source"], r["record_id"]) not in kept]
        rows = [*safe, *changed(rest, dice, 0.2, start=5000 + month)]
        redeliver(con, rows)
        linked(con, None, trained, merge)
        publish(con)
    undo = merge + ",,,,,2026-06-01,not the same,,d_back,d_merge\n"
    undo = undo.replace("\n,,,,,2026", "\nwithdraw,,,,,2026")
    linked(con, None, trained, undo)
    after = publish(con)
    assert {after[key] for key in mine["1"]} == {one}
    assert {after[key] for key in mine["2"]} == {other}
    assert other not in aliases(con)
    assert one not in aliases(con)
    assert causes(con, "split")[-1] == "steward: d_back"
    assert causes(con, "returned")[-1] == "steward: d_back"


def test_the_part_that_was_merged_in_gets_its_id_back_though_it_grew_larger() -> None:
    """The id stays with the records that were its own, not with the larger part."""
    from cdp_pipeline_tests.identity.test_ids import release

    con = world([])
    before = release(con, ["a", "bc"])
    release(con, ["abc"])
    after = release(con, ["a", "bcde"])
    assert after["crm", "a"] == before["crm", "a"]
    assert after["crm", "b"] == after["crm", "d"] == before["crm", "b"]


def test_chained_merges_come_back_one_by_one() -> None:
    from cdp_pipeline_tests.identity.test_ids import release

    con = world([])
    before = release(con, ["a", "b", "c"])
    release(con, ["a", "bc"])
    release(con, ["abc"])
    after = release(con, ["ab", "c"])
    assert after["crm", "a"] == before["crm", "a"]
    assert after["crm", "c"] == before["crm", "c"]
    assert aliases(con) == {before["crm", "b"]: before["crm", "a"]}
    assert release(con, ["a", "b", "c"]) == before


def test_causes_say_data_model_and_rule() -> None:
    from cdp_pipeline_tests.identity.test_ids import release

    con = world([])
    release(con, ["a", "b", "c", "d", "e", "f"])
    release(con, ["ab", "c", "d", "e", "f"])
    release(con, ["ab", "cdx", "e", "f"])
    con.execute("insert into previous.model_cards values ('linkage', 'one')")
    con.execute("insert into identity.linkage_model values ('linkage', 'two')")
    release(con, ["ab", "cdx", "ef"])
    release(con, ["a", "b", "cdx", "ef"])
    assert causes(con, "merged") == [
        "data: changed records", "data: new records", "model: trained anew",
    ]  # fmt: skip
    assert causes(con, "split") == ["model: trained anew"]
