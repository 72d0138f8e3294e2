"""A system that goes by another name from one day on: nobody becomes another customer."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from cdp_pipeline_tests.homes import DemoHome

pytestmark = pytest.mark.slow


def rename_webshop(home: DemoHome) -> None:
    """Let the web shop's export come from a system called "shop", as somebody at home would."""
    models = home.root / "dbt_like_sql"
    contract = models / "sources" / "webshop.yml"
    for file in [*models.rglob("*.sql"), *models.rglob("*.yml")]:
        text = file.read_text("utf-8")
        if file != contract:
            file.write_text(text.replace("webshop", "shop"), encoding="utf-8")
            continue
        named = text.replace("system: webshop", "system: shop\nformerly: webshop", 1)
        file.write_text(named, encoding="utf-8")
    contract.rename(contract.with_name("shop.yml"))
    for file in list(models.rglob("webshop.sql")):
        file.rename(file.with_name("shop.sql"))


def ids(release: Path) -> dict[tuple[str, str], str]:
    rows = duckdb.sql(
        f"select source, record_id, customer_id from '{release / 'identity_map.parquet'}'"
    ).fetchall()
    return {(source, record): customer for source, record, customer in rows}


def events(release: Path) -> list[tuple[str, int]]:
    return duckdb.sql(
        f"select event, count(*) from '{release / 'customer_history.parquet'}'"
        " group by all order by all"
    ).fetchall()


def test_a_renamed_source_keeps_every_id(published_home: DemoHome, tmp_path: Path) -> None:
    home = published_home.copied_to(tmp_path / "renamed")
    before = home.latest.resolve()
    rename_webshop(home)
    home.run()
    after = home.latest.resolve()
    assert after != before
    expected = {
        ("shop" if source == "webshop" else source, record): customer
        for (source, record), customer in ids(before).items()
    }
    assert ids(after) == expected
    assert events(after) == events(before)
    assert not home.run()["is_new"]
