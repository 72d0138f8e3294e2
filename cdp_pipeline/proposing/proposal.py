"""From sample files to a proposal: all steps in order.

Belongs here: which files are one table, what systems they come from, and putting contracts and
staging SQL together. Each step's own reasoning stands in its module.
"""

from __future__ import annotations

import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cdp_pipeline.proposing.columns import (
    ProposedColumn,
    day_order,
    in_context,
    propose_columns,
    signs_of,
)
from cdp_pipeline.proposing.contracts_text import contract_text
from cdp_pipeline.proposing.reading import Sample, SampleError, dialect_of, read_sample
from cdp_pipeline.proposing.staging_text import Place, StagingFile, Types, staging_files
from cdp_pipeline.proposing.tables import (
    ProposedTable,
    adopt_meanings,
    decide_delivery,
    find_heads,
    find_key,
    find_owners,
    numbered_pattern,
    pattern_of,
    recognise,
)
from cdp_pipeline.proposing.words import folded, snake, system_words, vocabulary
from cdp_pipeline.warehouse.engine import Connection, sealed_connection

_PARTS = ("plain.csv", "table.csv", "uniform.csv", "whole.csv", "part.csv")
_ENDINGS = (".csv", ".tsv", ".txt", ".tab", ".parquet", ".pq", ".jsonl", ".ndjson", ".gz", ".zst")
_SAME_TABLE = 0.8
_EVENTS = ("orders", "order_lines", "messages", "tickets", "surveys")
_MEMORY_GB = 3.0


@dataclass
class Proposal:
    """What is proposed for a set of files.

    Attributes
    ----------
    tables : list of ProposedTable
    country, currency, zone : str
        What the data say about the company, or what the caller said.
    files : dict of str to str
        Texts of the proposed files, by path below ``dbt_like_sql``.
    landing : dict of Path to str
        Where each sample goes below the landing folder.
    unsure : list of str
        What a person should decide.
    skipped : list of str
        Files that were left out, and why.
    """

    tables: list[ProposedTable]
    country: str
    currency: str
    zone: str
    files: dict[str, str] = field(default_factory=dict)
    landing: dict[Path, str] = field(default_factory=dict)
    unsure: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    staging: list[StagingFile] = field(default_factory=list)


def find_files(given: Sequence[str]) -> list[Path]:
    """Return the files that names, folders and globs stand for, in order of their paths.

    Raises
    ------
    SampleError
        If one stands for nothing.
    """
    found: dict[Path, None] = {}
    for name in given:
        path = Path(name).expanduser()
        if path.is_dir():
            listed = sorted(p for p in path.rglob("*") if p.name.lower().endswith(_ENDINGS))
            # A link that leads out of a folder is not what was meant by naming the folder.
            root = path.resolve()
            listed = [p for p in listed if p.resolve().is_relative_to(root)]
        elif path.exists():
            listed = [path]
        else:
            root = Path(path.anchor) if path.is_absolute() else Path()
            pattern = str(path.relative_to(path.anchor)) if path.is_absolute() else str(path)
            listed = sorted(p for p in root.glob(pattern) if p.is_file()) if pattern else []
        listed = [p for p in listed if p.is_file() and not p.name.startswith(".")]
        if not listed:
            raise SampleError(
                f"{name} stands for no file.",
                "Name CSV or Parquet files, folders or globs of them.",
            )
        for item in listed:
            found[item.resolve()] = None
    return sorted(found)


