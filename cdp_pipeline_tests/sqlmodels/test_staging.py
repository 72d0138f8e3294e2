from __future__ import annotations

import duckdb
import pytest

from cdp_pipeline.sqlmodels import Table
from cdp_pipeline_tests.sqlmodels.conftest import Folder

RECORDS = """
description: One row per customer record.
owner: ingest
key: [source, record_id]
columns:
  source: {type: varchar, doc: "The system."}
  record_id: {type: varchar, personal: pseudonym, doc: "The record in it."}
  email: {type: varchar, personal: email, doc: "Mail."}
  birth_on: {type: date, personal: birth_date, doc: "Day of birth."}
  updated_at: {type: timestamp, doc: "When it changed."}
"""
ATTRIBUTES = """
description: One row per record and attribute with a value.
owner: ingest
key: [source, record_id, attribute]
columns:
  source: {type: varchar, doc: "The system."}
  record_id: {type: varchar, personal: pseudonym, doc: "The record in it."}
  attribute: {type: varchar, doc: "Which."}
  value: {type: varchar, personal: attribute, doc: "As text."}
  updated_at: {type: timestamp, doc: "When it changed."}
"""
SHOP = """
-- One row per user of the shop.
with users as (
    select
        user_id,
        -- house: allow ties because an address has one user
        any_value(email) as email,
        max(points) as points,
    from sources.shop_users
    group by user_id
)

select
    email,
    'shop' as source,
    user_id as record_id,
    points,
    case when points > 10 then 'gold' end as tier,
from users
"""
TILL = """
-- One row per receipt; a semicolon ends it.
select
    'till' as source,
    order_id as record_id,
    ordered_at as updated_at,
from sources.shop_orders;
"""
FILES = {
    "staging/customer_records/_entity.yml": RECORDS,
    "staging/customer_attributes/_entity.yml": ATTRIBUTES,
    "staging/customer_records/shop.sql": SHOP,
    "staging/customer_records/till.sql": TILL,
}


def rows(table: Table) -> list[tuple[object, ...]]:
    con = duckdb.connect()
    con.execute("create schema sources")
    con.execute(
        "create table sources.shop_users as select * from (values ('u1', 'a@x.se', 12),"
        " ('u2', null, null)) as v (user_id, email, points)"
    )
    con.execute(
        "create table sources.shop_orders as select 'o1' as order_id,"
        " timestamp '2026-01-01 10:00:00' as ordered_at"
    )
    return con.sql(f"select * from ({table.sql}) order by all").fetchall()


def test_an_entity_is_the_union_of_its_files_with_exactly_its_columns(folder: Folder) -> None:
    table = folder.write(FILES).load().tables["staging.customer_records"]
    assert [(c.name, c.type) for c in table.columns] == [
        ("source", "varchar"),
        ("record_id", "varchar"),
        ("email", "varchar"),
        ("birth_on", "date"),
        ("updated_at", "timestamp"),
    ]
    assert table.reads == ("sources.shop_orders", "sources.shop_users")
    assert table.column["email"].lineage == (("sources.shop_users", "email"),)
    assert [path.name for path in table.files] == ["_entity.yml", "shop.sql", "till.sql"]
    got = [(row[0], row[1], row[2], row[3]) for row in rows(table)]
    assert got == [
        ("shop", "u1", "a@x.se", None),
        ("shop", "u2", None, None),
        ("till", "o1", None, None),
    ]


def test_further_columns_of_customer_records_become_attributes(folder: Folder) -> None:
    table = folder.write(FILES).load().tables["staging.customer_attributes"]
    assert rows(table) == [
        ("shop", "u1", "points", "12", None),
        ("shop", "u1", "tier", "gold", None),
    ]
    assert table.reads == ("sources.shop_users",)
    assert table.column["value"].lineage == (("sources.shop_users", "points"),)
    assert table.column["attribute"].lineage == ()
    assert table.column["value"].personal == {"attribute"}


def test_an_entity_nobody_delivers_is_an_empty_typed_table(folder: Folder) -> None:
    folder.write({name: text for name, text in FILES.items() if name.endswith(".yml")})
    table = folder.load().tables["staging.customer_records"]
    assert rows(table) == []
    assert table.reads == ()
    assert table.column["birth_on"].type == "date"
    assert table.column["email"].personal == {"email"}


@pytest.mark.parametrize(
    ("sql", "line", "words"),
    [
        ("select\n    'a' as source,\nfrom sources.shop_users", 1, "does not give record_id"),
        (
            "select\n    'a' as source,\n    user_id as record_id,\n    email as birth_on,\n"
            "from sources.shop_users",
            5,
            "is text here",
        ),
    ],
)
def test_a_file_that_does_not_fit_its_entity_is_named(
    folder: Folder, sql: str, line: int, words: str
) -> None:
    folder.write({**FILES, "staging/customer_records/shop.sql": f"-- One row per user.\n{sql}\n"})
    (problem,) = folder.problems()
    assert (problem.file.name, problem.line, problem.rule) == ("shop.sql", line, "entity")
    assert words in problem.message


@pytest.mark.parametrize(
    ("sql", "line", "rule"),
    [
        (SHOP.replace("from users", "from users where ("), 18, "parse"),
        (SHOP.replace("'shop' as source", "to_json(users) as source"), 14, "lineage"),
        (SHOP.replace("'shop' as source", "nothing as source"), 14, "engine"),
        (SHOP.replace("One row", "Each row"), 1, "one_row_per"),
    ],
)
def test_a_mistake_in_one_file_is_named_there_and_nowhere_else(
    folder: Folder, sql: str, line: int, rule: str
) -> None:
    folder.write({**FILES, "staging/customer_records/shop.sql": sql})
    found = [(p.file.name, p.line, p.rule) for p in folder.problems()]
    assert found == [("shop.sql", line, rule)]


def test_only_customer_records_may_have_further_columns(folder: Folder) -> None:
    folder.write(
        {
            "staging/stores/_entity.yml": """
                description: One row per store.
                owner: ingest
                key: [store_id]
                columns:
                  store_id: {type: varchar, doc: "The store."}
            """,
            "staging/stores/till.sql": """
                -- One row per store.
                select
                    order_id as store_id,
                    city,
                from sources.shop_orders
            """,
        }
    )
    (problem,) = folder.problems()
    assert (problem.line, problem.message) == (4, "staging.stores has no column city")


def test_staging_sql_outside_an_entity_is_named(folder: Folder) -> None:
    folder.write({"staging/loose.sql": TILL, "staging/unheard_of/till.sql": TILL})
    assert [(p.file.name, p.rule) for p in folder.problems()] == [
        ("loose.sql", "place"),
        ("till.sql", "entity"),
    ]


def test_an_entity_reads_what_its_rules_refer_to(folder: Folder) -> None:
    refers = "{columns: [record_id], table: staging.customer_records, to: [record_id]}"
    files = FILES | {
        "staging/stores/_entity.yml": f"""
            description: One row per store.
            owner: ingest
            key: [record_id]
            rules:
              - refers_to: {refers}
            columns:
              record_id: {{type: varchar, doc: "The store."}}
            """
    }
    table = folder.write(files).load().tables["staging.stores"]
    assert table.reads == ("staging.customer_records",)
    assert [rule.table for rule in table.rules] == ["staging.customer_records"]
