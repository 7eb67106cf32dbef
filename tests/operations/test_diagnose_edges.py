"""Diagnoses where something is absent or odd: an answer that says what is missing, never a crash."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.operations.cases import FORCE_CUT, SETTINGS, calm, frames, largest_force, squeezed, unlabelled
from tests.operations.group import project_in

from sonde.datasets.readers import write_extxyz
from sonde.errors import BadInput, SondeError
from sonde.operations.add_dataset import add_dataset
from sonde.operations.add_potential import PotentialOptions, add_potential
from sonde.operations.confirm import Design, _confirmation, confirm
from sonde.operations.diagnose import DiagnoseSettings, diagnose
from sonde.operations.evidence.assembly import gather
from sonde.operations.trust import trust_fit
from sonde.potentials.linear import fit_linear
from sonde.progress import SILENT
from sonde.records.diagnosis import Diagnosis
from sonde.records.frames import Frame
from sonde.records.jsonable import to_json
from sonde.sample_lab.frames import sample_frames
from sonde.sample_lab.plan import sample_plan
from sonde.sample_lab.situations import Situation, arrange
from sonde.store import Project

RUN = DiagnoseSettings(trajectory=True)


def written(path: Path, some: Sequence[Frame]) -> Path:
    write_extxyz(path, some)
    return path


def laboratory(
    folder: Path, training: Sequence[Frame] | None, pool: Sequence[Frame] = (), fitted: Sequence[Frame] = ()
) -> Project:
    """A project with a linear potential; datasets and their chain where they are given."""
    project = project_in(folder)
    if pool:
        add_dataset(project, "raw", [written(folder / "raw.xyz", pool)])
    if training is not None:
        source = written(folder / "training.xyz", training)
        add_dataset(project, "training", [source], child_of="raw" if pool else None)
    options = PotentialOptions(trained_on=None if training is None else "training")
    checkpoint = fit_linear(fitted or training or calm(), settings=SETTINGS).save(folder / "potential.npz")
    add_potential(project, "alloy", checkpoint, adapter="linear", options=options)
    return project


def diagnosed(project: Project, folder: Path, some: Sequence[Frame], **settings: object) -> Diagnosis:
    path = written(folder / "failing.xyz", some)
    return diagnose(project, path, "alloy", settings=DiagnoseSettings(**settings))  # type: ignore[arg-type]


def status(record: Diagnosis, kind: str) -> str:
    return next(found.status for found in record.findings if found.finding == kind)


@pytest.fixture(scope="module")
def chained(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Raw pool, training dataset below the force cut, potential: diagnosed several times, changed by none."""
    return laboratory(tmp_path_factory.mktemp("chained"), calm(), frames())


def hot() -> list[Frame]:
    return sorted((f for f in frames() if f.tags["config_type"] == "distorted"), key=largest_force)[-3:]


# ---- absent things ---------------------------------------------------------------------------------------------------


def test_without_any_dataset_nothing_is_told_and_everything_missing_is_named(tmp_path: Path) -> None:
    record = diagnosed(laboratory(tmp_path, None), tmp_path, [unlabelled(squeezed(calm()[3], 0.9))])
    assert record.verdict in ("cannot_tell", "failure_not_shown")
    labelled = diagnosed(laboratory(tmp_path / "again", None), tmp_path, hot(), tolerance_eV_per_A=0.01)
    assert labelled.verdict == "cannot_tell"
    assert {"Register the training dataset.", "Register the raw pool.", "Register the archive."} <= {
        action.action for action in labelled.actions
    }


def test_without_a_raw_pool_drops_cannot_be_tested(tmp_path: Path) -> None:
    record = diagnosed(laboratory(tmp_path, calm()), tmp_path, hot())
    for kind in ("filtered", "never_computed", "lost_otherwise"):
        assert status(record, kind) == "untestable"
    assert record.verdict not in ("filtered", "never_computed", "lost_otherwise", "look_elsewhere")


