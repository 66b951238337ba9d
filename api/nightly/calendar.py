"""Times of a cron expression by the clock of a place."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from scenarios import InputError


def last_time(cron: str, timezone: str, now: dt.datetime) -> dt.datetime:
    """Return the last time of a schedule that is not after now, UTC.

    Parameters
    ----------
    cron : minute, hour, day of month, month, day of week, as in "30 2 * * *"
    timezone : IANA name of the place whose clock it is

    Raises
    ------
    InputError
        `cron` cannot be read or never happens, or the zone is not known.
    """
    from croniter import croniter
    from croniter.croniter import CroniterError

    try:
        here = now.astimezone(ZoneInfo(timezone))
        if len(cron.split()) != 5:
            raise InputError(f"cron {cron!r} needs five parts, as in `30 2 * * *`")
        found: dt.datetime = croniter(cron, here + dt.timedelta(seconds=1)).get_prev(dt.datetime)
    except (ZoneInfoNotFoundError, ValueError) as error:
        if isinstance(error, CroniterError):
            raise InputError(f"cron {cron!r}: {error}") from error
        raise InputError(f"no time zone {timezone!r}; name one as in Asia/Shanghai") from error
    return found.astimezone(dt.UTC)
