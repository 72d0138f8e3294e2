from __future__ import annotations

from cdp_pipeline.identity import linkage_quality
from cdp_pipeline.identity.quality import expected_wrong
from cdp_pipeline_tests.identity.worlds import linked, town, world


def test_a_doubtful_tie_stands_for_all_pairs_it_brings_together() -> None:
    wrong, pairs, bridges = expected_wrong([0, 2, 1], [1, 3, 2], [1.0, 1.0, 0.8])
    assert (round(wrong, 6), pairs, bridges) == (0.8, 6, 1)


def test_a_tie_inside_what_is_joined_already_adds_nothing() -> None:
    assert expected_wrong([0, 1, 0], [1, 2, 2], [1.0, 1.0, 0.1]) == (0.0, 3, 0)


def test_estimates_cover_the_truth_of_small_towns() -> None:
    covered = {"precision": 0, "recall": 0}
    for seed in range(3):
        con = world(town(250, seed))
        linked(con)
        con.execute(f"create table measured as {linkage_quality(con)['identity.linkage_quality']}")
        both, found, wanted = con.sql(
            """select sum(n * (n - 1)) filter (kind = 'right'),
                sum(n * (n - 1)) filter (kind = 'all'),
                sum(n * (n - 1)) filter (kind = 'wanted') from (
                select 'all' as kind, count(*) as n from identity.record_clusters
                group by cluster_no
                union all
                select 'right', count(*) from identity.record_clusters as c
                inner join identity.standardised_records as r using (record_no)
                group by cluster_no, split_part(r.record_id, '-', 1)
                union all
                select 'wanted', count(*) from identity.standardised_records as r
                group by split_part(r.record_id, '-', 1))"""
        ).fetchall()[0]
        truth = {"precision": float(both) / float(found), "recall": float(both) / float(wanted)}
        for metric, true in truth.items():
            value, low, high = con.sql(
                f"select value, lower, upper from measured where metric = 'estimated_{metric}'"
            ).fetchall()[0]
            assert low <= value <= high
            covered[metric] += low <= true <= high
    assert min(covered.values()) >= 2


def test_a_customer_whose_records_are_parted_has_changed_since_the_last_release() -> None:
    rows = [
        {"record_id": name, "given_name": name, "family_name": "Ek", "phone": f"07011122{place}"}
        for name, place in (("Ann", 11), ("Bo", 22), ("Cia", 33))
    ]
    con = world(rows)
    linked(con)
    con.execute(
        "insert into previous.identity_map values"
        " ('crm', 'Ann', 'one'), ('crm', 'Bo', 'one'), ('crm', 'Cia', 'two'), ('crm', 'Dan', 'old')"
    )
    select = linkage_quality(con)["identity.linkage_quality"]
    measured = dict(con.sql(f"select metric, value from ({select})").fetchall())
    assert measured["customers_changed_since_last_release_ratio"] == 0.5


def test_one_name_and_telephone_under_two_customers_is_counted() -> None:
    rows = [
        {"record_id": "a", "given_name": "Ann", "family_name": "Ek", "phone": "0701112233"},
        {"record_id": "b", "given_name": "Ann", "family_name": "Ek", "phone": "0701112233"},
    ]
    con = world(rows)
    linked(con)
    con.execute(
        "create or replace table identity.record_clusters as"
        " select record_no, record_no as cluster_no from identity.standardised_records"
    )
    select = linkage_quality(con)["identity.linkage_quality"]
    measured = dict(con.sql(f"select metric, value from ({select})").fetchall())
    assert measured["name_and_phone_under_several_customers_ratio"] == 1.0
    assert measured["name_and_email_under_several_customers_ratio"] == 0.0
