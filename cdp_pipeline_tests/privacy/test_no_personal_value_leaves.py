"""Canaries planted in every personal column are found nowhere but where they may be.

Allowed: what was delivered (landing), the warehouse's own Parquet, the vault of a release and
``vault.duckdb``. Everything else in the home is read, decoded where it is compressed: Dagster's
storage and logs, the ledger, pointers, the spill folder, the other exports, ``cdp.duckdb``, and
what the command said; also when a step fails on that very value.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from cdp_pipeline.ingest.contracts import SourceTable, load_contracts
from cdp_pipeline_tests.homes import DemoHome, make_home

pytestmark = pytest.mark.slow

PUBLIC_CLASSES = {"none", "pseudonym"}


class Canaries:
    """Values that exist nowhere else, one a column, shaped so that they are taken for real."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    def value(self, table: str, column: str, personal: str) -> str:
        number = len(self.values) + 1
        made = {
            "email": f"zqxcanary{number}@zqxcanary.se",
            "phone": f"+4670173{number:04d}",
            "birth_date": (dt.date(1931, 1, 1) + dt.timedelta(days=37 * number)).isoformat(),
            "organisation_number": f"55998877{number:02d}",
        }.get(personal, f"Zqxcanary{number}x")
        self.values[f"{table}.{column}"] = made
        return made

    def number(self, value: str) -> str:
        """Return a canary of digits that goes with one that was handed out."""
        place = list(self.values.values()).index(value) + 1
        self.values[f"{value} in digits"] = made = f"88005533{place:04d}77"
        return made

    def needles(self) -> list[str]:
        """Return what to search for: the values, and shapes they are standardised to."""
        return sorted(
            {v for value in self.values.values() for v in (value, value.lower()) if len(v) > 7}
        )


def plant(landing: Path, contracts: list[SourceTable], canaries: Canaries) -> None:
    """Put a canary into the first delivered rows of every personal column."""
    for contract in contracts:
        columns = {
            column.name_in_file or name: canaries.value(contract.table, name, column.personal)
            for name, column in contract.columns.items()
            if column.personal not in PUBLIC_CLASSES and column.kind in ("text", "date")
        }
        if not columns:
            continue
        for pattern in contract.files:
            for file in sorted(landing.glob(pattern)):
                plant_in_file(file, contract, columns, canaries)


def plant_in_file(
    file: Path, contract: SourceTable, columns: dict[str, str], canaries: Canaries
) -> None:
    if contract.format == "parquet":
        table = pq.read_table(file)
        for name, value in columns.items():
            place = table.schema.get_field_index(name)
            kind = table.schema.field(place).type
            if pa.types.is_integer(kind):  # a visitor's number, a text only to us
                value = canaries.number(value)
            planted = pa.array([value] * 3, pa.string()).cast(kind)
            rest = pc.cast(table[name][3:], kind).combine_chunks()
            table = table.set_column(place, name, pa.chunked_array([planted, rest]))
        pq.write_table(table, file)
        return
    encoding = contract.encoding
    text = file.read_bytes().decode(encoding)
    rows = list(csv.reader(io.StringIO(text), delimiter=contract.delimiter))
    for name, value in columns.items():
        place = rows[0].index(name)
        for row in rows[20:23]:
            kind = next(c for n, c in contract.columns.items() if (c.name_in_file or n) == name)
            row[place] = shaped(value, kind.format)
    out = io.StringIO()
    csv.writer(out, delimiter=contract.delimiter, lineterminator="\n").writerows(rows)
    file.write_text(out.getvalue(), encoding=encoding, newline="")


def shaped(value: str, formats: tuple[str, ...]) -> str:
    return dt.date.fromisoformat(value).strftime(formats[0]) if formats else value


def readable(home: Path) -> Iterator[tuple[str, str]]:
    """Yield every place where no personal value may be, with its text."""
    for file in sorted(home.rglob("*")):
        place = file.relative_to(home)
        parts = place.parts
        if not file.is_file() or file.is_symlink() or parts[:2] == ("data", "landing"):
            continue
        in_warehouse = parts[:2] == ("data", "warehouse")
        if "vault" in parts or file.name == "vault.duckdb":
            continue
        if file.suffix == ".parquet":
            if not in_warehouse:
                yield str(place), str(pq.read_table(file).to_pylist())
            continue
        if file.suffix == ".duckdb":
            with duckdb.connect(str(file), read_only=True) as con:
                for (name,) in con.sql("select table_name from duckdb_tables()").fetchall():
                    rows = con.sql(f'select * from "{name}"').fetchall()
                    yield f"{place}:{name}", str(rows)
        yield str(place), file.read_bytes().decode("utf-8", errors="ignore")


def leaks(home: DemoHome, canaries: Canaries, said: str) -> list[str]:
    found = []
    for place, text in (*readable(home.root), ("what the command said", said)):
        found += [f"{needle} in {place}" for needle in canaries.needles() if needle in text]
    return found


@pytest.fixture(scope="module")
def planted(
    small_company: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[DemoHome, Canaries]:
    home = make_home(tmp_path_factory.mktemp("canary") / "home", small_company / "landing")
    canaries = Canaries()
    plant(home.landing, load_contracts(home.root / "dbt_like_sql" / "sources"), canaries)
    return home, canaries


@pytest.fixture(scope="module")
def said(planted: tuple[DemoHome, Canaries]) -> str:
    home, _ = planted
    return home.cdp("run")


def test_there_is_a_canary_in_every_class_of_the_demo(planted: tuple[DemoHome, Canaries]) -> None:
    assert len(planted[1].values) >= 20


def test_the_canaries_did_arrive_in_the_vault(
    planted: tuple[DemoHome, Canaries], said: str
) -> None:
    home, canaries = planted
    assert said
    vault = " ".join(
        str(pq.read_table(file).to_pylist()) for file in sorted(home.latest.glob("vault/*.parquet"))
    )
    assert "canary" in vault
    assert any(value in vault for value in canaries.values.values())


def test_no_canary_is_anywhere_else(planted: tuple[DemoHome, Canaries], said: str) -> None:
    home, canaries = planted
    assert leaks(home, canaries, said) == []


@pytest.mark.parametrize(
    ("what", "broken"),
    [
        ("a cast", "cast(r.email as integer)"),
        ("an error of our own words", "error(r.email || r.family_name)"),
        ("a date", "strptime(r.given_name, '%Y')"),
    ],
)
def test_no_canary_leaves_when_a_step_fails_on_it(
    planted: tuple[DemoHome, Canaries], said: str, tmp_path: Path, what: str, broken: str
) -> None:
    home, canaries = planted
    assert said
    assert what
    copy = home.copied_to(tmp_path / "home")
    staging = copy.root / "dbt_like_sql" / "staging" / "tickets" / "broken.sql"
    staging.write_text(
        "-- One row per ticket.\nselect\n    'x' as source,\n    'x' as ticket_id,\n"
        f"    cast({broken} as varchar) as body,\nfrom sources.crm_contacts as r\n",
        encoding="utf-8",
    )
    failed = copy.cdp("run", expect=1)
    assert "staging.tickets" in failed
    assert leaks(copy, canaries, failed) == []
