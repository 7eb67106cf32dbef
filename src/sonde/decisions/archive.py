"""What answers are drawn from: passages, changes of values, the links between them, and the conversations."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Protocol, TypeVar

from sonde.concepts import concept_of
from sonde.decisions.meaning import Meaning
from sonde.decisions.renamed_files import File, first_names
from sonde.decisions.retrieval import PassageIndex, Restricted, aware
from sonde.decisions.systems import Home, homes
from sonde.decisions.talk import Listing, Talk
from sonde.decisions.targets import key_words
from sonde.records.decisions import Change, Link

Key = TypeVar("Key")
Item = TypeVar("Item")
Setting = tuple[str, str | None]
"""A key with its unit."""
PREFIX = 7
"""Digits by which commits are looked up."""


class Links(Protocol):
    """Links between passages and changes."""

    def of(self, change: Change) -> Sequence[Link]:
        """Return the links of one change."""
        ...


@dataclass(frozen=True)
class ListedLinks:
    """Links in memory; `changes` are those that they count."""

    changes: Sequence[Change]
    links: Sequence[Link]

    def of(self, change: Change) -> Sequence[Link]:
        return self._by_change.get(change, ())

    @cached_property
    def _by_change(self) -> Mapping[Change, Sequence[Link]]:
        found: dict[Change, list[Link]] = {}
        for one in self.links:
            found.setdefault(self.changes[one.change], []).append(one)
        return found


@dataclass(frozen=True)
class Archive:
    """Passages, changes and the links between them.

    links: None where passages and changes were never linked; it is done for each change that is asked about.
    told: the conversations; None reads all passages into memory.
    meaning: compares passages by a sentence model; None where the project uses none.
    """

    passages: PassageIndex
    changes: Sequence[Change]
    links: Links | None = None
    told: Talk | None = None
    meaning: Meaning | None = None

    @cached_property
    def talk(self) -> Talk:
        """Conversations of the passages."""
        return Listing(list(self.passages.all())) if self.told is None else self.told

    @cached_property
    def homes(self) -> Mapping[str, Home]:
        """What each repository is about."""
        written = self.talk.written()
        return homes(self.changes, written.of_source, written.known)

    @cached_property
    def changes_by_file(self) -> Mapping[tuple[str, str], Sequence[Change]]:
        """Changes by source and path."""
        return _grouped(((change.source, change.path), change) for change in self.changes)

    @cached_property
    def changes_by_key(self) -> Mapping[tuple[str, str | None], Sequence[Change]]:
        """Changes by key and unit."""
        return _grouped(((change.key, change.unit), change) for change in self.changes)

    @cached_property
    def spelled_keys(self) -> Mapping[tuple[str, str | None], tuple[str | None, frozenset[str]]]:
        """Of each key with its unit, the concept and the words by which it is spelled."""
        return {key: (concept_of(*key), key_words(key[0])) for key in self.changes_by_key}

    @cached_property
    def _keys_spelled(self) -> tuple[Mapping[str | None, Sequence[Setting]], Mapping[str, Sequence[Setting]]]:
        """Keys by concept, and by each word that spells them."""
        spelled = self.spelled_keys.items()
        return (
            _grouped((concept, key) for key, (concept, _) in spelled),
            _grouped((word, key) for key, (_, words) in spelled for word in words),
        )

    def keys_named(self, concepts: Iterable[str], is_spelled: Callable[[str], bool]) -> list[Setting]:
        """Return the keys, with their units, of some concepts, and those spelled by a word that a test holds for."""
        by_concept, by_word = self._keys_spelled
        found = {key for concept in concepts for key in by_concept.get(concept, ())}
        found |= {key for word, keys in by_word.items() if is_spelled(word) for key in keys}
        return [key for key in self.changes_by_key if key in found]

    @cached_property
    def _changes_by_commit(self) -> Mapping[str, Sequence[Change]]:
        return _grouped((change.commit[:PREFIX], change) for change in self.changes)

    def changes_of_commit(self, commit: str) -> list[Change]:
        """Return the changes of commits whose ids begin so."""
        begun, prefix = commit.lower(), commit.lower()[:PREFIX]
        alike = self._changes_by_commit.get(prefix, ()) if len(prefix) == PREFIX else self.changes
        return [change for change in alike if change.commit.startswith(begun)]

    def links_of(self, change: Change) -> Sequence[Link]:
        """Links of one change."""
        if self.links is not None:
            return self.links.of(change)
        from sonde.decisions.linking import link  # which loads numpy: most answers need neither

        return link([change], list(self.passages.all()))

    def same_setting(self, change: Change) -> Sequence[Change]:
        """Return all changes of one setting in one file, whatever the file was called at the time."""
        file = self._first_name((change.source, change.path))
        in_file = self._changes_by_first_name.get(file, ())
        if file not in self._settings_of:
            self._settings_of[file] = _grouped(
                (name, place) for place, other in enumerate(in_file) for name in _names_of_setting(other)
            )
        found = self._settings_of[file]
        places = {place for name in _names_of_setting(change) for place in found.get(name, ())}
        return [in_file[place] for place in sorted(places)]

    def _first_name(self, file: File) -> File:
        return self._first_names.get(file, file)

    @cached_property
    def _first_names(self) -> Mapping[File, File]:
        return first_names(self.changes)

    @cached_property
    def _changes_by_first_name(self) -> Mapping[File, Sequence[Change]]:
        return _grouped((self._first_name((change.source, change.path)), change) for change in self.changes)

    @cached_property
    def _settings_of(self) -> dict[File, Mapping[str | tuple[str, str], Sequence[int]]]:
        """Of each file that was asked for, places of its changes by the names of their settings."""
        return {}

    def at(self, as_of: datetime | None, source: str | None) -> "Archive":
        """Return the archive as it stood at a time, or one source of it."""
        if as_of is None and source is None:
            return self
        changes = [change for change in self.changes if as_of is None or change.time <= aware(as_of)]
        told = None if self.told is None else self.told.at(as_of, source)
        return Archive(Restricted(self.passages, as_of, source), changes, self.links, told, self.meaning)

    def with_changes_of(self, source: str) -> "Archive":
        """Return the archive with the changes of one repository, and everything that people wrote."""
        return replace(self, changes=[change for change in self.changes if change.source == source])


def _grouped(items: Iterable[tuple[Key, Item]]) -> Mapping[Key, Sequence[Item]]:
    found: dict[Key, list[Item]] = {}
    for key, item in items:
        found.setdefault(key, []).append(item)
    return found


def _names_of_setting(change: Change) -> Iterator[str | tuple[str, str]]:
    """Its key, and what that means beside where it stands: a setting may have been called otherwise at another time."""
    yield change.key
    if (concept := concept_of(change.key, change.unit)) is not None:
        yield concept, change.key.rpartition(".")[0]
