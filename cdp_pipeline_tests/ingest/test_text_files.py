"""Encodings, packings, quotes and line ends; and counting records without the engine."""

from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdp_pipeline.ingest.plain_text import _with_doubled_quotes
from cdp_pipeline.ingest.text_files import Scanner, TextFile
from cdp_pipeline_tests.ingest.conftest import HEADER, Shop, ShopMaker

TEXT = f"{HEADER}\no1,Åsa Öberg,1,2.50,2024-01-01,,no\no2,Zoë,1,2.50,2024-01-01,,no\n"
NAMES = [("Zoë",), ("Åsa Öberg",)]


@pytest.mark.parametrize(
    ("encoding", "written"),
    [
        ("utf-8", "utf-8"),
        ("utf-8", "utf-8-sig"),
        ("utf-16", "utf-16"),
        ("latin-1", "latin-1"),
        ("cp1252", "cp1252"),
    ],
)
def test_every_encoding_gives_the_same_text(
    make_shop: ShopMaker, encoding: str, written: str
) -> None:
    shop = make_shop(f"encoding: {encoding}")
    shop.land("orders.csv", TEXT.encode(written))
    assert shop.rows("customer") == NAMES


@pytest.mark.parametrize("packing", ["gzip", "zstd"])
def test_packed_files_are_unpacked(shop: Shop, packing: str) -> None:
    packed = (
        gzip.compress(TEXT.encode())
        if packing == "gzip"
        else pa.compress(TEXT.encode(), codec="zstd", asbytes=True)
    )
    shop.land("orders.csv.packed", packed)
    assert shop.rows("customer") == NAMES


@pytest.mark.parametrize(
    ("content", "fields", "reason", "hint"),
    [
        (TEXT.encode("latin-1"), "", "not valid utf-8", "Check encoding at shop.yml"),
        (TEXT.encode("utf-16"), "", "it starts like UTF-16", "Change `encoding:` at shop.yml"),
        (TEXT.encode(), "encoding: cp1252", "valid utf-8", "Change `encoding:` at shop.yml:6"),
        (TEXT.replace(",", ";").encode(), "", "separated by ';'", "Change `delimiter:`"),
        (b"", "", "the file is empty", "whole file"),
        (b"PK\x03\x04....", "", "Excel workbook", "Export it as CSV"),
        (b"PAR1....", "", "it is a Parquet file", "Change `format:` at shop.yml"),
        (TEXT.encode(), "compression: gzip", "it is not packed", "Remove `compression:`"),
        (TEXT.encode(), "encoding: utf-16", "neither the mark nor", "Change `encoding:`"),
        (TEXT.encode("utf-16")[:-1], "encoding: utf-16", "not valid utf-16", "Change `encod"),
        (
            TEXT.encode("cp1252") + b"o3,\x80,1,2,,,\n",
            "encoding: latin-1",
            "control",
            "to utf-8 or",
        ),
        (b"BZh91AY", "", "it is packed with bzip2", "gzip or zstd"),
        (b"\x1f\x8bnot gzip", "", "does not unpack as gzip", "again, whole"),
        (TEXT.encode(), "format: parquet", "not a whole Parquet file", "change `format:` at"),
        (TEXT.encode() + b'o3,"Cy,1,2,2024-01-01,,\n', "", "from record 3 on", "quote"),
        (TEXT.encode() + b'o3,"C"y,1,2,2024-01-01,,\n', "", "from record 3 on", "quote"),
        (TEXT.encode() + b"o3,Cy,1,2.", "", "middle of record 3: cut off", "again, whole"),
    ],
)
def test_a_mismatch_says_what_was_found_and_what_to_change(
    make_shop: ShopMaker, content: bytes, fields: str, reason: str, hint: str
) -> None:
    shop = make_shop(fields)
    shop.land("orders.csv", content)
    delivery = shop.load_one()
    assert delivery.status == "refused"
    assert reason in delivery.reason
    assert hint in delivery.hint
    assert shop.rows() == []


