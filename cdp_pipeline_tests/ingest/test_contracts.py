"""What a contract may say, and what an author reads when it does not fit."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdp_pipeline.ingest import ContractError, SourceTable, load_contracts

GOOD = """system: webshop
description: The web shop.
owner: ecommerce
time_zone: Europe/Stockholm
tables:
  orders:
    description: One row per web order.
    files: "webshop/orders*.csv"
    delivery: snapshot
    key: [order_id]
    event_at: ordered_at
    columns:
      order_id: {type: text, personal: pseudonym, doc: "Order number."}
      ordered_at: {type: timestamp, format: "%Y-%m-%d", doc: "When."}
      total: {name_in_file: Total paid, type: "decimal(18, 2)", doc: "Paid."}
      no: {type: integer, doc: "A column that YAML would take for false."}
"""


def _load(folder: Path, text: str) -> list[SourceTable]:
    (folder / "webshop.yml").write_text(text, encoding="utf-8")
    return load_contracts(folder)


def test_a_contract_becomes_a_source_table(tmp_path: Path) -> None:
    (table,) = _load(tmp_path, GOOD)
    assert table.name == "sources.webshop_orders"
    assert [(c.name, c.type) for c in table.columns.values()] == [
        ("order_id", "varchar"),
        ("ordered_at", "timestamp"),
        ("total", "decimal(18,2)"),
        ("no", "bigint"),
    ]
    assert table.columns["total"].name_in_file == "Total paid"
    assert table.line == 6


def test_a_system_that_holds_nobody_twice_says_so_once(tmp_path: Path) -> None:
    from cdp_pipeline.ingest.contracts import clean_systems

    assert clean_systems(_load(tmp_path, GOOD)) == []
    clean = GOOD.replace("owner:", "one_record_per_customer: true\nowner:", 1)
    assert clean_systems(_load(tmp_path, clean)) == ["webshop"]


@pytest.mark.parametrize(
    ("wrong", "right", "line", "message"),
    [
        ("owner: e", "ownr: e", 3, "unknown field ownr; did you mean owner?"),
        ("delivery: snapshot", "delivry: snapshot", 9, "did you mean delivery?"),
        ("delivery: snapshot", "delivery: weekly", 9, "delivery: Input should be"),
        ("delivery: snapshot", "format: csv", 6, "orders lacks delivery"),
        ("key: [order_id]", "key: [order]", 6, "key names order, which is not among columns"),
        ("One row per", "Rows of", 7, 'must start with "One row per ..."'),
        ("Europe/Stockholm", "Sweden", 4, "is not an IANA time zone"),
        ("type: integer", "type: int", 16, "types are text, integer"),
        ("personal: pseudonym", "personal: secret", 13, "personal classes are name, email"),
        ("type: integer", "type: integer, format: '%d'", 16, "format is for dates"),
        ("no: {", "No: {", 16, "column names are snake_case"),
        ("no: {", "order_id: {", 16, "order_id is declared twice"),
        ("system: webshop", "system: Web shop", 1, "system must be a snake_case name"),
        ('"decimal(18, 2)"', '"decimal(2, 18)"', 15, "a decimal has at most 38 digits"),
        ("event_at: ordered_at", "event_at: total", 6, "which is no date or timestamp"),
    ],
)
def test_what_does_not_fit_is_named_with_its_line(
    tmp_path: Path, wrong: str, right: str, line: int, message: str
) -> None:
    with pytest.raises(ContractError) as error:
        _load(tmp_path, GOOD.replace(wrong, right, 1))
    assert any(
        problem.line == line and message in problem.message for problem in error.value.problems
    ), str(error.value)


def test_every_problem_is_named_at_once(tmp_path: Path) -> None:
    text = GOOD.replace("type: integer", "type: int").replace("owner:", "ownr:")
    with pytest.raises(ContractError) as error:
        _load(tmp_path, text)
    assert len(error.value.problems) == 2


def test_two_files_cannot_declare_one_table(tmp_path: Path) -> None:
    (tmp_path / "other.yml").write_text(GOOD, encoding="utf-8")
    with pytest.raises(ContractError, match="declared twice"):
        _load(tmp_path, GOOD)


def test_docs_and_classes_do_not_change_how_a_file_is_read(tmp_path: Path) -> None:
    (before,) = _load(tmp_path, GOOD)
    (after,) = _load(tmp_path, GOOD.replace("Order number.", "The number of the order."))
    (other,) = _load(tmp_path, GOOD.replace("%Y-%m-%d", "%d/%m/%Y"))
    assert before.reading_hash() == after.reading_hash() != other.reading_hash()
