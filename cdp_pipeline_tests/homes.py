"""Homes to run in tests: the demo company in a folder of its own, and ``cdp`` as people run it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
CDP = Path(sys.executable).with_name("cdp")
# The ledger and the manifest tell of the run; all else is a function of what was delivered.
RUN_REPORTS = {"manifest.json"}


@dataclass(frozen=True)
class DemoHome:
    """A home with the demo company's contracts."""

    root: Path

    @property
    def landing(self) -> Path:
        return self.root / "data" / "landing"

    @property
    def latest(self) -> Path:
        return self.root / "data" / "exports" / "latest"

    def manifest(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.latest / "manifest.json").read_text("utf-8"))
        return content

    def hashes(self) -> dict[str, str]:
        """Return the hash of every published table."""
        return {name: entry["sha256"] for name, entry in self.manifest()["tables"].items()}

    def copied_to(self, root: Path) -> DemoHome:
        """Copy the home to a folder that is not there yet."""
        shutil.copytree(self.root, root, symlinks=True)
        return DemoHome(root)

    def start(self, *arguments: str, is_read: bool = True) -> subprocess.Popen[str]:
        """Start ``cdp`` and return at once; nobody reading its output would make it stand still."""
        output = subprocess.PIPE if is_read else subprocess.DEVNULL
        return subprocess.Popen(
            [str(CDP), *arguments, "--home", str(self.root)],
            stdout=output,
            stderr=output,
            text=True,
            env={**os.environ, "COLUMNS": "200", "CDP_HOME": ""},
            start_new_session=True,
        )

    def cdp(self, *arguments: str, expect: int = 0) -> str:
        """Run ``cdp``; return what it said."""
        process = self.start(*arguments)
        out, err = process.communicate(timeout=600)
        assert process.returncode == expect, f"exit {process.returncode}\n{out}\n{err}"
        return out + err

    def run(self, *arguments: str) -> dict[str, Any]:
        """Run the pipeline; return its summary."""
        process = self.start("run", "--json", *arguments)
        out, err = process.communicate(timeout=600)
        assert process.returncode == 0, f"exit {process.returncode}\n{out}\n{err}"
        summary: dict[str, Any] = json.loads(out)
        return summary


def make_home(root: Path, landing: Path, *, settings: str = "") -> DemoHome:
    """Make a home of the demo company that has the files of a landing folder."""
    (root / "data").mkdir(parents=True)
    text = (ROOT / "cdp.yml").read_text("utf-8")
    (root / "cdp.yml").write_text(text + settings, encoding="utf-8")
    for folder in ("sources", "staging"):
        shutil.copytree(ROOT / "dbt_like_sql" / folder, root / "dbt_like_sql" / folder)
    shutil.copytree(landing, root / "data" / "landing")
    return DemoHome(root)


def deliver_fewer_contacts(landing: Path) -> None:
    """Deliver the contacts without the last ten."""
    contacts = landing / "crm" / "contacts.csv"
    lines = contacts.read_bytes().splitlines(keepends=True)
    contacts.write_bytes(b"".join(lines[:-10]))
