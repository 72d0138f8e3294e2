"""One step: is it needed, run it, write its tables in key order, check them.

Determinism is the writer's work: it orders rows by the table's key, casts to the declared types
and pins compression and row-group size, so that the same rows give the same bytes whatever the
number of threads or the order they arrived in.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import psutil
import pyarrow.parquet as pq

from cdp_pipeline.errors import StepError
from cdp_pipeline.quality import RuleResult, evaluate, with_trend
from cdp_pipeline.settings import Home
from cdp_pipeline.sqlmodels import Project, Table
from cdp_pipeline.warehouse.engine import (
    Connection,
    identifier,
    literal,
    sealed_connection,
    translated,
)
from cdp_pipeline.warehouse.previous import MODEL_SUFFIX, Release, previous_for_run, view_sql
from cdp_pipeline.warehouse.store import Store, TableVersion, file_hash, fingerprint_of

log = logging.getLogger("cdp_pipeline.steps")

_WRITER = 1
_DECIDING = tuple(
    f"cdp_pipeline.{package}"
    for package in (
        "ingest",
        "identity",
        "explain",
        "insight",
        "prediction",
        "action",
        "export",
        "report",
        "defs",
        "warehouse",
    )
)
_DATA = (".csv", ".yml", ".json", ".txt", ".j2")
_PARQUET = "format parquet, compression zstd, row_group_size 122880"


@dataclass(frozen=True)
class Made:
    """What a step's logic hands to the writer.

    Attributes
    ----------
    tables : mapping
        Table name to a SELECT (or temporary table) valid in the step's connection.
    figures : mapping
        Figures worth seeing beside row counts, without any personal value.
    """

    tables: Mapping[str, str]
    figures: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RunContext:
    """What is common to all steps of one run.

    Attributes
    ----------
    run_id : str
    train : bool
        Whether models are trained anew although a stored one would do.
    force : bool
        Whether steps run although their result exists; the bytes must come out the same.
    """

    run_id: str
    train: bool = False
    force: bool = False


@dataclass
class Taken:
    """What a step took: wall and processor seconds, and those of its rules among them."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    check_cpu_seconds: float = 0.0


@dataclass(frozen=True)
class _Job:
    """Everything about one run of one step but its logic."""

    layer: str
    tables: Sequence[Table]
    inputs: Mapping[str, TableVersion]
    previous: Sequence[str]
    fingerprint: str
    hashes: Mapping[str, str]
    recipe: str
    files: tuple[Path, ...]
    earlier: Mapping[str, TableVersion] = field(default_factory=dict)


