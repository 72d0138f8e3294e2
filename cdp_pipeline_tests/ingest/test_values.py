"""How text becomes values: nothing is guessed, and what does not fit says why."""

# Naive times in tables are UTC, or the source's zone where that is what is tested.
# ruff: noqa: DTZ001

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cdp_pipeline_tests.ingest.conftest import Shop, ShopMaker

Parse = Callable[..., list[Any]]


@pytest.fixture
def parse(make_shop: ShopMaker) -> Parse:
    """Return a function that loads texts as one column; what is rejected comes back as "bad"."""

    def run(kind: str, *texts: str, fields: str = "", extra: str = "") -> list[Any]:
        columns = (
            '\n      n: {type: integer, doc: "Number."}'
            f'\n      x: {{type: "{kind}", doc: "Value."{extra}}}\n'
        )
        limits = "max_rejected_share: 1\nmax_shrink_share: 1\n"
        shop = make_shop(f"{limits}{fields}", columns, key=["n"])
        out = io.StringIO()
        delimiter = "\t"
        writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
        writer.writerows([["n", "x"], *([n, text] for n, text in enumerate(texts))])
        shop.land("orders.csv", out.getvalue())
        values: list[Any] = ["bad"] * len(texts)
        for number, value in shop.rows("n, x"):
            values[number] = value
        return values

    return lambda kind, *texts, fields="", extra="": run(
        kind, *texts, fields=f'delimiter: "\\t"\n{fields}', extra=extra
    )


def test_an_integer_is_only_digits(parse: Parse) -> None:
    assert parse("integer", "12", " -3 ", "+4", "007", "5.0", "1.5", "1e3", "0x1F", "1_000") == [
        12, -3, 4, 7, 5, "bad", "bad", "bad", "bad",
    ]  # fmt: skip
    assert parse("integer", "9223372036854775807", "9223372036854775808", "twelve", "") == [
        9223372036854775807, "bad", "bad", None,
    ]  # fmt: skip


def test_a_decimal_keeps_its_sign_and_scale(parse: Parse) -> None:
    assert parse("decimal(9,2)", "1.5", "-0.05", "1.005", "1,5", "nan", "inf", "1_0.5", "  ") == [
        Decimal("1.50"), Decimal("-0.05"), "bad", "bad", "bad", "bad", "bad", None,
    ]  # fmt: skip


def test_money_is_rounded_only_where_the_contract_says_so(parse: Parse) -> None:
    texts = ["2.50", "2.500", " 2.5 ", "2.505", "1e3", "1.5E1", "-2.505"]
    assert parse("decimal(9,2)", *texts) == [
        Decimal("2.50"), Decimal("2.50"), Decimal("2.50"), "bad", "bad", "bad", "bad",
    ]  # fmt: skip
    assert parse("decimal(9,2)", *texts, extra=", rounding: half_up") == [
        Decimal("2.50"), Decimal("2.50"), Decimal("2.50"), Decimal("2.51"), "bad", "bad",
        Decimal("-2.51"),
    ]  # fmt: skip


def test_an_exponent_is_a_number_only_where_the_contract_says_so(parse: Parse) -> None:
    fields = "numbers: exponent"
    texts = ["1e3", "1.5E1", "1.234e0", "2.5e-1", "1e400", "1e"]
    assert parse("decimal(9,2)", *texts, fields=fields) == [
        Decimal("1000.00"), Decimal("15.00"), "bad", Decimal("0.25"), "bad", "bad",
    ]  # fmt: skip
    assert parse("integer", *texts, "7", fields=fields) == [
        1000, 15, "bad", "bad", "bad", "bad", 7,
    ]  # fmt: skip


def test_negative_numbers_are_taken_as_books_write_them_where_declared(parse: Parse) -> None:
    texts = ["5-", "(5.25)", "\u22125.25", "5-5", "(-5)", "-(5)"]
    assert parse("decimal(9,2)", *texts) == ["bad", "bad", Decimal("-5.25"), "bad", "bad", "bad"]
    fields = "numbers: [trailing_minus, parentheses]"
    assert parse("decimal(9,2)", *texts, fields=fields) == [
        Decimal("-5.00"), Decimal("-5.25"), Decimal("-5.25"), "bad", "bad", "bad",
    ]  # fmt: skip


