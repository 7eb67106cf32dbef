"""Talk that not everybody could read, and talk that takes a reason back."""

import random
from collections.abc import Iterator
from dataclasses import replace

from sonde.records.decisions import Visibility
from sonde.sample_lab.plan import LabPlan, wording
from sonde.sample_lab.planted import Script, Setting, converse
from sonde.sample_lab.talk import Conversation, draw, fill

PLACES: tuple[tuple[Visibility, str], ...] = (("private", "steering-group"), ("direct", "D0ALLOYS00"))
DAYS_TO_DOUBT = 60


def contested_talk(plan: LabPlan) -> Iterator[Conversation]:
    """Yield why the unexplained change was made, as a closed group and two people say, and who doubts what."""
    rng = plan.rng("contested talk")
    for visibility, place in PLACES:
        yield replace(_confided(plan, visibility, place, rng), visibility=visibility)
    yield _disputed(plan, rng)


def secret_word(plan: LabPlan) -> str:
    """The word that stands in private talk and nowhere else."""
    words = wording("contested")["secrets"]
    return str(words[plan.seed % len(words)])


def _confided(plan: LabPlan, visibility: Visibility, place: str, rng: random.Random) -> Conversation:
    unexplained = plan.unexplained
    values = {"key": unexplained.key, "new": f"{unexplained.new:g}", "secret": secret_word(plan)}
    told = fill(draw(wording("contested")["confided"][visibility], rng), values)
    script: Script = (("A", "reason", told), ("B", "context", "understood"))
    return converse(plan, Setting("slack", place, plan.calendar.unexplained_day - 0.7), script, "confided", rng)


def _disputed(plan: LabPlan, rng: random.Random) -> Conversation:
    entry = wording("contested")["disputed"][plan.seed % 3]
    day = next(one["day"] for one in wording("settings_reasons") if one["name"] == entry["setting"])
    script: Script = (("C", "reason", draw(entry["said"], rng)), ("A", "context", "hm. Let me look at that"))
    setting = Setting("slack", "al-alloys", day + DAYS_TO_DOUBT)
    return converse(plan, setting, script, f"dispute of {entry['setting']}", rng)
