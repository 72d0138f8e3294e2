"""The step of the model: when it trains, what it keeps and what its card says."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

from cdp_pipeline.defs.identity.linkage_model import STEP
from cdp_pipeline.export.stored_models import model_row
from cdp_pipeline.identity import LinkageModel
from cdp_pipeline.settings import Home, find_home
from cdp_pipeline_tests.identity.worlds import Row, linked, redeliver, town, world


@pytest.fixture
def home(tmp_path: Path) -> Home:
    (tmp_path / "cdp.yml").write_text("company: Town\n", encoding="utf-8")
    return find_home(tmp_path)


def _store(con: duckdb.DuckDBPyConnection, model: LinkageModel, schema: str) -> None:
    con.execute(f"create schema if not exists {schema}")
    row = model_row(con, "linkage", model.version, model.to_bytes(), {})
    con.execute(f"create or replace table {schema}.linkage_model as select * from {row}")
    con.execute(
        "create or replace table previous.linkage_drift"
        " (column_name varchar, model_version varchar, status varchar)"
    )


def _moved(con: duckdb.DuckDBPyConnection, version: str, status: str) -> str | None:
    assert STEP.outdated is not None
    con.execute("delete from previous.linkage_drift")
    con.execute("insert into previous.linkage_drift values ('email', ?, ?)", [version, status])
    return STEP.outdated(con)


def test_only_far_drift_of_this_very_model_trains_anew() -> None:
    con = world(town(120))
    model = linked(con)
    _store(con, model, "identity")
    assert _moved(con, model.version, "calm") is None
    assert _moved(con, model.version, "moved") is None
    assert _moved(con, "of before", "far") is None
    assert _moved(con, model.version, "far") == "the last release moved far from its data: email"


def _bare(rows: list[Row]) -> list[Row]:
    """Return records that say so little that no pair reaches the threshold."""
    return [{key: row.get(key) for key in ("record_id", "given_name", "city")} for row in rows]


def _trained(con: duckdb.DuckDBPyConnection, home: Home) -> tuple[LinkageModel, dict[str, object]]:
    made = STEP.logic(con, home)
    payload, card = con.sql(
        f"select payload, card from {made.tables['identity.linkage_model']}"
    ).fetchall()[0]
    return LinkageModel.from_bytes(payload), json.loads(card)


@pytest.mark.parametrize("has_stored", [True, False])
def test_a_refused_training_says_so_on_the_card(home: Home, has_stored: bool) -> None:
    con = world(town(300))
    good = linked(con)
    redeliver(con, _bare(town(300)))
    linked(con, None, good)
    if has_stored:
        _store(con, good, "stored")
    model, card = _trained(con, home)
    refused = card["refused"]
    assert isinstance(refused, dict)
    assert "no pair of records reaches the threshold" in refused["because"][0]
    if has_stored:
        assert model.version == good.version
        assert refused["instead"] == "the stored model is kept"
    else:
        assert model.mixture is None
        assert refused["instead"] == "only the exact rules link"


def test_a_sound_training_has_nothing_refused_and_is_the_same_beside_any_stored_model(
    home: Home,
) -> None:
    con = world(town(300))
    linked(con)
    first, card = _trained(con, home)
    assert "refused" not in card
    _store(con, first, "stored")
    again, _ = _trained(con, home)
    assert again.to_bytes() == first.to_bytes()
