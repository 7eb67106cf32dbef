"""Registration: a planted shift of the energy reference, unknown elements, forces that cannot be training forces."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.potentials.al_li_mg import al_li_mg_frames

from sonde.potentials.linear import LinearPotential, fit_linear
from sonde.potentials.registration import verify_registration
from sonde.records.frames import Frame


@pytest.fixture(scope="module")
def frames(shared_data: Path) -> list[Frame]:
    return [f for f in al_li_mg_frames(shared_data, 4.0) if f.tags["config_type"] == "rattled"]


@pytest.fixture(scope="module")
def linear(frames: list[Frame]) -> LinearPotential:
    return fit_linear(frames)


def shifted(frame: Frame, per_element_eV: dict[int, float]) -> Frame:
    shift = sum(per_element_eV.get(int(z), 0.0) for z in frame.numbers)
    assert frame.energy_eV is not None
    return replace(frame, energy_eV=frame.energy_eV + shift)


def test_the_true_training_set_raises_no_warning(linear: LinearPotential, frames: list[Frame]) -> None:
    report = verify_registration(linear, frames)
    assert report.warnings == ()
    assert report.forces_reproduced
    assert not report.energy_reference_differs


def test_a_planted_reference_per_element_is_recovered(linear: LinearPotential, frames: list[Frame]) -> None:
    planted = {3: 0.3, 12: -0.2, 13: 0.1}
    report = verify_registration(linear, [shifted(frame, planted) for frame in frames])
    assert report.energy_reference_differs
    assert report.forces_reproduced
    for number, shift in planted.items():
        assert report.element_offsets_meV[number] == pytest.approx(-1000 * shift, abs=10)
    assert "another energy reference" in report.warnings[0]


def test_offsets_that_compositions_cannot_tell_apart_are_unknown(linear: LinearPotential, frames: list[Frame]) -> None:
    one = next(f for f in frames if len(set(f.numbers.tolist())) == 2)
    report = verify_registration(linear, [shifted(one, {3: 0.5, 12: 0.5, 13: 0.5})])
    assert set(report.element_offsets_meV.values()) == {None}
    assert report.energy_reference_differs


def test_scrambled_forces_are_not_training_forces(linear: LinearPotential, frames: list[Frame]) -> None:
    wrong = [replace(f, forces_eV_per_A=-f.forces_eV_per_A) for f in frames if f.forces_eV_per_A is not None]
    report = verify_registration(linear, wrong)
    assert report.forces_reproduced is False
    assert "hardly the frames" in report.warnings[0]


def test_unknown_elements_are_left_out_and_named(linear: LinearPotential, frames: list[Frame]) -> None:
    gold = replace(frames[0], numbers=np.full(frames[0].n_atoms, 79))
    report = verify_registration(linear, [*frames, gold])
    assert report.unknown_elements == (79,)
    assert report.n_evaluated == len(frames)
    assert "Au" in report.warnings[0]
    alone = verify_registration(linear, [gold])
    assert alone.residuals.force_rmse_eV_per_A is None
    assert "none of the 1 frames" in alone.warnings[0]
