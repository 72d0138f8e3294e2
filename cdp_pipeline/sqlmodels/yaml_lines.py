"""YAML with line numbers, so that an error can name the line it is about.

Belongs here: reading one YAML file into plain values, the line of every key and item, and keys
given twice (which YAML readers otherwise drop without a word).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from cdp_pipeline.sqlmodels.problems import Problem

Place = tuple[str | int, ...]


@dataclass(frozen=True)
class YamlFile:
    """A parsed YAML file: its `data`, and the line of every place in it.

    `is_valid` is False where the syntax is broken; `data` is empty then.
    """

    path: Path
    data: Any
    lines: dict[Place, int]
    is_valid: bool = True

    def line(self, *place: str | int) -> int:
        """Return the line of a place, or of the nearest place around it that is known."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)


def read_yaml(path: Path, problems: list[Problem]) -> YamlFile:
    """Return the file's content; what is wrong with its syntax is added to `problems`."""
    lines: dict[Place, int] = {}
    try:
        loader = _LOADER(path.read_text(encoding="utf-8"))
        node = loader.get_single_node()
        data = None if node is None else _Reader(path, loader, lines, problems).value(node, ())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = 1 if mark is None else mark.line + 1
        problems.append(
            Problem(path, line, f"not valid YAML: {error.problem}", "mend the syntax", "yaml")
        )
        return YamlFile(path, {}, lines, is_valid=False)
    return YamlFile(path, {} if data is None else data, lines)


_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Reader:
    """Turns nodes into values and keeps their lines."""

    def __init__(
        self, path: Path, loader: Any, lines: dict[Place, int], problems: list[Problem]
    ) -> None:
        self.path, self.loader, self.lines, self.problems = path, loader, lines, problems

    def value(self, node: yaml.Node, place: Place) -> Any:
        self.lines.setdefault(place, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, place)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*place, i)) for i, item in enumerate(node.value)]
        return self.loader.construct_object(node)

    def _mapping(self, node: yaml.MappingNode, place: Place) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            # Keys are names here: `no` or `on` is a word, not a truth value.
            key = str(key_node.value)
            line = key_node.start_mark.line + 1
            if key in result:
                self.problems.append(
                    Problem(
                        self.path,
                        line,
                        f"{key} is declared twice (first in line {self.lines[(*place, key)]})",
                        "keep one of them",
                        "duplicate",
                    )
                )
            self.lines[(*place, key)] = line
            result[key] = self.value(value_node, (*place, key))
        return result
