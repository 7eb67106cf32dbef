"""Generated laboratories with known truth: what is asked of them in words, of keys, commits and places, and scored.

Planted are decisions with their reasons, alternatives and values in other units, an earlier decision that was
superseded, a reason taken back, the same key in another project, a reason that only a closed group knows, and a change
without any; fifty lines of other talk stand beside each planted one. They cannot prove quality in real archives.
"""

import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import numpy as np

from eval.decisions.measures import MEASURES, Result, header, row
from eval.decisions.methods import METHODS
from sonde.operations.add_source import add_sources
from sonde.operations.gaps import gaps, timeline
from sonde.operations.initialise import initialise
from sonde.operations.why import Asked, why
from sonde.records.decisions import Why
from sonde.records.jsonable import to_json
from sonde.sample_lab.build import build_laboratory
from sonde.sample_lab.contested import secret_word
from sonde.sample_lab.frames import sample_frames
from sonde.sample_lab.laboratory import TrueChange, TruePassage, Truth
from sonde.sample_lab.plan import LabPlan, contested_plan
from sonde.sample_lab.registration import SOURCES
from sonde.store import Project

SEEDS = {"dev": range(8), "sealed": range(500, 516)}
WORDED: dict[str, tuple[str, ...]] = {
    "functional": ("Why PBE and not PBEsol?", "What made us choose this exchange-correlation functional?"),
    "cutoff": ("Why was the plane-wave cutoff raised to 300 eV?", "Why is ecutwfc 22.05 Ry and not 18.37 Ry?"),
    "k-density": ("Why is the k-point density 2.5?", "Why did we need a denser k mesh than 2.0?"),
    "smearing": ("Why was the smearing width doubled?", "Why a Fermi-Dirac width of 100 meV?"),
    "cutoff radius": ("Why does the model look 0.5 nm far?", "Why was r_max enlarged to 5 Å?"),
    "validation share": ("Why are only 10 % of the frames held out?", "Why did the validation fraction shrink to 0.1?"),
}
"""Of each setting: a question in its words and one in other words or units."""
OF_THRESHOLD: dict[str, tuple[str, ...]] = {
    "max_force": (
        "Why were frames with large forces removed?",
        "Why is the limit on the force norm {value:g} eV/Å?",
        "Why do we cut at {milli:g} meV/Å?",
    ),
    "pressure": (
        "Why were strongly compressed frames removed?",
        "Why is the limit on the pressure {value:g} GPa?",
        "Why do we cut at {deca:g} kbar?",
    ),
    "closest_contact_ratio": (
        "Why were frames with close contacts removed?",
        "Why is the limit on the contact ratio {value:g}?",
        "Why are atoms closer than {value:g} of the covalent radii left out?",
    ),
}
NEVER_SAID = (
    "Why was r2SCAN given up for the alloys?",
    "Why is the Hubbard U of nickel 6.2 eV?",
    "Why do we use a dispersion correction for the surfaces?",
    "Why was the time step of the melting runs lowered to 0.5 fs?",
    "Why were stacking faults computed with 48 layers?",
    "Why did we stop using the committee for active learning?",
)


@dataclass(frozen=True)
class Ask:
    """One question with the lines that answer it; stale: lines that must not be given as the answer."""

    kind: str
    asked: Asked
    words: str
    """What a plain search is asked."""
    gold: tuple[TruePassage, ...] = ()
    decision: tuple[TruePassage, ...] = ()
    """Lines of the same decision that are no reason."""
    stale: tuple[TruePassage, ...] = ()


@dataclass
class Found:
    """What came back from all laboratories."""

    passages: dict[str, list[Result]] = field(default_factory=dict)
    decisions: dict[str, list[Result]] = field(default_factory=dict)
    superseded: list[bool] = field(default_factory=list)
    """Whether the earlier decision counts as superseded, is told as of its time, and is not given for today's."""
    contradicted: list[bool] = field(default_factory=list)
    """Whether words that take a reason back are seen as such."""
    explained: list[bool] = field(default_factory=list)
    """Whether `gaps` lists the change without a reason and none of those with one."""
    leaks: list[str] = field(default_factory=list)
    """Where private words came out."""


def asks(truth: Truth) -> Iterator[Ask]:
    """Everything that is asked of one laboratory."""
    yield from _of_threshold(truth)
    for change in truth.reasoned:
        gold, rest = _told(truth.reasons_of_others, change.name)
        for text in WORDED[change.name]:
            yield Ask("in words", Asked(question=text), text, gold, rest)
        yield from _of_artifact(change, gold, rest, ())
    for text in NEVER_SAID:
        yield Ask("never said", Asked(question=text), text)
    lost = truth.unexplained
    text = f"Why was {lost.key} changed from {lost.old} to {lost.new}?"
    yield Ask("known to few", Asked(question=text), text)
    yield from (Ask("known to few", ask.asked, ask.words) for ask in _of_artifact(lost, (), (), ()) if not ask.asked.at)


