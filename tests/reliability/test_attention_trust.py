"""fit_attention on the energies of real cells, and what a project keeps of it."""

from pathlib import Path

import numpy as np
import pytest
from tests.potentials.al_li_mg import al_li_mg_frames

from sonde.potentials.linear import fit_linear
from sonde.reliability.attention_trust import fit_attention
from sonde.reliability.probes.attention import AttentionSettings
from sonde.reliability.probes.attention_training import TrainingSettings


@pytest.mark.slow
def test_it_ranks_energy_errors_of_real_cells_better_than_forces_do(shared_data: Path) -> None:
    """Cells that the potential never saw; a third of the published patience, for the time of a test."""
    frames = al_li_mg_frames(shared_data)
    order = np.random.default_rng(0).permutation(len(frames))
    calm = [n for n in order if np.abs(np.asarray(frames[n].forces_eV_per_A)).max() < 2][:80]
    potential = fit_linear([frames[n] for n in calm])
    unseen = [frame for n, frame in enumerate(frames) if n not in set(calm)]
    attention = AttentionSettings(training=TrainingSettings(learning_rate=5e-4, most_epochs=15, patience=8))
    probe, summary = fit_attention(
        potential.identity, unseen, potential.evaluate(unseen), range(len(unseen)), attention=attention
    )
    assert summary.prevalence_within is not None
    assert summary.auroc is not None
    assert summary.auroc_force_norm is not None
    assert abs(summary.prevalence_within - 0.5) < 0.02
    assert summary.auroc > max(0.75, summary.auroc_force_norm + 0.05)
    assert summary.claim == f"energy error ≤ {probe.model.tolerance:.3g} eV/atom"
    assert summary.tolerance_eV_per_A is None
    found = probe.score_frames(potential.identity, unseen[:3], potential.evaluate(unseen[:3]), probe.model.tolerance)
    assert all(one.tolerance_eV_per_atom == probe.model.tolerance for one in found)
