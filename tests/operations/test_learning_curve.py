"""Learning curves on real cells: what is trained, what is measured, what is kept, and what is refused."""

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from tests.operations.curves import QUICK, SMALL, project_with

from sonde.errors import SondeError, WrongUse
from sonde.operations.curve_frames import FramesOptions, curve_frames
from sonde.operations.learning_curve import CurveOptions, learning_curve, write_curve
from sonde.operations.point_trainers import LinearTrainer, MaceTrainer, TrainedPoint, point_trainer
from sonde.potentials.linear import LinearPotential, LinearSettings, fit_linear
from sonde.potentials.registry import load_potential
from sonde.potentials.residuals import force_residuals
from sonde.records.frames import Frame
from sonde.records.jsonable import to_json
from sonde.records.learning_curves import group_gains
from sonde.sample_lab.frames import sample_frames
from sonde.scaling_laws.subsets import nested_subsets
from sonde.store import Project
from sonde.training.scratch import ScratchSettings
from sonde.views.learning_curves import show_learning_curve


class Counting(LinearTrainer):
    """The linear trainer, with a list of what it trained; `before` may get in its way."""

    def __init__(self, before: Callable[[int], None] = lambda _: None) -> None:
        super().__init__((SMALL,))
        self.trained: list[tuple[int, int]] = []
        self._before = before

    def train(self, model: int, frames: Sequence[Frame], watched: Sequence[Frame], seed: int) -> TrainedPoint:
        self._before(len(self.trained))
        self.trained.append((len(frames), seed))
        return super().train(model, frames, watched, seed)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return project_with(tmp_path, cells=sample_frames())


def states(project: Project) -> list[str]:
    return [run.state for run in project.runs.all("learning_curve")]


def test_the_error_falls_and_every_point_is_a_run(project: Project) -> None:
    curve = learning_curve(project, "cells", options=QUICK)
    assert [(p.n_frames, p.seed) for p in curve.points] == [(n, s) for n in (12, 24, 48, 96) for s in (0, 1, 2)]
    rmse = np.array([p.overall.force_rmse_eV_per_A for p in curve.points], float).reshape(4, 3)
    assert rmse[-1].mean() < 0.5 * rmse[0].mean()
    assert curve.held_out.split_off
    assert curve.held_out.n_frames == round(0.15 * 311)
    assert curve.n_pool + curve.held_out.n_frames == 311
    runs = project.runs.all("learning_curve")
    assert [run.id for run in runs] == [p.run for p in curve.points]
    assert {run.state for run in runs} == {"done"}
    assert {run.settings["held_out"] for run in runs} == {curve.held_out.digest}
    assert len({run.settings["selection"] for run in runs}) == 12
    assert runs[0].settings["model"]["n_radial"] == 5
    assert runs[0].settings["versions"]["numpy"] == np.__version__
    assert json.loads(to_json(curve))["schema"] == "sonde.scaling_curve/1"


def test_a_point_is_what_one_would_fit_and_measure_by_hand(project: Project) -> None:
    curve = learning_curve(project, "cells", options=QUICK)
    frames = curve_frames(project, "cells", None, FramesOptions(watch=False))
    (chosen,) = nested_subsets(frames.pool_groups, (48,), 1, frames.units)
    potential = fit_linear([frames.pool[k] for k in chosen], settings=SMALL)
    found = potential.evaluate(frames.held_out)
    labels = [f.forces_eV_per_A for f in frames.held_out if f.forces_eV_per_A is not None]
    errors = np.concatenate([(e.forces_eV_per_A - x).ravel() for e, x in zip(found, labels, strict=True)])
    energies = [
        1000 * (e.energy_eV - (f.energy_eV or 0)) / f.n_atoms for e, f in zip(found, frames.held_out, strict=True)
    ]
    point = next(p for p in curve.points if (p.n_frames, p.seed) == (48, 1))
    assert point.overall.force_rmse_eV_per_A == pytest.approx(np.sqrt(np.mean(errors**2)), rel=1e-9)
    assert point.overall.force_mae_eV_per_A == pytest.approx(np.mean(np.abs(errors)), rel=1e-9)
    assert point.overall.energy_rmse_meV_per_atom == pytest.approx(np.sqrt(np.mean(np.square(energies))), rel=1e-9)
    assert point.n_parameters == 3 + 3 * (3 * 5 + 6)  # constants, and per centre 15 pair and 6 product features
    assert point.converged is True


