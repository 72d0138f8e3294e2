from __future__ import annotations

import json

import pytest

from cdp_pipeline.errors import CdpError
from cdp_pipeline.explain.customers import explain_customer, rules_of
from cdp_pipeline.explain.pairs import Comparison, explain_pair
from cdp_pipeline.explain.records import find
from cdp_pipeline.explain.texts import load_texts
from cdp_pipeline.identity import LinkageModel, load_identity_columns
from cdp_pipeline_tests.explain.conftest import Town
from cdp_pipeline_tests.identity.worlds import linked, publish, town, world

EN, SV = load_texts("en"), load_texts("sv")


def why(of: Town, one: str, other: str, language: str = "en", **more: bool) -> Comparison:
    texts = load_texts(language)
    found = find(of.con, one), find(of.con, other)
    return explain_pair(of.con, of.model, of.columns, *found, texts, **more)


def pairs_of(of: Town, condition: str) -> list[tuple[str, str]]:
    return of.con.sql(
        f"""select l.source || ':' || l.record_id, r.source || ':' || r.record_id
        from identity.record_pairs as p
        inner join identity.standardised_records as l on p.left_record_no = l.record_no
        inner join identity.standardised_records as r on p.right_record_no = r.record_no
        inner join identity.record_clusters as lc on p.left_record_no = lc.record_no
        inner join identity.record_clusters as rc on p.right_record_no = rc.record_no
        where {condition} order by all"""
    ).fetchall()


def test_a_rule_is_named_with_the_records_it_was_seen_in(linked_town: Town) -> None:
    one, other = pairs_of(linked_town, "p.how = 'same first name, last name and birth date'")[0]
    explained = why(linked_town, one, other)
    assert explained.is_joined
    assert explained.sentence == (
        "They are one person: same first name, last name and birth date (rule),"
        f" seen in {one} and {other}."
    )
    swedish = why(linked_town, one, other, "sv").sentence
    assert swedish == (
        "De är en och samma person: samma förnamn, efternamn och födelsedatum (regel),"
        f" i {one} och {other}."
    )


def test_what_speaks_against_two_who_are_apart_is_said_with_the_bits_missing(
    linked_town: Town,
) -> None:
    explained = why(linked_town, "s0:1-0", "s0:2-0")
    assert not explained.is_joined
    assert explained.weight is not None
    assert explained.sentence.startswith("They are not joined: ")
    assert f"{explained.threshold - explained.weight:.1f} bits are missing" in explained.sentence
    assert explained.missing
    for row in explained.missing:
        assert row.is_enough == (row.total > explained.threshold)


def test_both_orders_of_the_arguments_tell_the_same(linked_town: Town) -> None:
    pair = pairs_of(linked_town, "p.how = 'scored' and lc.cluster_no = rc.cluster_no")[0]
    one, other = why(linked_town, *pair), why(linked_town, *reversed(pair))
    assert one.weight == other.weight
    assert [s.bits for s in one.steps] == [s.bits for s in other.steps]
    assert [(e.left, e.right) for e in one.path] == [(e.left, e.right) for e in other.path][::-1]


def test_the_path_leads_from_one_record_to_the_other_inside_the_customer(
    linked_town: Town,
) -> None:
    three = linked_town.con.sql(
        "select customer_id from identity.identity_map group by 1 having count(*) >= 3 order by 1"
    ).fetchall()
    for (customer,) in three[:5]:
        explained = explain_customer(
            linked_town.con, linked_town.model, find(linked_town.con, customer), EN
        )
        names = [m.record.name for m in explained.members]
        pair = why(linked_town, names[0], names[-1])
        here = pair.left.record_no
        for link in pair.path:
            assert here in (link.left, link.right)
            here = link.right if here == link.left else link.left
        assert here == pair.right.record_no


def test_a_customer_is_told_with_every_record_and_what_each_hangs_on(linked_town: Town) -> None:
    counts = linked_town.con.sql(
        "select customer_id, count(*) from identity.identity_map group by 1 order by 1 limit 12"
    ).fetchall()
    for customer, count in counts:
        explained = explain_customer(
            linked_town.con, linked_town.model, find(linked_town.con, customer), EN
        )
        told = explained.as_dict(EN, rules_of(linked_town.model))
        assert len(told["records"]) == count
        assert [r["hangs_on"] is None for r in told["records"]].count(True) == 1
        assert all(r["link"] for r in told["records"][1:]), "stored links reach every record"
        assert told["history"][0]["event"] == "created"


