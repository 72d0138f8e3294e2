"""The pages of Data Docs, in Great Expectations' content blocks and views.

Belongs here: what stands on a page. Importing this module imports Great Expectations.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cdp_pipeline.quality.data_docs import Checked
from cdp_pipeline.quality.library import (
    DefaultJinjaView,
    ExpectationSuiteValidationResult,
    ExpectationValidationResult,
    RenderedDocumentContent,
    RenderedSectionContent,
    RenderedStringTemplateContent,
    RenderedTableContent,
)
from cdp_pipeline.quality.suites import checks, suite

_TEMPLATES = Path(__file__).resolve().parents[1] / "templates" / "data_docs"
# A name after "#" is that of a column of numbers.
_RULES = ["", "rule", "if it fails", "#rows failing", "#of", "#before", "why", "expectation"]
_COLUMNS = ["column", "type", "personal", "#filled", "#distinct", "between", "shapes", "meaning"]
_TABLES = [
    "",
    "table",
    "#rules",
    "#failing, blocking",
    "#failing, warning",
    "#failing rows",
    "#rows",
]
# So few values are told apart without an error by the estimate too.
_COUNTED_RIGHT = 100


class Pages:
    """Draws pages; the templates are read once."""

    def __init__(self) -> None:
        self._view = DefaultJinjaView(custom_views_directory=str(_TEMPLATES))
        # Else each of the thousands of templates a site includes is looked for on the disk again.
        self._view.env.auto_reload = False

    def page(self, checked: Checked) -> str:
        """Return the page of a table."""
        table = checked.table
        facts = [
            ("rows", f"{checked.rows:,}"),
            ("rules", f"{len(checked.checks)}"),
            ("blocking rules that fail", f"{checked.failing_rules('block')}"),
            ("warning rules that fail", f"{checked.failing_rules('warn')}"),
            ("key", ", ".join(table.key)),
            ("owner", table.owner),
        ]
        blocks = [_rules(checked), _columns(checked)]
        return self._draw(blocks, table.name, table.description, facts, table=table.name)

    def index(self, tables: Sequence[Checked], title: str) -> str:
        """Return the first page."""
        rules = sum(len(checked.checks) for checked in tables)
        failing = {s: sum(c.failing_rules(s) for c in tables) for s in ("block", "warn")}
        facts = [
            ("tables", f"{len(tables)}"),
            ("rules", f"{rules:,}"),
            ("blocking rules that fail", f"{failing['block']}"),
            ("warning rules that fail", f"{failing['warn']}"),
        ]
        layers = dict.fromkeys(checked.table.layer for checked in tables)
        blocks = [_layer(layer, [c for c in tables if c.table.layer == layer]) for layer in layers]
        said = "What every table promises, and whether it keeps it, as of its last run."
        return self._draw(blocks, title, said, facts, table="")

    def suite(self, checked: Checked) -> Any:
        """Return a table's expectation suite in the library's own format."""
        return suite(checked.table).to_json_dict()

    def result(self, checked: Checked) -> Any:
        """Return what came of the suite in the library's own format."""
        told = {check["rule"]: check for check in checked.checks}
        results = [
            _result(check.expectation, told[check.sentence])
            for check in checks(checked.table)
            if check.sentence in told
        ]
        passed = sum(1 for result in results if result.success)
        return ExpectationSuiteValidationResult(
            suite_name=checked.table.name,
            success=passed == len(results),
            results=results,
            statistics={
                "evaluated_expectations": len(results),
                "successful_expectations": passed,
                "unsuccessful_expectations": len(results) - passed,
                "success_percent": 100 * passed / len(results) if results else None,
            },
        ).to_json_dict()

    def _draw(
        self,
        blocks: Sequence[RenderedTableContent],
        title: str,
        description: str,
        facts: Sequence[tuple[str, str]],
        *,
        table: str,
    ) -> str:
        sections = [RenderedSectionContent([block]) for block in blocks]
        document = RenderedDocumentContent(sections).to_json_dict()
        drawn: str = self._view._get_template("cdp_page.j2").render(
            document, title=title, description=description, facts=facts, table=table
        )
        return drawn


def _result(expectation: Any, check: Mapping[str, Any]) -> ExpectationValidationResult:
    failing, total = check["failing_count"], check["total_count"]
    return ExpectationValidationResult(
        success=check["passed"],
        expectation_config=expectation.configuration,
        result={
            "element_count": total,
            "unexpected_count": failing,
            "unexpected_percent": 100 * failing / total if total else 0.0,
        },
        exception_info={
            "raised_exception": False,
            "exception_traceback": None,
            "exception_message": None,
        },
    )