def test_groups_tell_what_entered_and_their_own_errors(project: Project) -> None:
    curve = learning_curve(project, "cells", options=QUICK)
    assert curve.groups == {"bulk_strain": 38, "distorted": 73, "rattled": 153}
    for point in curve.points:
        groups = point.errors[1:]
        assert [errors.group for errors in groups] == ["bulk_strain", "distorted", "rattled"]
        assert sum(errors.n_training_frames for errors in groups) == point.n_frames
        assert sum(errors.training_share for errors in groups) == pytest.approx(1)
        assert all(abs(e.training_share - curve.groups[e.group] / 264) * point.n_frames < 1 for e in groups)
        assert sum(errors.n_held_out_frames for errors in groups) == curve.held_out.n_frames
    last = {errors.group: errors.force_rmse_eV_per_A for errors in curve.points[-1].errors}
    assert (last["distorted"] or 0) > 2 * (last["rattled"] or 0)  # forces up to 49 eV/Å against some 1 eV/Å


def test_frames_of_the_group_that_lacks_them_buy_the_most(project: Project) -> None:
    """Strongly displaced cells carry nearly all of the error: forty more of them help, strained crystals do not."""
    curve = learning_curve(project, "cells", options=replace(QUICK, enrich_by=40, seeds=(0, 1)))
    gains = group_gains(curve)
    assert {(g.group, g.n_before, g.n_added) for g in gains} == {
        ("bulk_strain", 48, 31), ("distorted", 48, 40), ("rattled", 48, 40),
    }  # fmt: skip
    after = {name: np.mean([g.overall_after_eV_per_A or 0 for g in gains if g.group == name]) for name in curve.groups}
    before = np.mean([g.overall_before_eV_per_A or 0 for g in gains])
    assert after["distorted"] < 0.85 * before  # measured: 0.80, and 0.99 and 1.01 for the others
    assert min(after["bulk_strain"], after["rattled"]) > 0.95 * before
    enriched = next(p for p in curve.enriched if p.enriched == "distorted")
    base = next(p for p in curve.points if (p.n_frames, p.seed) == (48, enriched.seed))
    grown = [
        new.n_training_frames - old.n_training_frames for new, old in zip(enriched.errors, base.errors, strict=True)
    ]
    assert grown == [40, 0, 40, 0]
    assert len(curve.points) == 8


def test_what_is_done_is_not_trained_again(project: Project) -> None:
    trainer = Counting()
    first = learning_curve(project, "cells", options=QUICK, trainer=trainer)
    assert len(trainer.trained) == 12
    again = learning_curve(project, "cells", options=QUICK, trainer=trainer)
    assert len(trainer.trained) == 12
    assert [replace(p, resumed=False) for p in again.points] == list(first.points)
    assert "12 of 12 points were taken over" in again.notes[-1]
    longer = learning_curve(project, "cells", options=replace(QUICK, sizes=(12, 24, 48, 96, 192)), trainer=trainer)
    assert trainer.trained[12:] == [(192, 0), (192, 1), (192, 2)]
    assert len(longer.points) == 15
    learning_curve(project, "cells", options=replace(QUICK, seeds=(3,), sizes=(12,)), trainer=trainer)
    assert trainer.trained[15:] == [(12, 3)]


def test_other_settings_are_other_points(project: Project) -> None:
    learning_curve(project, "cells", options=replace(QUICK, sizes=(12,)))
    other = replace(QUICK, sizes=(12,), models=(replace(SMALL, ridge=1e-3),))
    assert not any(p.resumed for p in learning_curve(project, "cells", options=other).points)
    assert len(states(project)) == 6


