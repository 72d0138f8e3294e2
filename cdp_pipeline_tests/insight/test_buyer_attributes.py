from __future__ import annotations

import random
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from cdp_pipeline.ingest.contracts import load_contracts
from cdp_pipeline.insight.buyer_attributes import ANY_PURCHASE, buyer_attributes, compare
from cdp_pipeline.insight.rules import BuyerAttributeRules, load_rules
from cdp_pipeline.settings import package_sql
from cdp_pipeline.sqlmodels import Project, load_project

CUSTOMERS = 3000
WORLDS = 400


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    root = package_sql()
    cache = tmp_path_factory.mktemp("compiled")
    return load_project(root, root, load_contracts(root / "sources"), cache=cache)


@pytest.fixture(scope="module")
def rules() -> BuyerAttributeRules:
    return load_rules(package_sql() / "insight" / "insight.yml").buyer_attributes


def world(project: Project, rows: dict[str, list[dict[str, Any]]]) -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    for name in project.tables["insight.buyer_attributes"].reads:
        columns = ", ".join(f'"{c.name}" {c.type}' for c in project.tables[name].columns)
        con.execute(f"create schema if not exists {name.split('.')[0]}")
        con.execute(f"create table {name} ({columns})")
        if rows.get(name):
            listed = pa.Table.from_pylist(rows[name])
            con.register("listed", listed)
            con.execute(f"insert into {name} by name select * from listed")
            con.unregister("listed")
    return con


def planted(seed: int) -> dict[str, list[dict[str, Any]]]:
    """One purchase a year ago each; garden owners buy again with .5, others with .2."""
    chance = random.Random(seed)
    measures, attributes, orders = [], [], []
    for number in range(CUSTOMERS):
        customer = f"c_{number}"
        has_garden = chance.random() < 0.3
        measures.append({"customer_id": customer, "first_order_on": "2024-06-01"})
        values = {
            "has_garden": "yes" if has_garden else "no",
            "health_condition": "yes" if has_garden else "no",
            **{f"noise_{n}": chance.choice("abc") for n in range(8)},
        }
        attributes += [
            {"customer_id": customer, "attribute": name, "value": value}
            for name, value in values.items()
        ]
        days = ["2024-06-01"]
        if chance.random() < (0.5 if has_garden else 0.2):
            days += ["2025-06-01", "2025-09-01", "2025-12-15"]
        orders += [
            {
                "source": "w",
                "order_id": f"{customer}-{day}",
                "customer_id": customer,
                "channel": "web",
                "is_purchase": True,
                "net_home_amount": 100,
                "ordered_on": day,
            }
            for day in days
        ]
    return {
        "sources.run_clock": [{"as_of_on": "2025-12-31"}],
        "insight.customer_measures": measures,
        "profiles.golden_profiles": [{"customer_id": m["customer_id"]} for m in measures],
        "profiles.customer_attributes": attributes,
        "profiles.orders": orders,
    }


def told(con: duckdb.DuckDBPyConnection, rules: BuyerAttributeRules) -> dict[tuple[str, str], str]:
    select = buyer_attributes(con, rules)["insight.buyer_attributes"]
    rows = con.sql(
        f"select attribute, value, verdict from ({select}) where target = '{ANY_PURCHASE}'"
    ).fetchall()
    return {(attribute, value): verdict for attribute, value, verdict in rows}


def test_what_is_planted_is_found_and_confirmed_and_noise_is_not(
    project: Project, rules: BuyerAttributeRules
) -> None:
    with world(project, planted(seed=3)) as con:
        verdicts = told(con, rules)
    assert verdicts["has_garden", "yes"] == verdicts["has_garden", "no"] == "associated"
    noise = {key: verdict for key, verdict in verdicts.items() if key[0].startswith("noise")}
    assert len(noise) == 24
    assert "associated" not in noise.values()


