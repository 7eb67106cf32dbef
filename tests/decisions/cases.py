"""Constructed why-cases with known answers: seeded, in many wordings, with decoys and with reasons that nobody wrote.

Thresholds and cue words were set on the first set of wordings; the others were measured once before what they showed
was mended, and guard against steps back since.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from tests.decisions.case_wordings import CHATTER, DISCLAIMERS, OPENERS, SETTINGS, VALUE_ONLY, Setting, WordingSet

from sonde.records.decisions import Change, Passage

REPOSITORY = "nbmotaw-mlip"
PEOPLE = ("Lena Vogt", "Tomás Rivera", "Mei Lin", "Arjun Nair", "Greta Holm", "Jonas Weber")


@dataclass(frozen=True)
class Case:
    """One change, its archive, and what has to come out."""

    name: str
    change: Change
    history: tuple[Change, ...]
    passages: tuple[Passage, ...]
    answerable: bool
    reasons: tuple[str, ...] = ()
    """At least one of these stands in a reason quote."""
    never: tuple[str, ...] = ()
    """None of these may stand in a reason quote."""


@dataclass
class _Builder:
    rng: random.Random
    when: datetime
    passages: list[Passage] = field(default_factory=list)
    channel: str = "mlip-training"
    count: int = 0

    def chat(self, *messages: tuple[str, str], days: float, thread: bool = True, channel: str | None = None) -> None:
        """Add a conversation that begins so many days after the commit (negative: before)."""
        channel = channel or self.channel
        start = self.when + timedelta(days=days)
        root = None
        for step, (author, text) in enumerate(messages):
            self.count += 1
            time = start + timedelta(minutes=4 * step)
            stamp = f"{time.timestamp():.0f}.{self.count:06d}"
            root = root or stamp
            name = f"{channel}/{root}" if thread else None
            anchor = f"slack:{channel}/{stamp}"
            self.passages.append(Passage(anchor, text, "slack", author, time, name, channel, source="chat"))

    def mail(self, subject: str, *messages: tuple[str, str], days: float) -> None:
        start = self.when + timedelta(days=days)
        for step, (author, text) in enumerate(messages):
            self.count += 1
            anchor, time = f"mail:<{self.count}@lab.example>", start + timedelta(hours=3 * step)
            thread = f"mail:<{self.count - step}@lab.example>"
            self.passages.append(Passage(anchor, text, "mail", author, time, thread, subject, source="mail"))

    def notes(self, heading: str, *paragraphs: str, days: float) -> None:
        self.count += 1
        section, time = self.count, self.when + timedelta(days=days)
        for step, text in enumerate(paragraphs):
            anchor = f"file:minutes.md#line={section * 40 + step}"
            thread = f"file:minutes.md#line={section * 40}"
            self.passages.append(Passage(anchor, text, "notes", None, time, thread, heading, source="minutes"))


def cases(wordings: WordingSet, seed: int = 0, n_noise: int = 60) -> Iterator[Case]:
    """Yield every situation for every setting of a set of wordings, in seeded order of words, people and noise."""
    rng = random.Random(f"{wordings}/{seed}")
    for setting in SETTINGS[wordings]:
        for name, situation in SITUATIONS.items():
            yield situation(_Maker(f"{name}/{setting.key}", setting, wordings, rng, n_noise))


@dataclass
class _Maker:
    """Materials for one case."""

    name: str
    setting: Setting
    wordings: WordingSet
    rng: random.Random
    n_noise: int

    def __post_init__(self) -> None:
        self.when = datetime(2024, 5, 1, tzinfo=UTC) + timedelta(
            days=self.rng.randrange(300), hours=self.rng.randrange(24)
        )
        self.author, self.other, self.third = self.rng.sample(PEOPLE, 3)
        self.reason = self.rng.choice(self.setting.reasons)
        self.builder = _Builder(self.rng, self.when)
        self.commit = f"{self.rng.getrandbits(160):040x}"
        self.change = Change(
            self.setting.key,
            self.setting.old,
            self.setting.new,
            self.setting.unit,
            self.commit,
            self.setting.path,
            12,
            self.author,
            self.when,
            "update config",
            REPOSITORY,
        )
        self.message("update config")

    def message(self, text: str) -> None:
        """Write the message of the commit, anew if called again."""
        anchor = f"commit:{self.commit}"
        kept = [passage for passage in self.builder.passages if passage.anchor != anchor]
        first = Passage(anchor, text, "commit", self.author, self.when, None, text.split("\n")[0], source=REPOSITORY)
        self.builder.passages = [*kept, first]

    def say(self, templates: dict[WordingSet, tuple[str, ...]]) -> str:
        name, value = self.rng.choice(self.setting.names), self.rng.choice(self.setting.values)
        text = self.rng.choice(templates[self.wordings]).format(name=name, value=value)
        return text[0].upper() + text[1:] if self.rng.random() < 0.6 else text

    def old(self) -> str:
        return f"{self.rng.choice(self.setting.names)} = {self.rng.choice(self.setting.old_values)}"

    def done(self, *, answerable: bool, never: Sequence[str] = (), history: Sequence[Change] = ()) -> Case:
        """Add noise and close the case."""
        for _ in range(self.n_noise):
            texts = self.rng.sample(CHATTER[self.wordings], 2)
            talk = [(self.rng.choice(PEOPLE), text) for text in texts]
            channel = self.rng.choice(("random", "mlip-training", "cluster"))
            self.builder.chat(*talk, days=self.rng.uniform(-200, 100), thread=self.rng.random() < 0.5, channel=channel)
        readme = Passage(
            f"README.md:1@{'a' * 40}",
            "A potential for NbMoTaW alloys. See configs for all settings.",
            "file",
            "Lena Vogt",
            self.when - timedelta(days=400),
            None,
            "README.md",
            source=REPOSITORY,
        )
        passages = [readme, *self.builder.passages]
        self.rng.shuffle(passages)
        reasons = (self.reason,) if answerable else ()
        return Case(self.name, self.change, tuple(history), tuple(passages), answerable, reasons, tuple(never))


def _same_message(m: _Maker) -> Case:
    m.builder.chat((m.author, f"{m.say(OPENERS)}, {m.reason}."), (m.other, "ok"), days=-m.rng.uniform(0.1, 6))
    return m.done(answerable=True)


def _two_sentences(m: _Maker) -> Case:
    reason = m.reason[0].upper() + m.reason[1:]
    m.reason = m.reason[1:]
    m.builder.chat((m.author, f"{m.say(OPENERS)}. {reason}."), days=-m.rng.uniform(0.1, 6))
    return m.done(answerable=True)


def _in_reply(m: _Maker) -> Case:
    m.builder.chat(
        (m.author, f"{m.say(OPENERS)}."),
        (m.other, "why that?"),
        (m.author, f"{m.reason}"),
        (m.other, "makes sense, go ahead"),
        days=-m.rng.uniform(0.1, 10),
    )
    return m.done(answerable=True)


def _unthreaded(m: _Maker) -> Case:
    m.builder.chat((m.other, f"{m.say(OPENERS)}?"), (m.author, f"yes, {m.reason}"), days=-1.0, thread=False)
    return m.done(answerable=True)


def _mail(m: _Maker) -> Case:
    text = f"Dear all,\n\nas discussed, {m.say(OPENERS)}. The reason is simple: {m.reason}.\n\nBest,\n{m.other}"
    m.builder.mail("settings for the next round", (m.other, text), (m.author, "Done."), days=-3)
    return m.done(answerable=True)


def _minutes(m: _Maker) -> Case:
    name, value = m.rng.choice(m.setting.names), m.rng.choice(m.setting.values)
    m.builder.notes(
        "Group meeting", "Attendance: all.", f"Agreed: {name} goes to {value}, {m.reason}.", "Cake on Friday.", days=-2
    )
    return m.done(answerable=True)


def _commit_body(m: _Maker) -> Case:
    m.message(f"Set {m.setting.key} to {m.setting.new}\n\n{m.reason[0].upper() + m.reason[1:]}.")
    m.reason = m.reason[1:]
    return m.done(answerable=True)


def _comment(m: _Maker) -> Case:
    line = f"# {m.reason}\n{m.setting.key.rpartition('.')[2]}: {m.setting.new}"
    anchor = f"{m.setting.path}:12@{m.commit}"
    m.builder.passages.append(Passage(anchor, line, "file", m.author, m.when, None, m.setting.path, source=REPOSITORY))
    return m.done(answerable=True)


def _names_commit(m: _Maker) -> Case:
    m.builder.chat((m.third, f"what is {m.commit[:8]} for?"), (m.author, f"{m.reason}"), days=4)
    return m.done(answerable=True)


def _months_later(m: _Maker) -> Case:
    name, value = m.rng.choice(m.setting.names), m.rng.choice(m.setting.values)
    m.builder.chat((m.third, f"Why is {name} {value}?"), (m.other, f"We did that {m.reason}."), days=80)
    return m.done(answerable=True)


def _with_rejected(m: _Maker) -> Case:
    extra = [(m.other, f"{m.setting.rejected[0]}.")] if m.setting.rejected else []
    m.builder.chat((m.author, f"{m.say(OPENERS)}, {m.reason}."), *extra, days=-2)
    return m.done(answerable=True, never=[m.setting.rejected[0]] if m.setting.rejected else [])


def _superseded(m: _Maker) -> Case:
    old_reason = m.rng.choice(m.setting.old_reasons)
    m.builder.chat((m.third, f"We settled on {m.old()}, {old_reason}."), days=-120)
    m.builder.chat((m.author, f"{m.say(OPENERS)}, {m.reason}."), days=-2)
    earlier = replace(m.change, old=None, new=m.setting.old, commit=f"{1:040x}", time=m.when - timedelta(days=119))
    return m.done(answerable=True, never=[old_reason], history=[earlier])


def _beside_decoy(m: _Maker) -> Case:
    value = m.rng.choice(m.setting.values)
    decoy = "because their oxide slabs crash without it"
    m.builder.chat(
        (m.third, f"For the Cu-Ni project we use {m.setting.names[0]} {value}, {decoy}."), days=-1, channel="general"
    )
    m.builder.chat((m.author, f"{m.say(OPENERS)}, {m.reason}."), days=-3)
    return m.done(answerable=True, never=[decoy])


def _nothing(m: _Maker) -> Case:
    return m.done(answerable=False)


def _value_only(m: _Maker) -> Case:
    m.builder.chat((m.author, m.say(VALUE_ONLY)), (m.other, "thanks, pulling now"), days=m.rng.uniform(-3, 3))
    return m.done(answerable=False)


def _disclaimed(m: _Maker) -> Case:
    name, value = m.rng.choice(m.setting.names), m.rng.choice(m.setting.values)
    m.builder.chat(
        (m.third, f"Why is {name} {value}?"),
        (m.other, m.rng.choice(DISCLAIMERS[m.wordings])),
        days=m.rng.uniform(5, 90),
    )
    return m.done(answerable=False)


def _decoy_only(m: _Maker) -> Case:
    value = m.rng.choice(m.setting.values)
    text = f"For the Cu-Ni project we use {m.setting.names[0]} {value}, {m.reason}."
    m.builder.chat((m.third, text), (m.other, "good to know"), days=-2, channel="general")
    return m.done(answerable=False)


def _decoy_channel(m: _Maker) -> Case:
    m.builder.chat((m.third, "CuNi training set v2 is out"), days=-200, channel="cu-ni")
    m.builder.chat((m.third, f"{m.say(OPENERS)}, {m.reason}."), days=-2, channel="cu-ni")
    return m.done(answerable=False)


def _old_reason_only(m: _Maker) -> Case:
    m.builder.chat(
        (m.author, f"We settled on {m.old()}, {m.rng.choice(m.setting.old_reasons)}."), days=-m.rng.uniform(20, 150)
    )
    m.builder.chat((m.author, m.say(VALUE_ONLY)), days=0.2)
    return m.done(answerable=False)


def _other_setting(m: _Maker) -> Case:
    m.builder.chat(
        (m.author, m.say(VALUE_ONLY)),
        (m.other, "ok. I also changed the batch size to 8 because the card ran out of memory"),
        days=-1,
    )
    return m.done(answerable=False)


def _setting_only(m: _Maker) -> Case:
    name = m.rng.choice(m.setting.names)
    m.builder.chat((m.third, f"{name} matters a lot because a bad choice ruins the fit, see the review."), days=-150)
    return m.done(answerable=False)


def _unanswered_question(m: _Maker) -> Case:
    name, value = m.rng.choice(m.setting.names), m.rng.choice(m.setting.values)
    m.builder.chat((m.third, f"Why {value} for {name} and not something else?"), (m.other, "let me check"), days=20)
    return m.done(answerable=False)


def _same_number(m: _Maker) -> Case:
    m.builder.chat((m.other, f"We need {m.setting.new} licences because the students start in May."), days=-1)
    m.message(f"{m.setting.key}: {m.setting.new}")
    return m.done(answerable=False)


def _plain_message(m: _Maker) -> Case:
    m.message(f"Change {m.setting.key} from {m.setting.old} to {m.setting.new}\n\nAlso rerun the notebook.")
    return m.done(answerable=False)


SITUATIONS: dict[str, Callable[[_Maker], Case]] = {
    function.__name__.strip("_"): function
    for function in (
        _same_message,
        _two_sentences,
        _in_reply,
        _unthreaded,
        _mail,
        _minutes,
        _commit_body,
        _comment,
        _names_commit,
        _months_later,
        _with_rejected,
        _superseded,
        _beside_decoy,
        _nothing,
        _value_only,
        _disclaimed,
        _decoy_only,
        _decoy_channel,
        _old_reason_only,
        _other_setting,
        _setting_only,
        _unanswered_question,
        _same_number,
        _plain_message,
    )
}
