"""What comes later is linked without all that was linked before: the same links as by linking everything."""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Literal

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
    require_same_as_whole(project)
    add(project, last)
    require_same_as_whole(project)
    assert linked(project)


def test_what_is_revised_or_discarded_is_linked_with_what_it_bore_on(tmp_path: Path, asked: list[int | None]) -> None:
    project = Project.create(tmp_path)
    project.changes.add("nbmotaw", [CHANGE, OTHER])
    add(project, [replace(passage, source="chat") for passage in FIRST])
    require_same_as_whole(project)
    assert link_again(project) == len(linked(project))
    assert asked[-1] == 0, "nothing came"
    project.passages.add("chat", [replace(FIRST[1], text="force cutoff 15 eV/Å")])
    require_same_as_whole(project)
    assert asked[-1] == 2, "it spoke of one change, and speaks of the other"
    project.passages.discard("chat", [FIRST[1].anchor])
    require_same_as_whole(project)
    assert asked[-1] == 1
    assert FIRST[1].anchor not in {one.passage for one in project.links.all()}


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


GOES = {
    "named the setting in the burst of a bare value": ((said("what about fmax", -1.001),), {0}),
    "named the commit": ((said("see 1c7d852", 300.0),), {0}),
    "named the file": ((said("see train.yaml", 300.0),), {1}),
    "spelled the key": ((said("max_force again", -2.0),), {0}),
    "gave a value where the setting is named": ((said("so 15", -8.999),), {0}),
    "was beside the point": ((said("lunch?", 90.0),), set()),
    "opened the thread of a value": (
        (said("fmax, then", -40.0, thread="training/1"), said("15 it is", -39.0, thread="training/1")), {0}),
    "named a thread's project": (
        (said("for the other project:", -40.0, thread="training/1"), said("lr 0.01", -39.0, thread="training/1")), {1}),
    "kept a value in the burst of its setting": (
        (said("lr, or lunch", -40.01), said("what about fmax", -40.02), said("15", -40.0)), {0, 1}),
    "named another setting between one and its value": (
        (said("lr", -40.005), said("what about fmax", -40.01), said("15", -40.0)), {0, 1}),
    "was the last to name a material": ((said("for the cunial project, CuNiAl", 90.0),), None),
}  # fmt: skip


@pytest.mark.parametrize("revised", [False, True])
@pytest.mark.parametrize("name", GOES)
def test_the_changes_that_a_passage_bore_on_are_linked_where_it_goes(
    tmp_path: Path, asked: list[int | None], name: str, revised: bool
) -> None:
    (gone, *others), expected = GOES[name]
    project = Project.create(tmp_path)
    project.changes.add("nbmotaw", [CHANGE, OTHER])
    project.identities.replace("chat", [Identity("Jonas Weber", handle="jw")])
    project.passages.add("chat", [*FIRST, gone, *others])
    link_again(project)
    if revised:
        project.passages.add("chat", [replace(gone, text="lunch")])
    else:
        project.passages.discard("chat", [gone.anchor])
    require_same_as_whole(project)
    assert asked[-1] == (None if expected is None else len(expected))


def test_a_new_wording_is_no_other_matter_for_its_conversation(tmp_path: Path, asked: list[int | None]) -> None:
    project = Project.create(tmp_path)
    project.changes.add("nbmotaw", [CHANGE, OTHER])
    opening, lunch, end = said("lr 0.01 or fmax 15?", -1.01), said("lunhc?", -1.005), said("15", -1.0)
    project.passages.add("chat", [opening, lunch, end])
    link_again(project)
    project.passages.add("chat", [replace(lunch, text="lunch?")])
    require_same_as_whole(project)
    assert asked[-1] == 0
    project.passages.add("chat", [replace(lunch, text="lunch? lr")])
    require_same_as_whole(project)
    assert asked[-1] == 2
    project.passages.add("chat", [replace(opening, text="lr 0.01 or fmax 15, for the sister project?")])
    require_same_as_whole(project)
    assert asked[-1] == 2


