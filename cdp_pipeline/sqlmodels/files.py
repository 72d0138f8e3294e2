"""Where the SQL lies: a home's own files over the package's.

Belongs here: finding files and deciding which one counts. Staging SQL is the home's own; every
other file comes from the package unless the home has one of the same relative path, and the
entries of a home's ``_tables.yml`` lie over the package's entries one by one.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

TABLES_FILE = "_tables.yml"
ENTITY_FILE = "_entity.yml"


@dataclass(frozen=True)
class ProjectFiles:
    """The files of a home.

    Parameters
    ----------
    layers : Path
        ``layers.yml``.
    models : dict[str, Path]
        SQL files outside staging by ``layer.table``.
    declarations : dict[str, tuple[Path, ...]]
        The ``_tables.yml`` files of each layer; a later one lies over an earlier one.
    entities : dict[str, Path | None]
        ``_entity.yml`` by entity, None where the folder lacks one.
    staging : dict[str, tuple[Path, ...]]
        The home's SQL files of each entity, by name.
    stray : tuple[Path, ...]
        SQL files in places where no table is made.
    """

    layers: Path
    models: dict[str, Path]
    declarations: dict[str, tuple[Path, ...]]
    entities: dict[str, Path | None]
    staging: dict[str, tuple[Path, ...]]
    stray: tuple[Path, ...]

    def every(self) -> list[Path]:
        """Return every file that the compiled project depends on, each once."""
        paths = {self.layers, *self.models.values(), *self.stray}
        paths.update(path for files in self.declarations.values() for path in files)
        paths.update(path for path in self.entities.values() if path is not None)
        paths.update(path for files in self.staging.values() for path in files)
        return sorted(paths)


def find_files(home_sql: Path, package_sql: Path) -> ProjectFiles:
    """Return the files that make up a home's project."""
    roots = (package_sql,) if _same(home_sql, package_sql) else (package_sql, home_sql)
    models: dict[str, Path] = {}
    declarations: dict[str, list[Path]] = {}
    stray: list[Path] = []
    for root in roots:
        for folder in _folders(root):
            if folder.name == "staging":
                continue
            if (tables := folder / TABLES_FILE).is_file():
                declarations.setdefault(folder.name, []).append(tables)
            for path in sorted(folder.rglob("*.sql")):
                if folder.name == "sources" or path.parent != folder:
                    stray.append(path)
                else:
                    models[f"{folder.name}.{path.stem}"] = path
    return ProjectFiles(
        layers=_first(home_sql / "layers.yml", package_sql / "layers.yml"),
        models=models,
        declarations={layer: tuple(paths) for layer, paths in declarations.items()},
        entities=_entities(roots),
        staging={
            folder.name: tuple(sorted(folder.glob("*.sql")))
            for folder in _folders(home_sql / "staging")
        },
        stray=(*stray, *sorted((home_sql / "staging").glob("*.sql"))),
    )


def _entities(roots: tuple[Path, ...]) -> dict[str, Path | None]:
    entities: dict[str, Path | None] = {}
    for root in roots:
        for folder in _folders(root / "staging"):
            path = folder / ENTITY_FILE
            if path.is_file():
                entities[folder.name] = path
            elif any(folder.glob("*.sql")):
                entities.setdefault(folder.name, None)
    return entities


def _folders(root: Path) -> list[Path]:
    return sorted(path for path in root.iterdir() if path.is_dir()) if root.is_dir() else []


def _same(left: Path, right: Path) -> bool:
    return left.resolve() == right.resolve()


def _first(*paths: Path) -> Path:
    return next((path for path in paths if path.is_file()), paths[-1])
