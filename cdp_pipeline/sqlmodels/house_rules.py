"""What SQL in this house may not do, because lineage, determinism or the reader would suffer.

Belongs here: the rules that one statement can break by itself, each with its name. A rule is
lifted for one line by ``-- house: allow <rule> because ...`` on it or right above it. Rules about
how tables hang together (cycles, layers, keys) stand in ``load``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from cdp_pipeline.sqlmodels.declarations import ONE_ROW_PER, TABLE_NAME
from cdp_pipeline.sqlmodels.dry_run import DryRun
from cdp_pipeline.sqlmodels.problems import Problem
from cdp_pipeline.sqlmodels.statements import ParsedModel, line_of
from cdp_pipeline.sqlmodels.sums import double_sums

_Finding = tuple[int, str, str]
"""Line, what is wrong, what to do."""

_CLOCK_CALLS = {
    "now",
    "today",
    "get_current_time",
    "get_current_timestamp",
    "current_localtime",
    "current_localtimestamp",
    "transaction_timestamp",
}
_CLOCK_WORDS = {
    "current_date",
    "current_time",
    "current_timestamp",
    "localtime",
    "localtimestamp",
}
_RANDOM_CALLS = {
    "random",
    "uuid",
    "gen_random_uuid",
    "uuidv4",
    "uuidv7",
    "setseed",
    "nextval",
    "currval",
}
_FILE_CALLS = {
    "read_csv",
    "read_csv_auto",
    "read_parquet",
    "parquet_scan",
    "read_json",
    "read_json_auto",
    "read_json_objects",
    "read_ndjson",
    "read_text",
    "read_blob",
    "glob",
    "sniff_csv",
    "query",
    "query_table",
}
_TIE_PRONE = (exp.AnyValue, exp.First, exp.Last, exp.ArgMax, exp.ArgMin, exp.Mode)
_TIE_PRONE_NAMES = {"arbitrary", "arg_max_null", "arg_min_null", "max_by", "min_by"}
_ORDERED_WINDOWS = (
    exp.RowNumber,
    exp.Rank,
    exp.DenseRank,
    exp.Ntile,
    exp.Lag,
    exp.Lead,
    exp.FirstValue,
    exp.LastValue,
    exp.NthValue,
)
_ORDER_FREE = (exp.ArraySort, exp.Length, exp.ArraySize)
_ORDER_FREE_NAMES = {"list_reverse_sort", "array_reverse_sort", "list_grade_up"}


def text_problems(model: ParsedModel, *, needs_docs: bool = True) -> list[Problem]:
    """Return what a statement does wrong as far as its text shows.

    Parameters
    ----------
    model : ParsedModel
    needs_docs : bool
        False for staging SQL, whose columns are documented in ``_entity.yml``.
    """
    problems = []
    if not ONE_ROW_PER.match(model.description):
        problems.append(
            Problem(
                model.path,
                1,
                'the head comment does not start with "One row per"',
                "open the file with -- One row per ..., then what a reader would get wrong",
                "one_row_per",
            )
        )
    if model.tree is None:
        return problems
    for rule, check in _TEXT_RULES.items():
        problems.extend(_problems(model, rule, check(model)))
    problems.extend(_problems(model, "columns", _unclear_columns(model)))
    if needs_docs:
        problems.extend(_problems(model, "docs", _undocumented(model)))
    return problems


def type_problems(model: ParsedModel, dry_run: DryRun) -> list[Problem]:
    """Return what only shows once the engine knows the tables that are read."""
    return _problems(model, "double_sum", _double_sums(model, dry_run))


def unused_allowances(model: ParsedModel) -> list[Problem]:
    """Return a problem for every exception that excepts nothing; call it last."""
    return [
        Problem(
            model.path,
            allowance.line,
            f"the exception for {allowance.rule} allows nothing",
            "remove it, or put it on the line that the error names or right above it",
            "allow",
        )
        for allowance in model.allowances
        if not allowance.is_used
    ]


def _problems(
    model: ParsedModel, rule: str, findings: Iterator[_Finding] | list[_Finding]
) -> list[Problem]:
    problems = []
    for line, message, hint in findings:
        allowed = False
        for allowance in model.allowances:
            if allowance.rule == rule and line in allowance.lines:
                allowance.is_used = allowed = True
        if not allowed:
            problems.append(Problem(model.path, line, message, hint, rule))
    return problems


def _calls(model: ParsedModel) -> Iterator[tuple[str, Token, bool]]:
    """Yield each word of the code that is no column of something, and whether it is called."""
    tokens = model.tokens
    for position, token in enumerate(tokens):
        if token.token_type in (TokenType.STRING, TokenType.IDENTIFIER):
            continue
        if position and tokens[position - 1].token_type in (TokenType.DOT, TokenType.ALIAS):
            continue
        following = tokens[position + 1] if position + 1 < len(tokens) else None
        is_called = following is not None and following.token_type == TokenType.L_PAREN
        yield token.text.lower(), token, is_called


def _clock(model: ParsedModel) -> Iterator[_Finding]:
    hint = "read as_of_on from sources.run_clock, which is what now means in a run"
    for word, token, is_called in _calls(model):
        if (is_called and word in _CLOCK_CALLS) or word in _CLOCK_WORDS:
            yield token.line, f"{word} reads the engine's clock", hint
        if is_called and word == "age" and not _has_comma(model.tokens, token):
            yield token.line, "age of one date reads the engine's clock", hint


def _has_comma(tokens: list[Token], call: Token) -> bool:
    """Return whether a call has more than one argument."""
    depth = 0
    for token in tokens[tokens.index(call) + 1 :]:
        if token.token_type == TokenType.L_PAREN:
            depth += 1
        elif token.token_type == TokenType.R_PAREN:
            depth -= 1
        if depth == 0:
            return False
        if depth == 1 and token.token_type == TokenType.COMMA:
            return True
    return False


def _random(model: ParsedModel) -> Iterator[_Finding]:
    for word, token, is_called in _calls(model):
        if is_called and word in _RANDOM_CALLS:
            yield (
                token.line,
                f"{word}() gives something else every time",
                "derive the value from the row's key, for example by a hash of it",
            )
    for sample in model.nodes(exp.TableSample):
        yield line_of(sample), "a sample is not the same every time", "filter by a hash of the key"


def _file_reads(model: ParsedModel) -> Iterator[_Finding]:
    for word, token, is_called in _calls(model):
        if is_called and word in _FILE_CALLS:
            yield (
                token.line,
                f"{word}() reads something that is not declared",
                "declare the file in a contract in dbt_like_sql/sources/ and read its table",
            )


def _unqualified(model: ParsedModel) -> Iterator[_Finding]:
    for read in model.unqualified:
        yield (
            read.line,
            f"{read.name} names neither a layer nor a CTE",
            f"write layer.{read.name}, or mend the name of the CTE",
        )


def _untraceable(model: ParsedModel) -> Iterator[_Finding]:
    for union in model.nodes(exp.SetOperation):
        if union.args.get("by_name"):
            yield (
                line_of(union),
                "union by name hides which column comes from where",
                "list the columns of each branch in the same order and write union all",
            )
    for pivot in model.nodes(exp.Pivot):
        word = "unpivot" if pivot.args.get("unpivot") else "pivot"
        yield (
            line_of(pivot),
            f"{word} hides which column comes from where",
            "write one filtered aggregate per column, or one branch of a union all per column",
        )
    for columns in model.nodes(exp.Columns):
        yield line_of(columns), "columns() hides which columns there are", "list the columns"
    for star in model.nodes(exp.Star):
        if _is_struct_star(star):
            yield line_of(star), "struct.* hides which columns there are", "list the fields"


def _is_struct_star(star: exp.Expr) -> bool:
    parent = star.parent
    if isinstance(parent, exp.Dot):
        return True
    if not isinstance(parent, exp.Column) or not parent.table:
        return False
    select = parent.parent_select
    if not isinstance(select, exp.Select):
        return False
    sources = [select.args.get("from_"), *select.args.get("joins", [])]
    names = {source.this.alias_or_name for source in sources if source is not None}
    names.update(lateral.alias_or_name for lateral in select.args.get("laterals", []))
    return parent.table not in names


def _last_star(model: ParsedModel) -> Iterator[_Finding]:
    for branch in _branches(model.tree):
        for node in branch.expressions:
            if node.is_star:
                yield (
                    line_of(node),
                    "select * in the last SELECT does not say which columns the table has",
                    "list each column on its own line with its doc comment",
                )


def _last_order(model: ParsedModel) -> Iterator[_Finding]:
    assert model.tree is not None
    if (order := model.tree.args.get("order")) is not None:
        yield (
            line_of(order),
            "order by in the last SELECT has no effect: the writer orders by the key",
            "remove it",
        )


def _ties(model: ParsedModel) -> Iterator[_Finding]:
    for node in model.nodes(exp.Func):
        name = node.name.lower() if isinstance(node, exp.Anonymous) else node.sql_name().lower()
        if not isinstance(node, _TIE_PRONE) and name not in _TIE_PRONE_NAMES:
            continue
        if not _is_ordered(node) and not _has_compound_order(node):
            yield (
                line_of(node),
                f"{name} picks one of several equal rows, another one each time",
                "give it a tie-break: first(x order by y, key), arg_max(x, (y, key)), or min(x)",
            )


def _has_compound_order(node: exp.Expr) -> bool:
    """Return whether arg_max and its like order by more than one column."""
    by = node.args.get("expression")
    if isinstance(node, exp.Anonymous) and len(node.expressions) > 1:
        by = node.expressions[1]
    if isinstance(by, (exp.Tuple, exp.Struct)):
        return True
    return isinstance(by, exp.Anonymous) and by.name.lower() in ("row", "struct_pack")


def _unordered(model: ParsedModel) -> Iterator[_Finding]:
    for window in model.nodes(exp.Window):
        function = window.this.this if isinstance(window.this, exp.IgnoreNulls) else window.this
        if isinstance(function, _ORDERED_WINDOWS) and not _window_order(window, model):
            yield (
                line_of(window),
                f"{function.sql_name().lower()} over rows in no order",
                "add order by with a tie-break that ends in the key",
            )
    for node in model.nodes(exp.ArrayAgg, exp.GroupConcat):
        outer = node.parent
        is_free = isinstance(outer, _ORDER_FREE) or (
            isinstance(outer, exp.Anonymous) and outer.name.lower() in _ORDER_FREE_NAMES
        )
        if not is_free and not _is_ordered(node):
            yield (
                line_of(node),
                "a list of rows in no order is another list each time",
                "write list(x order by x), or list_sort(list(x))",
            )
    for select in model.nodes(exp.Select):
        distinct = select.args.get("distinct")
        is_picked = distinct is not None and distinct.args.get("on") is not None
        if (is_picked or select.args.get("limit")) and not select.args.get("order"):
            yield (
                line_of(select),
                "limit or distinct on without order by keeps other rows each time",
                "add order by with a tie-break that ends in the key",
            )


def _window_order(window: exp.Expr, model: ParsedModel) -> bool:
    if window.args.get("order"):
        return True
    name = window.args.get("alias")
    return name is not None and any(
        named.name == name.name and named.args.get("order")
        for named in model.nodes(exp.Window)
        if named is not window
    )


def _is_ordered(node: exp.Expr) -> bool:
    """Return whether an aggregate has an order of its own, or stands over an ordered window."""
    if any(isinstance(child, exp.Order) for child in node.args.values()):
        return True
    parent = node.parent
    while isinstance(parent, (exp.Filter, exp.IgnoreNulls, exp.WithinGroup)):
        if isinstance(parent, exp.WithinGroup):
            return True
        parent = parent.parent
    return isinstance(parent, exp.Window) and parent.args.get("order") is not None


def _unclear_columns(model: ParsedModel) -> Iterator[_Finding]:
    seen: set[str] = set()
    for projection in model.projections:
        if projection.name == "*":
            continue
        if not projection.name:
            yield projection.line, "a column without a name", "write expression as name"
        elif projection.name.lower() in seen:
            yield projection.line, f"two columns are called {projection.name}", "rename one"
        elif not TABLE_NAME.fullmatch(projection.name):
            yield projection.line, f"{projection.name} is not in snake_case", "rename it"
        seen.add(projection.name.lower())


def _undocumented(model: ParsedModel) -> Iterator[_Finding]:
    for projection in model.projections:
        if projection.name and projection.name != "*" and len(projection.doc) < 3:
            yield (
                projection.line,
                f"{projection.name} has no doc comment",
                f"write {projection.name}, -- what it means, on the same line",
            )


def _double_sums(model: ParsedModel, dry_run: DryRun) -> Iterator[_Finding]:
    for name, line in double_sums(model, dry_run):
        yield (
            line,
            f"{name} over doubles depends on the order of the rows",
            f"cast to decimal before, or round the result: round({name}(x), 6)",
        )


def _branches(tree: exp.Expr | None) -> Iterator[exp.Select]:
    """Yield every SELECT whose rows are the table's: both sides of each union."""
    if isinstance(tree, exp.SetOperation):
        yield from _branches(tree.this)
        yield from _branches(tree.expression)
    elif isinstance(tree, exp.Subquery):
        yield from _branches(tree.this)
    elif isinstance(tree, exp.Select):
        yield tree


_TEXT_RULES: dict[str, Callable[[ParsedModel], Iterator[_Finding]]] = {
    "qualified": _unqualified,
    "files": _file_reads,
    "clock": _clock,
    "random": _random,
    "lineage": _untraceable,
    "last_star": _last_star,
    "last_order": _last_order,
    "ties": _ties,
    "unordered": _unordered,
}
