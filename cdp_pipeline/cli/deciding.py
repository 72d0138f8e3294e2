"""``cdp merge``, ``split``, ``unmerge``, ``keep-apart``, ``decisions``: who is who, by people."""

from __future__ import annotations

import datetime as dt
import getpass
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from cdp_pipeline.cli.running import print_json
from cdp_pipeline.errors import CdpError
from cdp_pipeline.identity.columns import IdentityColumns, load_identity_columns
from cdp_pipeline.ingest.decisions import (
    OWN_FILE,
    DecidedPair,
    decision_id_of,
    read_texts,
    rows_of,
    with_rows,
)
from cdp_pipeline.settings import Home
from cdp_pipeline.stewards import planning, standing
from cdp_pipeline.stewards.planning import Plan, Stamp
from cdp_pipeline.warehouse.previous import Release, open_release
from cdp_pipeline.warehouse.reading import reading_connection
from cdp_pipeline.warehouse.store import Store, write_text

if TYPE_CHECKING:
    from cdp_pipeline.identity.decisions import Decision
    from cdp_pipeline.stewards.effects import CustomerEffect, Effect
    from cdp_pipeline.warehouse.engine import Connection

Make = Callable[["Connection", Stamp, Sequence["Decision"]], Plan]
_TABLES = tuple(dict.fromkeys((*planning.TABLES, *standing.TABLES)))
_MOST_SHOWN = 20
_NEXT = "from the next `cdp run` on"


def decide(
    home: Home,
    make: Make,
    *,
    why: str,
    by: str | None,
    overrides: bool,
    dry_run: bool,
    show_values: bool,
    as_json: bool,
    console: Console,
) -> None:
    """Plan a decision; write it down, or show what it would change."""
    stamp = Stamp(by or _user(), _now(), why.strip(), overrides)
    if not stamp.why:
        raise CdpError("A decision says what it rests on.", '`--why "..."`')
    pairs = list(standing.written(home).pairs)
    columns = load_identity_columns(home.sql / "identity")
    with reading_connection(home, _TABLES, by="deciding") as con:
        judged = standing.judged(con, home, columns, standing.as_decisions(pairs))
        plan = make(con, stamp, [j.decision for j in judged.values() if j.is_obeyed])
        after = standing.as_decisions([*pairs, *plan.pairs], plan.withdraws)
        found = standing.judged(con, home, columns, after)
    now = found[plan.decision_id]
    no_longer = sorted(
        i for i, j in judged.items() if j.is_obeyed and i not in plan.withdraws
        and not found[i].is_obeyed
    )  # fmt: skip
    text = with_rows(_own_text(home), [*rows_of(plan.pairs), *_withdrawals(plan.withdraws, stamp)])
    if dry_run:
        from cdp_pipeline.cli.trying import try_out

        effect = try_out(home, text, OWN_FILE, plan.decision_id, Console(stderr=True))
        if as_json:
            print_json({"decision_id": plan.decision_id, "said": plan.said, "written": False,
                        "no_longer_obeyed": no_longer,
                        **effect.as_dict(with_values=show_values)})  # fmt: skip
            return
        show_effect(plan, effect, no_longer, console, with_values=show_values)
        return
    if not now.is_obeyed:
        raise CdpError(
            f"It would not be obeyed, and is not written down: {now.reason}.",
            "If you are sure, say --override; `cdp decisions` lists what was decided before.",
        )
    write_text(home.decisions / OWN_FILE, text)
    if as_json:
        print_json({"decision_id": plan.decision_id, "said": plan.said, "written": True,
                    "withdraws": plan.withdraws, "no_longer_obeyed": no_longer})  # fmt: skip
        return
    console.print(f"{plan.decision_id}: {plan.said}.", markup=False, highlight=False)
    if no_longer:
        console.print(f"No longer obeyed: {', '.join(no_longer)}.", markup=False)
    console.print(
        f"Written to data/decisions/{OWN_FILE}; the next `cdp run` obeys it.", markup=False
    )


def merge(names: Sequence[str]) -> Make:
    """Return the plan of a merge."""
    return lambda con, stamp, _: planning.plan_merge(con, names, stamp)


def keep_apart(one: str, other: str) -> Make:
    """Return the plan of keeping two apart."""
    return lambda con, stamp, _: planning.plan_keep_apart(con, one, other, stamp)


def split(customer: str, records: Sequence[str]) -> Make:
    """Return the plan of a split."""
    return lambda con, stamp, obeyed: planning.plan_split(con, customer, records, stamp, obeyed)


def unmerge(home: Home, customer: str) -> Make:
    """Return the plan of undoing a merge."""
    return lambda con, stamp, obeyed: planning.plan_unmerge(
        con, customer, stamp, obeyed, _releases(home)
    )


