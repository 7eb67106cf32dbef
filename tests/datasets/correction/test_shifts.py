"""Shifts per element: recovered where pairs determine them, within their intervals, and refused where they do not."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from tests.datasets.correction.planted import (
    BINARIES,
    SHIFTS_EV,
    both_surfaces,
    cells,
    noise_by_composition,
    placed,
    planted_shift,
)

from sonde.datasets.correction.cross_validation import residuals
from sonde.datasets.correction.environments import Environments
from sonde.datasets.correction.pairs import Choices, SurfacePair, surface_pairs
from sonde.datasets.correction.places import Place
from sonde.datasets.correction.robust_fit import least_squares, robust_fit
from sonde.datasets.correction.shifts import ShiftFit, fit_shifts, pair_table
from sonde.datasets.correction.surface_choice import surface_choice
from sonde.records.correction import ElementShift
from sonde.records.frames import Frame

TO_PBE = Choices(surface_choice("PBE"))


@pytest.fixture(scope="module")
def alloys(shared_data: Path) -> list[Frame]:
    """256 cells of 43 compositions."""
    return cells(shared_data, (*BINARIES, "Multinary"))


def fitted(frames: Sequence[Frame], noise_eV: Sequence[float] | None = None) -> ShiftFit:
    search = surface_pairs(placed(both_surfaces(frames, noise_eV)), TO_PBE)
    assert len(search.pairs) == len(frames)
    return fit_shifts(pair_table(search.pairs))


NOWHERE = Environments(np.zeros(0, int), {}, None, None)


def quick(frames: Sequence[Frame], noise_eV: Sequence[float]) -> ShiftFit:
    """The same without the search for pairs."""
    pairs = []
    for frame, eV in zip(frames, noise_eV, strict=True):
        place = Place("planted", frame)
        numbers, counts = np.unique(frame.numbers, return_counts=True)
        corrected = dict(zip(numbers.tolist(), counts.tolist(), strict=True))
        difference = planted_shift(frame) + eV * frame.n_atoms
        pairs.append(SurfacePair(place, place, corrected, difference, None, False, None, NOWHERE))
    return fit_shifts(pair_table(pairs))


def covers(shift: ElementShift) -> bool:
    assert shift.interval is not None
    return shift.interval.low_eV <= SHIFTS_EV[shift.element] <= shift.interval.high_eV


def test_planted_shifts_of_four_metals_come_back(alloys: list[Frame]) -> None:
    found = fitted(alloys)
    assert {shift.element: shift.shift_eV for shift in found.shifts} == pytest.approx(SHIFTS_EV, abs=1e-6)
    assert all(shift.identifiable and shift.n_pairs > 100 for shift in found.shifts)
    noisy = fitted(alloys, noise_by_composition(alloys, seed=1))
    assert all(covers(shift) for shift in noisy.shifts)
    assert {shift.interval_from for shift in noisy.shifts} == {"leaving out compositions"}


def test_intervals_cover_what_was_planted(alloys: list[Frame]) -> None:
    """Where compositions err alike, 95 % intervals hold the truth; those that take pairs as units are too narrow."""
    hits, naive = [], []
    for seed in range(50):
        some = [alloys[k] for k in np.random.default_rng(seed).choice(len(alloys), 60, replace=False)]
        for shift in quick(some, noise_by_composition(some, seed)).shifts:
            assert shift.analytic is not None
            hits.append(covers(shift))
            naive.append(shift.analytic.low_eV <= SHIFTS_EV[shift.element] <= shift.analytic.high_eV)
    assert len(hits) == 200
    assert 0.90 <= np.mean(hits) <= 0.99
    assert np.mean(naive) < np.mean(hits) - 0.05


def test_one_tenth_of_gross_errors_moves_nothing(alloys: list[Frame]) -> None:
    noise = noise_by_composition(alloys, 2, of_composition=0.0)
    spoiled = [eV + (5.0 if k % 10 == 0 else 0.0) for k, eV in enumerate(noise)]
    clean, found = quick(alloys, noise), quick(alloys, spoiled)
    assert found.known == pytest.approx(clean.known, abs=0.003)
    plain = least_squares(found.table.X, found.table.y, np.ones(len(spoiled)))
    assert np.abs(plain - list(clean.known.values())).min() > 0.3
    assert np.count_nonzero(found.fit.weights == 0) == pytest.approx(len(spoiled) / 10, abs=3)


def test_metals_in_one_ratio_only_are_named_and_refused(shared_data: Path) -> None:
    equal = [f for f in cells(shared_data, ["MoW"]) if np.count_nonzero(f.numbers == 42) == f.n_atoms // 2]
    found = fitted([*equal, *cells(shared_data, ["NbTa"])])
    by_element = {shift.element: shift for shift in found.shifts}
    for element in ("Mo", "W"):
        assert by_element[element].shift_eV is None
        assert by_element[element].interval is None
        assert by_element[element].why_not == "the pairs cannot tell Mo and W (always 1 : 1) apart"
    assert {el: by_element[el].shift_eV for el in ("Nb", "Ta")} == pytest.approx({"Nb": 1.1, "Ta": 0.6}, abs=1e-6)
    (together,) = found.combinations
    assert together.atoms == "1 Mo + 1 W"
    assert together.shift_eV == pytest.approx(SHIFTS_EV["Mo"] + SHIFTS_EV["W"], abs=1e-6)


def test_an_element_of_one_composition_rests_on_it(shared_data: Path) -> None:
    pure = cells(shared_data, ["W"])[:10]
    found = quick([*cells(shared_data, ["NbTa"]), *pure], [0.0] * 50)
    assert {shift.element: shift.rests_on for shift in found.shifts} == {"Nb": None, "Ta": None, "W": "W"}


def test_an_element_that_no_pair_holds_has_no_shift(alloys: list[Frame]) -> None:
    table = quick(alloys[:40], [0.0] * 40).table
    absent = next(shift for shift in fit_shifts(table, [28]).shifts if shift.element == "Ni")
    assert (absent.shift_eV, absent.identifiable, absent.why_not) == (None, False, "no pair holds it")


def test_cross_validation_sees_what_the_fit_does_not(alloys: list[Frame]) -> None:
    """Held out as a whole, a composition's own error is met anew: about its size, and more than in the fit."""
    found = quick(alloys, noise_by_composition(alloys, 3, of_composition=0.05, of_pair=0.0))
    summary = residuals(found, np.ones(len(alloys)))
    assert summary.held_out == "composition"
    assert summary.after is not None
    assert summary.cross_validated is not None
    assert summary.before.rms_eV_per_corrected_atom > 2
    assert summary.after.rms_eV_per_corrected_atom < summary.cross_validated.rms_eV_per_corrected_atom
    assert summary.cross_validated.rms_eV_per_corrected_atom == pytest.approx(0.05, rel=0.5)


def test_a_mean_on_paper() -> None:
    """One element: least squares is the mean, and the robust fit of symmetric errors is the same."""
    y = np.array([0.9, 1.0, 1.1, 1.2, 0.8])
    fit = robust_fit(np.ones((5, 1)), y)
    assert fit.coefficients == pytest.approx([1.0], abs=1e-9)
    assert fit.n_free == 4
