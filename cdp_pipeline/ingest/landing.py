"""Which files have landed for a contract, and what each of them holds by hash.

Belongs here: finding files, telling whole ones from half-written and forbidden ones, and content
hashes that an idle run does not compute again. Nothing here looks at what is in a file.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from cdp_pipeline.errors import CdpError
from cdp_pipeline.ingest.contracts import SourceTable

_HALF_WRITTEN = (".tmp", ".part", ".partial", ".filepart", ".crdownload", ".download", ".swp", "~")
_MAGIC = re.compile(r"[*?\[]")
_VARIABLE = re.compile(r"\$\{(\w+)\}")
# A file changed within the clock's tick after we looked at it would look unchanged.
_RACY_NS = 2_000_000_000

State = tuple[int, int, int, int]
"""Size, modification time, change time and inode of a file."""


class LandingError(CdpError):
    """A contract's files cannot be looked for."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class LandedFile:
    """A file that a contract's glob found.

    Attributes
    ----------
    path : Path
        Where it lies.
    name : str
        How messages and the ledger call it: below the landing folder, with ``/``.
    status : str
        ``ready``; ``unstable`` (somebody may still be writing); ``outside`` (it leads out of the
        folder the contract names, or is not a plain file, and was not opened).
    reason : str
        Why it is not ready, for people.
    sha256 : str
        Of its bytes; empty unless ready.
    state : tuple of int
        Size, times and inode when it was hashed.
    """

    path: Path
    name: str
    status: Literal["ready", "unstable", "outside"] = "ready"
    reason: str = ""
    sha256: str = ""
    state: State = (0, 0, 0, 0)

    @property
    def size(self) -> int:
        """Return its size in bytes."""
        return self.state[0]

    def is_unchanged(self) -> bool:
        """Return whether the file is still the one that was hashed."""
        return file_state(self.path) == self.state


@dataclass
class HashCache:
    """Content hashes by path and state, kept in a file beside the loaded tables."""

    file: Path
    entries: dict[str, tuple[State, str]] = field(default_factory=dict)
    is_changed: bool = False

    @classmethod
    def open(cls, file: Path) -> HashCache:
        """Read the cache; one that cannot be read is empty."""
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
            entries = {
                path: ((int(a), int(b), int(c), int(d)), str(sha))
                for path, ((a, b, c, d), sha) in content.items()
            }
        except (OSError, ValueError, TypeError, AttributeError):
            entries = {}
        return cls(file, entries)

    def get(self, path: Path, state: State) -> str | None:
        """Return the hash of a file in that very state, if known."""
        known = self.entries.get(str(path))
        return known[1] if known is not None and known[0] == state else None

    def put(self, path: Path, state: State, sha256: str) -> None:
        """Remember a hash, unless the file is so fresh that it may change unnoticed."""
        if time.time_ns() - max(state[1], state[2]) > _RACY_NS:
            self.entries[str(path)] = (state, sha256)
            self.is_changed = True

    def save(self) -> None:
        """Write the cache if it changed."""
        if self.is_changed:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            temporary = self.file.with_name(f".{self.file.name}.{os.getpid()}.tmp")
            temporary.write_text(json.dumps(self.entries), encoding="utf-8")
            temporary.replace(self.file)
            self.is_changed = False


def discover(
    contract: SourceTable, landing: Path, *, cache: HashCache | None = None
) -> list[LandedFile]:
    """Return the files landed for a contract, in the natural order of their names.

    Half-written files, and files that lead out of the folder the contract names, are returned
    with their status and are not hashed.

    Parameters
    ----------
    contract : SourceTable
    landing : Path
        The home's landing folder; relative globs are below it.
    cache : HashCache, optional
        Hashes known from earlier.

    Raises
    ------
    LandingError
        If the contract's glob names an environment variable that is not set.
    """
    return [
        _hashed(landed, cache) if landed.status == "ready" else landed
        for landed in _found(contract, landing)
    ]


def landed_state(contracts: Sequence[SourceTable], landing: Path) -> dict[str, tuple[int, int]]:
    """Return size and modification time of every file that a contract asks for; quick.

    A contract whose environment variable is not set has no files here.
    """
    state = {}
    for contract in contracts:
        try:
            found = list(_found(contract, landing))
        except LandingError:
            continue
        for landed in found:
            if landed.status == "ready":
                size, modified, _, _ = file_state(landed.path)
                state[f"{contract.name}:{landed.name}"] = (size, modified)
    return state