def test_a_declared_unit_is_dropped_from_a_number(parse: Parse) -> None:
    fields = 'decimal: ","\nthousands: "\u00a0"\nnumbers: trailing_minus'
    texts = ["1 234,50 kr", "kr 12", "-12 SEK", "12\u00a0kr-", "12,5", "12 EUR", "kr"]
    extra = ", unit: [kr, SEK]"
    assert parse("decimal(9,2)", *texts, fields=fields, extra=extra) == [
        Decimal("1234.50"), Decimal("12.00"), Decimal("-12.00"), Decimal("-12.00"),
        Decimal("12.50"), "bad", "bad",
    ]  # fmt: skip
    assert parse("decimal(9,3)", "12.5 %", "7%", extra=', unit: "%"') == [
        Decimal("12.500"), Decimal("7.000"),
    ]  # fmt: skip


def test_swiss_thousands_may_have_either_apostrophe(parse: Parse) -> None:
    assert parse("decimal(18,2)", "1'234'567.50", "1\u2019234.00", fields='thousands: "\'"') == [
        Decimal("1234567.50"), Decimal("1234.00"),
    ]  # fmt: skip


def test_dates_are_read_as_nordic_exports_write_them(parse: Parse) -> None:
    extra = ', format: ["%Y-%m-%d", "%d.%m.%Y", "%d/%m-%Y", "%Y%m%d", "%d-%m-%y"]'
    texts = ["2024-03-31", "31.03.2024", "31/3-2024", "20240331", "31-03-24"]
    assert parse("date", *texts, extra=extra) == [dt.date(2024, 3, 31)] * 5


@pytest.mark.parametrize(
    ("language", "texts"),
    [
        ("sv", ["31 mars 2024", "31 Mar 2024", "31 MARS 2024"]),
        ("da", ["31 marts 2024", "31 mar. 2024"]),
        ("fi", ["31 maaliskuuta 2024", "31 maalis 2024"]),
        ("en", ["31 March 2024", "31 Mar 2024"]),
        ("[jan, fév, mars, avr, mai, juin, juil, août, sept, oct, nov, déc]", ["31 mars 2024"]),
    ],
)
def test_month_names_are_of_the_declared_language(
    parse: Parse, language: str, texts: list[str]
) -> None:
    extra = ', format: "%d %B %Y"'
    fields = f"month_names: {language}"
    found = parse("date", *texts, "31 nothing 2024", "", fields=fields, extra=extra)
    assert found == [*[dt.date(2024, 3, 31)] * len(texts), "bad", None]


def test_excels_and_unix_days_are_read_where_declared(parse: Parse) -> None:
    texts = ["45382", "45382.0", "60", "-1", "2024-03-31", "2958466", "1e5"]
    assert parse("date", *texts, extra=", format: [excel, '%Y-%m-%d']") == [
        *[dt.date(2024, 3, 31)] * 2, "bad", "bad", dt.date(2024, 3, 31), "bad", "bad",
    ]  # fmt: skip
    assert parse("timestamp", "45382.5", "45382,75", extra=", format: excel") == [
        dt.datetime(2024, 3, 31, 10), dt.datetime(2024, 3, 31, 16),
    ]  # fmt: skip
    assert parse("timestamp", "1711886400", "1711886400.5", "x", extra=", format: unix") == [
        dt.datetime(2024, 3, 31, 12), dt.datetime(2024, 3, 31, 12, 0, 0, 500_000), "bad",
    ]  # fmt: skip
    assert parse("timestamp", "1711886400000", "9" * 30, extra=", format: unix_ms") == [
        dt.datetime(2024, 3, 31, 12), "bad",
    ]  # fmt: skip


def test_excels_way_to_keep_a_number_a_text_is_undone(shop: Shop) -> None:
    shop.land_rows(
        "orders.csv", '="0012",Ada,="3",1,,,', '"=""0013""",="",1,1,,,', '=1+1,"=x",1,1,,,'
    )
    assert shop.rows("order_id, customer, pieces") == [
        ("0012", "Ada", 3), ("0013", None, 1), ("=1+1", "=x", 1),
    ]  # fmt: skip


