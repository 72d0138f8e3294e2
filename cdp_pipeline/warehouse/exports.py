"""What a release publishes, as ``export/exports.yml`` says it."""

from __future__ import annotations

from dataclasses import dataclass

import yaml

from cdp_pipeline.errors import CdpError
from cdp_pipeline.settings import Home, home_file
from cdp_pipeline.sqlmodels import Project


@dataclass(frozen=True)
class Export:
    """One published table.

    Attributes
    ----------
    name : str
        As published.
    table : str
        The table it is, ``layer.table``.
    vault : bool
        Whether it holds personal values and lies in ``vault/``, readable by its owner only.
    """

    name: str
    table: str
    vault: bool

    @property
    def file(self) -> str:
        """Path inside the release."""
        return f"vault/{self.name}.parquet" if self.vault else f"{self.name}.parquet"


def read_exports(home: Home, project: Project) -> list[Export]:
    """Read which tables are published, from the home's ``export/exports.yml`` or the package's.

    Raises
    ------
    CdpError
        If an entry is not of the form, or names a table there is none of.
    """
    file = home_file(home, "export/exports.yml")
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    try:
        exports = [
            Export(name, entry["table"], bool(entry.get("vault", False)))
            for name, entry in content.items()
        ]
    except (AttributeError, KeyError, TypeError):
        raise CdpError(
            f"{file} must say `name: {{table: layer.table, vault: true|false}}` for each export."
        ) from None
    if missing := [export.table for export in exports if export.table not in project.tables]:
        raise CdpError(f"{file} publishes tables that do not exist: {', '.join(missing)}.")
    return exports
