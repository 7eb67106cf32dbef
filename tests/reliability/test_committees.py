"""Committees, molecules and lead times of the reports: cases on paper, and no frame on both sides."""

from pathlib import Path

import numpy as np
import pytest
from ase import units
from ase.build import molecule
from eval import lead_time
from eval.lead_time import Run, event_of, ranking, torn_bond
from eval.trust import committees, molecules
from eval.trust.material import committee_of
from eval.trust.sets import SETS

from sonde.datasets.identity import geometry_id
from sonde.errors import NotFound
from sonde.potentials.calculator import frame_of
from sonde.records.frames import Frame
from sonde.records.potentials import FrameEvaluation


def test_spread_is_the_deviation_of_force_vectors() -> None:
    apart = np.array([[0.3, 0.0, 0.4], [0.0, 0.0, 0.0]])
    assert committees.spread([apart, -apart]) == pytest.approx([np.sqrt(2) * 0.5, 0.0])


def test_predictions_are_read_as_they_were_kept(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    said = {
        seed: [
            FrameEvaluation(float(n), rng.normal(size=(n, 3)), None, None, rng.normal(size=(n, 5))) for n in (2, 1, 3)
        ]
        for seed in (0, 1)
    }
    committees.keep_predictions(tmp_path / "kept.npz", [7, 9, 4], said)
    found = committees.kept_predictions(tmp_path / "kept.npz", 1)
    assert list(found) == [7, 9, 4]
    for mine, theirs in zip(found.values(), said[1], strict=True):
        assert mine.energy_eV == theirs.energy_eV
        np.testing.assert_array_equal(mine.forces_eV_per_A, theirs.forces_eV_per_A)
        np.testing.assert_array_equal(mine.embeddings, theirs.embeddings)


@pytest.mark.parametrize("dataset", ["al_li_mg", "nbmotaw"])
def test_potentials_and_probes_share_no_frame(shared_data: Path, dataset: str) -> None:
    frames = SETS[dataset](shared_data)
    training = committees.TRAINING[dataset](frames)
    places = committees.unseen(dataset, frames)
    assert {geometry_id(frames[k]) for k in places}.isdisjoint(geometry_id(frame) for frame in training)
    assert len(places) + len(training) == len(frames)
    if dataset == "nbmotaw":
        known = {frame.tags["trajectory"] for frame in training}
        assert known.isdisjoint(frames[k].tags["trajectory"] for k in places)
        assert set(np.concatenate([frame.numbers for frame in training]).tolist()) == {41, 42, 73, 74}


def test_members_are_found_by_name() -> None:
    assert committee_of("mace_al_li_mg_small_2") == ("al_li_mg", "small", 2)
    with pytest.raises(NotFound, match="mace_al_li_mg_tiny_0"):
        committee_of("mace_al_li_mg_tiny_0")


def test_displacements_along_modes_obey_equipartition() -> None:
    """A mode of stiffness k over mass m: ⟨x²⟩ = kT/k; one that is too soft counts as SOFTEST."""
    rest = molecule("H2")
    stretch = np.array([0, 0, 1, 0, 0, -1]) / np.sqrt(2)
    slide = np.array([1, 0, 0, -1, 0, 0]) / np.sqrt(2)
    modes = (np.array([5.0, 0.0]), np.array([stretch, slide]).T)
    rng = np.random.default_rng(0)
    drawn = [molecules.displaced(rest, modes, 500.0, rng).positions - rest.positions for _ in range(4000)]
    weighted = np.array(drawn).reshape(-1, 6) * np.sqrt(rest.get_masses()[0])
    found = np.mean((weighted @ modes[1]) ** 2, axis=0)
    assert found == pytest.approx(units.kB * 500.0 / np.array([5.0, molecules.SOFTEST]), rel=0.08)


def test_no_molecule_is_both_learnt_and_judged() -> None:
    assert set(molecules.TRAINING).isdisjoint(molecules.OTHERS)
    learnt = {z for name in molecules.TRAINING for z in molecule(name).numbers.tolist()}
    assert learnt == {z for name in molecules.OTHERS for z in molecule(name).numbers.tolist()} == {1, 6, 7, 8}


def stretched(factors: list[float]) -> list[Frame]:
    found = []
    for factor in factors:
        atoms = molecule("H2")
        atoms.positions *= factor
        found.append(frame_of(atoms))
    return found


def test_a_torn_bond_is_an_event_in_a_molecule() -> None:
    frames = stretched([1.0, 1.2, 1.5, 1.8, 2.2])  # 0.74 Å at rest, torn beyond 2 · 0.62 Å
    assert torn_bond(frames) == 3
    assert torn_bond(frames[:3]) is None
    calm = [FrameEvaluation(-31.0, np.zeros((2, 3)), None, None, np.zeros((2, 1))) for _ in frames]
    assert event_of(frames, calm) == (3, "torn bond")
    assert event_of(frames[:3], calm[:3]) == (None, "")


def test_runs_are_ranked_by_their_peaks_before_the_event() -> None:
    sound = [Run(300, None, "", {"s": np.array([1.0, 2.0])}), Run(900, None, "", {"s": np.array([5.0])})]
    failing = [Run(900, 2, "contact", {"s": np.array([0.0, 3.0, 99.0])})]
    assert ranking(sound, failing, "s", same_temperature=False) == 0.5
    assert ranking(sound, failing, "s", same_temperature=True) == 0.0
    assert ranking(sound, [Run(300, 1, "", {"s": np.array([2.0, 9.0])})], "s", same_temperature=True) == 0.5
    assert ranking(sound, [Run(1, 1, "", {"s": np.array([2.0, 9.0])})], "s", same_temperature=True) is None


def test_the_lead_is_the_time_from_the_first_alarm_to_the_event() -> None:
    run = Run(900, 4, "contact", {"s": np.array([0.0, 2.0, 0.0, 3.0, 9.0])})
    apart = lead_time.EVERY * lead_time.TIMESTEP_FS
    assert lead_time.lead_fs(run, "s", 1.0) == 3 * apart
    assert lead_time.lead_fs(run, "s", 5.0) == 0.0
    assert lead_time.lead_fs(run, "s", 10.0) is None
