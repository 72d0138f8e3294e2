"""Broken deliveries, made by a seeded fuzzer: nothing crashes, and no record is lost uncounted."""

from __future__ import annotations

import gzip
import io
import json
import os
import random
import re
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cdp_pipeline.errors import CdpError
from cdp_pipeline.ingest import Delivery, deliveries_table, rejected_table
from cdp_pipeline_tests.ingest.conftest import HEADER, READER, Shop, ShopMaker

SEEDS = int(os.environ.get("CDP_FUZZ_SEEDS", "6"))
"""Deliveries per fault; more for a longer search."""

CANARY = "Canaryson"
"""Stands in every record as the customer's name; no message may hold it."""


def _lines(random: random.Random, count: int = 40) -> list[str]:
    lines = [HEADER]
    for number in range(count):
        name = random.choice(
            [CANARY, f'"{CANARY}, Åsa"', f'"{CANARY}\nsecond line"', f'"""{CANARY}"']
        )
        lines.append(
            f"o{number},{name},{number % 5},{number}.50,2024-01-{number % 28 + 1:02d},,yes"
        )
    return lines


def _csv(random: random.Random) -> bytes:
    return ("\n".join(_lines(random)) + "\n").encode()


def _mutated(random: random.Random, change: Callable[[random.Random, list[str]], None]) -> bytes:
    lines = _lines(random)
    change(random, lines)
    return ("\n".join(lines) + "\n").encode()


def _set(value: str, column: int) -> Callable[[random.Random, list[str]], None]:
    def change(random: random.Random, lines: list[str]) -> None:
        for at in random.sample(range(1, len(lines)), 3):
            parts = re.split(r",(?=(?:[^\"]*\"[^\"]*\")*[^\"]*$)", lines[at])
            parts[column] = value
            lines[at] = ",".join(parts)

    return change


def _line(edit: Callable[[str], str]) -> Callable[[random.Random, list[str]], None]:
    def change(random: random.Random, lines: list[str]) -> None:
        at = random.randrange(1, len(lines))
        lines[at] = edit(lines[at])

    return change


def _inserted(random: random.Random, what: bytes) -> bytes:
    content = _csv(random)
    at = random.randrange(len(content))
    return content[:at] + what + content[at:]


def _flipped(random: random.Random) -> bytes:
    content = bytearray(_csv(random))
    for _ in range(random.randrange(1, 20)):
        content[random.randrange(len(content))] = random.randrange(256)
    return bytes(content)


def _truncated(random: random.Random) -> bytes:
    content = _csv(random)
    return content[: random.randrange(len(content))]


def _mixed_line_ends(random: random.Random) -> bytes:
    return b"".join(
        line.encode() + random.choice([b"\n", b"\r\n", b"\r", b"\n\n"]) for line in _lines(random)
    )


def _cut_gzip(random: random.Random) -> bytes:
    packed = gzip.compress(_csv(random))
    return packed[: random.randrange(2, len(packed))]


def _damaged_bytes(random: random.Random, packed: bytes) -> bytes:
    content = bytearray(packed)
    for _ in range(random.randrange(1, 5)):
        content[random.randrange(4, len(content))] = random.randrange(256)
    return bytes(content)


def _zip(random: random.Random, content: bytes = b"") -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../orders.csv", content or _csv(random))
    return sink.getvalue()