def test_no_numbers_are_rounded_in_parquet_either(make_shop: ShopMaker) -> None:
    shop = make_shop("format: parquet\nmax_rejected_share: 1")
    amounts = [0.1 + 0.2, 19.99, 1.005, 12345678.91]
    table = pa.table(
        {"order_id": list("abcd"), "customer": ["x"] * 4, "pieces": [1] * 4, "amount": amounts}
    )
    pq.write_table(table, shop.landing / "orders.parquet")
    assert shop.rows("order_id, amount") == [
        ("a", Decimal("0.30")), ("b", Decimal("19.99")), ("d", Decimal("12345678.91")),
    ]  # fmt: skip


def test_a_decimal_comma_does_not_take_a_point(parse: Parse) -> None:
    fields = 'decimal: ","'
    assert parse("decimal(9,2)", "1,5", "1.5", "1.234,5", fields=fields) == [
        Decimal("1.50"), "bad", "bad",
    ]  # fmt: skip


def test_thousands_are_groups_of_three(parse: Parse) -> None:
    fields = 'decimal: ","\nthousands: "."'
    assert parse("decimal(18,2)", "1.234.567,8", "1.5", "12.34,5", "1234,5", fields=fields) == [
        Decimal("1234567.80"), "bad", "bad", Decimal("1234.50"),
    ]  # fmt: skip
    fields = 'decimal: ","\nthousands: " "'
    assert parse("integer", "1 234", "1\u00a0234\u202f567", "12 34", fields=fields) == [
        1234, 1234567, "bad",
    ]  # fmt: skip


def test_a_date_is_of_the_declared_form(parse: Parse) -> None:
    assert parse("date", "2024-02-29", "2023-02-29", "29/02/2024", "infinity", "epoch") == [
        dt.date(2024, 2, 29), "bad", "bad", "bad", "bad",
    ]  # fmt: skip
    extra = ', format: ["%d/%m/%Y", "%d.%m.%Y", "%Y%m%d"]'
    assert parse("date", "29/02/2024", "1.3.2024", "20240302", "1/2/24", extra=extra) == [
        dt.date(2024, 2, 29), dt.date(2024, 3, 1), dt.date(2024, 3, 2), "bad",
    ]  # fmt: skip
    assert parse("date", "1900-01-01", "1970-01-01") == [
        dt.date(1900, 1, 1), dt.date(1970, 1, 1),
    ]  # fmt: skip


def test_a_time_without_offset_is_in_the_source_zone(parse: Parse) -> None:
    texts = ["2024-07-01 12:00:00", "2024-01-01T12:00", "2024-07-01T12:00:00Z"]
    texts += ["2024-07-01T12:00:00+02:00", "2024-07-01 12:00:00.250", "2024-07-01"]
    assert parse("timestamp", *texts) == [
        dt.datetime(2024, 7, 1, 10),
        dt.datetime(2024, 1, 1, 11),
        dt.datetime(2024, 7, 1, 12),
        dt.datetime(2024, 7, 1, 10),
        dt.datetime(2024, 7, 1, 10, 0, 0, 250_000),
        dt.datetime(2024, 6, 30, 22),
    ]


def test_an_offset_in_the_format_is_kept(parse: Parse) -> None:
    extra = ', format: ["%d/%m/%Y %H:%M %z", "%d/%m/%YT%H:%MZ", "%d/%m/%Y %H:%M"]'
    texts = ["01/07/2024 12:00 +0100", "01/07/2024T12:00Z", "01/07/2024 12:00", "2024-07-01"]
    assert parse("timestamp", *texts, extra=extra) == [
        dt.datetime(2024, 7, 1, 11),
        dt.datetime(2024, 7, 1, 12),
        dt.datetime(2024, 7, 1, 10),
        "bad",
    ]


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.datetimes(dt.datetime(1971, 1, 1), dt.datetime(2059, 1, 1)), min_size=50))
def test_times_of_every_season_become_utc(parse: Parse, moments: list[dt.datetime]) -> None:
    moments = [moment.replace(microsecond=0, fold=0) for moment in moments]
    zone = ZoneInfo("Europe/Stockholm")
    expected = [m.replace(tzinfo=zone).astimezone(dt.UTC).replace(tzinfo=None) for m in moments]
    texts = [moment.isoformat(sep=" ") for moment in moments]
    assert parse("timestamp", *texts) == expected


