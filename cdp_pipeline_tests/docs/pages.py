"""The Markdown pages of the repository, and the blocks in them that commands fill.

Belongs here: finding pages, links, commands and blocks in text. What fills them lies in ``tour``
(rows of the demo) and ``reference`` (what the code says of itself).
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
TOUR = ROOT / "docs" / "tour.md"
README = ROOT / "README.md"

# `<!-- rows: SELECT ... -->` holds its query; `<!-- rows -->` shows the rows of the SQL block
# before it. `row` turns a single row on its side.
_BLOCK = re.compile(
    r"<!-- (?P<kind>rows|row)(?:: (?P<query>.*?))? -->\n(?P<body>.*?)<!-- /(?P=kind) -->", re.DOTALL
)
_SQL = re.compile(r"```sql\n(.*?)```", re.DOTALL)
_FENCE = re.compile(r"```(\w*)\n(.*?)```", re.DOTALL)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_SPAN = re.compile(r"`([^`\n]+)`")


@dataclass(frozen=True)
class Block:
    """Rows that a query gives, between two markers of a page.

    Attributes
    ----------
    start, end : int
        Where the text between the markers stands.
    query : str
    is_turned : bool
        Whether its one row is shown as a column.
    """

    start: int
    end: int
    query: str
    is_turned: bool


def pages() -> list[Path]:
    """Return every Markdown page of the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    return [file for name in sorted(set(listed)) if (file := ROOT / name).exists()]


def blocks(text: str) -> list[Block]:
    """Return the blocks of rows in a page, in order."""
    found = []
    for match in _BLOCK.finditer(text):
        query = match["query"] or [m[1] for m in _SQL.finditer(text, 0, match.start())][-1]
        found.append(
            Block(match.start("body"), match.end("body"), query.strip(), match["kind"] == "row")
        )
    return found


def filled(text: str, bodies: Sequence[str]) -> str:
    """Return a page with the text of each block replaced."""
    parts, at = [], 0
    for block, body in zip(blocks(text), bodies, strict=True):
        parts += [text[at : block.start], body]
        at = block.end
    return "".join([*parts, text[at:]])


def table(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return rows as a Markdown table; numbers stand to the right."""
    numeric = [
        bool(given := [row[place] for row in rows if row[place] is not None])
        and all(map(_is_number, given))
        for place in range(len(names))
    ]
    lines = [
        _line(names),
        "|" + "|".join("--:" if is_number else "---" for is_number in numeric) + "|",
        *(_line([_shown(value) for value in row]) for row in rows),
    ]
    return "\n".join(lines) + "\n"


def links(text: str) -> Iterator[str]:
    """Yield the relative links and images of a page, without their anchors."""
    for target in _LINK.findall(_FENCE.sub("", text)):
        if not target.startswith(("http://", "https://", "mailto:", "#")):
            yield target.split("#")[0]


def commands(text: str, program: str) -> Iterator[list[str]]:
    """Yield the words of each command of a program that a page tells people to type."""
    lines = [
        line.strip()
        for language, body in _FENCE.findall(text)
        if language in ("", "sh", "bash", "console")
        for line in body.replace("\\\n", " ").splitlines()
    ]
    prose = _COMMENT.sub("", _FENCE.sub("", text))
    lines += _SPAN.findall(prose)
    for line in lines:
        # Variables may be set in front: `CDP_HOME=/srv/cdp cdp run`.
        words = re.sub(r"^(\$ )?(\w+=\S+ )*", "", line).split("#")[0].split()
        if words and words[0].removeprefix(".venv/bin/") == program:
            yield words[1:]


def _is_number(value: Any) -> bool:
    return hasattr(value, "__add__") and hasattr(value, "__abs__") and not isinstance(value, bool)


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _line(cells: Sequence[str]) -> str:
    # A line break or a bar would end the cell.
    return "| " + " | ".join(c.replace("|", "\\|").replace("\n", " ") for c in cells) + " |"