def test_a_message_that_moves_in_time_cuts_a_conversation(tmp_path: Path, asked: list[int | None]) -> None:
    project = Project.create(tmp_path)
    project.changes.add("nbmotaw", [CHANGE, OTHER])
    between = said("lunch", -1.01)
    project.passages.add("chat", [said("what about fmax", -1.02), between, said("15", -1.0)])
    link_again(project)
    before = linked(project)
    project.passages.add("chat", [replace(between, time=WHEN)])
    require_same_as_whole(project)
    assert asked[-1] == 1
    assert len(linked(project)) < len(before)


def test_who_takes_part_counts_for_the_rest_of_a_conversation(tmp_path: Path, asked: list[int | None]) -> None:
    project = Project.create(tmp_path)
    project.changes.add("nbmotaw", [CHANGE, OTHER])
    between = said("lunch", -1.01, "Mira Halvorsen")
    project.passages.add("chat", [said("what about fmax 15 eV/Å", -1.02), between, said("15", -1.0)])
    link_again(project)
    before = linked(project)
    project.passages.add("chat", [replace(between, author="Jonas Weber")])
    require_same_as_whole(project)
    assert asked[-1] == 1
    assert linked(project) != before


def test_a_folder_of_a_project_tells_whose_talk_is_of_it(tmp_path: Path, asked: list[int | None]) -> None:
    project = Project.create(tmp_path)
    project.changes.add("nbmotaw", [CHANGE, OTHER])
    project.changes.add("other", [replace(CHANGE, commit="4" * 40, key="n_holdout")])
    project.passages.add("chat", [said("fmax 15 eV/Å for the sieving project")])
    link_again(project)
    before = linked(project)
    project.changes.add("nbmotaw", [replace(CHANGE, path="sieving/a.yaml", commit="5" * 40, key="n_sieved")])
    require_same_as_whole(project)
    assert asked[-1] == 3, "two of the project, and the new one"
    assert {one for one in linked(project) if one[1] < 2} != set(before)


def test_who_is_who_is_told_anew_where_a_namesake_goes(tmp_path: Path, asked: list[int | None]) -> None:
    project = Project.create(tmp_path)
    project.changes.add("nbmotaw", [CHANGE, OTHER])
    namesake = said("lunch?", 90.0, "Mira Maier")
    project.passages.add("chat", [*FIRST, namesake])
    link_again(project)
    before = linked(project)
    project.passages.discard("chat", [namesake.anchor])
    require_same_as_whole(project)
    assert asked[-1] == 1, "“mira” is one person's again"
    assert linked(project) != before


def test_a_removed_source_leaves_the_links_of_linking_everything(tmp_path: Path, asked: list[int | None]) -> None:
    project = Project.create(tmp_path)
    project.changes.add("nbmotaw", [CHANGE, OTHER])
    add(project, [replace(passage, source="chat") for passage in FIRST])
    add(project, [replace(said("lr 0.01, then"), source="mail", kind="mail", thread="m", anchor="mail:1@lab")])
    link_again(project)
    assert "mail:1@lab" in {one.passage for one in project.links.all()}
    remove(project, "mail")
    assert asked[-1] == 1
    require_same_as_whole(project)
    assert not project.links.gone(limit=1), "what was removed is kept"


