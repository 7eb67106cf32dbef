"""What nobody gave a reason for, what happened when, and everything behind a potential, on a sample laboratory."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from tests.cli.terminal import done, sonde
from tests.operations.group import checkpoint, project_in, sources

from sonde.errors import Locked, NotFound, WrongUse
from sonde.operations.add_dataset import add_dataset
from sonde.operations.add_potential import PotentialOptions, add_potential
from sonde.operations.add_source import add_source, add_sources
from sonde.operations.dossier import dossier
from sonde.operations.gaps import gaps, timeline
from sonde.operations.kept_findings import KINDS, kept_audit, kept_lineage
from sonde.operations.lineage import lineage
from sonde.operations.remove import remove
from sonde.operations.why import Asked, why
from sonde.records.decisions import Dossier, Gaps
from sonde.records.jsonable import to_json
from sonde.sample_lab.build import build_laboratory
from sonde.sample_lab.frames import sample_frames
from sonde.sample_lab.laboratory import Laboratory, Truth
from sonde.sample_lab.plan import sample_plan
from sonde.store import Project
from sonde.store.artifacts import ArtifactStore
from sonde.store.datasets import DatasetStore
from sonde.views.dossier import crate_metadata, dossier_markdown, dossier_page, write_crate

HOSTILE = "\x1b[31m<script>alert(1)</script> **bold** [link](javascript:x) `code` {{ 7 * 7 }}"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, Laboratory, Truth]:
    """A laboratory with all that its people wrote."""
    folder = tmp_path_factory.mktemp("dossier")
    laboratory, truth = build_laboratory(sample_plan(), folder / "lab", sample_frames())
    project = project_in(folder)
    add_dataset(project, "raw", [laboratory.raw_pool])
    add_dataset(project, "training", [laboratory.training], child_of="raw")
    archive = (("git", laboratory.repository), ("slack", laboratory.slack), ("notes", laboratory.notes))
    add_sources(project, archive)
    options = PotentialOptions(trained_on="training", trained_at=laboratory.training_time.isoformat())
    add_potential(project, "alloy", checkpoint(folder / "linear.npz"), adapter="linear", options=options)
    return project, laboratory, truth


@pytest.fixture(scope="module")
def listed(lab: tuple[Project, Laboratory, Truth]) -> Gaps:
    return gaps(lab[0])


@pytest.fixture(scope="module")
def collected(lab: tuple[Project, Laboratory, Truth]) -> Dossier:
    return dossier(lab[0], "alloy", "reproduce")


def test_the_unexplained_change_is_a_gap_and_explained_ones_are_none(
    lab: tuple[Project, Laboratory, Truth], listed: Gaps
) -> None:
    truth = lab[2]
    found = {gap.change.commit for gap in listed.gaps}
    assert truth.unexplained.commit in found
    assert truth.change is not None
    assert truth.change.commit not in found
    explained = [change for change in truth.reasoned if change.commit in found]
    assert len(explained) <= 0.2 * len(truth.reasoned)
    assert listed.n_with_reason + len(listed.gaps) == listed.n_changes


def test_a_gap_says_whom_to_ask_what(lab: tuple[Project, Laboratory, Truth], listed: Gaps) -> None:
    gap = next(one for one in listed.gaps if one.change.commit == lab[2].unexplained.commit)
    assert gap.ask == gap.change.author
    assert f"go from {gap.change.old} to {gap.change.new}" in gap.question
    assert not why(lab[0], Asked(commit=gap.change.commit)).answered


def test_the_change_that_cost_most_frames_comes_first(tmp_path: Path, lab: tuple[Project, Laboratory, Truth]) -> None:
    """Without the talk nobody knows why; the data still tell which change mattered."""
    _, laboratory, truth = lab
    project = project_in(tmp_path)
    add_dataset(project, "raw", [laboratory.raw_pool])
    add_dataset(project, "training", [laboratory.training], child_of="raw")
    add_source(project, "git", laboratory.repository)
    first = gaps(project).gaps[0]
    assert truth.change is not None
    assert first.change.commit == truth.change.commit
    assert first.effect is not None
    assert first.effect.n_frames == len(truth.dropped)
    assert gaps(project, by_frames=False).gaps[0].effect is None


def test_gaps_of_a_project_without_repository_say_so(tmp_path: Path) -> None:
    project = project_in(tmp_path)
    assert gaps(project).notes == (
        "No repository is registered: without one there are no changes to ask about (sonde add git PATH).",
    )
    with pytest.raises(NotFound, match="No source is called 'lab'"):
        gaps(project, source="lab")


def test_time_and_repository_limit_gaps(lab: tuple[Project, Laboratory, Truth], listed: Gaps) -> None:
    project, laboratory, truth = lab
    before = gaps(project, by_frames=False, as_of=datetime(2023, 1, 1, tzinfo=UTC))
    assert 0 < before.n_changes < listed.n_changes
    assert truth.unexplained.commit not in {gap.change.commit for gap in before.gaps}
    assert gaps(project, by_frames=False, source=laboratory.repository.name).n_changes == listed.n_changes
    assert gaps(project, by_frames=False, source="slack_export").n_changes == 0


def test_the_timeline_of_a_key_holds_its_changes_and_what_was_said(lab: tuple[Project, Laboratory, Truth]) -> None:
    project, _, truth = lab
    found = timeline(project, key="max_force")
    times = [event.time for event in found.events]
    assert times == sorted(times)
    assert truth.change is not None
    assert f"commit:{truth.change.commit}" in {event.anchor for event in found.events if event.kind == "change"}
    assert {event.anchor for event in found.events if event.kind == "reason"} & {one.anchor for one in truth.reasons}
    texts = {passage.anchor: passage.text for passage in project.passages.all()}
    for event in found.events:
        if event.kind != "change":
            assert " ".join(event.text.split()) in " ".join(texts[event.anchor].split())
    with pytest.raises(NotFound, match="No key is called 'max_froce'"):
        timeline(project, key="max_froce")


def test_a_dossier_holds_settings_as_they_stood_with_their_reasons(
    lab: tuple[Project, Laboratory, Truth], collected: Dossier
) -> None:
    truth = lab[2]
    cutoff = next(one for one in collected.settings if one.change.key.endswith("max_force"))
    assert truth.change is not None
    assert (cutoff.change.commit, cutoff.answered) == (truth.change.commit, True)
    assert {quote.anchor for quote in cutoff.quotes} & {one.anchor for one in truth.reasons}
    assert cutoff.effect is not None
    assert cutoff.effect.n_frames == len(truth.dropped)
    assert all(one.change.time <= truth.training_time for one in collected.settings)
    assert [dataset.name for dataset in collected.datasets] == ["training", "raw"]
    assert collected.datasets[0].n_dropped == len(truth.dropped)
    keys = [(one.change.path, one.change.key) for one in collected.settings]
    assert len(keys) == len(set(keys))


def test_each_purpose_shows_what_it_needs(lab: tuple[Project, Laboratory, Truth], collected: Dossier) -> None:
    extend = dossier(lab[0], "alloy", "extend")
    assert {one.level for one in extend.settings} <= {"data", "labels"}
    assert {one.level for one in collected.settings} >= {"data", "labels", "training"}
    with pytest.raises(WrongUse, match="A dossier is for extend, retrain, reproduce; found 'fun'"):
        dossier(lab[0], "alloy", "fun")  # type: ignore[arg-type]


def test_an_earlier_time_shows_earlier_values(lab: tuple[Project, Laboratory, Truth]) -> None:
    truth = lab[2]
    assert truth.change is not None
    early = dossier(lab[0], "alloy", "extend", as_of=datetime(2023, 6, 1, tzinfo=UTC))
    cutoff = next(one for one in early.settings if one.change.key.endswith("max_force"))
    assert cutoff.change.commit != truth.change.commit


def test_what_nobody_recorded_is_listed(tmp_path: Path) -> None:
    project = project_in(tmp_path)
    add_sources(project, tuple(sources(tmp_path).items()))
    add_potential(project, "bare", checkpoint(tmp_path / "linear.npz"), adapter="linear")
    found = dossier(project, "bare", "reproduce")
    assert found.as_of is None
    assert any("training dataset" in item for item in found.missing)
    assert any("when it was trained" in item for item in found.missing)
    assert any(item.startswith("functional: no repository sets it, no frame states it") for item in found.missing)
    assert any(item.startswith("random seed: no repository sets it") for item in found.missing)


def hostile(record: Dossier) -> Dossier:
    """The same dossier, with markup in every word that somebody else wrote."""
    first, *rest = record.settings
    quotes = tuple(replace(quote, text=HOSTILE, author=HOSTILE, anchor=f"file:{HOSTILE}") for quote in first.quotes)
    change = replace(first.change, author=HOSTILE, new=HOSTILE, path=HOSTILE, key=HOSTILE, unit=HOSTILE)
    return replace(record, settings=(replace(first, quotes=quotes, change=change), *rest), missing=(HOSTILE,))


def test_words_of_others_are_words_in_every_form(collected: Dossier) -> None:
    page, text = dossier_page(hostile(collected)), dossier_markdown(hostile(collected))
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "\\<script\\>alert(1)" in text
    outside_code = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", text)
    assert not re.search(r"(?<!\\)<script", outside_code)
    assert not re.search(r"(?<!\\)\[link(?<!\\)\]", outside_code)
    assert "\x1b" not in text
    assert "{{ 7 * 7 }}" in page


def test_page_and_markdown_say_the_same(collected: Dossier) -> None:
    page, text = dossier_page(collected), dossier_markdown(collected)
    for setting in collected.settings:
        assert f"commit:{setting.change.commit}" in page
        assert f"commit:{setting.change.commit}" in text
    assert text.count("**No reason recorded.**") == len(collected.without_reason) == page.count(">no reason recorded<")


def ids(graph: list[dict[str, object]]) -> Iterator[str]:
    """Everything that the graph refers to."""
    for entity in graph:
        for name, value in entity.items():
            for one in value if isinstance(value, list) else [value]:
                if name != "@id" and isinstance(one, dict) and not str(one["@id"]).startswith("https://"):
                    yield str(one["@id"])


def test_a_crate_is_whole(tmp_path: Path, collected: Dossier) -> None:
    folder = write_crate(collected, tmp_path / "crate", to_json(collected))
    metadata = json.loads((folder / "ro-crate-metadata.json").read_text(encoding="utf-8"))
    root = next(entity for entity in metadata["@graph"] if entity["@id"] == "./")
    assert metadata == crate_metadata(collected, date.fromisoformat(root["datePublished"]))
    assert root.keys() >= {"@type", "name", "description", "datePublished", "license"}, "RO-Crate 1.1 wants these"
    known = {entity["@id"] for entity in metadata["@graph"]}
    assert set(ids(metadata["@graph"])) <= known
    assert {path.name for path in folder.iterdir()} >= {one for one in known if one.startswith("dossier.")}
    assert json.loads((folder / "dossier.json").read_text(encoding="utf-8"))["schema"] == "sonde.dossier/1"
    with pytest.raises(FileExistsError):
        write_crate(collected, folder, "{}")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["crate"]


def test_the_commands(lab: tuple[Project, Laboratory, Truth], tmp_path: Path) -> None:
    root = lab[0].root
    record = done("gaps", "--no-by-frames", "--project", root, "--json").record
    assert record["schema"] == "sonde.gaps/1"
    assert "ask " in done("gaps", "--no-by-frames", "--project", root).stdout
    assert done("timeline", "--key", "max_force", "--project", root, "--json").record["schema"] == "sonde.timeline/1"
    assert "max_force" in done("timeline", "--key", "max_force", "--project", root).stdout
    assert "Dossier of alloy" in done("dossier", "alloy", "--project", root).stdout
    for name in ("d.md", "d.html", "crate"):
        done("dossier", "alloy", "--for", "retrain", "--out", tmp_path / name, "--project", root)
        assert (tmp_path / name).exists()
    assert sonde("dossier", "alloy", "--out", tmp_path / "crate", "--project", root).code == 1
    assert sonde("dossier", "aloy", "--project", root).code == 1
    assert sonde("dossier", "alloy", "--for", "fun", "--project", root).code == 2


def test_frames_are_looked_at_once_for_dossiers_and_gaps(
    lab: tuple[Project, Laboratory, Truth], collected: Dossier, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, _, _ = lab

    def read(*_: object) -> None:
        pytest.fail("the frames were read again")

    monkeypatch.setattr(DatasetStore, "frames", read)
    assert dossier(project, "alloy", "reproduce") == collected
    assert gaps(project).gaps


def test_what_was_found_of_a_dataset_goes_with_it(
    lab: tuple[Project, Laboratory, Truth], tmp_path: Path, collected: Dossier
) -> None:
    _, laboratory, _ = lab
    project = project_in(tmp_path)
    for pool in (laboratory.raw_pool, laboratory.training):
        add_dataset(project, "pool", [pool])
        add_dataset(project, "half", [laboratory.training], child_of="pool")
        kept = kept_lineage(project, "pool", "half")
        assert kept.rules == lineage(project, "pool", "half").rules
        assert kept_audit(project, "half").surfaces == collected.datasets[0].surfaces
        if pool == laboratory.raw_pool:
            assert kept.n_dropped > 0
            remove(project, "half")
            assert not [name for kind in KINDS for name in project.artifacts.names(kind)]
            remove(project, "pool")
    assert kept.n_dropped == 0


def test_findings_are_made_where_another_is_writing(
    lab: tuple[Project, Laboratory, Truth], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = project_in(tmp_path)
    add_dataset(project, "pool", [lab[1].training])

    def put(*_: object) -> None:
        raise Locked("held by somebody else")

    monkeypatch.setattr(ArtifactStore, "put", put)
    assert kept_audit(project, "pool").surfaces
    assert project.artifacts.names(KINDS[1]) == []
