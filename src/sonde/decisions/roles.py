"""What each sentence of a conversation is to a change of a value: its reason, the value, a rejected way, or context."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import lru_cache

from sonde.concepts import concepts_in
from sonde.decisions.rationale import Cues, before_cause, cues, sentences
from sonde.decisions.targets import Stance, Target, direction, names_another, speaks_of, value_stance
from sonde.decisions.threads import Thread
from sonde.quantities import find_quantities
from sonde.records.decisions import Change, Passage, Role

HALF_LINK = 2.0
"""Link score at which a link counts for half."""
REPLY = 0.5
"""What an answer to "why?" gains over the same words said unasked."""
_ASKS_WHY = re.compile(
    r"\b(?:why|what (?:is|was|were|are)\b.*\bfor|reason|how come|what for|where does|how did)\b", re.IGNORECASE
)
_ASSENTS = re.compile(
    r"\W*(?:yes|yeah|yep|yup|sure|agreed|ok(?:ay)?|right|please|\+1|absolutely|indeed|good idea)\b", re.IGNORECASE
)
NEAR_BEFORE = timedelta(days=14)
NEAR_AFTER = timedelta(days=7)
_LABELLED = re.compile(r"\W*(?:rejected|discarded|not chosen)(?: options?| alternatives?)?:", re.IGNORECASE)
"""What a trailer of a commit or a record of a decision calls rejected is not the reason, however it is argued."""
_OPENING = re.compile(r"\W*(?:\w+: )?(?:but |and |with |at |even )?[\w-]+", re.IGNORECASE)
_PRAISES = re.compile(
    r"\b(?:would|could|might)(?: also)?(?: have| be|'ve)\b[^.;]{0,30}"
    r"\b(?:better|nicer|safer|cleaner|best|ideal|cheaper|faster|preferable|preferred"
    r"|more (?:accurate|consistent|physical))\b",
    re.IGNORECASE,
)
MEASURED = frozenset({"force_error", "energy_error"})
"""Limits that are set, but mostly named as what was measured ("with 520 eV the force RMSE halves")."""
LEAST_WITHOUT_VALUE = 2.0
"""Cue score that a reason needs where its conversation never gives the new value."""


@dataclass(frozen=True)
class Sentence:
    """A sentence in its place, with what it names and how it is worded."""

    passage: Passage
    start: int
    end: int
    concepts: frozenset[str]
    cues: Cues

    @property
    def text(self) -> str:
        return self.passage.text[self.start : self.end]


@dataclass(frozen=True)
class Era:
    """Times of the same setting's changes before and after a change: talk from before or after them is about those."""

    previous: Change | None = None
    following: Change | None = None


@dataclass(frozen=True)
class Judged:
    """A sentence with its role and the score of the reason it may be."""

    sentence: Sentence
    role: Role
    score: float
    attached: float = 0.0
    thread: str = ""
    """Name of the conversation it stands in."""


@dataclass(frozen=True)
class Reading:
    """What a conversation says of one target, computed once for all of its sentences."""

    target: Target
    era: Era
    sentences: Sequence[Sentence]
    stances: Sequence[Stance | None]
    attached: Sequence[float]
    """How firmly each sentence hangs on the target, 0 to 1."""
    gives: frozenset[Stance]
    exact: Mapping[str, bool]
    """Anchors of passages that name the commit, or stand in it or beside the value."""
    replies: Sequence[bool]
    """Whether each sentence answers somebody who asked why, about this setting."""


@lru_cache(maxsize=5000)
def sentences_of(passage: Passage) -> tuple[Sentence, ...]:
    """Cut a passage into sentences; the same talk bears on many changes."""
    return tuple(
        Sentence(passage, start, end, frozenset(concepts_in(passage.text[start:end])), cues(passage.text[start:end]))
        for start, end in sentences(passage.text)
    )


def judge(
    thread: Thread, target: Target, era: Era, links: Mapping[str, float], exact: Mapping[str, bool]
) -> list[Judged]:
    """Give every sentence of a conversation its role in one change.

    links: link scores by anchor; exact: anchors whose passage names the commit itself. A conversation without any
    link gives nothing.
    """
    reading = _read(thread, target, era, exact)
    best = max((links.get(passage.anchor, 0.0) for passage in thread.passages), default=0.0)
    judged = []
    for place, sentence in enumerate(reading.sentences):
        strength = max(links.get(sentence.passage.anchor, 0.0), 0.8 * best)
        found = _judged(reading, place, strength / (strength + HALF_LINK))
        judged.append(replace(found, attached=reading.attached[place], thread=thread.name))
    return judged