def test_several_models_make_a_grid(project: Project) -> None:
    models = (SMALL, replace(SMALL, n_radial=8))
    grid = learning_curve(project, "cells", options=replace(QUICK, models=models, seeds=(0,), sizes=(48, 96)))
    assert [(p.n_frames, p.n_parameters) for p in grid.points] == [(48, 66), (48, 93), (96, 66), (96, 93)]
    # the same point, asked for among other models: it is found, under its new place
    (point,) = learning_curve(
        project, "cells", options=replace(QUICK, models=models[1:], seeds=(0,), sizes=(48,))
    ).points
    assert (point.resumed, point.model, point.n_parameters) == (True, 0, 93)


def test_an_interrupted_curve_goes_on(project: Project) -> None:
    def interrupt(n_trained: int) -> None:
        if n_trained == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        learning_curve(project, "cells", options=QUICK, trainer=Counting(interrupt))
    assert states(project) == ["done"] * 5 + ["stopped"]
    rest = Counting()
    assert len(learning_curve(project, "cells", options=QUICK, trainer=rest).points) == 12
    assert len(rest.trained) == 7


KILLED = """
import sys
from pathlib import Path
from sonde.operations.learning_curve import CurveOptions, learning_curve
from sonde.potentials.linear import LinearSettings
from sonde.store import Project
model = LinearSettings(n_radial=5, n_product=1, l_max=0)
options = CurveOptions(sizes=(12, 24), seeds=(0, 1), trainer="linear", models=(model,))
learning_curve(Project.open(Path(sys.argv[1])), "cells", options=options)
"""


def test_a_killed_curve_keeps_what_was_done(project: Project) -> None:
    environment = {**os.environ, "SONDE_FAILPOINT": "run_end.written:3"}
    command = [sys.executable, "-c", KILLED, str(project.root)]
    assert subprocess.run(command, env=environment, check=False).returncode == -9
    assert states(project) == ["done", "done", "running"]
    rest = Counting()
    options = replace(QUICK, sizes=(12, 24), seeds=(0, 1))
    assert len(learning_curve(project, "cells", options=options, trainer=rest).points) == 4
    assert rest.trained == [(24, 0), (24, 1)]


def test_a_failed_training_is_a_failed_run_and_the_curve_goes_on(project: Project) -> None:
    def fail(n_trained: int) -> None:
        if n_trained == 4:
            trainer.trained.append((0, 0))
            raise SondeError("the trainer ran out of memory")

    trainer = Counting(fail)
    curve = learning_curve(project, "cells", options=QUICK, trainer=trainer)
    assert len(curve.points) == 11
    (failed,) = curve.failed
    assert (failed.n_frames, failed.seed) == (24, 1)
    assert project.runs.row(failed.run).state == "failed"
    assert project.runs.row(failed.run).result == {"error": "the trainer ran out of memory"}
    assert "1 of 12 trainings failed and are missing from the curve" in curve.notes[-1]
    mended = learning_curve(project, "cells", options=QUICK)
    assert len(mended.points) == 12
    assert sum(point.resumed for point in mended.points) == 11


def test_a_subset_without_an_element_fails_where_it_was_asked_for(project: Project) -> None:
    seeds = tuple(range(8))
    curve = learning_curve(project, "cells", options=replace(QUICK, sizes=(1, 96), seeds=seeds))
    frames = curve_frames(project, "cells", None, FramesOptions(watch=False))
    first = {seed: nested_subsets(frames.pool_groups, (1,), seed, frames.units)[0][0] for seed in seeds}
    lacking = [seed for seed, k in first.items() if set(frames.pool[k].numbers) != {3, 12, 13}]
    assert [(failed.n_frames, failed.seed) for failed in curve.failed] == [(1, seed) for seed in lacking]
    assert all("which this linear potential does not know" in failed.reason for failed in curve.failed)
    assert len(curve.points) == 16 - len(lacking) < 16


