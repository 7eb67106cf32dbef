"""LocalProbe on errors whose distribution is known: calibrated at every tolerance, bound to its potential."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom
from tests.reliability.synthetic import IDENTITY, OTHER_IDENTITY, KnownErrors

from sonde.errors import BadInput, WrongUse
from sonde.local_environments.descriptors import DensityDescriptor
from sonde.records.arrays import FloatArray
from sonde.records.reliability import Tolerance
from sonde.reliability.gate import ScopeData
from sonde.reliability.metrics import auroc
from sonde.reliability.probes.calibrated_errors import CalibratedErrors
from sonde.reliability.probes.data import ProbeData
from sonde.reliability.probes.energies import EnergyErrors
from sonde.reliability.probes.local import LocalProbe, environments_of
from sonde.reliability.probes.log_error import inputs

TOLERANCES = (0.15, 0.3, 0.6, 1.2)
DESCRIPTOR = DensityDescriptor((3, 13), cutoff_A=4.0)


def probe_data(known: KnownErrors) -> ProbeData:
    n = len(known.frames)
    return ProbeData.from_evaluations(known.frames, known.evaluations, range(n), identity=IDENTITY)


@pytest.fixture(scope="module")
def errors() -> CalibratedErrors:
    return CalibratedErrors.fit(probe_data(KnownErrors(500, 0)), seed=0)


@pytest.fixture(scope="module")
def probe() -> LocalProbe:
    known = KnownErrors(40, 2)
    data = probe_data(known)
    environments = tuple(environments_of(DESCRIPTOR, known.frames))
    scope = ScopeData(data.embeddings, environments, data.numbers, data.groups)
    return LocalProbe.fit(data, seed=0, scope=scope, descriptor=DESCRIPTOR)


def assert_covers(p: FloatArray, within: FloatArray, n_independent: int) -> None:
    """In each third of the stated probabilities the observed frequency lies in the binomial interval about them."""
    for part in np.array_split(np.argsort(p), 3):
        n = min(len(part), n_independent)
        stated, observed = float(p[part].mean()), float(within[part].mean())
        low, high = binom.ppf([0.0005, 0.9995], n, stated) / n
        assert low - 0.04 <= observed <= high + 0.04, (stated, observed)


@pytest.mark.parametrize("tolerance", TOLERANCES)
def test_stated_probabilities_are_those_that_occur(errors: CalibratedErrors, tolerance: float) -> None:
    known = KnownErrors(300, 1)
    data = probe_data(known)
    scored = [errors.p_within(*inputs(data, n), tolerance) for n in range(data.n_frames)]
    p = np.array([own for own, _ in scored])
    atomic = np.concatenate([own for _, own in scored])
    assert_covers(p, (data.largest_errors <= tolerance).astype(float), 100)
    assert_covers(atomic, (np.concatenate(data.errors) <= tolerance).astype(float), 600)


def test_close_to_the_true_probability_and_nearly_as_good_a_ranking(errors: CalibratedErrors) -> None:
    known = KnownErrors(300, 1)
    data = probe_data(known)
    atomic = np.concatenate([errors.p_within(*inputs(data, n), 0.3)[1] for n in range(300)])
    truth = np.concatenate([known.atomic_p_within(n, 0.3) for n in range(300)])
    assert np.mean(np.abs(atomic - truth)) < 0.1
    within = np.concatenate(data.errors) <= 0.3
    ours, best = auroc(within, atomic), auroc(within, truth)
    force_alone = auroc(within, -np.concatenate(data.force_norms))
    assert ours is not None
    assert best is not None
    assert force_alone is not None
    assert ours > best - 0.03
    assert ours > force_alone + 0.05


def test_larger_structures_are_less_likely_within(errors: CalibratedErrors) -> None:
    """Trained on 8 atoms: a structure four times as large still gets an honest probability."""
    large = KnownErrors(150, 3, sizes=(32, 33))
    data = probe_data(large)
    p = np.array([errors.p_within(*inputs(data, n), 1.2)[0] for n in range(150)])
    assert abs(p.mean() - np.mean(data.largest_errors <= 1.2)) < 0.15
    truth = np.array([large.p_within(n, 1.2) for n in range(150)])
    assert np.mean(np.abs(p - truth)) < 0.15


def test_rises_with_the_tolerance(probe: LocalProbe) -> None:
    known = KnownErrors(3, 4)
    data = probe_data(known)
    for n in range(3):
        scored = [probe.errors.p_within(*inputs(data, n), tolerance) for tolerance in np.geomspace(1e-4, 1e3, 60)]
        assert np.all(np.diff([p for p, _ in scored]) >= 0)
        assert np.all(np.diff([atomic for _, atomic in scored], axis=0) >= 0)
        assert scored[0][0] < 0.05
        assert scored[-1][0] > 0.95


def test_states(probe: LocalProbe) -> None:
    known = KnownErrors(12, 5)
    sure = probe.score_frames(IDENTITY, known.frames, known.evaluations, 1e3)
    never = probe.score_frames(IDENTITY, known.frames, known.evaluations, 1e-3)
    assert {r.state for r in sure} <= {"reliable", "out_of_scope"}
    assert {r.state for r in never} <= {"unreliable", "out_of_scope"}
    assert sum(r.state == "out_of_scope" for r in sure) <= 4
    strange = replace(known.evaluations[0], embeddings=known.evaluations[0].embeddings + 40.0)
    far = probe.score_frames(IDENTITY, known.frames[:1], [strange], 1e3)[0]
    assert far.state == "out_of_scope"
    assert far.out_of_scope_score > 1
    # An element without reference is out of scope, and the guilty atom comes first.
    numbers = known.frames[0].numbers.copy()
    numbers[5] = 29
    foreign = replace(known.frames[0], numbers=numbers)
    assert probe.score_frames(IDENTITY, [foreign], known.evaluations[:1], 1e3)[0].state == "out_of_scope"


def test_worst_atoms_have_the_least_probability(probe: LocalProbe) -> None:
    known = KnownErrors(12, 5)
    for reliability in probe.score_frames(IDENTITY, known.frames, known.evaluations, 0.3):
        if reliability.state != "out_of_scope":
            assert reliability.worst_atoms[0] == int(np.argmin(reliability.atomic_p_within))


def test_bytes_give_back_the_same_probe(probe: LocalProbe) -> None:
    known = KnownErrors(4, 6)
    again = LocalProbe.from_bytes(probe.to_bytes())
    assert again.identity == probe.identity
    for a, b in zip(
        probe.score_frames(IDENTITY, known.frames, known.evaluations, 0.3),
        again.score_frames(IDENTITY, known.frames, known.evaluations, 0.3),
        strict=True,
    ):
        assert (a.state, a.worst_atoms) == (b.state, b.worst_atoms)
        assert a.p_within == pytest.approx(b.p_within, abs=1e-12)
        np.testing.assert_allclose(a.atomic_p_within, b.atomic_p_within, atol=1e-12)
        np.testing.assert_allclose(a.distance_ratio, b.distance_ratio, rtol=1e-9)


def test_evaluations_by_another_potential_are_refused(probe: LocalProbe) -> None:
    known = KnownErrors(1, 7)
    with pytest.raises(WrongUse, match="another potential: checkpoint_sha256"):
        probe.score_frames(OTHER_IDENTITY, known.frames, known.evaluations, 0.3)


@pytest.mark.parametrize("tolerance", [0.0, -0.1, float("nan")])
def test_tolerances_not_above_zero_are_refused(probe: LocalProbe, tolerance: float) -> None:
    known = KnownErrors(1, 7)
    with pytest.raises(WrongUse, match="above zero"):
        probe.score_frames(IDENTITY, known.frames, known.evaluations, tolerance)


def test_too_few_frames_are_refused_with_the_number_needed() -> None:
    with pytest.raises(BadInput, match="at least 20 frames"):
        CalibratedErrors.fit(probe_data(KnownErrors(19, 8)), seed=0)
    known = KnownErrors(30, 8)
    data = ProbeData.from_evaluations(known.frames, known.evaluations, [n % 4 for n in range(30)], identity=IDENTITY)
    with pytest.raises(BadInput, match="in 5 groups"):
        CalibratedErrors.fit(data, seed=0)


def test_frames_without_forces_are_left_out() -> None:
    known = KnownErrors(5, 9)
    frames = [replace(f, forces_eV_per_A=None) if n == 2 else f for n, f in enumerate(known.frames)]
    data = ProbeData.from_evaluations(frames, known.evaluations, range(5), identity=IDENTITY)
    assert data.positions_in_input == (0, 1, 3, 4)
    with pytest.raises(WrongUse, match="do not fit"):
        ProbeData.from_evaluations(frames, known.evaluations, range(4), identity=IDENTITY)


def scored(probe: LocalProbe, tolerance: float | Tolerance) -> list[float]:
    known = KnownErrors(6, 5)
    return [r.p_within for r in probe.score_frames(IDENTITY, known.frames, known.evaluations, tolerance)]


@pytest.mark.parametrize("tolerance", [Tolerance(0.05, 0.1), Tolerance(0.1, 0.5), Tolerance(0.3, 0.2)])
def test_relative_tolerances_are_calibrated(errors: CalibratedErrors, tolerance: Tolerance) -> None:
    data = probe_data(KnownErrors(300, 1))
    found = [errors.p_within(*inputs(data, n), tolerance) for n in range(data.n_frames)]
    allowed = [0.0 + tolerance.force_eV_per_A + tolerance.relative * norms for norms in data.force_norms]
    within = [own <= most for own, most in zip(data.errors, allowed, strict=True)]
    assert_covers(np.array([p for p, _ in found]), np.array([own.all() for own in within], float), 100)
    assert_covers(np.concatenate([p for _, p in found]), np.concatenate(within).astype(float), 600)


def test_rises_with_the_share_and_is_the_plain_one_without(probe: LocalProbe) -> None:
    shares = [scored(probe, Tolerance(0.1, share)) for share in (0.0, 0.1, 0.3, 1.0, 1e4)]
    assert np.all(np.diff(shares, axis=0) >= 0)
    assert shares[0] == scored(probe, 0.1)
    assert min(shares[-1]) > 0.9


def test_the_claim_names_the_share(probe: LocalProbe) -> None:
    known = KnownErrors(1, 5)
    found = probe.score_frames(IDENTITY, known.frames, known.evaluations, Tolerance(0.1, 0.2))[0]
    assert found.claim == "largest force error ≤ 0.1 eV/Å + 0.2 |F|"


@pytest.mark.parametrize("wrong", [(0.0, 0.0, None), (0.1, -0.1, None), (0.1, float("nan"), None), (0.1, 0.0, 0.0)])
def test_tolerances_that_nothing_meets_are_refused(wrong: tuple[float, float, float | None]) -> None:
    with pytest.raises(WrongUse, match="was given"):
        Tolerance(*wrong)


def test_tolerances_below_the_noise_of_the_labels_are_refused(probe: LocalProbe) -> None:
    noisy = replace(probe, label_noise_eV_per_A=0.1)
    with pytest.raises(WrongUse, match=r"0\.15 eV/Å cannot be told: .* uncertain by 0\.173 eV/Å"):
        scored(noisy, 0.15)
    assert scored(noisy, 0.2) == scored(probe, 0.2)


def test_energies_are_asked_for_beside_forces_and_survive_as_bytes(probe: LocalProbe) -> None:
    known = KnownErrors(2, 6)
    asked = Tolerance(0.3, 0.1, 0.02)
    sure = replace(probe, energies=EnergyErrors(probe.errors, 0.8, 0.7), label_noise_eV_per_A=0.01)
    unsure = replace(probe, energies=EnergyErrors(probe.errors, 0.65, 0.45))
    answers = [
        one.score_frames(IDENTITY, known.frames, known.evaluations, asked)[0]
        for one in (sure, LocalProbe.from_bytes(sure.to_bytes()), unsure)
    ]
    assert answers[0].p_energy_within is not None
    assert answers[1].p_energy_within == pytest.approx(answers[0].p_energy_within, abs=1e-12)
    assert answers[2].p_energy_within is None
    assert len({one.p_within for one in answers}) == 1
    assert {one.energy_tolerance_eV_per_atom for one in answers} == {0.02}
    assert LocalProbe.from_bytes(sure.to_bytes()).label_noise_eV_per_A == 0.01


def test_a_probe_that_learnt_nothing_of_energies_says_so(probe: LocalProbe) -> None:
    with pytest.raises(WrongUse, match="learnt nothing of energies"):
        scored(probe, Tolerance(energy_eV_per_atom=0.02))
