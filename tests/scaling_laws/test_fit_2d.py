"""Laws in model size and data: derivatives, recovery, units, real curves."""

import json
from pathlib import Path

import numpy as np
import pytest

from sonde.errors import NotFound, WrongUse
from sonde.records.arrays import FloatArray
from sonde.scaling_laws.fit_2d import Grid, fit_form_2d, grid
from sonde.scaling_laws.forms_2d import FORMS_2D, Form2D, model_2d
from sonde.scaling_laws.law_2d import fit_law_2d, parameters_of

N_SIZES, D_SIZES = 2.0 ** np.arange(16, 23), 2500 * 2.0 ** np.arange(7)
N, D = (np.repeat(axis.ravel(), 2) for axis in np.meshgrid(N_SIZES, D_SIZES))
BROKEN_D = 4 * D**-0.15 * (1 + D / 2e4) ** -0.3
TRUTH: dict[str, FloatArray] = {
    "separable": 5 * N**-0.05 * D**-0.2,
    "hoffmann": 0.1 + 5 * N**-0.3 + 40 * D**-0.4,
    "hoffmann_broken": 0.05 + 5 * N**-0.3 + BROKEN_D,
    "kaplan": ((30 * N**-0.3) ** (1 / 0.3) + (20 * D**-0.3) ** (1 / 0.3)) ** 0.3,
    "kaplan_broken": ((30 * N**-0.3) ** (1 / 0.45) + BROKEN_D ** (1 / 0.45)) ** 0.45,
}


@pytest.mark.parametrize("form", FORMS_2D.values(), ids=lambda form: form.name)
def test_derivatives_are_those_of_finite_differences(form: Form2D) -> None:
    theta = np.array([[0.1, 0.2, 0.3, 0.35, 0.2, 0.4]])[:, : form.n_parameters - form.floor]
    theta = np.concatenate([theta, [[0.15]]], axis=1) if form.floor else theta
    model = model_2d(form, np.array([0.1, -1.0, 2.0]), np.array([0.4, 1.0, -1.0]))
    step = 1e-6
    for place in range(form.n_parameters):
        shift = step * np.eye(form.n_parameters)[place]
        slope = (model(theta + shift)[0] - model(theta - shift)[0]) / (2 * step)
        np.testing.assert_allclose(slope, model(theta)[1][..., place], atol=1e-7)


@pytest.mark.parametrize("name", TRUTH)
def test_every_form_is_recovered_from_its_own_points(name: str) -> None:
    fit = fit_form_2d(grid(N, D, TRUTH[name]), FORMS_2D[name])
    assert fit.cost < 1e-10


def test_parameters_are_those_of_the_formula() -> None:
    law = fit_law_2d(N, D, TRUTH["hoffmann_broken"], form="hoffmann_broken", draws=0)
    expected = {"A": 5, "alpha": 0.3, "B": 4, "beta_1": 0.15, "beta_2": 0.45, "d_break": 2e4, "floor": 0.05}
    assert {name: pytest.approx(value, rel=1e-3) for name, value in expected.items()} == {
        name: estimate.value for name, estimate in law.parameters.items()
    }


@pytest.mark.parametrize("name", ["hoffmann", "kaplan_broken"])
def test_the_form_behind_noisy_points_is_named_and_its_break_with_it(name: str) -> None:
    rng = np.random.default_rng(3)
    law = fit_law_2d(N, D, TRUTH[name] * np.exp(0.02 * rng.standard_normal(len(N))), draws=50)
    assert law.form == name
    assert law.established is FORMS_2D[name].broken


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    rng = np.random.default_rng(0)
    truth = {"A": 5, "alpha": 0.3, "B": 40, "beta": 0.4, "floor": 0.1}
    held = []
    for _ in range(30):
        loss = TRUTH["hoffmann"] * np.exp(0.02 * rng.standard_normal(len(N)))
        found, _ = parameters_of(fit_form_2d(grid(N, D, loss), FORMS_2D["hoffmann"]), np.empty((0, 5)))
        held.append([(found[name].low or 0) <= value <= (found[name].high or np.inf) for name, value in truth.items()])
    # 30 draws of a 95 % interval hold the truth less than 25 times with a probability below 0.4 %.
    assert np.min(np.sum(held, axis=0)) >= 25


