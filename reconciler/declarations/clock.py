"""Moments as people declare them: cron schedules and time zones."""

import zoneinfo
from datetime import UTC, datetime
from typing import Annotated

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator


def _schedule(value: str) -> str:
    try:
        if len(value.split()) != 5:
            raise ValueError("must be five fields of cron: minute, hour, day of month, month, day of week")
        next(CronSim(value, datetime(2000, 1, 1, tzinfo=UTC)))
    except CronSimError as error:
        raise ValueError(f"must be five fields of cron such as `0 8 * * 1-5`: {str(error).lower()}") from error
    except StopIteration as error:
        raise ValueError("never comes: no month has such a day") from error
    return " ".join(value.split())


def _time_zone(value: str) -> str:
    try:
        zoneinfo.ZoneInfo(value)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError("must be a name of the IANA database such as Europe/Berlin") from error
    return value


Schedule = Annotated[str, AfterValidator(_schedule)]
TimeZone = Annotated[str, AfterValidator(_time_zone)]
