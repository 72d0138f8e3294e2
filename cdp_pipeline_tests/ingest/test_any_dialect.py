"""A second corpus: exports in any dialect, damaged after they were written.

Beside the accounting, what is loaded is compared with what was written: a record that the damage
did not touch loads with its very values, or not at all.
"""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import io
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

import pyarrow as pa
import pytest

from cdp_pipeline_tests.ingest.conftest import HEADER, Shop, ShopMaker
from cdp_pipeline_tests.ingest.test_fuzz import CANARY, SEEDS, _check

COUNT = 25
_NAMES = [CANARY, f"{CANARY} Åsa", f"{CANARY}, the 2nd", f'{CANARY} "Kim"', f"{CANARY}\nline two"]

_QUOTING = [csv.QUOTE_MINIMAL, csv.QUOTE_ALL]

Row = tuple[object, ...]


@dataclass(frozen=True)
class Dialect:
    """How a file is written, and the contract's fields that say so."""

    delimiter: str
    encoding: str
    line_end: str
    decimal: str
    packing: str
    quoting: int

    @classmethod
    def any(cls, random: random.Random) -> Dialect:
        decimal = random.choice([".", ","])
        line_end = random.choice(["\n", "\r\n", "\r"])
        return cls(
            random.choice([";", "\t", "|"] if decimal == "," else [",", ";", "\t", "|"]),
            random.choice(["utf-8", "utf-8-sig", "utf-16", "cp1252", "latin-1"]),
            line_end,
            decimal,
            random.choice(["none", "none", "gzip", "zstd"]),
            # Python does not quote an LF where lines end in CR.
            csv.QUOTE_ALL if line_end == "\r" else random.choice(_QUOTING),
        )

    def fields(self) -> str:
        delimiter = "\\t" if self.delimiter == "\t" else self.delimiter
        encoding = self.encoding.removesuffix("-sig")
        return f'delimiter: "{delimiter}"\nencoding: {encoding}\ndecimal: "{self.decimal}"'

    def text(self, rows: list[Row]) -> str:
        out = io.StringIO()
        writer = csv.writer(
            out, delimiter=self.delimiter, quoting=self.quoting, lineterminator=self.line_end
        )
        writer.writerow(HEADER.split(","))
        writer.writerows([self._written(value) for value in row] for row in rows)
        return out.getvalue()

    def _written(self, value: object) -> str:
        if isinstance(value, Decimal):
            return str(value).replace(".", self.decimal)
        if isinstance(value, bool):
            return "yes" if value else "no"
        return "" if value is None else str(value)

    def encoded(self, text: str) -> bytes:
        return text.encode(self.encoding)

    def packed(self, content: bytes) -> bytes:
        if self.packing == "gzip":
            return gzip.compress(content)
        if self.packing == "zstd":
            packed: bytes = pa.compress(content, "zstd", asbytes=True)
            return packed
        return content


def _rows(random: random.Random) -> list[Row]:
    moment = dt.datetime(2024, 1, 1, 12)  # noqa: DTZ001  the contract says which zone is meant
    return [
        (
            f"o{number:03d}",
            random.choice(_NAMES),
            random.choice([None, random.randrange(-99, 99)]),
            Decimal(random.randrange(1, 9_999_999)) / 100,
            dt.date(2024, 1, 1) + dt.timedelta(days=number),
            moment + dt.timedelta(days=number),
            random.random() < 0.5,
        )
        for number in range(COUNT)
    ]


def _loaded(rows: list[Row]) -> dict[str, Row]:
    """Return rows as they are loaded, by order: in UTC, winter hours off Stockholm's."""
    hours = {m: 2 if 3 < m < 10 else 1 for m in range(1, 13)}
    return {
        str(row[0]): (*row[:5], row[5] - dt.timedelta(hours=hours[row[5].month]), row[6])  # type: ignore[attr-defined, operator]
        for row in rows
    }


def _cut(random: random.Random, content: bytes) -> bytes:
    return content[: random.randrange(len(content))]


def _removed(random: random.Random, content: bytes) -> bytes:
    at = random.randrange(len(content))
    return content[:at] + content[at + random.randrange(1, 60) :]


def _repeated(random: random.Random, content: bytes) -> bytes:
    at = random.randrange(len(content))
    return content[:at] + content[max(0, at - random.randrange(1, 200)) :]


def _put(what: bytes) -> Callable[[random.Random, bytes], bytes]:
    def change(random: random.Random, content: bytes) -> bytes:
        at = random.randrange(len(content))
        return content[:at] + what + content[at:]

    return change


def _flipped(random: random.Random, content: bytes) -> bytes:
    made = bytearray(content)
    made[random.randrange(len(made))] ^= 1 << random.randrange(8)
    return bytes(made)


DAMAGE: dict[str, Callable[[random.Random, bytes], bytes]] = {
    "none": lambda _, content: content,
    "cut": _cut,
    "removed": _removed,
    "repeated": _repeated,
    "a bit flipped": _flipped,
    "a quote put in": _put(b'"'),
    "NUL bytes put in": _put(b"\0\0\0"),
    "half a character put in": _put(b"\xc3"),
    "a mark put in": _put(b"\xef\xbb\xbf"),
    "line ends put in": _put(b"\r\n\r\r\n"),
    "the end of a DOS file": lambda _, content: content + b"\x1a",
    "zeros behind": lambda _, content: content + b"\0" * 4096,
    "another table behind": lambda _, content: content + b"\r\nid,total\r\n1,2\r\n",
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("where", ["the text", "the file"])
def test_what_damage_did_not_touch_loads_as_written_or_not_at_all(
    make_shop: ShopMaker, damage: str, where: str
) -> None:
    for seed in range(SEEDS):
        made = random.Random(f"{damage}{where}{seed}")
        dialect, rows = Dialect.any(made), _rows(made)
        content = dialect.encoded(dialect.text(rows))
        if where == "the text":
            content = dialect.packed(DAMAGE[damage](made, content))
        else:
            content = DAMAGE[damage](made, dialect.packed(content))
        shop = make_shop(f"max_rejected_share: 1\nkey: [order_id]\n{dialect.fields()}")
        shop.land("orders.csv", content)
        for delivery in shop.load().new:
            _check(shop, delivery)
            if damage == "none":
                assert (delivery.status, delivery.rows_loaded) == ("loaded", COUNT), delivery
            if delivery.status == "loaded":
                gone = {drift.column for drift in delivery.drift}
                _compare(shop, rows, gone, is_exact=damage in ("none", "cut"))
        shutil.rmtree(shop.store)


def _compare(shop: Shop, written: list[Row], gone: set[str], *, is_exact: bool) -> None:
    """Check that at most the records around one damaged place differ from what was written.

    A column whose name was damaged is null everywhere, and said to be missing.
    """
    names = HEADER.split(",")
    right = {
        order: tuple(None if n in gone else v for n, v in zip(names, row, strict=True))
        for order, row in _loaded(written).items()
    }
    found = {str(row[0]): row for row in shop.rows(", ".join(names))}
    differing = [order for order, row in found.items() if right.get(order) != row]
    # The last record of a file that was cut may end early without looking so.
    assert len(differing) <= (1 if is_exact else 3), [
        (found[o], right.get(o)) for o in differing[:5]
    ]
