from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from cdp_pipeline.sqlmodels import ProjectError, Rule, graph_text, personal_report
from cdp_pipeline_tests.sqlmodels.conftest import LAYERS, Folder

PEOPLE = """
-- One row per order, with its buyer.
--
-- Cancelled orders
-- are in it.

select
    order_id, -- The order.
    email, -- Where to write.
    email is not null as has_email, -- Whether. {drops email: only whether there is one}
    case -- why: the till writes zero
        when amount = 0 then null
        else amount
    end as amount, -- What was paid; in kronor.
    cast(amount as double) / 3 as third, -- A third.
    '-- no doc' as text, -- A text with -- in it.
from sources.shop_orders
"""
KEYED = "people: {owner: profiles, key: [order_id]}\n"


def test_docs_description_and_types_come_from_the_file(folder: Folder) -> None:
    folder.write({"profiles/people.sql": PEOPLE, "profiles/_tables.yml": KEYED})
    table = folder.load().tables["profiles.people"]
    assert table.description == "One row per order, with its buyer.\n\nCancelled orders are in it."
    assert [(c.name, c.type, c.doc, c.line) for c in table.columns] == [
        ("order_id", "varchar", "The order.", 7),
        ("email", "varchar", "Where to write.", 8),
        ("has_email", "boolean", "Whether.", 9),
        ("amount", "decimal(18,2)", "What was paid; in kronor.", 13),
        ("third", "double", "A third.", 14),
        ("text", "varchar", "A text with -- in it.", 15),
    ]
    assert (table.owner, table.key, table.layer, table.made_by) == (
        "profiles",
        ("order_id",),
        "profiles",
        "sql",
    )
    assert table.sql.startswith("select\n    order_id, -- The order.")
    assert table.sql.endswith("from sources.shop_orders\n")


def test_classes_flow_with_the_values_and_end_where_it_is_said(folder: Folder) -> None:
    folder.write(
        {
            "profiles/people.sql": PEOPLE,
            "profiles/_tables.yml": KEYED,
            "insight/scores.sql": """
                -- One row per order.
                select
                    people.order_id, -- Id.
                    people.has_email, -- Whether.
                    scored.mail_hash, -- Hash.
                    scored.city, -- City.
                from profiles.people as people
                inner join profiles.scored as scored on people.order_id = scored.order_id
            """,
            "insight/_tables.yml": "scores: {owner: insight, key: order_id}",
        }
    )
    folder.write(
        {
            "profiles/_tables.yml": KEYED
            + """
scored:
  made_by: python
  description: One row per order.
  owner: profiles
  key: [order_id]
  reads: [profiles.people, sources.shop_orders]
  columns:
    order_id: {type: varchar, doc: "The order.", personal: pseudonym}
    mail_hash: {type: varchar, doc: "A hash.", from: profiles.people.email, drops: {email: keyed}}
    city: {type: varchar, doc: "Where.", from: [sources.shop_orders.city]}
"""
        }
    )
    project = folder.load()
    scores = project.tables["insight.scores"]
    assert {c.name: set(c.personal) for c in scores.columns} == {
        "order_id": {"pseudonym"},
        "has_email": set(),
        "mail_hash": set(),
        "city": {"attribute"},
    }
    report = personal_report(project)
    assert ("profiles.people", "email") in report.columns["email"]
    assert not any(table == "insight.scores" for table, _ in report.columns["email"])
    assert [(r.table, r.column, r.personal_class, r.reason) for r in report.removals] == [
        ("profiles.people", "has_email", "email", "only whether there is one"),
        ("profiles.scored", "mail_hash", "email", "keyed"),
    ]
    problems = project.check_exports(
        {"insight.scores": {"pseudonym"}, "profiles.people": {"pseudonym"}}
    )
    assert [(p.file.name, p.line) for p in problems] == [("scores.sql", 6), ("people.sql", 8)]
    assert project.check_exports({"profiles.people": {"pseudonym", "email"}}) == []


