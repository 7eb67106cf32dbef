"""Keys of LMDB files: the same values as LMDB itself gives, and no damage that ends the process."""

import contextlib
import random
from pathlib import Path

import pytest

from sonde.datasets.readers.lmdb_pages import opened_lmdb
from sonde.errors import BadInput
from sonde.optional_imports import require

SIZES = (0, 1, 100, 2000, 4096, 50_000)


def written(path: Path, values: dict[bytes, bytes], **options: object) -> Path:
    environment = require("lmdb").open(str(path), subdir=False, map_size=1 << 28)
    with environment, environment.begin(write=True) as transaction:
        for key, value in values.items():
            transaction.put(key, value)
    return path


def random_values(n_keys: int, seed: int = 0) -> dict[bytes, bytes]:
    rng = random.Random(seed)
    return {b"%d" % number: rng.randbytes(rng.choice(SIZES)) for number in range(n_keys)}


@pytest.mark.parametrize("n_keys", [1, 3, 40, 3000])
def test_same_values_as_lmdb(n_keys: int, tmp_path: Path) -> None:
    """From one leaf to a tree of three levels, values in their page and on pages of their own."""
    values = random_values(n_keys)
    with opened_lmdb(written(tmp_path / "values.lmdb", values)) as database:
        assert database.meta.entries == n_keys
        assert {key: database.get(key) for key in values} == values
        assert [database.get(key) for key in (b"", b"x", b"-1", b"00", b"999999")] == [None] * 5


def test_the_later_transaction_counts(tmp_path: Path) -> None:
    path = written(tmp_path / "values.lmdb", {b"1": b"old", b"2": b"gone"})
    for key, value in ((b"1", b"new"), (b"3", b"more")):
        written(path, {key: value})
    with opened_lmdb(path) as database:
        assert [database.get(key) for key in (b"1", b"2", b"3")] == [b"new", b"gone", b"more"]


def test_an_empty_tree(tmp_path: Path) -> None:
    with opened_lmdb(written(tmp_path / "none.lmdb", {})) as database:
        assert (database.get(b"1"), database.meta.entries) == (None, 0)


def test_several_values_per_key_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "several.lmdb", {b"1": b"a"})
    content = bytearray(path.read_bytes())
    for head in (0, 4096):
        content[head + 92] = 0x04  # MDB_DUPSORT of the main tree
    path.write_bytes(content)
    with pytest.raises(BadInput, match="keeps several values per key"), opened_lmdb(path):
        pass


@pytest.mark.parametrize("seed", range(60))
def test_damaged_pages_never_end_the_process(seed: int, tmp_path: Path) -> None:
    """Bytes at the head of a page, where LMDB keeps page numbers and offsets, are overwritten at random."""
    values = random_values(200)
    path = written(tmp_path / "values.lmdb", values)
    rng, content = random.Random(seed), bytearray(path.read_bytes())
    page = rng.randrange(len(content) // 4096) * 4096
    for _ in range(rng.choice([1, 4, 30])):
        content[page + rng.randrange(200)] = rng.randrange(256)
    path.write_bytes(content)
    with contextlib.suppress(BadInput), opened_lmdb(path) as database:
        assert all(isinstance(database.get(key), bytes | None) for key in values)


def test_a_damage_is_named(tmp_path: Path) -> None:
    """All pages of the tree are zeros."""
    path = written(tmp_path / "values.lmdb", random_values(200))
    content = path.read_bytes()
    path.write_bytes(content[:8192] + bytes(len(content) - 8192))
    with (
        pytest.raises(BadInput, match=r"values\.lmdb: the LMDB file is damaged: page \d+"),
        opened_lmdb(path) as database,
    ):
        database.get(b"7")
