"""Whole sets of exports: which tables feed what, and that the proposal compiles and loads."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cdp_pipeline.cli.proposing import propose_home
from cdp_pipeline.cli.starting import TEMPLATE
from cdp_pipeline.proposing import Proposal
from cdp_pipeline.proposing.reading import SampleError
from cdp_pipeline_tests.proposing.support import loaded, proposed, table_of

SECRET = "Zebrafisk"


@pytest.fixture(scope="module")
def swedish(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with an accounting system's exports, as Excel on Windows saves them."""
    folder = tmp_path_factory.mktemp("affarssystem")
    customers = ["Kundnr;Namn;Personnummer;E-post;Ort;Landskod;Skapad;Nyhetsbrev"]
    customers += [
        f"{n:05d};{SECRET} Öberg;811218-9876;kund{n}@{SECRET.lower()}.se;Malmö;SE;"
        f"2024-01-{n % 28 + 1:02d};Ja"
        for n in range(60)
    ]
    lines = ["Ordernr;Rad;Kundnr;Orderdatum;Artikelnr;Antal;Radbelopp"]
    lines += [
        f"{n // 2};{n % 2 + 1};{n % 60:05d};{n % 28 + 1:02d}/{n % 12 + 1:02d}/2025;A{n % 9};2;"
        f"{n},50"
        for n in range(200)
    ]
    for name, rows in (("Kunder_2026-01-31.csv", customers), ("Orderrader.csv", lines)):
        (folder / name).write_bytes(("\r\n".join(rows) + "\r\n").encode("cp1252"))
    return folder


@pytest.fixture(scope="module")
def proposal(swedish: Path) -> Proposal:
    """Return what is proposed for them."""
    return proposed(swedish)


def test_one_flat_file_of_sales_feeds_orders_and_lines(proposal: Proposal) -> None:
    lines = table_of(proposal, "Orderrader")
    assert lines.feeds == ["order_lines", "orders"]
    assert lines.key == ["ordernr", "rad"]
    assert (lines.delivery, lines.event_at) == ("delta", "orderdatum")
    assert lines.buyers_of is table_of(proposal, "Kunder")
    orders = next(text for name, text in proposal.files.items() if "staging/orders/" in name)
    assert "sum(t.radbelopp) as total_amount" in orders


def test_a_dated_name_becomes_a_pattern_that_finds_the_next_delivery(proposal: Proposal) -> None:
    assert table_of(proposal, "Kunder").glob.endswith("Kunder_*.csv")
    assert table_of(proposal, "Orderrader").glob.endswith("Orderrader.csv")


def test_a_newsletter_flag_becomes_consents_that_date_from_the_record(proposal: Proposal) -> None:
    assert table_of(proposal, "Kunder").feeds == ["customer_records", "consents"]


def test_no_value_of_a_person_stands_in_a_proposed_file(proposal: Proposal) -> None:
    texts = "\n".join([*proposal.files.values(), *proposal.unsure])
    assert SECRET.lower() not in texts.lower()
    assert "811218" not in texts


def test_the_proposed_contracts_load_every_row(proposal: Proposal, tmp_path: Path) -> None:
    assert sorted(loaded(proposal, tmp_path)) == [(60, 0, ""), (200, 0, "")]


