"""``cdp evaluate-identity``: how right identity is, against a labelled sample."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
from rich.console import Console
from rich.table import Table

from cdp_pipeline.errors import CdpError
from cdp_pipeline.explain import evaluation
from cdp_pipeline.explain.records import TABLES
from cdp_pipeline.export.stored_models import stored_model
from cdp_pipeline.identity.columns import load_identity_columns
from cdp_pipeline.identity.model import LinkageModel
from cdp_pipeline.settings import Home
from cdp_pipeline.warehouse.engine import literal
from cdp_pipeline.warehouse.reading import reading_connection

if TYPE_CHECKING:
    import pyarrow as pa

# Linking anew at every threshold takes as long as a run's linking each time.
_MOST_RECORDS = 200_000
_SHOWN_KINDS = 15
_SHOWN_SIZES = 12


def show_evaluation(
    home: Home,
    truth: Path,
    *,
    with_thresholds: bool | None,
    picture: Path | None,
    as_json: bool,
    console: Console,
) -> None:
    """Compare the current customers with a labelled sample, and print what comes of it."""
    from cdp_pipeline.explain.wrong_pairs import kinds_of_errors

    if picture is not None and with_thresholds is False:
        raise CdpError("--picture draws the thresholds.", "Leave --no-thresholds out.")
    labelled = _read(truth)
    columns = load_identity_columns(home.sql / "identity")
    with reading_connection(home, TABLES, by="cdp evaluate-identity") as con:
        con.register(evaluation.LABELLED, labelled)
        model = LinkageModel.from_bytes(stored_model(con, "identity.linkage_model"))
        labels = evaluation.prepare_labels(con)
        scores = evaluation.score(con, labels, evaluation.CUSTOMERS)
        groups = evaluation.groups(con, labels, evaluation.CUSTOMERS)
        errors = kinds_of_errors(con, model, columns, labels)
        count = con.sql("select count(*) from identity.record_clusters").fetchall()[0][0]
        wanted = with_thresholds or picture is not None
        if with_thresholds is None and count <= _MOST_RECORDS:
            wanted = True
        rows = evaluation.by_threshold(con, model, columns, labels) if wanted else []
    if picture is not None:
        _draw(rows, picture)
    result: dict[str, Any] = {
        "sample": {"form": "pairs" if labels.is_pairs else "records", **labels.told},
        "pairs": scores.as_dict(),
        "groups": groups.as_dict() if groups else None,
        "errors": asdict(errors),
        "thresholds": rows,
        "model_version": model.version,
    }
    if as_json:
        sys.stdout.write(json.dumps(result, ensure_ascii=False, indent=1) + "\n")
        return
    _print(result, console)
    if picture is not None:
        console.print(str(picture), markup=False)


def _read(file: Path) -> pa.Table:
    """Read a sample, all columns as text; what cannot be read is said without its content."""
    if not file.is_file():
        raise CdpError(f"There is no file {file}.")
    reader = (
        f"select columns(*)::varchar from read_parquet({literal(file)})"
        if file.suffix == ".parquet"
        else f"select * from read_csv({literal(file)}, all_varchar = true, header = true)"
    )
    try:
        with duckdb.connect() as con:
            return con.sql(reader).to_arrow_table()
    except duckdb.Error:
        kind = "Parquet" if file.suffix == ".parquet" else "CSV with a header, in UTF-8"
        raise CdpError(f"{file} cannot be read as {kind}.") from None


def _draw(rows: Sequence[dict[str, Any]], file: Path) -> None:
    from cdp_pipeline.explain.picture import threshold_svg

    if file.suffix != ".svg":
        raise CdpError(f"--picture writes .svg, not {file.suffix or 'a file without an ending'}.")
    try:
        svg = threshold_svg(rows, "Precision, recall and F1 over thresholds")
        file.write_text(svg, encoding="utf-8")
    except FileNotFoundError:
        raise CdpError(f"There is no folder {file.parent}.") from None


def _print(result: dict[str, Any], console: Console) -> None:
    sample, pairs, groups = result["sample"], result["pairs"], result["groups"]
    left_out = ", ".join(
        f"{sample[kind]:,} {kind}"
        for kind in ("unknown", "contradictory", "repeated", "incomplete")
        if sample[kind]
    )
    console.print(
        f"{sample['used']:,} of {sample['rows']:,} labelled {sample['form']} used"
        + (f"; left out: {left_out}." if left_out else "."),
        markup=False,
    )
    table = Table("", "precision", "recall", "F1")
    table.add_row("pairs", *_ratios(pairs["precision"], pairs["recall"], pairs["f1"]))
    if groups is not None:
        b_cubed = (groups[f"b_cubed_{name}"] for name in ("precision", "recall", "f1"))
        table.add_row("B-cubed", *_ratios(*b_cubed))
    console.print(table)
    if groups is not None:
        _print_groups(groups, console)
    _print_errors(result["errors"], console)
    if result["thresholds"]:
        _print_thresholds(result["thresholds"], console)


def _print_groups(groups: dict[str, Any], console: Console) -> None:
    console.print(
        f"{groups['person_count']:,} people in {groups['customer_count']:,} customers:"
        f" {groups['mixed_customers']:,} customers hold two people or more"
        f" ({groups['mixed_customers_ratio']:.2%}), {groups['split_persons']:,} people are in two"
        " customers or more.",
        markup=False,
    )
    table = Table("labelled records", "customers", "people")
    for row in groups["sizes"][:_SHOWN_SIZES]:
        table.add_row(str(row["records"]), f"{row['customers']:,}", f"{row['persons']:,}")
    console.print(table)


def _print_errors(errors: dict[str, Any], console: Console) -> None:
    counts, looked_at = errors["counts"], errors["looked_at"]
    console.print(
        f"{counts['wrong']:,} wrong pairs (joined, two people), {counts['missed']:,} missed pairs"
        f" (one person, not joined); looked at {looked_at['wrong']:,} and {looked_at['missed']:,}.",
        markup=False,
    )
    if not errors["kinds"]:
        return
    table = Table("", "cause", "different", "nearly the same", "pairs", "mean bits")
    for kind in errors["kinds"][:_SHOWN_KINDS]:
        weight = kind["mean_weight"]
        table.add_row(
            kind["error"],
            kind["cause"],
            ", ".join(kind["different"]),
            ", ".join(kind["near"]),
            f"{kind['pair_count']:,}",
            "" if weight is None else f"{weight:.1f}",
        )
    console.print(table)


def _print_thresholds(rows: Sequence[dict[str, Any]], console: Console) -> None:
    table = Table("threshold (bits)", "precision", "recall", "F1")
    for row in rows:
        name = f"{row['threshold']:.2f}" + (" (today)" if row["is_current"] else "")
        table.add_row(name, *_ratios(row["precision"], row["recall"], row["f1"]))
    console.print(table)


def _ratios(*values: float) -> list[str]:
    return [f"{value:.4f}" for value in values]
