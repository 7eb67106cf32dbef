"""What people said, as rooms look it up: conversations, and the passages that mention a thing; none of it a scan."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from sonde.decisions.mentions import HOME, SYSTEM, Written, mentions_in, written
from sonde.decisions.retrieval import holds, part_of
from sonde.decisions.threads import PassageRows, Thread, conversation_key, thread_of, threads_of
from sonde.records.decisions import Passage, Within

if TYPE_CHECKING:
    from sonde.decisions.places import Places

MOST_THREADS = 2000
"""Passages whose conversations are kept at hand."""


class Talk(Protocol):
    """Conversations of an archive."""

    def get(self, anchor: str) -> Passage | None:
        """Return the passage at an anchor."""
        ...

    def thread(self, passage: Passage) -> Thread:
        """Return the conversation of a passage."""
        ...

    def holding(self, piece: str, limit: int) -> list[Passage]:
        """Return passages whose text holds a piece of a word, in the order they were added."""
        ...

    def beginning(self, anchor: str) -> list[Passage]:
        """Return the passages whose anchors begin so, in the order they were added."""
        ...

    def written(self) -> Written:
        """Return the materials that are written out."""
        ...

    def at(self, as_of: datetime | None, source: str | None) -> "Talk":
        """Return what was said until a time, or in one source."""
        ...


class MentionedTalk(Talk, Protocol):
    """Talk that can tell who mentions what. Passages are named by their place in the order they were added."""

    def mentioning(self, entity: str) -> "Places":
        """Return the passages that mention something, by a name of `decisions.mentions`."""
        ...

    def spelling(self, word: str) -> "Places":
        """Return passages that may spell a word, in lower case, and all that do; without their conversations."""
        ...

    def passages(self, places: Sequence[int]) -> list[Passage]:
        """Return passages by their places, in order."""
        ...

    def places(self, anchors: Iterable[str]) -> Mapping[str, int]:
        """Return places by anchor."""
        ...

    def authors(self) -> Iterable[str]:
        """Everybody who wrote something."""
        ...


@dataclass(frozen=True)
class Listing:
    """Talk in memory, all of it read once."""

    everything: Sequence[Passage]

    def get(self, anchor: str) -> Passage | None:
        place = self._by_anchor.get(anchor)
        return None if place is None else self.everything[place]

    def thread(self, passage: Passage) -> Thread:
        return self._threads[passage.anchor]

    def holding(self, piece: str, limit: int) -> list[Passage]:
        return [passage for passage in self.everything if piece in passage.text][:limit]

    def beginning(self, anchor: str) -> list[Passage]:
        return [passage for passage in self.everything if passage.anchor.startswith(anchor)]

    def written(self) -> Written:
        return written({name: len(places) for name, places in self._mentioning.items()})

    def at(self, as_of: datetime | None, source: str | None) -> "Listing":
        return Listing([passage for passage in self.everything if holds(passage, as_of, source)])

    def mentioning(self, entity: str) -> "Places":
        return self._placed(self._mentioning.get(entity, ()))

    def spelling(self, word: str) -> "Places":
        return self._placed([place for place, passage in enumerate(self.everything) if word in self._lower[place]])

    def passages(self, places: Sequence[int]) -> list[Passage]:
        return [self.everything[place] for place in places]

    def places(self, anchors: Iterable[str]) -> Mapping[str, int]:
        return {anchor: self._by_anchor[anchor] for anchor in anchors}

    def authors(self) -> Iterable[str]:
        return dict.fromkeys(passage.author for passage in self.everything if passage.author)

    def _placed(self, places: Sequence[int]) -> "Places":
        said = ((place, self.everything[place]) for place in places)
        return _places_of([(place, p.time.timestamp() if p.time else None, conversation_key(p)) for place, p in said])

    @cached_property
    def _by_anchor(self) -> Mapping[str, int]:
        return {passage.anchor: place for place, passage in enumerate(self.everything)}

    @cached_property
    def _threads(self) -> Mapping[str, Thread]:
        return threads_of(self.everything)

    @cached_property
    def _lower(self) -> Sequence[str]:
        return [passage.text.lower() for passage in self.everything]

    @cached_property
    def _mentioning(self) -> Mapping[str, Sequence[int]]:
        found = defaultdict[str, list[int]](list)
        for place, passage in enumerate(self.everything):
            for entity in mentions_in(passage):
                found[entity].append(place)
        return found


class StoredPassages(PassageRows, Protocol):
    """What a store knows of passages; see there."""

    def get(self, anchor: str) -> Passage | None: ...
    def holding(self, piece: str, *, limit: int, within: Within) -> list[Passage]: ...
    def at(self, places: Iterable[int]) -> Mapping[int, Passage]: ...
    def places(self, anchors: Iterable[str]) -> Mapping[str, int]: ...
    def spelling(self, word: str) -> Sequence[tuple[int, float | None]]: ...
    def authors(self) -> Iterable[str]: ...


class StoredMentions(Protocol):
    """What a store knows of mentions; see there."""

    def of(self, entity: str) -> Sequence[tuple[int, float | None, int]]: ...
    def counts(self, prefix: str, *, until: datetime | None, source: str | None) -> Mapping[str, int]: ...


class Stored:
    """Talk of a project: everything is looked up in its indexes, of which little is in memory at a time."""

    def __init__(
        self,
        rows: StoredPassages,
        mentions: StoredMentions,
        as_of: datetime | None = None,
        source: str | None = None,
    ) -> None:
        self._rows, self._mentions = rows, mentions
        self._as_of, self._source = as_of, source
        self._threads: dict[tuple[str, str], Thread] = {}

    def get(self, anchor: str) -> Passage | None:
        return next(iter(self._held([found] if (found := self._rows.get(anchor)) else [])), None)

    def thread(self, passage: Passage) -> Thread:
        named = (passage.source, passage.anchor)
        if named not in self._threads:
            whole = thread_of(passage, self._rows)
            thread = Thread(whole.name, tuple(self._held(whole.passages)))
            while len(self._threads) > MOST_THREADS:
                del self._threads[next(iter(self._threads))]
            self._threads |= dict.fromkeys(((other.source, other.anchor) for other in thread.passages), thread)
        return self._threads[named]

    def holding(self, piece: str, limit: int) -> list[Passage]:
        return self._rows.holding(piece, limit=limit, within=part_of(self._as_of, self._source))

    def beginning(self, anchor: str) -> list[Passage]:
        return self._held(self._rows.beginning(anchor))

    def written(self) -> Written:
        counts = (self._mentions.counts(kind, until=self._as_of, source=self._source) for kind in (SYSTEM, HOME))
        return written({name: n for found in counts for name, n in found.items()})

    def at(self, as_of: datetime | None, source: str | None) -> "Stored":
        return Stored(self._rows, self._mentions, as_of or self._as_of, source or self._source)

    def mentioning(self, entity: str) -> "Places":
        return _places_of(self._mentions.of(entity))

    def spelling(self, word: str) -> "Places":
        return _places_of([(place, time, 0) for place, time in self._rows.spelling(word)])

    def passages(self, places: Sequence[int]) -> list[Passage]:
        found = self._rows.at(places)
        return [found[place] for place in places]

    def places(self, anchors: Iterable[str]) -> Mapping[str, int]:
        return self._rows.places(anchors)

    def authors(self) -> Iterable[str]:
        return self._rows.authors()

    def _held(self, passages: Sequence[Passage]) -> list[Passage]:
        return [passage for passage in passages if holds(passage, self._as_of, self._source)]


def _places_of(found: Sequence[tuple[int, float | None, int]]) -> "Places":
    from sonde.decisions.places import places_of  # which loads numpy: linking needs it, answers do not

    return places_of(found)
