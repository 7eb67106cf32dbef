"""fit_trust on a real potential's errors on real cells, and its guards."""

from pathlib import Path

import ase.io
import numpy as np
import pytest
from tests.reliability.synthetic import IDENTITY, KnownErrors

from sonde.errors import BadInput, WrongUse
from sonde.potentials.linear import LinearPotential, fit_linear
from sonde.records.frames import Frame
from sonde.records.potentials import FrameEvaluation
from sonde.records.reliability import TrustSummary
from sonde.reliability.probes.local import LocalProbe
from sonde.reliability.trust import TrustSettings, fit_trust, training_notes

Fitted = tuple[LocalProbe, TrustSummary, LinearPotential, list[Frame], list[FrameEvaluation]]


def al_li_mg(folder: Path) -> list[Frame]:
    return [
        Frame(
            atoms.numbers.astype(np.int64),
            atoms.positions,
            atoms.cell.array,
            atoms.pbc,
            float(atoms.info["REF_energy"]),
            atoms.arrays["REF_forces"],
            tags={"config_type": atoms.info["config_type"]},
            ordinal=ordinal,
        )
        for ordinal, atoms in enumerate(ase.io.read(folder / "al_li_mg" / "al_li_mg.xyz", ":"))
    ]


def largest_force(frame: Frame) -> float:
    assert frame.forces_eV_per_A is not None
    return float(np.linalg.norm(frame.forces_eV_per_A, axis=1).max())


@pytest.fixture(scope="module")
def fitted(shared_data: Path) -> Fitted:
    """A linear potential trained on calm cells, and a probe of it on other calm cells; wild cells are kept apart."""
    frames = al_li_mg(shared_data)
    order = np.random.default_rng(0).permutation(len(frames))
    calm = [frames[n] for n in order if largest_force(frames[n]) < 2.0]
    potential = fit_linear(calm[:90])
    unseen = calm[90:]
    evaluations = potential.evaluate(unseen)
    probe, summary = fit_trust(
        potential.identity,
        unseen,
        evaluations,
        [frame.ordinal for frame in unseen],
        tolerance=0.1,
        settings=TrustSettings(seen_in_training=(False,) * len(unseen)),
    )
    return probe, summary, potential, [f for f in frames if largest_force(f) > 6.0], evaluations


def test_real_errors_are_ranked_and_calibrated(fitted: Fitted) -> None:
    summary = fitted[1]
    assert summary.auroc is not None
    assert summary.auroc_low is not None
    assert summary.auroc_high is not None
    assert summary.auroc_low <= summary.auroc <= summary.auroc_high
    assert summary.auroc > 0.8
    assert summary.auroc_force_norm is not None
    assert summary.auroc > summary.auroc_force_norm - 0.03
    assert summary.brier is not None
    assert summary.brier < 0.2
    assert summary.ece is not None
    assert summary.ece < 0.15
    said = "\n".join(summary.notes)
    assert "over those of Jackson and Mudholkar" in said
    assert "structures of withheld compositions were ranked" in said
    assert summary.n_out_of_scope <= 0.06 * summary.n_test_frames


def test_wild_cells_are_not_called_reliable(fitted: Fitted) -> None:
    """Cells with forces beyond 6 eV/Å, on which a potential of calm cells is wrong by far more than 0.1 eV/Å."""
    probe, _, potential, wild, _ = fitted
    scored = probe.score_frames(potential.identity, wild, potential.evaluate(wild), 0.1)
    assert sum(r.state == "reliable" for r in scored) == 0
    assert np.mean([r.state == "out_of_scope" for r in scored]) > 0.5


def test_notes_say_whose_frames_they_are_and_what_the_probe_rests_on() -> None:
    known = KnownErrors(33, 0)
    own = TrustSettings(seen_in_training=(True,) * 20 + (False,) * 13, label_noise_eV_per_A=0.02)
    _, summary = fit_trust(IDENTITY, known.frames, known.evaluations, range(33), tolerance=50.0, settings=own)
    said = "\n".join(summary.notes)
    assert "20 of 33 frames are the potential's own" in said
    assert "Labels of one geometry differ by 0.02 eV/Å per component: tolerances below 0.035 eV/Å" in said
    assert "P of the energy error is not known" in said  # all are zero here
    # At 50 eV/Å every frame is within tolerance: nothing to rank, and it says so.
    assert summary.auroc is None
    assert "no ranking" in said


def test_errors_on_training_frames_are_measured_against_the_others() -> None:
    seen = TrustSettings(seen_in_training=(True, True, False, True, False))
    largest = np.array([0.1, 0.2, 0.8, 0.3, 1.0])
    assert (
        "(median of the largest force error 0.2 eV/Å on them, 0.9 on the 2 others)"
        in training_notes(range(5), seen, largest)[0]
    )
    assert training_notes(range(5), TrustSettings(seen_in_training=(False,) * 5), largest) == []
    assert "is not known" in training_notes(range(5), TrustSettings(), largest)[0]
    assert "median" not in training_notes(range(5), TrustSettings(seen_in_training=(True,) * 5), largest)[0]


def test_guards() -> None:
    known = KnownErrors(31, 0)
    with pytest.raises(BadInput, match="at least 32 frames"):
        fit_trust(IDENTITY, known.frames, known.evaluations, range(31), tolerance=0.1)
    with pytest.raises(WrongUse, match="above zero"):
        fit_trust(IDENTITY, known.frames, known.evaluations, range(31), tolerance=0.0)
