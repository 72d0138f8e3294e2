"""Columns of text and money, made without a Python loop over rows.

Belongs here: small vectorised helpers over Arrow and numpy that know nothing of customers.
Does not belong here: anything about people, systems or files.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Text: TypeAlias = Any  # a pyarrow array of strings: pyarrow ships no types
Ints: TypeAlias = npt.NDArray[np.int64]
Mask: TypeAlias = npt.NDArray[np.bool_]
Rows: TypeAlias = npt.NDArray[Any]

ASCII_FOLDS = (
    ("å", "a"), ("ä", "a"), ("ö", "o"), ("æ", "ae"), ("ø", "o"), ("é", "e"), ("ü", "u"),
    ("ó", "o"), ("á", "a"), ("í", "i"), ("ð", "d"), ("þ", "th"), ("ć", "c"), ("č", "c"),
    ("š", "s"), ("ž", "z"), ("đ", "d"), ("ł", "l"), ("ń", "n"), ("ś", "s"), ("ź", "z"),
    ("ż", "z"), ("ę", "e"), ("ą", "a"), ("ş", "s"), ("ğ", "g"), ("ı", "i"), ("ç", "c"),
    ("İ", "i"), ("ú", "u"), ("ý", "y"),
)  # fmt: skip


def as_bool(mask: Mask) -> Any:
    """Turn a numpy mask into an Arrow one."""
    return pa.array(mask, type=pa.bool_())


def one(array: Any) -> Any:
    """Make one contiguous array of what may be a chunked one."""
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def take(pool: Text, places: Rows) -> Text:
    """Give the pool's value at each place."""
    return one(pool.take(pa.array(places)))


def where(mask: Mask, yes: Text | str | None, no: Text | str | None) -> Text:
    """Choose row by row."""
    options = [
        pa.scalar(side, pa.string()) if side is None or isinstance(side, str) else side
        for side in (yes, no)
    ]
    return one(pc.if_else(as_bool(mask), *options))


def blank(text: Text, mask: Mask) -> Text:
    """Make the masked rows null."""
    return where(mask, None, text)


def join(*parts: Text | str, separator: str = "") -> Text:
    """Join texts row by row; a null part makes the row null."""
    return one(pc.binary_join_element_wise(*parts, separator))


def digits(numbers: Rows, width: int = 0) -> Text:
    """Write whole numbers, with leading zeros up to the width."""
    text = pc.cast(pa.array(numbers), pa.string())
    return one(pc.utf8_lpad(text, width, "0") if width else text)


def fold(text: Text) -> Text:
    """Lower case without accents, as people write themselves in e-mail addresses."""
    folded = pc.utf8_lower(text)
    for letter, plain in ASCII_FOLDS:
        folded = pc.replace_substring(folded, letter, plain)
    return one(folded)


def without_accents(text: Text) -> Text:
    """Replace accented letters and keep the case, as old terminals do."""
    plain = text
    for letter, letters in ASCII_FOLDS:
        plain = pc.replace_substring(plain, letter, letters)
        if letter.upper() != letter and len(letter.upper()) == 1:
            plain = pc.replace_substring(plain, letter.upper(), letters.capitalize())
    return one(plain)


def scatter(base: Text, rows: Rows, replacement: Text) -> Text:
    """Put the replacement's values into the given rows."""
    if not len(rows):
        return base
    places = np.arange(len(base))
    places[rows] = len(base) + np.arange(len(rows))
    return take(pa.concat_arrays([one(base), one(replacement)]), places)


def by_variant(
    variant: Rows, makers: Sequence[Callable[[Rows], Text]], fallback: str | None = None
) -> Text:
    """Make each row's text by the maker its variant names; makers are given row numbers.

    Examples
    --------
    >>> import numpy as np, pyarrow as pa
    >>> def all_of(letter):
    ...     return lambda rows: pa.array([letter] * len(rows))
    >>> makers = [all_of("a"), all_of("b")]
    >>> by_variant(np.array([1, 0, 1]), makers).to_pylist()
    ['b', 'a', 'b']
    """
    pieces, places = [], []
    for number, maker in enumerate(makers):
        rows = np.flatnonzero(variant == number)
        if len(rows):
            pieces.append(one(maker(rows)).cast(pa.string()))
            places.append(rows)
    if fallback is not None or not pieces:
        rest = np.flatnonzero((variant < 0) | (variant >= len(makers)))
        pieces.append(pa.array([fallback] * len(rest), pa.string()))
        places.append(rest)
    order = np.argsort(np.concatenate(places), kind="stable")
    return take(pa.concat_arrays(pieces), order)


