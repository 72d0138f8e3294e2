"""Reading a YAML file that declares something, with errors that name file and line.

Belongs here: from a path to a validated model, and `DeclarationError`. What a file means stands
with what uses it: actions, permissions, the report.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, PrivateAttr, ValidationError

from cdp_pipeline.errors import CdpError
from cdp_pipeline.sqlmodels.problems import Problem
from cdp_pipeline.sqlmodels.yaml_lines import YamlFile, read_yaml


class DeclarationError(CdpError):
    """A file of declarations is not usable; every problem is named."""

    exit_code = 3

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = sorted(set(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class Strict(BaseModel):
    """A part of a declaration, in which every key must be known."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class DeclaredFile(Strict):
    """A whole file: its content, and where each part of it stands."""

    _source: YamlFile | None = PrivateAttr(None)
    _content_hash: str = PrivateAttr("")

    @property
    def content_hash(self) -> str:
        """Hash of the file's text, for the fingerprint of what it decides."""
        return self._content_hash

    def problem(self, place: tuple[str | int, ...], message: str, hint: str) -> Problem:
        """Return a problem at a place of the file, as in ``("actions", "win_back", "when")``."""
        source = self._source
        path = Path("unsaved") if source is None else source.path
        line = 1 if source is None else source.line(*place)
        return Problem(path, line, f"{'.'.join(map(str, place))}: {message}", hint)


Declared = TypeVar("Declared", bound=DeclaredFile)


def load_declared(path: Path, model: type[Declared], hint: str) -> Declared:
    """Read and validate one file.

    Parameters
    ----------
    path : Path
        The YAML file.
    model : type
        What it holds.
    hint : str
        What to do about a key or value that does not fit.

    Raises
    ------
    DeclarationError
        With every problem, by file and line.
    """
    if not path.is_file():
        raise DeclarationError(
            [Problem(path, 1, "there is no such file", "write it, or remove it")]
        )
    problems: list[Problem] = []
    source = read_yaml(path, problems)
    if problems:
        raise DeclarationError(problems)
    try:
        declared = model.model_validate(source.data)
    except ValidationError as error:
        raise DeclarationError(
            [
                Problem(path, source.line(*detail["loc"]), _in_words(detail["loc"], detail), hint)
                for detail in error.errors()
            ]
        ) from None
    declared._source = source
    declared._content_hash = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    return declared


def _in_words(place: tuple[int | str, ...], detail: object) -> str:
    assert isinstance(detail, dict)
    where = ".".join(str(part) for part in place)
    kind, message = str(detail["type"]), str(detail["msg"])
    if kind == "missing":
        return f"{where} is missing"
    if kind == "extra_forbidden":
        return f"{where} is not something this file can hold"
    return f"{where}: {message.removeprefix('Value error, ')}"