def add_file(home: Home, file: Path, *, by: str | None, overrides: bool, console: Console) -> None:
    """Write down the decisions of a file, customers in it as the records they are today."""
    try:
        content = file.read_bytes()
    except OSError:
        raise CdpError(f"{file} cannot be read.") from None
    read = read_texts([(file.name, content)])
    named = {row.line for row in read.of_customers}
    rejected = [r for r in read.rejected if r.line not in named]
    if rejected:
        first = rejected[0]
        raise CdpError(
            f"{first.file}, line {first.line}: {first.reason}"
            + (f" (and {len(rejected) - 1} more)" if len(rejected) > 1 else ""),
            f"{first.hint} Nothing was written.",
        )
    plans: list[Plan] = []
    if named:
        stamp = Stamp(by or _user(), _now(), "", overrides)
        with reading_connection(home, planning.TABLES, by="cdp decisions") as con:
            plans = planning.plan_rows(con, read.of_customers, stamp)
    pairs = [*_signed(read.pairs, by, overrides), *(p for plan in plans for p in plan.pairs)]
    known = {pair.decision_id for pair in standing.written(home).pairs}
    fresh = [pair for pair in pairs if pair.decision_id not in known]
    write_text(home.decisions / OWN_FILE, with_rows(_own_text(home), rows_of(fresh)))
    count = len({pair.decision_id for pair in fresh})
    console.print(
        f"{count} decisions written to data/decisions/{OWN_FILE}, {read.undecided} rows are not"
        " decided yet; the next `cdp run` obeys them.",
        markup=False,
    )


def withdraw(home: Home, decision_id: str, *, why: str, by: str | None, console: Console) -> None:
    """Take a decision back."""
    known = {pair.decision_id: pair for pair in standing.written(home).pairs}
    if decision_id not in known:
        raise CdpError(f"There is no decision {decision_id}.", "`cdp decisions` lists them.")
    if known[decision_id].withdrawal_id is not None:
        raise CdpError(f"{decision_id} was taken back before.")
    if not why.strip():
        raise CdpError("Taking a decision back needs a reason.", '`--why "..."`')
    stamp = Stamp(by or _user(), _now(), why.strip())
    rows = _withdrawals([decision_id], stamp)
    write_text(home.decisions / OWN_FILE, with_rows(_own_text(home), rows))
    console.print(f"{decision_id} is taken back; the next `cdp run` no longer obeys it.")


def list_decisions(home: Home, *, as_json: bool, console: Console) -> None:
    """List the decisions of the files with how they stand, and the rows that are none."""
    read = standing.written(home)
    decisions = standing.as_decisions(read.pairs)
    first = {pair.decision_id: pair for pair in reversed(read.pairs)}
    rows: list[dict[str, Any]] = []
    if decisions and Store(home).head("identity.linked_clusters") is not None:
        columns = load_identity_columns(home.sql / "identity")
        reported = _reported(home)
        for decision_id, j in _judged_now(home, columns, decisions).items():
            pair = first[decision_id]
            rows.append(
                {
                    "decision_id": decision_id,
                    "decision": pair.decision,
                    "state": j.state,
                    "is_obeyed": j.is_obeyed,
                    "reason": j.reason or None,
                    "effect": reported.get(decision_id, _NEXT) if j.is_obeyed else None,
                    "records": len(j.decision.records),
                    "decided_by": pair.decided_by,
                    "decided_at": str(pair.decided_at) if pair.decided_at else None,
                    "why": pair.why,
                }
            )
    else:
        rows = [
            {"decision_id": d.decision_id, "decision": d.decision, "state": "waits",
             "is_obeyed": False, "reason": "nothing was run yet", "effect": "none",
             "records": len(d.records), "decided_by": first[d.decision_id].decided_by,
             "decided_at": str(d.decided_at) if d.decided_at else None,
             "why": first[d.decision_id].why}
            for d in decisions
        ]  # fmt: skip
    rows.sort(key=lambda row: (row["decided_at"] or "", row["decision_id"]))
    rejected = [vars(r) for r in read.rejected]
    if as_json:
        print_json({"decisions": rows, "rejected": rejected, "undecided": read.undecided})
        return
    if not rows and not rejected:
        console.print("Nobody has decided anything yet: `cdp review` shows what is worth it.")
        return
    table = Table("decision", "what", "state", "why it stands so, and what it does", "by", "on",
                  "why")  # fmt: skip
    for row in rows:
        said = "; ".join(filter(None, (row["reason"], row["effect"])))
        table.add_row(row["decision_id"], f"{row['decision']}\n{row['records']} records",
                      row["state"], said, row["decided_by"] or "",
                      (row["decided_at"] or "")[:10], row["why"])  # fmt: skip
    console.print(table)
    for r in read.rejected[:_MOST_SHOWN]:
        console.print(f"{r.file}, line {r.line}: {r.reason}. {r.hint}", markup=False)


