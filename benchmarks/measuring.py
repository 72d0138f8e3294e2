"""Running the product from outside, with its processor time and peak memory."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[1]
CDP = Path(sys.executable).with_name("cdp")


@dataclass(frozen=True)
class Measured:
    """What a process did and what it took."""

    output: str
    wall_seconds: float
    cpu_seconds: float
    peak_gb: float

    def json(self) -> dict[str, Any]:
        """Return the output as JSON."""
        content: dict[str, Any] = json.loads(self.output)
        return content


def measure(command: list[str], *, environment: dict[str, str] | None = None) -> Measured:
    """Run a command and its children to the end, watching memory.

    Raises
    ------
    RuntimeError
        If it does not exit with 0.
    """
    started = time.perf_counter()
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environment or {})},
    )
    peak = [0.0]
    watcher = threading.Thread(target=_watch, args=(process.pid, peak), daemon=True)
    before = os.times()
    watcher.start()
    out, err = process.communicate()
    after = os.times()
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(command[:3])} exited with {process.returncode}:\n{err}")
    cpu = (after.children_user - before.children_user) + (
        after.children_system - before.children_system
    )
    return Measured(out, time.perf_counter() - started, cpu, peak[0])


def _watch(pid: int, peak: list[float]) -> None:
    """Keep the highest resident memory of a process with its children, in GB."""
    try:
        root = psutil.Process(pid)
        while True:
            memory = 0
            for process in (root, *root.children(recursive=True)):
                try:
                    memory += process.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
            peak[0] = max(peak[0], memory / 1e9)
            time.sleep(0.1)
    except psutil.NoSuchProcess:
        return


def copy_home(source: Path, target: Path) -> None:
    """Copy a home's settings, contracts and staging, without its data."""
    (target / "data").mkdir(parents=True)
    shutil.copyfile(source / "cdp.yml", target / "cdp.yml")
    for folder in ("sources", "staging"):
        shutil.copytree(source / "dbt_like_sql" / folder, target / "dbt_like_sql" / folder)
    for layer in ("identity", "action", "export"):
        own = source / "dbt_like_sql" / layer
        if source != ROOT and own.is_dir():
            shutil.copytree(own, target / "dbt_like_sql" / layer)


def run_home(home: Path, *arguments: str) -> Measured:
    """Run the pipeline of a home."""
    return measure([str(CDP), "run", "--json", "--home", str(home), *arguments])
