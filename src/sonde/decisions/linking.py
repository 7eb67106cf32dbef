"""Which passages speak of which change of a value: weighted evidence, each item of it in words.

A commit or path spelled out weighs most, then the setting with the new value, the old value, the setting alone. What
does not name the commit fades with the time between, in favour of talk that comes before the change.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from heapq import nsmallest

from sonde.concepts import concepts_in
from sonde.decisions.people import People, people_of
from sonde.decisions.spoken_days import spoken_days
from sonde.decisions.systems import Home, foreign_project, homes
from sonde.decisions.targets import Target, speaks_of, target_of, value_key, value_stance
from sonde.decisions.threads import Thread, threads_of
from sonde.quantities import Quantity, find_quantities
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
_DAY = 86400.0
_HASH = re.compile(r"(?<![0-9a-zA-Z])[0-9a-f]{7,40}(?![0-9a-zA-Z])")
_PATH = re.compile(r"[\w\-]+(?:/[\w\-.]+)*\.(?:ya?ml|toml|json|py|in|cfg|ini|sh)\b|\b(?:INCAR|KPOINTS)\b")
_ANCHOR_COMMIT = re.compile(r"(?:^commit:|@)([0-9a-f]{40})$")


@dataclass(frozen=True)
class Evidence:
    """What speaks for a link: a kind of WEIGHTS and the words that a reader sees."""

    kind: str
    words: str


@dataclass
class _Index:
    """Where passages mention what; built once for all changes."""

    passages: Sequence[Passage]
    threads: Mapping[str, Thread]
    concepts: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    values: dict[tuple[str, int], list[int]] = field(default_factory=lambda: defaultdict(list))
    commits: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    paths: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    words: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    said: list[frozenset[str]] = field(default_factory=list)
    quantities: list[tuple[Quantity, ...]] = field(default_factory=list)
    threads_about: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Concept → names of the conversations that mention it."""
    foreign: dict[tuple[str, int], str | None] = field(default_factory=dict)
    """Other project by (source of the change, place of the passage), as far as it was asked for."""
    by_anchor: dict[str, int] = field(default_factory=dict)
    people: People = field(default_factory=lambda: people_of(()))


def link(changes: Sequence[Change], passages: Sequence[Passage], identities: Sequence[Identity] = ()) -> list[Link]:
    """Link passages to changes, best first for every change in turn; `identities` tell who is who.

    The cost grows with the number of passages plus that of mentions of each change's setting, commit, path and values,
    not with the product of both lists.
    """
    targets = [target_of(change) for change in changes]
    index = _index(passages, targets)
    index.people = people_of(identities, dict.fromkeys([*(c.author for c in changes), *(p.author for p in passages)]))
    about = homes(changes, passages)
    return [found for ordinal, target in enumerate(targets) for found in _links(ordinal, target, index, about)]


def _index(passages: Sequence[Passage], targets: Sequence[Target]) -> _Index:
    index = _Index(passages, threads_of(passages))
    keys = {word for target in targets for word in target.key_words}
    for place, passage in enumerate(passages):
        index.by_anchor[passage.anchor] = place
        said = concepts_in(passage.text)
        index.said.append(frozenset(said))
        for concept in said:
            index.concepts[concept].append(place)
            index.threads_about[concept].add(index.threads[passage.anchor].name)
        index.quantities.append(find_quantities(passage.text))
        buckets = {value_key(quantity) for quantity in index.quantities[-1]}
        for bucket in (bucket for bucket in buckets if bucket is not None):
            index.values[bucket].append(place)
        for commit in {*_HASH.findall(passage.text), *_ANCHOR_COMMIT.findall(passage.anchor)}:
            index.commits[commit[:7]].append(place)
        for path in set(_PATH.findall(passage.text)):
            index.paths[path.rpartition("/")[2]].append(place)
        for word in keys.intersection(re.findall(r"[a-z_]\w{3,}", passage.text.lower())):
            index.words[word].append(place)
    return index


def _links(ordinal: int, target: Target, index: _Index, about: Mapping[str, Home]) -> list[Link]:
    scored: dict[int, tuple[float, list[str]]] = {}
    for place in _candidates(target, index):
        evidence = list(_evidence(target, index, place))
        if evidence:
            scored[place] = _score(target, index.passages[place], evidence, about[target.change.source], index)
    _propagate(scored, index)
    best = sorted(scored.items(), key=lambda item: (-item[1][0], item[0]))[:MOST_PER_CHANGE]
    return [
        Link(index.passages[place].anchor, ordinal, round(score, 4), tuple(words))
        for place, (score, words) in best
        if score >= LEAST
    ]


def _candidates(target: Target, index: _Index) -> Iterator[int]:
    """Places worth a closer look: what names the commit or the path, the values, or the setting not long apart."""
    places: set[int] = set(index.commits.get(target.change.commit[:7], ()))
    places.update(_nearest(index, index.paths.get(target.change.path.rpartition("/")[2], ()), target.change))
    spoken = set(index.concepts.get(target.concept or "", ()))
    for word in target.key_words:
        spoken.update(index.words.get(word, ()))
    named_values = bool(target.new_words or target.old_words)
    places.update(place for place in spoken if named_values or _not_long_apart(index.passages[place], target.change))
    about = index.threads_about.get(target.concept or "", set())
    for place in _with_values(target, index):
        if place in spoken or index.threads[index.passages[place].anchor].name in about:
            places.add(place)
    yield from sorted(places)


def _nearest(index: _Index, places: Sequence[int], change: Change) -> Sequence[int]:
    """Those that were written closest to a change: a file that every other commit names would link all with all."""
    if len(places) <= MOST_BY_PATH:
        return places
    return nsmallest(MOST_BY_PATH, places, key=lambda place: _apart(index.passages[place], change))


