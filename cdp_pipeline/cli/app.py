"""The commands of ``cdp`` and their help."""

from __future__ import annotations

import datetime as dt
import gc
import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from cdp_pipeline import __version__
from cdp_pipeline.errors import CdpError, HomeError
from cdp_pipeline.settings import Home, find_home

_EXIT_CODES = """
Exit codes: 0 done; 1 a step or a query failed; 2 wrong use, or no usable home; 3 contracts or
models do not compile;
4 another run holds the home; 5 the release was refused and the last one stays.
"""

app = typer.Typer(
    name="cdp",
    help="Customer data platform: exports in, golden profiles and decisions out.\n\n"
    "Drop files in data/landing, `cdp run`, open data/exports/latest or `cdp sql`. "
    "A home is a folder with cdp.yml; `--home DIR` or CDP_HOME names it, else the nearest one "
    f"upwards is used.\n\n{_EXIT_CODES}",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    add_completion=False,
)

HomeOption = Annotated[
    Path | None,
    typer.Option("--home", help="The home to work in.", envvar="CDP_HOME", show_default=False),
]


class Format(StrEnum):
    """How query results are printed."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


def _say_version(is_asked: bool) -> None:
    if is_asked:
        Console().print(__version__)
        raise typer.Exit


@app.callback()
def _common(
    home: HomeOption = None,
    version: Annotated[  # noqa: ARG001  answered before anything else runs
        bool,
        typer.Option("--version", callback=_say_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    if home is not None:
        os.environ["CDP_HOME"] = str(home.expanduser().resolve())


def _open(home: Path | None) -> Home:
    if home is not None:
        os.environ["CDP_HOME"] = str(home.expanduser().resolve())
    return find_home()


@app.command()
def run(
    home: HomeOption = None,
    select: Annotated[
        str,
        typer.Option(
            help="Only these assets, in Dagster's selection syntax: `group:insight`, "
            '`key:"insight/rfm_segments"+`, or a plain `insight.rfm_segments`.'
        ),
    ] = "",
    train: Annotated[bool, typer.Option("--train", help="Train the models anew.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Make every table again; the bytes must not change.")
    ] = False,
    as_of: Annotated[
        str, typer.Option(help="Run as of a past day, YYYY-MM-DD; needs --into.", metavar="DAY")
    ] = "",
    into: Annotated[
        Path | None,
        typer.Option(help="Where a run as of a past day publishes. No ids are committed."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Load what has landed, make every table that changed, and publish a release.

    A run that was killed goes on where it stopped; a run with nothing new publishes nothing.
    """
    from cdp_pipeline.cli.running import run_pipeline

    opened = _open(home)
    if bool(as_of) != (into is not None):
        raise typer.BadParameter("--as-of and --into go together.")
    if as_of and into is not None:
        try:
            day = dt.date.fromisoformat(as_of)
        except ValueError:
            raise typer.BadParameter(f"--as-of wants a day as YYYY-MM-DD, not {as_of}.") from None
        if day > dt.datetime.now(dt.UTC).date():
            raise typer.BadParameter(f"--as-of wants a past day, not {as_of}.")
        opened = opened.as_of(day, into)
    code = run_pipeline(opened, select=select, train=train, force=force, as_json=as_json)
    raise typer.Exit(code)


@app.command()
def dev(
    home: HomeOption = None,
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 3000,
) -> None:
    """Open Dagster's UI on 127.0.0.1: lineage, runs, checks and figures of this home."""
    from cdp_pipeline.cli.starting import start_dagster

    start_dagster(_open(home), port)


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="Folder of the new home.")],
    given: Annotated[
        list[str] | None,
        typer.Option(
            "--from",
            help="Sample exports: files, folders or globs; repeat it. Contracts and staging SQL "
            "are proposed from them, with the evidence.",
            show_default=False,
        ),
    ] = None,
    country: Annotated[
        str | None, typer.Option(help="ISO 3166 country, where the data do not say.")
    ] = None,
    currency: Annotated[
        str | None, typer.Option(help="ISO 4217 currency, where the data do not say.")
    ] = None,
    time_zone: Annotated[
        str | None, typer.Option(help="IANA zone of times that name none.")
    ] = None,
    reference: Annotated[
        bool, typer.Option("--reference", help="Read the files where they lie; copy nothing.")
    ] = False,
) -> None:
    """Make a home for your own exports: settings, folders, contracts.

    With `--from` the contracts are proposed from sample files, and `cdp run` works at once.
    """
    from cdp_pipeline.cli.starting import TEMPLATE, make_home

    if not given:
        make_home(folder, Console())
        return
    from cdp_pipeline.cli.proposing import propose_home

    console = Console()
    if not console.is_terminal:
        console.width = 160
    propose_home(
        folder,
        given,
        country=country,
        currency=currency,
        time_zone=time_zone,
        reference=reference,
        template=TEMPLATE,
        console=console,
    )


