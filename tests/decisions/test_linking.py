"""Links between talk and changes of values."""

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from sonde.decisions.linking import LEAST, link, links_between, time_kernel, world_of
from sonde.decisions.talk import Listing
from sonde.decisions.threads import threads_of
from sonde.records.decisions import Change, Link, Passage

WHEN = datetime(2024, 5, 13, 12, tzinfo=UTC)
COMMIT = "1c7d852" + "0" * 33
CHANGE = Change(
    "filters.max_force_eV_A",
    "10",
    "15",
    "eV/Å",
    COMMIT,
    "configs/curate.yaml",
    4,
    "Mira Halvorsen",
    WHEN,
    "x",
    "nbmotaw",
)


def said(
    text: str, days: float = -1.0, author: str = "Jonas Weber", channel: str = "training", thread: str | None = None
) -> Passage:
    at = WHEN + timedelta(days=days)
    return Passage(f"slack:{channel}/{at.timestamp():.6f}", text, "slack", author, at, thread, channel, source="chat")


def links(*passages: Passage) -> dict[str, Link]:
    texts = {passage.anchor: passage.text for passage in passages}
    return {texts[found.passage]: found for found in link([CHANGE], passages)}


def test_evidence_in_words() -> None:
    passage = said("fmax goes to 15 eV/Å", days=-3, author="Mira Halvorsen")
    (found,) = link([CHANGE], [passage])
    assert found.evidence == (
        "names the force cutoff",
        "gives force cutoff = 15 eV/Å, the new value",
        "3 days before the commit by the same person",
    )
    assert found.change == 0


def test_order_of_evidence() -> None:
    found = links(
        said(f"see {COMMIT[:9]}", days=200, thread="a"),
        said("force cutoff 15 eV/Å", days=-1, thread="b"),
        said("force cutoff 10 eV/Å", days=-2, thread="c"),
        said("the force cutoff again", days=-3, thread="d"),
        said("lunch", days=-1.5, thread="e"),
    )
    scores = [link.score for link in sorted(found.values(), key=lambda link: -link.score)]
    assert list(found) == [
        f"see {COMMIT[:9]}",
        "force cutoff 15 eV/Å",
        "force cutoff 10 eV/Å",
        "the force cutoff again",
    ]
    assert scores == sorted(scores, reverse=True)
    assert min(scores) >= LEAST


@pytest.mark.parametrize("text", ["max |F| about 0.58 Ry/bohr", "force threshold: 15000 meV/Å", "max_force_eV_A: 15"])
def test_units_are_normalised(text: str) -> None:
    assert "the new value" in " ".join(links(said(text))[text].evidence)


def test_bare_number_counts_only_where_the_talk_is_of_the_setting() -> None:
    about = [said("what about fmax?", thread="t"), said("15", days=-0.999, thread="t")]
    assert "the new value" in " ".join(links(*about)["15"].evidence)
    assert "15" not in links(said("lunch?", thread="u"), said("15", days=-0.999, thread="u"))


def test_other_project_does_not_win() -> None:
    readme = Passage(
        "README.md:1@" + "a" * 40, "A potential for NbMoTaW", "file", None, WHEN, None, None, source="nbmotaw"
    )
    decoy = said("For the Cu-Ni project we use fmax 15 eV/Å", days=-1)
    ours = said("fmax 15 eV/Å", days=-9)
    found = link([CHANGE], [readme, decoy, ours])
    assert [item.passage for item in found] == [ours.anchor]
    without = link([CHANGE], [readme, replace(decoy, text="We use fmax 15 eV/Å"), ours])
    assert {item.passage for item in without} == {decoy.anchor, ours.anchor}


def test_threads_carry_links() -> None:
    found = links(said("fmax 15 eV/Å?", thread="t"), said("yes, else it diverges", days=-0.99, thread="t"))
    assert any("in the conversation of" in words for words in found["yes, else it diverges"].evidence)


def test_time_kernel_prefers_before() -> None:
    weights = [time_kernel(said("x", days=days), CHANGE) for days in (-100, -30, -10, 1, 10, 30)]
    assert weights[2] == 1.0
    assert weights[0] < weights[1] < weights[2] > weights[3] > weights[4] > weights[5]


def test_unthreaded_chat_is_cut_at_pauses() -> None:
    talk = [said("a", days=-1), said("b", days=-0.995), said("c", days=-0.5)]
    threads = threads_of(talk)
    assert threads[talk[0].anchor] is threads[talk[1].anchor]
    assert threads[talk[2].anchor] is not threads[talk[0].anchor]


def test_cost_grows_with_the_sum_not_the_product() -> None:
    """Twenty times the changes must not cost twenty times the time."""
    noise = [
        said(f"job {i} finished after {i % 50} h on node {i % 7}", days=-i / 100, thread=f"t{i}") for i in range(3000)
    ]
    changes = [
        replace(CHANGE, commit=f"{i:040x}", key=key)
        for i, key in enumerate(("ENCUT", "lr", "SIGMA", "r_max", "fmax") * 8)
    ]
    link(changes[:2], noise[:10])
    started = time.process_time()
    link(changes[:2], noise)
    few = time.process_time() - started
    started = time.process_time()
    link(changes, noise)
    assert time.process_time() - started < 6 * few + 0.5


def remark(path: str, line: int, text: str) -> Passage:
    anchor = f"{path}:{line}@{COMMIT}"
    return Passage(anchor, text, "file", "Mira Halvorsen", WHEN, f"{path}@{COMMIT}", path, source="nbmotaw")


def test_a_commit_that_brings_everything_has_each_value_read_with_its_own_file() -> None:
    """A repository begun with one large commit: remarks elsewhere, of other things, are not held against each value."""
    beside = remark("configs/curate.yaml", 3, "Above 15 eV/Å the SCF did not converge.")
    elsewhere = [remark(f"src/part_{i}.py", 1, f"Part {i} of the tool reads tables.") for i in range(3000)]
    talk = ReadListing([beside, *elsewhere])
    (found,) = links_between([CHANGE], talk, world_of([CHANGE], talk, ()))
    assert found.passage == beside.anchor
    assert any(words.startswith("stands beside the value") for words in found.evidence)
    assert talk.n_read == 1


class ReadListing(Listing):
    """Passages in memory that count how many are read."""

    n_read = 0

    def passages(self, places: Sequence[int]) -> list[Passage]:
        ReadListing.n_read += len(places)
        return super().passages(places)
