"""Tables before they are compiled: what each file declares, put together by table.

Belongs here: making one `Draft` per table out of SQL files, ``_tables.yml``, ``_entity.yml`` and
contracts, and what is wrong with that alone: twice the same table, an entry without a file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cdp_pipeline.sqlmodels.declarations import (
    TABLE_NAME,
    Declaration,
    LayerDeclarations,
    entity_declaration,
    layer_declarations,
    layers_in_order,
)
from cdp_pipeline.sqlmodels.entities import (
    CARRIED_FROM,
    CARRIED_TO,
    attributes_sql,
    entity_sql,
    further_columns,
)
from cdp_pipeline.sqlmodels.files import TABLES_FILE, ProjectFiles
from cdp_pipeline.sqlmodels.house_rules import text_problems
from cdp_pipeline.sqlmodels.problems import Problem
from cdp_pipeline.sqlmodels.statements import ParsedModel, parse_model, parse_text
from cdp_pipeline.sqlmodels.tables import PREVIOUS, MadeBy, SourceTableLike


@dataclass
class Draft:
    """A table as declared.

    `model` is its statement (for an entity the compiled union), `parts` the files an entity is
    the union of. `file` and `line` are where it is declared.
    """

    name: str
    made_by: MadeBy
    file: Path
    line: int
    declaration: Declaration | None = None
    model: ParsedModel | None = None
    parts: tuple[ParsedModel, ...] = ()
    source: SourceTableLike | None = None
    reads: tuple[str, ...] = ()
    previous_reads: tuple[str, ...] = ()

    @property
    def layer(self) -> str:
        """Return the layer's name."""
        return self.name.split(".", 1)[0]

    def place_of_read(self, name: str) -> tuple[Path, int]:
        """Return the file and line where a table is read."""
        for model in (*self.parts, *([] if self.model is None else [self.model])):
            if any(read.name == name for read in model.reads):
                return model.path, model.read_line(name)
        if self.declaration is not None and name in self.declaration.spec.reads:
            position = self.declaration.spec.reads.index(name)
            return self.file, self.declaration.line("reads", position)
        return self.file, self.line