def misspell(text: Text, mask: Mask, dice: np.random.Generator) -> Text:
    """Make one slip of the hand in each masked row: a swap, a loss, a double or a wrong letter.

    The first letter stays, as in real slips. Rows of fewer than four letters are left alone.
    """
    rows = np.flatnonzero(mask)
    if not len(rows):
        return text
    chosen = take(text, rows)
    lengths = pc.fill_null(pc.utf8_length(chosen), 0).to_numpy(zero_copy_only=False)
    rows, lengths = rows[lengths >= 4], lengths[lengths >= 4].astype(np.int64)
    if not len(rows):
        return text
    width = int(lengths.max()) + 1
    letters = np.array(take(text, rows).to_pylist(), dtype=f"<U{width}")
    grid = letters.view(np.uint32).reshape(len(rows), width).copy()
    line = np.arange(len(rows))
    at = 1 + (dice.random(len(rows)) * (lengths - 2)).astype(np.int64)
    kind = dice.integers(0, 4, len(rows))
    column = np.arange(width)[None, :]
    swap = kind == 0
    grid[line[swap], at[swap]], grid[line[swap], at[swap] + 1] = (
        grid[line[swap], at[swap] + 1].copy(),
        grid[line[swap], at[swap]].copy(),
    )
    lost = kind == 1
    source = np.minimum(column + (column >= at[lost, None]), width - 1)
    grid[lost] = np.take_along_axis(grid[lost], source, axis=1)
    double = kind == 2
    source = column - (column > at[double, None])
    grid[double] = np.take_along_axis(grid[double], source, axis=1)
    wrong = kind == 3
    keys = np.frombuffer("eaionrtslkmd".encode("utf-32-le"), dtype=np.uint32)
    digit = (grid[line, at] >= 48) & (grid[line, at] <= 57)
    letter = keys[dice.integers(0, len(keys), len(rows))]
    figure = (48 + dice.integers(0, 10, len(rows))).astype(np.uint32)
    grid[line[wrong], at[wrong]] = np.where(digit, figure, letter)[wrong]
    spelled = pa.array(grid.reshape(-1).view(f"<U{width}").tolist(), pa.string())
    return scatter(text, rows, spelled)


def number_repeats(text: Text, dice: np.random.Generator) -> Text:
    """Put a number behind every repeat of a value, so that all become different (nearly)."""
    codes = one(text.dictionary_encode()).indices.to_numpy(zero_copy_only=False)
    order = np.argsort(codes, kind="stable")
    ordered = codes[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    rank = np.arange(len(codes)) - np.repeat(starts, np.diff(np.r_[starts, len(codes)]))
    repeat = np.zeros(len(codes), dtype=np.int64)
    repeat[order] = rank
    # The number looks like a year or a house number rather than a count.
    shown = np.where(repeat > 0, repeat * 7 + dice.integers(0, 7, len(codes)), 0)
    return where(repeat > 0, join(text, digits(shown)), text)


def money(cents: Rows, scale: int = 2) -> Any:
    """Exact amounts: whole hundredths (or finer) as a decimal column."""
    low = np.ascontiguousarray(cents, dtype=np.int64)
    words = np.empty((len(low), 2), dtype=np.int64)
    words[:, 0] = low
    words[:, 1] = low >> 63
    return pa.Array.from_buffers(pa.decimal128(18, scale), len(low), [None, pa.py_buffer(words)])


def moment(seconds: Rows, missing: Mask | None = None, zone: str | None = None) -> Any:
    """Seconds since 1970 as a timestamp column; null where missing."""
    stamps = pa.array(np.asarray(seconds, dtype=np.int64), pa.int64(), mask=missing)
    return stamps.cast(pa.timestamp("s")).cast(pa.timestamp("us", tz=zone))


def day(days: Rows, missing: Mask | None = None) -> Any:
    """Days since 1970 as a date column; null where missing."""
    return pa.array(np.asarray(days, dtype=np.int32), pa.int32(), mask=missing).cast(pa.date32())


def iso_day(days: Rows, missing: Mask | None = None) -> Text:
    """Days since 1970 as text like 2024-05-17."""
    return one(day(days, missing).cast(pa.string()))


def iso_moment(seconds: Rows, missing: Mask | None = None) -> Text:
    """Seconds since 1970 as text like 2024-05-17 13:02:59."""
    stamps = pa.array(np.asarray(seconds, dtype=np.int64), pa.int64(), mask=missing)
    return one(stamps.cast(pa.timestamp("s")).cast(pa.string()))