class Warehouse:
    """The tables of one home, and the steps that make them.

    Parameters
    ----------
    home : Home
    project : Project
        The compiled models.
    run : RunContext
    """

    def __init__(self, home: Home, project: Project, run: RunContext) -> None:
        self.home = home
        self.project = project
        self.run = run
        self.store = Store(home)

    @cached_property
    def previous(self) -> Release | None:
        """The release in front of the one this run makes."""
        return previous_for_run(
            self.store, run_id=self.run.run_id, code=self.project_code, train=self.run.train
        )

    @cached_property
    def project_code(self) -> str:
        """Hash of all SQL and of the Python that decides what tables hold."""
        models = {name: table.code_hash for name, table in self.project.tables.items()}
        return fingerprint_of({"models": models, "python": python_code(*_DECIDING)})

    def table(self, name: str) -> Table:
        """Return a compiled table by name."""
        return self.project.tables[name]

    def make(
        self,
        names: Sequence[str],
        logic: Callable[[Connection], Made],
        *,
        code: str,
        settings: Mapping[str, Any] | None = None,
        extra_reads: Sequence[str] = (),
        files: Sequence[Path] = (),
        outdated: Callable[[Connection], str | None] | None = None,
        sees_stored: bool = False,
        sees_earlier: Sequence[str] = (),
    ) -> list[TableVersion]:
        """Make tables, unless the same were made before.

        Parameters
        ----------
        names : sequence of str
            The tables this step makes, ``layer.table``.
        logic : callable
            Gets the sealed connection, in which every input is a view, and returns what to write.
        code : str
            Hash of the code that decides the result.
        settings : mapping, optional
            Settings that decide the result.
        extra_reads : sequence of str
            Inputs beside those the tables declare.
        files : sequence of Path
            Files beside the inputs that the logic may read.
        outdated : callable, optional
            For a trained model: why the stored one, seen as a view beside its inputs, cannot be
            used today; None when it can.
        sees_stored : bool
            For a trained model: whether its logic sees the stored one, where there is one, as
            ``stored.<table>``, to judge the new one against it.
        sees_earlier : sequence of str
            Tables, among those the step makes and reads, that its logic sees as they were when it
            last ran, as ``earlier.<table>``: all of them or none. It may use them to spare work,
            never to come to another result, so they are no part of the fingerprint; a forced run
            does not have them.

        Returns
        -------
        list of TableVersion
            The current version of each table, in the order of `names`.
        """
        tables = [self.table(name) for name in names]
        reads = sorted({r for t in tables for r in t.reads} | set(extra_reads))
        previous = sorted({r.removeprefix("previous.") for t in tables for r in t.previous_reads})
        by = names[0]
        inputs = {read: self.store.needed_head(read, by=by) for read in reads}
        stored = self.store.head(by) if sees_stored else None
        if stored is not None and self._is_whole(stored):
            inputs[f"stored.{by.split('.')[1]}"] = stored
        hashes = {read: version.content_hash for read, version in inputs.items()}
        hashes |= {f"previous.{name}": self._previous_hash(name) for name in previous}
        if previous and self._renamed_sources:
            hashes["previous.source_names"] = fingerprint_of(self._renamed_sources)
        is_model = len(names) == 1 and by.endswith(MODEL_SUFFIX)
        parts = {
            "writer": _WRITER,
            "engine": duckdb.__version__,
            "tables": {t.name: [(c.name, c.type) for c in t.columns] for t in tables},
            "code": code,
            "settings": dict(settings or {}),
        }
        recipe = fingerprint_of(parts)
        # The rules are part of a version, whose check results are kept with it.
        rules = {t.name: [(rule.text, rule.severity) for rule in t.rules] for t in tables}
        fingerprint = fingerprint_of(parts | {"inputs": hashes, "rules": rules})
        earlier = {} if self.run.force else self._earlier(sees_earlier, names, recipe)
        job = _Job(
            tables[0].layer,
            tables,
            inputs,
            previous,
            fingerprint,
            hashes,
            recipe,
            tuple(files),
            earlier,
        )
        if is_model and not self.run.train:
            kept = self._trained(by, recipe)
            if kept is not None and not self._is_outdated(job, kept, outdated):
                return [self.use(kept, "kept")]
        found = [self.store.version(name, fingerprint) for name in names]
        if all(found) and not self.run.force and all(self._is_whole(v) for v in found if v):
            return [self.use(version, "unchanged") for version in found if version]
        made = self._run(job, logic)
        self._refuse_other_bytes(found, made)
        return [self.use(version, "made") for version in made]

    @cached_property
    def _renamed_sources(self) -> dict[str, str]:
        """The source systems that were renamed, former name to new one."""
        from cdp_pipeline.ingest.contracts import renamed_systems  # it writes with this package

        return renamed_systems(self.home.sql / "sources")

    @contextmanager
    def timed(self, table: str) -> Iterator[Taken]:
        """Say that a table is being made, and measure what it takes."""
        log.info("step started", extra={"cdp": {"event": "started", "table": table}})
        taken = Taken()
        started, cpu = time.perf_counter(), time.process_time()
        yield taken
        taken.seconds = round(time.perf_counter() - started, 3)
        taken.cpu_seconds = round(time.process_time() - cpu, 3)

    @property
    def spill(self) -> Path:
        """Folder for what does not fit in memory; emptied when a run starts."""
        return self.home.warehouse / ".spill" / str(os.getpid())

    def _run(self, job: _Job, logic: Callable[[Connection], Made]) -> list[TableVersion]:
        """Run the logic in a connection of its own; write, check and keep its tables."""
        by = job.tables[0].name
        with (
            self.timed(by) as taken,
            translated(f"making {by}"),
            self._connection(job) as connection,
        ):
            self._show_inputs(connection, job)
            result = logic(connection)
            missing = {t.name for t in job.tables} - set(result.tables)
            if missing:
                raise StepError(f"the step of {by} did not return {', '.join(sorted(missing))}.")
            written = [self._write(connection, t, result.tables[t.name]) for t in job.tables]
            started = time.process_time()
            checks = [
                tuple(evaluate(connection, t, f"read_parquet({literal(file)})"))
                for t, file in zip(job.tables, written, strict=True)
            ]
            taken.check_cpu_seconds = round(time.process_time() - started, 3)
        versions = []
        for table, file, results in zip(job.tables, written, checks, strict=True):
            # A step that makes several tables took its time once.
            spent = taken if table is job.tables[0] else Taken()
            figures = {**result.figures, "recipe": job.recipe}
            versions.append(self._keep(job, table, file, results, figures, spent))
        return versions

    def _show_inputs(self, connection: Connection, job: _Job) -> None:
        """Make every input a view of the name the models use."""
        for schema in sorted({name.split(".")[0] for name in job.inputs} | {"previous"}):
            connection.execute(f"create schema if not exists {schema}")
        for name, version in job.inputs.items():
            connection.execute(f"create view {name} as {self.store.select(version)}")
        if job.earlier:
            connection.execute("create schema earlier")
        for name, version in job.earlier.items():
            bare = name.split(".")[1]
            connection.execute(f"create view earlier.{bare} as {self.store.select(version)}")
        for name in job.previous:
            columns = self.project.previous_columns(job.layer, name)
            select = view_sql(self.previous, name, columns, self._renamed_sources)
            connection.execute(f"create view previous.{name} as {select}")

    def _keep(
        self,
        job: _Job,
        table: Table,
        file: Path,
        results: Sequence[RuleResult],
        figures: Mapping[str, Any],
        taken: Taken,
    ) -> TableVersion:
        """Turn a written file into a version of its table."""
        target = self.store.parquet(table.name, job.fingerprint)
        content = file_hash(file)
        file.replace(target)
        before = self.store.head(table.name)
        version = TableVersion(
            table=table.name,
            fingerprint=job.fingerprint,
            content_hash=content,
            files=(self.store.relative(target),),
            row_count=pq.read_metadata(target).num_rows,
            columns=tuple((column.name, column.type) for column in table.columns),
            inputs=dict(job.hashes),
            checks=with_trend(results, before.checks if before else ()),
            figures=figures,
            seconds=taken.seconds,
            cpu_seconds=taken.cpu_seconds,
            check_cpu_seconds=taken.check_cpu_seconds,
        )
        self.store.save(version)
        return version

    def _write(self, connection: Connection, table: Table, select: str) -> Path:
        """Write one table, ordered by its key, to a temporary file."""
        file = self._temporary(table.name)
        file.parent.mkdir(parents=True, exist_ok=True)
        relation = (
            f"({select})" if select.lstrip().lower().startswith(("select", "with", "(")) else select
        )
        columns = ", ".join(
            f"cast({identifier(c.name)} as {c.type}) as {identifier(c.name)}" for c in table.columns
        )
        order = ", ".join(identifier(column) for column in table.key)
        connection.execute(
            f"copy (select {columns} from {relation} order by {order}) "
            f"to {literal(file)} ({_PARQUET})"
        )
        return file

    def _connection(self, job: _Job) -> AbstractContextManager[Connection]:
        files = [path for version in job.inputs.values() for path in self.store.paths(version)]
        files += [path for version in job.earlier.values() for path in self.store.paths(version)]
        files += [self._temporary(table.name) for table in job.tables]
        files += job.files
        # Asked only by steps that read it: it cannot be decided before the sources are made.
        if job.previous and self.previous is not None:
            files += [file for file in map(self.previous.file, job.previous) if file]
        settings = self.home.settings
        return sealed_connection(
            files=files,
            spill=self.spill,
            threads=settings.threads,
            memory_limit_gb=settings.memory_limit_gb,
        )

    def _temporary(self, table: str) -> Path:
        return self.store.folder(table) / f".{os.getpid()}.tmp"

    def _previous_hash(self, name: str) -> str:
        if self.previous is None:
            return "none"
        entry = self.previous.manifest["tables"].get(name)
        return "none" if entry is None else str(entry["sha256"])

    def _trained(self, name: str, recipe: str) -> TableVersion | None:
        """Return the stored model, if the code and settings it was trained with are today's."""
        head = self.store.head(name)
        if head is None or head.figures.get("recipe") != recipe or not self._is_whole(head):
            return None
        return head

    def _is_outdated(
        self,
        job: _Job,
        model: TableVersion,
        outdated: Callable[[Connection], str | None] | None,
    ) -> bool:
        """Return whether a stored model no longer answers today's question."""
        if outdated is None:
            return False
        look = replace(job, inputs={**job.inputs, model.table: model}, tables=())
        with translated(f"looking at the stored {model.table}"), self._connection(look) as con:
            self._show_inputs(con, look)
            why = outdated(con)
        if why is not None:
            log.info("training anew", extra={"cdp_reason": why})
        return why is not None

    def _earlier(
        self, wanted: Sequence[str], names: Sequence[str], recipe: str
    ) -> dict[str, TableVersion]:
        """Return what a step read and made when it last ran, if by today's code and settings."""
        heads = {name: self.store.head(name) for name in names} if wanted else {}
        made = {name: v for name, v in heads.items() if v and v.figures.get("recipe") == recipe}
        if not made or len(made) < len(names) or len({v.fingerprint for v in made.values()}) > 1:
            return {}
        read = made[names[0]].inputs
        found = {
            name: made.get(name) or self.store.version_holding(name, read.get(name, ""))
            for name in wanted
        }
        whole = {name: v for name, v in found.items() if v and self._is_whole(v)}
        return whole if len(whole) == len(wanted) else {}

    def _is_whole(self, version: TableVersion) -> bool:
        return all(path.exists() for path in self.store.paths(version))

    def use(
        self, version: TableVersion, how: str, news: Mapping[str, Any] | None = None
    ) -> TableVersion:
        """Make a version the current one and tell whoever listens, with what is new in it."""
        self.store.set_head(version)
        log.info(
            "step done",
            extra={
                "cdp": {
                    "event": how,
                    "table": version.table,
                    "rows": version.row_count,
                    "seconds": version.seconds,
                    "cpu_seconds": version.cpu_seconds,
                    "check_cpu_seconds": version.check_cpu_seconds,
                    "peak_gb": peak_memory_gb(),
                    "news": dict(news or {}),
                }
            },
        )
        return version

    def _refuse_other_bytes(
        self, before: Sequence[TableVersion | None], after: Sequence[TableVersion]
    ) -> None:
        for old, new in zip(before, after, strict=True):
            if old is not None and old.content_hash != new.content_hash:
                raise StepError(
                    f"{new.table} was made twice from the same inputs and came out different.",
                    "Something in it depends on chance, row order or the clock; please report it.",
                )


