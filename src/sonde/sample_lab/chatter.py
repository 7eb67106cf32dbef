"""Unrelated talk: what a group of twelve says in two or three years about everything else."""

import random
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sonde.sample_lab.people import Person
from sonde.sample_lab.plan import LabPlan, wording
from sonde.sample_lab.planted import MEETING_EVERY_DAYS, meeting_day
from sonde.sample_lab.talk import SLOT, Conversation, Line, draw, fill
from sonde.sample_lab.timeline import moment

SHARE_BY_MEDIUM = {"slack": 0.72, "mail": 0.12, "notes": 0.155}
"""Of the unrelated lines; the few slides come on top."""
N_SLIDES = 12
REPLY_PROBABILITY = 0.45


def unrelated_talk(plan: LabPlan, n_lines: int) -> tuple[Conversation, ...]:
    """Return at least `n_lines` lines of talk that decide nothing, spread over the time of the story."""
    rng, talk = plan.rng("chatter"), []
    for medium, speak in (("slack", _chat), ("mail", _mail)):
        wanted, said = round(SHARE_BY_MEDIUM[medium] * n_lines) + 1, 0
        while said < wanted:
            conversation = speak(plan, rng)
            said += len(conversation.lines)
            talk.append(conversation)
    talk += _minutes(plan, round(SHARE_BY_MEDIUM["notes"] * n_lines) + 1, rng)
    talk += _slides(plan, rng)
    return tuple(talk)


class _Slots(dict[str, str]):
    """Values of one conversation, drawn when first asked for and kept."""

    def __init__(self, rng: random.Random, people: Sequence[Person]) -> None:
        super().__init__({letter: person.first_name for letter, person in zip("ABC", people, strict=True)})
        self._rng = rng

    def __missing__(self, name: str) -> str:
        self[name] = draw(wording("chatter")["slots"][name], self._rng)
        return self[name]


def _blocks(medium: str) -> Any:
    return wording("chatter")[medium]


def _cast(plan: LabPlan, rng: random.Random) -> list[Person]:
    return rng.sample(plan.people, 3)


def _some_moment(plan: LabPlan, rng: random.Random) -> datetime:
    while True:
        day = rng.uniform(0, plan.calendar.end_day)
        if plan.calendar.day(int(day)).weekday() < 5:
            return moment(plan, day, rng)


def _chat(plan: LabPlan, rng: random.Random) -> Conversation:
    channel, *lines = draw(_blocks("slack"), rng).strip().splitlines()
    people, said = _cast(plan, rng), _some_moment(plan, rng)
    slots, spoken = _Slots(rng, people), []
    for line in lines:
        who, _, text = line.partition(" ")
        spoken.append(Line(people["ABC".index(who)], said, fill(text, slots)))
        said += timedelta(minutes=rng.randrange(1, 40), seconds=rng.randrange(60))
    while rng.random() < REPLY_PROBABILITY:
        spoken.append(Line(draw_person(plan, rng), said, draw(_blocks("replies"), rng)))
        said += timedelta(minutes=rng.randrange(1, 90), seconds=rng.randrange(60))
    return Conversation("slack", channel.strip(), tuple(spoken))


def draw_person(plan: LabPlan, rng: random.Random) -> Person:
    """Choose anyone of the group."""
    return plan.people[rng.randrange(len(plan.people))]


def _mail(plan: LabPlan, rng: random.Random) -> Conversation:
    subject, *lines = draw(_blocks("mail"), rng).strip().splitlines()
    people, sent = _cast(plan, rng), _some_moment(plan, rng)
    slots, written = _Slots(rng, people), []
    for line in lines:
        who, _, text = line.partition(" ")
        written.append(Line(people["ABC".index(who)], sent, fill(text, slots)))
        sent += timedelta(hours=rng.randrange(1, 30), minutes=rng.randrange(60))
    return Conversation("mail", fill(subject, slots), tuple(written))


def _minutes(plan: LabPlan, n_lines: int, rng: random.Random) -> Iterator[Conversation]:
    """Yield one round of news for each group meeting."""
    first = meeting_day(plan, MEETING_EVERY_DAYS)
    days = range(first, plan.calendar.end_day, MEETING_EVERY_DAYS)
    each = -(-n_lines // len(days))
    for day in days:
        start, people = moment(plan, day + 0.2, rng), _cast(plan, rng)
        lines = tuple(
            Line(draw_person(plan, rng), start, fill(text, _Slots(rng, people)))
            for text in rng.choices(_blocks("notes"), k=each)
        )
        yield Conversation("notes", draw(("News", "Round", "Who does what"), rng), lines)


def _slides(plan: LabPlan, rng: random.Random) -> Iterator[Conversation]:
    start = moment(plan, meeting_day(plan, plan.calendar.threshold_day) + 0.2, rng)
    for title, *points in rng.choices(_blocks("slides"), k=N_SLIDES):
        people = _cast(plan, rng)
        slots: Mapping[str, str] = _Slots(rng, people)
        yield Conversation("slides", title, tuple(Line(people[0], start, fill(point, slots)) for point in points))


def slot_names(text: str) -> set[str]:
    """Return the slots that a template needs."""
    return set(SLOT.findall(text))