def _of_threshold(truth: Truth) -> Iterator[Ask]:
    change = truth.change
    if change is None:
        return
    value = truth.threshold
    stale = (*truth.decoys, *truth.superseded)
    kind = "in words" if truth.reasons else "never said"
    for template in OF_THRESHOLD[truth.feature]:
        text = template.format(value=value, milli=1000 * value, deca=10 * value)
        yield Ask(kind, Asked(question=text), text, truth.reasons, truth.discussion, stale)
    for ask in _of_artifact(change, truth.reasons, truth.discussion, stale):
        yield ask if truth.reasons else Ask("never said", ask.asked, ask.words, stale=stale)


def _of_artifact(
    change: TrueChange,
    gold: tuple[TruePassage, ...],
    rest: tuple[TruePassage, ...],
    stale: tuple[TruePassage, ...],
) -> Iterator[Ask]:
    value = f"{change.key} {change.new} {change.unit or ''}"
    yield Ask("of a key", Asked(key=change.key), f"why {value}", gold, rest, stale)
    yield Ask("of a commit", Asked(commit=change.commit[:10]), f"why {change.commit[:10]} {value}", gold, rest, stale)
    yield Ask("of a file", Asked(at=change.path), f"why {change.path} {value}", gold, rest, stale)


def _told(lines: Sequence[TruePassage], about: str) -> tuple[tuple[TruePassage, ...], tuple[TruePassage, ...]]:
    own = [line for line in lines if line.about == about]
    return tuple(x for x in own if x.mark == "reason"), tuple(x for x in own if x.mark != "reason")


def evaluate(seed: int, found: Found) -> None:
    """Build, import and question one laboratory."""
    plan = contested_plan(seed)
    with tempfile.TemporaryDirectory() as folder:
        laboratory, truth = build_laboratory(plan, Path(folder) / "laboratory", sample_frames())
        project = initialise(laboratory.folder)
        places = (laboratory.repository, laboratory.slack, laboratory.mail, laboratory.notes, laboratory.slides)
        added = add_sources(project, list(zip(SOURCES, places, strict=True)))
        _question(project, truth, found)
        _decisions(project, truth, found)
        _leaks(project, plan, [to_json(one) for one in added], found)


def _question(project: Project, truth: Truth, found: Found) -> None:
    everything = list(project.passages.all())
    texts = {passage.anchor: passage.text for passage in everything}
    for ask in asks(truth):
        if ask.kind == "of a file" and not _only_change(truth, ask):
            continue
        answer = why(project, ask.asked)
        quotes = answer.quotes if answer.answered else answer.nearest
        given = [(quote.anchor, quote.text) for quote in quotes]
        exact = all(words in texts[anchor] for anchor, words in given)
        _score(found, "sonde why", ask, given, answer.answered, exact)
        for name, method in METHODS[1:]:
            plain = method(project, everything, ask.words)
            _score(found, name, ask, list(plain.quotes), plain.answered, True)
        if bool(ask.gold) != answer.answered:
            sys.stderr.write(f"seed {truth.seed}, {'silent' if ask.gold else 'answered'}: {ask.words}\n")


def _only_change(truth: Truth, ask: Ask) -> bool:
    """A file is asked about where one decision stands in it: with several, any of them answers."""
    changes = [*truth.reasoned, truth.unexplained, *([truth.change] if truth.change else [])]
    return sum(change.path == ask.asked.at for change in changes) == 1


def _score(
    found: Found, name: str, ask: Ask, given: Sequence[tuple[str, str]], answered: bool | None, exact: bool
) -> None:
    right, about = _hits(given, ask.gold), _hits(given, (*ask.gold, *ask.decision))
    n_gold = len({line.anchor.partition("#line=")[0] for line in ask.gold})
    found.passages.setdefault(name, []).append(Result(ask.kind, bool(ask.gold), n_gold, right, answered, exact))
    found.decisions.setdefault(name, []).append(Result(ask.kind, bool(ask.gold), 1, _first(about), answered, exact))


def _hits(given: Sequence[tuple[str, str]], gold: Sequence[TruePassage]) -> tuple[bool, ...]:
    """Whether each quote holds a line that answers; what stands in one message, file or mail counts once."""
    hits, seen = [], set[str]()
    for anchor, text in given:
        place = anchor.partition("#line=")[0]
        hit = place not in seen and any(line.is_quoted_by(text, anchor) for line in gold)
        seen |= {place} if hit else set()
        hits.append(hit)
    return tuple(hits)


