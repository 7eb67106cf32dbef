"""Laws and plans from files and projects: real curves, what other data do to a curve, what a plan puts first."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.operations.curves import QUICK, project_with

from sonde.errors import WrongUse
from sonde.operations.learning_curve import learning_curve, write_curve
from sonde.operations.point_trainers import varied_models
from sonde.operations.scaling_fit import scaling_fit, scaling_fit2d, scaling_table
from sonde.operations.scaling_plan import PlanData, PlanQuestion, scaling_plan
from sonde.potentials.linear import LinearSettings
from sonde.records.frames import Frame
from sonde.records.scaling import ScalingPlan
from sonde.sample_lab.frames import sample_frames
from sonde.scaling_laws.curve_columns import CurveColumns
from sonde.scaling_laws.law import Settings

FEW = Settings(draws=0)


def curve_file(folder: Path, sizes: list[int], exponent: float = 0.5, scatter: float = 0.01) -> Path:
    """Write a power law with three seeds a size."""
    rng = np.random.default_rng(4)
    rows = [f"{n},{seed},{n**-exponent * np.exp(scatter * rng.standard_normal())}" for n in sizes for seed in range(3)]
    path = folder / "curve.csv"
    path.write_text("\n".join(["n,seed,rmse", *rows]), encoding="utf-8")
    return path


def kinds(plan: ScalingPlan) -> dict[str, bool]:
    return {option.kind: option.advised for option in plan.options}


def test_a_published_curve_breaks_and_its_largest_size_is_predicted(shared_data: Path) -> None:
    path = shared_data / "scaling" / "optimetal" / "scaling_results.json"
    whole = scaling_fit(path, CurveColumns(where=(("path", "data/3b"),)), settings=FEW)
    found = [one for one, x in zip(whole.points_loss, whole.points_x, strict=True) if x == 160_000]  # type: ignore[arg-type]
    assert whole.established
    assert whole.predictable
    assert whole.backtest.error < whole.backtest.power_law_error  # type: ignore[operator]
    assert whole.backtest.relative_errors[-1] == pytest.approx(0.0, abs=0.02)
    assert np.mean(found) == pytest.approx(0.49, abs=0.02)


def some_models(path: Path, models: set[str], folder: Path) -> Path:
    """Copy the rows of some models of a published table."""
    header, *rows = path.read_text(encoding="utf-8").splitlines()
    fitting = [row for row in rows if row.split(",")[1] in models]
    copy = folder / path.name
    copy.write_text("\n".join([header, *fitting]), encoding="utf-8")
    return copy


def test_curves_on_which_no_law_should_rest_are_marked(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "scaling" / "data_efficiency"
    mace = some_models(folder / "mace_learning.csv", {"v2-base", "v1_l0", "no_rescaling"}, tmp_path)
    table = scaling_table(mace, "model", CurveColumns(loss="f"), settings=FEW)
    assert [(one.curve, one.pathological) for one in table.curves] == [
        ("v2-base", False),
        ("v1_l0", False),
        ("no_rescaling", True),  # 4.5 times the error at a hundred times the data
    ]
    same = {"baseline", "non_trainable_bessel", "2-layer", "3-layer"}
    nequip = some_models(folder / "nequip_learning.csv", same, tmp_path)
    found = {one.curve: one for one in scaling_table(nequip, "model", CurveColumns(loss="f"), settings=FEW).curves}
    assert {name: one.same_as for name, one in found.items() if one.same_as} == {"2-layer": "non_trainable_bessel"}
    assert found["baseline"].pathological  # an error of 21.8 at five structures: it had not learnt at all
    assert not found["3-layer"].pathological


def test_curves_that_cannot_be_fitted_stay_in_the_table(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    rows = [f"good,{n},{n**-0.5}" for n in (10, 20, 40, 80)] + ["short,10,1", "short,20,0.9", "bad,10,-1", "bad,20,1"]
    path.write_text("\n".join(["model,n,loss", *rows]), encoding="utf-8")
    good, short, bad = scaling_table(path, "model", settings=FEW).curves
    assert (good.refused, good.pathological) == (None, False)
    assert "at least 3 different sizes" in (short.refused or "")
    assert "loss is -1" in (bad.refused or "")
    assert short.pathological
    assert bad.pathological


def test_frames_of_another_surface_are_not_mistaken_for_learning(tmp_path: Path) -> None:
    """The second half of the file is on another functional; the curve itself is a clean power law."""
    frames = sample_frames()[:128]
    mixed = [replace(f, tags={**f.tags, "xc": "PBE" if k < 64 else "PBEsol"}) for k, f in enumerate(frames)]
    project = project_with(tmp_path / "p", mixed=mixed, pure=mixed[:64])
    path = curve_file(tmp_path, [8, 16, 32, 64, 128])
    alone = scaling_fit(path, settings=FEW)
    beside = scaling_fit(path, settings=FEW, dataset=(project, "mixed"))
    assert alone.predictable
    assert beside.predictable is False
    reading = next(one for one in beside.readings if one.kind == "surface_changes")
    assert reading.x == (64, 128)
    assert "functional=PBESOL" in reading.message
    with pytest.raises(WrongUse, match="pure has 64 frames, the curve's largest size is 128"):
        scaling_fit(path, settings=FEW, dataset=(project, "pure"))


def with_contradictions(frames: Sequence[Frame]) -> list[Frame]:
    """Every eighth frame once more, on another surface: the same geometry, an energy 0.2 eV per atom higher."""
    again = [
        replace(f, energy_eV=(f.energy_eV or 0.0) + 0.2 * f.n_atoms, tags={**f.tags, "functional": "PBE+U"})
        for f in frames[::8]
    ]
    return [*frames, *again]


def test_data_come_before_capacity(tmp_path: Path) -> None:
    frames = sample_frames()[:160]
    project = project_with(tmp_path / "p", mixed=with_contradictions(frames), raw=frames, train=frames[:100])
    path = curve_file(tmp_path, [10, 20, 40, 80, 160])
    blocked = scaling_plan(path, data=PlanData(project, "mixed"), settings=FEW)
    assert blocked.open_alarms
    assert kinds(blocked) == {"repair_labels": True, "new_labels": False}
    assert blocked.advice.startswith("First: bring the labels of mixed onto one surface")
    clean = scaling_plan(path, data=PlanData(project, "train", parent="raw"), settings=FEW)
    assert not clean.open_alarms
    assert kinds(clean)["restore_dropped"]
    assert next(o for o in clean.options if o.kind == "restore_dropped").n_frames == 60


def test_a_target_is_reached_where_the_law_says(tmp_path: Path) -> None:
    path = curve_file(tmp_path, [100, 200, 400, 800, 1600])
    plan = scaling_plan(path, PlanQuestion(targets=(0.0125,), budgets=(3200,)), settings=FEW)
    (target,), (budget,) = plan.labels_for, plan.at_budget
    assert target.low is not None
    assert target.high is not None
    assert target.low < 6400 < target.high  # 6400^-1/2 = 1/80
    assert budget.low is not None
    assert budget.high is not None
    assert budget.low < 3200**-0.5 < budget.high


def test_what_may_not_be_extrapolated_gives_no_numbers(tmp_path: Path) -> None:
    path = curve_file(tmp_path, [100, 200, 400, 800], exponent=-0.3)
    plan = scaling_plan(path, PlanQuestion(targets=(0.1,), budgets=(3200,)), settings=FEW)
    assert plan.predictable is False
    assert (plan.labels_for, plan.at_budget) == ((), ())
    assert all(option.change is None for option in plan.options)


def test_a_measured_grid_goes_through_all_commands(tmp_path: Path) -> None:
    project = project_with(tmp_path / "p", cells=sample_frames())
    models = tuple(replace(LinearSettings(n_product=1, l_max=0), n_radial=n) for n in (2, 4, 8))
    path = write_curve(learning_curve(project, "cells", options=replace(QUICK, models=models)), tmp_path / "grid.csv")
    grid = scaling_fit2d(path, draws=20)
    assert (grid.n_pairs, grid.loss) == (12, "force_rmse_eV_per_A")
    assert grid.predictable is not True  # models that differ by a factor of less than two in parameters
    plan = scaling_plan(path, settings=FEW)
    assert {one.group for one in plan.groups} == {"rattled", "bulk_strain", "distorted"}


def test_models_are_varied_by_name() -> None:
    assert [one.channels for one in varied_models("mace", "channels", (8, 16))] == [8, 16]  # type: ignore[union-attr]
    with pytest.raises(WrongUse, match="linear has no setting 'chanels' that is a number; it has cutoff_A, n_radial"):
        varied_models("linear", "chanels", (8,))
    with pytest.raises(WrongUse, match=r"n_radial takes whole numbers from 0 on; found \[2.5\]"):
        varied_models("linear", "n_radial", (2.5,))
    with pytest.raises(WrongUse, match="found none"):
        varied_models("linear", "n_radial", ())
