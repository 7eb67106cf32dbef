"""The time that a question puts itself to: "before May 2023", "as of v1.2", "in 2022", "at the time of release 0.9"."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sonde.decisions.dates import MONTHS, find_date
from sonde.decisions.retrieval import PassageIndex, aware

_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_DAY = (
    rf"(?:\d{{4}}-\d\d-\d\d|\d{{1,2}}(?:st|nd|rd|th)? {_MONTH},? \d{{4}}|{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}})"
)
_YEAR = r"(?:19|20)\d\d"
_VERSION = r"(?:(?:version|release) v?\d+(?:\.\d+)*|v\d+(?:\.\d+)*|\d+(?:\.\d+)+)"
_LEADS = (
    r"(?P<lead>as of|as at|at the time of|until|up to|before|prior to|by the end of|at the end of|back in|in|during|on)"
)
_MOMENT = re.compile(
    rf"\b{_LEADS} (?:the )?(?:(?P<day>{_DAY})|(?P<month>(?:{_MONTH} {_YEAR}|{_YEAR}-\d\d))|(?P<year>{_YEAR})"
    rf"|(?P<version>{_VERSION}))(?![\w/%]|\.\d|-\d| ?(?:eV|meV|Ry|Ha|Å|A|K|GPa|fs|ps|kB|MB|GB|atoms|frames)\b)",
    re.IGNORECASE,
)
_BEFORE = frozenset({"before", "prior to"})
_LOOSE = frozenset({"in", "during", "on"})
_RELEASE = re.compile(r"\b(?:releas\w*|version|bump\w*|tag\w*|changelog|prepare)\b|^\W*v?\d", re.IGNORECASE)
MOST_RELEASES = 40


@dataclass(frozen=True)
class Moment:
    """A time that a question names."""

    words: str
    """As they stand in the question."""
    until: datetime
    """What was written later is left aside."""
    loose: bool
    """Says when something was done ("in 2022"): what was written later may still tell why."""
    question: str
    """The question without them."""

    @property
    def told(self) -> str:
        """What was understood, in one line."""
        return f"“{self.words}” taken as: until {self.until:%d %b %Y}"


def moment_in(question: str, index: PassageIndex) -> Moment | None:
    """Return the time that a question puts itself to; None where it names none, or a release that nothing dates."""
    match = _MOMENT.search(question)
    if match is None:
        return None
    begins_ends = _release(match["version"], index) if match["version"] else _period(match)
    lead = match["lead"].lower()
    if begins_ends is None or (match["version"] and lead in _LOOSE - {"in"}):
        return None
    begins, ends = begins_ends
    until = (begins if lead in _BEFORE else ends) - timedelta(seconds=1)
    rest = " ".join((question[: match.start()] + question[match.end() :]).split())
    return Moment(match.group(), until, lead in _LOOSE, rest)


def _period(match: re.Match[str]) -> tuple[datetime, datetime] | None:
    """First moment of a day, a month or a year, and of the next."""
    if match["day"]:
        day = find_date(match["day"])
        return (day, day + timedelta(days=1)) if day else None
    if match["year"]:
        year = int(match["year"])
        return datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
    return _month(match["month"])


def _month(words: str) -> tuple[datetime, datetime] | None:
    digits = re.fullmatch(r"(\d{4})-(\d\d)", words)
    year = int(digits[1] if digits else words[-4:])
    month = int(digits[2]) if digits else MONTHS.index(words[:3].lower()) + 1
    if not 1 <= month <= 12:
        return None
    first = datetime(year, month, 1, tzinfo=UTC)
    return first, (first + timedelta(days=32)).replace(day=1)


def _release(words: str, index: PassageIndex) -> tuple[datetime, datetime] | None:
    """When a version came out: the date in the heading of its notes, else its commit; None where nothing tells."""
    number = re.sub(r"^\D+", "", words)
    exact = re.compile(rf"(?<![\d.])v?{re.escape(number)}(?!\.?\d)")
    found = [passage for passage, _ in index.search(number, limit=MOST_RELEASES)]
    named = [p for p in found if p.title and exact.search(p.title) and _RELEASE.search(p.title)]
    dated = [date for p in named if (date := find_date(p.title or ""))]
    committed = [aware(p.time) for p in named if p.kind == "commit" and p.time is not None]
    if not dated and not committed:
        return None
    when = min(dated or committed)
    return when, (when + timedelta(days=1) if dated else when + timedelta(seconds=2))
