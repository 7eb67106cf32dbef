"""Training from scratch: the real trainer on few real frames."""

import json
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest
from tests.potentials.al_li_mg import al_li_mg_frames

from sonde.errors import WrongUse
from sonde.potentials.registry import load_potential
from sonde.potentials.residuals import force_residuals
from sonde.records.frames import Frame
from sonde.training.scratch import (
    EpochErrors,
    ScratchSettings,
    TrainingFailed,
    epoch_errors,
    has_settled,
    train_scratch,
)

pytestmark = pytest.mark.skipif(find_spec("mace") is None, reason="needs the extra sonde-mlip[mace]")

TINY = ScratchSettings(channels=4, n_epochs=4, eval_interval=1, cutoff_A=4.0)


@pytest.fixture(scope="module")
def frames(shared_data: Path) -> list[Frame]:
    return [f for f in al_li_mg_frames(shared_data, 2.0) if f.tags["config_type"] == "rattled"][:60]


@pytest.mark.slow
def test_a_run_leaves_a_portable_checkpoint_and_its_record(frames: list[Frame], tmp_path: Path) -> None:
    run = train_scratch(frames[:50], frames[50:], tmp_path / "run", settings=TINY)
    assert [e.epoch for e in run.epochs] == [0, 1, 2, 3]
    assert run.epochs[-1].force_rmse_eV_per_A < run.epochs[0].force_rmse_eV_per_A
    potential = load_potential("mace", run.checkpoint)  # not trusted: so it holds no pickle
    assert potential.identity.elements == (3, 12, 13)
    assert potential.identity.receptive_field_A == 4.0
    measured = force_residuals(potential, frames[50:]).force_rmse_eV_per_A
    best = next(e for e in run.epochs if e.epoch == run.best_epoch)
    # mace reports the error over components, to which our float64 evaluation must come back
    assert measured == pytest.approx(best.force_rmse_eV_per_A, rel=0.01)
    assert potential.reference_energy_eV(13) == pytest.approx(run.reference.energies_eV[13], rel=1e-5)
    record = json.loads(run.record.read_text())
    assert record["status"] == "done"
    assert record["settings"]["seed"] == 0
    assert "--seed" in record["command"]
    assert record["versions"]["mace-torch"]


@pytest.mark.slow
def test_a_failed_trainer_is_reported_with_the_end_of_its_log(frames: list[Frame], tmp_path: Path) -> None:
    with pytest.raises(TrainingFailed, match=r"train\.log, which ends:\n(.|\n)*nowhere"):
        train_scratch(frames[:20], frames[20:25], tmp_path, settings=replace(TINY, device="nowhere"))
    assert json.loads((tmp_path / "run.json").read_text())["status"] == "failed"


def test_frames_that_cannot_train_are_refused(frames: list[Frame], tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="batch_size 5 is larger"):
        train_scratch(frames[:4], frames[4:6], tmp_path)
    with pytest.raises(WrongUse, match="1 of 12 frames lack energies"):
        train_scratch([*frames[:9], replace(frames[9], energy_eV=None)], frames[10:12], tmp_path)
    with pytest.raises(WrongUse, match="found 10 and 0"):
        train_scratch(frames[:10], [], tmp_path)
    pure = [f for f in frames if len(set(f.numbers.tolist())) == 1]
    other = next(f for f in frames if set(f.numbers.tolist()) != set(pure[0].numbers.tolist()))
    with pytest.raises(WrongUse, match="hold elements"):
        train_scratch([pure[0]] * 6, [other], tmp_path)


def test_the_log_of_mace_is_read() -> None:
    line = (
        "2026-11-21 02:58:57.736 INFO: Epoch 25: head: Default, loss=0.02057883, RMSE_E_per_atom=   37.43 meV, "
        "RMSE_F=   55.31 meV / A\n"
    )
    assert epoch_errors(line) == EpochErrors(25, 0.02057883, 37.43, 55.31 / 1000)
    assert epoch_errors("INFO: Initial: head: Default, loss=2.83") is None


def test_settled_is_not_said_of_a_falling_error() -> None:
    falling = [EpochErrors(n, 1.0, 10.0, 1 / (n + 1)) for n in range(12)]
    flat = [EpochErrors(n, 1.0, 10.0, 0.1 + 0.1**n) for n in range(12)]
    assert not has_settled(falling)
    assert has_settled(flat)
    assert not has_settled([])
