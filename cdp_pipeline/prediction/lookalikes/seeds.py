"""The customers we want more of, with the day each became one."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cdp_pipeline.prediction.lookalikes.behaviour import Behaviour
from cdp_pipeline.prediction.lookalikes.declared import Audiences
from cdp_pipeline.warehouse.engine import literal, translated

if TYPE_CHECKING:
    import duckdb

TABLE = "lookalike_seeds"


def find_seeds(con: duckdb.DuckDBPyConnection, plan: Audiences, today: date) -> None:
    """Make the temporary table of seeds: audience, customer and the first day of each.

    Raises
    ------
    StepError
        If the query of an audience does not run, or gives no customer_id and since_on.
    """
    con.execute(
        f"create or replace temp table {TABLE} "
        "(audience varchar, customer_id varchar, since_on date)"
    )
    for name, audience in sorted(plan.audiences.items()):
        with translated(f"finding the seeds of {name} (prediction/audiences.yml)"):
            con.execute(
                f"insert into {TABLE} select {literal(name)}, customer_id, "
                f"min(coalesce(since_on, date '0001-01-01')) from ({audience.seeds}) "
                "where customer_id is not null group by customer_id "
                f"having min(coalesce(since_on, date '0001-01-01')) <= date {literal(str(today))}"
            )


def is_seed(
    con: duckdb.DuckDBPyConnection, name: str, behaviour: Behaviour, day: date
) -> NDArray[np.bool_]:
    """Return which customers were seeds of an audience by a day."""
    from pyarrow import compute

    seeds = con.sql(
        f"select customer_id from {TABLE} "
        f"where audience = {literal(name)} and since_on <= date {literal(str(day))}"
    ).to_arrow_table()
    # hashed: numpy would sort a million texts
    found = compute.is_in(
        pa.array(behaviour.customer_id, pa.string()),
        value_set=seeds.column("customer_id").cast(pa.string()),
    )
    return np.asarray(found.to_numpy(zero_copy_only=False))


def count_seeds(con: duckdb.DuckDBPyConnection, name: str, day: date) -> int:
    """Return how many customers who had bought by a day were seeds of an audience."""
    today = f"date {literal(str(day))}"
    rows = con.sql(
        f"select count(*) from {TABLE} where audience = {literal(name)} and since_on <= {today} "
        "and customer_id in (select customer_id from profiles.order_lines "
        f"where ordered_on <= {today} and status <> 'cancelled' and not is_return)"
    ).fetchall()
    return int(rows[0][0])
