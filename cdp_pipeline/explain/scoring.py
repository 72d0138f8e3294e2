"""What the stored model makes of any two records, also of pairs that no run ever scored.

Belongs here: a small world of the records asked for, in which the engine's own functions compare
and weigh them. Does not belong here: any weight or level of its own: what is told has to be what
the run did.

The world is a database of its own in memory. The engine leaves out columns that hold no two
values, and takes the rarest frequency of a column from its nodes; two records of nobody and a gap
in the numbers let a few records be treated as they were among all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from cdp_pipeline.identity.blocking import NodeKeys, Pairs
from cdp_pipeline.identity.exact import ExactRule, exact_edges
from cdp_pipeline.identity.mixture import evidence, parts_of
from cdp_pipeline.identity.score import (
    ComparedPairs,
    compare_pairs,
    level_count,
    level_shares,
    log2_odds,
    node_frequencies,
)
from cdp_pipeline.identity.scorer import odds_of
from cdp_pipeline.identity.work import NODES, RECORD_NODES, Work, prepare_work

if TYPE_CHECKING:
    import duckdb
    from numpy.typing import NDArray

    from cdp_pipeline.identity.columns import IdentityColumns
    from cdp_pipeline.identity.model import LinkageModel

MISSING = -1
DIFFERENT = 0
# What the records of nobody hold: it reads as text and as a date.
_NOBODY = "2000-01-01"
_PLACES = pa.schema([("record_no", pa.int32()), ("place", pa.int32())])


@dataclass(frozen=True)
class Step:
    """One comparison of the waterfall.

    Attributes
    ----------
    column
        The compared column.
    level
        The engine's label of how far both agree: "same", "different", "missing" or between.
    place
        -1 missing, 0 different, higher is closer.
    bits
        What it adds to the weight (log2 odds) of what stands above it.
    total
        The weight so far, prior included.
    """

    column: str
    level: str
    place: int
    bits: float
    total: float


@dataclass(frozen=True)
class Weighed:
    """Pairs of records with what the model makes of them, in the order asked for.

    Attributes
    ----------
    left, right
        Record numbers, left below right.
    levels
        One row per pair, one column per comparison, as in ``Scorer.names``.
    odds
        Match weight (log2 odds, prior included); not a number where the model only has rules.
    """

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    levels: NDArray[np.int8]
    odds: NDArray[np.float64]


class Scorer:
    """The model at work on a few records.

    Parameters
    ----------
    con
        Where ``identity.standardised_records``, ``identity.standardised_attributes`` and
        ``identity.shared_identifiers`` can be read; only the rows asked for are.
    model, columns
        The stored model and the declared columns.
    record_nos
        The records.
    """

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        model: LinkageModel,
        columns: IdentityColumns,
        record_nos: Iterable[int],
    ) -> None:
        self.model = model
        self.records = sorted(set(record_nos))
        self._number = {record: place for place, record in enumerate(self.records)}
        self._world = _small_world(con, self.records, columns)
        self._work = prepare_work(self._world, columns)
        nodes = self._world.sql(f"select record_no, node_no from {RECORD_NODES}").fetchall()
        self._node = dict(nodes)
        self.frequencies = node_frequencies(self._world, _held(self._world, model))

    @property
    def names(self) -> list[str]:
        """The compared columns."""
        return [c["output_column_name"] for c in self.model.settings["comparisons"]]

    @property
    def work(self) -> Work:
        """The declared columns, as the engine sees them."""
        return self._work

    def is_copy(self, left: int, right: int) -> bool:
        """Return whether two records are equal in every identity column."""
        return self._node_of(left) == self._node_of(right)

    def weigh(self, pairs: Sequence[tuple[int, int]]) -> Weighed:
        """Compare and weigh pairs of record numbers; equal records compare with themselves."""
        ordered = [(min(p), max(p)) for p in pairs]
        compared = self._compared(ordered)
        return Weighed(
            np.array([a for a, _ in ordered], dtype=np.int64),
            np.array([b for _, b in ordered], dtype=np.int64),
            compared.levels,
            self._odds(compared),
        )

    def waterfall(self, left: int, right: int) -> list[Step]:
        """Return what each comparison adds, in the engine's order; the totals end at the weight.

        The columns that belong together (names, place, contact) are not independent for the
        model: each is told as what it adds to those above it.
        """
        return self.waterfalls([(left, right)])[0]

    def waterfalls(self, pairs: Sequence[tuple[int, int]]) -> list[list[Step]]:
        """Return the waterfall of each pair."""
        compared = self._compared(pairs)
        order = self._order()
        masked = replace(compared, levels=np.full(compared.levels.shape, MISSING, dtype=np.int8))
        before = self._odds(masked)
        falls: list[list[Step]] = [[] for _ in pairs]
        for position in order:
            masked.levels[:, position] = compared.levels[:, position]
            after = self._odds(masked)
            for row, fall in enumerate(falls):
                place = int(compared.levels[row, position])
                bits = round(float(after[row] - before[row]), 6)
                label = self.label(position, place)
                fall.append(Step(self.names[position], label, place, bits, float(after[row])))
            before = after
        return falls

    def start(self, left: int, right: int) -> float:
        """Return the weight before any comparison: the prior, as the model corrects it."""
        one = self._compared([(left, right)])
        nothing = np.full(one.levels.shape, MISSING, dtype=np.int8)
        return float(self._odds(replace(one, levels=nothing))[0])

    def if_same(self, left: int, right: int) -> dict[str, float]:
        """Return, per column that does not agree, the weight if both held one usual value.

        How usual: two random records that hold the same are expected to hold one as frequent.
        """
        one = self._compared([(left, right)])
        wanted = [
            i
            for i, c in enumerate(self.model.settings["comparisons"])
            if one.levels[0, i] < level_count(c) - 1
        ]
        levels = np.repeat(one.levels, len(wanted), axis=0)
        size = len(next(iter(self.frequencies.values()), np.zeros(0)))
        ends = [
            {n: list(f[[end] * len(wanted)]) for n, f in self.frequencies.items()}
            for end in (int(one.left[0]), int(one.right[0]))
        ]
        for row, position in enumerate(wanted):
            levels[row, position] = level_count(self.model.settings["comparisons"][position]) - 1
            usual = level_shares(self.model.settings["comparisons"][position], "u_probability")
            for values in ends:
                if self.names[position] in values:
                    values[self.names[position]][row] = np.log2(usual[-1])
        frequencies = {
            n: np.concatenate((f, ends[0][n], ends[1][n])) for n, f in self.frequencies.items()
        }
        rows = np.arange(len(wanted), dtype=np.int32)
        pairs = ComparedPairs(
            (size + rows).astype(np.int32), (size + len(wanted) + rows).astype(np.int32), levels
        )
        odds = self._odds(pairs, frequencies)
        return {self.names[i]: float(o) for i, o in zip(wanted, odds, strict=True)}

    def rule(self, left: int, right: int) -> ExactRule | None:
        """Return the strongest exact rule that ties just these two, None where none does."""
        rules = [ExactRule(tuple(c)) for c in self.model.exact]
        edges = exact_edges(self._world, self._work, rules, NodeKeys(self._world))
        ends = sorted((self._node_of(left), self._node_of(right)))
        tying = edges.rule[(edges.left == ends[0]) & (edges.right == ends[1])]
        return rules[int(tying.min())] if len(tying) else None

    def shared_values(self, record: int) -> dict[str, int]:
        """Return the columns whose value too many names hold to decide alone, with how many."""
        found = self._world.sql(
            f"""select s.identity_column, s.name_count
            from identity.shared_identifiers as s, {NODES} as n
            where n.node_no = {self._node_of(record)} and s.value = case s.identity_column
                {" ".join(f"when '{n}' then cast(n.{n} as varchar)" for n in self._held_columns())}
                end"""
        ).fetchall()
        return dict(found)

    def values(self, record: int) -> dict[str, str | None]:
        """Return what a record holds in each compared column: personal values."""
        names = [n for n in self.names if n in self._held_columns()]
        if not names:
            return {}
        row = self._world.sql(
            f"select {', '.join(f'cast({n} as varchar)' for n in names)} from {NODES}"
            f" where node_no = {self._node_of(record)}"
        ).fetchall()[0]
        return dict(zip(names, row, strict=True))

    def holds(self, record: int) -> set[str]:
        """Return the compared columns in which a record holds a value."""
        return {name for name, value in self.values(record).items() if value is not None}

    def label(self, position: int, place: int) -> str:
        """Return the engine's label of a level."""
        levels = self.model.settings["comparisons"][position]["comparison_levels"]
        # Listed are "missing", then from "same" down to "different".
        return str(levels[0 if place == MISSING else -1 - place]["label_for_charts"])

    def _held_columns(self) -> list[str]:
        return [e.name for e in self._work.evidence]

    def _node_of(self, record: int) -> int:
        return int(self._node[self._number[record]])

    def _order(self) -> list[int]:
        """Return the positions of the columns in the order in which the engine adds them up."""
        mixture = self.model.mixture
        if mixture is None:
            return []
        return [i for part in parts_of(mixture) for i in part]

    def _compared(self, pairs: Sequence[tuple[int, int]]) -> ComparedPairs:
        """Compare the nodes of pairs of records; the engine has the smaller node on the left."""
        one = np.array([self._node_of(a) for a, _ in pairs], dtype=np.int32)
        other = np.array([self._node_of(b) for _, b in pairs], dtype=np.int32)
        turned = Pairs(np.minimum(one, other), np.maximum(one, other))
        return compare_pairs(self._world, self.model.settings, turned)

    def _odds(
        self,
        pairs: ComparedPairs,
        frequencies: dict[str, NDArray[np.float64]] | None = None,
    ) -> NDArray[np.float64]:
        if self.model.mixture is None:
            return np.full(len(pairs), np.nan)
        if len(pairs) == 0:
            return np.zeros(0)
        frequencies = self.frequencies if frequencies is None else frequencies
        parts = evidence(
            self.model.mixture, self.model.settings, frequencies, pairs, self.model.calibration
        )
        return odds_of(parts, self.model.prior)