def test_classes_come_back_through_the_last_release(folder: Folder) -> None:
    folder.write(
        {
            "profiles/people.sql": """
                -- One row per order.
                select
                    orders.order_id, -- Id.
                    coalesce(before.contact, orders.email) as contact, -- First contact known.
                    before.contact as old_contact, -- As it was.
                from sources.shop_orders as orders
                left join previous.people as before on orders.order_id = before.order_id
            """,
            "profiles/_tables.yml": """
                _previous:
                  people: {order_id: varchar, contact: text}
                people: {owner: profiles, key: [order_id]}
            """,
        }
    )
    project = folder.load()
    table = project.tables["profiles.people"]
    assert (table.reads, table.previous_reads) == (("sources.shop_orders",), ("people",))
    assert table.column["old_contact"].lineage == (("previous.people", "contact"),)
    assert table.column["old_contact"].personal == {"email"}
    assert project.previous_columns("profiles", "people") == {
        "order_id": "varchar",
        "contact": "text",
    }


@pytest.mark.parametrize(
    ("declared", "line", "words"),
    [
        ("other: {order_id: varchar}", 2, "there is no table of this name"),
        ("people: {order_no: varchar}", 2, "profiles.people has no order_no"),
        ("people: {order_id: bigint}", 2, "order_id is bigint here and varchar"),
        ("people: {order_id: nothing}", 2, "nothing"),
    ],
)
def test_the_last_release_is_declared_as_it_is_published(
    folder: Folder, declared: str, line: int, words: str
) -> None:
    folder.write(
        {
            "profiles/people.sql": PEOPLE,
            "profiles/_tables.yml": f"_previous:\n  {declared}\n{KEYED}",
        }
    )
    found = [(p.line, p.rule) for p in folder.problems() if words in p.message]
    assert (line, "previous") in found


def test_an_undeclared_read_of_the_last_release_is_named(model: Callable[..., Folder]) -> None:
    folder = model("-- One row per order.\nselect\n    order_id, -- Id.\nfrom previous.measures\n")
    assert [(p.line, p.rule) for p in folder.problems()] == [(4, "previous")]


def reading(table: str) -> str:
    return f"-- One row per order.\nselect\n    order_id, -- Id.\nfrom {table}\n"


def test_a_cycle_is_named_once_with_its_way(folder: Folder) -> None:
    folder.write(
        {
            "insight/a.sql": reading("insight.b"),
            "insight/b.sql": reading("insight.c"),
            "insight/c.sql": reading("insight.a"),
            "insight/d.sql": reading("insight.c"),
            "insight/_tables.yml": "\n".join(
                f"{name}: {{owner: insight, key: [order_id]}}" for name in "abcd"
            ),
        }
    )
    (problem,) = folder.problems()
    assert (problem.file.name, problem.line, problem.rule) == ("a.sql", 4, "cycle")
    assert "insight.a reads insight.b reads insight.c reads insight.a" in problem.message


def test_a_higher_layer_and_an_unknown_table_are_named(folder: Folder) -> None:
    folder.write(
        {
            "insight/a.sql": reading("sources.shop_orders"),
            "profiles/b.sql": reading("insight.a"),
            "insight/_tables.yml": "a: {owner: insight, key: [order_id]}",
            "profiles/_tables.yml": """
                b: {owner: profiles, key: [order_id]}
                c:
                  made_by: python
                  description: One row per order.
                  owner: profiles
                  key: [order_id]
                  reads:
                    - sources.shop_order
                  columns:
                    order_id: {type: varchar, doc: "Id."}
            """,
        }
    )
    found = {(p.file.name, p.line, p.rule): p.hint for p in folder.problems()}
    assert list(found) == [("_tables.yml", 8, "unknown"), ("b.sql", 4, "layer")]
    assert "sources.shop_orders" in found[("_tables.yml", 8, "unknown")]


