from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from cdp_pipeline.quality import evaluate, with_trend
from cdp_pipeline.quality.data_docs import Checked, draw_site
from cdp_pipeline.quality.profiles import profile
from cdp_pipeline.sqlmodels import Rule, Table
from cdp_pipeline.sqlmodels.tables import Column

CHROMIUM = shutil.which("chromium")
CANARY = "Kanariefågel Kvitter"
PEOPLE = Table(
    name="profiles.people",
    layer="profiles",
    made_by="sql",
    sql="",
    file=Path("people.sql"),
    line=1,
    description="One row per person <b>who</b> bought.",
    owner="profiles",
    key=("person_id",),
    reads=(),
    columns=(
        Column("person_id", "varchar", "Who.", frozenset({"pseudonym"})),
        Column("full_name", "varchar", "The name & nothing else.", frozenset({"name"})),
        Column("age", "integer", "Years.", frozenset({"attribute"})),
        Column("spend", "decimal(18,2)", "Spent."),
    ),
    rules=(
        Rule("expression", expression="spend < 100 and spend > 0", severity="warn", why="odd"),
        Rule("accepted_values", columns=("full_name",), values=("Nobody",)),
    ),
)


def checked(*, spend: str = "12.50", before: tuple[dict[str, Any], ...] = ()) -> Checked:
    """Return a table in which one planted person breaks every rule there is."""
    with duckdb.connect() as con:
        con.execute("create schema profiles")
        con.execute(
            "create table profiles.people as select 'p' || i as person_id, $1 as full_name,"
            f" (30 + i)::integer as age, {spend}::decimal(18, 2) as spend from range(12) as r (i)",
            [CANARY],
        )
        results = evaluate(con, PEOPLE, "profiles.people")
        told = profile(con, PEOPLE, "profiles.people")
    for row in told:
        row["filled_ratio"] = row["filled_count"] / row["row_count"]
    return Checked(PEOPLE, 12, with_trend(results, before), told)


def content(folder: Path) -> dict[str, bytes]:
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def test_a_page_tells_every_rule_with_counts_and_how_it_was_before(tmp_path: Path) -> None:
    before = ({"rule": "spend < 100 and spend > 0", "failing_count": 4711},)
    site = draw_site(tmp_path, [checked(spend="250", before=before)], title="Shop", version="1")
    page = (tmp_path / "profiles.people.html").read_text("utf-8")
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))
    assert "person_id is unique no release 0 12 key expect_key_to_be_unique" in text
    assert "spend &lt; 100 and spend &gt; 0 warning 12 12 4,711 odd" in text
    assert "full_name is one of Nobody no release 12 12" in text
    assert "One row per person &lt;b&gt;who&lt;/b&gt; bought." in page
    index = site.index.read_text("utf-8")
    assert 'href="profiles.people.html"' in index


def test_no_value_is_on_any_page_nor_in_the_library_s_files(tmp_path: Path) -> None:
    draw_site(tmp_path, [checked(spend="250")], title="Shop", version="1")
    files = content(tmp_path)
    assert len(files) == 5
    for name, data in files.items():
        text = data.decode()
        assert "Kvitter" not in text, name
        assert "41" not in re.sub(r"#[0-9a-f]{6}|[0-9]+px", "", text), "the greatest age"


def test_a_page_is_drawn_again_only_when_something_on_it_changed(tmp_path: Path) -> None:
    other = replace(checked(), table=replace(PEOPLE, name="profiles.others"))
    first = draw_site(tmp_path, [checked(), other], title="Shop", version="1")
    files = content(tmp_path)
    again = draw_site(tmp_path, [checked(), other], title="Shop", version="1")
    assert (first.drawn, again.drawn) == (3, 0)
    changed = draw_site(tmp_path, [checked(spend="250"), other], title="Shop", version="1")
    assert changed.drawn == 2  # the page and the first page
    assert content(tmp_path)["profiles.others.html"] == files["profiles.others.html"]
    draw_site(tmp_path, [checked()], title="Shop", version="1")
    assert "profiles.others.html" not in content(tmp_path)


def test_the_same_results_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        draw_site(tmp_path / name, [checked()], title="Shop", version="1")
    assert content(tmp_path / "a") == content(tmp_path / "b")


def test_suite_and_result_are_in_the_library_s_own_format(tmp_path: Path) -> None:
    draw_site(tmp_path, [checked(spend="250")], title="Shop", version="1")
    suite = json.loads((tmp_path / "expectations" / "profiles.people.json").read_text("utf-8"))
    result = json.loads((tmp_path / "validations" / "profiles.people.json").read_text("utf-8"))
    assert suite["name"] == result["suite_name"] == "profiles.people"
    assert len(suite["expectations"]) == len(result["results"]) == 4
    assert result["statistics"]["unsuccessful_expectations"] == 2
    assert [r["result"]["unexpected_count"] for r in result["results"]] == [0, 0, 12, 12]


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="Debian's chromium is not installed")
def test_the_site_opens_in_a_browser_and_asks_the_network_for_nothing(tmp_path: Path) -> None:
    from playwright.sync_api import sync_playwright

    site = draw_site(tmp_path, [checked(spend="250")], title="Shop: Data Docs", version="1")
    asked: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-component-update"],
        )
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.on("request", lambda request: asked.append(request.url))
        page.goto(site.index.as_uri())
        page.get_by_text("profiles.people").click()
        page.get_by_role("heading", name="Columns").wait_for(timeout=10_000)
        text = page.inner_text("body")
        if folder := os.environ.get("CDP_SCREENSHOTS"):
            page.screenshot(path=str(Path(folder) / "data_docs.png"))
        browser.close()
    assert "full_name is one of Nobody" in text
    assert "One row per person <b>who</b> bought." in text
    assert [url for url in asked if not url.startswith("file:")] == []
