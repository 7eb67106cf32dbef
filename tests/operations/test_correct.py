"""Corrected frames stand beside the original, with a run that says how they came about; on failure nothing stays."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.datasets.correction.planted import SHIFTS_EV, both_surfaces, cells

from sonde.datasets.correction.correct import Wish
from sonde.datasets.readers import read_frames
from sonde.errors import BadInput, NotFound, SondeError
from sonde.operations.audit import audit
from sonde.operations.correct import Destination, correct
from sonde.operations.lineage import lineage
from sonde.records.frames import Frame
from sonde.records.jsonable import jsonable
from sonde.store import Project
from sonde.store.datasets import DatasetStore


@pytest.fixture
def project(tmp_path: Path, shared_data: Path) -> Iterator[Project]:
    """Two alloys on both surfaces, PBE and PBE+U in datasets of their own, and nickel with its oxide."""
    made = Project.create(tmp_path)
    on_both = both_surfaces(cells(shared_data, ["NbTa", "MoW"]))
    made.datasets.add("pbe", on_both[:80])
    made.datasets.add("pbe_u", on_both[80:])
    made.datasets.add("ni_o", read_frames(shared_data / "ni_o/ni_o.xyz"))
    yield made
    made.close()


def state(project: Project) -> Any:
    """Everything that must not change where nothing is written."""
    rows = [project.datasets.row(name) for name in project.datasets.names()]
    return rows, sorted(path for path in project.lake.frames_folder.rglob("*"))


def energies(frames: Iterator[Frame]) -> list[float | None]:
    return [frame.energy_eV for frame in frames]


def test_written_beside_the_original(project: Project) -> None:
    before = energies(project.datasets.frames("pbe_u"))
    record = correct(project, "pbe_u", Wish("PBE"), pairs=["pbe"])
    assert record.written is not None
    assert (record.written.dataset, record.written.n_frames) == ("pbe_u-shifted", 80)
    assert record.pairs_from == ("pbe",)
    assert energies(project.datasets.frames("pbe_u")) == before
    truth = energies(project.datasets.frames("pbe"))
    assert energies(project.datasets.frames("pbe_u-shifted")) == pytest.approx(truth, abs=1e-5)
    assert project.datasets.row("pbe_u-shifted").child_of == "pbe_u"


def test_the_run_says_how(project: Project) -> None:
    record = correct(project, "pbe_u", Wish("PBE"), pairs=["pbe"])
    assert record.written is not None
    run = project.runs.row(record.written.run)
    assert (run.kind, run.state) == ("correct", "done")
    assert run.settings["correction_id"] == record.correction_id
    assert {one["element"]: one["shift_eV"] for one in run.settings["shifts"]} == pytest.approx(SHIFTS_EV, abs=1e-5)
    assert {f.tags["correction_id"] for f in project.datasets.frames("pbe_u-shifted")} == {record.correction_id}


def test_lineage_knows(project: Project) -> None:
    correct(project, "pbe_u", Wish("PBE"), pairs=["pbe"], destination=Destination("moved"))
    found = lineage(project, "pbe_u", "moved")
    assert (found.n_kept, found.n_relabelled, found.n_dropped) == (80, 80, 0)
    assert found.notes[0].startswith(
        "Made by sonde correct (run 1): energies of 80 frames moved from PBE+U towards PBE"
    )
    assert "Mo 3.2, Nb 1.1, Ta 0.6, W 4.4 eV per atom" in found.notes[0]
    assert not any("sonde correct" in note for note in lineage(project, "pbe", "moved").notes)


def test_a_namesake_that_was_imported_is_not_taken_for_it(project: Project) -> None:
    correct(project, "pbe_u", Wish("PBE"), pairs=["pbe"], destination=Destination("moved"))
    frames = list(project.datasets.frames("pbe_u"))[:40]
    project.datasets.remove("moved")
    project.datasets.add("moved", frames, child_of="pbe_u")
    assert not any("sonde correct" in note for note in lineage(project, "pbe_u", "moved").notes)


def test_the_audit_names_the_surface(project: Project) -> None:
    correct(project, "pbe_u", Wish("PBE"), pairs=["pbe"])
    found = audit(project, "pbe_u-shifted")
    assert [surface.fields["functional"] for surface in found.surfaces] == ["shifted PBE+U"]
    assert {alarm.kind for alarm in found.alarms} == {alarm.kind for alarm in audit(project, "pbe_u").alarms}
    assert "mixed_surfaces" not in {alarm.kind for alarm in found.alarms}


def test_the_audit_tells_shifted_frames_from_the_target(project: Project) -> None:
    wish = Wish("PBE", where="config_type=metal_strain|metal_shear", uncorrectable="leave-out")
    correct(project, "ni_o", wish, destination=Destination("metal"))
    found = audit(project, "metal")
    assert {surface.fields["functional"] for surface in found.surfaces} == {"PBE", "shifted PBE+U"}
    (mixed,) = [alarm for alarm in found.alarms if alarm.kind == "mixed_surfaces"]
    assert "PBE in 47, shifted PBE+U in 11 frames" in mixed.message


def test_a_file_can_be_written_too(project: Project, tmp_path: Path) -> None:
    file = tmp_path / "shifted.xyz.gz"
    record = correct(project, "pbe_u", Wish("PBE"), pairs=["pbe"], destination=Destination(file=file))
    assert record.written is not None
    assert record.written.file == str(file)
    frames = list(read_frames(file))
    assert energies(iter(frames)) == pytest.approx(energies(project.datasets.frames("pbe")), abs=1e-5)
    assert {frame.tags["xc"] for frame in frames} == {"shifted PBE+U"}


@pytest.mark.parametrize("destination", [Destination(), Destination(dry_run=True)])
def test_refused_or_dry_writes_nothing(project: Project, destination: Destination) -> None:
    before = state(project)
    dataset, pairs = ("ni_o", ()) if not destination.dry_run else ("pbe_u", ("pbe",))
    record = correct(project, dataset, Wish("PBE"), pairs=pairs, destination=destination)
    assert record.refused is not destination.dry_run
    assert record.written is None
    assert state(project) == before
    assert project.runs.all() == []


def test_nothing_is_written_over(project: Project, tmp_path: Path) -> None:
    before = state(project)
    file = tmp_path / "there.xyz"
    file.write_text("mine", encoding="utf-8")
    for destination, told in (
        (Destination("pbe_u"), "called 'pbe_u' is there already"),
        (Destination(file=file), "the file exists, and none is written over"),
        (Destination(file=tmp_path / "no" / "x.xyz"), "Name a file in a folder that exists"),
    ):
        with pytest.raises((SondeError, BadInput), match=told):
            correct(project, "pbe_u", Wish("PBE"), pairs=["pbe"], destination=destination)
    assert file.read_text(encoding="utf-8") == "mine"
    assert state(project) == before
    with pytest.raises(NotFound, match="did you mean 'pbe_u'"):
        correct(project, "pbe_v", Wish("PBE"))


def test_a_failure_leaves_a_failed_run_and_no_dataset(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk fills up while the file is written: the dataset that stands already is taken back."""

    def full(*_: object, **__: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("sonde.datasets.readers.write_extxyz", full)
    file = project.root / "shifted.xyz"
    with pytest.raises(OSError, match="No space left"):
        correct(project, "pbe_u", Wish("PBE"), pairs=["pbe"], destination=Destination(file=file))
    assert "pbe_u-shifted" not in project.datasets.names()
    assert not file.exists()
    (run,) = project.runs.all("correct")
    assert run.state == "failed"
    assert run.result is not None
    assert "No space left" in run.result["error"]


def test_an_interruption_is_a_stopped_run(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(DatasetStore, "add", interrupted)
    with pytest.raises(KeyboardInterrupt):
        correct(project, "pbe_u", Wish("PBE"), pairs=["pbe"])
    assert [run.state for run in project.runs.all("correct")] == ["stopped"]


def test_the_record_is_json(project: Project) -> None:
    record = jsonable(correct(project, "ni_o", Wish("PBE")))
    assert record["schema"] == "sonde.correct/1"
    assert record["refusals"][0]["kind"] == "not_constant"
    assert record["shifts"][0].keys() >= {"element", "shift_eV", "interval", "identifiable"}
    assert record["written"] is None
    assert "paired" not in record