def test_a_proposed_home_compiles_and_shows_nothing_of_a_person(
    swedish: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from rich.console import Console

    from cdp_pipeline.project import load_home_project
    from cdp_pipeline.settings import find_home

    propose_home(
        tmp_path / "home",
        [str(swedish)],
        country=None,
        currency=None,
        time_zone=None,
        reference=False,
        template=TEMPLATE,
        console=Console(width=200),
    )
    shown = capsys.readouterr().out
    assert SECRET.lower() not in shown.lower()
    home = find_home(tmp_path / "home")
    assert home.settings.country == "SE"
    assert load_home_project(home).tables["staging.orders"].files


def test_buyers_without_a_number_are_told_apart_by_a_hash_of_their_address(
    tmp_path: Path,
) -> None:
    header = "Name,Email,Paid at,Currency,Total,Lineitem quantity,Lineitem sku,Lineitem price"
    rows = [
        f"#{1000 + n},b{n % 9}@example.com,2025-03-{n % 28 + 1:02d} 10:00:00 +0100,SEK,"
        f"{n + 10}.00,1,SKU-{n % 5},{n + 10}.00"
        for n in range(60)
    ]
    (tmp_path / "orders_export.csv").write_text("\n".join([header, *rows]), encoding="utf-8")
    proposal = proposed(tmp_path / "orders_export.csv")
    assert set(table_of(proposal, "orders").feeds) == {"orders", "order_lines"}
    records = next(t for name, t in proposal.files.items() if "customer_records" in name)
    assert "left(md5(lower(trim(" in records
    assert "{drops email: hashed}" in records


def test_more_decimals_than_a_type_keeps_are_rounded_and_not_rejected(tmp_path: Path) -> None:
    rows = [f"C{n},a{n}@a.se,{n}.{'123456789' * 2}" for n in range(20)]
    text = "\n".join(["customer_id,email,income", *rows])
    (tmp_path / "customers.csv").write_text(text, encoding="utf-8")
    assert loaded(proposed(tmp_path / "customers.csv"), tmp_path) == [(20, 0, "")]


def test_several_files_of_one_table_are_one_contract_and_say_how_they_add_up(
    tmp_path: Path,
) -> None:
    for month in (1, 2, 3):
        rows = [f"{month}{n:03d},C{n:03d},2026-{month:02d}-05,9.50" for n in range(50)]
        text = "\n".join(["order_id,customer_id,order_date,amount", *rows])
        (tmp_path / f"orders_2026-{month:02d}.csv").write_text(text, encoding="utf-8")
    proposal = proposed(tmp_path)
    assert len(proposal.tables) == 1
    assert len(proposal.tables[0].files) == 3
    assert proposal.tables[0].delivery == "delta"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "orders.csv",
            "7001;C1;2026-05-04;12,50\n7002;C2;2026-05-05;9,00\n7003;C1;2026-05-19;3,10\n",
        ),
        (
            "orders.jsonl",
            "".join(
                f'{{"order_id": "{n}", "buyer": {{"email": "b{n % 3}@a.se"}}, "total": {n}.5e0,'
                f' "order_date": "2026-05-{n + 10}"}}\n'
                for n in range(9)
            ),
        ),
    ],
)
def test_files_without_a_header_and_json_lines_are_loaded_whole(
    tmp_path: Path, name: str, text: str
) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    rows = text.count("\n")
    assert loaded(proposed(tmp_path / name), tmp_path) == [(rows, 0, "")]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("empty.csv", b"", "is empty"),
        ("book.xlsx.csv", b"PK\x03\x04rest", "spreadsheet"),
        ("half.parquet", b"PAR1 and no more", "not a whole Parquet file"),
        ("packed.csv.gz", b"\x1f\x8b and rubbish", "broken gzip"),
        ("binary.csv", bytes(range(256)) * 9, "binary"),
    ],
)
def test_a_file_that_is_no_table_is_named_with_what_to_do(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SampleError, match=said) as caught:
        proposed(tmp_path / name)
    assert name in str(caught.value)
    assert caught.value.hint


def test_files_of_a_folder_that_are_no_tables_are_left_out_and_told(tmp_path: Path) -> None:
    folder = tmp_path / "exports"
    folder.mkdir()
    rows = [f"C{n},a{n}@a.se,2026-01-05" for n in range(20)]
    text = "\n".join(["customer_id,email,created", *rows])
    (folder / "customers.csv").write_text(text, encoding="utf-8")
    (folder / "book.csv").write_bytes(b"PK\x03\x04rest")
    (folder / "empty.csv").touch()
    (tmp_path / "outside.csv").write_text(text, encoding="utf-8")
    (folder / "linked.csv").symlink_to(tmp_path / "outside.csv")
    proposal = proposed(folder)
    assert [table.files[0].name for table in proposal.tables] == ["customers.csv"]
    assert [said.split("/")[-1].split(" ")[0] for said in proposal.skipped] == [
        "book.csv",
        "empty.csv",
    ]