def prior_weight(model: LinkageModel) -> float:
    """Return the log2 odds that two records of all are one customer."""
    return log2_odds(model.prior)


def probability_of(odds: float) -> float:
    """Return the probability that a weight (log2 odds) stands for, as the tables round it."""
    return round(float(1 / (1 + np.exp2(-np.clip(odds, -60, 60)))), 6)


def _small_world(
    con: duckdb.DuckDBPyConnection, records: Sequence[int], columns: IdentityColumns
) -> duckdb.DuckDBPyConnection:
    """Return a database with just these records, numbered from 0, and records of nobody."""
    import duckdb

    world = duckdb.connect(":memory:", config={"threads": 1})
    world.execute("set enable_external_access = false")
    world.execute("create schema identity")
    wanted = ", ".join(map(str, records)) or "-1"
    places = {"record_no": list(records), "place": list(range(len(records)))}
    world.register("places", pa.table(places, schema=_PLACES))
    for table in ("standardised_records", "standardised_attributes"):
        rows = con.sql(f"select * from identity.{table} where record_no in ({wanted})")
        world.register("rows_of_all", rows.to_arrow_table())
        world.execute(
            f"""create table identity.{table} as
            select r.* replace (p.place as record_no)
            from rows_of_all as r inner join places as p using (record_no)
            order by record_no"""
        )
        world.unregister("rows_of_all")
    world.unregister("places")
    shared = con.sql("select * from identity.shared_identifiers").to_arrow_table()
    world.register("rows_of_all", shared)
    world.execute("create table identity.shared_identifiers as select * from rows_of_all")
    world.unregister("rows_of_all")
    # One number stays free, so that a column's rarest frequency is among those of the nodes.
    for place, kind in enumerate(("person", "person", "company", "company"), len(records) + 1):
        _add_nobody(world, place, kind, columns)
    return world


