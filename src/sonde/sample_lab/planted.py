"""The talk that matters: reasons, superseded reasons, decoys from another project, and values without a reason."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sonde.sample_lab.plan import LabPlan, Medium, wording
from sonde.sample_lab.situations import Situation
from sonde.sample_lab.talk import Conversation, Line, Mark, draw, fill, parse
from sonde.sample_lab.timeline import moment

MEETING_EVERY_DAYS = 14
MINUTES_BETWEEN = {"slack": 7, "mail": 190, "notes": 0, "slides": 0}
LEAD_DAYS: Mapping[Medium, float] = {"slack": 1.6, "mail": 1.8, "notes": 0.9, "slides": 0.9}
"""Days before the commit; the meeting is the day before it."""
N_ALLOY_PEOPLE = 5
"""The first people of the cast work on the potential; the very first keeps the filter script."""

Script = Sequence[tuple[str, Mark, str]]
"""Speaker letter, mark and text of each line."""


@dataclass(frozen=True)
class Setting:
    """Where and when a conversation takes place."""

    medium: Medium
    place: str
    day: float


def planted_talk(plan: LabPlan) -> tuple[Conversation, ...]:
    """Return every conversation that a diagnosis or a why-question may quote, and those that it must not."""
    rng = plan.rng("planted talk")
    talk = [*_settings_talk(plan, rng), *_earlier_talk(plan, rng), *_decoys(plan, rng)]
    if plan.reasoned:
        talk += _threshold_talk(plan, rng)
    if plan.cut:
        talk += _values_without_reason(plan, rng)
    if plan.situation is Situation.NEVER_COMPUTED_ON_PURPOSE:
        talk.append(_left_out(plan, rng))
    if plan.unexplained.mentioned:
        talk.append(_mention(plan, rng))
    return tuple(sorted(talk, key=lambda conversation: conversation.lines[0].time))


def meeting_day(plan: LabPlan, day: float) -> int:
    """Return the last group meeting on or before a day; there is one the day before the threshold was set."""
    phase = (plan.calendar.threshold_day - 1) % MEETING_EVERY_DAYS
    return int(day) - (int(day) - phase) % MEETING_EVERY_DAYS


def converse(plan: LabPlan, setting: Setting, script: Script, about: str, rng: random.Random) -> Conversation:
    """Give each letter of the script a person (A keeps the filter script and commits it) and each line a time."""
    day = meeting_day(plan, setting.day) + 0.2 if setting.medium in ("notes", "slides") else setting.day
    start = moment(plan, day, rng)
    keeper, *others = plan.people[:N_ALLOY_PEOPLE]
    people = [keeper, *rng.sample(others, len(others))]
    step = MINUTES_BETWEEN[setting.medium]
    lines = tuple(
        Line(people["ABCDE".index(who)], start + timedelta(minutes=i * step + rng.randrange(step + 1)), text, mark)
        for i, (who, mark, text) in enumerate(script)
    )
    ordered = tuple(sorted(lines, key=lambda line: line.time))
    return Conversation(setting.medium, setting.place, ordered, about)


# ---- the threshold ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Phrases:
    """Sentences on the plan's rule, with its values put in."""

    plan: LabPlan
    rng: random.Random

    def say(self, *path: str) -> str:
        """Draw a wording: of the rule's own feature where it has one, else a general one."""
        texts: Any = wording("filter_reasons")
        own = texts[self.plan.rule.feature]
        options = own if path[0] in own else texts
        for name in path:
            options = options[name]
        return fill(draw(options, self.rng), self.values())

    def values(self) -> dict[str, str]:
        rule = self.plan.rule
        spell: Callable[[float], str] = lambda value: rule.criterion.spell(value, self.rng)  # noqa: E731 - four times below
        quantities = wording("filter_reasons")[rule.feature]["quantity"]
        return {
            "value": spell(rule.threshold),
            "earlier": spell(rule.earlier),
            "alternative": spell(rule.looser),
            "decoy": spell(rule.decoy),
            "key": self.plan.rule.key,
            "quantity": draw(quantities, self.rng),
            "meant": f"{rule.meant} cells",
            "spared": f"{rule.spared} cells",
            "weekday": draw(wording("chatter")["slots"]["weekday"], self.rng),
        }

    def trouble(self) -> str:
        return self.say("trouble_spared" if self.plan.scope_style == "on_purpose" else "trouble_meant")

    def scope(self) -> str:
        return self.say("scope", self.plan.scope_style)