DECLARATIONS = {
    "no entry": ("", "people.sql", 1, "no owner and no key"),
    "no owner": ("people: {key: [order_id]}", "_tables.yml", 1, "owner: is missing"),
    "no key": ("people: {owner: a}", "_tables.yml", 1, "key: is missing"),
    "a key that is no column": (
        "people:\n  owner: a\n  key: [nothing]",
        "_tables.yml",
        3,
        "nothing is in the key",
    ),
    "an entry without a file": (
        KEYED + "ghosts: {owner: a, key: [b]}",
        "_tables.yml",
        2,
        "no profiles/ghosts.sql",
    ),
    "an entry twice": (KEYED + KEYED, "_tables.yml", 2, "declared twice"),
    "a misspelt word": ("people: {owner: a, key: [order_id], ruls: []}", "_tables.yml", 1, "ruls"),
    "docs of a SQL model": (
        "people:\n  owner: a\n  key: [order_id]\n  description: One row per order.",
        "_tables.yml",
        4,
        "declared in YAML",
    ),
    "a rule of no kind": (
        "people:\n  owner: a\n  key: [order_id]\n  rules:\n    - positive: amount",
        "_tables.yml",
        5,
        "it names positive",
    ),
    "a rule on no column": (
        "people:\n  owner: a\n  key: [order_id]\n  rules:\n    - not_null: [sum]",
        "_tables.yml",
        5,
        "cannot be evaluated",
    ),
    "a rule that is no condition": (
        "people:\n  owner: a\n  key: [order_id]\n  rules:\n    - not_null: email\n"
        "    - expression: amount >",
        "_tables.yml",
        6,
        "cannot be evaluated",
    ),
    "a rule over all rows at once": (
        "people:\n  owner: a\n  key: [order_id]\n  rules:\n    - expression: sum(amount) > 0",
        "_tables.yml",
        5,
        "cannot be evaluated",
    ),
    "a rule that refers to what is not read": (
        "people:\n  owner: a\n  key: [order_id]\n  rules:\n"
        "    - refers_to: {columns: [email], table: sources.shop_users, to: [email]}",
        "_tables.yml",
        5,
        "does not read",
    ),
    "a severity of no kind": (
        "people:\n  owner: a\n  key: [order_id]\n  rules:\n"
        "    - not_null: [email]\n      severity: fatal",
        "_tables.yml",
        5,
        "fatal",
    ),
    "broken YAML": ("people: {owner: a, key: [order_id]", "_tables.yml", 2, "not valid YAML"),
    "a Python table of the same name": (
        "people:\n  made_by: python\n  description: One row per order.\n  owner: a\n"
        "  key: [b]\n  columns:\n    b: {type: varchar, doc: The b.}",
        "people.sql",
        1,
        "made twice",
    ),
    "a Python table without docs": (
        KEYED + "b:\n  made_by: python\n  owner: a\n  key: [b]\n  columns:\n    b: {type: varchar}",
        "_tables.yml",
        7,
        "doc: is missing",
    ),
    "a class of no kind": (
        KEYED + "b:\n  made_by: python\n  description: One row per b.\n  owner: a\n  key: [b]\n"
        "  columns:\n    b: {type: varchar, doc: The b., personal: mail}",
        "_tables.yml",
        8,
        "no personal class is called mail",
    ),
    "a type of no kind": (
        KEYED + "b:\n  made_by: python\n  description: One row per b.\n  owner: a\n  key: [b]\n"
        "  columns:\n    b: {type: words, doc: The b.}",
        "_tables.yml",
        2,
        "words",
    ),
}


@pytest.mark.parametrize("case", DECLARATIONS)
def test_a_declaration_that_does_not_fit_is_named(folder: Folder, case: str) -> None:
    text, file, line, words = DECLARATIONS[case]
    folder.write({"profiles/people.sql": PEOPLE, "profiles/_tables.yml": text})
    found = [(p.file.name, p.line) for p in folder.problems() if words in p.message]
    assert (file, line) in found, folder.problems()


def test_a_missing_file_is_not_reported_as_many_unknown_tables(folder: Folder) -> None:
    folder.write(
        {
            "profiles/people.sql": PEOPLE.replace("email,", "emial,"),
            "profiles/_tables.yml": KEYED,
            "insight/a.sql": reading("profiles.people"),
            "insight/_tables.yml": "a: {owner: insight, key: [order_id]}",
        }
    )
    assert [(p.file.name, p.rule) for p in folder.problems()] == [("people.sql", "engine")]


def test_rules_are_read_in_order_with_their_severity(folder: Folder) -> None:
    folder.write(
        {
            "profiles/people.sql": PEOPLE,
            "profiles/_tables.yml": """
                people:
                  owner: a
                  key: [order_id]
                  rules:
                    - not_null: [email, amount]
                    - accepted_values: {column: text, values: [a, "1"]}
                    - between: {column: amount, min: 0}
                    - matches: {column: email, regex: ".+@.+"}
                    - row_count: {at_least: 1}
                    - expression: "amount >= 0"
                      severity: warn
                      why: refunds
            """,
        }
    )
    rules = folder.load().tables["profiles.people"].rules
    assert [rule.text for rule in rules] == [
        "email is never null",
        "amount is never null",
        "text is one of a, 1",
        "amount is between 0 and any",
        "email matches .+@.+",
        "there are at least 1 rows",
        "amount >= 0",
    ]
    assert rules[-1] == Rule(
        "expression", "warn", "refunds", expression="amount >= 0", line=rules[-1].line
    )


