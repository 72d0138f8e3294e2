"""JSON Lines: nested values, lists, broken lines, and fields that come and go."""

from __future__ import annotations

import gzip
import json
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from cdp_pipeline_tests.ingest.conftest import Shop, ShopMaker

COLUMNS = """
      order_id: {type: text, doc: "Order number."}
      city: {name_in_file: address.city, type: text, personal: address, doc: "City."}
      tags: {type: text, doc: "Tags, as JSON."}
      amount: {type: "decimal(18,2)", required: true, doc: "Paid."}
"""


@pytest.fixture
def shop(make_shop: ShopMaker) -> Shop:
    """A shop whose export is JSON Lines."""
    return make_shop("format: jsonl\nmax_rejected_share: 0.9", COLUMNS)


def _order(number: int, **fields: Any) -> str:
    order = {"order_id": f"o{number}", "address": {"city": "Malmö"}, "amount": 1.5, "tags": [1]}
    return json.dumps(order | fields, ensure_ascii=False)


def test_nested_values_are_read_by_their_path_and_lists_are_text(shop: Shop) -> None:
    shop.land("orders.jsonl", "\n".join([_order(1), _order(2, tags=None, address=None)]))
    assert shop.load_one().drift == ()
    assert shop.rows("order_id, city, tags, amount") == [
        ("o1", "Malmö", "[1]", Decimal("1.50")),
        ("o2", None, None, Decimal("1.50")),
    ]


@pytest.mark.parametrize("packing", ["plain", "gzip", "zstd", "utf-8-sig", "crlf"])
def test_lines_are_found_however_the_file_is_packed(shop: Shop, packing: str) -> None:
    text = f"{_order(1)}\n\n{_order(2)}\n"
    content = {
        "plain": text.encode(),
        "gzip": gzip.compress(text.encode()),
        "zstd": pa.compress(text.encode(), codec="zstd", asbytes=True),
        "utf-8-sig": text.encode("utf-8-sig"),
        "crlf": text.replace("\n", "\r\n").encode(),
    }[packing]
    shop.land("orders.anything", content)
    assert shop.rows("order_id, _record_number") == [("o1", 1), ("o2", 2)]


def test_a_key_with_a_dot_in_its_name_is_nearer_than_a_nested_one(shop: Shop) -> None:
    shop.land("orders.jsonl", _order(1, **{"address.city": "Lund"}))
    assert shop.rows("city") == [("Lund",)]


def test_a_broken_line_is_rejected_and_the_others_are_loaded(shop: Shop) -> None:
    lines = [_order(1), _order(2)[:-5], "[1, 2]", "null", "{" * 3000, _order(6)]
    shop.land("orders.jsonl", "\n".join(lines))
    delivery = shop.load_one()
    assert (delivery.rows_delivered, delivery.rows_loaded, delivery.rows_rejected) == (6, 2, 4)
    assert {reason for _, _, reason in shop.rejected()} == {"not a JSON object"}
    assert shop.rejected("record_number, raw_text")[0] == (2, lines[1])
    assert [row[0] for row in shop.rows("_record_number")] == [1, 6]


def test_values_that_do_not_fit_are_rejected_with_their_column(shop: Shop) -> None:
    broken = [_order(2, amount={"value": 1}), _order(3, amount=1.005), _order(4, amount=None)]
    shop.land("orders.jsonl", "\n".join([_order(1), *broken, _order(5, order_id="a\0b")]))
    bad = "not a number with at most 16 digits before the decimal sign '.' and 2 after it"
    assert shop.rejected() == [
        (2, "amount", bad),
        (3, "amount", bad),
        (4, "amount", "missing: a row needs a value here"),
        (5, None, "a NUL byte in a text value"),
    ]  # fmt: skip


def test_a_new_field_is_reported_and_one_that_comes_late_is_read(shop: Shop) -> None:
    first = json.dumps({"order_id": "o1", "amount": 1, "colour": {"name": "red"}})
    shop.land("orders.jsonl", "\n".join([first, _order(2)]))
    delivery = shop.load_one()
    assert [(d.kind, d.column) for d in delivery.drift] == [("new_column", "colour")]
    assert shop.rows("city") == [("Malmö",), (None,)]


def test_a_field_that_no_line_has_is_missing(shop: Shop) -> None:
    shop.land("orders.jsonl", json.dumps({"order_id": "o1", "amount": 1, "tags": "x"}))
    (drift,) = shop.load_one().drift
    assert (drift.kind, drift.message) == (
        "missing_optional",
        "column 'address.city' is missing",
    )
    shop.land("orders.jsonl", json.dumps({"order_id": "o1", "tags": "x"}))
    assert shop.load_one().reason == "column 'amount' is missing"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (json.dumps([{"order_id": "o1"}]), "it is one JSON list"),
        (json.dumps({"order_id": "o1"}, indent=1), "its objects span several lines"),
        ("order_id,amount\no1,1\n", "its lines are no JSON objects"),
        (json.dumps({"a": 1}), "its first objects name 0 of the contract's 4 columns"),
    ],
)
def test_another_kind_of_file_is_named(shop: Shop, content: str, reason: str) -> None:
    shop.land("orders.jsonl", content)
    assert reason in shop.load_one().reason


def test_json_lines_in_a_csv_contract_are_named(make_shop: ShopMaker) -> None:
    shop = make_shop()
    shop.land("orders.csv", '{"order_id": "o1"}\n')
    delivery = shop.load_one()
    assert delivery.reason == "it looks like JSON Lines, but the contract says format: csv"
    assert delivery.hint.startswith("Change `format:` at shop.yml:")


def test_a_file_that_ends_within_an_object_is_refused_as_cut_off(shop: Shop) -> None:
    whole = "\n".join(_order(number) for number in range(9))
    shop.land("orders.jsonl", whole[:-5])
    delivery = shop.load_one()
    assert delivery.reason == "it ends in the middle of record 9: cut off"
    assert delivery.rows_refused == 9


def test_keys_that_are_values_are_not_shown(shop: Shop) -> None:
    keys = [f"kim{number}@example.se" for number in range(60)] + ["19811218-9876"]
    shop.land("orders.jsonl", _order(1, **dict.fromkeys(keys, 1)))
    delivery = shop.load_one()
    assert delivery.status == "loaded"
    assert "example.se" not in repr(delivery)
    assert "9876" not in repr(delivery)
    assert delivery.drift[-1].message == "11 more columns are new; they are left out"