def _add_nobody(
    world: duckdb.DuckDBPyConnection, record_no: int, kind: str, columns: IdentityColumns
) -> None:
    names, values = [], []
    for name, data_type in zip(
        world.table("identity.standardised_records").columns,
        world.table("identity.standardised_records").types,
        strict=True,
    ):
        value: Any = {"record_no": record_no, "kind": kind}.get(name)
        if value is None and str(data_type) in ("VARCHAR", "DATE"):
            value = _NOBODY
        names.append(name)
        values.append(value)
    world.execute(
        f"insert into identity.standardised_records ({', '.join(names)})"
        f" values ({', '.join('?' for _ in names)})",
        values,
    )
    for name in columns.attributes:
        world.execute(
            "insert into identity.standardised_attributes (record_no, identity_column, value)"
            " values (?, ?, ?)",
            [record_no, name, _NOBODY],
        )


def _held(world: duckdb.DuckDBPyConnection, model: LinkageModel) -> dict[str, dict[str, Any]]:
    """Return the model's frequencies of the values in this world only: a model holds many."""
    held: dict[str, dict[str, Any]] = {}
    known = set(world.table(NODES).columns)
    for name, learnt in model.frequencies.items():
        values = learnt["values"]
        mine = (
            world.sql(f"select distinct cast({name} as varchar) from {NODES} order by 1").fetchall()
            if name in known
            else []
        )
        held[name] = {
            "rest": learnt["rest"],
            "values": {value: values[value] for (value,) in mine if value in values},
        }
    return held
