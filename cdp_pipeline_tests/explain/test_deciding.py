"""The commands that decide: what they write down, and what they refuse."""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cdp_pipeline.cli.app import app
from cdp_pipeline.errors import CdpError
from cdp_pipeline.settings import Home, find_home
from cdp_pipeline.stewards.effects import CustomerEffect, Effect
from cdp_pipeline.stewards.standing import written
from cdp_pipeline_tests.explain.conftest import Town

WHY = ("--why", "a test", "--by", "anna")


@pytest.fixture(autouse=True)
def _environment() -> Iterator[None]:
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def home(town_home: Home, tmp_path: Path) -> Home:
    """A copy of the town in which decisions can be written."""
    shutil.copytree(town_home.root, tmp_path / "home")
    return find_home(tmp_path / "home")


def cdp(home: Home, *arguments: str) -> str:
    result = CliRunner().invoke(app, [*arguments, "--home", str(home.root)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def customers(town: Town, *, records: int, born: bool = False) -> list[tuple[str, list[str]]]:
    """Return customers of so many records, with these; without birth dates unless told."""
    found = town.con.sql(
        f"""select m.customer_id,
            list(m.source || ':' || m.record_id order by m.source, m.record_id)
        from identity.identity_map as m
        inner join identity.standardised_records as r using (source, record_id)
        group by 1
        having count(*) = {records} and (count(r.birth_on) > 0) = {born}
        order by 1"""
    ).fetchall()
    return [(customer, names) for customer, names in found]


def test_a_merge_names_all_records_of_both_and_is_one_decision(
    linked_town: Town, home: Home
) -> None:
    (one, mine), (other, yours) = customers(linked_town, records=2)[:2]
    said = cdp(home, "merge", one, other, *WHY)
    pairs = written(home).pairs
    assert len({pair.decision_id for pair in pairs}) == 1
    assert pairs[0].decision_id in said
    named = {f"{source}:{record}" for pair in pairs for source, record in pair.keys}
    assert named == {*mine, *yours}
    assert {(pair.decision, pair.decided_by, pair.why) for pair in pairs} == {
        ("always_match", "anna", "a test")
    }
    listed = json.loads(cdp(home, "decisions", "--json"))["decisions"]
    assert [(d["state"], d["records"]) for d in listed] == [("obeyed", 4)]


def test_different_births_are_refused_and_nothing_is_written(linked_town: Town, home: Home) -> None:
    (one, _), (other, _) = customers(linked_town, records=2, born=True)[:2]
    with pytest.raises(CdpError, match="differ in birth date"):
        cdp(home, "merge", one, other, *WHY)
    assert not home.decisions.exists()
    cdp(home, "merge", one, other, *WHY, "--override")
    assert all(pair.overrides for pair in written(home).pairs)


def test_what_contradicts_an_earlier_decision_is_refused_until_it_overrides(
    linked_town: Town, home: Home
) -> None:
    (one, _), (other, _) = customers(linked_town, records=1)[:2]
    cdp(home, "keep-apart", one, other, *WHY)
    (first,) = {pair.decision_id for pair in written(home).pairs}
    with pytest.raises(CdpError, match=f"neither it nor {first} is obeyed"):
        cdp(home, "merge", one, other, *WHY)
    cdp(home, "decisions", "--withdraw", first, *WHY)
    assert "Written to" in cdp(home, "merge", one, other, *WHY)


def test_a_split_keeps_the_records_apart_from_all_others(linked_town: Town, home: Home) -> None:
    customer, records = customers(linked_town, records=3)[0]
    cdp(home, "split", customer, "--records", records[0], *WHY)
    pairs = written(home).pairs
    assert {pair.decision for pair in pairs} == {"never_match"}
    named = [{f"{source}:{record}" for source, record in pair.keys} for pair in pairs]
    assert sorted(map(sorted, named)) == sorted(sorted((records[0], r)) for r in records[1:])
    _, others = customers(linked_town, records=3)[1]
    with pytest.raises(CdpError, match="is no record of"):
        cdp(home, "split", customer, "--records", others[0], *WHY)


def test_what_makes_no_sense_is_said(linked_town: Town, home: Home) -> None:
    customer, records = customers(linked_town, records=2)[0]
    with pytest.raises(CdpError, match="one customer already"):
        cdp(home, "merge", customer, customer, *WHY)
    with pytest.raises(CdpError, match="one customer today"):
        cdp(home, "keep-apart", customer, customer, *WHY)
    with pytest.raises(CdpError, match="never merged"):
        cdp(home, "unmerge", customer, *WHY)
    with pytest.raises(CdpError, match="all records of"):
        cdp(home, "split", customer, "--records", ",".join(records), *WHY)
    with pytest.raises(CdpError, match="rests on"):
        cdp(home, "keep-apart", *records, "--why", " ")
    with pytest.raises(CdpError, match="There is no decision"):
        cdp(home, "decisions", "--withdraw", "d_nothing", *WHY)


def test_a_filled_queue_and_rows_of_customers_are_written_as_records(
    linked_town: Town, home: Home, tmp_path: Path
) -> None:
    queue = tmp_path / "queue.csv"
    cdp(home, "review", "--csv", str(queue))
    with queue.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter=";"))
    rows[0]["decision"] = "different" if rows[0]["kind"] == "maybe_two" else "same"
    with queue.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0].keys(), delimiter=";")
        writer.writeheader()
        writer.writerows(rows)
    assert f"{len(rows) - 1} rows are not decided yet" in cdp(
        home, "decisions", "--add", str(queue), "--by", "anna"
    ).replace("\n", " ")
    (one, mine), (other, yours) = customers(linked_town, records=2)[:2]
    file = tmp_path / "customers.csv"
    file.write_text(f"decision,customer_id,other_customer_id,why\nsame,{one},{other},told\n")
    cdp(home, "decisions", "--add", str(file), "--by", "bo")
    told = [pair for pair in written(home).pairs if pair.why == "told"]
    named = {f"{source}:{record}" for pair in told for source, record in pair.keys}
    assert named == {*mine, *yours}
    assert not written(home).rejected
    # What was decided is no decision twice.
    cdp(home, "decisions", "--add", str(queue), "--by", "anna")
    assert not written(home).rejected


def test_an_effect_tells_a_machine_figures_and_no_value_of_the_profile() -> None:
    customer = CustomerEffect(
        "c_1",
        is_before=True,
        is_after=True,
        records=(1, 2),
        profile={"family_name": ("Ek", "Lind")},
        figures={"net_spend_amount": (Decimal("1.50"), Decimal("2.00"))},
        allowed=(1, 0),
    )
    effect = Effect("obeyed", None, "joins 2", [("crm:1", "c_1", "c_2")], [customer], {})
    told = json.dumps(effect.as_dict(with_values=False))
    assert "Lind" not in told
    assert json.loads(told)["customers"][0]["profile"] == ["family_name"]
    assert json.loads(told)["customers"][0]["figures"] == {"net_spend_amount": ["1.50", "2.00"]}
    assert "Lind" in json.dumps(effect.as_dict(with_values=True))


def test_a_file_with_a_mistake_is_refused_as_a_whole(home: Home, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("decision,source,record_id,other_source,other_record_id,why\n"
                    "same,s0,1-0,s0,2-0,x\nperhaps,s0,1-0,s0,3-0,x\n")  # fmt: skip
    with pytest.raises(CdpError, match=r"a\.csv, line 3: decision is none that is known"):
        cdp(home, "decisions", "--add", str(file))
    assert not home.decisions.exists()
