"""Snapshots, deltas, repeated, changed and refused files: which rows count, and the ledger."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from cdp_pipeline.ingest import deliveries_table, landed_state
from cdp_pipeline_tests.ingest.conftest import READER, Shop, ShopMaker

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
