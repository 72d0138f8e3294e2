"""Write a demo company: ``python -m cdp_pipeline.synthetic --landing DIR --truth DIR``.

Belongs here: arguments and what is shown. Does not belong here: anything of the company itself.
"""

import argparse
from pathlib import Path

from rich.console import Console

from cdp_pipeline.synthetic import (
    DEFAULT_LINES_PER_RECORD,
    DEFAULT_PEOPLE,
    DEFAULT_SEED,
    write_company,
)


def main() -> None:
    """Read the arguments, write the company, say how many rows each file has."""
    parser = argparse.ArgumentParser(prog="python -m cdp_pipeline.synthetic", description=__doc__)
    parser.add_argument("--people", type=int, default=DEFAULT_PEOPLE, help="1,000 to millions")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED, help="same seed, same bytes")
    parser.add_argument(
        "--lines-per-record",
        type=float,
        default=DEFAULT_LINES_PER_RECORD,
        help="order lines per customer record, on average",
    )
    parser.add_argument("--landing", type=Path, required=True, help="is emptied first")
    parser.add_argument("--truth", type=Path, required=True, help="is emptied first")
    chosen = parser.parse_args()
    summary = write_company(
        chosen.landing,
        chosen.truth,
        people=chosen.people,
        seed=chosen.seed,
        lines_per_record=chosen.lines_per_record,
    )
    console = Console()
    for name, rows in summary.rows.items():
        console.print(f"{rows:>12,}  {name}")


if __name__ == "__main__":
    main()
