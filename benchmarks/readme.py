"""``python -m benchmarks.readme``: put the stored figures into the README.

Figures lie in ``benchmarks/results/<name>.json``, written by ``python -m benchmarks NAME --json``.
In the README each table stands between ``<!-- figures: NAME [prefix ...] -->`` and
``<!-- end -->``; only figures whose name starts with one of the prefixes are shown.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from benchmarks.figures import Figure, shown

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).resolve().parent / "results"
_BLOCK = re.compile(r"(<!-- figures: (?P<what>[^>]+?) -->\n).*?(<!-- end -->)", re.DOTALL)


def filled(text: str) -> str:
    """Return a page with every block of figures filled from the stored results."""
    return _BLOCK.sub(lambda match: match[1] + table(*match["what"].split()) + match[3], text)


def table(name: str, *prefixes: str) -> str:
    """Return the stored figures of a benchmark as a Markdown table."""
    file = RESULTS / f"{name}.json"
    if not file.exists():
        return ""
    figures: list[Figure] = json.loads(file.read_text(encoding="utf-8"))
    lines = ["| figure | value | bar | reference |", "|---|---|---|---|"]
    for row in figures:
        if prefixes and not row["figure"].startswith(prefixes):
            continue
        sign = ">=" if row["direction"] == "up" else "<="
        bar = "" if row["bar"] is None else f"{sign} {row['bar']:g}"
        short = " (short)" if row["ok"] is False else ""
        value = f"{shown(row['value'])} {row['unit']}".strip()
        lines.append(f"| {row['figure']} | {value}{short} | {bar} | {row['reference']} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Rewrite the README; exit with 1 where ``--check`` finds it out of date."""
    page = ROOT / "README.md"
    text = page.read_text(encoding="utf-8")
    new = filled(text)
    if "--check" in sys.argv:
        return int(new != text)
    page.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
