"""What can be wrong with a project, said so that its author can mend it.

Belongs here: `Problem`, the list that collects them, and the error that carries them all. What
counts as a problem is decided elsewhere (``declarations``, ``house_rules``, ``load``).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cdp_pipeline.errors import CdpError


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing to mend in one place.

    Parameters
    ----------
    file : Path
        The file to open.
    line : int
        The line in it, counted from 1.
    message : str
        What is wrong.
    hint : str
        What to do about it.
    rule : str
        The name of the house rule, as ``-- house: allow <rule> because ...`` takes it.
    """

    file: Path
    line: int
    message: str
    hint: str
    rule: str = ""

    def __str__(self) -> str:
        """Return ``file:line: message [rule]`` and the hint below it."""
        where = self.file
        if where.is_relative_to(Path.cwd()):
            where = where.relative_to(Path.cwd())
        rule = f" [{self.rule}]" if self.rule else ""
        return f"{where}:{self.line}: {self.message}{rule}\n  {self.hint}"


class ProjectError(CdpError):
    """The SQL models do not compile; every problem found is in `problems`."""

    exit_code = 3

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = sorted(set(problems))
        count = len(self.problems)
        noun = "problem" if count == 1 else "problems"
        listing = "\n".join(str(problem) for problem in self.problems)
        super().__init__(f"{count} {noun} in the SQL models\n{listing}")
