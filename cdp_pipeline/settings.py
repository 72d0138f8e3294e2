"""The home a run works in, and its settings.

A *home* is a folder with ``cdp.yml``, ``data/`` and ``dbt_like_sql/``. Everything that depends on
where files lie or on how a company wants things stands here; nothing here reads data.
"""

from __future__ import annotations

import datetime as dt
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from cdp_pipeline.errors import HomeError

SETTINGS_FILE = "cdp.yml"
_PACKAGE = Path(__file__).resolve().parent


class Settings(BaseModel):
    """What a company decides about its pipeline; every field says its unit and effect."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    company: str = Field("A company", description="Name written into each release's manifest.")
    country: Annotated[str, Field(pattern="^[A-Z]{2}$")] = Field(
        "SE", description="ISO 3166 country assumed for phones and addresses that name none."
    )
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] = Field(
        "SEK", description="ISO 4217 currency that money is converted to."
    )
    time_zone: str = Field(
        "Europe/Stockholm", description="IANA zone whose calendar days `_on` columns use."
    )
    as_of: Literal["today", "latest_event"] | dt.date = Field(
        "today",
        description="What 'now' is: the day of the run, the day of the newest event, or a date.",
    )
    threads: int = Field(2, ge=1, description="Threads DuckDB uses in one step.")
    memory_limit_gb: float = Field(
        6.0, gt=0.2, description="Memory DuckDB may use in one step before it spills, in GB."
    )
    keep_releases: int = Field(
        10, ge=2, description="How many published releases stay on disk, the newest included."
    )
    keep_versions_days: float = Field(
        2.0, ge=0, description="Days that superseded table versions stay in the warehouse."
    )
    daily_schedule: str = Field("0 4 * * *", description="Cron line of the daily pipeline.")
    training_schedule: str = Field("0 2 * * 0", description="Cron line of the weekly training.")
    model_promotion: Literal["better", "not_worse", "always"] = Field(
        "better",
        description=(
            "When a newly trained churn or value model replaces the stored one: when it is better "
            "on the newest past period both are judged on, when it is not surely worse, or always. "
            "A stored model that cannot be used today is replaced in any case."
        ),
    )
    drift_limit: float = Field(
        1.0,
        gt=0,
        description=(
            "Population stability index of a score, between the day of training and today, beyond "
            "which churn or value is not published until trained anew; half of the orders missing "
            "gives more than 1, and above 0.25 is worth a look."
        ),
    )

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError("is not an IANA time zone such as Europe/Stockholm") from error
        return value

    def that_change_results(self) -> dict[str, object]:
        """Return the settings that decide table contents (threads, memory and cron do not)."""
        return {
            "country": self.country,
            "currency": self.currency,
            "time_zone": self.time_zone,
            "as_of": str(self.as_of),
            "model_promotion": self.model_promotion,
            "drift_limit": self.drift_limit,
        }


@dataclass(frozen=True)
class Home:
    """The folders of one home.

    Attributes
    ----------
    root : Path
        The folder that holds ``cdp.yml``.
    settings : Settings
        As read from ``cdp.yml``.
    into : Path or None
        Where a run as of a past date publishes; such a run keeps its pointers there too, so that
        it commits neither ids nor a release of the home itself.
    tried : Path or None
        Folder of decisions that are tried out, in place of the home's own.
    """

    root: Path
    settings: Settings
    into: Path | None = None
    tried: Path | None = None

    @property
    def landing(self) -> Path:
        """Folder where exports are dropped."""
        return self.root / "data" / "landing"

    @property
    def decisions(self) -> Path:
        """Folder of the stewards' decisions on who is who."""
        return self.root / "data" / "decisions" if self.tried is None else self.tried

    @property
    def warehouse(self) -> Path:
        """Folder of every table version, the models and the ledger."""
        return self.root / "data" / "warehouse"

    @property
    def heads(self) -> Path:
        """Folder of the pointers to the current version of each table."""
        return self.warehouse / "heads" if self.into is None else self.into / "heads"

    @property
    def exports(self) -> Path:
        """Folder of the published releases."""
        return self.root / "data" / "exports" if self.into is None else self.into

    @property
    def databases(self) -> Path:
        """Folder of ``cdp.duckdb`` and ``vault.duckdb``."""
        return self.warehouse if self.into is None else self.into

    @property
    def dagster(self) -> Path:
        """Folder that Dagster keeps its runs and events in (``DAGSTER_HOME``)."""
        return self.root / "data" / "dagster"

    @property
    def sql(self) -> Path:
        """Folder of the home's own contracts, staging SQL and overrides."""
        return self.root / "dbt_like_sql"

    def as_of(self, day: dt.date, into: Path) -> Home:
        """Return the same home as of a past day, publishing into a folder of its own."""
        return replace(
            self, settings=self.settings.model_copy(update={"as_of": day}), into=into.resolve()
        )


def package_sql() -> Path:
    """Return the folder of the SQL that ships with the package."""
    shipped = _PACKAGE / "dbt_like_sql"
    return shipped if shipped.is_dir() else _PACKAGE.parent / "dbt_like_sql"


def home_file(home: Home, name: str) -> Path:
    """Return a file of ``dbt_like_sql``: the home's own where it has one, else the package's."""
    own = home.sql / name
    return own if own.exists() else package_sql() / name


def find_home(path: Path | str | None = None) -> Home:
    """Open a home: the given folder, else ``CDP_HOME``, else the nearest folder with ``cdp.yml``.

    ``CDP_AS_OF`` and ``CDP_INTO`` (set by ``cdp run --as-of D --into DIR``) turn it into a home as
    of a past date, for this process and those it starts; ``CDP_TRIED`` names the folder of
    decisions that a dry run tries out.

    Raises
    ------
    HomeError
        If there is no such folder, or its settings do not parse.
    """
    named = path or os.environ.get("CDP_HOME")
    root = Path(named).expanduser().resolve() if named else _nearest_home()
    settings_file = root / SETTINGS_FILE
    if not settings_file.is_file():
        raise HomeError(
            f"{root} is not a home: it holds no {SETTINGS_FILE}.",
            "`cdp init DIR` makes one; `--home DIR` or CDP_HOME names one.",
        )
    home = Home(root=root, settings=read_settings(settings_file))
    as_of, into = os.environ.get("CDP_AS_OF"), os.environ.get("CDP_INTO")
    if not (as_of and into):
        return home
    tried = os.environ.get("CDP_TRIED")
    past = home.as_of(dt.date.fromisoformat(as_of), Path(into))
    return replace(past, tried=Path(tried) if tried else None)


def read_settings(file: Path) -> Settings:
    """Read ``cdp.yml``.

    Raises
    ------
    HomeError
        If it is not valid YAML or a setting is unknown or out of range.
    """
    try:
        # Every value as text, typed by the settings themselves: YAML takes NO for false, not
        # for Norway.
        content = yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.BaseLoader) or {}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        raise HomeError(
            f"{file}{line} is not valid YAML.", "Check indentation and quotes."
        ) from None
    if not isinstance(content, dict):
        raise HomeError(f"{file} must hold settings such as `currency: SEK`, one a line.")
    try:
        return Settings.model_validate(content)
    except ValidationError as error:
        said = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        known = ", ".join(Settings.model_fields)
        raise HomeError(f"{file}: {said}", f"Known settings: {known}.") from None


def _nearest_home() -> Path:
    here = Path.cwd().resolve()
    for folder in (here, *here.parents):
        if (folder / SETTINGS_FILE).is_file():
            return folder
    return here