def _read(thread: Thread, target: Target, era: Era, exact: Mapping[str, bool]) -> Reading:
    found = [sentence for passage in thread.passages for sentence in sentences_of(passage)]
    topics = _topics(found, target, thread, exact)
    stances = [
        value_stance(target, sentence.text, about=attached >= 0.5)
        for sentence, attached in zip(found, topics, strict=True)
    ]
    gives = frozenset(stance for stance in stances if stance)
    if "both" in gives:
        gives |= {"new", "old"}
    return Reading(target, era, found, stances, topics, gives, exact, _replies(found, topics))


def _replies(found: Sequence[Sentence], attached: Sequence[float]) -> list[bool]:
    """Mark what is written in the message after a why-question that is about the target, by somebody else."""
    asked: str | None = None
    proposed: str | None = None
    replies: list[bool] = []
    for sentence, firmly in zip(found, attached, strict=True):
        anchor = sentence.passage.anchor
        replies.append(asked is not None and anchor != asked)
        if sentence.cues.question and firmly >= 0.5:
            asked = anchor if _ASKS_WHY.search(sentence.text) else asked
            proposed = anchor
        elif proposed is not None and anchor != proposed:
            # "15?" – "yes, the …": who agrees says why.
            replies[-1] = replies[-1] or bool(_ASSENTS.match(sentence.text))
            proposed = None
        if asked is not None and anchor != asked and sentence.cues.score > 0:
            # One answer per question: what follows is judged by itself.
            asked = None if not _same_passage_follows(found, sentence) else asked
    return replies


def _same_passage_follows(found: Sequence[Sentence], sentence: Sentence) -> bool:
    return any(s.passage.anchor == sentence.passage.anchor and s.start > sentence.start for s in found)


def _topics(found: Sequence[Sentence], target: Target, thread: Thread, exact: Mapping[str, bool]) -> list[float]:
    """How firmly each sentence is about the target: 1 where it names it, less where the talk before or after does."""
    own = [_about(sentence, target) for sentence in found]
    passages_about = {s.passage.anchor for s, about in zip(found, own, strict=True) if about is True}
    current: bool | None = (
        True if target.concept and target.concept in concepts_in(thread.passages[0].title or "") else None
    )
    attached = []
    for place, (sentence, about) in enumerate(zip(found, own, strict=True)):
        if about is None and sentence.passage.anchor in exact and not sentence.concepts - MEASURED:
            # Who names the commit speaks of what it did, until the subject changes.
            current = True if current is None else current
        current = about if about is not None else current
        attached.append(_attachment(sentence, about, current, passages_about, _ahead(found, own, place)))
    return attached


def _attachment(sentence: Sentence, about: bool | None, current: bool | None, within: set[str], ahead: float) -> float:
    if about is True:
        return 1.0
    if about is False:
        return 0.0
    mention = 0.85 if sentence.concepts - MEASURED else 1.0
    if current is True:
        return mention * (0.9 if sentence.passage.anchor in within else 0.75)
    if current is False:
        return 0.0
    return mention * (0.9 if sentence.passage.anchor in within else ahead)


def _ahead(found: Sequence[Sentence], own: Sequence[bool | None], place: int) -> float:
    """Talk that leads up to the setting: named within the next three passages, before any other setting is."""
    anchors: list[str] = []
    for sentence, about in zip(found[place + 1 :], own[place + 1 :], strict=True):
        if sentence.passage.anchor not in anchors:
            anchors.append(sentence.passage.anchor)
        if len(anchors) > 3 or about is False:
            return 0.0
        if about:
            return 0.6
    return 0.0