@app.command()
def demo(
    home: HomeOption = None,
    people: Annotated[
        int | None, typer.Option(min=1000, help="How many people to invent.", show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option(help="Same seed, same company.")] = 1,
    force: Annotated[
        bool, typer.Option("--force", help="Replace files that have landed before.")
    ] = False,
) -> None:
    """Write the demo company's exports to data/landing.

    Without `--people` it is the small company of `data/demo`; the truth of who is who goes to
    data/demo_truth, which the pipeline never reads.
    """
    from cdp_pipeline.cli.starting import write_demo

    write_demo(_open(home), people=people, seed=seed, force=force, console=Console(stderr=True))


@app.command()
def sql(
    query: Annotated[
        str, typer.Argument(help="A query; without one, it is read from standard input.")
    ] = "",
    home: HomeOption = None,
    vault: Annotated[
        bool, typer.Option("--vault", help="Attach the vault (personal values) as `vault`.")
    ] = False,
    form: Annotated[Format, typer.Option("--format", help="How to print.")] = Format.TABLE,
) -> None:
    """Query the published tables in data/warehouse/cdp.duckdb, read-only.

    `cdp sql "select segment, count(*) from rfm_segments group by all"`
    """
    from cdp_pipeline.cli.looking import query_release

    query_release(_open(home), query, with_vault=vault, form=str(form))


@app.command()
def deliveries(
    home: HomeOption = None,
    rejected: Annotated[
        bool, typer.Option("--rejected", help="Why rows were rejected, and where they stand.")
    ] = False,
) -> None:
    """Show what became of every landed file: loaded, refused or seen before, with the reason.

    The text of rejected rows is personal data and stays in `sources.rejected_rows`.
    """
    from cdp_pipeline.cli.looking import show_deliveries

    console = Console()
    if not console.is_terminal:
        console.width = 220
    show_deliveries(_open(home), rejected=rejected, console=console)


@app.command()
def report(
    home: HomeOption = None,
    is_opened: Annotated[
        bool, typer.Option("--open/--no-open", help="Open it in the browser, or print where it is.")
    ] = True,
) -> None:
    """Open the report of the latest release: questions, figures and pictures on one page."""
    from cdp_pipeline.cli.looking import open_report

    open_report(_open(home), Console(soft_wrap=True), is_opened=is_opened)


@app.command()
def docs(
    home: HomeOption = None,
    is_opened: Annotated[
        bool, typer.Option("--open/--no-open", help="Open it in the browser, or print where it is.")
    ] = True,
) -> None:
    """Open Data Docs: what every table promises, whether it keeps it, what its columns hold."""
    from cdp_pipeline.cli.looking import open_data_docs

    open_data_docs(_open(home), Console(soft_wrap=True), is_opened=is_opened)


@app.command()
def readiness(
    home: HomeOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Show which questions the data can answer, for how many customers, and what is missing.

    Before the first run it is judged by contracts and landed files, afterwards it is the
    published table `readiness`.
    """
    from cdp_pipeline.cli.readiness import show_readiness

    console = Console()
    if not console.is_terminal:
        console.width = 160
    show_readiness(_open(home), as_json=as_json, console=console)


@app.command()
def check(home: HomeOption = None) -> None:
    """Check that contracts and models compile; every error names its file and line."""
    from cdp_pipeline.cli.looking import check_home

    check_home(_open(home), Console())


@app.command()
def lineage(
    column: Annotated[
        str, typer.Argument(help="layer.table.column, or the published table.column.")
    ],
    home: HomeOption = None,
) -> None:
    """Show what a column is made from, and what is made from it."""
    from cdp_pipeline.cli.looking import show_lineage

    show_lineage(_open(home), column, Console())


@app.command()
def why(
    one: Annotated[
        str, typer.Argument(help="A customer id, or a record as source:record_id.", metavar="A")
    ],
    other: Annotated[
        str | None, typer.Argument(help="Another one, to compare with.", metavar="[B]")
    ] = None,
    home: HomeOption = None,
    language: Annotated[
        str | None,
        typer.Option(help="en or sv; else the terminal's language.", show_default=False),
    ] = None,
    show_values: Annotated[
        bool,
        typer.Option("--show-values", help="Show what both sides hold: personal data."),
    ] = False,
    picture: Annotated[
        Path | None,
        typer.Option(help="Write the waterfall to FILE.svg or FILE.html.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Explain why records are one customer, or why two are not joined.

    `cdp why c_0123456789abcdef` or `cdp why crm:12 webshop:88`; weights are those of the last run,
    worked out with its model also for records it never compared.
    """
    from cdp_pipeline.cli.explaining import show_why

    console = Console(soft_wrap=False)
    if not console.is_terminal:
        console.width = 160
    show_why(
        _open(home),
        one,
        other,
        language=language,
        show_values=show_values,
        picture=picture,
        as_json=as_json,
        console=console,
    )


@app.command()
def review(
    home: HomeOption = None,
    top: Annotated[int, typer.Option(min=1, help="How many rows to show.")] = 20,
    csv: Annotated[
        Path | None,
        typer.Option(help="Write the whole queue to a file for a spreadsheet.", show_default=False),
    ] = None,
    language: Annotated[
        str | None,
        typer.Option(help="en or sv; else the terminal's language.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the rows as JSON.")] = False,
) -> None:
    """Show decisions about identity that a person should look at, by what a wrong one would cost.

    Two customers that were nearly joined, and customers whose records barely hold together.
    """
    from cdp_pipeline.cli.explaining import show_review

    console = Console()
    if not console.is_terminal:
        console.width = 160
    show_review(_open(home), top=top, file=csv, language=language, as_json=as_json, console=console)


WhyOption = Annotated[
    str, typer.Option("--why", help="What the decision rests on.", show_default=False)
]
ByOption = Annotated[
    str | None, typer.Option("--by", help="Who decides; else your user name.", show_default=False)
]
OverrideOption = Annotated[
    bool,
    typer.Option("--override", help="Obey it against older decisions and contradicting data."),
]
DryRunOption = Annotated[
    bool,
    typer.Option("--dry-run", help="Write nothing: show what would change, customer by customer."),
]
ValuesOption = Annotated[
    bool,
    typer.Option("--show-values", help="With --dry-run, values of the profile: personal data."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print it as JSON.")]
_NAMED = "A customer id, or a record as source:record_id."


def _decide(
    home: Path | None,
    plan: str,
    arguments: tuple[str, ...],
    why: str,
    by: str | None,
    *flags: bool,
) -> None:
    from cdp_pipeline.cli import deciding

    opened = _open(home)
    plans = {
        "merge": lambda: deciding.merge(arguments),
        "keep-apart": lambda: deciding.keep_apart(arguments[0], arguments[1]),
        "split": lambda: deciding.split(arguments[0], arguments[1:]),
        "unmerge": lambda: deciding.unmerge(opened, arguments[0]),
    }
    overrides, dry_run, show_values, as_json = flags
    console = Console()
    if not console.is_terminal:
        console.width = 160
    deciding.decide(
        opened,
        plans[plan](),
        why=why,
        by=by,
        overrides=overrides,
        dry_run=dry_run,
        show_values=show_values,
        as_json=as_json,
        console=console,
    )


@app.command()
def merge(
    names: Annotated[list[str], typer.Argument(help=_NAMED, metavar="A B ...")],
    why: WhyOption,
    home: HomeOption = None,
    by: ByOption = None,
    override: OverrideOption = False,
    dry_run: DryRunOption = False,
    show_values: ValuesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Decide that customers or records are one customer.

    A customer stands for the records it has today. The decision goes to data/decisions and is
    obeyed from the next run on, whatever linking says.
    """
    flags = override, dry_run, show_values, as_json
    _decide(home, "merge", tuple(names), why, by, *flags)


@app.command("keep-apart")
def keep_apart(
    one: Annotated[str, typer.Argument(help=_NAMED, metavar="A")],
    other: Annotated[str, typer.Argument(help=_NAMED, metavar="B")],
    why: WhyOption,
    home: HomeOption = None,
    by: ByOption = None,
    override: OverrideOption = False,
    dry_run: DryRunOption = False,
    show_values: ValuesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Decide that two customers or records are never one customer."""
    flags = override, dry_run, show_values, as_json
    _decide(home, "keep-apart", (one, other), why, by, *flags)


@app.command()
def split(
    customer: Annotated[str, typer.Argument(help="A customer id.", metavar="CUSTOMER")],
    records: Annotated[
        list[str],
        typer.Option("--records", help="A record of somebody else, source:record_id; repeat it."),
    ],
    why: WhyOption,
    home: HomeOption = None,
    by: ByOption = None,
    override: OverrideOption = False,
    dry_run: DryRunOption = False,
    show_values: ValuesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Decide that some of a customer's records are of somebody else.

    Where they were a customer of their own before, they get that customer's id back.
    """
    flags = override, dry_run, show_values, as_json
    names = tuple(name for given in records for name in given.replace(",", " ").split())
    _decide(home, "split", (customer, *names), why, by, *flags)


@app.command()
def unmerge(
    customer: Annotated[
        str,
        typer.Argument(help="A customer, or the earlier id that is to come back.", metavar="ID"),
    ],
    why: WhyOption,
    home: HomeOption = None,
    by: ByOption = None,
    override: OverrideOption = False,
    dry_run: DryRunOption = False,
    show_values: ValuesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Undo a customer's newest merge, or the one that made the given id an alias.

    Whatever made the merge, and however long ago: records go to whose they were, those that came
    since to whom they are tied to more strongly.
    """
    flags = override, dry_run, show_values, as_json
    _decide(home, "unmerge", (customer,), why, by, *flags)


@app.command()
def decisions(
    home: HomeOption = None,
    add: Annotated[
        Path | None,
        typer.Option(help="Write down the decisions of a CSV file.", show_default=False),
    ] = None,
    withdraw: Annotated[
        str | None,
        typer.Option(help="Take a decision back; needs --why.", metavar="ID", show_default=False),
    ] = None,
    why: Annotated[str, typer.Option("--why", help="Why it is taken back.")] = "",
    by: ByOption = None,
    override: OverrideOption = False,
    as_json: JsonOption = False,
) -> None:
    """List what was decided about who is who, whether it is obeyed, and why not.

    `--add queue.csv` takes the file of `cdp review --csv` once its column `decision` is filled.
    """
    from cdp_pipeline.cli import deciding

    console = Console()
    if not console.is_terminal:
        console.width = 160
    opened = _open(home)
    if add is not None:
        deciding.add_file(opened, add, by=by, overrides=override, console=console)
    elif withdraw is not None:
        deciding.withdraw(opened, withdraw, why=why, by=by, console=console)
    else:
        deciding.list_decisions(opened, as_json=as_json, console=console)


@app.command("evaluate-identity")
def evaluate_identity(
    truth: Annotated[
        Path,
        typer.Option(
            help="CSV or Parquet with source, record_id, person_id; or with source_a, record_id_a, "
            "source_b, record_id_b, is_same."
        ),
    ],
    home: HomeOption = None,
    thresholds: Annotated[
        bool | None,
        typer.Option(
            "--thresholds/--no-thresholds",
            help="Link anew at other thresholds; without saying so, up to 200,000 records.",
        ),
    ] = None,
    picture: Annotated[
        Path | None,
        typer.Option(help="Write the threshold chart to FILE.svg.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Compare who is who with a labelled sample: precision, recall, kinds of errors, thresholds.

    The sample is read for this and nothing else: no run ever learns from it.
    """
    from cdp_pipeline.cli.evaluating import show_evaluation

    console = Console()
    if not console.is_terminal:
        console.width = 160
    show_evaluation(
        _open(home),
        truth,
        with_thresholds=thresholds,
        picture=picture,
        as_json=as_json,
        console=console,
    )


def main() -> None:
    """Run the command line; errors are sentences, never tracebacks."""
    # Libraries and definitions are a million objects that stay. Looking for cycles at every 700
    # new ones took a second of the eleven of a run with little to do.
    gc.set_threshold(10_000, 20, 20)
    try:
        app(standalone_mode=True)
    except CdpError as error:
        Console(stderr=True, soft_wrap=True, highlight=False).print(
            "error:", str(error), style="red", markup=False
        )
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        Console(stderr=True).print("Stopped. `cdp run` goes on where it stopped.")
        sys.exit(130)
    except PermissionError as error:
        Console(stderr=True, soft_wrap=True, highlight=False).print(
            f"error: {error.filename} cannot be written.", style="red", markup=False
        )
        sys.exit(HomeError.exit_code)
    except Exception as error:
        if os.environ.get("CDP_DEBUG"):
            raise
        # The message of an error we did not foresee may quote data: say what and where only.
        Console(stderr=True, soft_wrap=True, highlight=False).print(
            f"error: unexpected {type(error).__name__}. "
            "CDP_DEBUG=1 shows the traceback; please report it.",
            style="red",
            markup=False,
        )
        sys.exit(1)