def test_a_buyers_phone_is_no_key_of_sales(tmp_path: Path) -> None:
    rows = [f"{n // 2},+4670{1000000 + n},{n}.00,A{n % 7},2026-01-05" for n in range(60)]
    text = "\n".join(["order_id,phone,amount,sku,order_date", *rows])
    (tmp_path / "sales.csv").write_text(text, encoding="utf-8")
    assert table_of(proposed(tmp_path / "sales.csv"), "sales").key == ["order_id", "sku"]


def test_a_name_that_stands_for_nothing_is_told(tmp_path: Path) -> None:
    with pytest.raises(SampleError, match="stands for no file"):
        proposed(tmp_path / "nothing*.csv")


@pytest.mark.skipif("CDP_DATASETS" not in os.environ, reason="needs the data sets (CDP_DATASETS)")
@pytest.mark.parametrize(
    ("name", "least"), [("contoso", 0.9), ("fake_1000", 0.9), ("febrl3", 0.9), ("cdnow", 0.9)]
)
def test_nine_columns_in_ten_of_real_exports_are_right(name: str, least: float) -> None:
    from benchmarks.proposing import SHEETS, score_sheet

    right, total, wrong, _ = score_sheet(SHEETS / f"{name}.yml", Path(os.environ["CDP_DATASETS"]))
    assert right >= least * total, wrong


@pytest.mark.parametrize(
    ("discounts", "said"),
    [
        (("0", "0.05", "0.25"), "* (1 - coalesce(t.discount, 0))"),
        (("0.00", "5.50", "25.00"), "- coalesce(t.discount, 0)"),
    ],
)
def test_a_discount_is_a_share_of_the_price_or_an_amount(
    tmp_path: Path, discounts: tuple[str, ...], said: str
) -> None:
    rows = [
        f"{n // 2},P{n % 7},{n + 30}.50,2,{discounts[n % 3]},2026-01-{n % 28 + 1:02d},C{n % 9}"
        for n in range(60)
    ]
    header = "OrderID,ProductID,UnitPrice,Quantity,Discount,OrderDate,CustomerID"
    (tmp_path / "order_details.csv").write_text("\n".join([header, *rows]), encoding="utf-8")
    files = proposed(tmp_path / "order_details.csv").files
    assert said in next(text for name, text in files.items() if "order_lines" in name)


def test_amounts_without_a_sign_are_paid_back_where_the_quantity_is_negative(
    tmp_path: Path,
) -> None:
    # Such an export broke the rule that returns are negative, and nothing was published.
    rows = [f"{n},P{n % 7},{-1 if n % 9 == 0 else 1},{n}.00,2026-01-05,C1" for n in range(60)]
    header = "order_id,sku,quantity,total,order_date,customer_id"
    (tmp_path / "sales.csv").write_text("\n".join([header, *rows]), encoding="utf-8")
    files = proposed(tmp_path / "sales.csv").files
    orders = next(text for name, text in files.items() if "staging/orders/" in name)
    assert "case when t.quantity < 0 then -t.total else t.total end" in orders


def test_people_without_a_number_are_told_apart_by_their_whole_name(tmp_path: Path) -> None:
    # A family name alone happened to be unique in the sample.
    rows = [f"Ann{n % 5} Ek{n},Ann{n % 5},Ek{n},+4670{1000000 + n % 30}" for n in range(60)]
    text = "\n".join(["full_name,first_name,last_name,phone", *rows])
    (tmp_path / "contacts.csv").write_text(text, encoding="utf-8")
    assert table_of(proposed(tmp_path / "contacts.csv"), "contacts").key == ["full_name"]
