"""One person under the names of chat, mail and git: by address, account, .mailmap and full name; never by a guess."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import parseaddr

from sonde.records.decisions import Identity

Words = tuple[str, ...]
Key = tuple[str, ...]


@dataclass(frozen=True)
class People:
    """Persons by what they are called; a name that may be two persons' is nobody's."""

    by_key: Mapping[Key, frozenset[int]]
    """("email", address), ("handle", user name) or ("name", *words) → persons."""
    names: Sequence[tuple[Words, int]]
    known: dict[str, int | None] = field(default_factory=dict)
    """What was asked before."""

    def who(self, author: str | None) -> int | None:
        """Return the person an author is, or None where that is nobody known, or cannot be told."""
        if not author:
            return None
        if author not in self.known:
            self.known[author] = self._looked_up(author)
        return self.known[author]

    def same(self, first: str | None, second: str | None) -> bool:
        """Whether two authors are certainly one person."""
        one = self.who(first)
        return one is not None and one == self.who(second)

    def may_be(self, words: Words) -> bool:
        """Whether a name may be short for anybody's."""
        return any(_shortened(words, name) for name, _ in self.names)

    def _looked_up(self, author: str) -> int | None:
        for key in _keys_of_author(author):
            if key in self.by_key:
                return _only(self.by_key[key])
        words = words_of_name(author)
        return _only({person for name, person in self.names if _shortened(words, name)})


def people_of(identities: Iterable[Identity], authors: Iterable[str | None] = ()) -> People:
    """Join what sources say of people; authors of passages and commits that no source describes are persons, too."""
    known = list(dict.fromkeys(identities))
    described = _joined(known)
    strangers = {words_of_name(name): name for name in authors if name and described.who(name) is None}
    told = {words_of_name(one.name) for one in known}
    fresh = [name for words, name in strangers.items() if len(words) > 1 and words not in told]
    known += [Identity(name) for name in fresh]
    described = _joined(known)
    # A first name alone is a person's where nobody with a full name may be meant.
    alone = [name for words, name in strangers.items() if len(words) == 1 and not described.may_be(words)]
    return _joined([*known, *(Identity(name) for name in alone)])


def words_of_name(name: str) -> Words:
    """A name's words without case and marks, and without an address; "Halvorsen, Mira" is Mira Halvorsen."""
    plain = re.sub(r"<[^>]*>|@\S+", " ", name).strip() or name.partition("@")[0]
    family, comma, given = plain.strip("\"' ").partition(",")
    plain = f"{given} {family}" if comma and given.strip() and "," not in given else plain
    letters = unicodedata.normalize("NFKD", plain.replace("ı", "i"))
    bare = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return tuple(re.findall(r"[^\W\d_]+", bare.casefold()))


def _joined(known: Sequence[Identity]) -> People:
    root = list(range(len(known)))

    def find(place: int) -> int:
        while root[place] != place:
            root[place] = root[root[place]]
            place = root[place]
        return place

    for together in _groups(known):
        for other in together[1:]:
            root[find(other)] = find(together[0])
    by_key, names = defaultdict[Key, set[int]](set), dict[tuple[Words, int], None]()
    for place, identity in enumerate(known):
        for key in _keys(identity):
            by_key[key].add(find(place))
        names[words_of_name(identity.name), find(place)] = None
    return People({key: frozenset(persons) for key, persons in by_key.items()}, list(names))


def _groups(known: Sequence[Identity]) -> Iterator[list[int]]:
    """Places of identities that are one person: of an address, of an account, of a full name that has one account."""
    by_key, accounts = defaultdict[Key, list[int]](list), defaultdict[Key, set[tuple[str, str]]](set)
    for place, identity in enumerate(known):
        for key in _keys(identity):
            scope = (identity.source,) if key[0] == "handle" else ()
            by_key[(*key, *scope)].append(place)
        if identity.handle:
            accounts["name", *words_of_name(identity.name)].add((identity.source, identity.handle))
    for key, places in by_key.items():
        sources = [source for source, _ in accounts.get(key, ())]
        is_ambiguous = key[0] == "name" and (len(key) < 3 or len(sources) > len(set(sources)))
        if not is_ambiguous:
            yield places


def _keys(identity: Identity) -> Iterator[Key]:
    if identity.email:
        yield ("email", identity.email.casefold())
    if identity.handle:
        yield ("handle", identity.handle.casefold())
    yield ("name", *words_of_name(identity.name))


def _keys_of_author(author: str) -> Iterator[Key]:
    address = parseaddr(author)[1]
    if "@" in address:
        yield ("email", address.casefold())
    yield ("name", *words_of_name(author))
    yield ("handle", author.strip().lstrip("@").casefold())


def _shortened(short: Words, name: Words) -> bool:
    """Whether a name may be short for another: "mira", "M. Halvorsen", "Halvorsen" of "Mira Halvorsen"."""
    if not short or len(short) > len(name) or not any(len(word) > 1 for word in short):
        return False
    rest = list(name)
    for word in short:
        match = next((full for full in rest if full == word or (len(word) == 1 and full.startswith(word))), None)
        if match is None:
            return False
        rest = rest[rest.index(match) + 1 :]
    return True


def _only(persons: Iterable[int]) -> int | None:
    found = set(persons)
    return found.pop() if len(found) == 1 else None
