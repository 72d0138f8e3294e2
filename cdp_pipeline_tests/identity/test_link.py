from __future__ import annotations

import random

import pytest

from cdp_pipeline.identity import LinkageModel
from cdp_pipeline_tests.identity.worlds import Row, linked, together, town, world


def ids(cluster: frozenset[tuple[str, str]]) -> set[str]:
    return {record for _, record in cluster}


def cluster_of(clusters: set[frozenset[tuple[str, str]]], record: str) -> set[str]:
    return next(ids(c) for c in clusters if record in ids(c))


@pytest.fixture(scope="module")
def trained() -> LinkageModel:
    return linked(world(town(300)))


def test_slips_do_not_keep_a_person_apart(trained: LinkageModel) -> None:
    rows = town(300)
    con = world(rows)
    linked(con, model=trained)
    clusters = together(con)
    people = {r["record_id"].split("-")[0] for r in rows}
    # Measured 0.97 and 1.00; records that share nothing but a name stay apart.
    whole = sum(
        cluster_of(clusters, f"{p}-0")
        == {r["record_id"] for r in rows if r["record_id"].startswith(f"{p}-")}
        for p in people
    )
    pure = sum(len({r.split("-")[0] for r in ids(c)}) == 1 for c in clusters)
    assert whole / len(people) > 0.9
    assert pure / len(clusters) > 0.99


def test_a_family_email_and_phone_do_not_merge_two_people(trained: LinkageModel) -> None:
    home: Row = {
        "family_name": "Lind", "email": "lindarna@mejl.example", "phone": "0701112233",
        "street": "Parkvägen 3", "postcode": "11122", "city": "Stockholm",
    }  # fmt: skip
    rows = [
        {"record_id": "ann", "given_name": "Ann", "birth_on": "1970-02-03", **home},
        {"record_id": "bo", "given_name": "Bo", "birth_on": "1968-07-19", **home},
        {"record_id": "eva", "given_name": "Eva", **home},
    ]
    con = world([*town(300), *rows])
    linked(con, model=trained)
    clusters = together(con)
    assert cluster_of(clusters, "ann") == {"ann"}
    assert cluster_of(clusters, "bo") == {"bo"}
    assert cluster_of(clusters, "eva") == {"eva"}


def test_twins_are_two_people(trained: LinkageModel) -> None:
    home: Row = {
        "family_name": "Ek", "birth_on": "1999-09-09", "phone": "0705556677",
        "street": "Skolgatan 8", "postcode": "21120", "city": "Malmö",
    }  # fmt: skip
    rows = [
        {"record_id": "liv", "given_name": "Liv", **home},
        {"record_id": "tor", "given_name": "Tor", **home},
    ]
    con = world([*town(300), *rows])
    linked(con, model=trained)
    assert cluster_of(together(con), "liv") == {"liv"}


def test_one_person_in_two_systems_is_one(trained: LinkageModel) -> None:
    rows = [
        {"record_id": "x1", "source": "crm", "given_name": "Kalle", "family_name": "Åkesson",
         "phone": "0709998877", "birth_on": "1980-05-06"},
        {"record_id": "x2", "source": "web", "given_name": "Karl", "family_name": "Akesson",
         "phone": "+46 70 999 88 77", "email": "kalle@mejl.example"},
    ]  # fmt: skip
    con = world([*town(300), *rows])
    linked(con, model=trained)
    assert cluster_of(together(con), "x1") == {"x1", "x2"}


def test_an_identifier_shared_by_many_names_decides_nothing() -> None:
    rows = town(300)
    for row in rows[::3]:
        row["phone"] = "0700000000"
    con = world(rows)
    linked(con)
    shared = con.sql("select identity_column, value from identity.shared_identifiers").fetchall()
    assert ("phone", "+46700000000") in shared
    assert con.sql("select max(n) from (select count(*) as n from identity.record_clusters"
                   " group by cluster_no)").fetchall()[0][0] <= 4  # fmt: skip


def test_clusters_do_not_depend_on_row_order_or_threads() -> None:
    rows = town(150)
    shuffled = rows.copy()
    random.Random(3).shuffle(shuffled)
    one, two = world(rows, threads=1), world(shuffled, threads=2)
    first, second = linked(one), linked(two)
    assert first.to_bytes() == second.to_bytes()
    query = "select * from identity.record_clusters order by record_no"
    assert one.sql(query).fetchall() == two.sql(query).fetchall()
    query = "select * from identity.record_pairs order by left_record_no, right_record_no, how"
    assert one.sql(query).fetchall() == two.sql(query).fetchall()


def test_a_model_read_back_links_the_same(trained: LinkageModel) -> None:
    rows = town(120, seed=5)
    one, two = world(rows), world(rows)
    linked(one, model=trained)
    linked(two, model=LinkageModel.from_bytes(trained.to_bytes()))
    assert together(one) == together(two)


@pytest.mark.parametrize("people", [0, 1, 15])
def test_too_little_to_learn_from_leaves_the_exact_rules(people: int) -> None:
    con = world(town(people))
    model = linked(con)
    count = con.sql("select count(*) from identity.record_clusters").fetchall()[0][0]
    assert count == len(town(people))
    assert model.notes


def test_empty_columns_link_nothing() -> None:
    con = world([{} for _ in range(40)])
    linked(con)
    assert len(together(con)) == 40


def test_records_of_companies_and_people_stay_apart() -> None:
    rows = [
        {"record_id": "firm", "kind": "company", "company_name": "Lind AB", "phone": "0701234567"},
        {"record_id": "ann", "given_name": "Ann", "phone": "0701234567"},
    ]
    con = world([*town(100), *rows])
    linked(con)
    assert cluster_of(together(con), "firm") == {"firm"}


def test_the_same_organisation_number_is_one_company() -> None:
    rows = [
        {"record_id": f"f{n}", "kind": "company", "company_name": name, "country": "SE",
         "organisation_number": "556036-0793"}
        for n, name in enumerate(("Lind AB", "Linds Bygg"))
    ]  # fmt: skip
    con = world(rows)
    linked(con)
    assert cluster_of(together(con), "f0") == {"f0", "f1"}


def test_two_national_ids_are_two_people() -> None:
    same: Row = {
        "given_name": "Ebba", "family_name": "Sjögren", "phone": "0701231231",
        "street": "Ringvägen 4", "postcode": "11122", "city": "Stockholm", "country": "SE",
    }  # fmt: skip
    rows = [
        {"record_id": "one", "national_id": "811228-9874", **same, "email": "e@mejl.example"},
        {"record_id": "two", "national_id": "670919-9530", **same},
    ]
    con = world([*town(300), *rows])
    linked(con)
    assert cluster_of(together(con), "one") == {"one"}