def test_before_the_web_was_looked_at_nobody_is_told_not_to_have_been_there(
    project: Project, rules: BuyerAttributeRules
) -> None:
    """They stood as "no" beside the few whose month was seen, and drowned them."""
    rows = planted(seed=3)

    def seen_from(day: str) -> set[str]:
        rows["profiles.web_events"] = [
            {"customer_id": f"c_{number}", "event_id": f"{day} {number}", "occurred_on": day}
            for number in range(0, CUSTOMERS, 2)
        ]
        with world(project, rows) as con:
            return {value for name, value in told(con, rules) if name.startswith("seen on the web")}

    # the newest cut-off is 2025-10-02
    assert seen_from("2025-09-04") == set()
    assert seen_from("2025-09-03") == {"yes", "no"}


def test_a_sensitive_attribute_is_never_told(project: Project, rules: BuyerAttributeRules) -> None:
    with world(project, planted(seed=3)) as con:
        assert not [name for name, _ in told(con, rules) if "health" in name]


def test_what_is_learned_after_the_cut_off_changes_nothing(
    project: Project, rules: BuyerAttributeRules
) -> None:
    rows = planted(seed=4)
    with world(project, rows) as con:
        before = told(con, rules)
    rows["profiles.customer_attributes"] = rows["profiles.customer_attributes"] + [
        {
            "customer_id": order["customer_id"],
            "attribute": "came_back",
            "value": "yes",
            "updated_at": "2025-12-31 12:00:00",
        }
        for order in rows["profiles.orders"]
        if order["ordered_on"] == "2025-12-15"
    ]
    for row in rows["profiles.customer_attributes"]:
        row.setdefault("updated_at", None)
    with world(project, rows) as con:
        assert told(con, rules) == before


def test_row_order_changes_nothing(project: Project, rules: BuyerAttributeRules) -> None:
    rows = planted(seed=5)
    with world(project, rows) as con:
        select = buyer_attributes(con, rules)["insight.buyer_attributes"]
        before = con.sql(f"select * from ({select}) order by all").fetchall()
    shuffled = {name: random.Random(1).sample(some, len(some)) for name, some in rows.items()}
    with world(project, shuffled) as con:
        con.execute("set threads = 1")
        select = buyer_attributes(con, rules)["insight.buyer_attributes"]
        assert con.sql(f"select * from ({select}) order by all").fetchall() == before


def test_an_empty_home_has_an_empty_table(project: Project, rules: BuyerAttributeRules) -> None:
    with world(project, {"sources.run_clock": [{"as_of_on": "2025-12-31"}]}) as con:
        assert told(con, rules) == {}


def test_false_findings_stay_at_the_level_over_many_seeds() -> None:
    """In each of WORLDS worlds 60 values have no effect and 3 have one.

    Measured: a share of .043 with these seeds and .054 with 400 others (standard error .005,
    expected .048), 0 and 2 values of noise confirmed, 1,199 of the 1,200 planted ones both times.
    """
    false_shares, confirmed_noise, confirmed_planted = [], 0, 0
    for seed in range(WORLDS):
        made = compare(_counted(np.random.default_rng(seed)), 0.05)
        is_found = np.array(made["is_found"].to_pylist())
        is_confirmed = np.array(made["is_confirmed"].to_pylist())
        false_shares.append(is_found[:60].sum() / max(is_found.sum(), 1))
        confirmed_noise += is_confirmed[:60].sum()
        confirmed_planted += is_confirmed[60:].sum()
    assert np.mean(false_shares) <= 0.05 + 2 * np.std(false_shares) / np.sqrt(WORLDS)
    assert confirmed_noise / WORLDS <= 0.02
    assert confirmed_planted >= 0.99 * 3 * WORLDS


def _counted(random_state: np.random.Generator) -> pa.Table:
    share = np.array([0.2] * 60 + [0.3] * 3)
    counts: dict[str, list[Any]] = {
        "target": ["t"] * 63,
        "attribute": [str(number) for number in range(63)],
        "value": ["x"] * 63,
    }
    for half in ("search", "held_back"):
        counts[f"{half}_customers"] = [800] * 63
        counts[f"{half}_buyers"] = random_state.binomial(800, share).tolist()
        counts[f"{half}_others"] = [5000] * 63
        counts[f"{half}_other_buyers"] = random_state.binomial(5000, 0.2, 63).tolist()
    return pa.table(counts)
