"""Homes and settings: found where a person expects them, refused with what to do."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from cdp_pipeline.errors import HomeError
from cdp_pipeline.settings import find_home, home_file, package_sql, read_settings


def settings_file(folder: Path, text: str) -> Path:
    file = folder / "cdp.yml"
    file.write_text(text, encoding="utf-8")
    return file


def test_an_empty_file_gives_every_default(tmp_path: Path) -> None:
    settings = read_settings(settings_file(tmp_path, ""))
    assert (settings.currency, settings.as_of) == ("SEK", "today")


def test_norway_is_a_country(tmp_path: Path) -> None:
    settings = read_settings(settings_file(tmp_path, "country: NO\nthreads: 1\n"))
    assert (settings.country, settings.threads) == ("NO", 1)


def test_a_date_is_a_clock(tmp_path: Path) -> None:
    settings = read_settings(settings_file(tmp_path, "as_of: 2026-03-31\n"))
    assert settings.as_of == dt.date(2026, 3, 31)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("curency: SEK\n", "curency"),
        ("currency: kronor\n", "currency"),
        ("time_zone: Stockholm\n", "IANA time zone"),
        ("as_of: yesterday\n", "as_of"),
        ("threads: 0\n", "threads"),
        ("- SEK\n", "one a line"),
        ("company: [\n", r"cdp.yml:2 is not valid YAML"),
    ],
)
def test_a_wrong_setting_is_named_with_its_file(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(HomeError, match=said):
        read_settings(settings_file(tmp_path, text))


def test_the_nearest_home_upwards_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings_file(tmp_path, "company: Here\n")
    below = tmp_path / "data" / "landing"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    monkeypatch.delenv("CDP_HOME", raising=False)
    assert find_home().root == tmp_path.resolve()


def test_a_folder_that_is_no_home_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(HomeError, match=r"is not a home.*\n.*cdp init"):
        find_home(tmp_path)


def test_a_home_overrides_a_file_of_the_package(tmp_path: Path) -> None:
    settings_file(tmp_path, "")
    home = find_home(tmp_path)
    assert home_file(home, "export/exports.yml") == package_sql() / "export" / "exports.yml"
    own = tmp_path / "dbt_like_sql" / "export" / "exports.yml"
    own.parent.mkdir(parents=True)
    own.write_text("{}\n", encoding="utf-8")
    assert home_file(home, "export/exports.yml") == own
