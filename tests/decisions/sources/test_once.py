"""What came by before is known, also where it no longer fits into memory."""

import random

import pytest

from sonde.decisions.sources import once
from sonde.decisions.sources.mail_threads import Threads
from sonde.decisions.sources.once import Once


def test_keys_are_new_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(once, "AT_HAND", 50)
    keys = [f"key {number}" for number in range(400)] * 2
    random.Random(0).shuffle(keys)
    seen, known = Once(["key 7"]), {"key 7"}
    for key in keys:
        assert (key in seen) == (key in known)
        assert seen.is_new(key) == (key not in known)
        known.add(key)
    assert len(seen._recent) <= 50


def test_few_keys_stay_in_memory() -> None:
    seen = Once()
    assert all(seen.is_new(str(number)) for number in range(1000))
    assert seen._older is None


def test_roots_of_threads() -> None:
    threads = Threads()
    threads.add("a", [])
    threads.add("b", ["a"])
    threads.add("c", ["a", "b"])
    threads.add("f", ["d", "e"])  # neither of the two is here
    threads.add("x", ["y"])
    threads.add("y", ["x"])
    assert [threads.root(one) for one in "abcdef"] == [*"aaa", *"ddd"]
    assert threads.root("x") == threads.root("y")
    assert "c" in threads
    assert "e" not in threads
    assert threads.root("never seen") == "never seen"


def test_a_mail_that_comes_twice_keeps_its_parent() -> None:
    threads = Threads()
    threads.add("b", ["a"])
    threads.add("b", [])
    assert threads.root("b") == "a"


def test_a_long_thread_is_followed_once() -> None:
    """Each of 5,000 answers to the one before: the last, and then all others, are found without deep recursion."""
    threads = Threads()
    for number in range(5000):
        threads.add(str(number), [str(number - 1)] if number else [])
    assert {threads.root(str(number)) for number in reversed(range(5000))} == {"0"}
