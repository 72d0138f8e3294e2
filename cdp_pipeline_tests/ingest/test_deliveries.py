"""Snapshots, deltas, repeated, changed and refused files: which rows count, and the ledger."""

from __future__ import annotations

import datetime as dt
import gzip
import os
import random
from pathlib import Path

import pytest

from cdp_pipeline.errors import CdpError
from cdp_pipeline.ingest import (
    Aged,
    ContractError,
    deliveries_table,
    landed_state,
    load_contracts,
)
from cdp_pipeline_tests.ingest.conftest import HEADER, READER, Shop, ShopMaker

DELTA = "delivery: delta"


def _order(number: int | str, name: str = "Ada", amount: str = "1.00", rest: str = ",,no") -> str:
    return f"o{number},{name},1,{amount},{rest}"


def test_the_newest_snapshot_replaces_the_one_before(shop: Shop) -> None:
    shop.land_rows("orders_9.csv", _order(1), _order(2))
    shop.land_rows("orders_10.csv", _order(2, "Bo"))
    assert shop.rows("order_id, customer, _file") == [("o2", "Bo", "orders_10.csv")]


def test_a_snapshot_that_comes_again_is_the_newest(shop: Shop) -> None:
    shop.land_rows("orders_1.csv", _order(1))
    shop.land_rows("orders_2.csv", _order(2))
    shop.land_rows("orders_3.csv", _order(1))
    assert [d.status for d in shop.load().new] == ["loaded", "loaded", "already_loaded"]
    assert shop.rows("order_id") == [("o1",)]


def test_an_idle_load_does_nothing(shop: Shop) -> None:
    shop.land_rows("orders.csv", _order(1))
    before = shop.current()
    files = {path: path.stat().st_mtime_ns for path in shop.store.rglob("*.parquet")}
    assert shop.load().new == ()
    assert shop.current() == before
    assert files == {path: path.stat().st_mtime_ns for path in shop.store.rglob("*.parquet")}


def test_a_delta_upserts_by_key(make_shop: ShopMaker) -> None:
    shop = make_shop(DELTA)
    shop.land_rows("orders_1.csv", _order(1), _order(2), _order(3))
    shop.land_rows("orders_2.csv", _order(2, "Bo"), _order(4))
    shop.load()
    shop.land_rows("orders_0_late.csv", _order(2, "Cy"))
    assert shop.rows("order_id, customer") == [
        ("o1", "Ada"), ("o2", "Cy"), ("o3", "Ada"), ("o4", "Ada"),
    ]  # fmt: skip


def test_the_latest_change_wins_in_whatever_order_files_come(make_shop: ShopMaker) -> None:
    shop = make_shop(f"{DELTA}\nchanged_at: paid_at")
    shop.land_rows("orders_1.csv", _order(1, "new", rest=",2024-02-01,no"), _order(2))
    shop.load()
    shop.land_rows("orders_2.csv", _order(1, "old", rest=",2024-01-01,no"))
    assert shop.rows("order_id, customer") == [("o1", "new"), ("o2", "Ada")]


def test_rows_with_the_delete_marker_are_gone(make_shop: ShopMaker) -> None:
    shop = make_shop(f"{DELTA}\ndelete_marker: {{column: is_gift, equals: true}}")
    shop.land_rows("orders_1.csv", _order(1), _order(2, rest=",,"))
    shop.land_rows("orders_2.csv", _order(1, rest=",,yes"))
    assert shop.rows("order_id") == [("o2",)]
    shop.land_rows("orders_3.csv", _order(1))
    assert shop.rows("order_id") == [("o1",), ("o2",)]


def test_a_corrected_file_brings_rejected_rows_back(make_shop: ShopMaker) -> None:
    shop = make_shop(f"{DELTA}\nmax_rejected_share: 0.5")
    shop.land_rows("orders.csv", _order(1), _order(2, amount="x"))
    assert shop.rows("order_id") == [("o1",)]
    shop.land_rows("orders.csv", _order(1), _order(2, amount="2.00"))
    assert [d.status for d in shop.load().new] == ["loaded"]
    assert shop.rows("order_id") == [("o1",), ("o2",)]


