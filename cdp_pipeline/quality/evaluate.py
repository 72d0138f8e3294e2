"""The rules of a table, evaluated on its rows by Great Expectations.

Belongs here: as few scans as possible, and results that hold counts and never values. The library
computes all rules about single rows in two queries (those about a column, those about a condition),
the key in one, each reference to another table in one. The result format asks for no values
(``BOOLEAN_ONLY``); the counts are those of the library's own metrics.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import duckdb

from cdp_pipeline.errors import StepError
from cdp_pipeline.quality.results import RuleResult
from cdp_pipeline.sqlmodels.tables import Table

if TYPE_CHECKING:
    from cdp_pipeline.quality.suites import Check

_BATCH = "_rows_to_check"
_FORMAT = {"result_format": "BOOLEAN_ONLY", "catch_exceptions": False}


def evaluate(con: duckdb.DuckDBPyConnection, table: Table, relation: str) -> list[RuleResult]:
    """Return the result of the key and of every rule of a table, in declared order.

    Parameters
    ----------
    con : duckdb.DuckDBPyConnection
        Where `relation`, and each table that a rule refers to, can be read.
    table : Table
    relation : str
        What to put after ``from``: a table, a view, or ``read_parquet('...')``.

    Raises
    ------
    StepError
        If a rule cannot be evaluated; it names table, rule and line, and no value.
    """
    # A second of imports, for which a run that evaluates nothing does not pay.
    from cdp_pipeline.quality.suites import checks

    con.execute(f"create or replace temp view {_BATCH} as select * from {relation}")
    try:
        return _results(con, table, checks(table))
    finally:
        con.execute(f"drop view {_BATCH}")


def _results(
    con: duckdb.DuckDBPyConnection, table: Table, checks: Sequence[Check]
) -> list[RuleResult]:
    from cdp_pipeline.quality.expectations import ROWS
    from cdp_pipeline.quality.library import MetricResolutionError, MetricsCalculator

    engine = _engine(con)
    needed = [check.expectation.get_validation_dependencies(engine, _FORMAT) for check in checks]
    calculator = MetricsCalculator(engine, show_progress_bars=False)
    try:
        metrics, _ = calculator.compute_metrics(
            [metric for needs in needed for metric in needs.get_metric_configurations()],
            runtime_configuration=_FORMAT,
        )
    except MetricResolutionError as error:
        raise _broken(table, checks, needed, error) from None
    results = []
    for check, needs in zip(checks, needed, strict=True):
        values = {name: metrics[c.id] for name, c in needs.metric_configurations.items()}
        # What every expectation must bring; `metrics_validate` around it would work out once
        # more which metrics are needed, at half the cost of all this.
        verdict = check.expectation._validate(
            metrics=values, execution_engine=engine, runtime_configuration=dict(_FORMAT)
        )
        # The sum over no rows is null.
        failing = check.failing(int(values[check.counted] or 0))
        total = int(values[ROWS])
        results.append(
            RuleResult(
                check.sentence, check.severity, verdict["success"], failing, total, check.why
            )
        )
    return results


def _engine(con: duckdb.DuckDBPyConnection) -> Any:
    """Return Great Expectations' engine over the open connection, with the rows as its batch."""
    from cdp_pipeline.quality.dialect import engine_over
    from cdp_pipeline.quality.library import SqlAlchemyBatchData, SqlAlchemyExecutionEngine

    engine = SqlAlchemyExecutionEngine(engine=engine_over(con), create_temp_table=False)
    rows = SqlAlchemyBatchData(engine, table_name=_BATCH, create_temp_table=False)
    engine.load_batch_data(_BATCH, rows)
    return engine


def _broken(table: Table, checks: Sequence[Check], needed: Sequence[Any], error: Any) -> StepError:
    """Say which rule cannot be evaluated, and why, without the engine's words where they quote."""
    from cdp_pipeline.warehouse.engine import in_words  # which evaluates rules by this module

    failed = {metric.id for metric in error.failed_metrics}
    cause: BaseException = error
    while cause.__cause__ is not None and not isinstance(cause, duckdb.Error):
        cause = cause.__cause__
    guilty = [
        check
        for check, needs in zip(checks, needed, strict=True)
        if failed & _ids(needs.get_metric_configurations())
    ]
    declared = f"{table.layer}/_tables.yml" if table.made_by != "entity" else "_entity.yml"
    said = "; ".join(
        f"{check.sentence} ({declared}, line {check.line})" if check.line else check.sentence
        for check in guilty
    )
    return StepError(
        f"{table.name}: a rule cannot be evaluated: {said}: {in_words(cause)}.",
        "Correct the rule, or the column it is about.",
    )


def _ids(configurations: Sequence[Any]) -> set[Any]:
    """Return the ids of metrics and of all they depend on."""
    found = set()
    for configuration in configurations:
        found.add(configuration.id)
        found |= _ids(list(configuration.metric_dependencies.values()))
    return found
