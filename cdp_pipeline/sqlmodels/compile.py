"""Drafts in order, compiled: types, lineage, and what only shows then.

Belongs here: one pass over the tables, each declared to the dry run and to the tracer so that the
next can read it. A table that fails is left out, and with it all that read it, so that one
mistake is one error.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from cdp_pipeline.quality.conditions import compile_check
from cdp_pipeline.sqlmodels.column_lineage import KnownTables, LineageError
from cdp_pipeline.sqlmodels.declarations import Declaration
from cdp_pipeline.sqlmodels.drafts import Draft, Drafts, published_names
from cdp_pipeline.sqlmodels.dry_run import DryRun, DryRunError
from cdp_pipeline.sqlmodels.entities import misfits
from cdp_pipeline.sqlmodels.house_rules import type_problems, unused_allowances
from cdp_pipeline.sqlmodels.problems import Problem
from cdp_pipeline.sqlmodels.statements import ParsedModel
from cdp_pipeline.sqlmodels.tables import PREVIOUS, Column, ColumnName, Rule, Table

Lineages = Mapping[str, tuple[ColumnName, ...]]
"""For each column of a statement the columns it is made of."""


def compile_drafts(
    found: Drafts, order: Sequence[str], problems: list[Problem]
) -> dict[str, Table]:
    """Return the compiled tables, in the given order."""
    with DryRun() as dry_run:
        compiler = _Compiler(dry_run, found, problems)
        for name in order:
            compiler.add(found.drafts[name])
        compiler.check_previous()
    return compiler.tables


class _Compiler:
    """Compiles one draft after another against all that came before."""

    def __init__(self, dry_run: DryRun, found: Drafts, problems: list[Problem]) -> None:
        self.dry_run, self.found, self.problems = dry_run, found, problems
        self.previous = found.previous
        self.previous_types: dict[tuple[str, str], dict[str, str]] = {}
        self.known = KnownTables()
        self.tables: dict[str, Table] = {}
        self.layer = ""

    def add(self, draft: Draft) -> None:
        """Compile a draft if all it reads compiled."""
        if draft.layer != self.layer:
            self.layer = draft.layer
            self._declare_previous()
        if any(read not in self.tables for read in draft.reads):
            return
        if any(read not in self.previous.get(draft.layer, {}) for read in draft.previous_reads):
            return
        before = len(self.problems)
        if draft.source is not None:
            table = self._source_table(draft)
        elif draft.model is not None:
            table = self._sql_table(draft, draft.model)
        else:
            table = self._python_table(draft)
        if table is None:
            return
        self.tables[draft.name] = table
        if len(self.problems) == before:
            self._check_declaration(draft, table)

    def _problem(self, file: Path, line: int, message: str, hint: str, rule: str) -> None:
        self.problems.append(Problem(file, line, message, hint, rule))

    def _declare(self, draft: Draft, columns: Mapping[str, str]) -> dict[str, str] | None:
        """Make the table known to what comes after; None if its types are none."""
        try:
            types = self.dry_run.declare(draft.name, columns)
        except DryRunError as error:
            self._problem(
                draft.file, draft.line, error.message, "declare types that DuckDB has", "types"
            )
            return None
        self.known.add(draft.name, types)
        return types

    def _declare_previous(self) -> None:
        """Show the layer its columns of the last release, in place of another layer's."""
        for table, columns in self.previous.get(self.layer, {}).items():
            name = f"{PREVIOUS}.{table}"
            self.dry_run.forget(name)
            try:
                types = self.dry_run.declare(name, columns)
                self.known.add(name, types)
                self.previous_types[(self.layer, table)] = types
            except DryRunError as error:
                self._previous_problem(self.layer, table, error.message)

    def _source_table(self, draft: Draft) -> Table | None:
        source = draft.source
        assert source is not None
        types = self._declare(draft, {name: c.type for name, c in source.columns.items()})
        if types is None:
            return None
        columns = tuple(
            Column(name, types[name], c.doc, frozenset({c.personal}) - {"none"}, line=draft.line)
            for name, c in source.columns.items()
        )
        return Table(
            name=draft.name,
            layer=draft.layer,
            made_by="source",
            sql="",
            file=draft.file,
            line=draft.line,
            description=source.description,
            owner=source.owner,
            key=tuple(source.key),
            reads=(),
            columns=columns,
            code_hash=_columns_hash(types),
            files=(draft.file,),
        )

    def _python_table(self, draft: Draft) -> Table | None:
        declaration = draft.declaration
        assert declaration is not None
        spec = declaration.spec
        types = self._declare(draft, {name: c.type for name, c in spec.columns.items()})
        if types is None:
            return None
        columns = tuple(
            Column(
                name,
                types[name],
                column.doc,
                column.personal,
                tuple(self._declared_origins(draft, declaration, name, column.from_)),
                tuple(sorted(column.drops.items())),
                declaration.line("columns", name),
            )
            for name, column in spec.columns.items()
        )
        return self._table(draft, "", spec.description, columns, _columns_hash(types))

    def _declared_origins(
        self, draft: Draft, declaration: Declaration, column: str, origins: tuple[str, ...]
    ) -> list[ColumnName]:
        found = []
        for origin in origins:
            table, _, name = origin.rpartition(".")
            if table in draft.reads and name in self.tables[table].column:
                found.append((table, name))
                continue
            self._problem(
                draft.file,
                declaration.line("columns", column, "from"),
                f"{column} comes from {origin}, which is no column of a table in reads",
                "write layer.table.column, and add the table to reads",
                "lineage",
            )
        return sorted(found)

    def _sql_table(self, draft: Draft, model: ParsedModel) -> Table | None:
        for part in draft.parts:
            if not self._part_fits(draft, part):
                return None
        types = self._types(model)
        if types is None:
            return None
        if draft.made_by == "sql":
            self._check_code(model)
        traced = self._trace(model, draft.parts)
        if traced is None:
            return None
        declared = self._declare(draft, types)
        assert declared is not None
        if draft.made_by == "entity":
            columns = self._entity_columns(draft, types, traced)
            assert draft.declaration is not None
            description = draft.declaration.spec.description
        else:
            columns = self._model_columns(model, types, traced)
            description = model.description
        return self._table(draft, model.sql, description, columns, model.code_hash)

    def _table(
        self,
        draft: Draft,
        sql: str,
        description: str,
        columns: tuple[Column, ...],
        code_hash: str,
    ) -> Table:
        declaration = draft.declaration
        return Table(
            name=draft.name,
            layer=draft.layer,
            made_by=draft.made_by,
            sql=sql,
            file=draft.file,
            line=draft.line,
            description=description,
            owner=declaration.spec.owner if declaration else "",
            key=declaration.spec.key if declaration else (),
            reads=draft.reads,
            columns=columns,
            rules=declaration.rules if declaration else (),
            previous_reads=draft.previous_reads,
            code_hash=code_hash,
            files=(draft.file, *(part.path for part in draft.parts)),
        )

    def _part_fits(self, draft: Draft, part: ParsedModel) -> bool:
        """Check one file of an entity by itself; the union then cannot fail."""
        types = self._types(part)
        if types is None:
            return False
        if part.path.parent.name != draft.name.split(".")[1]:
            return True  # carried customer records are checked with their own entity
        self._check_code(part)
        assert draft.declaration is not None
        found = misfits(part.path.parent.name, draft.declaration, part, types)
        self.problems.extend(found)
        return not found

    def _types(self, model: ParsedModel) -> dict[str, str] | None:
        if model.tree is None:
            return None
        try:
            types = self.dry_run.types(model.sql)
        except DryRunError as error:
            line = model.tokens[0].line + error.line - 1
            self._problem(
                model.path, line, error.message, "mend the statement: it does not compile", "engine"
            )
            return None
        for projection in model.projections:
            if types.get(projection.name) == '"null"':
                self._problem(
                    model.path,
                    projection.line,
                    f"{projection.name} is null of no type",
                    "cast it: cast(null as varchar)",
                    "types",
                )
                return None
        return types

    def _trace(self, model: ParsedModel, parts: Sequence[ParsedModel] = ()) -> Lineages | None:
        """Return the lineage of a statement, whose tree is used up by it.

        Where a union cannot be traced, the part of it that cannot is to blame.
        """
        assert model.tree is not None
        try:
            return self.known.trace(model.tree)
        except LineageError as error:
            if parts:
                for part in parts:
                    self._trace(part)
                return None
            lines = {projection.name: projection.line for projection in model.projections}
            self._problem(
                model.path,
                lines.get(error.column, error.line),
                f"the lineage cannot be traced: {error.message}",
                "name the table of every column, and write lateral subqueries as joins",
                "lineage",
            )
            return None

    def _check_code(self, model: ParsedModel) -> None:
        """Add what the house rules say once types are known; the last of them to be asked."""
        self.problems.extend(type_problems(model, self.dry_run))
        self.problems.extend(unused_allowances(model))

    def _model_columns(
        self, model: ParsedModel, types: Mapping[str, str], traced: Lineages
    ) -> tuple[Column, ...]:
        written = {projection.name: projection for projection in model.projections}
        return tuple(
            Column(
                name,
                kind,
                written[name].doc if name in written else "",
                lineage=traced.get(name, ()),
                drops=written[name].drops if name in written else (),
                line=written[name].line if name in written else 1,
            )
            for name, kind in types.items()
        )

    def _entity_columns(
        self, draft: Draft, types: Mapping[str, str], traced: Lineages
    ) -> tuple[Column, ...]:
        assert draft.declaration is not None
        specs = draft.declaration.spec.columns
        return tuple(
            Column(
                name,
                kind,
                specs[name].doc,
                specs[name].personal,
                traced.get(name, ()),
                tuple(sorted(specs[name].drops.items())),
                draft.declaration.line("columns", name),
            )
            for name, kind in types.items()
        )

    def _check_declaration(self, draft: Draft, table: Table) -> None:
        """Check that key and rules name what is there."""
        declaration = draft.declaration
        if declaration is None:
            return
        for name in table.key:
            if name not in table.column:
                self._problem(
                    declaration.file,
                    declaration.line("key"),
                    f"{name} is in the key of {table.name} and none of its columns",
                    f"its columns are {', '.join(table.column)}",
                    "key",
                )
        for rule in table.rules:
            problem = self._rule_problem(table, rule)
            if problem is not None:
                hint = f"the columns are {', '.join(table.column)}"
                self._problem(declaration.file, rule.line, problem, hint, "rule")

    def _rule_problem(self, table: Table, rule: Rule) -> str | None:
        """Return what is wrong with a rule, None if it can be evaluated."""
        if rule.kind == "refers_to" and rule.table not in (*table.reads, table.name):
            return f"the rule refers to {rule.table}, which {table.name} does not read"
        try:
            self.dry_run.types(compile_check(rule, table.name))
        except DryRunError as error:
            return f"the rule cannot be evaluated: {error.message}"
        return None

    def check_previous(self) -> None:
        """Check that what is read of the last release is what today's tables publish."""
        today = published_names(self.found.layers, self.found.drafts)
        for (layer, bare), types in self.previous_types.items():
            if bare not in today:
                self._previous_problem(layer, bare, "there is no table of this name")
            elif (table := self.tables.get(today[bare])) is not None:
                self._check_previous_columns(layer, table, types)

    def _check_previous_columns(self, layer: str, table: Table, types: Mapping[str, str]) -> None:
        for name, kind in types.items():
            if name not in table.column:
                self._previous_problem(layer, table.bare_name, f"{table.name} has no {name}")
            elif table.column[name].type != kind:
                self._previous_problem(
                    layer,
                    table.bare_name,
                    f"{name} is {kind} here and {table.column[name].type} in {table.name}",
                )

    def _previous_problem(self, layer: str, table: str, message: str) -> None:
        file, line = self.found.places[(layer, table)]
        self._problem(
            file,
            line,
            f"_previous.{table}: {message}",
            "declare the columns as the table publishes them",
            "previous",
        )


def _columns_hash(types: Mapping[str, str]) -> str:
    return hashlib.sha256(repr(sorted(types.items())).encode()).hexdigest()