def _first(hits: Sequence[bool]) -> tuple[bool, ...]:
    """A decision is found once."""
    place = hits.index(True) if True in hits else len(hits)
    return tuple(i == place for i in range(len(hits)))


def _decisions(project: Project, truth: Truth, found: Found) -> None:
    """Supersession, contradiction and gaps against the truth."""
    if truth.change is not None and truth.reasons:
        found.superseded += _supersession(project, truth, truth.change)
    for line in truth.disputes[:1]:
        name = line.about.removeprefix("dispute of ")
        change = next(one for one in truth.reasoned if one.name == name)
        decision = why(project, Asked(commit=change.commit)).decision
        found.contradicted.append(decision is not None and decision.status == "contradicted")
    listed = {gap.change.commit for gap in gaps(project, by_frames=False).gaps}
    reasoned = {change.commit for change in truth.reasoned}
    found.explained += [truth.unexplained.commit in listed, *(commit not in listed for commit in reasoned)]


def _supersession(project: Project, truth: Truth, change: TrueChange) -> Iterator[bool]:
    """Today's answer leaves the old reason out; as of a month before, it is the answer; it counts as superseded."""
    today = why(project, Asked(commit=change.commit))
    yield today.answered and not _quotes_any(today, truth.superseded)
    before = why(project, Asked(key=change.key, as_of=change.time - timedelta(days=30)))
    yield _quotes_any(before, truth.superseded) and not _quotes_any(before, truth.reasons)
    yield before.decision is not None and _status_of_earlier(project, before) == "superseded"


def _status_of_earlier(project: Project, before: Why) -> str | None:
    decision = why(project, Asked(commit=before.changes[0].commit)).decision if before.changes else None
    return decision.status if decision else None


def _quotes_any(answer: Why, lines: Sequence[TruePassage]) -> bool:
    reasons = [quote for quote in answer.quotes if quote.role == "reason"]
    return any(line.is_quoted_by(quote.text, quote.anchor) for line in lines for quote in reasons)


def _leaks(project: Project, plan: LabPlan, shown: Sequence[str], found: Found) -> None:
    """Look for the private word, channel and anchors in all that the project can say."""
    word, unexplained = secret_word(plan), plan.unexplained
    texts = [*shown, to_json(gaps(project, by_frames=False)), to_json(timeline(project))]
    asked = (Asked(question=f"Why {word}?"), Asked(key=unexplained.key))
    # The question's own words are no answer, nor is it that no passage holds them.
    texts += [to_json(replace(why(project, ask), question="", unmentioned=())) for ask in asked]
    texts.append(" ".join(f"{passage.anchor} {passage.text}" for passage in project.passages.all()))
    texts.append(" ".join(one["word"] for one in project.ledger.rows("SELECT word FROM words")))
    texts.append(str(project.passages.frequency(word) or ""))
    texts += [f"{hit.anchor}" for hit, _ in project.passages.search(word[:6], limit=5, trigram=True)]
    needles = (word.lower(), "steering-group", "d0alloys00")
    found.leaks += [text[:80] for text in texts if any(needle in text.lower() for needle in needles)]


def report(split: str, write: Callable[[str], object]) -> None:
    """Print the tables of one split."""
    found = Found()
    for seed in SEEDS[split]:
        evaluate(seed, found)
    n_asked = len(found.passages["sonde why"])
    write(f"\n{len(SEEDS[split])} generated laboratories, {n_asked} questions, {split}: by passage\n{header()}\n")
    for name, some in found.passages.items():
        write(row(name, some) + "\n")
    for kind in dict.fromkeys(result.kind for result in found.passages["sonde why"]):
        own = [result for result in found.passages["sonde why"] if result.kind == kind]
        write(row(f"  {kind} ({len(own)})", own) + "\n")
    write(f"by decision\n{header(MEASURES[:3])}\n")
    for name, some in found.decisions.items():
        write(row(name, some, MEASURES[:3]) + "\n")
    for what, told in (
        ("supersession", found.superseded), ("contradiction seen", found.contradicted), ("gaps", found.explained)
    ):  # fmt: skip
        write(f"{what}: {_share(told)}\n")
    write(f"private words that came out: {len(found.leaks)}\n")
    for leak in found.leaks:
        write(f"  {leak}\n")


def _share(told: Sequence[bool]) -> str:
    """Share with its 95 % bootstrap interval."""
    values = np.array(told, dtype=float)
    drawn = np.random.default_rng(0).integers(len(values), size=(1000, len(values)))
    low, high = np.quantile(values[drawn].mean(axis=1), (0.025, 0.975))
    return f"{values.mean():.2f} [{low:.2f}, {high:.2f}] of {len(values)}"