def propose(
    files: Sequence[Path],
    types: Types,
    *,
    country: str | None = None,
    currency: str | None = None,
    zone: str | None = None,
    reference: bool = False,
    spill: Path | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Proposal:
    """Return contracts and staging SQL for sample files.

    Parameters
    ----------
    files : sequence of Path
        The samples; nothing else is read.
    types : mapping
        The entities there are, with the types of their columns.
    country, currency, zone : str, optional
        Of the company; found in the data where they are not given.
    reference : bool
        Whether contracts name the files where they lie, instead of in the landing folder.
    spill : Path, optional
        Folder for copies in plain UTF-8; emptied afterwards.
    say : callable
        Told what is being looked at.

    Raises
    ------
    SampleError
        If nothing can be proposed for any file; the message names one and what to do.
    """
    with tempfile.TemporaryDirectory(dir=spill) as name:
        work = Path(name)
        names = {path: f"s{number}" for number, path in enumerate(files)}
        allowed = [*files, *(work / n / part for n in names.values() for part in _PARTS)]
        with sealed_connection(
            files=allowed, spill=work / "engine", threads=2, memory_limit_gb=_MEMORY_GB
        ) as con:
            skipped: list[str] = []
            samples = _samples(con, names, work, say, skipped)
            tables = _tables(con, samples, frozenset(types))
            doubts: list[str] = []
            company = _company(tables, country, currency, zone, doubts)
            proposal = Proposal(tables, *company, unsure=doubts, skipped=skipped)
            _name_systems(con, tables)
            _finish(con, proposal, samples, types, say)
    _texts(proposal, reference=reference)
    return proposal


def _samples(
    con: Connection,
    names: Mapping[Path, str],
    work: Path,
    say: Callable[[str], None],
    skipped: list[str],
) -> dict[Path, Sample]:
    """Return the samples of all files that are tables; the others are told in `skipped`.

    Where none is, the first one's error is raised.
    """
    samples: dict[Path, Sample] = {}
    first: SampleError | None = None
    for path, name in names.items():
        say(f"reading {path.name}")
        try:
            samples[path] = read_sample(con, path, dialect_of(path), work, name)
        except SampleError as error:
            first = first or error
            skipped.append(" ".join(str(error).split()))
    if not samples and first is not None:
        raise first
    return samples


def _reserved(con: Connection) -> frozenset[str]:
    rows = con.sql(
        "select keyword_name from duckdb_keywords() where keyword_category <> 'unreserved'"
    )
    return frozenset(row[0] for row in rows.fetchall()) | {"value", "date", "time", "timestamp"}


def _tables(
    con: Connection, samples: Mapping[Path, Sample], known: frozenset[str]
) -> list[ProposedTable]:
    reserved = _reserved(con)
    days = day_order(list(samples.values()))
    tables = []
    for group in _deliveries(samples):
        newest = samples[group[-1]]
        signs = signs_of(newest)
        columns = propose_columns(newest, signs, days, reserved)
        table = ProposedTable(group, _glob(group), newest, columns, signs)
        recognise(table, known)
        tables.append(table)
    adopt_meanings(tables)
    for table in tables:
        recognise(table, known)
    find_heads(con, tables)
    for table in tables:
        table.columns = in_context(table.columns, table.entity)
    return tables


def _deliveries(samples: Mapping[Path, Sample]) -> list[list[Path]]:
    """Return the files of each table: alike in name but for digits, and in their columns."""
    groups: dict[tuple[Path, str], list[list[Path]]] = defaultdict(list)
    for path in sorted(samples):
        for group in groups[path.parent, numbered_pattern(path)]:
            if _alike(samples[group[0]], samples[path]):
                group.append(path)
                break
        else:
            groups[path.parent, numbered_pattern(path)].append([path])
    return sorted((group for listed in groups.values() for group in listed), key=lambda g: g[0])


def _alike(one: Sample, other: Sample) -> bool:
    titles, others = {c.title for c in one.columns}, {c.title for c in other.columns}
    return len(titles & others) >= _SAME_TABLE * len(titles | others)


def _glob(group: Sequence[Path]) -> str:
    return numbered_pattern(group[0]) if len(group) > 1 else pattern_of(group[0])


def _company(
    tables: Sequence[ProposedTable],
    country: str | None,
    currency: str | None,
    zone: str | None,
    unsure: list[str],
) -> tuple[str, str, str]:
    """Return country, currency and time zone: as given, else what most of the data say."""
    votes: Counter[str] = Counter()
    money: Counter[str] = Counter()
    for table in tables:
        for column in table.columns:
            for value, count in column.sample.values[:200]:
                if column.meaning == "country":
                    votes.update({c: count for c in _countries(value)})
                elif column.meaning == "currency":
                    money[value.upper()] += count
                elif column.meaning == "phone" and value.startswith(("+", "00")):
                    digits = value.lstrip("+0")
                    for code, known in vocabulary().countries.items():
                        if digits.startswith(known.calling) and len(known.calling) > 1:
                            votes[code] += count
                elif column.meaning == "email" and "." in value:
                    ending = value.rsplit(".", 1)[1].upper()
                    if ending in vocabulary().countries:
                        votes[ending] += count
    found = country or (max(votes, key=lambda c: (votes[c], c)) if votes else "SE")
    spec = vocabulary().countries.get(found)
    most = max(money, key=lambda c: (money[c], c)) if money else None
    if country is None and not votes:
        unsure.append(f"no column tells the country: {found}, its currency and time are a guess")
    return (
        found,
        currency or most or (spec.currency if spec else "SEK"),
        zone or (spec.zone if spec else "UTC"),
    )


def _countries(value: str) -> list[str]:
    said = value.casefold().strip()
    return [code for code, spec in vocabulary().countries.items() if said in spec.names]


def _name_systems(con: Connection, tables: Sequence[ProposedTable]) -> None:
    """Name the system and the table of each: by folder, else by the customers they are about."""
    find_owners(con, tables)
    folders = {table.files[0].parent for table in tables}
    reserved = _reserved(con)
    if len(folders) == 1:
        _by_owner(tables, next(iter(folders)).name, reserved)
    else:
        for table in tables:
            table.system = snake(table.files[0].parent.name, [], reserved)
    for table in tables:
        if table.lines is not None:
            table.lines.system = table.system
    taken: set[tuple[str, str]] = set()
    for table in tables:
        name = _table_name(table, reserved)
        number = 2
        while (table.system, name) in taken:
            name, number = f"{_table_name(table, reserved)}_{number}", number + 1
        taken.add((table.system, name))
        table.name = name


def _by_owner(tables: Sequence[ProposedTable], folder: str, reserved: frozenset[str]) -> None:
    founders = [table for table in tables if table.entity == "customer_records"]
    whole = snake(folder, [], reserved)
    names: list[str] = []
    for founder in founders:
        words = system_words(_stem(founder)) if len(founders) > 1 else []
        founder.system = _system_name(words, whole, names, reserved)
        names.append(founder.system)
    for table in tables:
        if table not in founders:
            owner = table.buyers_of
            table.system = owner.system if owner else names[0] if len(names) == 1 else whole


def _system_name(
    words: Sequence[str], folder: str, taken: Sequence[str], reserved: frozenset[str]
) -> str:
    name = "_".join(words)
    if not name or not name[0].isalpha() or name in reserved or name in taken:
        return snake(" ".join(words) or folder, taken, reserved)
    return name


def _stem(table: ProposedTable) -> str:
    name = table.glob
    for ending in (".gz", ".zst", *_ENDINGS):
        name = name.removesuffix(ending)
    return name.replace("*", " ")


def _table_name(table: ProposedTable, reserved: frozenset[str]) -> str:
    """Return a table's name: its file's, without the system's words in front."""
    words = folded(_stem(table)).split()
    while len(words) > 1 and words[0] in table.system.split("_"):
        words = words[1:]
    return snake(" ".join(words), [], reserved | {"column"})


def _finish(
    con: Connection,
    proposal: Proposal,
    samples: Mapping[Path, Sample],
    types: Types,
    say: Callable[[str], None],
) -> None:
    for table in proposal.tables:
        say(f"looking for the key of {table.files[-1].name}")
        find_key(con, table)
        decide_delivery(con, table, samples)
        updated = table.column("updated_at")
        if updated is not None and updated.kind in ("date", "timestamp"):
            table.changed_at = updated.name
        deleted = table.column("deleted")
        if deleted is not None and deleted.kind == "boolean":
            table.deleted = (deleted.name, "true")
    proposal.staging = staging_files(
        proposal.tables, types, Place(proposal.currency, proposal.zone)
    )
    for table in proposal.tables:
        when = table.column(
            "ordered_at", "date", "created_at", "sent_at", "opened_at", "answered_at"
        )
        is_fact = table.feeds and table.entity in _EVENTS
        if is_fact and when is not None and when.kind in ("date", "timestamp"):
            table.event_at = when.name


def _texts(proposal: Proposal, *, reference: bool) -> None:
    """Put the texts of the proposed files together."""
    for table in proposal.tables:
        for path in table.files:
            proposal.landing[path] = f"{table.system}/{path.name}"
        folder = str(table.files[0].parent) if reference else table.system
        table.glob = f"{folder}/{table.glob}"
    trusts = {name: 10 * (place + 1) for place, name in enumerate(_by_trust(proposal.tables))}
    for system, trust in trusts.items():
        tables = [table for table in proposal.tables if table.system == system]
        proposal.files[f"sources/{system}.yml"] = contract_text(
            system, tables, proposal.zone, trust
        )
    for file in proposal.staging:
        if file.entity == "customer_records":
            trusted = next((s for s in trusts if file.source.startswith(s)), "")
            file.columns["trust"] = str(trusts.get(trusted, 50))
        proposal.files[file.path] = file.text
    for table in proposal.tables:
        where = f"{table.system}.{table.name}"
        proposal.unsure += [
            f"{where}: {sentence}" for sentence in table.unsure + table.sample.notes
        ]
        for column in table.columns:
            proposal.unsure += [f"{where}.{column.name}: {said}" for said in column.unsure]


def _by_trust(tables: Sequence[ProposedTable]) -> list[str]:
    """Return the systems, the one that knows most kinds of things about customers first."""
    known: dict[str, int] = dict.fromkeys((table.system for table in tables), 0)
    for table in tables:
        if table.entity == "customer_records":
            known[table.system] += len({column.meaning for column in table.columns})
    return sorted(known, key=lambda system: (-known[system], system))


def all_columns(proposal: Proposal) -> Iterable[tuple[ProposedTable, ProposedColumn]]:
    """Yield every proposed column with its table."""
    for table in proposal.tables:
        for column in table.columns:
            yield table, column
