"""Days named from where the writer stands."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from sonde.decisions.linking import link
from sonde.decisions.spoken_days import spoken_days
from sonde.records.decisions import Change, Passage

WEDNESDAY = datetime(2024, 10, 9, 15, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("I lowered it yesterday", date(2024, 10, 8)),
        ("the day before yesterday", date(2024, 10, 7)),
        ("committed last Friday, see there", date(2024, 10, 4)),
        ("last Wednesday", date(2024, 10, 2)),
        ("next wednesday", date(2024, 10, 16)),
        ("next Thursday", date(2024, 10, 10)),
        ("two weeks ago", date(2024, 9, 25)),
        ("10 days ago", date(2024, 9, 29)),
        ("today", date(2024, 10, 9)),
        ("the day after tomorrow", date(2024, 10, 11)),
        ("I changed it this morning", date(2024, 10, 9)),
        ("it crashed last night", date(2024, 10, 8)),
        ("I will commit it in two days.", date(2024, 10, 11)),
    ],
)
def test_days_are_told_at_the_time_of_writing(text: str, day: date) -> None:
    assert [found for found, _ in spoken_days(text, WEDNESDAY)] == [day]


@pytest.mark.parametrize(
    "text",
    [
        "on Friday",
        "this Friday",
        "Friday",
        "yesterdays",
        "at last",
        "long ago",
        "99 ago",
        "in two days of MD",
        "in 3 weeks the model had diverged",
        "in two day batches",
    ],
)
def test_what_may_be_another_day_is_not_told(text: str) -> None:
    assert list(spoken_days(text, WEDNESDAY)) == []


def test_without_a_time_nothing_is_told() -> None:
    assert list(spoken_days("yesterday", None)) == []


def test_the_day_of_a_commit_speaks_for_a_link() -> None:
    change = Change("max_force", "50", "5", "eV/Å", "a" * 40, "f.yaml", 1, "Mira", WEDNESDAY, "lower", "repository")
    text = "yesterday I lowered the force cutoff, the SCF diverged above it"
    said = Passage("slack:a/1", text, "slack", "Jonas", WEDNESDAY + timedelta(days=1), source="chat")
    (named,) = link([change], [said])
    assert "says “yesterday”, the day of the commit" in named.evidence
    (other,) = link([change], [replace(said, time=WEDNESDAY + timedelta(days=2))])
    assert not any("the day of the commit" in words for words in other.evidence)
    assert named.score > other.score
