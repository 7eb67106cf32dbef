"""What cannot be judged is refused in words or has a stated verdict; large cells take time and memory in proportion."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from speed import measuring

from sonde.errors import BadInput, WrongUse
from sonde.potentials.calculator import SondeCalculator, atoms_of
from sonde.potentials.linear import LinearPotential, LinearSettings, fit_linear
from sonde.records.frames import Frame
from sonde.records.potentials import FrameEvaluation
from sonde.records.reliability import Reliability
from sonde.reliability.calculator import ReliableCalculator
from sonde.reliability.probes.local import LocalProbe
from sonde.reliability.trust import fit_probe
from sonde.reliability.watch import Watch
from sonde.sample_lab.frames import sample_frames


@pytest.fixture(scope="module")
def potential() -> LinearPotential:
    return fit_linear(calm()[::2], settings=LinearSettings(n_radial=5, n_product=1, l_max=0))


@pytest.fixture(scope="module")
def evaluations(potential: LinearPotential) -> list[FrameEvaluation]:
    return potential.evaluate(calm()[1::2])


@pytest.fixture(scope="module")
def probe(potential: LinearPotential, evaluations: list[FrameEvaluation]) -> LocalProbe:
    return fitted(potential, calm()[1::2], evaluations)


def calm() -> list[Frame]:
    return [frame for frame in sample_frames() if np.abs(np.asarray(frame.forces_eV_per_A)).max() < 2]


def fitted(potential: LinearPotential, frames: Sequence[Frame], said: Sequence[FrameEvaluation]) -> LocalProbe:
    return fit_probe(potential.identity, frames, said, list(range(len(frames))))


def spoilt(evaluation: FrameEvaluation, part: str) -> FrameEvaluation:
    """The evaluation with one number of a part that is none."""
    if part == "energy_eV":
        return replace(evaluation, energy_eV=float("nan"))
    array = np.array(getattr(evaluation, part))
    array[-1, -1] = np.inf
    changed: dict[str, Any] = {part: array}
    return replace(evaluation, **changed)


@pytest.mark.parametrize("part", ["embeddings", "forces_eV_per_A", "energy_eV"])
def test_numbers_that_are_none_are_refused(
    potential: LinearPotential, evaluations: list[FrameEvaluation], probe: LocalProbe, part: str
) -> None:
    frames, broken = calm()[1::2], spoilt(evaluations[3], part)
    with pytest.raises(BadInput, match=r"structure: the potential gives .* not finite"):
        probe.score_frames(potential.identity, [frames[3]], [broken], 0.3)
    with pytest.raises(BadInput, match=r"frame 3: the potential gives .* not finite"):
        fitted(potential, frames, [*evaluations[:3], broken, *evaluations[4:]])


def test_labels_that_are_no_numbers_are_refused(potential: LinearPotential, evaluations: list[FrameEvaluation]) -> None:
    frames = calm()[1::2]
    frames[5] = replace(frames[5], forces_eV_per_A=np.full((frames[5].n_atoms, 3), np.nan))
    with pytest.raises(BadInput, match="frame 5: its forces are not all finite"):
        fitted(potential, frames, evaluations)


def test_nothing_to_learn_from_is_told_with_what_is_needed(
    potential: LinearPotential, evaluations: list[FrameEvaluation]
) -> None:
    unlabelled = [replace(frame, forces_eV_per_A=None) for frame in calm()[1::2]]
    for frames, said in (([], []), (unlabelled, evaluations)):
        with pytest.raises(BadInput, match=r"0 frames with forces .*\n.*at least 32 frames"):
            fitted(potential, frames, said)


def test_a_structure_without_atoms_is_refused(
    potential: LinearPotential, evaluations: list[FrameEvaluation], probe: LocalProbe
) -> None:
    nothing = Frame(np.zeros(0, np.int64), np.zeros((0, 3)), np.eye(3), np.ones(3, bool))
    first = evaluations[0]
    empty = replace(first, forces_eV_per_A=first.forces_eV_per_A[:0], embeddings=first.embeddings[:0])
    with pytest.raises(BadInput, match="no atoms"):
        probe.score_frames(potential.identity, [nothing], [empty], 0.3)


def test_a_potential_without_errors_is_reliable_and_one_that_is_always_wrong_is_not(
    potential: LinearPotential, evaluations: list[FrameEvaluation]
) -> None:
    """One class only: the default probe learns the size of errors, so that it still has an answer."""
    frames = calm()[1::2]
    for offset, state in ((0.0, "reliable"), (5.0, "unreliable")):
        told = [
            replace(f, forces_eV_per_A=e.forces_eV_per_A + offset) for f, e in zip(frames, evaluations, strict=True)
        ]
        found = fitted(potential, told, evaluations).score_frames(potential.identity, frames[:5], evaluations[:5], 0.3)
        assert {one.state for one in found if one.out_of_scope_score <= 1} == {state}


@pytest.mark.parametrize(
    ("field", "value"), [("head", "pbe"), ("checkpoint_sha256", "0" * 64), ("dtype", "float32"), ("embedding", "x, 3")]
)
def test_another_checkpoint_head_layer_or_precision_is_named(
    potential: LinearPotential, evaluations: list[FrameEvaluation], probe: LocalProbe, field: str, value: str
) -> None:
    changed: dict[str, Any] = {field: value}
    other = replace(potential.identity, **changed)
    with pytest.raises(WrongUse, match=f"another potential: {field} "):
        probe.score_frames(other, [calm()[1]], [evaluations[0]], 0.3)


def test_an_element_that_the_probe_never_saw_is_out_of_scope_and_named(
    potential: LinearPotential, evaluations: list[FrameEvaluation]
) -> None:
    """The potential knows lithium, its probe does not; what neither knows is refused by the potential."""
    frames = calm()[1::2]
    without = [k for k, frame in enumerate(frames) if 3 not in frame.numbers]
    assert len(without) >= 32
    probe = fitted(potential, [frames[k] for k in without], [evaluations[k] for k in without])
    place = next(k for k, frame in enumerate(frames) if set(frame.numbers.tolist()) == {3, 13})
    found = probe.score_frames(potential.identity, [frames[place]], [evaluations[place]], 0.3)[0]
    assert (found.state, found.unknown_elements, found.out_of_scope_score) == ("out_of_scope", ("Li",), np.inf)
    assert set(found.worst_atoms[:1]) <= set(np.flatnonzero(frames[place].numbers == 3).tolist())
    assert "unknown elements Li" in Watch().look(atoms_of(frames[place]), found).words
    atoms = atoms_of(frames[place])
    atoms.calc = ReliableCalculator(SondeCalculator(potential), probe)
    assert atoms.calc.get_property("scope_distance", atoms) == np.inf
    atoms.numbers[0] = 79
    with pytest.raises(BadInput, match="holds Au, which this linear potential does not know"):
        atoms.get_forces()


def test_large_cells_take_time_in_proportion(probe: LocalProbe, potential: LinearPotential) -> None:
    def cost(n: int) -> float:
        return measuring.seconds(lambda: judged(probe, potential, n), repeats=2)

    judged(probe, potential, 5)
    assert measuring.exponent({4 * n**3: cost(n) for n in (6, 12)}) < 1.3


def judged(probe: LocalProbe, potential: LinearPotential, n: int) -> Reliability:
    """A cube of 4 n³ atoms whose embeddings and forces are those of a small cell, repeated: the probe's part alone."""
    from ase.build import bulk

    small = bulk("Al", cubic=True)
    frame = Frame(small.numbers.astype(np.int64), small.positions, small.cell.array, small.pbc)
    own, large = potential.evaluate([frame])[0], small.repeat(n)
    repeated = FrameEvaluation(
        own.energy_eV * n**3,
        np.tile(own.forces_eV_per_A, (n**3, 1)),
        None,
        None,
        np.tile(own.embeddings, (n**3, 1)),
    )
    whole = Frame(large.numbers.astype(np.int64), large.positions, large.cell.array, large.pbc)
    return probe.score_frames(potential.identity, [whole], [repeated], 0.3)[0]
