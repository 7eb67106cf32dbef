"""Days that people name from where they stand ("yesterday", "last Friday"), told at the time of the message."""

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
NUMBERS = {"a": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6}
_COUNT = rf"(?P<count>\d{{1,2}}|{'|'.join(NUMBERS)})"
_SPOKEN = re.compile(
    rf"\b(?:(?P<before>(?:the )?day before yesterday)|(?P<after>(?:the )?day after tomorrow)"
    rf"|(?P<near>today|yesterday|tomorrow|this (?:morning|afternoon|evening)|tonight|last night)"
    rf"|(?P<which>last|this|on|next) (?P<weekday>{'|'.join(WEEKDAYS)})"
    rf"|(?P<ahead>in )?{_COUNT} (?P<unit>day|week)s?(?(ahead)(?! ago)(?= *(?:[.,;:!?)]|$|I\b|we\b))| ago))(?!\w)",
    re.IGNORECASE,
)
_SIGNS = ("day", "tomorrow", "ago", "this ", "night", "in ")
"""One of them is in all that `_SPOKEN` matches."""
_NEAR = {"yesterday": -1, "last night": -1, "tomorrow": 1}
"""Days from that of writing; 0 for all others that are near."""


def spoken_days(text: str, written: datetime | None) -> Iterator[tuple[date, str]]:
    """Yield the days that a text names relative to when it was written, with its words.

    "last Friday" is the latest before that day, "on Friday" and "this Friday" may lie on either side and are left out,
    as is everything in a text without a time.
    """
    if written is None or not any(sign in text.lower() for sign in _SIGNS):
        return
    for match in _SPOKEN.finditer(text):
        shift = _shift(match, written.weekday())
        if shift is not None:
            yield written.date() + timedelta(days=shift), match.group()


def _shift(match: re.Match[str], today: int) -> int | None:
    if match["before"]:
        return -2
    if match["after"]:
        return 2
    if match["near"]:
        return _NEAR.get(match["near"].lower(), 0)
    if match["count"]:
        count = NUMBERS.get(match["count"].lower()) or int(match["count"])
        return (1 if match["ahead"] else -1) * count * (7 if match["unit"].lower() == "week" else 1)
    ahead = (WEEKDAYS.index(match["weekday"].lower()) - today) % 7
    which = match["which"].lower()
    if which == "last":
        return ahead - 7
    return (ahead or 7) if which == "next" else None
