"""Whatever dialect a table is written in, the proposed contract loads every row of it."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import io
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cdp_pipeline_tests.proposing.support import loaded, proposed

_DATES = ["%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%Y%m%d", "%Y/%m/%d"]
_TIMES = ["%Y-%m-%d %H:%M:%S", "%d.%m.%Y %H:%M", "%Y-%m-%dT%H:%M:%SZ", "%m/%d/%Y %I:%M:%S %p"]
_DIALECTS = st.fixed_dictionaries(
    {
        "delimiter": st.sampled_from([",", ";", "\t", "|"]),
        "encoding": st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]),
        "line_end": st.sampled_from(["\n", "\r\n"]),
        "quoting": st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
        "decimal": st.sampled_from([".", ","]),
        "date": st.sampled_from(_DATES),
        "time": st.sampled_from(_TIMES),
        "truth": st.sampled_from([("Ja", "Nej"), ("true", "false"), ("Y", "N"), ("kyllä", "ei")]),
        "is_packed": st.booleans(),
    }
)
_SPAN = (dt.datetime(2001, 1, 1), dt.datetime(2026, 1, 1))  # noqa: DTZ001  no zone is written
_TEXTS = st.text(st.sampled_from("abcåäöÅß ,;'\"\n-"), min_size=0, max_size=12)


@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(
    dialect=_DIALECTS,
    rows=st.lists(
        st.tuples(
            _TEXTS,
            st.decimals(-99999, 99999, places=2),
            st.dates(dt.date(1930, 1, 1), dt.date(2026, 1, 1)),
            st.datetimes(*_SPAN),
            st.booleans(),
        ),
        min_size=2,
        max_size=30,
    ),
)
def test_a_proposed_contract_loads_every_row(
    dialect: dict[str, object],
    rows: list[tuple[str, object, dt.date, dt.datetime, bool]],
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "Kunder.csv"
        file.write_bytes(_written(dialect, rows))
        assert loaded(proposed(file), folder) == [(len(rows), 0, "")]


def _written(
    dialect: dict[str, object], rows: list[tuple[str, object, dt.date, dt.datetime, bool]]
) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(
        out,
        delimiter=str(dialect["delimiter"]),
        lineterminator=str(dialect["line_end"]),
        quoting=int(str(dialect["quoting"])),  # type: ignore[arg-type]
    )
    writer.writerow(["Kundnr", "Ort", "Belopp", "Datum", "Skapad", "Nyhetsbrev"])
    truth = dialect["truth"]
    assert isinstance(truth, tuple)
    for number, (text, amount, day, moment, flag) in enumerate(rows):
        writer.writerow(
            [
                f"{number:05d}",
                text,
                str(amount).replace(".", str(dialect["decimal"])),
                day.strftime(str(dialect["date"])),
                moment.strftime(str(dialect["time"])),
                truth[0] if flag else truth[1],
            ]
        )
    raw = out.getvalue().encode(str(dialect["encoding"]))
    return gzip.compress(raw) if dialect["is_packed"] else raw
