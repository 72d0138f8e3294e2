"""The same facts give the same bytes, however they are delivered and whatever runs them."""

from __future__ import annotations

import codecs
import csv
import io
import random
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from cdp_pipeline_tests.homes import DemoHome, make_home

pytestmark = pytest.mark.slow


def shuffled_copy(landing: Path, target: Path, seed: int) -> None:
    """Copy a landing folder with the rows of each file shuffled and each file renamed."""
    chance = random.Random(seed)
    for file in sorted(landing.rglob("*")):
        if not file.is_file():
            continue
        renamed = target / file.relative_to(landing).parent / f"{file.stem}_renamed{file.suffix}"
        renamed.parent.mkdir(parents=True, exist_ok=True)
        if file.suffix == ".parquet":
            table = pq.read_table(file)
            order = list(range(table.num_rows))
            chance.shuffle(order)
            pq.write_table(table.take(order), renamed)
            continue
        content = file.read_bytes()
        if content.startswith(codecs.BOM_UTF16_LE):  # a line break takes two bytes there
            mixed = shuffled_records(content.decode("utf-16").encode(), chance).decode()
            renamed.write_bytes(codecs.BOM_UTF16_LE + mixed.encode("utf-16-le"))
            continue
        renamed.write_bytes(shuffled_records(content, chance))


def shuffled_records(content: bytes, chance: random.Random) -> bytes:
    """Shuffle the records of a CSV file; a quoted line break stays inside its record."""
    records: list[bytes] = []
    for line in io.BytesIO(content):
        if records and records[-1].count(b'"') % 2:
            records[-1] += line
        else:
            records.append(line)
    if not records[-1].endswith(b"\n"):
        records[-1] += b"\n"
    head, rest = records[0], records[1:]
    chance.shuffle(rest)
    return head + b"".join(rest)


@pytest.fixture(scope="module")
def shuffled_home(tmp_path_factory: pytest.TempPathFactory, small_company: Path) -> DemoHome:
    landing = tmp_path_factory.mktemp("shuffled")
    shuffled_copy(small_company / "landing", landing, seed=3)
    root = tmp_path_factory.mktemp("home") / "another home"
    home = make_home(root, landing, settings="threads: 1\n")
    home.run()
    return home


def test_shuffled_rows_renamed_files_and_one_thread_give_the_same_bytes(
    published_home: DemoHome, shuffled_home: DemoHome
) -> None:
    assert shuffled_home.hashes() == published_home.hashes()


def test_every_table_below_the_sources_has_the_same_bytes(
    published_home: DemoHome, shuffled_home: DemoHome
) -> None:
    def contents(home: DemoHome) -> dict[str, str]:
        from cdp_pipeline.settings import find_home
        from cdp_pipeline.warehouse import Store

        heads = Store(find_home(home.root)).heads()
        return {n: h.content_hash for n, h in heads.items() if not n.startswith("sources.")}

    assert contents(shuffled_home) == contents(published_home)


def test_an_idle_run_publishes_nothing_new(published_home: DemoHome) -> None:
    before = published_home.latest.resolve()
    summary = published_home.run()
    assert not summary["is_new"]
    assert published_home.latest.resolve() == before
    assert "made" not in summary["steps"]


def test_forced_steps_give_the_same_bytes(published_home: DemoHome, tmp_path: Path) -> None:
    copy = published_home.copied_to(tmp_path / "copy")
    before = copy.hashes()
    summary = copy.run("--force")
    assert summary["steps"]["made"] > 20
    assert copy.hashes() == before
    assert not summary["is_new"]


def test_the_shuffle_of_this_test_keeps_every_record() -> None:
    content = b'a,b\n1,"x\ny"\n2,z\n3,\n'
    rows = list(csv.reader(io.StringIO(content.decode())))
    mixed = list(csv.reader(io.StringIO(shuffled_records(content, random.Random(1)).decode())))
    assert mixed[0] == rows[0]
    assert sorted(mixed) == sorted(rows)
