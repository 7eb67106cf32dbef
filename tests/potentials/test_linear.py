"""The linear potential: truth on paper, real data, the border."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.potentials.al_li_mg import al_li_mg_frames

from sonde.errors import BadInput, WrongUse
from sonde.potentials.linear import LinearPotential, LinearSettings, fit_linear, load
from sonde.potentials.registry import load_potential
from sonde.potentials.residuals import force_residuals
from sonde.records.frames import Frame

PAIR_ONLY = LinearSettings(cutoff_A=6.0, n_radial=20, n_product=0, ridge=1e-12)


def smooth_lennard_jones(frame: Frame) -> Frame:
    """Label with ε = 0.05 eV, σ = 2.5 Å, times (1 − (r/6)²)³: a pair potential that ends at 6 Å, by plain sums."""
    energy, forces = 0.0, np.zeros((frame.n_atoms, 3))
    for i in range(frame.n_atoms):
        for j in range(frame.n_atoms):
            d = frame.positions[j] - frame.positions[i]
            r = float(np.linalg.norm(d))
            if i == j or r >= 6:
                continue
            s6 = (2.5 / r) ** 6
            pair, slope = 0.2 * (s6**2 - s6), 0.2 * (-12 * s6**2 + 6 * s6) / r
            end, end_slope = (1 - r**2 / 36) ** 3, -r / 6 * (1 - r**2 / 36) ** 2
            energy += 0.5 * pair * end
            forces[i] += (slope * end + pair * end_slope) * d / r
    return replace(frame, energy_eV=energy, forces_eV_per_A=forces)


def cluster(rng: np.random.Generator) -> Frame:
    grid = np.array(np.meshgrid(*[np.arange(2)] * 3)).reshape(3, -1).T * 2.9
    return Frame(np.full(8, 18), grid + rng.normal(0, 0.12, (8, 3)), np.zeros((3, 3)), np.zeros(3, bool))


def test_recovers_a_lennard_jones_potential_it_was_shown() -> None:
    """The truth lies in the span of the basis, all but the steepest wall: forces to a hundredth of their size."""
    rng = np.random.default_rng(0)
    train, test = ([smooth_lennard_jones(cluster(rng)) for _ in range(n)] for n in (60, 10))
    potential = fit_linear(train, settings=PAIR_ONLY)
    residuals = force_residuals(potential, test)
    spread = float(np.std(np.concatenate([f.forces_eV_per_A for f in test if f.forces_eV_per_A is not None])))
    assert residuals.force_rmse_eV_per_A is not None
    assert residuals.force_rmse_eV_per_A < 0.01 * spread
    # a dimer at the minimum of the bare pair potential, 2^(1/6) σ, which no cluster of the training set contains alone
    bond = 2.5 * 2 ** (1 / 6)
    dimer = Frame(np.array([18, 18]), np.array([[0, 0, 0], [0, 0, bond]]), np.zeros((3, 3)), np.zeros(3, bool))
    found, true = potential.evaluate([dimer])[0], smooth_lennard_jones(dimer)
    bound = found.energy_eV - 2 * (potential.reference_energy_eV(18) or 0.0)
    assert true.energy_eV is not None
    assert bound == pytest.approx(true.energy_eV, abs=0.005)
    assert found.stress_eV_per_A3 is None


def test_learns_real_alloy_cells(shared_data: Path) -> None:
    frames = al_li_mg_frames(shared_data, largest_force=4.0)
    rattled = [frame for frame in frames if frame.tags["config_type"] == "rattled"]
    held_out = rattled[::5]
    train = [frame for frame in frames if not any(frame is other for other in held_out)]
    residuals = force_residuals(fit_linear(train), held_out)
    # measured 0.05; the forces spread over 0.65 eV/Å
    assert residuals.force_rmse_eV_per_A is not None
    assert residuals.force_rmse_eV_per_A < 0.15


def test_a_poor_basis_underfits_its_own_training_frames(shared_data: Path) -> None:
    frames = al_li_mg_frames(shared_data, largest_force=4.0)[:120]
    poor = fit_linear(frames, settings=LinearSettings(n_radial=2, n_product=0, ridge=1e-2))
    rich = fit_linear(frames)
    errors = [force_residuals(potential, frames).force_rmse_eV_per_A for potential in (poor, rich)]
    assert errors[0] is not None
    assert errors[1] is not None
    assert errors[0] > 3 * errors[1]


def test_a_file_holds_the_same_potential(shared_data: Path, tmp_path: Path) -> None:
    frames = al_li_mg_frames(shared_data, largest_force=4.0)[:60]
    potential = fit_linear(frames, seed=3)
    loaded = load_potential("linear", potential.save(tmp_path / "small.npz"))
    assert loaded.identity == potential.identity
    assert potential.evaluate(frames[:1])[0].energy_eV == loaded.evaluate(frames[:1])[0].energy_eV
    # the same arrays in other bytes, as another version of Python writes them: the file is what counts
    with np.load(tmp_path / "small.npz") as arrays:
        np.savez_compressed(tmp_path / "other.npz", **arrays)
    other = load_potential("linear", tmp_path / "other.npz")
    written = (tmp_path / "other.npz").read_bytes()
    assert other.identity.checkpoint_sha256 == hashlib.sha256(written).hexdigest() != loaded.identity.checkpoint_sha256
    assert isinstance(other, LinearPotential)
    assert other.save(tmp_path / "again.npz").read_bytes() == written


def test_an_atom_alone_has_the_reference_energy(shared_data: Path) -> None:
    potential = fit_linear(al_li_mg_frames(shared_data, largest_force=4.0)[:60])
    alone = Frame(np.array([13]), np.zeros((1, 3)), np.zeros((3, 3)), np.zeros(3, bool))
    assert potential.evaluate([alone])[0].energy_eV == potential.reference_energy_eV(13)
    assert potential.reference_energy_eV(79) is None


def test_the_border_refuses_what_it_cannot_take(tmp_path: Path) -> None:
    other = tmp_path / "other.npz"
    np.savez(other, values=np.zeros(3))
    with pytest.raises(BadInput, match="not a linear potential"):
        load(other)
    with pytest.raises(WrongUse, match="at least one labelled frame"):
        fit_linear([])
    with pytest.raises(WrongUse, match="no heads"):
        load(other, head="pbe")
