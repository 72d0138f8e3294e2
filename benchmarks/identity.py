"""Identity resolution on labelled sets: one configuration, one run each, truth only to score.

The demo company is linked at 100,000 and 1,000,000 records (49,000 and 490,000 people).

``python -m benchmarks.identity [SET ...]`` runs the named sets only; ``demo:PEOPLE`` a demo company
of that size. ``python -m benchmarks.identity --sensitivity [SET ...]`` moves each deciding number
by a fifth either way and shows what that does to F1. ``python -m benchmarks.identity --coverage
[WORLDS]`` links forty small worlds (or the first so many) and shows how often the precision and
recall estimated without truth hold, and how wide their intervals are. ``--growth`` links
300,000 and three million records and compares what a record costs. ``--delta [PEOPLE]`` links a
demo company (about a million records) and then a day of 10,000 changes to it. ``--splink [SET
...]`` links sets, else the demo company of a million records, and beside it Splink with its
library's comparisons. ``--countries`` links small worlds of several countries that another
generator made. Every set goes through the public functions of `cdp_pipeline.identity` over staged
Parquet files, a sealed connection a step, in a process of its own so that memory is its own.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks._identity_steps import Steps, Taken, stage
from benchmarks.figures import Figure, figure
from benchmarks.measuring import measure

if TYPE_CHECKING:
    import duckdb

    from benchmarks._identity_sets import LabelledSet

# Bars and what others reach, from the project's evidence.
_BARS: dict[str, tuple[float, str]] = {
    "historical_50k": (0.935, "GoldenMatch .840, Splink documented .828"),
    "febrl3": (0.998, "Splink .994, GoldenMatch .999"),
    "fake_1000": (0.87, "Splink .840 (.926 with the cut chosen on truth), dedupe 500 labels .850"),
    "contoso": (1.0, "Microsoft's lab 5.1K-5.2K customers"),
    "demo": (0.965, "on a like set: Splink .70, GoldenMatch .55, tuned Splink .924"),
}
_THIS = (sys.executable, "-m", "benchmarks.identity")
# People of the demo companies, by what their set is called: about two records each.
_DEMO_PEOPLE = {"demo_100k": 49_000, "demo_1m": 490_000}
# 300,000 and three million records: between them the cost of a record may not grow.
_GROWN_PEOPLE = (147_000, 1_470_000)


def run() -> list[Figure]:
    """Run the labelled sets and two demo companies."""
    demos = [f"demo:{people}" for people in _DEMO_PEOPLE.values()]
    return [row for name in (*[n for n in _BARS if n != "demo"], *demos)
            for row in figures_of(name)]  # fmt: skip


def growth() -> list[Figure]:
    """Return what a record costs that comes after the first 300,000, over what those cost."""
    costs = []
    for people in _GROWN_PEOPLE:
        rows = {
            row["figure"].rpartition(".")[2]: row["value"] for row in figures_of(f"demo:{people}")
        }
        costs.append((rows["records"], rows["link_cpu_seconds"]))
    (few, cheap), (many, dear) = costs
    before, after = cheap / few, (dear - cheap) / (many - few)
    told = f"{after * 1e6:.1f} CPU s per million records, {before * 1e6:.1f} before"
    return [figure("identity.marginal_cost.growth", after / before, "x", bar=1.2, reference=told)]


def figures_of(name: str) -> list[Figure]:
    """Run one set in a process of its own."""
    base, _, people = name.partition(":")
    with _staged_folder(name) as folder:
        found, peak_gb = _measured("--one", name, folder)
    bar, reference = _BARS[base]
    called = {f"demo:{people}": name for name, people in _DEMO_PEOPLE.items()}
    subject = f"identity.{called.get(name, name).replace(':', '_')}"
    large = name == f"demo:{_DEMO_PEOPLE['demo_1m']}"
    return [
        figure(f"{subject}.f1", found["f1"], "", bar=bar, direction="up", reference=reference),
        figure(f"{subject}.precision", found["precision"], "", direction="up",
               bar=0.99 if large else None),
        figure(f"{subject}.recall", found["recall"], "", direction="up"),
        figure(f"{subject}.records", found["records"], "records"),
        figure(f"{subject}.customers", found["customers"], "customers"),
        figure(f"{subject}.people", found["people"], "people"),
        figure(f"{subject}.wrong_links", found["wrong_links"], "pairs",
               bar=1 if base == "contoso" else None),
        figure(f"{subject}.two_people_per_1000", found["mixed"], "customers",
               bar=4 if large else None),
        figure(f"{subject}.two_of_a_household_per_1000", found["mixed_households"], "customers",
               bar=1 if large else None),
        figure(f"{subject}.config", int(found["config"], 16), f"= {found['config']}"),
        figure(f"{subject}.train_cpu_seconds", found["train_cpu"], "s"),
        figure(f"{subject}.train_wall_seconds", found["train_wall"], "s"),
        figure(f"{subject}.link_cpu_seconds", found["link_cpu"], "s"),
        figure(f"{subject}.link_wall_seconds", found["link_wall"], "s",
               bar=20 if large else None, reference="standardised and linked, model stored"),
        figure(f"{subject}.all_wall_seconds", found["link_wall"] + found["train_wall"], "s",
               bar=40 if large else None, reference="standardised, trained and linked"),
        figure(f"{subject}.peak_gb", peak_gb, "GB", bar=3 if large else None,
               reference="standardised, trained and linked"),
    ]  # fmt: skip


@contextmanager
def _staged_folder(name: str) -> Iterator[Path]:
    """Give a folder in which a set is staged, by a process of its own so that memory is its own."""
    base, _, people = name.partition(":")
    with tempfile.TemporaryDirectory() as folder:
        if base == "demo":
            _write_demo(Path(folder), int(people or _DEMO_PEOPLE["demo_100k"]))
        subprocess.run([*_THIS, "--stage", name, folder], check=True)
        yield Path(folder)


def _measured(way: str, name: str, folder: Path) -> tuple[dict[str, Any], float]:
    """Link a staged set in a process of its own; return what it says, and its peak in GB."""
    measured = measure([*_THIS, way, name, str(folder)])
    found: dict[str, Any] = json.loads(measured.output.splitlines()[-1])
    return found, measured.peak_gb


def _write_demo(folder: Path, people: int) -> None:
    command = [
        *(sys.executable, "-m", "cdp_pipeline.synthetic"),
        *("--people", str(people), "--lines-per-record", "0.2"),
        *("--landing", str(folder / "landing"), "--truth", str(folder / "truth")),
    ]
    subprocess.run(command, check=True, capture_output=True)


# The modules whose numbers and rules decide who is who.
_CONFIGURING = (
    *("blocking", "calibrate", "chance", "classes", "cluster", "comparisons", "equal", "exact"),
    *("link", "mixture", "names", "score", "scorer", "shared", "train", "work"),
)


def configuration_hash() -> str:
    """Return a hash of every number and rule that linking uses, whatever the data."""
    import importlib

    from cdp_pipeline.identity import load_identity_columns

    parts = []
    for module in _CONFIGURING:
        loaded = importlib.import_module(f"cdp_pipeline.identity.{module}")
        parts.append(Path(str(loaded.__file__)).read_bytes())
    parts.append(load_identity_columns().fingerprint.encode())
    return hashlib.sha256(b"".join(parts)).hexdigest()[:8]


def staged(name: str, folder: Path) -> Steps:
    """Bring a set into staging, below a folder that holds the demo company where it is one."""
    from benchmarks._identity_sets import SETS, folder_of, open_set

    base = name.partition(":")[0]
    stage(open_set(SETS[base], folder if base == "demo" else folder_of(base)), folder / "tables")
    return Steps(folder / "tables")


def linked(steps: Steps, chosen: LabelledSet) -> dict[str, Any]:
    """Link the staged records of a set, score them, and estimate the scores without truth."""
    from cdp_pipeline.identity import (
        link,
        linkage_quality,
        load_identity_columns,
        shared_identifiers,
        standardise,
        train,
    )

    columns = load_identity_columns().with_columns(chosen.columns)
    training, linking = Taken(), Taken()
    steps.make(lambda con: standardise(con, columns), "standardised_records",
               "standardised_attributes", "rejected_identifiers", taken=linking)  # fmt: skip
    steps.make(lambda con: shared_identifiers(con, columns), "shared_identifiers", taken=linking)
    model = steps.read(lambda con: train(con, columns, seed=1), taken=training)
    steps.make(lambda con: link(con, model, columns), "record_pairs", "record_clusters",
               "match_weights", "unlinkable_records", "linkage_drift", taken=linking)  # fmt: skip
    steps.make(linkage_quality, "linkage_quality", taken=Taken())
    with steps.connection() as con:
        estimated = con.sql(
            "select metric, lower, value, upper from identity.linkage_quality where metric like"
            " 'estimated_%'"
        ).fetchall()
        return {
            **_score(con),
            "records": int(con.table("identity.record_clusters").shape[0]),
            "estimated": {metric.removeprefix("estimated_"): rest for metric, *rest in estimated},
            "config": configuration_hash(),
            "train_cpu": training.cpu,
            "train_wall": training.wall,
            "link_cpu": linking.cpu,
            "link_wall": linking.wall,
        }


# The numbers that decide who is who; the others bound time and memory.
_DECIDING = {
    "calibrate": ("DEAREST", "LEAST_SHARE", "LOWEST", "MOST_CHANCE", "WRONG_IN_TOW"),
    "chance": ("BELIEF_IN_CHANCE",),
    "cluster": ("DIFFERING", "ESTABLISHED", "LARGEST_COMPONENT", "SAMENESS", "STRONGEST"),
    "exact": ("LIKE_NAMES",),
    "link": ("COMPONENT_SLACK", "HARDLY_EVER"),
    "classes": (
        "BELIEF",
        "HOUSEHOLD_PAIRS",
        "MOST_DIFFERENT",
        "MOST_ELSEWHERE",
        "MOST_OTHER_NAMES",
        "MOST_SHARED",
        "TWINS",
    ),
    "blocking": ("LARGEST_BLOCK", "CHANCE_PAIRS_PER_RECORD", "LINKING_PAIRS_PER_RECORD"),
    "score": ("RARE",),
    "shared": ("FILLED_IN", "TAIL"),
}


def sensitivity(names: list[str]) -> list[Figure]:
    """Move each deciding number by a fifth either way; return by how much F1 moves at most."""
    import importlib

    from benchmarks._identity_sets import SETS

    found = []
    for name in names or [name for name in _BARS if name != "demo"]:
        base, _, people = name.partition(":")
        with tempfile.TemporaryDirectory() as folder:
            if base == "demo":
                _write_demo(Path(folder), int(people or _DEMO_PEOPLE["demo_100k"]))
            steps = staged(name, Path(folder))
            usual = linked(steps, SETS[base])["f1"]
            for module, numbers in _DECIDING.items():
                loaded = importlib.import_module(f"cdp_pipeline.identity.{module}")
                for number in numbers:
                    value = getattr(loaded, number)
                    moved = 0.0
                    for factor in (0.8, 1.2):
                        # Counts move by one at least: a fifth of a few would round to nothing.
                        step = max(1, round(value * 0.2)) if isinstance(value, int) else value * 0.2
                        moved_to = value + (step if factor > 1 else -step)
                        _set(number, getattr(loaded, number), moved_to)
                        moved = max(moved, abs(linked(steps, SETS[base])["f1"] - usual))
                    _set(number, getattr(loaded, number), value)
                    subject = f"identity.{name.replace(':', '_')}.sensitivity"
                    found.append(
                        figure(f"{subject}.{module}.{number.lower()}", moved, "F1", bar=0.01)
                    )
                    sys.stderr.write(f"{found[-1]['figure']} {moved:.5f}\n")
    return found


def _set(number: str, before: float, value: float) -> None:
    """Set a number wherever a module of identity has taken it over."""
    for name, module in list(sys.modules.items()):
        if name.startswith("cdp_pipeline.identity.") and vars(module).get(number) == before:
            setattr(module, number, value)


def coverage(count: int) -> list[Figure]:
    """Link small worlds of known truth; return how often the estimates hold, and their widths."""
    from benchmarks._identity_sets import SETS, open_set
    from benchmarks._identity_worlds import narrow, worlds, write_world

    held: dict[str, list[bool]] = {"precision": [], "recall": []}
    widths: dict[str, list[float]] = {"precision": [], "recall": []}
    scores = []
    for world in worlds(count):
        with tempfile.TemporaryDirectory() as folder:
            write_world(world, Path(folder))
            con = open_set(SETS["demo"], Path(folder), prepare=partial(narrow, world=world))
            stage(con, Path(folder) / "tables")
            con.close()
            found = linked(Steps(Path(folder) / "tables"), SETS["demo"])
        scores.append(found["f1"])
        said = []
        for metric, (lower, value, upper) in sorted(found["estimated"].items()):
            held[metric].append(lower <= found[metric] <= upper)
            widths[metric].append(upper - lower)
            said.append(
                f"{metric} {found[metric]:.4f}, estimated {value:.4f} {lower:.4f}-{upper:.4f}"
            )
        sys.stderr.write(f"{world.name}, {found['records']} records: {'; '.join(said)}\n")
    rows = [figure("identity.worlds.f1_lowest", min(scores), "", direction="up")]
    for metric, hits in held.items():
        subject = f"identity.coverage.{metric}"
        rows.append(figure(f"{subject}.worlds", sum(hits), f"of {count}", bar=0.9 * count,
                           direction="up"))  # fmt: skip
        rows.append(figure(f"{subject}.widest", max(widths[metric]), ""))
    return rows


def beside_splink(names: list[str]) -> list[Figure]:
    """Link sets, and the same standardised records by Splink with its library's comparisons."""
    rows = []
    for name in names or [f"demo:{_DEMO_PEOPLE['demo_1m']}"]:
        with _staged_folder(name) as folder:
            for who, way in (("ours", "--one"), ("splink", "--by-splink")):
                found, peak_gb = _measured(way, name, folder)
                subject = f"identity.{name.replace(':', '_')}.{who}"
                rows += [
                    *(figure(f"{subject}.{score}", found[score], "", direction="up")
                      for score in ("f1", "precision", "recall")),
                    figure(f"{subject}.wall_seconds", found["link_wall"] + found["train_wall"], "s",
                           reference="standardised, trained and linked"),
                    figure(f"{subject}.cpu_seconds", found["link_cpu"] + found["train_cpu"], "s"),
                    figure(f"{subject}.peak_gb", peak_gb, "GB"),
                ]  # fmt: skip
    return rows