def test_sizes_nobody_asked_for_begin_where_all_elements_are_known(project: Project) -> None:
    curve = learning_curve(project, "cells", options=replace(QUICK, sizes=None))
    assert curve.sizes[-1] == int(0.8 * 264)
    assert all(a == pytest.approx(b / 2, abs=1) for a, b in zip(curve.sizes, curve.sizes[1:], strict=False))
    assert len(curve.sizes) >= 6
    assert curve.failed == ()
    assert any("of their frames in common" in note for note in curve.notes)


def test_an_error_of_our_own_ends_the_curve_and_closes_the_run(project: Project) -> None:
    def broken(_: int) -> None:
        raise ZeroDivisionError("a defect")

    with pytest.raises(ZeroDivisionError):
        learning_curve(project, "cells", options=QUICK, trainer=Counting(broken))
    assert states(project) == ["failed"]


class Exploding(LinearTrainer):
    """Fits a potential that gives no numbers."""

    def train(self, model: int, frames: Sequence[Frame], watched: Sequence[Frame], seed: int) -> TrainedPoint:
        trained = super().train(model, frames, watched, seed)
        assert isinstance(trained.potential, LinearPotential)
        parameters = trained.potential.parameters
        return replace(trained, potential=LinearPotential(replace(parameters, weights=parameters.weights * np.nan)))


def test_a_diverged_training_is_no_number(project: Project) -> None:
    curve = learning_curve(project, "cells", options=replace(QUICK, seeds=(0,)), trainer=Exploding((SMALL,)))
    assert curve.points == ()
    assert "the training diverged" in curve.failed[0].reason
    assert "No training has given a potential" in shown(curve_of=curve)


# ---- the table, the view, the trainers ----


def shown(curve_of: object) -> str:
    console = Console(file=io.StringIO(), width=140)
    show_learning_curve(curve_of, console)  # type: ignore[arg-type]
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_table(tmp_path: Path) -> None:
    lone = replace(sample_frames()[0], tags={"config_type": "lone"})
    project = project_with(tmp_path, cells=[lone, *sample_frames()[1:]])
    curve = learning_curve(project, "cells", options=replace(QUICK, sizes=(48, 96), seeds=(0, 1)))
    path = tmp_path / "curve.csv"
    path.write_text("what was there before")
    write_curve(curve, path)
    rows = list(csv.DictReader(io.StringIO(path.read_text())))
    assert list(rows[0]) == [
        "group", "n_frames", "n_group_frames", "n_parameters", "seed", "force_rmse_eV_per_A",
        "force_mae_eV_per_A", "energy_rmse_meV_per_atom", "converged", "run",
    ]  # fmt: skip
    whole = [row for row in rows if row["group"] == "all"]
    assert [(row["n_frames"], row["seed"], row["run"]) for row in whole] == [
        ("48", "0", "1"), ("48", "1", "2"), ("96", "0", "3"), ("96", "1", "4"),
    ]  # fmt: skip
    assert float(whole[-1]["force_rmse_eV_per_A"]) == curve.points[-1].overall.force_rmse_eV_per_A
    assert whole[0]["converged"] == "True"
    assert {row["force_rmse_eV_per_A"] for row in rows if row["group"] == "lone"} == {""}  # none is held out
    assert [entry.name for entry in tmp_path.iterdir() if entry.suffix in (".csv", ".tmp")] == ["curve.csv"]
    with pytest.raises(FileNotFoundError):
        write_curve(curve, tmp_path / "nowhere" / "curve.csv")


def test_the_view(project: Project) -> None:
    curve = learning_curve(project, "cells", options=replace(QUICK, sizes=(1, 48, 96), enrich_by=5))
    text = shown(curve)
    assert "subsets of 264 frames, 47 held-out frames split off" in text
    line = next(line.split() for line in text.splitlines() if line.strip().startswith("96 "))
    rmse = [p.overall.force_rmse_eV_per_A or 0 for p in curve.points if p.n_frames == 96]
    assert line[:5] == ["96", "66", *(f"{value:.4g}" for value in rmse)]
    assert line[5:7] == [f"{np.mean(rmse):.4g}", f"{np.std(rmse, ddof=1):.4g}"]
    assert "3/3" in line
    assert "frames of one group added to 48" in text
    assert "which this linear potential does not know" in text


