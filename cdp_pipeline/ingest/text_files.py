"""Text files as bytes: counting their records, judging their quotes, fetching some by number.

Belongs here: everything about a text file that must be known without trusting the engine that
will parse it; how it became plain UTF-8 stands in ``plain_text``. The counts here are the
independent side of the row accounting: what the engine loads and rejects together must be what is
counted here.

A record ends at a line end outside quotes. A quote opens a value only at its start, and closes it
only before a delimiter or a line end; a doubled quote inside stands for one. Any other quote
inside a quoted value means that the file's quoting is broken.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from cdp_pipeline.ingest.contracts import SourceTable
from cdp_pipeline.ingest.plain_text import UnreadableFileError as UnreadableFileError
from cdp_pipeline.ingest.plain_text import plain_text, wrong_encoding
from cdp_pipeline.ingest.values import Signs

_BLOCK = 1 << 20
_QUICK_BLOCK = 1 << 18  # with its comparisons it stays in the processor's cache
_LF, _CR, _NUL = 10, 13, 0
_UNIT_SEPARATOR = 31  # in JSON no control character may stand as itself
_BOM = codecs.BOM_UTF8
_LARGEST_HEADER = 1 << 20

Bytes = npt.NDArray[np.uint8]
Positions = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Survey:
    """What one pass over a text file's bytes found.

    Attributes
    ----------
    records : int
        Records, the header included, blank lines not.
    quoting : str
        ``none`` (no quote in the file), ``sound``, ``stray`` (sound, but quotes stand inside
        values that are not quoted), or ``broken``.
    broken_record : int
        Where quoting is broken: the record, the header being 0.
    is_uniform : bool
        Whether all line ends are LF or all are CR LF, and no line is blank.
    has_nul : bool
        Whether there are NUL bytes.
    signs : Signs
        Signs in it that make values harder to read.
    has_inner_line_ends : bool
        Whether there are line ends inside quotes.
    is_ended : bool
        Whether the last record has a line end.
    """

    records: int
    quoting: Literal["none", "sound", "stray", "broken"]
    broken_record: int
    is_uniform: bool
    has_nul: bool
    signs: Signs
    has_inner_line_ends: bool
    is_ended: bool


@dataclass(frozen=True, slots=True)
class TextFile:
    """A CSV or JSON Lines file as plain UTF-8 with uniform line ends, ready for the engine."""

    path: Path
    survey: Survey
    header_records: int = 1

    @property
    def rows(self) -> int:
        """Return the number of records, the header not counted."""
        return max(self.survey.records - self.header_records, 0)


def prepare(contract: SourceTable, path: Path, spill: Path, *, largest: int) -> TextFile:
    """Return a file as plain UTF-8: the file itself where it is, else a copy in `spill`.

    Parameters
    ----------
    contract : SourceTable
    path : Path
    spill : Path
        An existing folder that the caller empties.
    largest : int
        Bytes that unpacking may make at most.

    Raises
    ------
    UnreadableFileError
        If it is not compressed or encoded as the contract says.
    """
    plain = plain_text(contract, path, spill, largest=largest)
    scanner = Scanner.of(contract)
    survey = scanner.survey(plain)
    if not survey.is_uniform and survey.quoting != "broken":
        uniform = spill / "uniform.csv"
        scanner.make_uniform(plain, uniform, is_exact=survey.quoting == "stray")
        plain, survey = uniform, scanner.survey(uniform)
    return TextFile(plain, survey, 1 if contract.header and contract.format == "csv" else 0)


def header_names(contract: SourceTable, text: TextFile) -> list[str]:
    """Return the names in the file's first record.

    Raises
    ------
    UnreadableFileError
        If there is no header, or it is not text.
    """
    raw = next(Scanner.of(contract).records(text, [0], largest=_LARGEST_HEADER + 1), b"")
    if b"\0" in raw:
        raise wrong_encoding(contract, "its header has NUL bytes, as UTF-16 has")
    if not raw.strip():
        raise UnreadableFileError(
            "the file is empty: it has no header", "Ask the owner for a whole file."
        )
    return [name.strip("\ufeff") for name in split_record(contract, _decoded(contract, raw))]


def split_record(contract: SourceTable, record: str, delimiter: str | None = None) -> list[str]:
    """Return the values of one record."""
    # A quote after a byte-order mark opens a value all the same.
    plain = record.removeprefix("\ufeff")
    options: dict[str, Any] = {"delimiter": delimiter or contract.delimiter}
    if contract.quote:
        options["quotechar"] = contract.quote
    else:
        options["quoting"] = csv.QUOTE_NONE
    try:
        return next(csv.reader(io.StringIO(plain, newline=""), **options), [])
    except csv.Error:
        raise UnreadableFileError(
            "its header is not a CSV record", f"Check delimiter and quote at {contract.where()}."
        ) from None


def _decoded(contract: SourceTable, raw: bytes) -> str:
    if len(raw) > _LARGEST_HEADER:
        raise UnreadableFileError(
            "its first line is longer than 1 MB, so it is no header",
            f"Check format and delimiter at {contract.where('format')}.",
        )
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise wrong_encoding(contract, "its header is not valid utf-8") from None


@dataclass(frozen=True, slots=True)
class _Block:
    """A block of bytes and what in it ends lines outside quotes.

    Attributes
    ----------
    raw, data : bytes, array
        The bytes.
    start : int
        Where they stand in the file.
    ends : array
        Positions in `data` of CR and LF outside quotes.
    previous : array
        The byte before each of them; -1 at the start of the file.
    has_quote, has_inner : bool
        Whether there are quotes in it, and line ends inside them.
    broken : int
        Position in `data` of the first quote that breaks the file; -1 for none.
    """

    raw: bytes
    data: Bytes
    start: int
    ends: Positions
    previous: npt.NDArray[np.int16]
    has_quote: bool
    has_inner: bool
    broken: int

    def seconds(self) -> Mask:
        """Return which line ends are the LF of a CR LF."""
        found: Mask = (self.data[self.ends] == _LF) & (self.previous == _CR)
        return found

    def blanks(self) -> Mask:
        """Return which line ends end a line with nothing in it."""
        after_feed = (self.previous == _LF) | (self.previous == -1)
        found: Mask = after_feed | ((self.data[self.ends] == _CR) & (self.previous == _CR))
        return found


class _IrregularQuotesError(Exception):
    """Quotes stand where only the exact scan can judge them."""


@dataclass(frozen=True, slots=True)
class Scanner:
    """Finds records in bytes by one dialect."""

    delimiter: int
    quote: int
    keeps_blank: bool

    @classmethod
    def of(cls, contract: SourceTable) -> Scanner:
        """Return the scanner of a contract's dialect."""
        if contract.format == "jsonl":
            return cls(_UNIT_SEPARATOR, -1, False)
        quote = ord(contract.quote) if contract.quote else -1
        # In a file of one column a blank line is a record with an empty value.
        return cls(ord(contract.delimiter), quote, len(contract.columns) == 1)

    def survey(self, path: Path) -> Survey:
        """Count the records of a file and judge its quoting and line ends."""
        if (quick := self._quick_survey(path)) is not None:
            return quick
        try:
            return self._survey(path, is_exact=False)
        except _IrregularQuotesError:
            survey = self._survey(path, is_exact=True)
        if survey.quoting != "broken":
            return survey
        # Where quotes mean nothing any more, lines are the best count there is.
        return replace(survey, records=self.lines(path))

    def lines(self, path: Path) -> int:
        """Count the lines of a file, whatever is quoted in it; blank ones are none."""
        scanner = Scanner(self.delimiter, -1, self.keeps_blank)
        return scanner._survey(path, is_exact=False).records

    def _quick_survey(self, path: Path) -> Survey | None:
        """Survey a file without quotes, mixed line ends and blank lines; None for others.

        Four comparisons a byte, where finding the positions of line ends costs ten times that.
        """
        feeds = returns = pairs = 0
        has_nul, signs = False, Signs.none()
        last = -1
        with path.open("rb") as file:
            while raw := file.read(_QUICK_BLOCK):
                if self.quote >= 0 and self.quote in raw:
                    return None
                data = np.frombuffer(raw, dtype=np.uint8)
                is_feed = data == _LF
                follows_feed = is_feed[:-1] & (is_feed[1:] | (data[1:] == _CR))
                if last in (-1, _LF) and data[0] in (_LF, _CR):
                    return None
                if last == _CR:
                    pairs += int(is_feed[0])
                feeds += int(np.count_nonzero(is_feed))
                if _CR in raw:
                    is_return = data == _CR
                    returns += int(np.count_nonzero(is_return))
                    pairs += int(np.count_nonzero(is_return[:-1] & is_feed[1:]))
                if follows_feed.any() or (returns and (pairs < returns - 1 or feeds > returns)):
                    return None
                has_nul = has_nul or _NUL in raw
                signs = signs.seen_in(raw)
                last = raw[-1]
        if returns and not feeds == returns == pairs:
            return None
        is_ended = last in (-1, _LF)
        return Survey(feeds + (not is_ended), "none", -1, True, has_nul, signs, False, is_ended)

    def _survey(self, path: Path, *, is_exact: bool) -> Survey:
        lines = pairs = feeds = returns = blank = 0
        has_nul = has_quote = has_inner = False
        signs = Signs.none()
        last, broken_record = _LF, -1
        for block in self._blocks(path, is_exact=is_exact):
            seconds, blanks = block.seconds(), block.blanks()
            is_line = ~seconds if self.keeps_blank else ~(seconds | blanks)
            if block.broken >= 0:
                broken_record = lines + int(np.count_nonzero(is_line[block.ends < block.broken]))
                break
            returned = int(np.count_nonzero(block.data[block.ends] == _CR))
            returns += returned
            feeds += len(block.ends) - returned
            pairs += int(np.count_nonzero(seconds))
            blank += int(np.count_nonzero(blanks))
            lines += int(np.count_nonzero(is_line))
            has_nul = has_nul or _NUL in block.raw
            signs = signs.seen_in(block.raw)
            has_quote = has_quote or block.has_quote
            has_inner = has_inner or block.has_inner
            last = int(block.data[-1])
        kinds = [count for count in (pairs, feeds - pairs, returns - pairs) if count]
        is_ended = last in (_LF, _CR)
        sound: Literal["none", "sound", "stray"] = "sound" if has_quote else "none"
        return Survey(
            records=lines + (not is_ended),
            quoting="broken" if broken_record >= 0 else "stray" if is_exact else sound,
            broken_record=broken_record,
            is_uniform=len(kinds) <= 1 and returns == pairs and (blank == 0 or self.keeps_blank),
            has_nul=has_nul,
            signs=signs,
            has_inner_line_ends=has_inner,
            is_ended=is_ended,
        )

    def make_uniform(self, path: Path, target: Path, *, is_exact: bool) -> None:
        """Copy a file with LF for every line end outside quotes, and without blank lines."""
        with target.open("wb") as out:
            for block in self._blocks(path, is_exact=is_exact):
                dropped = block.seconds()
                if not self.keeps_blank:
                    dropped |= block.blanks()
                data, keep = block.data.copy(), np.ones(len(block.data), dtype=bool)
                data[block.ends] = _LF
                keep[block.ends[dropped]] = False
                out.write(data[keep].tobytes())

    def records(self, text: TextFile, numbers: Sequence[int], *, largest: int) -> Iterator[bytes]:
        """Yield the records of the given ascending numbers, the first that is no header being 1.

        Of a record longer than `largest` bytes only the start is returned.
        """
        shift = 1 - text.header_records
        wanted = np.unique(np.asarray(numbers, dtype=np.int64)) - shift
        spans = self._spans(text, wanted)
        with text.path.open("rb") as file:
            for number in numbers:
                start, end = spans[number - shift]
                file.seek(start)
                yield file.read(min(end - start, largest)).rstrip(b"\r\n")

    def _spans(self, text: TextFile, wanted: Positions) -> dict[int, tuple[int, int]]:
        """Return start and end in bytes of the wanted records of a uniform file."""
        needed = np.unique(np.concatenate([wanted, wanted - 1]))
        ends: dict[int, int] = {-1: 0}
        seen = 0
        for start, at in self._ends_of_records(text):
            here = needed[(needed >= seen) & (needed < seen + len(at))]
            ends.update(zip(here.tolist(), (at[here - seen] + start + 1).tolist(), strict=True))
            seen += len(at)
            if len(wanted) == 0 or seen > wanted[-1]:
                break
        size = text.path.stat().st_size
        return {n: (ends.get(n - 1, size), ends.get(n, size)) for n in wanted.tolist()}

    def _ends_of_records(self, text: TextFile) -> Iterator[tuple[int, Positions]]:
        """Yield, block by block, its start and the positions in it of the LF that end records."""
        if text.survey.quoting != "none":
            for block in self._blocks(text.path, is_exact=text.survey.quoting == "stray"):
                yield block.start, block.ends[block.data[block.ends] == _LF]
            return
        start = 0
        with text.path.open("rb") as file:
            while raw := file.read(_BLOCK):
                yield start, np.flatnonzero(np.frombuffer(raw, dtype=np.uint8) == _LF)
                start += len(raw)

    def like_several_records(self, text: TextFile, width: int) -> Iterator[int]:
        """Yield the numbers of records of which each line alone has `width` values.

        A quote that is opened by mistake swallows records until another one closes it; the file
        is then still well-formed. Records cut by a block's edge are not looked at.
        """
        seen = 1 - text.header_records
        for block in self._blocks(text.path, is_exact=text.survey.quoting == "stray"):
            if block.has_inner:
                every = np.flatnonzero(block.data == _LF)
                delimiters = np.flatnonzero(block.data == self.delimiter)
                fits = np.diff(np.searchsorted(delimiters, every)) == width - 1
                is_inner = ~np.isin(every, block.ends)
                # The line before and the line after an inner line end.
                before = np.concatenate([[False], fits])
                after = np.concatenate([fits, [False]])
                hits = every[is_inner & before & after]
                ends = block.ends[block.data[block.ends] == _LF]
                yield from (seen + np.searchsorted(ends, hits)).tolist()
            seen += int(np.count_nonzero(block.data[block.ends] == _LF))

    def _blocks(self, path: Path, *, is_exact: bool) -> Iterator[_Block]:
        """Yield a file block by block, with the line ends that stand outside quotes."""
        inside, skip, before, start, opened = False, False, -1, 0, -1
        with path.open("rb") as file:
            raw = file.read(_BLOCK)
            while raw:
                following = file.read(_BLOCK)
                after = following[0] if following else -1
                data: Bytes = np.frombuffer(raw, dtype=np.uint8)
                ends = every = np.flatnonzero((data == _LF) | (data == _CR))
                quotes = np.flatnonzero(data == self.quote) if self.quote >= 0 else _NO_POSITIONS
                broken = -1
                if len(quotes) == 0:
                    ends = _NO_POSITIONS if inside else ends
                elif not is_exact:
                    ends = self._outside_by_parity(raw, data, ends, quotes, inside, before, after)
                    inside ^= bool(len(quotes) & 1)
                else:
                    walk = self._walk(raw, quotes.tolist(), inside, skip, before, after)
                    ends = _outside(ends, walk.bounds, inside)
                    inside, skip, broken = walk.inside, walk.skip, walk.broken
                    opened = start + walk.opened if walk.opened >= 0 else opened
                previous = _bytes_before(data, ends, before)
                has_inner = len(ends) < len(every)
                yield _Block(raw, data, start, ends, previous, len(quotes) > 0, has_inner, broken)
                before, start, raw = raw[-1], start + len(raw), following
        if inside and not is_exact:
            raise _IrregularQuotesError
        if inside:
            # An empty block that says where the quote stands that nothing closes.
            nothing: Bytes = np.zeros(1, dtype=np.uint8)
            at_end = _bytes_before(nothing, _NO_POSITIONS, -1)
            yield _Block(b"\0", nothing, opened, _NO_POSITIONS, at_end, True, False, 0)

    def _outside_by_parity(
        self,
        raw: bytes,
        data: Bytes,
        ends: Positions,
        quotes: Positions,
        inside: bool,
        before: int,
        after: int,
    ) -> Positions:
        """Return the line ends outside quotes, if every quote opens or closes a value by turns."""
        is_opening = ((np.arange(len(quotes)) + inside) & 1) == 0
        previous = _bytes_before(data, quotes, before)
        following = _bytes_after(data, quotes, after)
        if raw.startswith(_BOM) and before == -1:
            previous[quotes == len(_BOM)] = -1
        around = (self.delimiter, _LF, _CR, self.quote, -1)
        fits = np.where(is_opening, np.isin(previous, around), np.isin(following, around))
        if not fits.all():
            raise _IrregularQuotesError
        quotes_before = np.searchsorted(quotes, ends) + inside
        outside: Positions = ends[(quotes_before & 1) == 0]
        return outside

    def _walk(
        self, raw: bytes, quotes: list[int], inside: bool, skip: bool, before: int, after: int
    ) -> _Walk:
        """Judge the quotes of a block one by one."""
        around = (self.delimiter, _LF, _CR, -1)
        bounds: list[int] = []
        opened = -1
        for at in quotes:
            if skip:
                skip = False
            elif not inside:
                previous = raw[at - 1] if at else before
                is_after_bom = before == -1 and at == len(_BOM) and raw.startswith(_BOM)
                if previous in around or is_after_bom:
                    inside, opened = True, at
                    bounds.append(at)
            else:
                following = raw[at + 1] if at + 1 < len(raw) else after
                if following == self.quote:
                    skip = True
                elif following in around:
                    inside = False
                    bounds.append(at)
                else:
                    return _Walk(bounds, inside, skip, opened, at)
        return _Walk(bounds, inside, skip, opened, -1)


@dataclass(frozen=True, slots=True)
class _Walk:
    """Where quoted values open and close in a block, and the state at its end."""

    bounds: list[int]
    inside: bool
    skip: bool
    opened: int
    broken: int


_NO_POSITIONS: Positions = np.zeros(0, dtype=np.int64)


def _outside(ends: Positions, bounds: list[int], inside: bool) -> Positions:
    crossed = np.searchsorted(np.asarray(bounds, dtype=np.int64), ends) + inside
    outside: Positions = ends[(crossed & 1) == 0]
    return outside


def _bytes_before(data: Bytes, at: Positions, before: int) -> npt.NDArray[np.int16]:
    result = data[at - 1].astype(np.int16)
    if len(at) and at[0] == 0:
        result[0] = before
    return result


def _bytes_after(data: Bytes, at: Positions, after: int) -> npt.NDArray[np.int16]:
    result = data[np.minimum(at + 1, len(data) - 1)].astype(np.int16)
    if len(at) and at[-1] == len(data) - 1:
        result[-1] = after
    return result