def python_code(*modules: str) -> str:
    """Return the hash of the source text of Python modules or packages of this package.

    Parameters
    ----------
    *modules : str
        Dotted names such as ``cdp_pipeline.identity`` (with all below it) or
        ``cdp_pipeline.identity.standardise``.
    """
    root = Path(__file__).resolve().parents[2]
    digest = hashlib.sha256()
    for module in sorted(modules):
        path = root / Path(*module.split("."))
        files = sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]
        data = sorted(f for f in path.rglob("*") if f.suffix in _DATA)
        for file in files + (data if path.is_dir() else []):
            digest.update(file.relative_to(root).as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:20]


def peak_memory_gb() -> float:
    """Return the highest resident memory of this process so far, in GB."""
    try:
        import resource
    except ImportError:  # Windows: what it is now has to do
        return psutil.Process().memory_info().rss / 1e9
    unit = 1e9 if sys.platform == "darwin" else 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def make_private(home: Home, layers: Sequence[str]) -> None:
    """Let nobody but the owner look into the layers: what lies there holds personal values.

    The warehouse folder itself stays open: ``cdp.duckdb`` in it is what analysts read.
    """
    for folder in (*layers, "heads", ".compiled", ".spill"):
        path = home.warehouse / folder
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(0o700)


def sweep(home: Home) -> None:
    """Remove what a killed run left behind: spilled data and half-written files."""
    shutil.rmtree(home.warehouse / ".spill", ignore_errors=True)
    for file in home.warehouse.glob("*/*/.*.tmp"):
        file.unlink(missing_ok=True)
