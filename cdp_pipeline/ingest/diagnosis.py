"""What form values have that their column did not take: the line of the contract to change.

Belongs here: recognising number, date and boolean forms in a sample of rejected values, from closed
lists, so that no message can hold a value. It decides nothing: values were rejected before.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from cdp_pipeline.ingest.contracts import Column, SourceTable
from cdp_pipeline.ingest.jobs import Outcome

_MOST = 0.8
_LEAST, _LEAST_SHARE = 2, 0.1
_UNITS = ("%", "kr.", "kr", ":-", "€", "$", "£", "SEK", "DKK", "NOK", "EUR", "USD", "GBP", "CHF")
_SPACES = "[ \u00a0\u202f\u2009]"
_DATES: tuple[str, ...] = (
    *("%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%Y/%m/%d", "%Y.%m.%d"),
    *("%Y%m%d", "%d/%m-%Y", "%d.%m.%y", "%d-%m-%y", "%d/%m/%y", "%y%m%d"),
)
_TIMES = ("%H:%M:%S", "%H:%M", "%H.%M", "%H.%M.%S", "%I:%M %p", "%H:%M:%S.%f", "%H:%M:%S%z")
_WORDS: tuple[tuple[str, str], ...] = (
    *(("ja", "nej"), ("j", "n"), ("sand", "falsk"), ("sant", "falskt"), ("wahr", "falsch")),
    *(("tosi", "epätosi"), ("kyllä", "ei"), ("x", "-"), ("on", "off"), ("1", "0")),
)

Form = tuple[str, str]
"""What most values have, and what to set in the contract; neither holds a value."""


def diagnose(contract: SourceTable, outcome: Outcome) -> dict[str, Form]:
    """Return the form of each column's rejected values, and say it in their repair hints.

    A few values of another form are mistakes in the source, not in the contract.
    """
    forms: dict[str, Form] = {}
    counts = Counter(reject.column for reject in outcome.rejects.values())
    for name, values in outcome.bad_values.items():
        is_common = counts[name] >= _LEAST and counts[name] >= _LEAST_SHARE * outcome.delivered
        if is_common and name in contract.columns:
            form = found_form(contract, name, values)
            forms |= {name: form} if form is not None else {}
    for number, reject in outcome.rejects.items():
        if reject.column in forms and not reject.reason.startswith("missing"):
            found, change = forms[reject.column]
            outcome.rejects[number] = replace(reject, hint=f"Most such values {found}. {change}")
    return forms


def found_form(contract: SourceTable, name: str, values: Sequence[str]) -> Form | None:
    """Return what most of a column's rejected values have in common, if that is known.

    Parameters
    ----------
    contract : SourceTable
    name : str
        The column.
    values : sequence of str
        Some of its values that were rejected, as they stand in the file.
    """
    column = contract.columns[name]
    ways = {
        "integer": _number_forms,
        "decimal": _number_forms,
        "boolean": _boolean_forms,
        "date": _time_forms,
        "timestamp": _time_forms,
    }
    if column.kind not in ways:
        return None
    for fits, found, change in ways[column.kind](contract, column):
        if sum(map(fits, values)) >= _MOST * len(values):
            return found, change
    return None


_Forms = Iterator[tuple[Callable[[str], bool], str, str]]


def _number_forms(contract: SourceTable, column: Column) -> _Forms:
    place = contract.where(f"columns.{column.name}")
    other = "," if contract.decimal == "." else "."
    here = _number(contract.decimal, contract.thousands)
    plain = _pattern(here)
    if column.kind == "integer":
        change = f'Make it type: "decimal(18,2)" at {place} if it is no whole number.'
        yield plain, "are no whole numbers", change
    elif column.rounding is None:
        change = (
            f"Give the type at {place} more decimals, or set rounding: half_up there if they"
            " may be rounded."
        )
        yield plain, f"have more than {column.scale} decimals, or more digits", change
    for decimal, thousands in ((other, contract.thousands), *_groupings(contract.decimal, other)):
        if decimal == thousands or (decimal, thousands) == (contract.decimal, contract.thousands):
            continue
        said, changes = [], []
        if decimal != contract.decimal:
            said.append(f"have {decimal!r} as decimal sign")
            changes.append(f'decimal: "{decimal}" at {contract.where("decimal")}')
        if thousands != contract.thousands:
            said.append(f"have {thousands!r} between thousands")
            changes.append(f'thousands: "{thousands}" at {contract.where("thousands")}')
        fits = _pattern(_number(decimal, thousands))
        yield fits, " and ".join(said), f"Set {' and '.join(changes)}."
    any_number = rf"[\d., '{_SPACES[1:-1]}\u2019]*\d[\d., '{_SPACES[1:-1]}\u2019]*"
    at = contract.where("numbers")
    for word, pattern, said_so in (
        ("exponent", r"[-+]?\d+([.,]\d+)?[eE][-+]?\d+", "have an exponent"),
        ("trailing_minus", rf"{any_number}-", "have their minus sign behind"),
        ("parentheses", rf"\({any_number}\)", "are negative by parentheses"),
    ):
        if word not in contract.numbers:
            yield _pattern(pattern), said_so, f"Set numbers: [{word}] at {at}."
    for unit in _UNITS:
        sign = re.escape(unit)
        with_sign = rf"[-+]?(?:{sign}\s*[-+]?{any_number}|{any_number}\s*{sign}[-]?)"
        yield _pattern(with_sign), f"have the sign {unit}", f'Set unit: "{unit}" at {place}.'


def _groupings(decimal: str, other: str) -> Iterator[tuple[str, str]]:
    for sign in (decimal, other):
        for thousands in (" ", ".", ",", "'"):
            yield sign, thousands


def _number(decimal: str, thousands: str) -> str:
    point = re.escape(decimal)
    group = {" ": _SPACES, "'": "['\u2019]", "": ""}.get(thousands, re.escape(thousands))
    whole = rf"\d{{1,3}}(?:{group}\d{{3}})+" if thousands else r"\d+"
    return rf"[-+]?(?:{whole}|\d+)(?:{point}\d*)?"


def _pattern(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern)
    return lambda value: compiled.fullmatch(value) is not None


def _boolean_forms(contract: SourceTable, column: Column) -> _Forms:
    place = contract.where(f"columns.{column.name}")
    for yes, no in _WORDS:
        yield (
            _pattern(f"(?i){re.escape(yes)}|{re.escape(no)}"),
            f"are {yes} or {no}",
            f'Set true_values: ["{yes}"] and false_values: ["{no}"] at {place}.',
        )


def _time_forms(contract: SourceTable, column: Column) -> _Forms:
    place = contract.where(f"columns.{column.name}")
    forms = list(_DATES)
    if column.kind == "timestamp":
        forms += [f"{day}{sep}{time}" for day in _DATES for sep in (" ", "T") for time in _TIMES]
    for form in forms:
        yield _of_form(form), f"are of form {form}", f'Set format: "{form}" at {place}.'
    excel = r"[2-6]\d{4}([.,]\d+)?"
    yield _pattern(excel), "look like day numbers of Excel", f"Set format: excel at {place}."
    if column.kind == "timestamp":
        for form, digits in (("unix", 10), ("unix_ms", 13)):
            found = "look like seconds since 1970" if form == "unix" else "look like ms since 1970"
            yield _pattern(rf"\d{{{digits}}}"), found, f"Set format: {form} at {place}."
    else:
        for time in _TIMES:
            form = f"%Y-%m-%d {time}"
            yield _of_form(form), f"are of form {form}", f'Set format: "{form}" at {place}.'


def _of_form(form: str) -> Callable[[str], bool]:
    def fits(value: str) -> bool:
        try:
            found = dt.datetime.strptime(value, form)  # noqa: DTZ007  only whether it fits
        except ValueError:
            return False
        return 1900 <= found.year <= 2100

    return fits
