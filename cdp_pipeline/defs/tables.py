"""How a compiled table becomes a Dagster asset.

Belongs here: what all assets share (key, group, owner, column schema, lineage, checks, figures).
What a table holds is said in its own file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg

from cdp_pipeline.defs.resources import HomeResource
from cdp_pipeline.errors import CdpError
from cdp_pipeline.settings import Home
from cdp_pipeline.sqlmodels import Project, Table
from cdp_pipeline.warehouse import Made, TableVersion, Warehouse
from cdp_pipeline.warehouse.engine import Connection
from cdp_pipeline.warehouse.step import python_code
from cdp_pipeline.warehouse.store import Store

BLOCKING = "rules_that_block"
WARNING = "rules_that_warn"
Observed = tuple[str, Mapping[str, Any]]


def _no_settings(_: Home) -> Mapping[str, Any]:
    return {}


def _no_reads(_: Home) -> Sequence[str]:
    return ()


@dataclass(frozen=True)
class PythonStep:
    """A step whose tables are made in Python.

    Attributes
    ----------
    makes : tuple of str
        The tables it makes, ``layer.table``.
    logic : callable
        Called with the sealed connection and the home.
    code : tuple of str
        Modules whose source decides the result.
    settings : callable
        What of the home decides the result.
    outdated : callable, optional
        For a trained model: why the stored one cannot be used today, None when it can.
    more_reads : callable
        Inputs beside those the tables declare, which only the home can name.
    sees_stored : bool
        For a trained model: whether its logic judges the new one against the stored one, which it
        sees as ``stored.<table>``.
    sees_earlier : tuple of str
        Tables its logic sees as they were when it last ran, to spare work, as ``earlier.<table>``.
    observes : callable, optional
        What a newly made version shows on the pages of other tables: pairs of a table and
        metadata.
    """

    makes: tuple[str, ...]
    logic: Callable[[Connection, Home], Made]
    code: tuple[str, ...]
    settings: Callable[[Home], Mapping[str, Any]] = _no_settings
    outdated: Callable[[Connection], str | None] | None = None
    more_reads: Callable[[Home], Sequence[str]] = _no_reads
    sees_stored: bool = False
    sees_earlier: tuple[str, ...] = ()
    observes: Callable[[Store, TableVersion], Iterator[Observed]] | None = None

    def run(self, warehouse: Warehouse) -> list[TableVersion]:
        """Make the tables."""
        home = warehouse.home
        return warehouse.make(
            self.makes,
            lambda connection: self.logic(connection, home),
            code=python_code(*self.code),
            settings=self.settings(home),
            extra_reads=self.more_reads(home),
            outdated=self.outdated,
            sees_stored=self.sees_stored,
            sees_earlier=self.sees_earlier,
        )


def asset_key(table: str) -> dg.AssetKey:
    """Return the asset key of ``layer.table``."""
    return dg.AssetKey(table.split("."))


def sql_asset(table: Table, project: Project, root: Path) -> dg.AssetsDefinition:
    """Return the asset of a SQL model or staging entity."""

    def run(warehouse: Warehouse) -> list[TableVersion]:
        return warehouse.make(
            [table.name], lambda _: Made({table.name: table.sql}), code=table.code_hash
        )

    return steps_asset([table], run, project, root, kinds={"duckdb", "sql"})


def python_asset(step: PythonStep, project: Project, home: Home) -> dg.AssetsDefinition:
    """Return the asset (or assets, where one step makes several tables) of a Python step."""
    tables = [project.tables[name] for name in step.makes]
    return steps_asset(
        tables,
        step.run,
        project,
        home.root,
        kinds={"duckdb", "python"},
        extra_reads=step.more_reads(home),
        observes=step.observes,
    )


def steps_asset(
    tables: Sequence[Table],
    run: Callable[[Warehouse], list[TableVersion]],
    project: Project,
    root: Path,
    *,
    kinds: set[str],
    retries: int = 0,
    extra_reads: Sequence[str] = (),
    observes: Callable[[Store, TableVersion], Iterator[Observed]] | None = None,
) -> dg.AssetsDefinition:
    """Return the assets that one step makes, with what Dagster's pages show of them."""
    own = {table.name for table in tables}

    @dg.multi_asset(
        name=tables[0].name.replace(".", "__"),
        specs=[_spec(table, root, kinds, own, extra_reads) for table in tables],
        check_specs=[spec for table in tables for spec in _check_specs(table)],
        retry_policy=dg.RetryPolicy(max_retries=retries, delay=5) if retries else None,
    )
    def assets(home: HomeResource) -> Iterator[dg.MaterializeResult[None]]:
        warehouse = home.warehouse(project)
        before = {t.name: warehouse.store.head(t.name) for t in tables}
        try:
            versions = run(warehouse)
        except CdpError as error:
            raise dg.Failure(str(error), allow_retries=retries > 0) from None
        for version in versions:
            old = before[version.table]
            if observes and (old is None or old.content_hash != version.content_hash):
                for table, metadata in observes(warehouse.store, version):
                    seen = dg.AssetObservation(asset_key(table), metadata=dict(metadata))
                    dg.AssetExecutionContext.get().log_event(seen)
            yield _result(version, old)

    return assets


