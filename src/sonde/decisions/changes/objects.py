"""Objects of a repository by id, through one `git cat-file --batch`: asked for many at a time, for git answers fast."""

import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import IO, TypeVar

HEX = re.compile(r"[0-9a-f]{40}")
LARGEST_BYTES = 2 * 1024**2
"""Objects above this are not settings, documents or messages, and are not kept."""
KEPT_BYTES = 64 * 1024**2
AT_ONCE = 400
"""Ids asked for at once: they fit the pipe to git (16 kB of at least 64), so that neither side waits for the other."""
AHEAD = 100

Item = TypeVar("Item")


class Objects:
    """Reads objects, keeps the latest, and counts those that a partial clone lacks."""

    def __init__(self, requests: IO[bytes], answers: IO[bytes], present: frozenset[str] | None) -> None:
        self._requests, self._answers, self._present = requests, answers, present
        self._kept: OrderedDict[str, bytes | None] = OrderedDict()
        self._kept_bytes = 0
        self.missing: set[str] = set()

    def read(self, name: str) -> bytes | None:
        """Return an object's content, or None where it is missing here or large."""
        if name not in self._kept:
            self._ask([name])
        self._kept.move_to_end(name)
        return self._kept[name]

    def ahead(self, items: Iterable[Item], names: Callable[[Item], Iterable[str]]) -> Iterator[Item]:
        """Yield items one by one, having asked for the objects that the next hundred of them need."""
        source = iter(items)
        while batch := list(islice(source, AHEAD)):
            wanted = dict.fromkeys(name for item in batch for name in names(item) if name not in self._kept)
            unasked = iter(wanted)
            while part := list(islice(unasked, AT_ONCE)):
                self._ask(part)
            yield from batch

    def _ask(self, names: list[str]) -> None:
        for name in names:
            if not HEX.fullmatch(name):
                raise ValueError(f"not a full object id: {name!r}")
        here = [name for name in names if self._present is None or name in self._present]
        self._requests.write("".join(f"{name}\n" for name in here).encode())
        self._requests.flush()
        for name in here:
            self._keep(name, self._answer(name))
        for name in set(names) - set(here):
            self.missing.add(name)
            self._keep(name, None)

    def _answer(self, name: str) -> bytes | None:
        facts = self._answers.readline().split()
        if len(facts) != 3:
            self.missing.add(name)
            return None
        size = int(facts[2])
        if size <= LARGEST_BYTES:
            return self._answers.read(size + 1)[:-1]
        left = size + 1  # a line end follows the content
        while left:
            left -= len(self._answers.read(min(left, 2**20)))
        return None

    def _keep(self, name: str, content: bytes | None) -> None:
        self._kept[name] = content
        self._kept_bytes += len(content or b"")
        while self._kept_bytes > KEPT_BYTES and len(self._kept) > 1:
            self._kept_bytes -= len(self._kept.popitem(last=False)[1] or b"")