def test_a_file_that_unpacks_to_far_too_much_is_refused(
    make_shop: ShopMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cdp_pipeline.ingest.plain_text.ALWAYS_ALLOWED_BYTES", 1 << 20)
    shop = make_shop()
    shop.land("orders.csv.gz", gzip.compress(TEXT.encode() + b"\n" * (8 << 20)))
    delivery = shop.load_one()
    assert "unpacks to more than" in delivery.reason
    assert not list((shop.folder / "spill").rglob("*.csv"))


def test_mixed_line_ends_and_blank_lines_are_no_records(shop: Shop) -> None:
    first, second, third, _ = TEXT.split("\n")
    shop.land("orders.csv", f"{first}\r\n\r\n{second}\r{third}\n\n\n")
    delivery = shop.load_one()
    assert (delivery.rows_delivered, delivery.rows_loaded) == (2, 2)
    assert shop.rows("_record_number, customer") == [(1, "Åsa Öberg"), (2, "Zoë")]


def test_quotes_inside_plain_values_are_kept(shop: Shop) -> None:
    shop.land_rows("orders.csv", 'o1,5" pipe,1,2.50,2024-01-01,,no', 'o2,"a ""b"" c",1,1,,,')
    assert shop.rows("customer") == [('5" pipe',), ('a "b" c',)]


def test_a_quote_that_swallows_records_refuses_the_file(shop: Shop) -> None:
    good = "1,2.50,2024-01-01,,no"
    for rows in (
        ['o1,"Ada,' + good, "o2,Bo," + good, 'o3,Cy",' + good],
        ['o1,"Ada,' + good, 'o2,Bo",' + good],
    ):
        shop.land_rows("orders.csv", *rows, f"o4,Di,{good}")
        assert "a quoted value in record 1 spans" in shop.load_one().reason


def test_a_text_of_several_lines_with_delimiters_is_a_text(shop: Shop) -> None:
    lines = 'o1,"one, two, three\nfour, five, six, seven, eight, nine, ten\n,,,,,,",1,2.50,,,'
    shop.land_rows("orders.csv", lines)
    assert shop.load_one().rows_loaded == 1


def test_excels_first_line_and_empty_rows_are_no_orders(shop: Shop) -> None:
    shop.land("orders.csv", "sep=,\r\n" + TEXT.replace("\n", "\r\n") + ",,,,,,\r\n" * 5)
    delivery = shop.load_one()
    assert (delivery.rows_delivered, delivery.rows_loaded, delivery.rows_rejected) == (7, 2, 5)
    assert shop.rejected("distinct reason") == [("an empty record",)]


def test_a_file_without_a_header_is_read_by_place(make_shop: ShopMaker) -> None:
    shop = make_shop("header: false\nmax_rejected_share: 0.5")
    rows = TEXT.split("\n", 1)[1]
    shop.land("orders.csv", b"\xef\xbb\xbf" + rows.encode() + b"o3,Cy,x,1,,,\n")
    assert shop.load_one().rows_delivered == 3
    assert shop.rows("order_id, customer, _record_number") == [
        ("o1", "Åsa Öberg", 1), ("o2", "Zoë", 2),
    ]  # fmt: skip
    assert shop.rejected("record_number, raw_text") == [(3, "o3,Cy,x,1,,,")]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (TEXT, "its first record names the columns, but the contract says header: false"),
        ("o1,Ada,1,2.50\n", "its records have 4 values, but the contract declares 7 columns"),
    ],
)
def test_a_file_without_a_header_must_have_the_contracts_columns(
    make_shop: ShopMaker, content: str, reason: str
) -> None:
    shop = make_shop("header: false")
    shop.land("orders.csv", content)
    delivery = shop.load_one()
    assert delivery.reason.startswith(reason)
    assert "shop.yml:" in delivery.hint


def test_titles_comments_and_footers_are_no_records(make_shop: ShopMaker) -> None:
    shop = make_shop('skip_rows: 2\ncomment: "#"\nfooter: Total')
    header, *rows = TEXT.rstrip("\n").split("\n")
    inside = 'o3,"a note\n# that goes on",1,2.50,2024-01-01,,no'
    lines = ["Orders of the week", "", '# it"s', header, rows[0], "#", rows[1], inside]
    shop.land("orders.csv", "\r\n".join([*lines, "Total;3", ""]))
    assert shop.load_one().rows_delivered == 3
    assert shop.rows("order_id") == [("o1",), ("o2",), ("o3",)]
    assert shop.rows("customer", "order_id = 'o3'") == [("a note\n# that goes on",)]
    shop.land("orders.csv", "\n".join(lines))
    assert shop.load_one().reason == "it does not end with the declared footer: cut off"