def linked_by_splink(steps: Steps, chosen: LabelledSet) -> dict[str, Any]:
    """Link the staged records of a set by Splink, which trains as it links, and score them."""
    from benchmarks._identity_splink import link_by_splink
    from cdp_pipeline.identity import load_identity_columns, shared_identifiers, standardise

    columns = load_identity_columns().with_columns(chosen.columns)
    taken = Taken()
    steps.make(lambda con: standardise(con, columns), "standardised_records",
               "standardised_attributes", "rejected_identifiers", taken=taken)  # fmt: skip
    steps.make(lambda con: shared_identifiers(con, columns), "shared_identifiers", taken=taken)
    steps.make(lambda con: link_by_splink(con, columns), "record_clusters", taken=taken)
    with steps.connection() as con:
        scores = _score(con)
    return scores | {
        "train_cpu": 0.0, "train_wall": 0.0, "link_cpu": taken.cpu, "link_wall": taken.wall
    }  # fmt: skip


def delta(people: int) -> list[Figure]:
    """Link a demo company and then a day of changes to it, knowing what was linked before."""
    from benchmarks._identity_delta import delta_figures
    from cdp_pipeline.identity import load_identity_columns

    with _staged_folder(f"demo:{people}") as folder:
        return delta_figures(Steps(folder / "tables"), load_identity_columns(), "identity.delta")


