"""Looks up keys in an LMDB file, read only, every page number and offset checked.

The library of LMDB trusts what it maps: one wrong page number in a damaged or hostile file ends the whole process. The
layout is that of LMDB 0.9 (lmdb.h, mdb.c): two head pages, of which the one of the later transaction counts, then a
B⁺ tree of pages with sorted keys; a value that does not fit into its page has pages of its own.
"""

import mmap
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from sonde.datasets.readers.compression import first_bytes
from sonde.datasets.readers.protocol import Place

MAGIC_OFFSET = 16
MAGIC_NUMBER = 0xBEEFC0DE
MAGIC = struct.pack("<I", MAGIC_NUMBER)
META = struct.Struct("<16xII8x8xI44x4xHH24xQQQQ")
"""Magic, version, page size, then of the main tree flags, depth, entries, root; last page, transaction."""
VERSION = 1
PAGE_SIZES = (256, 1 << 16)
PAGE = struct.Struct("<10xHHH")
"""Flags, and where the page's pointers to its nodes end and its nodes begin."""
NODE = struct.Struct("<HHHH")
"""Low and high half of the size (or page number), flags (or its third part), length of the key."""
BRANCH, LEAF, OVERFLOW = 0x01, 0x02, 0x04
BIG_DATA = 0x01
NO_ROOT = (1 << 64) - 1
DEEPEST = 32
PAGES_KEPT = 256


class DamagedPage(ValueError):  # noqa: N818 - what it is
    """A page that cannot be as it is in a sound file."""


@dataclass(frozen=True)
class Meta:
    """What one of the two head pages says."""

    magic: int
    version: int
    page_size: int
    flags: int
    depth: int
    entries: int
    root: int
    last_page: int
    transaction: int

    @property
    def is_valid(self) -> bool:
        fits = PAGE_SIZES[0] <= self.page_size <= PAGE_SIZES[1]
        return self.magic == MAGIC_NUMBER and self.version == VERSION and fits


class LmdbFile:
    """An open LMDB file. `get` raises DamagedPage where the file is not sound."""

    def __init__(self, content: mmap.mmap, meta: Meta) -> None:
        self.content = content
        self.meta = meta
        self._page = lru_cache(PAGES_KEPT)(self._read_page)  # neighbouring keys share their pages

    def get(self, key: bytes) -> bytes | None:
        """Return the value of a key, None where it is not there."""
        page, depth = self.meta.root, 0
        while page != NO_ROOT:
            start, flags, nodes = self._page(page)
            place = self._search(start, nodes, key, is_branch=bool(flags & BRANCH))
            if flags & LEAF:
                node = start + nodes[place] if place < len(nodes) else None
                return self._value(node) if node is not None and self._key(node) == key else None
            depth += 1
            if not flags & BRANCH or depth > DEEPEST:
                raise DamagedPage(f"page {page} is neither branch nor leaf, or the tree has no end")
            low, middle, high, _ = NODE.unpack_from(self.content, start + nodes[place])
            page = low | middle << 16 | high << 32
        return None

    def _read_page(self, number: int) -> tuple[int, int, tuple[int, ...]]:
        """Return a page's offset, its flags, and its nodes' offsets within it."""
        size = self.meta.page_size
        if not 2 <= number <= self.meta.last_page:
            raise DamagedPage(f"a pointer leads to page {number} of {self.meta.last_page}")
        start = number * size
        flags, lower, upper = PAGE.unpack_from(self.content, start)
        if not (PAGE.size <= lower <= upper <= size and lower > PAGE.size) or lower % 2:
            raise DamagedPage(f"page {number} has no room for what it announces")
        nodes = struct.unpack_from(f"<{(lower - PAGE.size) // 2}H", self.content, start + PAGE.size)
        if not all(upper <= node <= size - NODE.size for node in nodes):
            raise DamagedPage(f"page {number} points out of itself")
        return start, flags, nodes

    def _search(self, start: int, nodes: tuple[int, ...], key: bytes, *, is_branch: bool) -> int:
        """Bisect: the first node not below the key; in a branch, whose first key means nothing, the last not above."""
        low, high = (1 if is_branch else 0), len(nodes)
        while low < high:
            middle = (low + high) // 2
            found = self._key(start + nodes[middle])
            if found < key or (is_branch and found == key):
                low = middle + 1
            else:
                high = middle
        return low - 1 if is_branch else low

    def _key(self, node: int) -> bytes:
        *_, length = NODE.unpack_from(self.content, node)
        return self.content[node + NODE.size : node + NODE.size + length]

    def _value(self, node: int) -> bytes:
        low, high, flags, key_length = NODE.unpack_from(self.content, node)
        size, start = low | high << 16, node + NODE.size + key_length
        if flags & BIG_DATA:
            (page,) = struct.unpack_from("<Q", self.content, start)
            if not 2 <= page <= self.meta.last_page:
                raise DamagedPage(f"a value lies on page {page} of {self.meta.last_page}")
            start = page * self.meta.page_size + PAGE.size
        value = self.content[start : start + size]
        if len(value) != size:
            raise DamagedPage(f"a value of {size} bytes reaches beyond the file")
        return value


@contextmanager
def opened_lmdb(path: Path) -> Iterator[LmdbFile]:
    """Open an LMDB file; what is wrong with its pages, also later, is `BadInput`."""
    meta = _newest_meta(path)
    needed, found = (meta.last_page + 1) * meta.page_size, path.stat().st_size
    if found < needed:
        raise Place(path).bad(f"the file is truncated: {found} of {needed} bytes", "copy the file again.")
    if meta.flags:
        raise Place(path).bad("the LMDB file keeps several values per key", "only LMDB files of ASE rows are read.")
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            yield LmdbFile(content, meta)
    except (DamagedPage, struct.error) as damage:
        raise Place(path).bad(f"the LMDB file is damaged: {damage}", "copy the file again.") from damage


def _newest_meta(path: Path) -> Meta:
    head = first_bytes(path)
    if not head[MAGIC_OFFSET:].startswith(MAGIC):
        raise Place(path).bad("this is no LMDB file", "was it written completely?")
    metas = [_meta(head)]
    with path.open("rb") as file:
        file.seek(metas[0].page_size)
        metas.append(_meta(file.read(META.size)))
    newest = max((meta for meta in metas if meta.is_valid), key=lambda meta: meta.transaction, default=None)
    if newest is None:
        raise Place(path).bad("the head pages of the LMDB file are damaged, or of another version", "copy it again.")
    return newest


def _meta(page: bytes) -> Meta:
    return Meta(*META.unpack_from(page)) if len(page) >= META.size else Meta(0, 0, 0, 0, 0, 0, 0, 0, 0)