def test_a_trainer_is_asked_for_by_name_and_kind() -> None:
    assert point_trainer("linear").models == ({**LinearSettings().__dict__},)
    with pytest.raises(WrongUse, match="not with 'schnet'"):
        point_trainer("schnet")  # type: ignore[arg-type]
    with pytest.raises(WrongUse, match="Models of the trainer mace are ScratchSettings, not LinearSettings"):
        point_trainer("mace", (SMALL,))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (CurveOptions(seeds=()), "at least one"),
        (CurveOptions(seeds=(1, 1)), "different numbers"),
        (replace(QUICK, enrich_by=-1), "enrich_by counts frames"),
        (replace(QUICK, held_out_fraction=1.0), "between 0 and 1"),
        (replace(QUICK, sizes=(96, 12)), "must ascend"),
        (replace(QUICK, sizes=(12, 999)), "between 1 and the 264 frames"),
    ],
)
def test_options_that_cannot_be(options: CurveOptions, message: str, project: Project) -> None:
    with pytest.raises(WrongUse, match=message):
        learning_curve(project, "cells", options=replace(options, trainer="linear", models=(SMALL,)))
    assert states(project) == []


@pytest.mark.skipif(find_spec("mace") is None, reason="needs the extra sonde-mlip[mace]")
def test_small_subsets_get_as_many_steps() -> None:
    trainer = MaceTrainer((ScratchSettings(batch_size=5, n_epochs=30, eval_interval=2),), least_steps=1200)
    small, large = trainer.settings(0, 23), trainer.settings(0, 1000)
    assert small["n_epochs"] == 300  # 4 whole batches per epoch
    assert small["eval_interval"] == 5
    assert (large["n_epochs"], large["eval_interval"]) == (30, 2)
    assert trainer.fewest_frames == 5


@pytest.mark.slow
@pytest.mark.skipif(find_spec("mace") is None, reason="needs the extra sonde-mlip[mace]")
def test_a_curve_of_mace_potentials(tmp_path: Path) -> None:
    rattled = [f for f in sample_frames() if f.tags["config_type"] == "rattled"]
    project = project_with(tmp_path, cells=rattled[::2])
    tiny = ScratchSettings(channels=2, n_epochs=2, eval_interval=1, cutoff_A=3.5)
    options = CurveOptions((10, 40), (0,), models=(tiny,), least_steps=10, folder=tmp_path / "trainings")
    curve = learning_curve(project, "cells", options=options)
    assert [p.n_frames for p in curve.points] == [10, 40]
    assert curve.n_watched == round(0.1 * (90 - curve.held_out.n_frames))
    folders = [tmp_path / "trainings" / f"model0-frames{n}-seed0" for n in (10, 40)]
    records = [json.loads((folder / "run.json").read_text()) for folder in folders]
    assert [p.converged for p in curve.points] == [record["converged"] for record in records]
    assert [record["n_train"] for record in records] == [10, 40]
    unsettled = sum(not record["converged"] for record in records)
    assert f"{unsettled} of 2 trainings had not settled" in "\n".join(curve.notes) or not unsettled
    assert [run.settings["model"]["n_epochs"] for run in project.runs.all()] == [5, 2]
    assert curve.points[0].n_parameters == curve.points[1].n_parameters > 100
    potential = load_potential("mace", folders[1] / "potential.pt")
    divided = curve_frames(project, "cells", None)
    measured = force_residuals(potential, divided.held_out).force_rmse_eV_per_A
    assert curve.points[1].overall.force_rmse_eV_per_A == pytest.approx(measured, rel=1e-6)
    again = learning_curve(project, "cells", options=options)
    assert [p.resumed for p in again.points] == [True, True]