def show_effect(
    plan: Plan, effect: Effect, no_longer: Sequence[str], console: Console, *, with_values: bool
) -> None:
    """Print what a decision would change."""
    console.print(f"{plan.said}. Nothing was written.", markup=False, highlight=False)
    obeyed = "obeyed" if effect.state == "obeyed" else f"not obeyed ({effect.state})"
    told = "; ".join(filter(None, (effect.reason, effect.effect)))
    console.print(f"It would be {obeyed}: {told}.", markup=False, highlight=False)
    if no_longer:
        console.print(f"No longer obeyed: {', '.join(no_longer)}.", markup=False)
    if not effect.moved:
        console.print("No record would change its customer.")
        return
    records = Table("record", "customer today", "customer then")
    for record, was, now in effect.moved[:_MOST_SHOWN]:
        records.add_row(record, was or "", now or "")
    console.print(records)
    if len(effect.moved) > _MOST_SHOWN:
        console.print(f"and {len(effect.moved) - _MOST_SHOWN} more records")
    table = Table("customer", "what", "today", "then")
    for customer in effect.customers[:_MOST_SHOWN]:
        _add_customer(table, customer, with_values=with_values)
        table.add_section()
    console.print(table)
    others = [f"{table.split('.')[1]} {count}" for table, count in effect.others.items() if count]
    if others:
        console.print(
            f"Other customers with another row, as ranks and sums shift: {', '.join(others)}.",
            markup=False,
        )


def _add_customer(table: Table, customer: CustomerEffect, *, with_values: bool) -> None:
    def line(what: str, was: Any, now: Any) -> None:
        name = customer.customer_id if not lines else ""
        lines.append(what)
        table.add_row(name, what, _cell(was), _cell(now))

    lines: list[str] = []
    line("is a customer", customer.is_before, customer.is_after)
    if customer.records[0] != customer.records[1]:
        line("records", *customer.records)
    for name, (was, now) in customer.figures.items():
        line(name, was, now)
    if customer.allowed[0] != customer.allowed[1]:
        line("permissions to contact", *customer.allowed)
    if customer.profile and with_values:
        for name, (was, now) in customer.profile.items():
            line(f"profile: {name}", was, now)
    elif customer.profile and customer.is_before and customer.is_after:
        line("profile values that change", "", ", ".join(customer.profile))


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _judged_now(home: Home, columns: IdentityColumns, decisions: Sequence[Decision]) -> Any:
    with reading_connection(home, standing.TABLES, by="cdp decisions") as con:
        return standing.judged(con, home, columns, decisions)


def _reported(home: Home) -> dict[str, str]:
    """Return what each decision did in the last run."""
    with reading_connection(home, ["identity.decision_report"], by="cdp decisions") as con:
        found = con.sql("select decision_id, effect from identity.decision_report").fetchall()
    return dict(found)


def _signed(pairs: Sequence[DecidedPair], by: str | None, overrides: bool) -> list[DecidedPair]:
    """Return decisions with who and when, where the file does not say."""
    now = _now()
    return [
        replace(
            pair,
            decided_by=pair.decided_by or by or _user(),
            decided_at=pair.decided_at or now,
            overrides=pair.overrides or overrides,
        )
        for pair in pairs
    ]


def _withdrawals(decisions: Sequence[str], stamp: Stamp) -> list[dict[str, object]]:
    return [
        {
            "decision_id": decision_id_of(
                "withdraw", (), stamp.decided_by, stamp.decided_at, stamp.why, decision_id
            ),
            "decision": "withdraw",
            "decided_by": stamp.decided_by,
            "decided_at": stamp.decided_at,
            "why": stamp.why,
            "withdraws": decision_id,
        }
        for decision_id in decisions
    ]


def _own_text(home: Home) -> str:
    file = home.decisions / OWN_FILE
    return file.read_text(encoding="utf-8") if file.exists() else ""


def _releases(home: Home) -> list[Release]:
    """Return the releases that are kept, newest first."""
    folder = home.exports / "releases"
    if not folder.is_dir():
        return []
    names = [f.name for f in folder.iterdir() if not f.name.startswith(".")]
    found = [release for name in names if (release := open_release(home.exports, name))]
    return sorted(found, key=lambda r: str(r.manifest["created_at"]), reverse=True)


def _user() -> str | None:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container without a user of that number
        return None


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC).replace(tzinfo=None, microsecond=0)
