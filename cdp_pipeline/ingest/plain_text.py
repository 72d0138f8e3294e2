"""From a landed text file to plain UTF-8: unpacking, transcoding, and cutting out the table.

Belongs here: everything that makes a copy of a file before its records are looked for, and the
errors that say the file is not packed, encoded or laid out as its contract says. Which bytes are
records stands in ``text_files``.
"""

from __future__ import annotations

import codecs
import re
import shutil
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np

from cdp_pipeline.ingest.contracts import SourceTable

_BLOCK = 1 << 20
_SMALL_BLOCK = 1 << 14
_BOM = codecs.BOM_UTF8
_LONGEST_LINE = 1 << 24
_TAIL = 1 << 16
# Real exports shrink 3 to 30 times; what grows 200 times when unpacked was made to.
LARGEST_EXPANSION = 200
ALWAYS_ALLOWED_BYTES = 256 << 20

_OTHER_KINDS = {
    b"PK\x03\x04": "a zip archive or an Excel workbook",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"BZh": "packed with bzip2",
    b"\xfd7zXZ": "packed with xz",
    b"7z\xbc\xaf": "a 7-zip archive",
    b"%PDF": "a PDF",
    b"SQLite format": "a SQLite database",
    b"ARROW1": "an Arrow file",
}


class UnreadableFileError(Exception):
    """A file that cannot be read as its contract says; `reason` and `hint` hold no value."""

    def __init__(self, reason: str, hint: str) -> None:
        super().__init__(reason)
        self.reason, self.hint = reason, hint


def plain_text(contract: SourceTable, path: Path, spill: Path, *, largest: int) -> Path:
    """Return a file as UTF-8 that holds the table and nothing else.

    Parameters
    ----------
    contract : SourceTable
    path : Path
    spill : Path
        An existing folder that the caller empties, for copies.
    largest : int
        Bytes that unpacking may make at most.

    Raises
    ------
    UnreadableFileError
        If it is not packed, encoded or laid out as the contract says.
    """
    packing = compression(contract, path)
    _check_start(contract, path, packing)
    plain = path
    if packing != "none" or contract.encoding != "utf-8":
        plain = spill / "plain.csv"
        _to_utf8(contract, path, packing, plain, largest)
        if packing != "none":
            with plain.open("rb") as file:
                _check_kind(contract, file.read(16))
    return _table_of(contract, plain, spill)


def compression(contract: SourceTable, path: Path) -> str:
    """Return how a file is compressed: as the contract says, or as its first bytes do."""
    if contract.compression != "auto":
        return contract.compression
    with path.open("rb") as file:
        start = file.read(4)
    if start[:2] == b"\x1f\x8b":
        return "gzip"
    return "zstd" if start == b"\x28\xb5\x2f\xfd" else "none"


def counted_records(contract: SourceTable, path: Path) -> int:
    """Return how many records a file that cannot be read seems to have: its lines, or its rows.

    What is packed is counted as far as it unpacks; what is no table, or too large, counts as none.
    """
    with path.open("rb") as file:
        start = file.read(16)
    if start.startswith(b"PAR1"):
        return _parquet_rows(path)
    if start.startswith(tuple(_OTHER_KINDS)):
        return 0
    packing = {b"\x1f\x8b": "gzip", b"\x28\xb5": "zstd"}.get(start[:2], "none")
    lines, is_ended, size = 0, True, 0
    try:
        with _damage_named(packing), _unpacked(path, packing) as source:
            # What stands before the damage is not lost with it.
            read = getattr(source, "read1", source.read)
            while block := read(_SMALL_BLOCK):
                lines += block.count(b"\n")
                # The NUL after a line end of UTF-16 begins no line.
                is_ended = block.rstrip(b"\0").endswith(b"\n")
                size += len(block)
                if packing != "none" and size > ALWAYS_ALLOWED_BYTES:
                    return 0
    except (UnreadableFileError, UnicodeError):
        pass  # what unpacked before it counts
    has_names = contract.header and contract.format == "csv"
    return max(lines + (not is_ended) - has_names, 0)