def test_a_boolean_is_one_of_its_words(parse: Parse) -> None:
    assert parse("boolean", "true", "NO", "1", "maybe", "") == [True, False, True, "bad", None]
    extra = ", true_values: [Ja], false_values: [Nej]"
    assert parse("boolean", "ja", "NEJ", "yes", extra=extra) == [True, False, "bad"]


def test_null_words_are_null_everywhere(parse: Parse) -> None:
    fields = 'null_values: ["NULL", "-"]'
    assert parse("text", "NULL", "", "-", "x", fields=fields) == [None, None, None, "x"]


def test_a_rejected_row_says_column_reason_and_what_to_do(shop: Shop) -> None:
    shop.land_rows(
        "orders.csv",
        "o1,Ada,1,2.50,2024-01-01,,no",
        "o2,Bo,many,2.50,2024-01-01,,no",
        'o3,"Cy, the\nthird",1,,2024-01-01,,no',
        ",Di,1,2.50,2024-01-01,,no",
        "o5,Ed,1,2.50",
        *(f"p{n},Flo,1,2.50,2024-01-01,,no" for n in range(20)),
    )
    assert shop.load_one().rows_rejected == 4
    assert shop.rejected() == [
        (2, "pieces", "not a whole number"),
        (3, "amount", "missing: a row needs a value here"),
        (4, "order_id", "missing: a row needs a value here"),
        (5, None, "fewer values than the header has columns"),
    ]
    assert shop.rejected("record_number, raw_text")[1] == (
        3,
        'o3,"Cy, the\nthird",1,,2024-01-01,,no',
    )
    assert all(hint for (hint,) in shop.rejected("repair_hint"))
    assert [row[0] for row in shop.rows("_record_number")] == [1, *range(6, 26)]


def test_parquet_types_are_converted_without_guessing(make_shop: ShopMaker) -> None:
    shop = make_shop("format: parquet\nmax_rejected_share: 1")
    shop.landing.joinpath("orders.parquet").write_bytes(b"")
    table = pa.table(
        {
            "order_id": pa.array([1, 2, 3], pa.int32()),
            "customer": ["Ada", None, "Cy"],
            "pieces": pa.array([1.0, 2.5, float("nan")]),
            "amount": ["1.50", "2.50", "x"],
            "ordered_on": pa.array([dt.datetime(2024, 1, 1)] * 3, pa.timestamp("ms")),
            "paid_at": pa.array([dt.datetime(2024, 7, 1, 12)] * 3, pa.timestamp("us")),
            "is_gift": [True, None, False],
        }
    )
    pq.write_table(table, shop.landing / "orders.parquet")
    assert shop.rows("order_id, pieces, amount, ordered_on, paid_at") == [
        ("1", 1, Decimal("1.50"), dt.date(2024, 1, 1), dt.datetime(2024, 7, 1, 10))
    ]
    assert [(n, c) for n, c, _ in shop.rejected()] == [(2, "pieces"), (3, "amount")]


def test_a_parquet_column_without_any_value_has_no_type_and_is_null(make_shop: ShopMaker) -> None:
    shop = make_shop("format: parquet")
    moment = pa.array([dt.datetime(2024, 7, 1, 12)], pa.timestamp("ns", "Europe/Oslo"))
    columns = {"order_id": ["a"], "customer": [None], "pieces": [None], "amount": [1]}
    pq.write_table(pa.table(columns | {"paid_at": moment}), shop.landing / "orders.parquet")
    assert shop.load_one().rows_loaded == 1
    assert shop.rows("customer, pieces, paid_at") == [(None, None, dt.datetime(2024, 7, 1, 12))]
