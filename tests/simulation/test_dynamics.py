"""Dynamics: a harmonic dimer on paper, conservation of energy, temperature, and explosions that end."""

from pathlib import Path

import numpy as np
import pytest
from tests.potentials.al_li_mg import al_li_mg_frames
from tests.simulation.springs import Spring, dimer, period_fs

from sonde.errors import WrongUse
from sonde.potentials.linear import LinearPotential, fit_linear
from sonde.records.frames import Frame
from sonde.simulation.dynamics import run_dynamics
from sonde.simulation.stability import conservation, time_step_check


@pytest.fixture(scope="module")
def alloy(shared_data: Path) -> list[Frame]:
    return [f for f in al_li_mg_frames(shared_data) if f.tags["config_type"] == "rattled"]


@pytest.fixture(scope="module")
def linear(shared_data: Path) -> LinearPotential:
    return fit_linear(al_li_mg_frames(shared_data, 20.0))


def test_a_dimer_vibrates_with_its_period() -> None:
    """Stretched by 0.1 Å without velocities, r(t) = r₀ + 0.1 cos ωt; velocity Verlet errs by (ω dt)²/24."""
    run = run_dynamics(
        Spring(), dimer(2.1), timestep_fs=period_fs() / 100, temperature_K=0, n_steps=100, seed=0, thermostat="nve"
    )
    r = np.array([np.linalg.norm(f.positions[1] - f.positions[0]) for f in run])
    assert len(run) == 101
    assert r[50] == pytest.approx(1.9, abs=1e-4)
    assert r[100] == pytest.approx(2.1, abs=1e-4)
    assert r[25] == pytest.approx(2.0, abs=1e-3)
    total = [f.tags["total_energy_eV"] for f in run]
    assert np.ptp(np.array(total, float)) < 1e-3 * 0.05


def test_energy_is_conserved_better_with_the_square_of_the_step() -> None:
    errors = [
        conservation(
            Spring(), dimer(2.1), timestep_fs=period_fs() / n, temperature_K=0, seed=0, n_steps=4 * n
        ).fluctuation_share
        for n in (20, 40)
    ]
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.1)


def test_a_step_beyond_two_over_omega_explodes_and_half_of_it_is_stable() -> None:
    """The stability limit of velocity Verlet is 2/ω = period/π."""
    limit = period_fs() / np.pi
    beyond = time_step_check(Spring(), dimer(2.05), timestep_fs=1.05 * limit, temperature_K=300, seed=1)
    assert beyond.stable_at_timestep is False
    assert beyond.stable_at_half is True
    assert beyond.at_timestep is not None
    assert beyond.at_timestep.exploded
    short = time_step_check(Spring(), dimer(2.05), timestep_fs=0.1 * limit, temperature_K=300, seed=1)
    assert short.stable_at_timestep is True


def test_one_atom_cannot_be_checked() -> None:
    one = Frame(np.array([18]), np.zeros((1, 3)), np.zeros((3, 3)), np.zeros(3, bool))
    assert time_step_check(Spring(), one, timestep_fs=1, temperature_K=300, seed=0).stable_at_timestep is None


def test_an_alloy_is_stable_at_a_usual_step(linear: LinearPotential, alloy: list[Frame]) -> None:
    check = time_step_check(linear, alloy[20], timestep_fs=2.0, temperature_K=300, seed=0, n_steps=50)
    assert check.stable_at_timestep is True
    assert check.at_half is not None
    assert check.at_half.fluctuation_share < 0.02


def test_runs_repeat_and_leave_their_input_alone(linear: LinearPotential, alloy: list[Frame]) -> None:
    before = alloy[20].positions.copy()
    one, two = (
        run_dynamics(
            linear, alloy[20], timestep_fs=2, temperature_K=300, n_steps=10, seed=5, thermostat="langevin", every=5
        )
        for _ in range(2)
    )
    assert len(one) == 3
    assert [f.ordinal for f in one] == [0, 1, 2]
    assert np.array_equal(one[-1].positions, two[-1].positions)
    assert np.array_equal(alloy[20].positions, before)
    assert one[-1].energy_eV is None  # a potential's energy is no label


def test_langevin_reaches_its_temperature() -> None:
    """Two atoms have 6 degrees of freedom: ⟨E_kin⟩ = 3 kT."""
    from ase import units

    run = run_dynamics(
        Spring(), dimer(), timestep_fs=8, temperature_K=300, n_steps=1200, seed=0, thermostat="langevin", every=5
    )
    kinetic = np.mean([float(f.tags["kinetic_energy_eV"] or 0) for f in run[40:]])
    assert kinetic == pytest.approx(3 * units.kB * 300, rel=0.3)


def test_an_explosion_ends_the_run_with_usable_frames(linear: LinearPotential, alloy: list[Frame]) -> None:
    run = run_dynamics(linear, alloy[20], timestep_fs=60, temperature_K=1000, n_steps=100, seed=0, thermostat="nve")
    assert 1 <= len(run) < 101
    assert all(np.all(np.isfinite(f.positions)) for f in run)
    with pytest.raises(WrongUse, match="must be"):
        run_dynamics(linear, alloy[20], timestep_fs=0, temperature_K=1, n_steps=1, seed=0, thermostat="nve")
