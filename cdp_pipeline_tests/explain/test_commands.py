from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cdp_pipeline.cli.app import app
from cdp_pipeline.errors import CdpError, StepError
from cdp_pipeline.settings import Home
from cdp_pipeline.warehouse.store import Store
from cdp_pipeline_tests.explain.conftest import Town


@pytest.fixture(autouse=True)
def _environment() -> Iterator[None]:
    """Commands set CDP_HOME for what they start; English unless a test says otherwise."""
    before = dict(os.environ)
    os.environ["LC_ALL"] = "C"
    yield
    os.environ.clear()
    os.environ.update(before)


def cdp(home: Home, *arguments: str) -> str:
    result = CliRunner().invoke(app, [*arguments, "--home", str(home.root)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def joined_pair(town: Town) -> tuple[str, str]:
    return town.con.sql(
        """select min(source || ':' || record_id), max(source || ':' || record_id)
        from identity.identity_map group by customer_id having count(*) = 3
        order by customer_id limit 1"""
    ).fetchall()[0]


def test_why_tells_a_customer_and_two_records(linked_town: Town, town_home: Home) -> None:
    one, other = joined_pair(linked_town)
    customer = json.loads(cdp(town_home, "why", one, "--json"))
    assert one in {r["record"] for r in customer["records"]}
    assert customer["customer_id"] in cdp(town_home, "why", customer["customer_id"])
    said = cdp(town_home, "why", one.replace(":", "/"), other)
    assert said.startswith("They are one person")
    assert "two records of all" in said
    assert cdp(town_home, "why", one, other, "--language", "sv").startswith("De är en och samma")


def test_the_language_of_the_terminal_is_spoken_where_there_are_words(
    linked_town: Town, town_home: Home
) -> None:
    one, other = joined_pair(linked_town)
    os.environ["LC_ALL"] = "sv_SE.UTF-8"
    assert cdp(town_home, "why", one, other).startswith("De är")
    os.environ["LC_ALL"] = "ga_IE.UTF-8"
    assert cdp(town_home, "why", one, other).startswith("They are")
    with pytest.raises(CdpError, match=r"Languages are en, sv\."):
        cdp(town_home, "why", one, other, "--language", "ga")


def test_values_are_shown_only_when_asked_for_and_said_to_be_personal(
    linked_town: Town, town_home: Home
) -> None:
    phone = linked_town.con.sql(
        """select l.source || ':' || l.record_id, r.source || ':' || r.record_id, l.family_name
        from identity.record_pairs as p
        inner join identity.standardised_records as l on p.left_record_no = l.record_no
        inner join identity.standardised_records as r on p.right_record_no = r.record_no
        where l.family_name is not null order by all limit 1"""
    ).fetchall()[0]
    one, other, family = phone
    assert family not in cdp(town_home, "why", one, other)
    assert family not in cdp(town_home, "why", one, other, "--json")
    shown = cdp(town_home, "why", one, other, "--show-values")
    assert family in shown
    assert "Personal values follow" in shown


def test_the_picture_has_a_bar_per_comparison_and_no_value(
    linked_town: Town, town_home: Home, tmp_path: Path
) -> None:
    one, other = joined_pair(linked_town)
    told = json.loads(cdp(town_home, "why", one, other, "--json"))
    cdp(town_home, "why", one, other, "--picture", str(tmp_path / "why.svg"))
    svg = (tmp_path / "why.svg").read_text(encoding="utf-8")
    shown = [c for c in told["comparisons"] if c["level"] != "missing"]
    assert len(re.findall(r"first name: |last name: ", svg)) >= 1
    assert svg.count('aria-roledescription="bar"') >= len(shown)
    cdp(town_home, "why", one, other, "--picture", str(tmp_path / "why.html"))
    assert told["sentence"] in (tmp_path / "why.html").read_text(encoding="utf-8")
    with pytest.raises(CdpError, match=r"\.svg or \.html"):
        cdp(town_home, "why", one, other, "--picture", str(tmp_path / "why.png"))


def test_the_queue_is_shown_and_written_whole(town_home: Home, tmp_path: Path) -> None:
    rows = json.loads(cdp(town_home, "review", "--json", "--top", "10000"))
    assert "cdp why " in cdp(town_home, "review", "--top", "3")
    cdp(town_home, "review", "--csv", str(tmp_path / "queue.csv"))
    with (tmp_path / "queue.csv").open(encoding="utf-8-sig", newline="") as stream:
        written = list(csv.DictReader(stream, delimiter=";"))
    assert [row["record_id"] for row in written] == [row["record_id"] for row in rows]


def test_a_labelled_file_is_compared_and_its_faults_are_told(
    linked_town: Town, town_home: Home, tmp_path: Path
) -> None:
    file = tmp_path / "truth.csv"
    lines = ["source,record_id,person_id", "s0,nobody,1"]
    lines += [f"{r['source']},{r['record_id']},{r['record_id'].split('-')[0]}"
              for r in linked_town.rows]  # fmt: skip
    file.write_text("\n".join(lines), encoding="utf-8")
    result = json.loads(
        cdp(town_home, "evaluate-identity", "--truth", str(file), "--no-thresholds", "--json")
    )
    assert result["sample"]["unknown"] == 1
    assert result["sample"]["used"] == len(linked_town.rows)
    assert result["pairs"]["precision"] > 0.9
    assert result["thresholds"] == []
    said = cdp(town_home, "evaluate-identity", "--truth", str(file), "--no-thresholds")
    assert "left out: 1 unknown" in said
    broken = tmp_path / "secret.parquet"
    broken.write_text("Anna Andersson", encoding="utf-8")
    with pytest.raises(CdpError, match="cannot be read as Parquet") as raised:
        cdp(town_home, "evaluate-identity", "--truth", str(broken))
    assert "Anna" not in str(raised.value)


def test_tables_of_two_runs_are_never_mixed(town_home: Home) -> None:
    store = Store(town_home)
    clusters = store.needed_head("identity.record_clusters", by="a test")
    store.set_head(replace(clusters, inputs={"identity.standardised_records": "older"}))
    try:
        with pytest.raises(StepError, match="a run stopped half way"):
            cdp(town_home, "why", "s0:1-0")
    finally:
        store.set_head(clusters)