def test_without_forces_on_any_dataset_no_cause_is_made_up(tmp_path: Path) -> None:
    bare = [replace(frame, forces_eV_per_A=None) for frame in frames()]
    kept = [f for f, full in zip(bare, frames(), strict=True) if largest_force(full) <= FORCE_CUT]
    record = diagnosed(laboratory(tmp_path, kept, bare, fitted=calm()), tmp_path, [unlabelled(hot()[0])])
    assert status(record, "covered_not_learnt") == "untestable"
    assert status(record, "filtered") != "supported"
    assert status(record, "setup") == "refuted"


def test_the_record_is_valid_json_without_nan(chained: Project, tmp_path: Path) -> None:
    molecule = replace(squeezed(calm()[3]), cell=np.zeros((3, 3)), pbc=np.zeros(3, dtype=bool))
    record = diagnosed(chained, tmp_path, [molecule])
    found = json.loads(to_json(record), parse_constant=lambda name: pytest.fail(name))
    assert found["schema"] == "sonde.diagnose/1"
    assert {"potential", "tolerance", "structures", "rules", "findings", "verdict", "quotes", "changes", "actions"} <= (
        set(found)
    )


# ---- odd input -------------------------------------------------------------------------------------------------------


def test_one_atom_and_a_molecule_are_diagnosed(chained: Project, tmp_path: Path) -> None:
    whole = calm()[3]
    lone = replace(unlabelled(whole), numbers=whole.numbers[:1], positions=whole.positions[:1])
    free = replace(lone, cell=np.zeros((3, 3)), pbc=np.zeros(3, dtype=bool))
    record = diagnosed(chained, tmp_path, [lone, free], timestep_fs=2.0)
    assert len(record.structures) == 2


def test_an_element_that_was_never_computed_is_said_so(chained: Project, tmp_path: Path) -> None:
    foreign = replace(calm()[3], numbers=np.full(calm()[3].n_atoms, 29))
    record = diagnosed(chained, tmp_path, [foreign])
    assert (record.verdict, record.verdict_intent) == ("never_computed", "intent_not_recorded")
    assert record.structures[0].state == "out_of_scope"


def test_an_element_that_the_pool_holds_is_not_called_never_computed(tmp_path: Path) -> None:
    foreign = replace(calm()[3], numbers=np.full(calm()[3].n_atoms, 29))
    record = diagnosed(laboratory(tmp_path, calm(), [*frames(), foreign]), tmp_path, [foreign])
    assert status(record, "never_computed") != "supported"


def test_pool_frames_with_elements_the_potential_does_not_know_are_left_out_and_counted(tmp_path: Path) -> None:
    foreign = [replace(frame, numbers=np.full(frame.n_atoms, 29)) for frame in calm()[:4]]
    record = diagnosed(laboratory(tmp_path, calm(), [*frames(), *foreign]), tmp_path, [unlabelled(calm()[3])])
    assert any(note.startswith("4 frames of the raw pool hold elements") for note in record.notes)


def test_a_training_dataset_of_one_trajectory_makes_coverage_untestable(tmp_path: Path) -> None:
    run = [replace(frame, tags={**frame.tags, "trajectory": "only"}) for frame in calm()]
    record = diagnosed(laboratory(tmp_path, run), tmp_path, hot())
    assert status(record, "covered_not_learnt") == "untestable"


def test_a_file_without_structures_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.xyz").write_text("", encoding="utf-8")
    with pytest.raises(BadInput, match=r"empty\.xyz"):
        diagnose(laboratory(tmp_path, calm()), tmp_path / "empty.xyz", "alloy")


def test_a_probe_of_another_checkpoint_is_not_used(tmp_path: Path) -> None:
    project = laboratory(tmp_path, calm(), frames())
    trust_fit(project, "alloy", "raw")
    fit_linear([*calm()[:60], *hot()], settings=SETTINGS).save(tmp_path / "potential.npz")
    record = diagnosed(project, tmp_path, [unlabelled(hot()[0])])
    assert record.verdict == "setup"
    assert any("another checkpoint" in note for note in record.notes)


