"""Steps, fingerprints, releases: what counts, what is skipped, what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cdp_pipeline.errors import ReleaseRefusedError, StepError
from cdp_pipeline.settings import Home, Settings
from cdp_pipeline.sqlmodels import Project, load_project
from cdp_pipeline.warehouse import Made, RunContext, TableVersion, Warehouse
from cdp_pipeline.warehouse.engine import Connection, translated
from cdp_pipeline.warehouse.exports import Export
from cdp_pipeline.warehouse.previous import latest_release, previous_for_run
from cdp_pipeline.warehouse.release import publish, repair

SALES = """
run_clock:
  made_by: python
  description: One row per run.
  owner: test
  key: [as_of_on]
  columns:
    as_of_on: {type: date, doc: "The day."}
sales:
  made_by: python
  description: One row per sale.
  owner: test
  key: [sale_id]
  columns:
    sale_id: {type: bigint, doc: "Number of the sale."}
    amount: {type: "decimal(18,2)", doc: "What was paid."}
"""
TOTALS = """
-- One row per size of sale.
select
    amount > 100 as is_large, -- Whether more than 100 was paid
    count(*) as sale_count, -- Sales of that size
from sources.sales
group by 1
"""
TOTALS_YML = """
totals:
  owner: test
  key: [is_large]
  rules:
    - between: {column: sale_count, max: 3}
size_model:
  made_by: python
  description: One row per model.
  owner: test
  reads: [sources.sales]
  key: [model_name]
  columns:
    model_name: {type: varchar, doc: "Its name."}
    learnt: {type: bigint, doc: "What it learnt."}