def test_of_two_customers_the_strongest_pair_of_records_is_shown(linked_town: Town) -> None:
    ids = linked_town.con.sql(
        "select customer_id from identity.identity_map group by 1 having count(*) = 3"
        " order by 1 limit 2"
    ).fetchall()
    explained = why(linked_town, ids[0][0], ids[1][0])
    assert explained.pair_count == 9
    again = why(linked_town, explained.left.name, explained.right.name)
    assert again.weight == explained.weight


def test_no_personal_value_is_told_unless_asked_for(linked_town: Town) -> None:
    held = {
        str(value).lower()
        for row in linked_town.rows
        for key, value in row.items()
        if key in ("family_name", "email", "phone", "street", "birth_on")
    }
    for one, other in [("s0:1-0", "s0:2-0"), *pairs_of(linked_town, "p.how <> 'scored'")[:2]]:
        told = json.dumps(why(linked_town, one, other).as_dict(EN, rules_of(linked_town.model)))
        assert not [value for value in held if value in told.lower()]
    explained = why(linked_town, "s0:1-0", "s0:2-0", with_values=True)
    assert explained.values is not None
    assert (
        explained.values["given_name"][0] == linked_town.rows_of("s0", "1-0")["given_name"].lower()
    )


def test_a_national_id_that_differs_is_the_reason_given() -> None:
    rows = town(60)
    both = {"given_name": "Ylva", "family_name": "Zetterqvist", "birth_on": "1980-02-03"}
    rows += [
        {"source": "a", "record_id": "1", **both, "national_id": "19800203-0008"},
        {"source": "b", "record_id": "2", **both, "national_id": "19800203-0016"},
    ]
    con = world(rows)
    model = linked(con)
    publish(con)
    mine = Town(con, model, load_identity_columns(), rows)
    if con.sql("select count(national_id) from identity.standardised_records").fetchall() != [(2,)]:
        pytest.skip("the numbers made up for this test fail their checksum")
    explained = why(mine, "a:1", "b:2")
    assert not explained.is_joined
    assert "national id differs" in explained.sentence


def test_an_earlier_id_is_followed_to_the_customer_of_today(linked_town: Town) -> None:
    customer = linked_town.con.sql("select min(customer_id) from identity.identity_map").fetchall()[
        0
    ][0]
    linked_town.con.execute(
        "insert into identity.customer_aliases values"
        f" ('c_old', '{customer}', date '2026-01-02', 'data: new records')"
    )
    try:
        found = find(linked_town.con, "c_old")
        explained = explain_customer(linked_town.con, linked_town.model, found, EN)
        pair = why(linked_town, "c_old", customer)
    finally:
        linked_town.con.execute("delete from identity.customer_aliases")
    assert explained.sentence.startswith(f"c_old is an earlier id of {customer}.")
    assert explained.aliases[0]["cause"] == "data: new records"
    assert f"c_old became {customer} on 2026-01-02" in pair.sentence


def test_an_unknown_name_says_how_to_write_one(linked_town: Town) -> None:
    with pytest.raises(CdpError, match=r"sources are s0, s1, s2"):
        find(linked_town.con, "s0:nobody's")


def test_a_weight_that_is_not_the_stored_one_is_said(linked_town: Town) -> None:
    one, other = pairs_of(linked_town, "p.how = 'scored'")[0]
    assert why(linked_town, one, other).notes == []
    con = linked_town.con
    con.execute("alter table identity.record_pairs rename to pairs_kept")
    con.execute(
        "create view identity.record_pairs as"
        " select * replace (match_weight + 1 as match_weight) from identity.pairs_kept"
    )
    try:
        assert "the program has changed since" in why(linked_town, one, other).notes[0]
    finally:
        con.execute("drop view identity.record_pairs")
        con.execute("alter table identity.pairs_kept rename to record_pairs")


def test_a_model_of_rules_alone_explains_without_weights() -> None:
    con = world(
        [
            {"given_name": "Anna", "email": "a@mejl.example"},
            {"given_name": "Anna", "email": "a@mejl.example", "phone": "0701234567"},
            {"given_name": "Per", "email": "p@mejl.example"},
        ]
    )
    model: LinkageModel = linked(con)
    publish(con)
    mine = Town(con, model, load_identity_columns(), [])
    assert "same e-mail and first name (rule)" in why(mine, "crm:0", "crm:1").sentence
    apart = why(mine, "crm:0", "crm:2")
    assert (apart.weight, apart.missing) == (None, [])
    assert apart.sentence.startswith("They are not joined: no exact rule ties them")


def test_swedish_has_words_for_everything_english_has_words_for() -> None:
    def keys(content: object, above: str = "") -> set[str]:
        if not isinstance(content, dict):
            return {above}
        return {k for name, value in content.items() for k in keys(value, f"{above}.{name}")}

    assert keys(SV.content) == keys(EN.content)