def _spec(
    table: Table, root: Path, kinds: set[str], own: set[str], extra_reads: Sequence[str]
) -> dg.AssetSpec:
    return dg.AssetSpec(
        key=asset_key(table.name),
        deps=[asset_key(read) for read in {*table.reads, *extra_reads} if read not in own],
        description=table.description,
        group_name=table.layer,
        owners=[f"team:{table.owner}"],
        kinds=kinds,
        tags={"personal": "yes"} if _is_personal(table) else {},
        metadata={
            "dagster/column_schema": dg.TableSchema(columns=[_column(c) for c in table.columns]),
            "dagster/column_lineage": _lineage(table),
            "dagster/table_name": table.name,
            "dagster/code_references": dg.CodeReferencesMetadataValue(
                code_references=[
                    dg.LocalFileCodeReference(
                        file_path=str(file), line_number=table.line if len(table.files) < 2 else 1
                    )
                    for file in (table.files or (table.file,))
                ]
            ),
            "key": ", ".join(table.key),
            "made by": _shown(table.file, root),
        },
    )


def _is_personal(table: Table) -> bool:
    return bool(table.personal - {"pseudonym"})


def _shown(file: Path, root: Path) -> str:
    return file.relative_to(root).as_posix() if file.is_relative_to(root) else file.name


def _column(column: Any) -> dg.TableColumn:
    origin = ", ".join(f"{table}.{name}" for table, name in column.lineage)
    return dg.TableColumn(
        name=column.name,
        type=column.type,
        # Open-source Dagster does not draw column lineage, so it is said in words too.
        description=f"{column.doc} (from {origin})" if origin else column.doc,
        tags={f"personal/{kind}": "" for kind in sorted(column.personal)},
    )


def _lineage(table: Table) -> dg.TableColumnLineage:
    return dg.TableColumnLineage(
        {
            column.name: [
                dg.TableColumnDep(asset_key(source), name) for source, name in column.lineage
            ]
            for column in table.columns
            if column.lineage
        }
    )


def _check_specs(table: Table) -> list[dg.AssetCheckSpec]:
    key = asset_key(table.name)
    rules = {"block": ["its key is unique and never null"], "warn": list[str]()}
    for rule in table.rules:
        rules[rule.severity].append(rule.text)
    specs = [
        dg.AssetCheckSpec(BLOCKING, asset=key, blocking=True, description="; ".join(rules["block"]))
    ]
    if table.made_by == "source":
        rules["block"] += ["columns have the types of the contract", "no row is unaccounted for"]
        rules["warn"] = ["every delivery is accepted; no row is rejected"]
    if rules["warn"]:
        specs.append(dg.AssetCheckSpec(WARNING, asset=key, description="; ".join(rules["warn"])))
    return specs


def _result(version: TableVersion, before: TableVersion | None) -> dg.MaterializeResult[None]:
    key = asset_key(version.table)
    change = version.row_count - (before.row_count if before else 0)
    figures = {name: value for name, value in version.figures.items() if name != "recipe"}
    return dg.MaterializeResult(
        asset_key=key,
        metadata={
            "dagster/row_count": version.row_count,
            "change": change,
            "seconds": version.seconds,
            "cpu seconds": version.cpu_seconds,
            "fingerprint": version.fingerprint,
            "content": version.content_hash[:16],
            **{name: _metadata(value) for name, value in figures.items()},
        },
        data_version=dg.DataVersion(version.content_hash[:20]),
        check_results=[
            partial(_check_result, key, version)(name, severity)
            for name, severity in ((BLOCKING, "block"), (WARNING, "warn"))
            if severity == "block" or any(c["severity"] == "warn" for c in version.checks)
        ],
    )


def _metadata(value: Any) -> Any:
    return value if isinstance(value, bool | int | float | str | dict | list) else str(value)


def _check_result(
    key: dg.AssetKey, version: TableVersion, name: str, severity: str
) -> dg.AssetCheckResult:
    checks = [check for check in version.checks if check["severity"] == severity]
    failed = [check for check in checks if not check["passed"]]
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=name,
        passed=not failed,
        severity=(
            dg.AssetCheckSeverity.ERROR if severity == "block" else dg.AssetCheckSeverity.WARN
        ),
        metadata={
            "rules": len(checks),
            "failing rules": len(failed),
            "failing rows": sum(check["failing_count"] for check in failed),
            "failing rows before": sum(check.get("failing_before") or 0 for check in checks),
            **{check["rule"]: _told(check) for check in failed},
            **({"drift": version.figures["drift"]} if _has_drift(version, severity) else {}),
        },
    )


def _has_drift(version: TableVersion, severity: str) -> bool:
    return severity == "warn" and "drift" in version.figures


def _told(check: Mapping[str, Any]) -> str:
    """Return what came of a rule and how that changed, as in ``12 of 3400 (9 before)``."""
    before = check.get("failing_before")
    trend = "new" if before is None else f"{before} before"
    why = f"; {check['why']}" if check.get("why") else ""
    return f"{check['failing_count']} of {check['total_count']} ({trend}){why}"