"""
EXPORTS = [Export("totals", "insight.totals", vault=False)]


@pytest.fixture
def sql(tmp_path: Path) -> Path:
    folder = tmp_path / "home" / "dbt_like_sql"
    for name, text in {
        "layers.yml": "sources: What was delivered.\nstaging: Our words.\ninsight: Measures.\n",
        "sources/_tables.yml": SALES,
        "insight/totals.sql": TOTALS,
        "insight/_tables.yml": TOTALS_YML,
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text.lstrip(), encoding="utf-8")
    return folder


@pytest.fixture
def project(sql: Path) -> Project:
    return load_project(sql, sql, [])


@pytest.fixture
def home(sql: Path) -> Home:
    return Home(root=sql.parent, settings=Settings(threads=1, memory_limit_gb=0.5))


@pytest.fixture
def warehouse(home: Home, project: Project) -> Warehouse:
    return Warehouse(home, project, RunContext("first"))


def again(warehouse: Warehouse, run_id: str = "again", **flags: bool) -> Warehouse:
    return Warehouse(warehouse.home, warehouse.project, RunContext(run_id, **flags))


def sell(warehouse: Warehouse, *amounts: float, code: str = "1") -> TableVersion:
    """Make the clock, and sales of the given amounts, in the given order."""
    clock = "select date '2026-01-31' as as_of_on"
    warehouse.make(
        ["sources.run_clock"],
        lambda _: Made({"sources.run_clock": clock}, {"as_of_on": "2026-01-31"}),
        code="1",
    )
    rows = ", ".join(f"({number}, {amount})" for number, amount in enumerate(amounts, 1))
    select = f"select * from (values {rows}) as t(sale_id, amount)"
    settings = {"amounts": amounts}
    made = warehouse.make(
        ["sources.sales"], lambda _: Made({"sources.sales": select}), code=code, settings=settings
    )
    return made[0]


def total(warehouse: Warehouse, calls: list[str] | None = None) -> TableVersion:
    table = warehouse.table("insight.totals")

    def logic(_: Connection) -> Made:
        if calls is not None:
            calls.append("made")
        return Made({"insight.totals": table.sql})

    return warehouse.make(["insight.totals"], logic, code=table.code_hash)[0]


def learn(warehouse: Warehouse, outdated: Callable[[Connection], str | None] | None = None) -> int:
    """Train a model that learns how many sales there are; return what the stored one learnt."""
    select = "select 'size' as model_name, count(*) as learnt from sources.sales"
    version = warehouse.make(
        ["insight.size_model"],
        lambda _: Made({"insight.size_model": select}),
        code="1",
        outdated=outdated,
    )[0]
    import duckdb

    rows = duckdb.sql(f"select learnt from ({warehouse.store.select(version)})").fetchall()
    learnt: int = rows[0][0]
    return learnt


def test_a_step_with_the_same_inputs_does_not_run_again(warehouse: Warehouse) -> None:
    calls: list[str] = []
    sell(warehouse, 10, 200)
    first = total(warehouse, calls)
    second = total(again(warehouse), calls)
    assert first == second
    assert calls == ["made"]


def test_a_step_runs_again_when_its_input_holds_something_else(warehouse: Warehouse) -> None:
    calls: list[str] = []
    sell(warehouse, 10, 200)
    total(warehouse, calls)
    sell(warehouse, 10, 20)
    assert total(warehouse, calls).row_count == 1
    assert calls == ["made", "made"]


def test_an_input_made_anew_with_the_same_rows_stops_the_run_there(warehouse: Warehouse) -> None:
    calls: list[str] = []
    sell(warehouse, 10, 200, code="1")
    total(warehouse, calls)
    sell(warehouse, 10, 200, code="2")
    total(warehouse, calls)
    assert calls == ["made"]


def test_rows_in_another_order_give_the_same_bytes(warehouse: Warehouse) -> None:
    def made(order: str) -> str:
        rows = (
            f"select * from (values (1, 5), (2, 6), (3, 7)) as t(sale_id, amount) order by {order}"
        )
        version = warehouse.make(
            ["sources.sales"], lambda _: Made({"sources.sales": rows}), code=order
        )[0]
        return version.content_hash

    assert made("sale_id") == made("sale_id desc")


def test_a_file_without_its_sidecar_does_not_count(warehouse: Warehouse) -> None:
    calls: list[str] = []
    sell(warehouse, 10)
    version = total(warehouse, calls)
    (warehouse.store.folder("insight.totals") / f"{version.fingerprint}.json").unlink()
    total(again(warehouse), calls)
    assert calls == ["made", "made"]


def test_an_input_that_was_never_made_is_named(warehouse: Warehouse) -> None:
    with pytest.raises(StepError, match=r"insight.totals reads sources.sales, .* not been made"):
        total(warehouse)


def test_a_step_sees_its_inputs_and_nothing_else(warehouse: Warehouse, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n", encoding="utf-8")
    for touch in (f"from read_csv('{secret}')", f"copy (select 1) to '{tmp_path / 'out.csv'}'"):

        def logic(connection: Connection, touch: str = touch) -> Made:
            connection.sql(touch)
            return Made({})

        with pytest.raises(StepError, match="not among its inputs"):
            warehouse.make(["sources.sales"], logic, code=touch)
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize(
    "query",
    [
        "select cast('anna@example.se' as integer)",
        "select error('anna@example.se')",
        "select strptime('anna@example.se', '%Y')",
    ],
)
def test_an_engine_error_is_told_without_the_value(warehouse: Warehouse, query: str) -> None:
    def logic(connection: Connection) -> Made:
        connection.sql(query).fetchall()
        return Made({})

    with pytest.raises(StepError) as caught:
        warehouse.make(["sources.sales"], logic, code=query)
    assert "anna" not in str(caught.value)
    assert caught.value.__suppress_context__
    assert "sources.sales" in str(caught.value)


def test_a_python_error_is_told_without_the_value() -> None:
    with pytest.raises(StepError) as caught, translated("making x"):
        int("anna@example.se")
    assert "anna" not in str(caught.value)
    assert "ValueError" in str(caught.value)


def test_forcing_a_step_that_gives_other_bytes_is_an_error(warehouse: Warehouse) -> None:
    amounts = iter([1, 2])

    def logic(_: Connection) -> Made:
        row = f"select 1 as sale_id, {next(amounts)} as amount"
        return Made({"sources.sales": row})

    warehouse.make(["sources.sales"], logic, code="1")
    with pytest.raises(StepError, match="came out different"):
        again(warehouse, force=True).make(["sources.sales"], logic, code="1")


def test_a_stored_model_is_kept_until_training_or_until_it_is_outdated(
    warehouse: Warehouse,
) -> None:
    sell(warehouse, 1, 2)
    assert learn(warehouse) == 2
    sell(warehouse, 1, 2, 3)
    assert learn(warehouse) == 2
    assert learn(warehouse, outdated=lambda _: None) == 2
    assert learn(warehouse, outdated=lambda _: "the question is another") == 3
    sell(warehouse, 1)
    assert learn(again(warehouse, train=True)) == 1


def test_a_release_is_refused_while_tables_do_not_fit_together(warehouse: Warehouse) -> None:
    sell(warehouse, 10)
    total(warehouse)
    published, is_new = publish(warehouse, EXPORTS)
    assert is_new
    sell(warehouse, 10, 20)
    with pytest.raises(ReleaseRefusedError, match=r"insight.totals was made from an older"):
        publish(again(warehouse), EXPORTS)
    latest = latest_release(warehouse.home.exports)
    assert latest is not None
    assert latest.name == published.name


def test_a_release_is_refused_while_a_blocking_rule_fails(warehouse: Warehouse) -> None:
    sell(warehouse, 1, 2, 3, 4)
    assert total(warehouse).failed_blocking_checks
    with pytest.raises(ReleaseRefusedError, match=r"sale_count is between .* \(1 rows\)"):
        publish(warehouse, EXPORTS)
    assert latest_release(warehouse.home.exports) is None


def test_the_same_tables_are_no_new_release(warehouse: Warehouse) -> None:
    sell(warehouse, 10)
    total(warehouse)
    first, _ = publish(warehouse, EXPORTS)
    second, is_new = publish(again(warehouse), EXPORTS)
    assert (second.name, is_new) == (first.name, False)


def test_previous_is_the_release_in_front_and_stays_so_for_the_same_inputs(
    warehouse: Warehouse,
) -> None:
    def previous(run: str, *, train: bool = False) -> str | None:
        code = warehouse.project_code
        found = previous_for_run(warehouse.store, run_id=run, code=code, train=train)
        return found.name if found else None

    sell(warehouse, 10)
    total(warehouse)
    assert previous("one") is None
    first, _ = publish(warehouse, EXPORTS)
    assert previous("idle") is None
    assert previous("training", train=True) == first.name
    sell(warehouse, 10, 20)
    assert previous("two") == first.name
    total(warehouse)
    second, _ = publish(again(warehouse, "two"), EXPORTS)
    assert previous("idle again") == first.name
    sell(warehouse, 10, 20, 300)
    assert previous("three") == second.name


def test_making_a_source_does_not_decide_which_release_is_in_front(warehouse: Warehouse) -> None:
    """It was decided before the changed source counted: the history of ids began anew."""
    sell(warehouse, 10)
    total(warehouse)
    first, _ = publish(warehouse, EXPORTS)
    run = again(warehouse, "two")
    sell(run, 10, 20)
    assert run.previous is not None
    assert run.previous.name == first.name


def test_superseded_versions_go_and_current_ones_stay(warehouse: Warehouse) -> None:
    old = sell(warehouse, 10)
    new = sell(warehouse, 20)
    store = warehouse.store
    delivery = store.folder("sources.sales") / "0123456789abcdef.json"
    delivery.write_text('{"delivery": "0123456789abcdef", "file": "sales.csv"}', encoding="utf-8")
    assert store.remove_stale(older_than_days=1) == 0
    assert store.remove_stale(older_than_days=0) == 1
    assert store.version(old.table, old.fingerprint) is None
    assert not store.parquet(old.table, old.fingerprint).exists()
    assert delivery.exists()
    assert store.version(new.table, new.fingerprint) == new
    assert store.parquet(new.table, new.fingerprint).exists()


def test_a_link_that_lags_behind_the_pointer_is_repaired(warehouse: Warehouse) -> None:
    sell(warehouse, 10)
    total(warehouse)
    release, _ = publish(warehouse, EXPORTS)
    link = warehouse.home.exports / "latest"
    link.unlink()
    link.symlink_to("releases/gone")
    repair(warehouse.home)
    assert link.resolve() == release.folder
    assert json.loads((link / "manifest.json").read_text("utf-8"))["release"] == release.name
