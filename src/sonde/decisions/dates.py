"""Dates as people write them in headings, file names and front matter; ambiguous ones are not read."""

import re
from datetime import UTC, datetime

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
MONTH = r"(?P<month>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
PATTERNS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(?<!\d)(?P<year>(?:19|20)\d\d)(?P<sep>[-/._])(?P<month>\d{1,2})(?P=sep)(?P<day>\d{1,2})(?!\d)",
        rf"(?<!\d)(?P<day>\d{{1,2}})(?:st|nd|rd|th)?[ .-]+{MONTH}[ ,-]+(?P<year>(?:19|20)\d\d)(?!\d)",
        rf"\b{MONTH} +(?P<day>\d{{1,2}})(?:st|nd|rd|th)?,? +(?P<year>(?:19|20)\d\d)(?!\d)",
        r"(?<![\d.])(?P<day>\d{1,2})\.(?P<month>\d{1,2})\.(?P<year>(?:19|20)\d\d)(?!\d|\.\d)",
        r"(?<!\d)(?P<year>(?:19|20)\d\d)(?P<month>[01]\d)(?P<day>[0-3]\d)(?!\d)",
    )
)


def find_date(text: str) -> datetime | None:
    """Return the first date in a text as midnight UTC, or None.

    Read are 2024-10-08, 8 Oct 2024, October 8, 2024, 08.10.2024 (day first, as the dots tell) and 20241008.
    10/08/2024 is not: it may be October or August.
    """
    found = [(match.start(), match) for pattern in PATTERNS for match in pattern.finditer(text)]
    for _, match in sorted(found, key=lambda pair: pair[0]):
        day = _day(match["year"], match["month"], match["day"])
        if day is not None:
            return day
    return None


def _day(year: str, month: str, day: str) -> datetime | None:
    number = int(month) if month.isdecimal() else MONTHS.index(month.lower()[:3]) + 1
    try:
        return datetime(int(year), number, int(day), tzinfo=UTC)
    except ValueError:
        return None