def test_a_home_overrides_files_and_entries_of_the_package(tmp_path: Path) -> None:
    package = Folder(tmp_path / "package").write(
        {
            "layers.yml": LAYERS,
            "profiles/people.sql": PEOPLE,
            "profiles/others.sql": reading("profiles.people"),
            "profiles/_tables.yml": KEYED + "others: {owner: package, key: [order_id]}\n",
            "staging/stores/_entity.yml": """
                description: One row per store.
                owner: ingest
                key: [store_id]
                columns:
                  store_id: {type: varchar, doc: "The store."}
            """,
            "staging/stores/demo.sql": reading("sources.not_of_this_home"),
        }
    )
    home = Folder(tmp_path / "home").write(
        {
            "profiles/people.sql": reading("sources.shop_orders"),
            "profiles/mine.sql": reading("profiles.people"),
            "profiles/_tables.yml": "mine: {owner: home, key: [order_id]}",
            "staging/stores/till.sql": """
                -- One row per store.
                select order_id as store_id
                from sources.shop_orders
            """,
        }
    )
    project = home.load(package=package.root)
    people = project.tables["profiles.people"]
    assert (people.file, len(people.columns)) == (home.root / "profiles/people.sql", 1)
    assert project.tables["profiles.others"].file == package.root / "profiles/others.sql"
    assert project.tables["profiles.mine"].owner == "home"
    stores = project.tables["staging.stores"]
    assert stores.files == (
        package.root / "staging/stores/_entity.yml",
        home.root / "staging/stores/till.sql",
    )


def test_a_kept_project_equals_a_compiled_one_and_is_given_up_when_a_byte_changes(
    folder: Folder, tmp_path: Path
) -> None:
    folder.write({"profiles/people.sql": PEOPLE, "profiles/_tables.yml": KEYED})
    compiled = folder.load()
    assert folder.load(cache=tmp_path / "cache") == compiled
    assert folder.load(cache=tmp_path / "cache") == compiled
    assert len(list((tmp_path / "cache").iterdir())) == 1
    folder.write({"profiles/people.sql": PEOPLE.replace("A third.", "One third.")})
    changed = folder.load(cache=tmp_path / "cache").tables["profiles.people"]
    assert changed.column["third"].doc == "One third."
    assert changed.code_hash == compiled.tables["profiles.people"].code_hash
    folder.write({"profiles/people.sql": PEOPLE.replace("/ 3", "/ 4")})
    changed = folder.load(cache=tmp_path / "cache").tables["profiles.people"]
    assert changed.code_hash != compiled.tables["profiles.people"].code_hash


def test_the_graph_as_text_shows_reads_keys_types_and_classes(folder: Folder) -> None:
    folder.write({"profiles/people.sql": reading("sources.shop_orders")})
    folder.write({"profiles/_tables.yml": KEYED})
    text = graph_text(folder.load())
    assert text.endswith(
        "profiles.people (sql)\n  reads sources.shop_orders\n  order_id*: varchar [pseudonym]\n"
    )


def test_an_error_says_file_line_rule_and_what_to_do(folder: Folder) -> None:
    folder.write({"profiles/people.sql": PEOPLE})
    with pytest.raises(ProjectError) as caught:
        folder.load()
    assert re.fullmatch(
        r"1 problem in the SQL models\n\S+people\.sql:1: profiles\.people has no owner and no key"
        r" \[declaration\]\n  add to profiles/_tables\.yml: .*",
        str(caught.value),
    )


def test_a_model_that_is_not_utf_8_is_named_with_its_line(tmp_path: Path) -> None:
    from cdp_pipeline.sqlmodels.problems import Problem
    from cdp_pipeline.sqlmodels.statements import parse_model

    file = tmp_path / "cities.sql"
    file.write_bytes("-- One row per city.\nselect 'Malmö' as city, -- A city.\n".encode("latin-1"))
    problems: list[Problem] = []
    parse_model(file, problems)
    assert [(p.line, p.message) for p in problems][0] == (2, "is not UTF-8 text")
