"""Which changes have to be linked again where passages came, went or were revised: those that these may bear on.

All others have the links that linking everything would give them: the same passages are looked at for them, in the same
conversations, with the same persons and projects. What a passage that came may bring, one that goes may take away: both
are held against the changes by the same signs, and one that was revised is one that went and one that came.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

import numpy as np

from sonde import __version__
from sonde.concepts import concepts_in
from sonde.decisions.linking import World, value_names
from sonde.decisions.mentions import commit_name, concept_name, file_name, line_name, mentions_in
from sonde.decisions.talk import MentionedTalk
from sonde.decisions.targets import Target, target_of
from sonde.decisions.threads import PassageRows, conversation_key, is_loose, thread_of
from sonde.records.decisions import Change, Passage

MOST_MOVED = 2000
"""Passages beyond which it is no slower to link everything; the store keeps no more of those that went."""
REACH = timedelta(days=3)
"""A message in a channel without threads moves no burst further from it than this: they are found from two days."""


@dataclass(frozen=True)
class Standing:
    """What links were made with. `last_passage`, `last_change`: numbers in the store."""

    last_passage: int
    last_change: int
    authors: tuple[str, ...]
    same_people: Mapping[str, tuple[str, ...]]
    """Author of changes → all authors that are the same person."""
    homes: Mapping[str, str]
    """Source of changes → digest of what it is about."""
    version: str = __version__

    def as_text(self) -> str:
        """Write as JSON."""
        return json.dumps(asdict(self))


def standing_of(text: str | None) -> Standing | None:
    """Read what `as_text` wrote; None where nothing was, or by another version, which may link otherwise."""
    stated = {} if text is None else json.loads(text)
    if stated.get("version") != __version__:
        return None
    same = {author: tuple(names) for author, names in stated["same_people"].items()}
    return Standing(**stated | {"authors": tuple(stated["authors"]), "same_people": same})


def standing_in(world: World, changes: Iterable[Change], last_passage: int, last_change: int) -> Standing:
    """Note what changes are linked with."""
    of_person = defaultdict[int, list[str]](list)
    authors = tuple(author for author in world.authors if author)
    for author in authors:
        if (person := world.people.who(author)) is not None:
            of_person[person].append(author)
    makers = {change.author for change in changes if change.author}
    persons = {author: world.people.who(author) for author in makers}
    same = {author: tuple(of_person[person]) for author, person in persons.items() if person is not None}
    homes = {source: _digest(repr((sorted(home.names), *map(_written, (home.systems, home.known)))))
             for source, home in world.homes.items()}  # fmt: skip
    return Standing(last_passage, last_change, authors, same, homes)


@dataclass(frozen=True)
class Moved:
    """Passages that came or went since the last linking, and how those that are there are looked up."""

    gone: Sequence[Passage]
    """Those that went or were revised, as they were."""
    revised: Sequence[Passage]
    """Those that were revised, as they are."""
    new: Sequence[Passage]
    rows: PassageRows
    spelled: Callable[[Iterable[str], Iterable[str]], set[str]]
    """Tells those of some words that texts hold."""

    def passages(self) -> Sequence[Passage]:
        """All of them, in each of their forms."""
        return [*self.gone, *self.revised, *self.new]


def changes_to_link(
    changes: Sequence[Change],
    n_linked: int,
    moved: Moved,
    talk: MentionedTalk,
    standings: tuple[Standing, Standing],
) -> list[int] | None:
    """Ordinals of the changes whose links may differ from those that they have; None: all may.

    n_linked: changes that were linked before; the others come after them. standings: before, and now.
    """
    before, now = standings
    other_homes = {source for source, home in now.homes.items() if before.homes.get(source, home) != home}
    if len(moved.gone) + len(moved.new) > MOST_MOVED or other_homes == set(now.homes):
        return None
    other_people = _people_moved(before, now)
    signs = _signs(moved)
    targets = [target_of(change) for change in changes[:n_linked]]
    words = moved.spelled(signs.texts, {word for target in targets for word in target.key_words})
    near = _Near(talk, signs)
    old = [
        ordinal
        for ordinal, target in enumerate(targets)
        if target.change.source in other_homes
        or target.change.author in other_people
        or target.key_words & words
        or near.may_bear_on(target)
    ]
    return [*old, *range(n_linked, len(changes))]


def _people_moved(before: Standing, now: Standing) -> set[str]:
    """Authors of changes of whom another set of the authors known then and now is said to be the same person."""
    known = set(before.authors) & set(now.authors)
    return {
        author
        for author in {*before.same_people, *now.same_people}
        if known & set(now.same_people.get(author, ())) != known & set(before.same_people.get(author, ()))
    }


@dataclass(frozen=True)
class _Signs:
    """What passages and the conversations around them mention: names, with the keys of the conversations."""

    texts: Sequence[str]
    conversations: Mapping[str, set[int]]


def _signs(moved: Moved) -> _Signs:
    around = dict.fromkeys(_around(moved))
    conversations = defaultdict[str, set[int]](set)
    for passage in around:
        key = conversation_key(passage)
        for name in mentions_in(passage):
            conversations[name].add(key)
    texts = (text for p in around for text in (p.text, p.title) if text)
    return _Signs(tuple(dict.fromkeys(texts)), conversations)


def _around(moved: Moved) -> Iterator[Passage]:
    """Passages with everything in conversations that they may have joined, cut, or put together."""
    loose, seen = defaultdict[tuple[str, str | None], list[datetime]](list), set[str]()
    reworded = _reworded(moved)
    for passage in moved.passages():
        yield passage
        if (there := reworded.get((passage.source, passage.anchor))) is not None:
            yield from there
        elif is_loose(passage):
            if passage.time is not None:
                loose[passage.source, passage.title].append(passage.time)
        elif (name := f"{passage.source}|{passage.thread or passage.anchor}") not in seen:
            seen.add(name)
            yield from thread_of(passage, moved.rows).passages
    for channel, times in loose.items():
        for since, until in _spans(sorted(times)):
            yield from moved.rows.loose(*channel, since, until, None)


def _reworded(moved: Moved) -> Mapping[tuple[str, str], Sequence[Passage]]:
    """Passages that stay where they were in a conversation, with those of it whose meaning a new wording may change.

    These are none where the same settings are named as before, but for the first of a conversation, which may say what
    project all of it is about.
    """
    before = defaultdict[tuple[str, str], list[Passage]](list)
    for passage in moved.gone:
        before[passage.source, passage.anchor].append(passage)
    found = dict[tuple[str, str], Sequence[Passage]]()
    for passage in moved.revised:
        named = (passage.source, passage.anchor)
        if {_place_in_talk(old) for old in before[named]} == {_place_in_talk(passage)}:
            there = thread_of(passage, moved.rows).passages
            same = {frozenset(concepts_in(one.text)) for one in (passage, *before[named])}
            found[named] = there if len(same) > 1 or there[0].anchor == passage.anchor else ()
    return found


def _place_in_talk(passage: Passage) -> object:
    return passage.kind, passage.author, passage.time, passage.thread, passage.title


def _spans(times: Sequence[datetime]) -> Iterator[tuple[datetime, datetime]]:
    """Spans of time that reach around all times, in order, none of them overlapping another."""
    first = times[0]
    for time, following in zip(times, [*times[1:], None], strict=True):
        if following is None or following - time > 2 * REACH:
            yield first - REACH, time + REACH
            first = following or first


class _Near:
    """Tells whether what came or went may be evidence for a change."""

    def __init__(self, talk: MentionedTalk, signs: _Signs) -> None:
        self._talk, self._signs = talk, signs
        self._spoken: dict[str, frozenset[int]] = {}

    def may_bear_on(self, target: Target) -> bool:
        """Whether its commit, file or setting is named, or one of its values is given where its setting was named."""
        named, change = self._signs.conversations, target.change
        places = commit_name(change.commit), file_name(change.path), line_name(change.path, change.commit)
        if any(name in named for name in places):
            return True
        if target.concept is None:
            return False
        if concept_name(target.concept) in named:
            return True
        given = {key for name in value_names(target) for key in named.get(name, ())}
        return bool(given) and not given.isdisjoint(self._spoken_of(target.concept))

    def _spoken_of(self, concept: str) -> frozenset[int]:
        """Keys of conversations in or beside which a setting is named, see `in_conversations`."""
        if concept not in self._spoken:
            keys = np.unique(self._talk.mentioning(concept_name(concept)).conversations)
            self._spoken[concept] = frozenset(np.concatenate([keys - 1, keys, keys + 1]).tolist())
        return self._spoken[concept]


def _written(systems: Iterable[frozenset[str]]) -> list[str]:
    return sorted("-".join(sorted(system)) for system in systems)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