CSV_FAULTS: dict[str, Callable[[random.Random], bytes]] = {
    "whole": _csv,
    "truncated": _truncated,
    "bytes flipped": _flipped,
    "NUL bytes": lambda r: _inserted(r, b"\0" * r.randrange(1, 5)),
    "quote": lambda r: _inserted(r, b'"'),
    "delimiter": lambda r: _inserted(r, b","),
    "line end": lambda r: _inserted(r, r.choice([b"\n", b"\r\n", b"\r"])),
    "bad utf-8": lambda r: _inserted(r, b"\xe5\xff"),
    "latin-1": lambda r: _csv(r).decode().encode("latin-1"),
    "utf-16": lambda r: _csv(r).decode().encode("utf-16"),
    "byte order mark": lambda r: b"\xef\xbb\xbf" + _csv(r),
    "mixed line ends": _mixed_line_ends,
    "empty": lambda _: b"",
    "only line ends": lambda r: b"\r\n" * r.randrange(1, 9),
    "header only": lambda r: HEADER.encode() + r.choice([b"", b"\n", b"\r\n"]),
    "binary": lambda r: r.randbytes(500),
    "duplicate header": lambda r: _csv(r).replace(b"pieces", b"amount", 1),
    "no header": lambda r: b"\n".join(_csv(r).split(b"\n")[1:]),
    "huge field": lambda r: _mutated(r, _set("x" * 3_000_000, 1)),
    "text as number": lambda r: _mutated(r, _set(CANARY, 3)),
    "fraction as integer": lambda r: _mutated(r, _set("1.5", 2)),
    "no such date": lambda r: _mutated(r, _set("2024-02-30", 4)),
    "infinity": lambda r: _mutated(r, _set("infinity", r.choice([2, 3, 4, 5]))),
    "huge number": lambda r: _mutated(r, _set("9" * 60, r.choice([2, 3]))),
    "formula": lambda r: _mutated(r, _set("=cmd|' /C calc'!A0", r.choice([0, 1, 3]))),
    "sql": lambda r: _mutated(r, _set("'; drop table orders; --", r.choice([0, 1, 4]))),
    "too few": lambda r: _mutated(r, _line(lambda line: line.split(",")[0])),
    "too many": lambda r: _mutated(r, _line(lambda line: line + ",more,and more")),
    "duplicate rows": lambda r: _csv(r) + b"".join(_csv(r).splitlines(keepends=True)[1:9]),
    "gzip": lambda r: gzip.compress(_csv(r)),
    "cut gzip": _cut_gzip,
    "gzip bomb": lambda r: gzip.compress(_csv(r) + b"\n" * 3_000_000),
    "html": lambda r: b"<html><body>" + CANARY.encode() + b"</body></html>" * r.randrange(1, 9),
    "unclosed quote": lambda r: _mutated(r, _line(lambda line: line.replace(",", ',"', 1))),
    "semicolons": lambda r: _csv(r).replace(b",", b";"),
    "utf-16 odd bytes": lambda r: _csv(r).decode().encode("utf-16")[: -r.randrange(1, 9)],
    "utf-16 NUL first": lambda r: b"\0" + _csv(r).decode().encode("utf-16-be"),
    "utf-32": lambda r: _csv(r).decode().encode("utf-32"),
    "10 MB field": lambda r: _mutated(r, _set('"' + "x\n" * 5_000_000 + '"', 1)),
    "header of 2 MB": lambda r: _csv(r).replace(b"pieces", b"p" * 2_000_000, 1),
    "line end lost after the header": lambda r: _csv(r).replace(b"\n", r.choice([b"", b","]), 1),
    "rotated": lambda r: (lambda c, at: c[at:] + c[:at])(_csv(r), r.randrange(900)),
    "twice": lambda r: _csv(r)[: r.randrange(900)] + _csv(r),
    "damaged gzip": lambda r: _damaged_bytes(r, gzip.compress(_csv(r))),
    "damaged zstd": lambda r: _damaged_bytes(r, pa.compress(_csv(r), "zstd", asbytes=True)),
    "cut zstd": lambda r: pa.compress(_csv(r), "zstd", asbytes=True)[: r.randrange(4, 90)],
    "gzip in gzip": lambda r: gzip.compress(gzip.compress(_csv(r))),
    "gzip of two": lambda r: gzip.compress(_csv(r)) + gzip.compress(b"o99,x,1,2.50,,,\n"),
    "zip": _zip,
    "zip bomb": lambda r: _zip(r, b"\0" * 50_000_000),
    "zstd bomb": lambda r: pa.compress(_csv(r) + b"\n" * 3_000_000, "zstd", asbytes=True),
    "formula text": lambda r: _mutated(r, _set('="' + CANARY + '"', r.choice([0, 1, 3]))),
    "json": lambda r: b'{"order_id": "' + CANARY.encode() + b'"}\n' * r.randrange(1, 9),
}


SLOW = ("huge field", "gzip bomb", "zstd bomb", "zip bomb", "10 MB field", "header of 2 MB")


def _table(random: random.Random) -> pa.Table:
    count = random.randrange(1, 30)
    return pa.table(
        {
            "order_id": [f"o{n}" for n in range(count)],
            "customer": [CANARY] * count,
            "pieces": list(range(count)),
            "amount": [n + 0.5 for n in range(count)],
        }
    )


