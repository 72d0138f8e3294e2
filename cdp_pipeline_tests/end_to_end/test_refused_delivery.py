"""A delivery that is refused: yesterday's release and tables stay as they are, and it is said."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from cdp_pipeline_tests.homes import DemoHome

pytestmark = pytest.mark.slow

REPORTS = {"data_quality", "schema_drift", "column_profiles"}
"""Published tables that tell of deliveries and checks."""


def _bytes(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_refused_delivery_leaves_yesterdays_release_and_tables_byte_for_byte(
    published_home: DemoHome, tmp_path: Path
) -> None:
    home = published_home.copied_to(root := tmp_path / "home")
    release = home.latest.resolve()
    files, tables = _bytes(release), home.hashes()
    sources = _bytes(root / "data" / "warehouse" / "sources" / "crm_contacts")
    contacts = home.landing / "crm" / "contacts.csv"
    text = contacts.read_text("utf-8").replace("KontaktID", "Nummer", 1)
    (home.landing / "crm" / "contacts_2.csv").write_text(text, encoding="utf-8")

    summary = home.run()

    (refused,) = summary["refused"]
    assert refused["file"] == "crm/contacts_2.csv"
    assert "column 'KontaktID' is missing; the file's new column 'Nummer'" in refused["reason"]
    assert "(it goes into " in refused["reason"]
    assert "crm.yml:" in refused["hint"]
    assert summary["rows_in"]["rows_refused"] == summary["rows_in"]["rows_delivered"] > 0
    assert _bytes(release) == files
    now = home.hashes()
    assert {name for name in tables if tables[name] != now[name]} <= REPORTS
    after = _bytes(root / "data" / "warehouse" / "sources" / "crm_contacts")
    assert {name: after[name] for name in sources if name.endswith(".parquet")} == {
        name: digest for name, digest in sources.items() if name.endswith(".parquet")
    }
