"""What runs without anyone asking: jobs, schedules, the sensor, freshness policies."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence

import dagster as dg

from cdp_pipeline.defs.resources import TRAIN_TAG
from cdp_pipeline.ingest import landed_state
from cdp_pipeline.ingest.decisions import decisions_state
from cdp_pipeline.project import home_contracts
from cdp_pipeline.settings import Home

DAILY = "daily_pipeline"
TRAINING = "weekly_training"

JOBS = [
    dg.define_asset_job(
        DAILY,
        selection=dg.AssetSelection.all(),
        description="Everything, from landed files to a published release, with stored models.",
    ),
    dg.define_asset_job(
        TRAINING,
        selection=dg.AssetSelection.all(),
        tags={TRAIN_TAG: "true"},
        description="Everything, with the models trained anew.",
    ),
]

# A table that nobody has made for a day and a half missed a nightly run; two days is an outage.
_FRESHNESS = dg.FreshnessPolicy.time_window(
    fail_window=dt.timedelta(hours=48), warn_window=dt.timedelta(hours=36)
)


def with_freshness(assets: Sequence[dg.AssetsDefinition], home: Home) -> list[dg.AssetsDefinition]:
    """Return the assets with one freshness policy laid over all of them.

    A source table whose contract says how often something is expected has a policy of its own:
    a warning when that time has passed, a failure when it has passed twice. Dagster looks at the
    last look at the landing folder; how old the data itself is, `sources.freshness` says.
    """
    own = {
        dg.AssetKey(contract.name.split(".")): dg.FreshnessPolicy.time_window(
            warn_window=contract.expected_every, fail_window=2 * contract.expected_every
        )
        for contract in home_contracts(home)
        if contract.expected_every is not None
    }

    def with_policy(spec: dg.AssetSpec) -> dg.AssetSpec:
        return spec.replace_attributes(freshness_policy=own.get(spec.key, _FRESHNESS))

    return [a.map_asset_specs(with_policy) for a in assets]


def schedules(home: Home) -> list[dg.ScheduleDefinition]:
    """Return the nightly run and the weekly training, off until somebody turns them on."""
    settings = home.settings
    return [
        dg.ScheduleDefinition(
            name=DAILY,
            job_name=DAILY,
            cron_schedule=settings.daily_schedule,
            execution_timezone=settings.time_zone,
        ),
        dg.ScheduleDefinition(
            name=TRAINING,
            job_name=TRAINING,
            cron_schedule=settings.training_schedule,
            execution_timezone=settings.time_zone,
        ),
    ]


def arriving_files(home: Home) -> dg.SensorDefinition:
    """Return the sensor that runs the pipeline when a file arrives or changes."""

    @dg.sensor(
        name="arriving_files",
        job_name=DAILY,
        minimum_interval_seconds=60,
        description="Runs the pipeline when a file of data/landing or data/decisions changes.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        state = landed_state(home_contracts(home), home.landing)
        state = {**state, **decisions_state(home.decisions)} if state else state
        # Sizes and times of the files a contract asks for; two equal looks in a row mean that
        # nobody is still writing.
        seen = hashlib.sha256(repr(sorted(state.items())).encode()).hexdigest()[:16]
        last, ran = (context.cursor or "|").split("|")
        if not state:
            return dg.SkipReason("No file that a contract asks for has landed.")
        if seen == ran:
            return dg.SkipReason("Nothing new since the last run this sensor asked for.")
        if seen != last:
            context.update_cursor(f"{seen}|{ran.strip('|')}")
            return dg.SkipReason("Files changed; waiting until they are stable.")
        return dg.SensorResult(run_requests=[dg.RunRequest(run_key=seen)], cursor=f"{seen}|{seen}")

    return sensor
