"""``cdp init DIR --from FILE...``: a home proposed from sample exports."""

from __future__ import annotations

import re
import shlex
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import yaml
from rich.console import Console
from rich.table import Table

from cdp_pipeline.errors import HomeError
from cdp_pipeline.proposing import Proposal, propose
from cdp_pipeline.proposing.proposal import find_files
from cdp_pipeline.proposing.staging_text import StagingFile, Types
from cdp_pipeline.settings import SETTINGS_FILE, package_sql

_MOST_DOUBTS = 12


def entity_types() -> Types:
    """Return the staging entities there are, with the engine types of their columns."""
    types = {}
    for file in sorted((package_sql() / "staging").glob("*/_entity.yml")):
        spec = yaml.safe_load(file.read_text(encoding="utf-8"))
        types[file.parent.name] = {
            name: str(column["type"]).lower() for name, column in spec["columns"].items()
        }
    return types


def propose_home(
    folder: Path,
    given: Sequence[str],
    *,
    country: str | None,
    currency: str | None,
    time_zone: str | None,
    reference: bool,
    template: Path,
    console: Console,
) -> None:
    """Write a home with contracts and staging SQL proposed from sample files."""
    folder = folder.expanduser()
    if (folder / SETTINGS_FILE).exists():
        raise HomeError(f"{folder} is a home already.", "Nothing was changed.")
    files = find_files(given)
    with console.status("looking at the files") as status, tempfile.TemporaryDirectory() as spill:
        proposal = propose(
            files,
            entity_types(),
            country=country,
            currency=currency,
            zone=time_zone,
            reference=reference,
            spill=Path(spill),
            say=status.update,
        )
    _write(folder, proposal, template, reference=reference)
    _say(folder, proposal, console, reference=reference)


def _write(folder: Path, proposal: Proposal, template: Path, *, reference: bool) -> None:
    shutil.copytree(
        template, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("dbt_like_sql")
    )
    _settings(folder / SETTINGS_FILE, proposal, folder.resolve().name)
    sql = folder / "dbt_like_sql"
    for name, text in proposal.files.items():
        file = sql / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    for entity, text in _entities_with_hashes(proposal.staging).items():
        (sql / "staging" / entity / "_entity.yml").write_text(text, encoding="utf-8")
    landing = folder / "data" / "landing"
    landing.mkdir(parents=True, exist_ok=True)
    if not reference:
        for path, name in proposal.landing.items():
            target = landing / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)


def _settings(file: Path, proposal: Proposal, company: str) -> None:
    """Fill in what the data say about the company."""
    text = file.read_text(encoding="utf-8")
    for name, value in (
        ("company", company),
        ("country", proposal.country),
        ("currency", proposal.currency),
        ("time_zone", proposal.zone),
        ("as_of", "latest_event"),
    ):
        text = re.sub(rf"(?m)^{name}: \S[^#\n]*?(?=\s*(#|$))", f"{name}: {value}", text)
    file.write_text(text, encoding="utf-8")


def _entities_with_hashes(staging: Sequence[StagingFile]) -> dict[str, str]:
    """Return entities of which a record's id is a hash of personal data, saying so."""
    made = {}
    for entity in sorted({file.entity for file in staging if file.drops}):
        classes = sorted({kind for f in staging if f.entity == entity for kind in f.drops})
        text = (package_sql() / "staging" / entity / "_entity.yml").read_text(encoding="utf-8")
        why = ", ".join(f'{kind}: "no ids were delivered: it is a hash"' for kind in classes)
        text = re.sub(
            r"(?m)^(  record_id: \{type: varchar, personal: pseudonym), ",
            rf"\1, drops: {{{why}}}, ",
            text,
        )
        made[entity] = (
            "# The package's own entity, but for record_id, which is a hash here.\n" + text
        )
    return made


def _say(folder: Path, proposal: Proposal, console: Console, *, reference: bool) -> None:
    table = Table("file", "rows", "table", "feeds", "key", "delivery", "unsure")
    for proposed in proposal.tables:
        doubts = sum(bool(column.unsure) for column in proposed.columns) + len(proposed.unsure)
        table.add_row(
            ", ".join(path.name for path in proposed.files[:3])
            + (f" and {len(proposed.files) - 3} more" if len(proposed.files) > 3 else ""),
            f"{proposed.sample.rows:,}",
            proposed.source,
            ", ".join(proposed.feeds) or "-",
            ", ".join(proposed.key) if len(proposed.key) < 5 else f"{len(proposed.key)} columns",
            proposed.delivery,
            f"{doubts} of {len(proposed.columns)}" if doubts else "-",
        )
    console.print(table)
    for sentence in proposal.skipped:
        console.print(f"left out: {sentence}", markup=False, highlight=False)
    for sentence in proposal.unsure[:_MOST_DOUBTS]:
        console.print(f"unsure: {sentence}", markup=False, highlight=False)
    if len(proposal.unsure) > _MOST_DOUBTS:
        more = len(proposal.unsure) - _MOST_DOUBTS
        console.print(f"... and {more} more, as `# unsure:` in dbt_like_sql/sources/")
    home = shlex.quote(str(folder))
    console.print(
        f"{folder} is a home now ({proposal.country}, {proposal.currency}, {proposal.zone})."
        + ("" if reference else " The files were copied to data/landing/.")
        + " Next:",
        markup=False,
        highlight=False,
    )
    console.print("  1. read dbt_like_sql/sources/*.yml: every column says what spoke for it")
    console.print(f"  2. cdp check --home {home}", markup=False)
    console.print(f"  3. cdp run --home {home}", markup=False)