def _parquet_rows(path: Path) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return int(pq.read_metadata(path).num_rows)
    except (pa.ArrowException, OSError, ValueError):
        return 0


def wrong_encoding(contract: SourceTable, reason: str) -> UnreadableFileError:
    """Return the error of a file in another encoding than declared."""
    others = [e for e in ("utf-8", "cp1252", "utf-16") if e != contract.encoding]
    return UnreadableFileError(
        f"{reason}, but the contract says encoding: {contract.encoding}",
        f"Change `encoding:` at {contract.where('encoding')}, probably to {' or '.join(others)}.",
    )


def _check_start(contract: SourceTable, path: Path, packing: str) -> None:
    """Refuse what the first bytes say is another kind of file."""
    with path.open("rb") as file:
        start = file.read(16)
    if packing != "none":
        if not start.startswith((b"\x1f\x8b", b"\x28\xb5\x2f\xfd")):
            raise UnreadableFileError(
                f"it is not packed, but the contract says compression: {packing}"
                if start
                else "the file is empty",
                f"Remove `compression:` at {contract.where('compression')}: how a file is packed"
                " is told by its first bytes.",
            )
        return
    _check_kind(contract, start)
    is_utf16 = start[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    if is_utf16 and contract.encoding != "utf-16":
        raise wrong_encoding(contract, "it starts like UTF-16")
    if contract.encoding == "utf-16" and not is_utf16 and len(start) > 3 and b"\0" not in start:
        raise wrong_encoding(contract, "it has neither the mark nor the NUL bytes of UTF-16")


def _check_kind(contract: SourceTable, start: bytes) -> None:
    """Refuse a file whose unpacked first bytes are another format's."""
    if start[:4] == b"PAR1":
        raise UnreadableFileError(
            f"it is a Parquet file, but the contract says format: {contract.format}",
            f"Change `format:` at {contract.where('format')} to parquet.",
        )
    for magic, kind in _OTHER_KINDS.items():
        if start.startswith(magic):
            raise UnreadableFileError(
                f"it is {kind}, but the contract says format: {contract.format}",
                "Export it as CSV, JSON Lines or Parquet (plain, gzip or zstd).",
            )


def _to_utf8(contract: SourceTable, path: Path, packing: str, target: Path, largest: int) -> None:
    """Unpack and transcode, in blocks."""
    limit = min(max(ALWAYS_ALLOWED_BYTES, path.stat().st_size * LARGEST_EXPANSION), largest)
    with _damage_named(packing):
        decoder = codecs.getincrementaldecoder(_codec(contract, path, packing))("strict")
    also_utf8 = codecs.getincrementaldecoder("utf-8")("strict")
    is_utf8, has_high_bytes, written = contract.encoding in ("latin-1", "cp1252"), False, 0
    if contract.encoding == "cp1252":
        # A byte that means nothing stays a byte, so that only its record is rejected.
        decoder = codecs.getincrementaldecoder("cp1252")("surrogateescape")
    has_controls = False
    try:
        with (
            _damage_named(packing),
            _unpacked(path, packing) as source,
            target.open("wb") as out,
        ):
            for block in _blocks(source):
                written += len(block)
                if packing != "none" and written > limit:
                    raise UnreadableFileError(
                        f"it unpacks to more than {limit >> 20} MB, more than a file of its size"
                        " should",
                        "If this is right, deliver it unpacked or in parts.",
                    )
                if is_utf8 and not block.isascii():
                    has_high_bytes = True
                    is_utf8 = _still_decodes(also_utf8, block)
                if contract.encoding == "latin-1" and not has_controls:
                    has_controls = _CONTROLS.search(block) is not None
                out.write(
                    block
                    if contract.encoding == "utf-8"
                    else decoder.decode(block).encode("utf-8", "surrogateescape")
                )
            if contract.encoding != "utf-8":
                out.write(decoder.decode(b"", final=True).encode("utf-8"))
    except UnicodeError:
        raise wrong_encoding(contract, f"it is not valid {contract.encoding}") from None
    if is_utf8 and has_high_bytes:
        # Text in a one-byte encoding is practically never valid UTF-8 by chance.
        raise wrong_encoding(contract, "every special character in it is valid utf-8")
    if has_controls:
        raise wrong_encoding(contract, "it has bytes that are control characters in latin-1")


_CONTROLS = re.compile(rb"[\x80-\x9f]")


@contextmanager
def _damage_named(packing: str) -> Iterator[None]:
    """Tell a damaged packed file from a machine that cannot read."""
    try:
        yield
    except (UnicodeError, UnreadableFileError):
        raise
    except (OSError, EOFError, ValueError, zlib.error) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise UnreadableFileError(
            f"it does not unpack as {packing}: cut off or damaged", "Deliver it again, whole."
        ) from None


def _codec(contract: SourceTable, path: Path, packing: str) -> str:
    """Return Python's name of the encoding; UTF-16 without a byte order mark is told by a NUL."""
    if contract.encoding != "utf-16":
        return contract.encoding
    with _unpacked(path, packing) as source:
        start = source.read(2)
    if start in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "utf-16"
    return "utf-16-be" if start[:1] == b"\0" else "utf-16-le"


def _still_decodes(decoder: codecs.IncrementalDecoder, block: bytes) -> bool:
    try:
        decoder.decode(block)
    except UnicodeDecodeError:
        return False
    return True


def _unpacked(path: Path, packing: str) -> BinaryIO:
    """Open a file for reading its unpacked bytes."""
    if packing == "none":
        return path.open("rb")
    if packing == "gzip":
        import gzip

        # a file in all that is used of one, typed as something else
        return gzip.open(path, "rb")  # type: ignore[return-value]
    import pyarrow as pa

    stream: BinaryIO = pa.CompressedInputStream(pa.OSFile(str(path)), "zstd")
    return stream


def _blocks(source: BinaryIO) -> Iterator[bytes]:
    while block := source.read(_BLOCK):
        yield block


def _table_of(contract: SourceTable, plain: Path, spill: Path) -> Path:
    """Return the file without what stands around and between its records."""
    with plain.open("rb") as source:
        start = source.read(16)
        mark = len(_BOM) if start.startswith(_BOM) else 0
        separator = re.match(rb"sep=.(?:\r\n|\n|\r)", start[mark:], re.IGNORECASE)
        has_names = contract.header and contract.format == "csv"
        # Before a header the mark does no harm; before a value it would be part of it.
        begin = mark + separator.end() if separator else 0 if has_names else mark
        declared = (contract.skip_rows, contract.comment, contract.footer, contract.escape)
        if not begin and not any(declared):
            return plain
        target = spill / "table.csv"
        source.seek(begin or mark)
        for _ in range(contract.skip_rows):
            _skip_line(source)
        with target.open("wb") as out:
            if contract.comment:
                _copy_without_comments(contract, source, out)
            else:
                shutil.copyfileobj(source, out, _BLOCK)
    if contract.footer:
        _cut_footer(contract, target)
    if contract.escape:
        target = _with_doubled_quotes(contract, target, spill / "unescaped.csv")
    return target


def _skip_line(source: BinaryIO) -> None:
    """Go past the next line end, be it LF, CR LF or CR."""
    start = source.tell()
    while block := source.read(_TAIL):
        if match := re.search(rb"\r\n|\n|\r(?!\n)", block):
            at_edge = match.end() == len(block) and block.endswith(b"\r")
            follows = at_edge and source.read(1) == b"\n"
            source.seek(start + match.end() + follows)
            return
        start += len(block)


def _copy_without_comments(contract: SourceTable, source: BinaryIO, out: BinaryIO) -> None:
    """Copy all lines but those that start, outside quotes, with the comment sign."""
    sign, state = contract.comment.encode(), QuoteState(contract)
    is_start, is_comment = True, False
    while line := source.readline(_LONGEST_LINE):
        if is_start:
            is_comment = not state.is_inside and line.startswith(sign)
        is_start = line.endswith(b"\n")
        if not is_comment:
            out.write(line)
            state.advance(line)


class QuoteState:
    """Whether a text read line by line stands inside a quoted value."""

    def __init__(self, contract: SourceTable) -> None:
        quote, delimiter = (
            re.escape(contract.quote.encode()),
            re.escape(contract.delimiter.encode()),
        )
        self._quote = contract.quote.encode()
        self._opening = re.compile(rb"(?:^|" + delimiter + rb")" + quote)
        escaped = rb"|" + re.escape(contract.escape.encode()) + rb"." if contract.escape else b""
        plain = rb"[^" + quote + re.escape(contract.escape.encode()) + rb"]"
        closing = rb"(?:" + plain + escaped + rb"|" + quote + quote + rb")*+" + quote
        self._closing = re.compile(closing, re.DOTALL)
        self.is_inside = False

    def advance(self, line: bytes) -> None:
        """Read a line."""
        if not self._quote or self._quote not in line:
            return
        at = 0
        while True:
            found = (self._closing.match if self.is_inside else self._opening.search)(line, at)
            if found is None:
                return
            at, self.is_inside = found.end(), not self.is_inside


def _cut_footer(contract: SourceTable, table: Path) -> None:
    """Cut the closing lines that start with the footer; without one the file is not whole."""
    wanted, size = contract.footer.encode(), table.stat().st_size
    with table.open("rb+") as file:
        file.seek(max(0, size - _TAIL))
        tail = file.read()
        keep, is_found = len(tail), False
        for line in reversed(tail.splitlines(keepends=True)):
            text = line.strip().removeprefix(contract.quote.encode())
            if text and not text.startswith(wanted):
                break
            is_found = is_found or bool(text)
            keep -= len(line)
        if not is_found:
            raise UnreadableFileError(
                "it does not end with the declared footer: cut off",
                f"Deliver it again, whole, or change `footer:` at {contract.where('footer')}.",
            )
        file.truncate(size - len(tail) + keep)


def _with_doubled_quotes(contract: SourceTable, table: Path, target: Path) -> Path:
    r"""Write ``""`` for ``\"``, and a line end or sign for an escaped one, inside quotes.

    Outside quotes the escape is a letter like any other. What follows it inside and is neither
    quote, escape nor line end stays as it is, and so does the escape before it.
    """
    quote, escape = ord(contract.quote), ord(contract.escape)
    inside, held = False, b""
    with table.open("rb") as source, target.open("wb") as out:
        while read := source.read(_BLOCK):
            block = held + read
            # An escape at the edge belongs to what comes next.
            run = len(block) - len(block.rstrip(contract.escape.encode()))
            cut = len(block) - (run & 1)
            block, held = block[:cut], block[cut:]
            data = np.frombuffer(block, dtype=np.uint8)
            at = np.flatnonzero(data == escape)
            is_first = np.diff(at, prepend=-2) != 1
            runs = np.maximum.accumulate(np.where(is_first, np.arange(len(at)), 0))
            escaping = at[((np.arange(len(at)) - runs) & 1) == 0]
            quotes = np.setdiff1d(np.flatnonzero(data == quote), escaping + 1, assume_unique=True)
            is_inside = ((np.searchsorted(quotes, escaping) + inside) & 1) == 1
            escaping = escaping[is_inside & (escaping + 1 < len(data))]
            following = data[escaping + 1]
            changed, keep = data.copy(), np.ones(len(data), dtype=bool)
            changed[escaping[following == quote]] = quote
            keep[escaping[np.isin(following, (escape, 10, 13))]] = False
            out.write(changed[keep].tobytes())
            inside ^= bool(len(quotes) & 1)
        out.write(held)
    return target
