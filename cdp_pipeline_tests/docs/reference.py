"""``python -m cdp_pipeline_tests.docs.reference``: write ``docs/reference/`` from the code.

Nothing in that folder is typed by hand: the data dictionary and the lineage come from the compiled
models, the settings and the commands from their own declarations.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import typer

from cdp_pipeline.cli.app import app
from cdp_pipeline.project import load_home_project
from cdp_pipeline.settings import Settings, find_home
from cdp_pipeline.sqlmodels import Project, Rule, Table, personal_report
from cdp_pipeline.warehouse.exports import Export, read_exports
from cdp_pipeline_tests.docs.pages import ROOT, table

FOLDER = ROOT / "docs" / "reference"
_HEAD = "<!-- Written by `python -m cdp_pipeline_tests.docs.reference`; do not edit. -->\n"


def reference() -> dict[str, str]:
    """Return the pages by file name."""
    home = find_home(ROOT)
    project = load_home_project(home)
    exports = read_exports(home, project)
    return {
        "cli.md": _cli_page(),
        "lineage.md": _lineage_page(project, exports),
        "settings.md": _settings_page(),
        "tables.md": _tables_page(project, exports),
    }


def _tables_page(project: Project, exports: Sequence[Export]) -> str:
    parts = [
        _HEAD,
        "# The published tables\n",
        "One Parquet file each in `data/exports/latest/`, and a native table in `cdp.duckdb`; "
        "those of the vault lie in `vault/` and `vault.duckdb`. Times (`_at`) are UTC, days "
        "(`_on`) are those of the business's time zone. The last column names the "
        "class of personal data that a column can hold.\n",
        table(
            ["table", "is", "key", "where"],
            [
                [
                    f"[{export.name}](#{export.name})",
                    _first_sentence(project.tables[export.table]),
                    ", ".join(project.tables[export.table].key),
                    "vault" if export.vault else "open",
                ]
                for export in exports
            ],
        ),
    ]
    for export in exports:
        found = project.tables[export.table]
        parts += [
            f"## {export.name}\n",
            f"{' '.join(found.description.split())}\n",
            f"`{export.table}`, {_made_by(found)}; owner {found.owner}; key "
            f"{', '.join(f'`{name}`' for name in found.key)}.\n",
            table(
                ["column", "type", "meaning", "personal"],
                [
                    [f"`{c.name}`", c.type, c.doc, ", ".join(sorted(c.personal))]
                    for c in found.columns
                ],
            ),
        ]
        if found.rules:
            parts.append("Rules beside the key:\n")
            parts.append("".join(f"- {_rule(rule)}\n" for rule in found.rules))
    return "\n".join(parts)


def _made_by(found: Table) -> str:
    if found.made_by == "python":
        return f"made in Python, declared in `{_path(found)}`"
    return f"made by `{_path(found)}`"


def _path(found: Table) -> str:
    return found.file.resolve().relative_to(ROOT).as_posix()


def _rule(rule: Rule) -> str:
    severity = " (warns only)" if rule.severity == "warn" else ""
    return f"`{rule.text}`{severity}{': ' + rule.why if rule.why else ''}"


def _first_sentence(found: Table) -> str:
    text = " ".join(found.description.split())
    # "e.g. " and the like do not occur: the head comments are plain sentences.
    return text.split(". ")[0].rstrip(".:") + "."


def _lineage_page(project: Project, exports: Sequence[Export]) -> str:
    report = personal_report(project)
    published = {export.table: export for export in exports}
    parts = [
        _HEAD,
        "# Where personal data goes\n",
        "A class is given to a column in a source's contract (or where Python makes it) and "
        "follows the values from column to column. `cdp check` refuses a published table outside "
        "the vault that carries any class but `pseudonym`. `cdp lineage TABLE.COLUMN` shows the "
        "way of one column.\n",
        table(
            ["class", "columns", "leaves in"],
            [
                [
                    f"[{name}](#{name})",
                    len(columns),
                    ", ".join(_leaving(columns, published)) or "nothing",
                ]
                for name, columns in report.columns.items()
            ],
        ),
    ]
    for name, columns in report.columns.items():
        parts += [f"## {name}\n", _per_table(columns, published)]
    parts += [
        "## What removes a class\n",
        table(
            ["column", "class", "reason"],
            [[f"`{r.table}.{r.column}`", r.personal_class, r.reason] for r in report.removals],
        ),
        "A pseudonym ends by itself where a column is no text: a count of orders names nobody.\n",
    ]
    return "\n".join(parts)


def _leaving(columns: Sequence[tuple[str, str]], published: dict[str, Export]) -> list[str]:
    names = {published[found].name: published[found] for found, _ in columns if found in published}
    return [f"{name} (vault)" if export.vault else name for name, export in names.items()]


def _per_table(columns: Sequence[tuple[str, str]], published: dict[str, Export]) -> str:
    per_table: dict[str, list[str]] = {}
    for found, column in columns:
        per_table.setdefault(found, []).append(column)
    return table(
        ["table", "columns", "published"],
        [
            [
                found,
                ", ".join(f"`{name}`" for name in names),
                "" if found not in published else "vault" if published[found].vault else "open",
            ]
            for found, names in per_table.items()
        ],
    )


def _settings_page() -> str:
    rows = [
        [f"`{name}`", _type_name(field.annotation), f"`{field.default}`", str(field.description)]
        for name, field in Settings.model_fields.items()
    ]
    return "\n".join(
        [
            _HEAD,
            "# Settings\n",
            "`cdp.yml` in a home. Every line can be left out; an unknown one is an error. Threads, "
            "memory and cron lines do not change what tables hold.\n",
            table(["setting", "type", "default", "meaning"], rows),
            "Environment: `CDP_HOME` names the home for `cdp` and for Dagster's own processes; "
            "`CDP_DEBUG=1` shows the traceback of an unexpected error, which may quote data.\n",
        ]
    )


def _type_name(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        return " or ".join(f"`{value}`" for value in get_args(annotation))
    if get_origin(annotation) in (Union, UnionType):
        return " or ".join(_type_name(kind) for kind in get_args(annotation))
    names = {"str": "text", "int": "number", "float": "number", "date": "day (YYYY-MM-DD)"}
    name = str(annotation.__name__)
    return names.get(name, name)


def _cli_page() -> str:
    program: Any = typer.main.get_command(app)
    parts = [
        _HEAD,
        "# The `cdp` command\n",
        f"{_prose(program.help)}\n",
        table(
            ["command", "does"],
            [
                [f"[`cdp {name}`](#cdp-{name})", _prose(command.help).split("\n")[0]]
                for name, command in program.commands.items()
            ],
        ),
    ]
    for name, command in program.commands.items():
        arguments = [p for p in command.params if p.param_type_name == "argument"]
        usage = " ".join(
            [f"cdp {name} [options]"]
            + [p.name.upper() if p.required else f"[{p.name.upper()}]" for p in arguments]
        )
        parts += [
            f"## cdp {name}\n",
            f"```\n{usage}\n```\n",
            f"{_prose(command.help)}\n",
        ]
        if rows := list(_parameters(command.params)):
            parts.append(table(["option", "meaning"], rows))
    return "\n".join(parts)


def _parameters(parameters: Sequence[Any]) -> Iterator[list[str]]:
    for parameter in parameters:
        if parameter.name == "help":
            continue
        if parameter.param_type_name == "argument":
            names = parameter.name.upper()
        else:
            names = ", ".join(parameter.opts) + _value(parameter)
        default = parameter.default
        shown = "" if default in (None, "", False) else f" Default: `{default}`."
        yield [f"`{names}`", _prose(parameter.help or "") + shown]


def _value(parameter: Any) -> str:
    if parameter.is_flag:
        return ""
    kind = parameter.type_descriptor.annotation
    if isinstance(kind, type) and issubclass(kind, Enum):
        return f" {'|'.join(str(choice.value) for choice in kind)}"
    known = {Path: "DIR", int: "N"}
    return f" {parameter.metavar or known.get(kind, parameter.name.upper())}"


def _prose(text: str) -> str:
    """Return a help text with its paragraphs, each on one line."""
    paragraphs = text.replace("\f", "").strip().split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs if paragraph.strip())


def main() -> None:
    """Write the pages."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in reference().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