def _parquet(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def _other_column(random: random.Random, name: str, values: Callable[[int], object]) -> bytes:
    table = _table(random)
    place = table.schema.get_field_index(name)
    column = pa.array([values(n) for n in range(len(table))])
    return _parquet(table.set_column(place, name, column))


def _damaged(random: random.Random) -> bytes:
    content = bytearray(_parquet(_table(random)))
    for _ in range(random.randrange(1, 30)):
        content[random.randrange(4, len(content) - 8)] = random.randrange(256)
    return bytes(content)


PARQUET_FAULTS: dict[str, Callable[[random.Random], bytes]] = {
    "whole": lambda r: _parquet(_table(r)),
    "cut": lambda r: _parquet(_table(r))[: r.randrange(300)],
    "damaged": _damaged,
    "empty": lambda _: b"",
    "csv": _csv,
    "text in a number": lambda r: _other_column(r, "pieces", lambda n: CANARY if n else "1"),
    "numbers as text": lambda r: _other_column(r, "amount", lambda n: f"{n}.25"),
    "lists": lambda r: _other_column(r, "amount", lambda n: [n]),
    "structs": lambda r: _other_column(r, "customer", lambda _: {"name": CANARY}),
    "bytes": lambda r: _other_column(r, "customer", lambda _: b"\xff" + CANARY.encode()),
    "not a number": lambda r: _other_column(r, "amount", lambda n: float("nan") if n % 2 else 1.0),
    "infinite": lambda r: _other_column(r, "amount", lambda n: float("inf") if n == 3 else 1.0),
    "fractions": lambda r: _other_column(r, "pieces", lambda n: n + 0.5),
    "nulls in the key": lambda r: _other_column(r, "order_id", lambda n: None if n % 9 else "o"),
    "no column": lambda r: _parquet(_table(r).drop_columns(["amount"])),
    "no rows": lambda r: _parquet(_table(r).slice(0, 0)),
}


def _check(shop: Shop, delivery: Delivery) -> None:
    """Check the row accounting, and that no message holds a value."""
    if delivery.status == "loaded":
        assert delivery.rows_delivered == delivery.rows_loaded + delivery.rows_rejected
    else:
        assert delivery.status == "refused"
        assert delivery.reason
        assert delivery.hint
    ledger = {shop.contract.name: [delivery]}
    rejected = rejected_table([shop.contract], ledger, store=shop.store).sql
    numbers = [
        number for (number,) in READER.execute(f"select record_number from ({rejected})").fetchall()
    ]
    assert len(numbers) == len(set(numbers))
    if delivery.status == "loaded":
        assert len(numbers) == delivery.rows_rejected
        loaded = [row[0] for row in shop.rows("_record_number")]
        assert sorted([*loaded, *numbers]) == list(range(1, delivery.rows_delivered + 1))
    entries = deliveries_table([shop.contract], ledger).sql
    messages = READER.execute(
        f"select concat_ws(' ', reason, hint, drift) from ({entries})"
        f" union all select concat_ws(' ', column_name, reason, repair_hint) from ({rejected})"
    ).fetchall()
    assert not any(CANARY in message for (message,) in messages)


@pytest.mark.parametrize("fault", CSV_FAULTS)
def test_a_broken_csv_is_accounted_for(
    make_shop: ShopMaker, fault: str, capfd: pytest.CaptureFixture[str]
) -> None:
    shop = make_shop("max_rejected_share: 0.5")
    for seed in range(SEEDS if fault not in SLOW else 1):
        made = random.Random(f"{fault}{seed}")
        path = shop.land(f"orders_{seed}.csv", CSV_FAULTS[fault](made))
        for delivery in shop.load().new:
            if delivery.status != "already_loaded":
                _check(shop, delivery)
        path.unlink()
    assert CANARY not in "".join(capfd.readouterr())


@pytest.mark.parametrize("fault", PARQUET_FAULTS)
def test_a_broken_parquet_file_is_accounted_for(make_shop: ShopMaker, fault: str) -> None:
    shop = make_shop("format: parquet")
    for seed in range(SEEDS):
        made = random.Random(f"{fault}{seed}")
        path = shop.land(f"orders_{seed}.parquet", PARQUET_FAULTS[fault](made))
        for delivery in shop.load().new:
            if delivery.status != "already_loaded":
                _check(shop, delivery)
        path.unlink()


def _objects(random: random.Random) -> list[str]:
    return [
        json.dumps({"order_id": f"o{n}", "customer": CANARY, "amount": n + 0.5, "pieces": n % 5})
        for n in range(random.randrange(1, 40))
    ]


def _broken_line(random: random.Random, broken: str) -> bytes:
    lines = _objects(random)
    lines.insert(random.randrange(len(lines) + 1), broken)
    return "\n".join(lines).encode("utf-8", "surrogatepass")


JSON_FAULTS: dict[str, Callable[[random.Random], bytes]] = {
    "whole": lambda r: "\n".join(_objects(r)).encode(),
    "cut": lambda r: "\n".join(_objects(r)).encode()[: r.randrange(400)],
    "bytes flipped": lambda r: _damaged_bytes(r, "\n".join(_objects(r)).encode()),
    "half a line": lambda r: _broken_line(r, '{"order_id": "' + CANARY),
    "list": lambda r: _broken_line(r, f'["{CANARY}"]'),
    "two in a line": lambda r: _broken_line(r, "{}{}"),
    "deep": lambda r: _broken_line(r, '{"a":' * 5_000),
    "deep and closed": lambda r: _broken_line(r, '{"a":' * 5_000 + "1" + "}" * 5_000),
    "lone surrogate": lambda r: _broken_line(r, '{"order_id": "\\ud800", "amount": 1}'),
    "raw surrogate": lambda r: _broken_line(r, '{"order_id": "\ud800", "amount": 1}'),
    "escaped NUL": lambda r: _broken_line(r, '{"order_id": "a\\u0000", "amount": 1}'),
    "NUL": lambda r: _broken_line(r, '{"order_id": "a\0", "amount": 1}'),
    "control character": lambda r: _broken_line(r, '{"order_id": "a\x1fb", "amount": 1}'),
    "nested where flat": lambda r: _broken_line(
        r, '{"order_id": {"a": "' + CANARY + '"}, "amount": [1]}'
    ),
    "same key twice": lambda r: _broken_line(r, '{"order_id": "x", "order_id": "y", "amount": 1}'),
    "odd keys": lambda r: _broken_line(r, '{"": 1, "a/b~c": 2, "\'; drop": 3, "order_id": "z"}'),
    "empty": lambda _: b"",
    "csv": _csv,
    "one list": lambda r: ("[" + ",".join(_objects(r)) + "]").encode(),
    "several lines": lambda r: json.dumps(json.loads(_objects(r)[0]), indent=1).encode(),
    "cut gzip": lambda r: gzip.compress("\n".join(_objects(r)).encode())[: r.randrange(5, 90)],
}


@pytest.mark.parametrize("fault", JSON_FAULTS)
def test_a_broken_json_lines_file_is_accounted_for(make_shop: ShopMaker, fault: str) -> None:
    shop = make_shop("format: jsonl\nmax_rejected_share: 0.5")
    for seed in range(SEEDS):
        made = random.Random(f"{fault}{seed}")
        path = shop.land(f"orders_{seed}.jsonl", JSON_FAULTS[fault](made))
        for delivery in shop.load().new:
            if delivery.status != "already_loaded":
                _check(shop, delivery)
        path.unlink()


DIALECTS = [
    'escape: "\\\\"', "header: false", "skip_rows: 1", 'comment: "#"', "footer: o39",
    "encoding: utf-16", "encoding: latin-1", "encoding: cp1252", 'quote: ""', "compression: gzip",
    'decimal: ","\nthousands: " "', "numbers: [exponent, trailing_minus, parentheses]",
]  # fmt: skip


@pytest.mark.parametrize("dialect", DIALECTS)
def test_any_dialect_meets_any_fault(make_shop: ShopMaker, dialect: str) -> None:
    shop = make_shop(f"max_rejected_share: 0.5\n{dialect}")
    made = random.Random(dialect)
    packed = ["cut zstd", "cut gzip", "damaged gzip"]
    others = sorted(set(CSV_FAULTS) - set(SLOW) - set(packed))
    for fault in [*packed, *made.sample(others, 2 * SEEDS)]:
        path = shop.land(f"orders {fault}.csv", CSV_FAULTS[fault](made))
        for delivery in shop.load().new:
            if delivery.status != "already_loaded":
                _check(shop, delivery)
        path.unlink()


def test_truncation_at_any_byte_is_accounted_for(make_shop: ShopMaker) -> None:
    shop = make_shop()
    whole = ("\n".join(_lines(random.Random(1), 3)) + "\n").encode()
    for length in range(0, len(whole), max(1, 30 // SEEDS)):
        path = shop.land(f"orders_{length}.csv", whole[:length])
        for delivery in shop.load().new:
            _check(shop, delivery)
        path.unlink()
        shutil.rmtree(shop.store)


NAMES = [
    "orders'; drop table x; --.csv",
    "orders[1]*.csv",
    "orders åäö.csv",
    'orders".csv',
    "orders\\n.csv",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_file_name_is_only_a_name(shop: Shop, name: str) -> None:
    shop.land_rows(name, "o1,Ada,1,2.50,2024-01-01,,no")
    assert shop.load_one().rows_loaded == 1
    assert shop.rows("_file") == [(name,)]


def test_nothing_outside_the_landing_folder_is_read(shop: Shop, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text(f"{HEADER}\no1,{CANARY},1,2.50,2024-01-01,,no\n", encoding="utf-8")
    (shop.landing / "orders.csv").symlink_to(secret)
    (shop.landing / "orders_loop.csv").symlink_to(shop.landing / "orders_loop.csv")
    report = shop.load()
    assert report.new == ()
    assert [file.status for file in report.skipped] == ["outside", "outside"]
    assert shop.rows() == []


def test_an_error_of_the_machine_has_no_value_in_it(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_memory(*_: object, **__: object) -> None:
        raise duckdb.OutOfMemoryException(f"could not allocate for {CANARY}")

    monkeypatch.setattr("cdp_pipeline.ingest.csv_files.write_rows", no_memory)
    shop.land_rows("orders.csv", f"o1,{CANARY},1,2.50,2024-01-01,,no")
    with pytest.raises(CdpError) as error:
        shop.load()
    assert CANARY not in str(error.value)
