"""Errors of energies whose distribution is known: calibrated, ranked, and not told from zeros of elements."""

from dataclasses import replace

import numpy as np
import pytest
from tests.reliability.probes.test_local import assert_covers, probe_data
from tests.reliability.synthetic import KnownErrors

from sonde.reliability.metrics import auroc
from sonde.reliability.probe_file import from_bytes, to_bytes
from sonde.reliability.probes.energies import EnergyErrors, energy_errors

CONSTANTS_EV = {3: -1.9, 13: 0.7}


class KnownEnergies(KnownErrors):
    """Energy errors per atom are log-normal, too: larger for a larger mean of the first component of the embedding."""

    def __init__(self, n_frames: int, seed: int) -> None:
        super().__init__(n_frames, seed)
        rng = np.random.default_rng(seed + 1)
        log_errors = [-4 + e.embeddings[:, 0].mean() + 0.4 * rng.normal() for e in self.evaluations]
        self.errors_eV_per_atom = np.exp(log_errors)
        signs = rng.choice([-1, 1], size=n_frames)
        for n, error in enumerate(signs * self.errors_eV_per_atom):
            own = self.frames[n]
            zero = sum(CONSTANTS_EV[z] for z in own.numbers.tolist())
            self.frames[n] = replace(own, energy_eV=own.n_atoms * error + zero)


@pytest.fixture(scope="module")
def energies() -> EnergyErrors:
    known = KnownEnergies(200, 10)
    found = EnergyErrors.fit(probe_data(known), known.frames, known.evaluations, seed=0)
    assert found is not None
    return found


def test_energy_errors_are_those_planted_less_constants() -> None:
    known = KnownEnergies(200, 11)
    found = energy_errors(known.frames, known.evaluations)
    assert np.median(np.abs(found - known.errors_eV_per_atom)) < 0.25 * np.median(known.errors_eV_per_atom)


@pytest.mark.parametrize("tolerance", [0.01, 0.02, 0.04])
def test_probabilities_of_energies_are_calibrated_and_rank(energies: EnergyErrors, tolerance: float) -> None:
    known = KnownEnergies(300, 12)
    p = np.array([energies.p_within(evaluation, tolerance) for evaluation in known.evaluations], float)
    within = known.errors_eV_per_atom <= tolerance
    assert_covers(p, within.astype(float), 100)
    assert (auroc(within, p) or 0) > 0.6
    assert (energies.rank_of_new or 0) > 0.6


def test_few_energies_are_none() -> None:
    known = KnownErrors(40, 3)
    frames = [replace(frame, energy_eV=None) if n > 10 else frame for n, frame in enumerate(known.frames)]
    assert EnergyErrors.fit(probe_data(known), frames, known.evaluations, seed=0) is None


def test_they_survive_as_bytes(energies: EnergyErrors) -> None:
    evaluation = KnownErrors(1, 6).evaluations[0]
    again = EnergyErrors.from_state(from_bytes(to_bytes({"energies": energies.state()}))["energies"])
    assert again.p_within(evaluation, 0.02) == pytest.approx(energies.p_within(evaluation, 0.02), abs=1e-12)
    assert again.rank_of_new == energies.rank_of_new
