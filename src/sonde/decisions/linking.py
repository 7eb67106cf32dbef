"""Which passages speak of which change of a value: weighted evidence, each item of it in words.

A commit or path spelled out weighs most, then the setting with the new value, the old value, the setting alone. What
does not name the commit fades with the time between, in favour of talk that comes before the change.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property, lru_cache

from sonde.concepts import concepts_in
from sonde.decisions.mentions import HASH, commit_name, concept_name, file_name, files_in, line_name, value_name
from sonde.decisions.people import People, people_of
from sonde.decisions.places import NONE, among, in_conversations, joined, nearest, within
from sonde.decisions.spoken_days import spoken_days
from sonde.decisions.systems import Home, homes, other_project
from sonde.decisions.talk import Listing, MentionedTalk
from sonde.decisions.targets import Target, names_key, speaks_of, target_of, value_key, value_stance
from sonde.decisions.threads import Thread
from sonde.progress import SILENT, Progress
from sonde.quantities import Quantity
from sonde.records.decisions import Change, Identity, Link, Passage

WEIGHTS = {
    "commit": 8.0,
    "own_message": 6.0,
    "beside": 6.0,
    "path": 2.0,
    "new": 4.0,
    "both": 4.5,
    "old": 1.5,
    "key": 0.7,
    "concept": 1.0,
    "other": 0.2,
    "day": 0.8,
    "author": 0.8,
    "participant": 0.4,
}
FOREIGN = 0.05
"""Factor for passages that are about another project."""
PROPAGATED = 0.4
"""Share of a conversation's best score that its other passages get."""
LEAST = 0.8
MOST_PER_CHANGE = 60
MOST_BY_PATH = 30
"""Passages that are looked at for naming the file alone."""
LONG_APART_DAYS = 60.0
"""Talk that names the setting without its values, and is further from the commit than this, is no link."""
LONGEST_THREAD = 200
"""Passages of a conversation beyond which one of them says nothing of the rest."""
MOST_SPOKEN = 400
"""Passages that are looked at for naming the setting, and as many for giving a value: those closest in time."""
AT_HAND = 20_000
"""Texts that are read once where several changes are held against them."""
_DAY = 86400.0


@dataclass(frozen=True)
class Evidence:
    """What speaks for a link: a kind of WEIGHTS and the words that a reader sees."""

    kind: str
    words: str


def link(changes: Sequence[Change], passages: Sequence[Passage], identities: Sequence[Identity] = ()) -> list[Link]:
    """Link passages in memory to changes, best first for every change in turn; `identities` tell who is who."""
    talk = Listing(passages)
    return list(links_between(changes, talk, world_of(changes, talk, identities)))


@dataclass(frozen=True)
class World:
    """What is known of everybody and everything when changes are linked."""

    people: People
    authors: Sequence[str | None]
    """Everybody who wrote a passage or made a change."""
    homes: Mapping[str, Home]
    """What each repository is about."""


def links_between(
    changes: Sequence[Change],
    talk: MentionedTalk,
    world: World,
    asked: Sequence[int] | None = None,
    progress: Progress = SILENT,
) -> Iterator[Link]:
    """Link passages to changes, best first for every change in turn; `asked` are ordinals of changes, None: all.

    The cost grows with the number of changes times that of the passages that mention their setting, commit, path and
    values near their time, never with the number of all passages; only some of these are in memory together.
    """
    reading = _Reading(talk, world.people, world.homes)
    ordinals = range(len(changes)) if asked is None else asked
    for ordinal in progress.track(ordinals, "linking changes", len(ordinals)):
        yield from _links(ordinal, target_of(changes[ordinal]), reading)


def world_of(changes: Sequence[Change], talk: MentionedTalk, identities: Sequence[Identity]) -> World:
    """Tell who is who, and what each repository is about."""
    written = talk.written()
    authors = tuple(dict.fromkeys([*(change.author for change in changes), *talk.authors()]))
    return World(people_of(identities, authors), authors, homes(changes, written.of_source, written.known))


@dataclass(frozen=True)
class _Candidate:
    """A passage with its place and its conversation."""

    place: int
    passage: Passage
    thread: Thread

    @property
    def said(self) -> frozenset[str]:
        return _said(self.passage.text)

    @cached_property
    def days(self) -> Sequence[tuple[date, str]]:
        return tuple(spoken_days(self.passage.text, self.passage.time))

    @cached_property
    def commits_named(self) -> frozenset[str]:
        return frozenset(HASH.findall(self.passage.text))

    @cached_property
    def files_named(self) -> frozenset[str]:
        return frozenset(path.rpartition("/")[2] for path in files_in(self.passage.text))

    @cached_property
    def people(self) -> frozenset[str]:
        return self.thread.authors


