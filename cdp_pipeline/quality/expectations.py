"""The expectations that Great Expectations does not bring, and their metrics.

Belongs here: what a table's rules need beyond the stock expectations, each as one count of rows.
Those about single rows are aggregates, which the library computes together with its own in one
query; the key and references to other tables take a query each. None reads a value out of the
database, only counts.
"""

from __future__ import annotations

from typing import Any, ClassVar

from cdp_pipeline.quality.conditions import identifier
from cdp_pipeline.quality.library import (
    BatchExpectation,
    ColumnMapExpectation,
    ColumnMapMetricProvider,
    MetricDomainTypes,
    MetricPartialFunctionTypes,
    SqlAlchemyExecutionEngine,
    TableMetricProvider,
    column_condition_partial,
    metric_partial,
    metric_value,
    sa,
)

ROWS = "table.row_count"


class _CountOfRows(BatchExpectation):
    """Holds when a metric that counts rows says none."""

    counted: ClassVar[str] = ""

    def _validate(self, metrics: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {"success": not metrics[self.counted]}


class RowsBreakingCondition(TableMetricProvider):
    """Rows for which a condition is false; where it is null it counts as kept."""

    metric_name = "rows.breaking_condition"
    value_keys = ("condition",)

    @metric_partial(
        engine=SqlAlchemyExecutionEngine,
        partial_fn_type=MetricPartialFunctionTypes.AGGREGATE_FN,
        domain_type=MetricDomainTypes.TABLE,
    )
    def _sqlalchemy(
        cls, metric_domain_kwargs: Any, metric_value_kwargs: Any, **_: Any
    ) -> tuple[Any, Any, Any]:
        condition: sa.ColumnElement[bool] = sa.literal_column(
            f"(not ({metric_value_kwargs['condition']}))"
        )
        return sa.func.count().filter(condition), metric_domain_kwargs, {}


class ExpectRowsToKeepCondition(_CountOfRows):
    """A SQL condition is true, or null, for every row."""

    condition: str
    counted: ClassVar[str] = RowsBreakingCondition.metric_name
    metric_dependencies: ClassVar[tuple[str, ...]] = (ROWS, counted)
    success_keys: ClassVar[tuple[str, ...]] = ("condition",)


class RowsSharingKey(TableMetricProvider):
    """Rows whose key another row has too.

    Tables are written in the order of their key, so one pass that finds each key greater than the
    one before usually proves that it is unique, at a fifth of the cost of grouping by it. In
    whatever order the rows come: where each key is greater than the last, no two are equal.
    """

    metric_name = "rows.sharing_key"
    value_keys = ("columns",)

    @metric_value(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(
        cls,
        execution_engine: SqlAlchemyExecutionEngine,
        metric_domain_kwargs: Any,
        metric_value_kwargs: Any,
        metrics: Any,
        **_: Any,
    ) -> int:
        relation = _relation(execution_engine, metric_domain_kwargs)
        columns = metric_value_kwargs["columns"]
        ascending = _number(execution_engine, _ascending_sql(relation, columns))
        if ascending >= metrics[ROWS] - 1:
            return 0
        return _number(execution_engine, _repeated_sql(relation, columns))

    @classmethod
    def _get_evaluation_dependencies(cls, metric: Any, **_: Any) -> dict[str, Any]:
        return {ROWS: type(metric)(ROWS, metric.metric_domain_kwargs)}


class ExpectKeyToBeUnique(_CountOfRows):
    """No two rows have the same values in the key's columns."""

    columns: list[str]
    counted: ClassVar[str] = RowsSharingKey.metric_name
    metric_dependencies: ClassVar[tuple[str, ...]] = (ROWS, counted)
    success_keys: ClassVar[tuple[str, ...]] = ("columns",)


class RowsReferringNowhere(TableMetricProvider):
    """Rows whose reference is complete and leads to no row of the other table."""

    metric_name = "rows.referring_nowhere"
    value_keys = ("columns", "other_table", "other_columns")

    @metric_value(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(
        cls,
        execution_engine: SqlAlchemyExecutionEngine,
        metric_domain_kwargs: Any,
        metric_value_kwargs: Any,
        **_: Any,
    ) -> int:
        columns = metric_value_kwargs["columns"]
        pairs = zip(columns, metric_value_kwargs["other_columns"], strict=True)
        on = " and ".join(f"here.{identifier(a)} = there.{identifier(b)}" for a, b in pairs)
        complete = " and ".join(f"here.{identifier(column)} is not null" for column in columns)
        return _number(
            execution_engine,
            f"select count(*) from {_relation(execution_engine, metric_domain_kwargs)} as here"
            f" anti join {metric_value_kwargs['other_table']} as there on {on} where {complete}",
        )


class ExpectColumnsToReferToTable(_CountOfRows):
    """Every complete reference leads to a row of another table."""

    columns: list[str]
    other_table: str
    other_columns: list[str]
    counted: ClassVar[str] = RowsReferringNowhere.metric_name
    metric_dependencies: ClassVar[tuple[str, ...]] = (ROWS, counted)
    success_keys: ClassVar[tuple[str, ...]] = ("columns", "other_table", "other_columns")


class ColumnValuesMatchWholly(ColumnMapMetricProvider):
    """Whether the whole value matches a regular expression.

    The library's own metric has no words for DuckDB, and asks whether a part matches.
    """

    condition_metric_name = "column_values.match_wholly"
    condition_value_keys = ("regex",)

    @column_condition_partial(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(cls, column: Any, regex: str, **_: Any) -> Any:
        return sa.func.regexp_full_match(column, regex)


class ExpectColumnValuesToMatchWholly(ColumnMapExpectation):
    """Every value matches a regular expression from its first character to its last."""

    regex: str
    map_metric: ClassVar[str] = ColumnValuesMatchWholly.condition_metric_name
    success_keys: ClassVar[tuple[str, ...]] = ("regex", "mostly")


class ColumnsOfOtherType(TableMetricProvider):
    """Declared columns that are missing or have another type."""

    metric_name = "columns.of_other_type"
    value_keys = ("types",)

    @metric_value(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(cls, metric_value_kwargs: Any, metrics: Any, **_: Any) -> int:
        found = {c["name"]: str(c["type"]).lower() for c in metrics["table.column_types"]}
        declared = metric_value_kwargs["types"]
        return sum(1 for name, kind in declared.items() if found.get(name) != kind)

    @classmethod
    def _get_evaluation_dependencies(cls, metric: Any, **_: Any) -> dict[str, Any]:
        name = "table.column_types"
        return {name: type(metric)(name, metric.metric_domain_kwargs, {"include_nested": True})}


class ExpectColumnTypesToBe(_CountOfRows):
    """Every declared column is there, with the declared type."""

    types: dict[str, str]
    counted: ClassVar[str] = ColumnsOfOtherType.metric_name
    metric_dependencies: ClassVar[tuple[str, ...]] = (ROWS, counted)
    success_keys: ClassVar[tuple[str, ...]] = ("types",)


def _relation(engine: SqlAlchemyExecutionEngine, domain: Any) -> str:
    selectable, _, _ = engine.get_compute_domain(domain, domain_type=MetricDomainTypes.TABLE)
    return identifier(selectable.name)


def _number(engine: SqlAlchemyExecutionEngine, query: str) -> int:
    count: int = engine.execute_query(sa.text(query.replace(":", "\\:"))).fetchall()[0][0]
    return count


def _ascending_sql(relation: str, columns: list[str]) -> str:
    """Return the query that counts the rows whose key is greater than that of the row before."""
    listed = ", ".join(map(identifier, columns))
    befores = ", ".join(
        f"lag({identifier(column)}) over () as before_{place}"
        for place, column in enumerate(columns)
    )
    greater = "false"
    for place, column in reversed(list(enumerate(columns))):
        here, before = identifier(column), f"before_{place}"
        greater = f"({here} > {before} or ({here} = {before} and {greater}))"
    return (
        f"select count(*) filter (where {greater}) from (select {listed}, {befores}"
        f" from {relation})"
    )


def _repeated_sql(relation: str, columns: list[str]) -> str:
    listed = ", ".join(map(identifier, columns))
    return (
        "select coalesce(sum(row_count), 0)::bigint from (select count(*) as row_count"
        f" from {relation} group by {listed} having count(*) > 1)"
    )
