"""One SQL file, read: its statement, what it reads, its comments, the columns of its last SELECT.

Belongs here: everything the text alone tells. Types and lineage need the other tables and stand
in ``dry_run`` and ``column_lineage``; what is not allowed stands in ``house_rules``.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar, cast

from sqlglot import exp
from sqlglot.dialects import Dialect
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

from cdp_pipeline.sqlmodels.problems import Problem
from cdp_pipeline.sqlmodels.tables import PERSONAL_CLASSES, PREVIOUS

DIALECT = Dialect.get_or_raise("duckdb")
_Node = TypeVar("_Node", bound=exp.Expr)
_COMMENT_OR_TEXT = re.compile(
    r"(?P<line>--[^\n]*)|(?P<block>/\*.*?\*/)|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"", re.DOTALL
)
_DROPS = re.compile(r"\{\s*drops\s+([^:{}]+):([^{}]*)\}")
_ALLOW = re.compile(r"house:\s*allow\s+(\w+)(?:\s+because\s+(\S.*))?")


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment and its place; `is_own_line` when nothing but space stands before it."""

    line: int
    text: str
    is_own_line: bool


@dataclass(frozen=True, slots=True)
class Projection:
    """A column of the last SELECT as it is written."""

    name: str
    line: int
    doc: str
    drops: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class TableRead:
    """A table named in the statement."""

    name: str
    line: int


@dataclass
class Allowance:
    """A ``-- house: allow <rule> because <reason>`` and the lines it holds for."""

    rule: str
    line: int
    lines: frozenset[int]
    is_used: bool = False


@dataclass
class ParsedModel:
    """A SQL file, parsed; `tree` is None when it could not be."""

    path: Path
    text: str
    tree: exp.Query | None
    tokens: list[Token]
    comments: tuple[Comment, ...]
    description: str
    reads: tuple[TableRead, ...] = ()
    unqualified: tuple[TableRead, ...] = ()
    projections: tuple[Projection, ...] = ()
    code_hash: str = ""
    allowances: list[Allowance] = field(default_factory=list)
    _by_class: dict[type[exp.Expr], list[exp.Expr]] = field(default_factory=dict)

    def nodes(self, *classes: type[_Node]) -> list[_Node]:
        """Return the expressions of the given classes; the statement is walked only once."""
        if not self._by_class and self.tree is not None:
            for node in self.tree.walk():
                self._by_class.setdefault(type(node), []).append(node)
        found: list[exp.Expr] = []
        for kind, nodes in self._by_class.items():
            if issubclass(kind, classes):
                found.extend(nodes)
        return cast("list[_Node]", found)

    @property
    def sql(self) -> str:
        """Return the statement as it will run: without head comment and semicolon."""
        start = self.tokens[0].start if self.tokens else 0
        last = self.tokens[-1] if self.tokens else None
        end = last.start if last and last.token_type == TokenType.SEMICOLON else len(self.text)
        return self.text[start:end].rstrip() + "\n"

    @property
    def last_select(self) -> exp.Select | None:
        """Return the SELECT whose columns the table has: the first branch of a union."""
        node: exp.Expr | None = self.tree
        while isinstance(node, (exp.SetOperation, exp.Subquery)):
            node = node.this
        return node if isinstance(node, exp.Select) else None

    @property
    def table_reads(self) -> tuple[str, ...]:
        """Return the names of the tables it reads, without those of the last release."""
        return tuple(sorted({r.name for r in self.reads if not r.name.startswith(f"{PREVIOUS}.")}))

    @property
    def previous_reads(self) -> tuple[str, ...]:
        """Return the names, without schema, of the tables of the last release it reads."""
        prefix = f"{PREVIOUS}."
        return tuple(
            sorted({r.name.removeprefix(prefix) for r in self.reads if r.name.startswith(prefix)})
        )

    def read_line(self, name: str) -> int:
        """Return the line where a table is read first."""
        return min((read.line for read in self.reads if read.name == name), default=1)


def parse_model(path: Path, problems: list[Problem]) -> ParsedModel:
    """Return a SQL file, parsed; a file that is not one query becomes a problem."""
    content = path.read_bytes()
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        hint = "save the file as UTF-8 in your editor"
        problems.append(Problem(path, line, "is not UTF-8 text", hint, "parse"))
        text = content.decode("utf-8", errors="replace")
    return parse_text(path, text, problems)


def parse_text(path: Path, text: str, problems: list[Problem]) -> ParsedModel:
    """Return SQL text, parsed, as if it stood in `path`."""
    comments = _comments(text)
    tokens, tree = _statement(path, text, problems)
    model = ParsedModel(path, text, tree, tokens, comments, _head(comments))
    model.code_hash = tokens_hash(tokens)
    model.allowances = _allowances(model, problems)
    if tree is not None:
        model.reads, model.unqualified = _reads(model)
        model.projections = _projections(model, problems)
    return model


def tokens_hash(tokens: list[Token]) -> str:
    """Return a hash that changes with the code, not with comments, space or letter case."""
    digest = hashlib.sha256()
    for token in tokens:
        is_text = token.token_type in (TokenType.STRING, TokenType.IDENTIFIER)
        digest.update(f"{token.token_type.name}\x1f".encode())
        digest.update((token.text if is_text else token.text.lower()).encode() + b"\x1e")
    return digest.hexdigest()


def line_of(node: exp.Expr) -> int:
    """Return the line where an expression starts, as far as the parser kept it."""
    lines = [child.meta["line"] for child in node.walk() if "line" in child.meta]
    return min(lines, default=1)