@dataclass
class Drafts:
    """All drafts by table, the layers in order, and what each layer may read of `previous`.

    `places` says by layer and table where a table of the last release is declared.
    """

    layers: tuple[str, ...]
    drafts: dict[str, Draft] = field(default_factory=dict)
    previous: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict)
    places: dict[tuple[str, str], tuple[Path, int]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def add(self, draft: Draft) -> None:
        """Add a draft unless its table is made already."""
        if (other := self.drafts.get(draft.name)) is not None:
            self.problems.append(
                Problem(
                    draft.file,
                    draft.line,
                    f"{draft.name} is made twice; the other is {other.file.name}, line"
                    f" {other.line}",
                    "a table is made by one file: rename or remove one of them",
                    "duplicate",
                )
            )
            return
        self.drafts[draft.name] = draft


def read_drafts(
    files: ProjectFiles, sources: Sequence[SourceTableLike], problems: list[Problem]
) -> Drafts:
    """Return a draft of every table of the project."""
    found = Drafts(layers_in_order(files.layers, problems), problems=problems)
    for source in sources:
        found.add(Draft(source.name, "source", source.file, source.line, source=source))
    for entity in files.entities:
        _add_entity(found, entity, files)
    declared = {layer: _merged(paths, problems) for layer, paths in files.declarations.items()}
    for layer, declarations in declared.items():
        if declarations.previous:
            found.previous[layer] = declarations.previous
        for table, place in declarations.previous_places.items():
            found.places[(layer, table)] = place
        _add_python_tables(found, layer, declarations)
    for name, path in files.models.items():
        _add_model(found, name, path, declared.get(name.split(".", 1)[0]))
    _check_entries(found, declared, files)
    _check_names(found, files)
    return found


def published_names(layers: Sequence[str], names: Iterable[str]) -> dict[str, str]:
    """Return for each bare name the table it stands for in a release: the highest layer's."""
    rank = {layer: position for position, layer in enumerate(layers)}
    return {
        name.split(".", 1)[1]: name
        for name in sorted(names, key=lambda name: rank.get(name.split(".", 1)[0], 0))
    }


def _merged(paths: Sequence[Path], problems: list[Problem]) -> LayerDeclarations:
    """Return the declarations of a layer, the home's entries over the package's."""
    merged = LayerDeclarations({}, {}, {}, frozenset())
    for path in paths:
        one = layer_declarations(path, problems)
        merged = LayerDeclarations(
            merged.tables | one.tables,
            merged.previous | one.previous,
            merged.previous_places | one.previous_places,
            merged.names | one.names,
            merged.is_valid and one.is_valid,
        )
    return merged


def _add_python_tables(found: Drafts, layer: str, declarations: LayerDeclarations) -> None:
    prefix = f"{PREVIOUS}."
    for bare, declaration in declarations.tables.items():
        if declaration.spec.made_by != "python":
            continue
        reads = declaration.spec.reads
        found.add(
            Draft(
                f"{layer}.{bare}",
                "python",
                declaration.file,
                declaration.line(),
                declaration,
                reads=tuple(sorted({read for read in reads if not read.startswith(prefix)})),
                previous_reads=tuple(
                    sorted({r.removeprefix(prefix) for r in reads if r.startswith(prefix)})
                ),
            )
        )


def _add_model(
    found: Drafts, name: str, path: Path, declarations: LayerDeclarations | None
) -> None:
    model = parse_model(path, found.problems)
    found.problems.extend(text_problems(model))
    bare = name.split(".", 1)[1]
    declaration = declarations.tables.get(bare) if declarations else None
    is_known = declarations and (bare in declarations.names or not declarations.is_valid)
    if declaration is None and not is_known:
        found.problems.append(
            Problem(
                path,
                1,
                f"{name} has no owner and no key",
                f"add to {path.parent.name}/{TABLES_FILE}: {bare}: {{owner: ..., key: [...]}}",
                "declaration",
            )
        )
    if declaration is not None and declaration.spec.made_by == "sql":
        _refuse_python_fields(found, declaration)
    found.add(
        Draft(
            name,
            "sql",
            path,
            1,
            declaration,
            model,
            reads=model.table_reads,
            previous_reads=model.previous_reads,
        )
    )


def _refuse_python_fields(found: Drafts, declaration: Declaration) -> None:
    for name in ("description", "columns", "reads"):
        if getattr(declaration.spec, name):
            found.problems.append(
                Problem(
                    declaration.file,
                    declaration.line(name),
                    f"{name} of a SQL model is declared in YAML",
                    "remove it here: the SQL file says it (head comment, last SELECT, from)",
                    "declaration",
                )
            )


def _add_entity(found: Drafts, entity: str, files: ProjectFiles) -> None:
    path = files.entities[entity]
    parts = tuple(parse_model(file, found.problems) for file in files.staging.get(entity, ()))
    for part in parts:
        found.problems.extend(text_problems(part, needs_docs=False))
    if path is None:
        found.problems.append(
            Problem(
                parts[0].path,
                1,
                f"there is no entity {entity}",
                "the entities are the folders with an _entity.yml; move the file or declare one",
                "entity",
            )
        )
        return
    declaration = entity_declaration(path, found.problems)
    if declaration is None:
        return
    columns = {name: column.type for name, column in declaration.spec.columns.items()}
    sql = entity_sql(columns, parts)
    if entity == CARRIED_TO:
        sql, parts = _with_carried(columns, parts, files)
    # The union is ours: what is wrong with it is wrong in a part, and said there.
    model = parse_text(path, sql, [])
    found.add(
        Draft(
            f"staging.{entity}",
            "entity",
            path,
            1,
            declaration,
            model,
            parts,
            reads=_entity_reads(f"staging.{entity}", parts, declaration),
            previous_reads=tuple(sorted({read for part in parts for read in part.previous_reads})),
        )
    )


def _entity_reads(
    name: str, parts: Sequence[ParsedModel], declaration: Declaration
) -> tuple[str, ...]:
    """Return what an entity's files read, and what its rules refer to: they see both."""
    read = {read for part in parts for read in part.table_reads}
    referred = {rule.table for rule in declaration.rules if rule.table}
    return tuple(sorted((read | referred) - {name}))


def _with_carried(
    columns: Mapping[str, str], own: tuple[ParsedModel, ...], files: ProjectFiles
) -> tuple[str, tuple[ParsedModel, ...]]:
    """Return the attribute table's SQL and its files, those of customer records included."""
    path = files.entities.get(CARRIED_FROM)
    declaration = entity_declaration(path, []) if path is not None else None
    if declaration is None:
        return entity_sql(columns, own), own
    carried = {}
    for file in files.staging.get(CARRIED_FROM, ()):
        model = parse_model(file, [])
        if further := further_columns(model, {name: "" for name in declaration.spec.columns}):
            carried[file.stem] = (model, further)
    models = tuple(model for model, _ in carried.values())
    return attributes_sql(columns, own, carried), (*own, *models)


def _check_entries(
    found: Drafts, declared: Mapping[str, LayerDeclarations], files: ProjectFiles
) -> None:
    for layer, declarations in declared.items():
        for bare, declaration in declarations.tables.items():
            if declaration.spec.made_by == "sql" and f"{layer}.{bare}" not in files.models:
                found.problems.append(
                    Problem(
                        declaration.file,
                        declaration.line(),
                        f"there is no {layer}/{bare}.sql",
                        "remove the entry, write the file, or say made_by: python",
                        "declaration",
                    )
                )


def _check_names(found: Drafts, files: ProjectFiles) -> None:
    for path in files.stray:
        found.problems.append(
            Problem(
                path,
                1,
                "no table is made from a SQL file in this place",
                "put it at <layer>/<table>.sql or staging/<entity>/<source>.sql",
                "place",
            )
        )
    for draft in list(found.drafts.values()):
        if draft.layer not in found.layers:
            message, hint = f"there is no layer {draft.layer}", "the layers are in layers.yml"
            del found.drafts[draft.name]
        elif not all(TABLE_NAME.fullmatch(part) for part in draft.name.split(".")):
            message, hint = f"{draft.name} is no table name", "use lower case, digits and _"
        else:
            continue
        found.problems.append(Problem(draft.file, draft.line, message, hint, "place"))