def test_quotes_may_be_escaped_by_a_backslash(make_shop: ShopMaker) -> None:
    shop = make_shop('escape: "\\\\"')
    shop.land_rows(
        "orders.csv",
        r'o1,"5\" pipe, \\",1,2.50,,,',
        r'o2,"a\b \"\" c\\\"",1,2.50,,,',
        'o3,"two\\\nlines",1,2.50,,,',
        r"o4,C:\dir,1,2.50,,,",
    )
    assert shop.load_one().rows_delivered == 4
    assert shop.rows("customer") == [
        ('5" pipe, \\',), ("C:\\dir",), ('a\\b "" c\\"',), ("two\nlines",),
    ]  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(st.text(alphabet='ab\\"\n,', max_size=6), min_size=1, max_size=9),
    block=st.integers(min_value=1, max_value=7),
)
def test_escaped_quotes_are_doubled_wherever_blocks_are_cut(
    tmp_path_factory: pytest.TempPathFactory, values: list[str], block: int
) -> None:
    folder = tmp_path_factory.mktemp("text")
    maker = ShopMaker(folder)
    contract = maker('escape: "\\\\"').contract
    escaped = [v.replace("\\", "\\\\").replace('"', '\\"') for v in values]
    (folder / "in.csv").write_bytes("".join(f'"{value}"\n' for value in escaped).encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cdp_pipeline.ingest.plain_text._BLOCK", block)
        out = _with_doubled_quotes(contract, folder / "in.csv", folder / "out.csv")
    found = csv.reader(io.StringIO(out.read_bytes().decode(), newline=""))
    assert [row[0] for row in found] == values


def test_columns_without_names_are_noise_unless_they_hold_something(shop: Shop) -> None:
    shop.land_rows("orders.csv", "o1,Ada,1,1,,,,,", header=HEADER + ",,")
    assert shop.load_one().drift == ()
    shop.land_rows("orders.csv", "o1,Ada,1,1,,,,x,", header=HEADER + ",,")
    (drift,) = shop.load_one().drift
    assert drift.message == "column 8 has values but no name; it is left out"


def test_records_may_end_with_a_delimiter_that_the_header_lacks(shop: Shop) -> None:
    shop.land_rows("orders.csv", "o1,Ada,1,1,,,,", "o2,Bo,1,1,,,,")
    assert shop.load_one().rows_loaded == 2


def test_bytes_that_mean_nothing_in_cp1252_reject_their_record(make_shop: ShopMaker) -> None:
    shop = make_shop("encoding: cp1252\nmax_rejected_share: 0.5")
    shop.land("orders.csv", TEXT.encode("cp1252").replace(b"Zo", b"Z\x81"))
    assert shop.rows("order_id") == [("o1",)]
    assert shop.rejected() == [(2, None, "not valid cp1252")]


def test_a_names_line_that_a_record_goes_on_in_is_not_shown(shop: Shop) -> None:
    row = "o1,Canaryson,1,2.50,2024-01-01,,no"
    shop.land("orders.csv", f"{HEADER}{row}\n{row}\n")
    delivery = shop.load_one()
    assert delivery.reason == "its header has 13 names, but its records have 7 values"
    shop.land("orders_2.csv", f"{HEADER},{row}\n")
    (delivery,) = shop.load().new
    assert "column 'column 9' is new" in [d.message.split(";")[0] for d in delivery.drift]
    assert "Canaryson" not in repr(delivery)


@pytest.mark.parametrize("order", ["utf-16-le", "utf-16-be"])
def test_utf_16_needs_no_byte_order_mark(make_shop: ShopMaker, order: str) -> None:
    shop = make_shop("encoding: utf-16")
    shop.land("orders.csv", TEXT.encode(order))
    assert shop.rows("customer") == NAMES


def test_without_quotes_a_quote_is_a_letter(make_shop: ShopMaker) -> None:
    shop = make_shop('quote: ""\ndelimiter: ";"')
    shop.land_rows("orders.csv", 'o1;"Ada;1;2.50;;;', header=HEADER.replace(",", ";"))
    assert shop.rows("customer") == [('"Ada',)]


VALUES = st.text(alphabet='ab,"\n\r;é', max_size=6)


@settings(max_examples=150, deadline=None)
@given(
    records=st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=8),
    line_end=st.sampled_from(["\n", "\r\n"]),
    block=st.integers(min_value=1, max_value=9),
)
def test_records_are_found_wherever_blocks_are_cut(
    tmp_path_factory: pytest.TempPathFactory,
    records: list[tuple[str, str]],
    line_end: str,
    block: int,
) -> None:
    out = io.StringIO()
    csv.writer(out, lineterminator=line_end, quoting=csv.QUOTE_ALL).writerows(records)
    path = tmp_path_factory.mktemp("text") / "records.csv"
    path.write_bytes(out.getvalue().encode())
    scanner = Scanner(ord(","), ord('"'), False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cdp_pipeline.ingest.text_files._BLOCK", block)
        survey = scanner.survey(path)
        found = list(scanner.records(TextFile(path, survey), range(len(records)), largest=1_000))
    assert survey.records == len(records)
    assert survey.quoting == "sound"
    assert [tuple(next(csv.reader(io.StringIO(raw.decode(), newline="")))) for raw in found] == (
        records
    )


@settings(max_examples=150, deadline=None)
@given(content=st.binary(max_size=60).map(lambda b: bytes(b'a,"\n\r'[c % 5] for c in b)))
def test_both_ways_of_scanning_count_alike(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path: Path = tmp_path_factory.mktemp("text") / "any.csv"
    path.write_bytes(content)
    scanner = Scanner(ord(","), ord('"'), False)
    survey = scanner.survey(path)
    exact = scanner._survey(path, is_exact=True)
    if exact.quoting == "broken":
        assert survey.quoting == "broken"
    else:
        assert survey.records == exact.records
        scanner.make_uniform(path, path.with_name("u.csv"), is_exact=survey.quoting == "stray")
        assert scanner.survey(path.with_name("u.csv")).records == survey.records