def _statement(
    path: Path, text: str, problems: list[Problem]
) -> tuple[list[Token], exp.Query | None]:
    try:
        tokens = DIALECT.tokenize(text)
        parsed = [tree for tree in DIALECT.parser().parse(tokens, text) if tree is not None]
    except SqlglotError as error:
        details = getattr(error, "errors", None) or [{}]
        line = details[0].get("line") or 1
        what = details[0].get("description") or "it is not SQL"
        near = (details[0].get("start_context") or "").split()[-1:]
        near.append(details[0].get("highlight") or "")
        problems.append(
            Problem(
                path,
                line,
                f"cannot be parsed near {' '.join(near).strip()}: {what}",
                "mend the statement; a word of SQL such as map or values is no name",
                "parse",
            )
        )
        return [], None
    statements = [tree for tree in parsed if not isinstance(tree, exp.Semicolon)]
    if len(statements) == 1 and isinstance(statements[0], exp.Query):
        return tokens, statements[0]
    what = (
        f"{len(statements)} statements stand in the file"
        if len(statements) != 1
        else "the statement is not a SELECT"
    )
    line = line_of(statements[1]) if len(statements) > 1 else 1
    problems.append(
        Problem(path, line, what, "write one SELECT: one statement, one table, one file", "one")
    )
    return tokens, None


def _comments(text: str) -> tuple[Comment, ...]:
    comments = []
    for match in _COMMENT_OR_TEXT.finditer(text):
        if match.lastgroup is None:
            continue
        start = match.start()
        before = text[text.rfind("\n", 0, start) + 1 : start]
        words = match.group()[2:]
        if match.lastgroup == "block":
            words = words[:-2]
        comments.append(Comment(text.count("\n", 0, start) + 1, words.strip(), not before.strip()))
    return tuple(comments)


def _head(comments: tuple[Comment, ...]) -> str:
    """Return the comment that opens the file; an empty comment line parts its paragraphs."""
    lines: list[str] = []
    for comment in comments:
        if comment.line != len(lines) + 1 or not comment.is_own_line:
            break
        if not _ALLOW.search(comment.text):
            lines.append(comment.text)
        else:
            lines.append("")
    paragraphs = "\n".join(lines).strip().split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def _allowances(model: ParsedModel, problems: list[Problem]) -> list[Allowance]:
    """Return the exceptions declared; each holds for its line and the next line of code."""
    own_lines = {comment.line for comment in model.comments if comment.is_own_line}
    allowances = []
    for comment in model.comments:
        match = _ALLOW.search(comment.text)
        if match is None:
            continue
        if match.group(2) is None:
            problems.append(
                Problem(
                    model.path,
                    comment.line,
                    "an exception without a reason",
                    f"write -- house: allow {match.group(1)} because ...",
                    "allow",
                )
            )
        target = comment.line
        while comment.is_own_line and target in own_lines:
            target += 1
        allowances.append(
            Allowance(match.group(1), comment.line, frozenset({comment.line, target}))
        )
    return allowances


def _reads(model: ParsedModel) -> tuple[tuple[TableRead, ...], tuple[TableRead, ...]]:
    ctes = {cte.alias_or_name.lower() for cte in model.nodes(exp.CTE)}
    reads, unqualified = [], []
    for table in model.nodes(exp.Table):
        if not isinstance(table.this, exp.Identifier):
            continue
        line = line_of(table)
        if table.db:
            reads.append(TableRead(f"{table.db}.{table.name}".lower(), line))
        elif table.name.lower() not in ctes:
            unqualified.append(TableRead(table.name, line))
    return tuple(reads), tuple(unqualified)


def _projections(model: ParsedModel, problems: list[Problem]) -> tuple[Projection, ...]:
    select = model.last_select
    if select is None:
        return ()
    docs = {comment.line: comment.text for comment in model.comments if not comment.is_own_line}
    projections = []
    for node in select.expressions:
        named = node.args.get("alias") or (node.this if isinstance(node, exp.Column) else node)
        line = line_of(named if isinstance(named, exp.Expr) else node)
        doc, drops = _doc(docs.get(line, ""), model.path, line, problems)
        projections.append(Projection(_name(node), line, doc, drops))
    return tuple(projections)


def _name(node: exp.Expr) -> str:
    """Return the name a column is given; the engine's own name for an expression is none."""
    if node.is_star:
        return "*"
    return node.output_name if isinstance(node, (exp.Alias, exp.Column, exp.Dot)) else ""


def _doc(
    text: str, path: Path, line: int, problems: list[Problem]
) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Return a doc comment without its ``{drops class: reason}``, and those apart."""
    drops: list[tuple[str, str]] = []
    for match in _DROPS.finditer(text):
        reason = match.group(2).strip()
        for word in match.group(1).split(","):
            drops.append((word.strip(), reason))
            if word.strip() not in PERSONAL_CLASSES or not reason:
                problems.append(
                    Problem(
                        path,
                        line,
                        f"{match.group()} names no personal class, or no reason",
                        "write {drops email: only counted}; the classes are"
                        f" {', '.join(sorted(PERSONAL_CLASSES))}",
                        "drops",
                    )
                )
    without = _DROPS.sub("", text)
    if (allow := _ALLOW.search(without)) is not None:
        without = without[: allow.start()]
    return " ".join(without.split()).rstrip(" -"), tuple(drops)
