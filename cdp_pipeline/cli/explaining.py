"""``cdp why``, ``cdp evaluate-identity`` and ``cdp review``: identity, told to people."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.tree import Tree

from cdp_pipeline.errors import CdpError
from cdp_pipeline.explain.records import TABLES, find
from cdp_pipeline.explain.texts import Texts, default_language, load_texts
from cdp_pipeline.export.stored_models import stored_model
from cdp_pipeline.identity.columns import load_identity_columns
from cdp_pipeline.identity.model import LinkageModel
from cdp_pipeline.settings import Home
from cdp_pipeline.warehouse.reading import reading_connection

if TYPE_CHECKING:
    from cdp_pipeline.explain.customers import Customer
    from cdp_pipeline.explain.pairs import Comparison
    from cdp_pipeline.identity.exact import ExactRule

_SHOWN_RECORDS = 60
_SHOWN_EVENTS = 20


def show_why(
    home: Home,
    one: str,
    other: str | None,
    *,
    language: str | None,
    show_values: bool,
    picture: Path | None,
    as_json: bool,
    console: Console,
) -> None:
    """Explain one customer, or two records or customers."""
    from cdp_pipeline.explain.customers import explain_customer, rules_of
    from cdp_pipeline.explain.pairs import explain_pair

    if other is None and picture is not None:
        raise CdpError("--picture draws two records or customers.", "`cdp why A B --picture F.svg`")
    if other is None and show_values:
        raise CdpError("--show-values shows two records or customers.", "`cdp why A B`")
    texts = load_texts(language or default_language(own_words(home)), own_words(home))
    columns = load_identity_columns(own_words(home))
    with reading_connection(home, TABLES, by="cdp why") as con:
        model = LinkageModel.from_bytes(stored_model(con, "identity.linkage_model"))
        # As the table has it: working it out anew takes as long as all the rest.
        version = con.sql("select model_version from identity.linkage_model").fetchall()[0][0]
        found = find(con, one)
        if other is None:
            customer = explain_customer(con, model, found, texts)
            if as_json:
                _write_json(customer.as_dict(texts, rules_of(model)))
            else:
                _print_customer(customer, texts, rules_of(model), console)
            return
        against = find(con, other)
        pair = explain_pair(con, model, columns, found, against, texts, with_values=show_values)
    if picture is not None:
        _draw(pair, texts, picture)
    if as_json:
        _write_json({**pair.as_dict(texts, rules_of(model)), "model_version": version})
    else:
        _print_pair(pair, texts, rules_of(model), console)
        if picture is not None:
            console.print(str(picture), markup=False)


def own_words(home: Home) -> Path:
    """Return the folder of a home's own identity columns and explanations."""
    return home.sql / "identity"


def _write_json(content: Any) -> None:
    sys.stdout.write(json.dumps(content, default=str, ensure_ascii=False, indent=1) + "\n")


def _draw(pair: Comparison, texts: Texts, file: Path) -> None:
    from cdp_pipeline.explain.picture import waterfall_page, waterfall_svg

    if not pair.steps:
        raise CdpError("There is no waterfall to draw.", texts.say("no_model"))
    if file.suffix not in (".svg", ".html"):
        raise CdpError(
            f"--picture writes .svg or .html, not {file.suffix or 'a file without one'}."
        )
    page = waterfall_page if file.suffix == ".html" else waterfall_svg
    try:
        file.write_text(page(pair, texts), encoding="utf-8")
    except FileNotFoundError:
        raise CdpError(f"There is no folder {file.parent}.") from None


def _print_customer(
    customer: Customer, texts: Texts, rules: list[ExactRule], console: Console
) -> None:
    console.print(customer.sentence, markup=False, style="bold")
    if len(customer.members) > 1:
        console.print(texts.say("table.tree"), markup=False)
        console.print(_tree(customer, texts, rules))
        if len(customer.members) > _SHOWN_RECORDS:
            console.print(f"… {len(customer.members) - _SHOWN_RECORDS}", markup=False)
    if customer.aliases:
        console.print(texts.say("table.earlier_ids"), markup=False)
        for alias in customer.aliases:
            line = f"  {alias['alias_customer_id']}  {alias['since_on']}  {alias['cause']}"
            console.print(line, markup=False, highlight=False)
    if customer.history:
        console.print(texts.say("table.history"), markup=False)
        for event in customer.history[-_SHOWN_EVENTS:]:
            said = texts.say(f"events.{event['event']}", other=event["other_customer_id"])
            line = f"  {event['happened_on']}  {event['customer_id']}: {said} ({event['cause']})"
            console.print(line, markup=False, highlight=False)


def _tree(customer: Customer, texts: Texts, rules: list[ExactRule]) -> Tree:
    nodes: dict[int, Tree] = {}
    root: Tree | None = None
    shown = zip(customer.members, customer.branches, strict=True)
    for count, (member, branch) in enumerate(shown):
        if count == _SHOWN_RECORDS:
            break
        mark = "→ " if member.record == customer.found.record else ""
        if branch.parent is None:
            root = Tree(f"{mark}{member.record.name}  ({texts.say('table.founding')})")
            nodes[branch.record_no] = root
            continue
        how = texts.say("table.no_link")
        if branch.link is not None:
            how = _link_words(branch.link, texts, rules)
        nodes[branch.record_no] = nodes[branch.parent].add(f"{mark}{member.record.name}  {how}")
    return root if root is not None else Tree("")