def test_a_refused_delivery_leaves_the_last_good_data(shop: Shop) -> None:
    shop.land_rows("orders_1.csv", _order(1), _order(2))
    before = shop.current()
    shop.land_rows("orders_2.csv", _order(1, amount="x"), _order(2, amount="y"), _order(3))
    (refused,) = shop.load().new
    assert refused.reason == (
        "2 of 3 records are bad (67%, at most 20% are allowed):"
        " amount: not a number with at most 16 digits before the decimal sign '.'"
        " and 2 after it (2 records)"
    )
    assert (refused.rows_delivered, refused.rows_refused, refused.rows_loaded) == (3, 3, 0)
    assert shop.current() == before
    assert len(shop.rejected()) == 2


def test_a_changed_limit_lets_a_refused_delivery_in(make_shop: ShopMaker) -> None:
    shop = make_shop()
    shop.land_rows("orders.csv", _order(1), _order(2, amount="x"))
    assert shop.load_one().status == "refused"
    assert shop.load().new == ()
    shop = make_shop("max_rejected_share: 0.5")
    assert shop.load_one().status == "loaded"
    assert [d.status for d in shop.load().deliveries] == ["loaded"]


def test_a_changed_contract_reads_the_files_anew_in_their_old_order(make_shop: ShopMaker) -> None:
    shop = make_shop()
    shop.land_rows("orders_1.csv", _order(1, rest="2024-01-01,,no"))
    shop.load()
    shop.land_rows("orders_2.csv", _order(2, rest="2024-01-02,,no"))
    shop.load()
    columns = (
        '\n      order_id: {type: text, doc: "Number."}'
        '\n      ordered_on: {type: text, doc: "Day as text."}'
    )
    shop = make_shop("", columns)
    assert [d.sequence for d in shop.load().new] == [1, 2]
    assert shop.rows("order_id, ordered_on") == [("o2", "2024-01-02")]
    assert len(list(shop.store.rglob("*.parquet"))) == 2


def test_an_empty_snapshot_does_not_remove_everything(make_shop: ShopMaker) -> None:
    shop = make_shop()
    shop.land_rows("orders_1.csv", _order(1))
    shop.land_rows("orders_2.csv")
    assert [d.status for d in shop.load().new] == ["loaded", "refused"]
    assert len(shop.rows()) == 1
    shop = make_shop("allow_empty: true")
    assert shop.rows() == []


def test_a_snapshot_cut_short_at_a_line_end_is_refused_and_yesterdays_stays(
    make_shop: ShopMaker,
) -> None:
    shop = make_shop()
    shop.land_rows("orders_1.csv", *(_order(n) for n in range(1, 31)))
    shop.land_rows("orders_2.csv", *(_order(n) for n in range(1, 13)))
    cut = shop.load().new[1]
    assert (cut.status, cut.rows_refused) == ("refused", 12)
    assert "was it cut off?" in cut.reason
    assert len(shop.rows()) == 30
    shop = make_shop("max_shrink_share: 0.9")
    assert len(shop.rows()) == 12


def test_of_rows_with_one_key_the_latest_then_the_greatest_is_kept(make_shop: ShopMaker) -> None:
    shop = make_shop("changed_at: paid_at\nmax_rejected_share: 1")
    rows = [
        _order(1, "old", rest=",2024-01-01,no"),
        _order(1, "new", rest=",2024-01-02,no"),
        _order(2, "Ada"),
        _order(2, "Bo"),
        _order(3, "same"),
        _order(3, "same"),
    ]
    shop.land_rows("orders.csv", *rows)
    assert shop.rows("order_id, customer") == [("o1", "new"), ("o2", "Bo"), ("o3", "same")]
    assert [reason for _, _, reason in shop.rejected()] == [
        "duplicate key: another row with this key was kept",
        "duplicate key: another row with this key was kept",
        "duplicate key: the same row again",
    ]