def countries() -> list[Figure]:
    """Link the small worlds of several countries; return how well each went."""
    from benchmarks._identity_countries import LANDS, labelled
    from benchmarks._identity_sets import open_set

    rows = []
    for land in LANDS:
        chosen = labelled(land)
        with tempfile.TemporaryDirectory() as folder:
            stage(open_set(chosen, Path(folder)), Path(folder) / "tables")
            found = linked(Steps(Path(folder) / "tables"), chosen)
        subject = f"identity.countries.{land.name}"
        rows.append(figure(f"{subject}.f1", found["f1"], "", direction="up"))
        rows.append(figure(f"{subject}.precision", found["precision"], "", direction="up"))
        rows.append(figure(f"{subject}.two_people_per_1000", found["mixed"], "customers"))
    return rows


def _score(con: duckdb.DuckDBPyConnection) -> dict[str, float]:
    """Return pairwise precision, recall and F1 of the final clusters."""
    con.execute(
        """create temp table scored as
        select c.cluster_no, t.person, t.household from identity.record_clusters as c
        inner join identity.standardised_records as r using (record_no)
        inner join truth as t using (source, record_id)"""
    )
    both, found, true, customers, people, mixed, homes = con.sql(
        """select
            (select sum(n * (n - 1) // 2) from
                (select count(*) as n from scored group by cluster_no, person)),
            (select sum(n * (n - 1) // 2) from
                (select count(*) as n from scored group by cluster_no)),
            (select sum(n * (n - 1) // 2) from (select count(*) as n from scored group by person)),
            (select count(distinct cluster_no) from scored),
            (select count(distinct person) from scored),
            (select 1000 * avg((n > 1)::integer) from
                (select count(distinct person) as n from scored group by cluster_no)),
            (select 1000 * avg((n > 1)::integer) from (
                select max(n) as n from (
                    select cluster_no, count(distinct person) as n from scored
                    group by cluster_no, household) group by cluster_no))"""
    ).fetchall()[0]
    precision, recall = float(both) / max(float(found), 1.0), float(both) / max(float(true), 1.0)
    return {
        "precision": precision,
        "recall": recall,
        "f1": 2 * precision * recall / max(precision + recall, 1e-9),
        "customers": int(customers),
        "people": int(people),
        "wrong_links": int(found) - int(both),
        "mixed": float(mixed),
        "mixed_households": float(homes),
    }


if __name__ == "__main__":
    if sys.argv[1:2] == ["--stage"]:
        staged(sys.argv[2], Path(sys.argv[3]))
    elif sys.argv[1:2] in (["--one"], ["--by-splink"]):
        from benchmarks._identity_sets import SETS

        way = linked if sys.argv[1] == "--one" else linked_by_splink
        found = way(Steps(Path(sys.argv[3]) / "tables"), SETS[sys.argv[2].partition(":")[0]])
        sys.stdout.write(json.dumps(found) + "\n")
    else:
        from benchmarks.__main__ import show
        from benchmarks._identity_worlds import COUNT

        asked, *more = sys.argv[1:] or [""]
        commands: dict[str, Callable[[], list[Figure]]] = {
            "--sensitivity": lambda: sensitivity(more),
            "--growth": growth,
            "--splink": lambda: beside_splink(more),
            "--delta": lambda: delta(int(more[0]) if more else _DEMO_PEOPLE["demo_1m"]),
            "--countries": countries,
            "--coverage": lambda: coverage(int(more[0]) if more else COUNT),
            "": run,
        }
        named = [asked, *more]
        show(commands.get(asked, lambda: [row for name in named for row in figures_of(name)])())
