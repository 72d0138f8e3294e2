"""The proposed contracts as YAML, with the evidence beside each column.

Belongs here: text of ``dbt_like_sql/sources/<system>.yml``. What it says was decided before.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence

from cdp_pipeline.proposing.columns import ProposedColumn, has_exponents, is_rounded, null_words
from cdp_pipeline.proposing.tables import ProposedTable

_WIDTH = 98


def contract_text(system: str, tables: Sequence[ProposedTable], zone: str, trust: int) -> str:
    """Return the contract file of one system."""
    lines = [
        "# Proposed by `cdp init --from` from sample files: read it, then delete the comments you",
        "# agree with. `unsure:` marks what a person should decide. Examples are masked.",
        f"system: {system}",
        f"description: Exports of {system}.",
        f"owner: {system}",
        f"trust: {trust}                  # lower is trusted more where two systems disagree",
        f"time_zone: {zone}  # of times that name no zone",
        "tables:",
    ]
    for table in tables:
        lines += _table(table)
    return "\n".join(lines) + "\n"


def _table(table: ProposedTable) -> list[str]:
    dialect = table.sample.dialect
    grain = {
        "customer_records": "customer",
        "order_lines": "line of an order",
        "orders": "order",
        "exchange_rates": "day and pair of currencies",
    }.get(table.entity or "", (table.entity or "").removesuffix("s").replace("_", " ") or "row")
    fed = ", ".join(table.feeds) or "no entity: the contract keeps it for queries and for later"
    lines = [
        f"  {table.name}:",
        f"    # feeds {fed}; {table.sample.rows:,} rows in {table.files[-1].name}",
        f"    description: One row per {grain}.",
        f"    files: {json.dumps(table.glob, ensure_ascii=False)}",
        f"    format: {dialect.format}",
    ]
    if dialect.format != "parquet":
        lines += _dialect(table)
    lines += [f"    # {table.delivery_why}", f"    delivery: {table.delivery}"]
    if table.repeated:
        lines.append(
            f"    # unsure: {table.repeated:,} of {table.sample.rows:,} rows repeat this key or"
            " lack it; they are rejected"
        )
    lines += _wrapped("unsure: ", table.unsure + table.sample.notes, 4)
    lines.append(f"    key: [{', '.join(table.key)}]")
    if table.changed_at:
        lines.append(f"    changed_at: {table.changed_at}")
    if table.event_at:
        lines.append(f"    event_at: {table.event_at}")
    if table.deleted:
        column, value = table.deleted
        lines.append(f"    delete_marker: {{column: {column}, equals: {json.dumps(value)}}}")
    lines.append("    columns:")
    for proposed in table.columns:
        lines += _column(proposed, table)
    return lines


def _dialect(table: ProposedTable) -> list[str]:
    dialect, signs = table.sample.dialect, table.signs
    lines = [f"    encoding: {dialect.encoding}"]
    if dialect.format == "csv":
        lines.append(f"    delimiter: {json.dumps(dialect.delimiter)}")
    if not dialect.has_header:
        lines.append("    header: false")
    if dialect.quote != '"':
        lines.append(f"    quote: {json.dumps(dialect.quote)}")
    if signs.decimal != ".":
        lines.append(f"    decimal: {json.dumps(signs.decimal)}")
    if signs.thousands:
        lines.append(f"    thousands: {json.dumps(signs.thousands)}")
    if any(has_exponents(column) for column in table.columns):
        lines.append("    numbers: [exponent]")
    words = null_words(table.columns)
    if len(words) > 1:
        lines.append(f"    null_values: {json.dumps(list(words), ensure_ascii=False)}")
    return lines


def _column(column: ProposedColumn, table: ProposedTable) -> list[str]:
    meaning = column.meaning or "not known"
    lines = _wrapped("", [f"{meaning}: {'; '.join(column.evidence) or 'no evidence'}"], 6)
    lines += _wrapped("unsure: ", list(column.unsure), 6)
    parts = []
    if column.title != column.name:
        parts.append(f"name_in_file: {json.dumps(column.title, ensure_ascii=False)}")
    parts.append(f'type: "{column.type}"' if "(" in column.type else f"type: {column.type}")
    if is_rounded(column):
        parts.append("rounding: half_up")
    if column.format:
        listed = [json.dumps(one, ensure_ascii=False) for one in column.format]
        parts.append(f"format: {listed[0] if len(listed) == 1 else '[' + ', '.join(listed) + ']'}")
    if column.words is not None:
        parts.append(f"true_values: [{json.dumps(column.words[0], ensure_ascii=False)}]")
        parts.append(f"false_values: [{json.dumps(column.words[1], ensure_ascii=False)}]")
    if is_required(column, table):
        parts.append("required: true")
    if column.personal != "none":
        parts.append(f"personal: {column.personal}")
    title = " ".join(column.title.split()) or column.name
    parts.append(f"doc: {json.dumps(f'{title}, as delivered.', ensure_ascii=False)}")
    return [*lines, f"      {column.name}: {{{', '.join(parts)}}}"]


def is_required(column: ProposedColumn, table: ProposedTable) -> bool:
    """Return whether a row without a value in this column is of no use."""
    if column.name in table.key:
        return True
    needed = {"orders": ("ordered_at", "date", "amount"), "order_lines": ("line_amount", "amount")}
    wanted = {name for entity in table.feeds for name in needed.get(entity, ())}
    first = table.column(column.meaning) if column.meaning else None
    sample = column.sample
    return column.meaning in wanted and first is column and sample.filled >= 0.8 * sample.rows


def _wrapped(start: str, sentences: Sequence[str], indent: int) -> list[str]:
    lines = []
    for sentence in sentences:
        text = "".join(letter if letter.isprintable() else " " for letter in start + sentence)
        edge = " " * indent + "# "
        lines += textwrap.wrap(
            text, _WIDTH, initial_indent=edge, subsequent_indent=edge + "  ", break_long_words=False
        )
    return lines
