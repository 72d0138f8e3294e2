"""A step is made anew when code its result depends on changes: it must name all of that code."""

from __future__ import annotations

import ast
import importlib
import pkgutil
from pathlib import Path

import pytest

import cdp_pipeline.defs.prediction as steps
from cdp_pipeline.defs.tables import PythonStep

ROOT = Path(__file__).parents[2]
PACKAGE = "cdp_pipeline.prediction"


def modules_of_steps() -> list[str]:
    found = [f"{steps.__name__}.{item.name}" for item in pkgutil.iter_modules(steps.__path__)]
    return [name for name in found if hasattr(importlib.import_module(name), "STEP")]


def source(module: str) -> Path:
    path = ROOT / Path(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def imported(module: str) -> set[str]:
    """Return the modules of the prediction package that a module imports, wherever it does."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source(module).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            modules = {name for name in inner if source(name).is_file()}
            found |= modules or {node.module}
    return {name for name in found if name.startswith(PACKAGE)}


def reached(module: str) -> set[str]:
    seen: set[str] = set()
    waiting = [module]
    while waiting:
        for name in imported(waiting.pop()) - seen:
            seen.add(name)
            waiting.append(name)
    return seen


@pytest.mark.parametrize("module", modules_of_steps())
def test_a_step_names_every_prediction_module_its_logic_imports(module: str) -> None:
    step: PythonStep = importlib.import_module(module).STEP
    covered = tuple(step.code)
    missing = {
        name
        for name in reached(module)
        if not any(name == code or name.startswith(f"{code}.") for code in covered)
    }
    assert not missing, f"{module} depends on {sorted(missing)} and its code does not name them"


@pytest.mark.parametrize("module", modules_of_steps())
def test_a_step_names_no_prediction_module_that_its_logic_does_not_import(module: str) -> None:
    step: PythonStep = importlib.import_module(module).STEP
    named = {code for code in step.code if code.startswith(PACKAGE)}
    needed = reached(module)
    # a whole folder may be named, and with it what any of its modules imports
    for folder in (code for code in named if source(code).name == "__init__.py"):
        for file in source(folder).parent.rglob("*.py"):
            parts = file.relative_to(ROOT).with_suffix("").parts
            needed |= reached(".".join(parts))
    idle = {
        code
        for code in named
        if not any(name == code or name.startswith(f"{code}.") for name in needed)
    }
    assert not idle, f"a change to {sorted(idle)} would remake {step.makes} for nothing"


def test_packages_hold_no_code_that_a_step_could_miss() -> None:
    for file in (ROOT / "cdp_pipeline" / "prediction").rglob("__init__.py"):
        body = ast.parse(file.read_text(encoding="utf-8")).body
        assert [type(node) for node in body] == [ast.Expr], f"{file} holds more than its text"