class _Reading:
    """What is looked up for one change and may serve the next."""

    def __init__(self, talk: MentionedTalk, people: People, about: Mapping[str, Home]) -> None:
        self.talk, self.people, self.about = talk, people, about
        self.mentioning = lru_cache(maxsize=64)(talk.mentioning)
        self.spelling = lru_cache(maxsize=64)(talk.spelling)
        self._candidates: dict[int, _Candidate] = {}
        self._foreign: dict[tuple[str, int], str | None] = {}

    def candidates(self, places: Sequence[int]) -> list[_Candidate]:
        """Read passages by their places."""
        if len(self._candidates) > AT_HAND:
            self._candidates.clear()
            self._foreign.clear()
        unread = [place for place in places if place not in self._candidates]
        for place, passage in zip(unread, self.talk.passages(unread), strict=True):
            self._candidates[place] = _Candidate(place, passage, self.talk.thread(passage))
        return [self._candidates[place] for place in places]

    def other_project(self, source: str, candidate: _Candidate) -> str | None:
        """Name the other project that a passage is about, see `other_project`."""
        asked = (source, candidate.place)
        if asked not in self._foreign:
            self._foreign[asked] = other_project(source, candidate.passage, candidate.thread, self.about[source])
        return self._foreign[asked]

    def places(self, thread: Thread) -> list[int]:
        """Places of the passages of a conversation."""
        found = self.talk.places(passage.anchor for passage in thread.passages)
        return [found[passage.anchor] for passage in thread.passages]


def _links(ordinal: int, target: Target, reading: _Reading) -> list[Link]:
    scored: dict[int, tuple[float, list[str], _Candidate]] = {}
    for candidate in _candidates(target, reading):
        evidence = list(_evidence(target, candidate))
        if evidence:
            scored[candidate.place] = (*_score(target, candidate, evidence, reading), candidate)
    _propagate(scored, reading)
    best = sorted(scored.items(), key=lambda item: (-item[1][0], item[0]))[:MOST_PER_CHANGE]
    return [
        Link(candidate.passage.anchor, ordinal, round(score, 4), tuple(words))
        for _, (score, words, candidate) in best
        if score >= LEAST
    ]


def _candidates(target: Target, reading: _Reading) -> list[_Candidate]:
    """Passages worth a closer look: what names the commit or the path, the values, or the setting not long apart."""
    when = target.change.time.timestamp()
    naming = reading.mentioning(commit_name(target.change.commit)).places.tolist()
    naming += reading.mentioning(line_name(target.change.path, target.change.commit)).places.tolist()
    naming += nearest(reading.mentioning(file_name(target.change.path)), when, MOST_BY_PATH)
    concept = reading.mentioning(concept_name(target.concept)) if target.concept else NONE
    spoken = joined([concept, *(reading.spelling(word) for word in sorted(target.key_words))])
    named_values = bool(target.new_words or target.old_words)
    naming += nearest(spoken if named_values else within(spoken, when, LONG_APART_DAYS * _DAY), when, MOST_SPOKEN)
    valued = joined([reading.mentioning(name) for name in value_names(target)])
    giving = nearest(among(valued, spoken), when, MOST_SPOKEN)
    giving += nearest(in_conversations(valued, concept), when, MOST_SPOKEN)
    found = reading.candidates(sorted({*naming, *giving}))
    known = set(naming)
    return [one for one in found if one.place in known or _bears_on(target, one)]


def _bears_on(target: Target, candidate: _Candidate) -> bool:
    """Whether a passage that gives a value names the setting, or is in talk that names it."""
    if target.concept is not None and any(target.concept in _said(p.text) for p in candidate.thread.passages):
        return True
    return names_key(target, candidate.passage.text.lower())


def value_names(target: Target) -> Iterator[str]:
    """Names of the new and the old value, in any unit or in none."""
    for quantity in (target.new, target.old):
        bare = Quantity(quantity.value, None, None, quantity.span) if quantity else None
        for key in {value_key(one) for one in (quantity, bare) if one} - {None}:
            assert key is not None  # for mypy: taken out above
            yield from (value_name((key[0], key[1] + step)) for step in (-1, 0, 1))


@lru_cache(maxsize=AT_HAND)
def _said(text: str) -> frozenset[str]:
    return frozenset(concepts_in(text))


def _evidence(target: Target, candidate: _Candidate) -> Iterator[Evidence]:
    passage, change = candidate.passage, target.change
    text = passage.text
    if passage.anchor == f"commit:{change.commit}":
        yield Evidence("own_message", f"is the message of commit {change.commit[:10]}")
    elif change.commit[:7] in text and any(change.commit.startswith(commit) for commit in candidate.commits_named):
        yield Evidence("commit", f"names commit {change.commit[:10]}")
    path_name = change.path.rpartition("/")[2]
    if path_name in text and (change.path in text or path_name in candidate.files_named):
        yield Evidence("path", f"names {path_name}")
    named = speaks_of(target, text, candidate.said)
    about = named or _thread_is_about(target, candidate)
    stance = value_stance(target, text, about=about)
    if passage.anchor.startswith(f"{change.path}:") and (named or stance in ("new", "both")):
        yield Evidence("beside", f"stands beside the value in {change.path}")
    if named:
        yield Evidence("concept", f"names the {target.words}")
    if named or stance:
        day = change.time.date()
        yield from (Evidence("day", f"says “{words}”, the day of the commit") for said, words in candidate.days
                    if said == day)  # fmt: skip
    if stance and (named or about or stance != "other"):
        yield from _value_evidence(target, stance, named=named, about=about)