def _threshold_talk(plan: LabPlan, rng: random.Random) -> list[Conversation]:
    phrases = Phrases(plan, rng)
    trouble, scope = phrases.trouble(), phrases.scope()
    discussion: Script = (
        ("A", "context", phrases.say("ask")),
        ("B", "reason", trouble),
        ("A", "rejected", phrases.say("reject")),
        ("A", "value", phrases.say("conclude")),
        ("B", "reason", scope),
        ("C", "context", phrases.say("close")),
    )
    first, *further = plan.reason_media
    talk = [converse(plan, _setting(plan, first, rng), discussion, "threshold", rng)]
    for medium in further:
        script: Script = (("A", "reason", _restatement(phrases, trouble, scope)),)
        talk.append(converse(plan, _setting(plan, medium, rng), script, "threshold", rng))
    return talk


def _restatement(phrases: Phrases, trouble: str, scope: str) -> str:
    template = draw(wording("filter_reasons")["restate"], phrases.rng)
    return fill(template, phrases.values() | {"trouble": trouble, "scope": scope})


def _setting(plan: LabPlan, medium: Medium, rng: random.Random) -> Setting:
    place = draw(wording("filter_reasons")["places"][medium], rng)
    return Setting(medium, place, plan.calendar.threshold_day - LEAD_DAYS[medium])


def _values_without_reason(plan: LabPlan, rng: random.Random) -> list[Conversation]:
    """Slides and minutes after the change state the value only; they are no reason."""
    phrases, after = Phrases(plan, rng), plan.calendar.threshold_day
    media: tuple[Medium, ...] = ("slides", "notes")
    return [
        converse(
            plan, Setting(medium, "Data set", after + days), (("A", "value", phrases.say("value_only")),), "value", rng
        )
        for medium, days in zip(media, (16, 30), strict=True)
    ]


def _earlier_talk(plan: LabPlan, rng: random.Random) -> list[Conversation]:
    """The argument for the first, loose cap: superseded once the threshold commit is there."""
    phrases = Phrases(plan, rng)
    script: Script = (
        ("A", "reason", phrases.say("earlier")),
        ("B", "context", draw(("ok", "good", "fine, for a start"), rng)),
    )
    medium: Medium = draw(("slack", "mail", "notes"), rng)  # type: ignore[assignment]  # they are Medium
    setting = Setting(medium, draw(wording("filter_reasons")["places"][medium], rng), plan.calendar.earlier_day - 1)
    return [converse(plan, setting, script, "earlier", rng)]


def _decoys(plan: LabPlan, rng: random.Random) -> list[Conversation]:
    """The same key with another value and another reason, in another project and at the same time."""
    phrases, day = Phrases(plan, rng), plan.calendar.threshold_day
    templates = rng.sample(wording("filter_reasons")[plan.rule.feature]["decoy"], 2)
    in_chat, in_mail = (fill(template, phrases.values()) for template in templates)
    chat: Script = (
        ("D", "context", "cutting the Cu-Ni set now, same script as ever"),
        ("E", "reason", in_chat),
    )
    mail: Script = (
        ("E", "reason", in_mail),
        ("D", "context", "Thanks, that is what I needed for the Cu-Ni draft."),
    )
    return [
        converse(plan, Setting("slack", "cu-ni", day - 1 + 0.3), chat, "decoy", rng),
        converse(plan, Setting("mail", "Cu-Ni data set", day - 9 + 0.1), mail, "decoy", rng),
    ]


def _left_out(plan: LabPlan, rng: random.Random) -> Conversation:
    script: Script = (
        ("A", "context", "What goes into the next round of calculations?"),
        ("B", "reason", Phrases(plan, rng).say("left_out")),
    )
    medium = plan.reason_media[0]
    place = draw(wording("filter_reasons")["places"][medium], rng)
    return converse(plan, Setting(medium, place, plan.calendar.earlier_day + 40), script, "left_out", rng)


def _mention(plan: LabPlan, rng: random.Random) -> Conversation:
    unexplained = plan.unexplained
    job = draw(wording("chatter")["slots"]["job"], rng)
    values = {"key": unexplained.key, "new": f"{unexplained.new:g}", "job": job, "version": "2"}
    text = fill(draw(wording("filter_reasons")["mentioned"], rng), values)
    setting = Setting("slack", "potential-fitting", plan.calendar.unexplained_day + 1.2)
    return converse(plan, setting, (("A", "value", text),), "unexplained", rng)


# ---- the other settings ----------------------------------------------------------------------------------------------


def _settings_talk(plan: LabPlan, rng: random.Random) -> list[Conversation]:
    talk = []
    for entry in wording("settings_reasons"):
        medium: Medium = draw(entry["media"], rng)  # type: ignore[assignment]  # the file holds Medium names
        telling = "\n".join(draw(entry["tellings"], rng))
        place = "al-alloys" if medium == "slack" else f"DFT settings: {entry['name']}"
        if entry["file"] == "train" and medium != "slack":
            place = "Training settings"
        setting = Setting(medium, place, entry["day"] - 0.9)
        talk.append(converse(plan, setting, parse(telling), entry["name"], rng))
    return talk