def _apart(passage: Passage, change: Change) -> float:
    return 0.0 if passage.time is None else abs((passage.time - change.time).total_seconds())


def _with_values(target: Target, index: _Index) -> Iterator[int]:
    """Places that give the new or the old value, in any unit or in none."""
    for quantity in (target.new, target.old):
        if quantity is None:
            continue
        bare = Quantity(quantity.value, None, None, quantity.span)
        for bucket in (value_key(quantity), value_key(bare)):
            for step in (-1, 0, 1) if bucket else ():
                assert bucket is not None  # for mypy: the loop is empty otherwise
                yield from index.values.get((bucket[0], bucket[1] + step), ())


def _not_long_apart(passage: Passage, change: Change) -> bool:
    return _apart(passage, change) < LONG_APART_DAYS * _DAY


def _evidence(target: Target, index: _Index, place: int) -> Iterator[Evidence]:
    passage, change = index.passages[place], target.change
    text = passage.text
    if passage.anchor == f"commit:{change.commit}":
        yield Evidence("own_message", f"is the message of commit {change.commit[:10]}")
    elif change.commit[:7] in text and any(change.commit.startswith(commit) for commit in _HASH.findall(text)):
        yield Evidence("commit", f"names commit {change.commit[:10]}")
    file_name = change.path.rpartition("/")[2]
    if file_name in text and (change.path in text or file_name in _names(text)):
        yield Evidence("path", f"names {file_name}")
    named = speaks_of(target, text, index.said[place])
    about = named or _thread_is_about(target, index, passage)
    stance = value_stance(target, text, about=about, quantities=index.quantities[place])
    if passage.anchor.startswith(f"{change.path}:") and (named or stance in ("new", "both")):
        yield Evidence("beside", f"stands beside the value in {change.path}")
    if named:
        yield Evidence("concept", f"names the {target.words}")
    if named or stance:
        days = spoken_days(text, passage.time)
        yield from (Evidence("day", f"says “{words}”, the day of the commit") for day, words in days
                    if day == change.time.date())  # fmt: skip
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
    target: Target, passage: Passage, evidence: Sequence[Evidence], home: Home, index: _Index
) -> tuple[float, list[str]]:
    exact = sum(WEIGHTS[item.kind] for item in evidence if item.kind in ("commit", "own_message", "beside"))
    loose = sum(WEIGHTS[item.kind] for item in evidence if item.kind not in ("commit", "own_message", "beside"))
    words = [item.words for item in evidence]
    when = time_words(passage, target.change)
    author = _author_evidence(target.change, passage, index.threads[passage.anchor], index.people)
    if author:
        loose += WEIGHTS[author.kind]
    words += [" ".join(filter(None, (when, author.words if author else "")))] if when or author else []
    other = None if exact else _other_project(target.change, passage, home, index)
    if other:
        words.append(f"but is about another project ({other})")
    return (exact + loose * time_kernel(passage, target.change)) * (FOREIGN if other else 1.0), words


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


def _author_evidence(change: Change, passage: Passage, thread: Thread, people: People) -> Evidence | None:
    if passage.anchor.endswith(change.commit):
        return None
    if people.same(passage.author, change.author):
        known_as = "" if passage.author == change.author else f" ({passage.author} is {change.author})"
        return Evidence("author", f"by the same person{known_as}")
    if any(people.same(author, change.author) for author in thread.authors):
        return Evidence("participant", "in a conversation with the same person")
    return None


def other_project(change: Change, passage: Passage, thread: Thread, home: Home) -> str | None:
    """Name the other project or repository that a passage, its channel or its conversation's opening is about."""
    if passage.kind in ("commit", "file"):
        return None if passage.source == change.source else passage.source
    own = foreign_project(passage.text, passage.title, home)
    if own or thread.passages[0].anchor == passage.anchor:
        return own
    return foreign_project(thread.passages[0].text, passage.title, home)


def _other_project(change: Change, passage: Passage, home: Home, index: _Index) -> str | None:
    asked = (change.source, index.by_anchor[passage.anchor])
    if asked not in index.foreign:
        index.foreign[asked] = other_project(change, passage, index.threads[passage.anchor], home)
    return index.foreign[asked]


def _thread_is_about(target: Target, index: _Index, passage: Passage) -> bool:
    """Whether the conversation, up to this passage, last spoke of this setting."""
    said: frozenset[str] = frozenset()
    for other in index.threads[passage.anchor].passages:
        said = index.said[index.by_anchor[other.anchor]] or said
        if other.anchor == passage.anchor:
            break
    if not said and passage.title:
        said = _concepts_of_title(passage.title)
    return target.concept in said


@lru_cache(maxsize=65536)
def _concepts_of_title(title: str) -> frozenset[str]:
    return frozenset(concepts_in(title))


def _propagate(scored: dict[int, tuple[float, list[str]]], index: _Index) -> None:
    """Give the rest of a conversation a share of its best passage's score."""
    best: dict[str, tuple[float, int]] = {}
    for place, (score, _) in scored.items():
        name = index.threads[index.passages[place].anchor].name
        best[name] = max(best.get(name, (0.0, place)), (score, place))
    for score, place in best.values():
        thread = index.threads[index.passages[place].anchor]
        if score * PROPAGATED < LEAST or len(thread.passages) > 200:
            continue
        for other in thread.passages:
            rest = index.by_anchor[other.anchor]
            share = score * PROPAGATED
            if scored.get(rest, (0.0, []))[0] < share:
                anchor = index.passages[place].anchor
                scored[rest] = (share, [*scored.get(rest, (0.0, []))[1], f"in the conversation of {anchor}"])


def _names(text: str) -> Iterable[str]:
    return {path.rpartition("/")[2] for path in _PATH.findall(text)}