def _value_evidence(target: Target, stance: str, *, named: bool, about: bool) -> Iterator[Evidence]:
    change, unit = target.change, f" {target.change.unit}" if target.change.unit else ""
    words = {
        "new": f"gives {target.words} = {change.new}{unit}, the new value",
        "both": f"gives both values of {target.words}, {change.old} and {change.new}{unit}",
        "old": f"gives {target.words} = {change.old}{unit}, the old value",
        "other": f"gives another value of {target.words}",
    }
    if stance in ("new", "both") and not (named or about):
        # A bare value with the right unit in a conversation about something else says little.
        yield Evidence("other", f"gives {change.new}{unit}, the new value, in other talk")
        return
    yield Evidence(stance, words[stance])


def _score(
    target: Target, candidate: _Candidate, evidence: Sequence[Evidence], reading: _Reading
) -> tuple[float, list[str]]:
    passage, change = candidate.passage, target.change
    exact = sum(WEIGHTS[item.kind] for item in evidence if item.kind in ("commit", "own_message", "beside"))
    loose = sum(WEIGHTS[item.kind] for item in evidence if item.kind not in ("commit", "own_message", "beside"))
    words = [item.words for item in evidence]
    when = time_words(passage, change)
    author = _author_evidence(change, candidate, reading.people)
    if author:
        loose += WEIGHTS[author.kind]
    words += [" ".join(filter(None, (when, author.words if author else "")))] if when or author else []
    other = None if exact else reading.other_project(change.source, candidate)
    if other:
        words.append(f"but is about another project ({other})")
    return (exact + loose * time_kernel(passage, change)) * (FOREIGN if other else 1.0), words


def time_kernel(passage: Passage, change: Change) -> float:
    """Weight by the time between talk and change: 1 in the two weeks before, fading slower before than after."""
    if passage.time is None:
        return 0.6
    days = (passage.time - change.time).total_seconds() / _DAY
    if days <= 0:
        return max(0.35, 1.0 if days >= -14 else 1.0 / (1.0 + (-days - 14) / 30.0))
    return max(0.35, 0.95 if days <= 2 else 0.95 / (1.0 + (days - 2) / 21.0))


def time_words(passage: Passage, change: Change) -> str:
    """Say how long before or after the commit a passage was written."""
    if passage.time is None:
        return ""
    seconds = (passage.time - change.time).total_seconds()
    hours = abs(seconds) / 3600.0
    span = f"{hours / 24:.0f} days" if hours >= 36 else f"{hours:.0f} h" if hours >= 1 else "less than an hour"
    if passage.anchor.endswith(change.commit):
        return ""
    return f"{span} {'before' if seconds <= 0 else 'after'} the commit"


def _author_evidence(change: Change, candidate: _Candidate, people: People) -> Evidence | None:
    passage = candidate.passage
    if passage.anchor.endswith(change.commit):
        return None
    if people.same(passage.author, change.author):
        known_as = "" if passage.author == change.author else f" ({passage.author} is {change.author})"
        return Evidence("author", f"by the same person{known_as}")
    if any(people.same(author, change.author) for author in candidate.people):
        return Evidence("participant", "in a conversation with the same person")
    return None


def _thread_is_about(target: Target, candidate: _Candidate) -> bool:
    """Whether the conversation, up to this passage, last spoke of this setting."""
    said: frozenset[str] = frozenset()
    for other in candidate.thread.passages:
        said = _said(other.text) or said
        if other.anchor == candidate.passage.anchor:
            break
    if not said and candidate.passage.title:
        said = _said(candidate.passage.title)
    return target.concept in said


def _propagate(scored: dict[int, tuple[float, list[str], _Candidate]], reading: _Reading) -> None:
    """Give the rest of a conversation a share of its best passage's score."""
    best: dict[str, tuple[float, int]] = {}
    for place, (score, _, candidate) in scored.items():
        name = candidate.thread.name
        best[name] = max(best.get(name, (0.0, place)), (score, place))
    for score, place in best.values():
        _, _, candidate = scored[place]
        share, thread = score * PROPAGATED, candidate.thread
        if share < LEAST or not 1 < len(thread.passages) <= LONGEST_THREAD:
            continue
        for rest, other in zip(reading.places(thread), thread.passages, strict=True):
            own, words, _ = scored.get(rest, (0.0, list[str](), None))
            if own < share:
                words = [*words, f"in the conversation of {candidate.passage.anchor}"]
                scored[rest] = (share, words, _Candidate(rest, other, thread))