def test_the_same_row_again_does_not_count_as_bad(shop: Shop) -> None:
    shop.land_rows("orders.csv", *[_order(1)] * 9)
    assert (shop.load_one().rows_loaded, len(shop.rejected())) == (1, 8)


@pytest.mark.parametrize("most", [0, 5_000])
def test_record_numbers_hold_however_rows_are_stored(
    make_shop: ShopMaker, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr("cdp_pipeline.ingest.judging._MOST_EXCEPTIONS", most)
    shop = make_shop("max_rejected_share: 1")
    rows = []
    for n in range(60):
        bad = {1: _order(n, amount="x"), 3: f"o{n},too,few", 4: _order(n) + ",many", 5: _order(0)}
        rows.append(bad.get(n % 7, _order(n)))
    shop.land_rows("orders.csv", *rows)
    good = [(n + 1, f"o{n}") for n in range(60) if n % 7 not in (1, 3, 4, 5)]
    # Rows with the key of the first one are equal, so the first is kept.
    assert shop.rows("_record_number, order_id") == good
    assert len(shop.rejected()) == 60 - len(good)


def test_the_order_of_rows_and_the_names_of_files_do_not_matter(make_shop: ShopMaker) -> None:
    rows = [_order(n % 20, f"name {n}", rest=f",2024-01-{n % 9 + 1:02d},no") for n in range(60)]
    contents = []
    for seed in (1, 2):
        shop = make_shop(f"{DELTA}\nchanged_at: paid_at\nmax_rejected_share: 1")
        for path in shop.landing.iterdir():
            path.unlink()
        for path in shop.store.rglob("*.*"):
            path.unlink()
        parts = [rows[start::3] for start in range(3)]
        random.Random(seed).shuffle(parts)
        for place, part in enumerate(parts):
            random.Random(seed).shuffle(part)
            shop.land_rows(f"orders_{place}.csv", *part)
        contents.append(shop.rows("* exclude (_delivery, _file, _record_number)"))
    assert contents[0] == contents[1]
    assert len(contents[0]) == 20


def test_the_content_hash_knows_content_and_not_names(make_shop: ShopMaker) -> None:
    shop = make_shop(DELTA)
    path = shop.land_rows("orders_1.csv", _order(1))
    first = shop.current().content_hash
    for file in shop.store.rglob("*.*"):
        file.unlink()
    path.rename(shop.landing / "orders_renamed.csv")
    assert shop.current().content_hash == first
    shop.land_rows("orders_renamed.csv", _order(2))
    assert shop.current().content_hash != first


def test_a_kill_leaves_nothing_that_counts(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    shop.land_rows("orders.csv", _order(1), _order(2, amount="x"), *map(_order, range(3, 9)))
    with monkeypatch.context() as patch:
        patch.setattr("cdp_pipeline.ingest.load.write_sidecar", killed)
        with pytest.raises(KeyboardInterrupt):
            shop.load()
    assert shop.load_one().rows_loaded == 7
    assert [p.suffix for p in shop.store.rglob("*.parquet")] == [".parquet"] * 2
    assert not list(shop.store.rglob("*.tmp"))
    assert not list((shop.folder / "spill").iterdir())


def test_half_written_files_wait(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.land_rows("orders.csv.part", _order(1))
    shop.land_rows("orders_1.csv", _order(1))
    states = iter(range(100))
    monkeypatch.setattr("cdp_pipeline.ingest.landing.file_state", lambda _: (next(states), 0, 0, 0))
    report = shop.load()
    assert report.new == ()
    assert [(f.name, f.status) for f in report.skipped] == [
        ("orders.csv.part", "unstable"),
        ("orders_1.csv", "unstable"),
    ]


def test_a_file_changed_while_loading_is_refused_and_loaded_later(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = shop.land_rows("orders.csv", _order(1))
    from cdp_pipeline.ingest import csv_files

    judge = csv_files.judge_rows

    def slow(*given: object) -> None:
        judge(*given)  # type: ignore[arg-type]
        shop.land_rows("orders.csv", _order(1), _order(2))

    with monkeypatch.context() as patch:
        patch.setattr(csv_files, "judge_rows", slow)
        assert "changed while it was being loaded" in shop.load_one().reason
    os.utime(path)
    assert shop.load_one().rows_loaded == 2


def test_the_ledger_accounts_for_every_record(make_shop: ShopMaker) -> None:
    shop = make_shop("max_rejected_share: 0.5")
    shop.land_rows("orders_1.csv", _order(1), _order(2, amount="x"))
    shop.land_rows("orders_2.csv", _order(1, amount="x"))
    shop.land_rows("orders_3.csv", _order(1), _order(2, amount="x"))
    ledger = {shop.contract.name: shop.load().deliveries}
    table = deliveries_table([shop.contract], ledger).sql
    assert READER.execute(
        "select file, status, is_current, rows_delivered, rows_loaded, rows_rejected,"
        f" rows_refused, rows_already_loaded from ({table}) order by sequence"
    ).fetchall() == [
        ("orders_1.csv", "loaded", True, 2, 1, 1, 0, 0),
        ("orders_2.csv", "refused", False, 1, 0, 0, 1, 0),
        ("orders_3.csv", "already_loaded", False, 2, 0, 0, 0, 2),
    ]
    empty = READER.execute(deliveries_table([], {}).sql)
    assert empty.fetchall() == []


def test_what_has_landed_is_seen_without_reading_it(shop: Shop) -> None:
    path = shop.land_rows("orders.csv", _order(1))
    state = landed_state([shop.contract], shop.landing)
    found = path.stat()
    assert state == {"sources.shop_orders:orders.csv": (found.st_size, found.st_mtime_ns)}


def test_a_variable_that_is_not_set_is_named(
    make_shop: ShopMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_SUCH_FOLDER", raising=False)
    shop = make_shop('files: "${NO_SUCH_FOLDER}/orders*.csv"')
    with pytest.raises(Exception, match=r"shop.yml:6.*NO_SUCH_FOLDER.*is not set"):
        shop.load()


def test_a_contract_may_name_a_folder_of_its_own(
    make_shop: ShopMaker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("EXPORTS", str(tmp_path / "exports"))
    shop = make_shop('files: "${EXPORTS}/shop/orders*.csv"')
    (tmp_path / "exports" / "shop").mkdir(parents=True)
    shop.land_rows("../exports/shop/orders.csv", _order(1))
    assert shop.rows("order_id, _file") == [("o1", "orders.csv")]


def test_a_renamed_table_goes_on_with_what_was_loaded(tmp_path: Path) -> None:
    maker = ShopMaker(tmp_path)
    shop = maker("max_rejected_share: 0.5")
    shop.land_rows("orders.csv", _order(1), _order(2, amount="x"))
    before = shop.current()
    contract = tmp_path / "sources" / "shop.yml"
    text = contract.read_text().replace("  orders:", "  purchases:\n    formerly: orders")
    contract.write_text(text.replace("system: shop", "system: webshop\nformerly: shop"))
    (renamed,) = load_contracts(tmp_path / "sources")
    shop = Shop(tmp_path, renamed)
    report = shop.load()
    assert report.new == ()
    assert [d.source_table for d in report.deliveries] == ["sources.webshop_purchases"]
    assert shop.rows("order_id") == [("o1",)]
    assert shop.rejected("source_table") == [("sources.webshop_purchases",)]
    assert shop.current().content_hash == before.content_hash


def test_a_former_name_that_is_still_used_is_refused(tmp_path: Path) -> None:
    ShopMaker(tmp_path)()
    (tmp_path / "sources" / "other.yml").write_text(
        (tmp_path / "sources" / "shop.yml")
        .read_text()
        .replace("system: shop", "system: webshop\nformerly: shop")
    )
    with pytest.raises(ContractError, match=r"other.yml:2.*sources.shop_orders is still declared"):
        load_contracts(tmp_path / "sources")


def test_rows_past_their_retention_are_left_out_and_counted(make_shop: ShopMaker) -> None:
    columns = """
      order_id: {type: text, doc: "Order number."}
      seen_on: {type: date, required: true, doc: "Day."}
"""
    shop = make_shop("retention: {days: 90, by: seen_on}", columns)
    rows = ["o1,2024-01-01", "o2,2024-03-31", "o3,2024-04-01", "o4,2024-06-30"]
    shop.land_rows("orders.csv", *rows, header="order_id,seen_on")
    current, (delivery,) = shop.current(), shop.load().deliveries
    aged = Aged.of(shop.contract, current, [delivery])

    def kept(day: str) -> list[str]:
        sql = aged.kept_on(dt.date.fromisoformat(day))
        return [
            row[0] for row in READER.execute(f"select order_id from ({sql}) order by 1").fetchall()
        ]

    assert kept("2024-06-30") == ["o3", "o4"]
    assert kept("2024-03-31") == ["o1", "o2", "o3", "o4"]
    past = READER.execute(aged.past_on(dt.date(2024, 6, 30))).fetchall()
    assert past == [(delivery.delivery, 2)]
    table = deliveries_table(
        [shop.contract], {shop.contract.name: [delivery]}, past_retention=dict(past)
    )
    assert READER.execute(
        f"select rows_delivered, rows_loaded, rows_past_retention from ({table.sql})"
    ).fetchall() == [(4, 4, 2)]


def test_a_retention_may_go_by_the_day_of_loading(make_shop: ShopMaker) -> None:
    shop = make_shop("retention: {days: 30, by: loaded}")
    shop.land_rows("orders.csv", _order(1))
    aged = Aged.of(shop.contract, shop.current(), shop.load().deliveries)
    today = dt.datetime.now(dt.UTC).date()
    for day, count in ((today, 1), (today + dt.timedelta(days=31), 0)):
        found = READER.execute(f"select count(*) from ({aged.kept_on(day)})").fetchall()
        assert found == [(count,)]


def test_a_snapshot_whose_name_is_not_the_newest_is_pointed_out(shop: Shop) -> None:
    old = shop.land_rows("orders_31.12.2023.csv", _order(1))
    shop.land_rows("orders_30.01.2024.csv", _order(2))
    os.utime(old, (1_704_000_000, 1_704_000_000))
    assert shop.load().warnings == (
        "orders_31.12.2023.csv counts as the newest snapshot by its name, but"
        " orders_30.01.2024.csv was written later. Put the day into names as 2026-09-30.",
    )
    shop.land_rows("orders_01.01.2024.csv", _order(3))
    (warning,) = shop.load().warnings
    assert warning.startswith("orders_01.01.2024.csv landed after orders_31.12.2023.csv and counts")


def test_a_file_that_vanishes_while_it_is_read_is_skipped(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = shop.land_rows("orders.csv", _order(1))
    from cdp_pipeline.ingest.text_files import prepare

    def slow(*given: object, **named: object) -> object:
        path.unlink()
        return prepare(*given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr("cdp_pipeline.ingest.csv_files.prepare", slow)
    report = shop.load()
    assert report.new == ()
    assert [(f.name, f.status, f.reason) for f in report.skipped] == [
        ("orders.csv", "unstable", "it changed or was removed while it was read")
    ]
    assert not list(shop.store.rglob("*.tmp"))


def test_a_file_that_may_not_be_read_is_skipped_and_said(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.land_rows("orders.csv", _order(1))

    def refused(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr("cdp_pipeline.ingest.landing.hashlib.file_digest", refused)
    assert [f.reason for f in shop.load().skipped] == ["there is no permission to read it"]


def test_a_folder_named_like_a_file_is_said_and_not_opened(make_shop: ShopMaker) -> None:
    shop = make_shop('files: "orders*.csv"')
    (shop.landing / "orders.csv").mkdir()
    report = shop.load()
    assert [(f.name, f.status, f.reason) for f in report.skipped] == [
        ("orders.csv", "outside", "a folder")
    ]


def test_a_full_disk_is_no_fault_of_the_file(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("cdp_pipeline.ingest.csv_files.write_rows", full)
    shop.land_rows("orders.csv", _order(1))
    with pytest.raises(CdpError, match="Is the disk full"):
        shop.load()
    monkeypatch.undo()
    assert shop.load_one().status == "loaded"


def test_versions_of_a_row_in_one_delta_are_no_mistakes(make_shop: ShopMaker) -> None:
    # A log of changes was refused: half of its rows were versions that later rows replaced.
    shop = make_shop(
        'delivery: delta\nchanged_at: paid_at\ndelete_marker: {column: is_gift, equals: "true"}'
    )

    def version(order: str, pieces: int, hour: int, gone: str = "no") -> str:
        return f"{order},Ada,{pieces},2.50,2024-01-01,2024-01-01 {hour:02d}:00:00,{gone}"

    shop.land_rows("orders_1.csv", version("o1", 1, 8), version("o2", 1, 8))
    shop.load()
    shop.land_rows(
        "orders_2.csv",
        *(version("o1", 2, 10, "yes"), version("o1", 3, 11), version("o1", 1, 9)),
        *(version("o2", 5, 9), version("o2", 5, 10, "yes")),
    )
    delivery = shop.load_one()
    assert (delivery.status, delivery.rows_loaded, delivery.rows_rejected) == ("loaded", 2, 3)
    assert shop.rows("order_id, pieces") == [("o1", 3)]
    assert {row[2] for row in shop.rejected()} == {
        "duplicate key: a row with a later paid_at was kept"
    }


def test_rows_that_repeat_a_key_in_a_delta_ask_for_what_tells_the_newest(
    make_shop: ShopMaker,
) -> None:
    shop = make_shop("delivery: delta\nmax_rejected_share: 0.5")
    shop.land_rows("orders.csv", _order(1), _order(1).replace("Ada", "Bo"))
    assert shop.load_one().rows_rejected == 1
    ((hint,),) = shop.rejected("repair_hint")
    assert "changed_at" in hint


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (("\n".join([HEADER, *map(_order, range(9))]) + "\n").encode("utf-16"), 9),
        ("\n".join([HEADER, *map(_order, range(9))]).encode("utf-16-le")[:-1], 9),
        (gzip.compress("\n".join([HEADER, *map(_order, range(9))]).encode()) + b"more", 9),
        (b"PK\x03\x04 no table", 0),
    ],
)
def test_the_records_of_a_file_that_cannot_be_read_are_counted_by_its_lines(
    shop: Shop, content: bytes, lines: int
) -> None:
    shop.land("orders.csv", content)
    delivery = shop.load_one()
    assert (delivery.status, delivery.rows_refused) == ("refused", lines)


def test_records_that_an_unclosed_quote_swallowed_are_counted(shop: Shop) -> None:
    rows = [_order(number) for number in range(20)]
    rows[3] = rows[3].replace("Ada", '"Ada')
    rows[9] = rows[9].replace("Ada", 'Ada"')
    shop.land_rows("orders.csv", *rows)
    delivery = shop.load_one()
    assert "a quote is not closed" in delivery.reason
    assert delivery.rows_refused == 20


def test_a_name_that_would_steer_a_terminal_is_written_out(shop: Shop) -> None:
    shop.land_rows("orders\x1b[31m\n\x07.csv", _order(1))
    assert shop.load_one().file == "orders\\x1b[31m\\n\\x07.csv"
