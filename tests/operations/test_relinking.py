"""What comes later is linked without all that was linked before: the same links as by linking everything."""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from sonde.decisions.linking import links_between
from sonde.operations import links
from sonde.operations.add_source import add_sources
from sonde.operations.initialise import initialise
from sonde.operations.links import link_again
from sonde.operations.remove import remove
from sonde.records.decisions import Change, Identity, Passage
from sonde.sample_lab.build import build_laboratory
from sonde.sample_lab.frames import sample_frames
from sonde.sample_lab.plan import contested_plan
from sonde.sample_lab.registration import SOURCES
from sonde.store import Project

WHEN = datetime(2024, 5, 13, 12, tzinfo=UTC)
Linked = list[tuple[str, int, float, tuple[str, ...], str]]


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Project:
    made, _ = build_laboratory(contested_plan(5), tmp_path_factory.mktemp("laboratory"), sample_frames())
    project = initialise(made.folder)
    places = (made.repository, made.slack, made.mail, made.notes, made.slides)
    add_sources(project, list(zip(SOURCES, places, strict=True)))
    return project


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int | None]:
    """How many changes each call links; None: all."""
    found: list[int | None] = []
    plain = links._to_link

    def noted(*given: object) -> list[int] | None:
        chosen = plain(*given)  # type: ignore[arg-type]
        found.append(None if chosen is None else len(chosen))
        return chosen

    monkeypatch.setattr(links, "_to_link", noted)
    return found


def linked(project: Project) -> Linked:
    return sorted((one.passage, one.change, one.score, one.evidence, one.status) for one in project.links.all())


def require_same_as_whole(project: Project) -> None:
    n, found = link_again(project), linked(project)
    assert n == len(found)
    link_again(project, whole=True)
    assert linked(project) == found


def in_pieces(passages: Sequence[Passage], rng: random.Random) -> list[list[Passage]]:
    """What a laboratory wrote, in pieces of any size, whatever came first; half of it at once."""
    mixed = rng.sample(passages, len(passages))
    cuts = sorted({0, len(mixed) // 2, len(mixed), *(rng.randrange(len(mixed) // 2, len(mixed)) for _ in range(5))})
    return [mixed[start:end] for start, end in pairwise(cuts)]


def add(project: Project, piece: Sequence[Passage]) -> None:
    for source in dict.fromkeys(passage.source for passage in piece):
        if source not in project.sources.names():
            project.sources.add(source, kind="slack", path="export.zip", fingerprint="")
        project.passages.add(source, [passage for passage in piece if passage.source == source])


@pytest.mark.parametrize("seed", [0, 1])
def test_imports_in_any_order_give_the_links_of_linking_everything(
    tmp_path: Path, laboratory: Project, asked: list[int | None], seed: int
) -> None:
    rng = random.Random(seed)
    project = Project.create(tmp_path)
    changes, everything = laboratory.changes.all()[seed::3], list(laboratory.passages.all())
    project.changes.add(changes[0].source, changes[: len(changes) // 2])
    project.identities.replace("chat", laboratory.identities.all())
    *pieces, last = in_pieces(everything, rng)
    for number, piece in enumerate(pieces):
        add(project, piece)
        if number == 2:
            project.changes.add(changes[0].source, changes[len(changes) // 2 :])
        link_again(project)
    require_same_as_whole(project)
    partly = [n for n in asked if n is not None]
    assert len(partly) >= 3, "everything was linked each time"
    assert min(partly) < len(changes) / 2
    gone = rng.choice([source for source in project.sources.names() if source != changes[0].source])
    remove(project, gone)
    add(project, last)
    require_same_as_whole(project)
    assert asked[-1] is None, "what went was thought to be there"
    assert linked(project)


def test_what_is_revised_or_discarded_has_everything_linked(tmp_path: Path, asked: list[int | None]) -> None:
    project = Project.create(tmp_path)
    project.changes.add("nbmotaw", [CHANGE, OTHER])
    add(project, [replace(passage, source="chat") for passage in FIRST])
    require_same_as_whole(project)
    assert link_again(project) == len(linked(project))
    assert asked[-1] == 0, "nothing came"
    project.passages.add("chat", [replace(FIRST[1], text="force cutoff 15 eV/Å")])
    require_same_as_whole(project)
    assert asked[-1] is None
    project.passages.discard("chat", [FIRST[1].anchor])
    require_same_as_whole(project)
    assert asked[-1] is None


CHANGE = Change("filters.max_force_eV_A", "10", "15", "eV/Å", "1c7d852" + "0" * 33, "configs/curate.yaml", 4,
                "Mira Halvorsen", WHEN, "x", "nbmotaw")  # fmt: skip
OTHER = replace(CHANGE, key="train.lr", old="0.1", new="0.01", unit=None, commit="2" * 40, path="configs/train.yaml",
                author="Jonas Weber")  # fmt: skip


def said(text: str, days: float = -1.0, author: str = "Jonas Weber", thread: str | None = None) -> Passage:
    at = WHEN + timedelta(days=days)
    return Passage(f"slack:training/{at.timestamp():.6f}", text, "slack", author, at, thread, "training")


FIRST = (said("10 or 15?", -1.0), said("lr 0.01 then", -20.0), said("mira: fmax 15 eV/Å", -9.0, "mira"))
CAME = {
    "names the setting in the burst of a bare value": (said("what about fmax", -1.001), 0, {0}),
    "names the commit": (said("see 1c7d852", 300.0), 0, {0}),
    "names the file": (said("see train.yaml", 300.0), 0, {1}),
    "spells the key": (said("max_force again", -2.0), 0, {0}),
    "gives a value where the setting is named": (said("so 15", -8.999), 0, {0}),
    "is beside the point": (said("lunch?", 90.0), 0, set()),
    "comes between two that were one talk": (said("lunch?", -1.0001), 0, set()),
    "tells who is who": (said("lunch?", 90.0, "Mira Maier"), 0, {0}),
    "names another material": (said("for the cunial project, CuNiAl", 90.0), 0, None),
}


@pytest.mark.parametrize("name", CAME)
def test_the_changes_that_a_passage_bears_on_are_linked(
    tmp_path: Path, asked: list[int | None], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    passage, _, expected = CAME[name]
    project = Project.create(tmp_path)
    project.changes.add("nbmotaw", [CHANGE, OTHER])
    project.identities.replace("chat", [Identity("Jonas Weber", handle="jw")])
    project.passages.add("chat", FIRST)
    link_again(project)
    chosen: list[object] = []

    def noted(*given: object) -> object:
        chosen.append(given[3])
        return links_between(*given)  # type: ignore[arg-type]

    monkeypatch.setattr("sonde.decisions.linking.links_between", noted)
    project.passages.add("chat", [passage])
    require_same_as_whole(project)
    assert chosen[0] == (None if expected is None else sorted(expected))
    assert asked[-1] == (None if expected is None else len(expected))


def test_a_second_source_with_the_same_anchors_has_everything_linked(tmp_path: Path, asked: list[int | None]) -> None:
    project = Project.create(tmp_path)
    project.changes.add("nbmotaw", [CHANGE])
    project.passages.add("chat", FIRST)
    link_again(project)
    project.passages.add("copy", [FIRST[0]])
    require_same_as_whole(project)
    assert asked[-1] is None