def _link_words(link: Any, texts: Texts, rules: list[ExactRule]) -> str:
    if link.weight is None:
        known = any(rule.name == link.how for rule in rules)
        return texts.rule(link.how, rules) if known else texts.level(link.how)
    weight, probability = texts.number(link.weight), texts.number(link.probability, 4)
    return f"{texts.say('table.scored')} {weight} {texts.say('table.weight')}, p {probability}"


def _print_pair(pair: Comparison, texts: Texts, rules: list[ExactRule], console: Console) -> None:
    console.print(pair.sentence, markup=False, style="bold")
    for note in pair.notes:
        console.print(note, markup=False)
    if pair.pair_count > 1:
        names = {"left": pair.left.name, "right": pair.right.name, "count": pair.pair_count}
        console.print(texts.say("table.records_compared", **names), markup=False)
    if pair.values is not None:
        console.print(texts.say("table.personal"), markup=False, style="red")
    if pair.steps:
        console.print(_waterfall(pair, texts))
        nowhere = [texts.column(name) for name, side in pair.sides.items() if side == "both"]
        if nowhere:
            console.print(f"{texts.say('missing.both')}: {texts.listed(nowhere)}", markup=False)
    if len(pair.path) > 1:
        console.print(texts.say("table.path"), markup=False)
        here = pair.left.record_no
        for link in pair.path:
            there = link.right if link.left == here else link.left
            how = _link_words(link, texts, rules)
            console.print(f"  {pair.names[here]} – {pair.names[there]}: {how}", markup=False)
            here = there
    if pair.missing:
        console.print(texts.say("table.missing"), markup=False)
        for row in pair.missing:
            verdict = texts.say("table.enough" if row.is_enough else "table.not_enough")
            line = (
                f"{texts.column(row.column)} ({texts.level(row.level)}) +{texts.number(row.bits)}"
            )
            reach = f"{texts.say('table.would_reach')} {texts.number(row.total)}"
            console.print(f"  {line}, {reach}: {verdict}", markup=False, highlight=False)


def _waterfall(pair: Comparison, texts: Texts) -> Table:
    table = Table(texts.say("table.comparison"), texts.say("table.both_hold"))
    if pair.values is not None:
        table.add_column(texts.say("table.first"), style="red")
        table.add_column(texts.say("table.second"), style="red")
    table.add_column(texts.say("table.weight"), justify="right")
    table.add_column(texts.say("table.total"), justify="right")
    empty = ["", ""] if pair.values is not None else []

    def line(label: str, level: str, values: list[str], bits: str, total: float) -> None:
        table.add_row(label, level, *values, bits, texts.number(total))

    line(texts.say("table.prior"), "", empty, "", pair.prior)
    start = pair.prior if pair.start is None else pair.start
    if abs(start - pair.prior) > 1e-6:
        bits = texts.number(start - pair.prior)
        line(texts.say("table.correction"), "", empty, bits, start)
    for step in pair.steps:
        if pair.sides.get(step.column) == "both":
            continue
        level = texts.level(step.level)
        if step.column in pair.sides:
            level = texts.say(f"missing.{pair.sides[step.column]}")
        values = [v or "" for v in pair.values[step.column]] if pair.values is not None else []
        bits = "" if step.column in pair.sides else f"{'+' if step.bits >= 0 else ''}"
        bits += "" if step.column in pair.sides else texts.number(step.bits)
        line(texts.column(step.column), level, values, bits, step.total)
    table.add_section()
    line(texts.say("table.threshold"), "", empty, "", pair.threshold)
    return table


def show_review(
    home: Home,
    *,
    top: int,
    file: Path | None,
    language: str | None,
    as_json: bool,
    console: Console,
) -> None:
    """Show the first rows of the review queue, or write all of it to a file."""
    from cdp_pipeline.explain.queue_file import write_queue
    from cdp_pipeline.explain.review import why_in_words

    texts = load_texts(language or default_language(own_words(home)), own_words(home))
    with reading_connection(home, ["action.review_queue"], by="cdp review") as con:
        result = con.sql("select * from action.review_queue order by rank")
        names = result.columns
        rows = [dict(zip(names, row, strict=True)) for row in result.fetchall()]
    for row in rows:
        row["why"] = why_in_words(row["evidence"], texts)
    if file is not None:
        try:
            write_queue(file, rows)
        except FileNotFoundError:
            raise CdpError(f"There is no folder {file.parent}.") from None
        console.print(f"{len(rows)} rows: {file}", markup=False, soft_wrap=True)
        return
    if as_json:
        _write_json(rows[:top])
        return
    if not rows:
        console.print(texts.say("review.empty"))
        return
    console.print(_queue(rows[:top], texts))
    first = rows[0]
    one, other = (
        f"{first[f'{side}source']}:{first[f'{side}record_id']}" for side in ("", "other_")
    )
    console.print(f"cdp why {one} {other}", markup=False, highlight=False)


def _queue(rows: list[dict[str, Any]], texts: Texts) -> Table:
    table = Table(
        "", texts.say("review.what"), texts.say("table.record"), texts.say("review.why"),
        texts.say("table.probability"), texts.say("review.at_risk"),
    )  # fmt: skip
    for row in rows:
        both = [f"{row[f'{side}source']}:{row[f'{side}record_id']}" for side in ("", "other_")]
        table.add_row(
            str(row["rank"]),
            texts.say(f"review.{row['kind']}"),
            "\n".join(both),
            row["why"],
            texts.number(row["probability"], 3),
            f"{row['value_at_risk_amount']:,.0f} {row['currency']}".replace(",", "\u00a0"),
        )
    return table