def anything(rng: random.Random, known: Sequence[Passage]) -> Passage:
    """A message of a few words, in a channel, a thread or by mail, at any time; some have no author, some no time."""
    words = ("fmax 15 eV/Å", "lr 0.01", "lr", "15", "10", "0.1", "see 1c7d852", "train.yaml", "lunch", "max_force",
             "the CuNiAl project", "for the other project", "force cutoff", "2222222", "NbMo", "our repo", "lunch",
             "n_holdout", "n_holdout 15", "meeting", "plots", "coffee")  # fmt: skip
    at = WHEN + timedelta(days=rng.randrange(-3, 3), minutes=rng.choice([7, 15, 19]) * rng.randrange(-20, 20))
    kind: Literal["slack", "mail"] = rng.choice(("slack", "slack", "slack", "mail"))
    channel = rng.choice(("training", "general"))
    thread = rng.choice((None, None, f"{channel}/{rng.randrange(4)}"))
    author = rng.choice(("mira", "Mira Halvorsen", "Mira Maier", "Jonas Weber", "jw", None))
    text, source = " ".join(rng.sample(words, rng.choice((1, 1, 2, 3)))), rng.choice(("chat", "mail"))
    when = rng.choice((at, at, at, at, None))
    made = Passage(f"{kind}:{rng.randrange(10**6)}", text, kind, author, when, thread, channel, source=source)
    other = rng.choice(known) if known and rng.random() < 0.5 else made
    return replace(made, anchor=other.anchor, source=other.source)


def edited(project: Project, rng: random.Random) -> None:
    """Do one thing to a project that may happen to it."""
    known = list(project.passages.all())
    deeds = ("add", "add", "reword", "reword", "discard", "discard", "remove", "change", "uncommit", "people")
    deed = rng.choice(deeds)
    if deed == "add":
        add(project, [anything(rng, known) for _ in range(rng.choice((1, 1, 2, 8)))])
    elif deed == "reword" and known:
        one = rng.choice(known)
        add(project, [replace(one, text=anything(rng, ()).text)])
    elif deed == "discard" and known:
        gone = rng.choice(known)
        project.passages.discard(gone.source, [gone.anchor])
    elif deed == "remove" and rng.random() < 0.2:
        for name in project.sources.names():
            project.passages.remove(name)
    elif deed == "change":
        key, commit = rng.choice(("train.lr", "max_force", "n_holdout")), f"{rng.randrange(16**7):07x}" + "3" * 33
        new = replace(CHANGE, key=key, commit=commit, time=WHEN + timedelta(days=rng.randrange(-30, 30)),
                      path=rng.choice(("train.yaml", "a/b.yaml", "CuNiAl/c.yaml")))  # fmt: skip
        project.changes.add("other", [new])
    elif deed == "uncommit":
        project.changes.replace("other", [])
    elif deed == "people":
        project.identities.replace("chat", rng.choice(([], [Identity("Jonas Weber", handle="jw")])))


@pytest.mark.parametrize("seed", range(8))
def test_whatever_happens_gives_the_links_of_linking_everything(
    tmp_path: Path, asked: list[int | None], seed: int
) -> None:
    rng = random.Random(seed)
    project = Project.create(tmp_path)
    project.changes.add("nbmotaw", [CHANGE, OTHER, replace(CHANGE, key="n_holdout", unit=None, path="c.yaml")])
    add(project, [anything(rng, ()) for _ in range(60)])
    link_again(project)
    for _ in range(25):
        for _ in range(rng.choice((1, 1, 2, 3))):
            edited(project, rng)
        require_same_as_whole(project)
    assert sum(n is not None for n in asked) > len(asked) / 4, "everything was linked each time"


@pytest.mark.parametrize("seed", range(2))
def test_edits_of_a_laboratory_give_the_links_of_linking_everything(
    tmp_path: Path, laboratory: Project, asked: list[int | None], seed: int
) -> None:
    rng = random.Random(seed)
    project = Project.create(tmp_path)
    for source in dict.fromkeys(change.source for change in laboratory.changes.all()):
        project.changes.add(source, [change for change in laboratory.changes.all() if change.source == source][seed::4])
    project.identities.replace("chat", laboratory.identities.all())
    everything = list(laboratory.passages.all())
    add(project, everything)
    link_again(project)
    for _ in range(6):
        known = list(project.passages.all())
        first, second, *gone = rng.sample(known, 4)
        add(project, [replace(first, text=second.text), replace(second, time=first.time, thread=first.thread)])
        for one in gone:
            project.passages.discard(one.source, [one.anchor])
        require_same_as_whole(project)
    partly = [n for n in asked if n is not None]
    assert len(partly) >= 3, "everything was linked each time"
    assert min(partly) < len(project.changes.all())
