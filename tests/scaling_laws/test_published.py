"""The published broken law on its authors' own points, and what of it depends on the unit of the loss."""

import json
from pathlib import Path

import numpy as np
import pytest

from sonde.errors import SondeError, WrongUse
from sonde.records.arrays import FloatArray
from sonde.scaling_laws.published import PublishedFit, beside_ours, fit_published

# Tables of the authors' repository (MaxGrossmann/optimetal, research/scaling_data/scaling, MIT): α₁, α₂, log₁₀ of the
# crossover, its standard error's log₁₀, AICc; with an amplitude: α₁, α₂, log₁₀ of the crossover, A, AICc.
TABLE = {
    ("2b", "variant1"): (0.15, 0.42, 4.72, 3.33, -57.74),
    ("2b", "variant2"): (0.18, 0.39, 4.62, 3.62, -44.88),
    ("3b", None): (0.17, 0.38, 4.43, 3.25, -57.70),
}
TABLE_WITH_AMPLITUDE = {
    ("2b", "variant1"): (0.16, 0.51, 5.00, 0.87, -49.89),
    ("2b", "variant2"): (0.11, 0.32, 3.87, 1.55, -38.72),
    ("3b", None): (0.12, 0.34, 4.03, 1.27, -48.48),
}
X = np.repeat(500 * 2.0 ** np.arange(7), 3)
LAW = (8000 / X) ** 0.6 * (1 + 8000 / X) ** -0.4
NOISE = np.exp(0.01 * np.random.default_rng(0).standard_normal(len(X)))


def runs(shared_data: Path, model: tuple[str, str | None]) -> tuple[FloatArray, FloatArray]:
    """Training-set sizes and losses of one model."""
    records = json.loads((shared_data / "scaling/optimetal/scaling_results.json").read_text())["data"][model[0]]
    own = records if model[1] is None else records[model[1]]
    x, loss = np.array([(float(size), run["val_loss"]) for size, sizes in own.items() for run in sizes]).T
    return x, loss


@pytest.mark.parametrize("model", TABLE)
def test_the_published_table_is_reproduced(shared_data: Path, model: tuple[str, str | None]) -> None:
    fit, row = fit_published(*runs(shared_data, model)), TABLE[model]
    assert (fit.alpha_1, fit.alpha_2, np.log10(fit.x_break)) == pytest.approx(row[:3], abs=0.01)
    assert np.log10(fit.x_break_error) == pytest.approx(row[3], abs=0.01)
    assert fit.aicc == pytest.approx(row[4], abs=0.01)


@pytest.mark.parametrize("model", TABLE_WITH_AMPLITUDE)
def test_the_published_table_with_an_amplitude_is_reproduced(shared_data: Path, model: tuple[str, str | None]) -> None:
    fit, row = fit_published(*runs(shared_data, model), with_amplitude=True), TABLE_WITH_AMPLITUDE[model]
    assert (fit.alpha_1, fit.alpha_2, np.log10(fit.x_break), fit.amplitude) == pytest.approx(row[:4], abs=0.01)
    assert fit.aicc == pytest.approx(row[4], abs=0.01)


@pytest.mark.parametrize("model", TABLE)
def test_the_unit_changes_the_published_exponents_and_not_ours(
    shared_data: Path, model: tuple[str, str | None]
) -> None:
    found = beside_ours(*runs(shared_data, model))
    for one in found.in_units:
        for name in ("alpha_1", "alpha_2", "x_break"):
            assert one.ours[name] == pytest.approx(found.ours.parameters[name].value, rel=1e-3)
        assert one.published is None or abs(one.published.alpha_1 - found.published.alpha_1) > 0.03
    assert "its crossover is where the law passes 0.8" in found.reason
    assert f"ours stay {found.ours.parameters['alpha_1'].value:.2f} and" in found.reason


def test_at_the_crossover_the_law_without_amplitude_is_a_bare_number() -> None:
    fit = fit_published(X, LAW * NOISE)
    assert fit(np.array([fit.x_break]))[0] == pytest.approx(2 ** (fit.alpha_1 - fit.alpha_2))


def test_the_form_is_recovered_from_its_own_points_in_their_own_unit_only() -> None:
    fit = fit_published(X, LAW * NOISE)
    assert close(fit)
    elsewhere = beside_ours(X, LAW * NOISE).in_units
    assert not any(close(one.published) for one in elsewhere)


def close(fit: PublishedFit | None) -> bool:
    """Whether the exponents are those of the law behind the points: 0.2 and 0.6."""
    return fit is not None and abs(fit.alpha_1 - 0.2) < 0.05 and abs(fit.alpha_2 - 0.6) < 0.05


def test_standard_errors_follow_from_the_replicates() -> None:
    fit = fit_published(X, LAW * NOISE)
    assert 0 < fit.alpha_1_error < 0.1
    assert 0 < fit.alpha_2_error < 0.1


def test_one_run_a_size_has_no_published_weight() -> None:
    with pytest.raises(WrongUse, match="runs that differ at every size; those at 500 do not"):
        fit_published(X[::3], LAW[::3])


def test_a_start_that_leads_nowhere_is_said_to() -> None:
    with pytest.raises(SondeError, match="leads nowhere from its single start"):
        fit_published(X, 1e30 * LAW * NOISE)


def test_few_sizes_have_no_criterion() -> None:
    few = X <= 4000
    assert fit_published(X[few], (LAW * NOISE)[few]).aicc is None