def test_no_number_but_amplitudes_and_floor_depends_on_the_unit_of_the_loss() -> None:
    rng = np.random.default_rng(1)
    loss = TRUTH["hoffmann_broken"] * np.exp(0.02 * rng.standard_normal(len(N)))
    one, thousand = (fit_law_2d(N, D, unit * loss, draws=60) for unit in (1.0, 1000.0))
    assert one.form == thousand.form
    assert one.aicc == pytest.approx(thousand.aicc, abs=1e-3)
    for name in ("alpha", "beta_1", "beta_2", "d_break"):
        assert one.parameters[name].value == pytest.approx(thousand.parameters[name].value, rel=1e-3)
    assert [1000 * p.value for p in one.predictions] == pytest.approx([p.value for p in thousand.predictions], rel=1e-3)
    assert [g.value for g in one.gains] == pytest.approx([g.value for g in thousand.gains], rel=1e-3)


def test_doubling_data_wins_where_data_limit_and_parameters_where_they_do() -> None:
    of_data = fit_law_2d(N, D, 0.01 + 1e-3 * N**-0.3 + 40 * D**-0.4, draws=50)
    of_model = fit_law_2d(N, D, 0.01 + 40 * N**-0.4 + 1e-3 * D**-0.3, draws=50)
    assert of_data.data_first == 1.0
    assert of_model.data_first == 0.0
    assert of_data.gains[0].value == pytest.approx(-0.2, abs=0.05)  # 2^-0.4 = 0.76 of what is above the floor


@pytest.mark.parametrize(
    ("n", "d", "loss", "said"),
    [
        ([1, 2, 3], [1, 2], [1, 1, 1], "found 3, 2 and 3"),
        ([1, 2, 3], [1, 2, 3], [1, 0, 1], "loss of point 2 is 0"),
        ([1, 1, 2, 2], [1, 2, 1, 2], [1, 1, 1, 1], "three different values of each; found 2 of N and 2 of D"),
        (
            [1, 2, 3],
            [1, 2, 3],
            [3, 2, 1],
            "support no law of N and D: 3 parameters need 3 sizes of N, 3 of D and 4 pai",
        ),
    ],
)
def test_points_that_carry_no_law_are_refused(n: list[float], d: list[float], loss: list[float], said: str) -> None:
    with pytest.raises(WrongUse, match=said):
        fit_law_2d(n, d, loss)


def test_unknown_forms_and_forms_with_too_many_parameters_are_refused() -> None:
    few = D <= 2500 * 2**4
    with pytest.raises(NotFound, match="cubic"):
        fit_law_2d(N, D, TRUTH["hoffmann"], form="cubic")
    with pytest.raises(WrongUse, match="6 of D"):
        fit_law_2d(N[few], D[few], TRUTH["hoffmann"][few], form="hoffmann_broken")


def test_as_many_points_as_parameters_and_variance_leave_the_criterion_unknown() -> None:
    law = fit_law_2d([1, 2, 3, 1], [1, 2, 3, 2], [3, 2, 1, 2.5], draws=20)
    assert law.form == "separable"
    assert law.aicc is None
    assert all(np.isfinite([one.value, one.low or 0, one.high or 0]).all() for one in law.predictions)


def optimetal(shared_data: Path, model: str, variant: str | None) -> Grid:
    """The two sweeps of one model: data at its own width, width at 20,000 training structures."""
    records = json.loads((shared_data / "scaling/optimetal/scaling_results.json").read_text())
    data, width = (records[axis][model] if variant is None else records[axis][model][variant] for axis in records)
    rows = [(r["num_parameter"], float(size), r["val_loss"]) for size, runs in data.items() for r in runs]
    rows += [(r["num_parameter"], 20000.0, r["val_loss"]) for runs in width.values() for r in runs]
    return grid(*np.array(rows).T)


@pytest.mark.parametrize(("model", "variant"), [("3b", None), ("2b", "variant1"), ("2b", "variant2")])
def test_real_sweeps_need_the_broken_term_and_then_predict_the_largest_training_set(
    shared_data: Path, model: str, variant: str | None
) -> None:
    points = optimetal(shared_data, model, variant)
    law = fit_law_2d(points.N, points.D, points.loss, draws=50)
    errors = {row.form: row.error_at_largest_d for row in law.comparison}
    assert law.established
    assert law.form.endswith("_broken")
    assert (errors[law.form] or 1.0) < 0.5 * (errors["separable"] or 0.0)
    assert any("13 of 49 pairs" in note for note in law.notes)