def _about(sentence: Sentence, target: Target) -> bool | None:
    """True: names this setting; False: decides another one; None: leaves the subject as it was."""
    if speaks_of(target, sentence.text, sentence.concepts):
        return True
    if value_stance(target, sentence.text, about=False) in ("new", "both"):
        return True
    others = sentence.concepts - {target.concept} - MEASURED
    if not others:
        return None
    # A reason may well name another property ("the SCF did not converge there"); a decision on it changes the subject.
    decides = sentence.cues.decides or sentence.cues.question
    has_value = any(q.counted is None for q in find_quantities(sentence.text))
    head = before_cause(sentence.text)
    if (
        head
        and concepts_in(head) - {target.concept} - MEASURED
        and any(q.counted is None for q in find_quantities(head))
    ):
        return False
    return False if decides and (has_value or not sentence.cues.causal) else None


def _judged(reading: Reading, place: int, strength: float) -> Judged:
    sentence, stance = reading.sentences[place], reading.stances[place]
    said = sentence.cues
    score = said.score * reading.attached[place] * strength
    if _LABELLED.match(sentence.text) and reading.attached[place] >= 0.5:
        return Judged(sentence, "rejected", max(score, 1.0))
    if reading.replies[place] and (said.score > 0 or said.states):
        # Who is asked why and says something of the data answers, whatever the words.
        score = (max(said.score, 1.0) + REPLY) * max(reading.attached[place], 0.9) * max(strength, 0.6)
    if said.question or said.disclaims or score == 0.0:
        return Judged(sentence, "value" if stance in ("new", "both") and not said.question else "context", 0.0)
    if _superseded(reading, place):
        return Judged(sentence, "context", score)
    if _is_alternative(reading, place):
        return Judged(sentence, "rejected", score)
    factor = _gate(reading, place)
    if factor == 0.0:
        return Judged(sentence, "value" if stance in ("new", "both") else "context", 0.0)
    return Judged(sentence, "reason", score * factor)


def _superseded(reading: Reading, place: int) -> bool:
    """Talk of an earlier or a later state of the setting, which gives no reason for this change."""
    sentence, era, stance = reading.sentences[place], reading.era, reading.stances[place]
    when = sentence.passage.time
    if sentence.passage.anchor in reading.exact:
        return False
    if when and era.previous and when < era.previous.time:
        return True
    if when and era.following and when > era.following.time and "new" not in reading.gives:
        return True
    if "new" in reading.gives or _names_commit(reading):
        return False
    return ("old" in reading.gives or stance == "old") and not _agrees(reading, place)


def _names_commit(reading: Reading) -> bool:
    return any(sentence.passage.anchor in reading.exact for sentence in reading.sentences)


def _agrees(reading: Reading, place: int) -> bool:
    """Whether a sentence speaks for a change in the direction that was taken: "10 is too strict"."""
    way, said = direction(reading.target), reading.sentences[place].cues
    return (way == "up" and said.up and not said.down) or (way == "down" and said.down and not said.up)


def _is_alternative(reading: Reading, place: int) -> bool:
    """A value that was weighed and not taken: named with words of refusal, and the new value is not in the sentence."""
    stance, said = reading.stances[place], reading.sentences[place].cues
    sentence_text = reading.sentences[place].text
    if stance == "other":
        if said.decides and value_stance(reading.target, before_cause(sentence_text) or "", about=True) == "other":
            return True
        named = names_another(reading.target, (_OPENING.match(sentence_text) or [""])[0])
        opens_with_it = named or re.match(r"\W*(?:but |and |with |at |even )?[\d.]+", sentence_text) is not None
        return said.rejects or opens_with_it or " would " in sentence_text.lower()
    # Speaking against the old value is the reason for the change, where the talk gives the new one; speaking for it is
    # an alternative that was not taken.
    return stance == "old" and "new" in reading.gives and bool(_PRAISES.search(sentence_text))


def _gate(reading: Reading, place: int) -> float:
    """Whether a sentence's conversation settles this very change (1), may (0.8), or only speaks of the setting (0)."""
    sentence = reading.sentences[place]
    if sentence.passage.anchor in reading.exact or "new" in reading.gives:
        return 1.0
    if _names_commit(reading):
        return 1.0
    when, change = sentence.passage.time, reading.target.change
    if when is None or not change.time - NEAR_BEFORE <= when <= change.time + NEAR_AFTER:
        return 0.0
    if "other" in reading.gives and not reading.target.boolean:
        return 0.0
    known_way = direction(reading.target) is not None
    agrees = _agrees(reading, place) if known_way else reading.target.boolean or reading.target.change.old is None
    return 0.8 if agrees and sentence.cues.score >= LEAST_WITHOUT_VALUE else 0.0