def file_state(path: Path) -> State:
    """Return size, times and inode; all zero for a file that is gone."""
    try:
        found = path.stat()
    except OSError:
        return (0, 0, 0, 0)
    return (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)


def natural_order(name: str) -> tuple[tuple[int, int, str], ...]:
    """Return a sort key under which ``part2`` comes before ``part10``."""
    parts = re.split(r"(\d+)", name)
    key = [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part]
    return (*key, (2, 0, name))


def _found(contract: SourceTable, landing: Path) -> Iterator[LandedFile]:
    """Yield the files of all globs once each, not hashed."""
    seen: dict[Path, LandedFile] = {}
    for pattern in contract.files:
        base, rest = _base_and_glob(contract, pattern, landing)
        if not base.is_dir():
            continue
        for path in base.glob(rest):
            # A glob without an ending may well name folders; one with an ending means files.
            if path not in seen and ("." in Path(rest).name or not path.is_dir()):
                seen[path] = _judged(path, base)
    yield from sorted(seen.values(), key=lambda landed: natural_order(landed.name))


def _base_and_glob(contract: SourceTable, pattern: str, landing: Path) -> tuple[Path, str]:
    """Return the folder a glob may not leave, and the rest of it."""

    def value(match: re.Match[str]) -> str:
        found = os.environ.get(match[1])
        if not found:
            raise LandingError(
                f"{contract.where('files')}: the files of {contract.name} lie below"
                f" ${{{match[1]}}}, which is not set.",
                f"Set it, as in: export {match[1]}=/folder/of/the/exports",
            )
        return found

    path = Path(_VARIABLE.sub(value, pattern)).expanduser()
    if ".." in path.parts:
        raise LandingError(
            f"{contract.where('files')}: the files of {contract.name} are named with `..`.",
            "Name them below data/landing, or by an absolute path.",
        )
    if not path.is_absolute():
        return landing, str(path)
    fixed = [part for part in path.parts[:-1]]
    for index, part in enumerate(fixed):
        if _MAGIC.search(part):
            fixed = fixed[:index]
            break
    return Path(*fixed), str(Path(*path.parts[len(fixed) :]))


def _judged(path: Path, base: Path) -> LandedFile:
    """Return a found file with what speaks against opening it."""
    name = _printable(path.relative_to(base).as_posix())
    try:
        real = path.resolve(strict=True)
        found = real.stat()
    except (OSError, RuntimeError):
        return LandedFile(path, name, "outside", "a link that leads nowhere")
    if not real.is_relative_to(base.resolve()):
        return LandedFile(path, name, "outside", "a link out of the folder the contract names")
    if not stat.S_ISREG(found.st_mode):
        is_folder = stat.S_ISDIR(found.st_mode)
        return LandedFile(path, name, "outside", "a folder" if is_folder else "not a plain file")
    if name.lower().endswith(_HALF_WRITTEN) or path.name.startswith("."):
        return LandedFile(path, name, "unstable", "named like a file that is still being written")
    return LandedFile(path, name)


def _printable(name: str) -> str:
    """Return a name without what must not reach JSON, SQL or a terminal, written as Python does."""
    text = name.encode("utf-8", "backslashreplace").decode()
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _hashed(landed: LandedFile, cache: HashCache | None) -> LandedFile:
    """Return the file with its hash, or as unstable if it changed while being read."""
    before = file_state(landed.path)
    known = cache.get(landed.path, before) if cache is not None else None
    if known is not None:
        return replace(landed, sha256=known, state=before)
    try:
        with landed.path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256")
    except PermissionError:
        return replace(landed, status="unstable", reason="there is no permission to read it")
    except OSError:
        return replace(landed, status="unstable", reason="it could not be read")
    if file_state(landed.path) != before:
        return replace(landed, status="unstable", reason="it changed while it was read")
    if cache is not None:
        cache.put(landed.path, before, digest.hexdigest())
    return replace(landed, sha256=digest.hexdigest(), state=before)
