"""The day that a round or an import belongs to: a date of the UTC calendar, not in the future."""

from datetime import UTC, datetime

from wm_pipeline.domain.errors import SettingsError


def today() -> str:
    """Days are counted in UTC, so that machines in several time zones mean the same."""
    return datetime.now(UTC).date().isoformat()


def check_day(day: str) -> str:
    """The day as YYYY-MM-DD. Raises SettingsError when it is no day, or in the future."""
    try:
        found = datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC).date().isoformat()
    except ValueError as error:
        raise SettingsError(f"unknown day {day!r}; write it as YYYY-MM-DD") from error
    if found > today():
        raise SettingsError(f"day {found} is in the future: days are counted in UTC, where it is {today()}")
    return found
