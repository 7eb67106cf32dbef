"""Points in time as text: ISO-8601 in UTC, to the microsecond, so that text order is time order."""

from datetime import UTC, datetime

from sonde.errors import WrongUse


def now() -> datetime:
    """This moment, in UTC."""
    return datetime.now(UTC)


def time_text(time: datetime) -> str:
    """Write an aware time; a naive one is refused, since its zone would be a guess."""
    if time.tzinfo is not UTC:
        if time.utcoffset() is None:
            raise WrongUse(
                f"A time must carry its zone, {time.isoformat()} does not: attach one with .replace(tzinfo=…)."
            )
        time = time.astimezone(UTC)
    return time.isoformat(timespec="microseconds")


def time_of(text: str) -> datetime:
    """Read back what `time_text` wrote."""
    time = datetime.fromisoformat(text)
    return time if time.tzinfo is UTC else time.astimezone(UTC)


def optional_time_text(time: datetime | None) -> str | None:
    """Write a time that may be unknown."""
    return None if time is None else time_text(time)


def optional_time_of(text: str | None) -> datetime | None:
    """Read a time that may be unknown."""
    return None if text is None else time_of(text)