def _rules(checked: Checked) -> RenderedTableContent:
    types = {c.sentence: c.expectation.expectation_type for c in checks(checked.table)}
    rows = [
        [
            _mark(check),
            _cell(check["rule"]),
            _cell("no release" if check["severity"] == "block" else "warning", "w"),
            _cell(f"{check['failing_count']:,}", _style(check, "n")),
            _cell(f"{check['total_count']:,}", "n"),
            _cell(_number(check.get("failing_before")), "n", "soft"),
            _cell(check.get("why") or "", "soft"),
            _cell(types.get(check["rule"], "counted when it was loaded"), "code", "soft"),
        ]
        for check in checked.checks
    ]
    return RenderedTableContent(rows, header="Rules", header_row=_head(_RULES))


def _columns(checked: Checked) -> RenderedTableContent:
    told = {profile["column_name"]: profile for profile in checked.profile}
    rows = []
    for column in checked.table.columns:
        profile = told.get(column.name)
        rows.append(
            [
                _cell(column.name, "code"),
                _cell(column.type, "code", "soft"),
                _cell(", ".join(sorted(column.personal)), "soft"),
                *(
                    _cell(text, "n" if place < 2 else "")
                    for place, text in enumerate(_told(profile))
                ),
                _cell(column.doc, "soft"),
            ]
        )
    return RenderedTableContent(rows, header="Columns", header_row=_head(_COLUMNS))


def _told(profile: Mapping[str, Any] | None) -> list[str]:
    """Return filled, distinct, between and shapes of a column as text."""
    if profile is None:
        return [""] * 4
    filled = "" if profile["filled_ratio"] is None else f"{100 * profile['filled_ratio']:.1f} %"
    is_exact = profile["is_distinct_exact"] or profile["distinct_count"] < _COUNTED_RIGHT
    between = (
        "" if profile["min_value"] is None else f"{profile['min_value']} … {profile['max_value']}"
    )
    shapes = json.loads(profile["top_patterns"] or "[]")[:3]
    return [
        filled,
        f"{'' if is_exact else '≈ '}{profile['distinct_count']:,}",
        between,
        ", ".join(f"{shape['pattern']} ({100 * shape['ratio']:.0f} %)" for shape in shapes),
    ]


def _layer(layer: str, tables: Sequence[Checked]) -> RenderedTableContent:
    rows = []
    for checked in tables:
        block, warn = checked.failing_rules("block"), checked.failing_rules("warn")
        failing = sum(check["failing_count"] for check in checked.failed)
        worst = {"passed": not block and not warn, "severity": "block" if block else "warn"}
        rows.append(
            [
                _mark(worst),
                _link(checked.table.name),
                _cell(f"{len(checked.checks)}", "n"),
                _cell(f"{block}", "n", *(["bad"] if block else [])),
                _cell(f"{warn}", "n", *(["warn"] if warn else [])),
                _cell(f"{failing:,}", "n"),
                _cell(f"{checked.rows:,}", "n"),
            ]
        )
    return RenderedTableContent(rows, header=layer, header_row=_head(_TABLES))


def _head(names: Sequence[str]) -> list[RenderedStringTemplateContent]:
    return [_cell(name.removeprefix("#"), "n" if name.startswith("#") else "") for name in names]


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _mark(check: Mapping[str, Any]) -> RenderedStringTemplateContent:
    if check["passed"]:
        return _cell("✓", "good")
    return _cell("✗" if check["severity"] == "block" else "!", _style(check))


def _style(check: Mapping[str, Any], *others: str) -> str:
    failed = "" if check["passed"] else "bad" if check["severity"] == "block" else "warn"
    return " ".join(style for style in (failed, *others) if style)


def _cell(text: str, *classes: str) -> RenderedStringTemplateContent:
    """Return a cell; its text is a parameter, which the view escapes."""
    styling = {"classes": " ".join(filter(None, classes)).split()}
    return RenderedStringTemplateContent(
        {"template": "$text", "params": {"text": text}, "styling": styling}
    )


def _link(table: str) -> RenderedStringTemplateContent:
    attributes = {"href": f"{table}.html"}
    return RenderedStringTemplateContent(
        {
            "template": "$text",
            "params": {"text": table},
            "tag": "a",
            "styling": {"attributes": attributes},
        }
    )