# ---- trajectories ----------------------------------------------------------------------------------------------------


def exploding(n_sound: int, *, finite: bool = True) -> list[Frame]:
    """A run whose frame n_sound is squeezed to nothing, or is not a number any more."""
    start = unlabelled(max(calm(), key=lambda frame: len(set(frame.numbers.tolist()))))
    rng = np.random.default_rng(0)
    sound = [
        replace(start, positions=start.positions + rng.normal(0, 0.01, (start.n_atoms, 3))) for _ in range(n_sound)
    ]
    broken = replace(start, positions=start.positions * (0.05 if finite else np.nan), cell=start.cell * 0.3)
    return [*sound, broken, *sound[:1]]


def test_frames_at_and_after_the_anomaly_are_never_used(tmp_path: Path) -> None:
    run = exploding(6)
    material, failure, _ = gather(laboratory(tmp_path, calm()), run, "alloy", RUN, SILENT)
    assert len(material.inputs.frames) == 6
    assert failure.anomaly is not None
    assert failure.anomaly.startswith("frame 6")


def test_a_run_that_ends_in_positions_that_are_no_numbers_is_cut_before_it_is_evaluated(tmp_path: Path) -> None:
    material, failure, _ = gather(laboratory(tmp_path, calm()), exploding(4, finite=False), "alloy", RUN, SILENT)
    assert len(material.inputs.frames) == 4
    assert failure.anomaly == "frame 4: positions are not finite"


def test_a_run_that_is_anomalous_from_the_start_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SondeError, match="diagnose that structure without --trajectory"):
        gather(laboratory(tmp_path, calm()), exploding(0), "alloy", RUN, SILENT)


# ---- confirmation ----------------------------------------------------------------------------------------------------


def test_restoring_the_neighbours_wins_where_a_filter_took_them(tmp_path: Path) -> None:
    """Nine real trainings on a laboratory whose filter took the failing cells' neighbours."""
    built = arrange(Situation.FILTERED_COLLATERAL, sample_plan().region, sample_frames(), 0)
    project = laboratory(tmp_path, built.training, built.pool)
    material, _, _ = gather(project, built.failing, "alloy", DiagnoseSettings(tolerance_eV_per_A=0.5), SILENT)
    found = confirm(project, material)
    assert found.caused_by
    assert found.n_restored > 0
    assert max(found.restored_neighbours_eV_per_A) < min(found.as_trained_eV_per_A)


def test_one_seed_in_which_others_win_is_enough_against_it() -> None:
    errors = {"as_trained": [2.0, 2.0, 2.0], "neighbours": [1.0, 1.0, 1.9], "elsewhere": [1.5, 1.5, 1.8]}
    design = Design((0,), (1,), (0,), 0)
    assert not _confirmation(design, errors).caused_by
    assert _confirmation(design, {**errors, "neighbours": [1.0, 1.0, 1.7]}).caused_by


def test_a_confirmation_that_fails_is_closed_as_failed(chained: Project) -> None:
    failing = hot()[:1]
    material, _, _ = gather(chained, failing, "alloy", DiagnoseSettings(), SILENT)

    def refuses(_: Sequence[Frame], __: int) -> object:
        raise SondeError("out of memory")

    with pytest.raises(SondeError, match="out of memory"):
        confirm(chained, material, train=refuses)  # type: ignore[arg-type]
    assert [run.state for run in chained.runs.all("confirm")] == ["failed"]


def test_confirmation_needs_labels_on_the_failing_structures(chained: Project) -> None:
    material, _, _ = gather(chained, [unlabelled(hot()[0])], "alloy", DiagnoseSettings(), SILENT)
    with pytest.raises(SondeError, match="--confirm needs"):
        confirm(chained, material)
