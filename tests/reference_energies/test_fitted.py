"""Reference energies: exact where compositions determine them, marked where they do not."""

from pathlib import Path

import numpy as np
import pytest
from tests.potentials.al_li_mg import al_li_mg_frames

from sonde.errors import WrongUse
from sonde.records.frames import Frame
from sonde.reference_energies.fitted import fit_reference_energies, isolated_atom_energies, reference_energies


def ideal(numbers: list[int], energies: dict[int, float], *, pbc: bool = True) -> Frame:
    n = len(numbers)
    return Frame(
        np.array(numbers),
        np.arange(3.0 * n).reshape(n, 3),
        np.eye(3) * 10,
        np.full(3, pbc),
        energy_eV=sum(energies[z] for z in numbers),
    )


TRUTH = {3: -1.9, 9: -4.2, 13: -3.7}


def test_recovers_exact_energies() -> None:
    frames = [ideal(numbers, TRUTH) for numbers in ([3], [3, 9], [13, 13, 9], [3, 9, 13])]
    fitted = fit_reference_energies(frames)
    assert fitted.energies_eV == pytest.approx(TRUTH)
    assert fitted.rank == 3
    assert not fitted.rank_deficient
    assert fitted.determined == (3, 9, 13)
    assert fitted.rms_meV_per_atom == pytest.approx(0, abs=1e-9)


def test_one_composition_is_rank_deficient_and_says_so() -> None:
    fitted = fit_reference_energies([ideal([3, 9], TRUTH), ideal([3, 3, 9, 9], TRUTH), ideal([13], TRUTH)])
    assert fitted.rank_deficient
    assert fitted.determined == (13,)
    assert fitted.energies_eV[3] == pytest.approx(fitted.energies_eV[9])  # minimum norm shares the sum
    assert fitted.energies_eV[3] + fitted.energies_eV[9] == pytest.approx(TRUTH[3] + TRUTH[9])


def test_isolated_atoms_are_taken_only_when_complete() -> None:
    atoms = [ideal([z], TRUTH, pbc=False) for z in TRUTH]
    crystal = ideal([3, 9, 13], {z: e - 1 for z, e in TRUTH.items()})
    assert reference_energies([*atoms, crystal]).energies_eV == pytest.approx(TRUTH)
    assert set(reference_energies([*atoms, crystal]).origin.values()) == {"isolated atom"}
    assert isolated_atom_energies([*atoms[:2], crystal]).keys() == {3, 9}
    assert set(reference_energies([*atoms[:2], crystal]).origin.values()) == {"fitted"}


def test_real_alloys_are_determined(shared_data: Path) -> None:
    fitted = fit_reference_energies(al_li_mg_frames(shared_data, 4.0))
    assert not fitted.rank_deficient
    assert fitted.energies_eV[13] < fitted.energies_eV[3] < fitted.energies_eV[12]  # as their cohesive energies


def test_frames_without_energies_are_refused() -> None:
    with pytest.raises(WrongUse, match="none of the given frames"):
        fit_reference_energies([Frame(np.array([3]), np.zeros((1, 3)), np.eye(3), np.ones(3, bool))])
