"""``python -m cdp_pipeline_tests.graph.update``: write the committed text of the asset graph."""

from __future__ import annotations

from pathlib import Path

from cdp_pipeline.project import load_home_project
from cdp_pipeline.settings import find_home
from cdp_pipeline.sqlmodels import graph_text

ROOT = Path(__file__).resolve().parents[2]
SNAPSHOT = Path(__file__).with_name("asset_graph.txt")


def current_graph() -> str:
    """Return the graph of the demo company's home, compiled now."""
    return graph_text(load_home_project(find_home(ROOT)))


if __name__ == "__main__":
    SNAPSHOT.write_text(current_graph(), encoding="utf-8")
