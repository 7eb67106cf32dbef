"""The laws that every potential must keep: a public suite for adapters, ours and those of other packages.

Hand `check_potential` a potential and frames it knows; each law raises AssertionError with what was found. The frames
should be distorted (no symmetry that hides a sign) and hold more than one element where the potential knows several.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from ase.data import chemical_symbols

from sonde.errors import BadInput
from sonde.potentials.protocol import FrozenPotential, is_periodic
from sonde.records.arrays import FloatArray
from sonde.records.frames import Frame
from sonde.records.potentials import FrameEvaluation


@dataclass(frozen=True)
class PotentialLaws:
    """Tolerances, and which capabilities a potential may leave out (opt-out, with a reason in the test that says so).

    Energies in eV per atom, forces in eV/Å, stresses in eV/Å³; `step_A` is the step of central differences: large
    enough that the noise of the arithmetic (1e-7 of the energy in single precision) stays below the tolerance.
    `embedding` is relative to the largest entry.
    """

    energy: float = 1e-8
    force: float = 1e-6
    stress: float = 1e-7
    embedding: float = 1e-6
    step_A: float = 1e-4
    difference_force: float = 1e-4
    difference_stress: float = 1e-5
    has_stress: bool = True
    has_atomic_energies: bool = True
    seed: int = 0


Law = Callable[[FrozenPotential, Sequence[Frame], PotentialLaws], None]


def _same(found: FloatArray | float | None, expected: FloatArray | float | None, within: float, what: str) -> None:
    if found is None or expected is None:
        assert found is None, f"{what}: one of two results is None"
        assert expected is None, f"{what}: one of two results is None"
        return
    worst = float(np.max(np.abs(np.asarray(found) - np.asarray(expected)), initial=0.0))
    assert worst <= within, f"{what}: differs by {worst:.3g}, allowed {within:.3g}"


def _same_evaluation(a: FrameEvaluation, b: FrameEvaluation, laws: PotentialLaws, what: str) -> None:
    n_atoms = len(a.forces_eV_per_A)
    _same(a.energy_eV, b.energy_eV, laws.energy * n_atoms, f"{what}, energy")
    _same(a.forces_eV_per_A, b.forces_eV_per_A, laws.force, f"{what}, forces")
    _same(a.stress_eV_per_A3, b.stress_eV_per_A3, laws.stress, f"{what}, stress")
    _same(a.atomic_energies_eV, b.atomic_energies_eV, laws.energy * n_atoms, f"{what}, atomic energies")
    _same(a.embeddings, b.embeddings, laws.embedding * float(np.abs(b.embeddings).max()), f"{what}, embeddings")


def shapes_and_types(potential: FrozenPotential, frames: Sequence[Frame], laws: PotentialLaws) -> None:
    """Results have the documented shapes in float64; stress is None exactly where there is no periodic cell."""
    widths = set()
    for frame, result in zip(frames, potential.evaluate(frames), strict=True):
        n = frame.n_atoms
        assert isinstance(result.energy_eV, float), "energy_eV is a float"
        assert np.isfinite(result.energy_eV), "energy_eV is finite"
        _shape(result.forces_eV_per_A, (n, 3), "forces")
        if laws.has_stress and is_periodic(frame):
            assert result.stress_eV_per_A3 is not None, "a periodic frame has a stress"
            _shape(result.stress_eV_per_A3, (3, 3), "stress")
            _same(result.stress_eV_per_A3, result.stress_eV_per_A3.T, laws.stress, "stress is symmetric")
        else:
            assert result.stress_eV_per_A3 is None, "no stress without a periodic cell"
        if laws.has_atomic_energies:
            assert result.atomic_energies_eV is not None, "atomic energies are given"
            _shape(result.atomic_energies_eV, (n,), "atomic energies")
        assert result.embeddings.ndim == 2, "embeddings are (n_atoms, width)"
        assert len(result.embeddings) == n, "embeddings have a row per atom"
        assert np.all(np.isfinite(result.embeddings)), "embeddings are finite"
        widths.add(result.embeddings.shape[1])
    assert len(widths) == 1, f"embeddings of all frames have one width, found {sorted(widths)}"
    assert str(widths.pop()) in potential.identity.embedding, "identity.embedding states the width"


def _shape(array: FloatArray, shape: tuple[int, ...], what: str) -> None:
    assert array.shape == shape, f"{what} have shape {array.shape}, expected {shape}"
    assert array.dtype == np.float64, f"{what} are {array.dtype}, expected float64"
    assert np.all(np.isfinite(array)), f"{what} are finite"


def single_is_batched(potential: FrozenPotential, frames: Sequence[Frame], laws: PotentialLaws) -> None:
    """A frame's result depends neither on its batch nor on its place in it."""
    together = potential.evaluate(frames, batch_size=len(frames))
    turned = potential.evaluate(list(reversed(frames)), batch_size=2)[::-1]
    for frame, batched, other in zip(frames, together, turned, strict=True):
        _same_evaluation(batched, potential.evaluate([frame])[0], laws, "single against batched")
        _same_evaluation(batched, other, laws, "batches of other sizes and orders")


def input_is_unchanged(potential: FrozenPotential, frames: Sequence[Frame], laws: PotentialLaws) -> None:
    """Evaluation leaves frames as they are, and repeats to the last tolerance."""
    before = [(f.numbers.copy(), f.positions.copy(), f.cell.copy(), f.pbc.copy()) for f in frames]
    first = potential.evaluate(frames)
    for frame, kept in zip(frames, before, strict=True):
        for now, then in zip((frame.numbers, frame.positions, frame.cell, frame.pbc), kept, strict=True):
            assert np.array_equal(now, then), "evaluation changed its input"
    for one, two in zip(first, potential.evaluate(frames), strict=True):
        _same_evaluation(one, two, laws, "repeated evaluation")
        assert not np.shares_memory(one.embeddings, two.embeddings), "results of two calls share memory"


def forces_are_slopes(potential: FrozenPotential, frames: Sequence[Frame], laws: PotentialLaws) -> None:
    """Force = −dE/dx by central differences along one random direction of all atoms and along single coordinates."""
    rng = np.random.default_rng(laws.seed)
    for frame, result in zip(frames, potential.evaluate(frames), strict=True):
        directions = [_unit(rng.normal(size=(frame.n_atoms, 3))) for _ in range(2)]
        single = np.zeros((frame.n_atoms, 3))
        single[rng.integers(frame.n_atoms), rng.integers(3)] = 1
        directions.append(single)
        moved = [
            replace(frame, positions=frame.positions + sign * laws.step_A * direction)
            for direction in directions
            for sign in (1, -1)
        ]
        energies = np.array([r.energy_eV for r in potential.evaluate(moved)]).reshape(-1, 2)
        slopes = (energies[:, 0] - energies[:, 1]) / (2 * laws.step_A)
        expected = [-float(np.sum(result.forces_eV_per_A * direction)) for direction in directions]
        _same(slopes, np.array(expected), laws.difference_force, "dE/dx against −force")


def stress_is_a_slope(potential: FrozenPotential, frames: Sequence[Frame], laws: PotentialLaws) -> None:
    """Stress = (1/V) dE/dε, positive where stretching costs energy (ASE's sign)."""
    if not laws.has_stress:
        return
    rng = np.random.default_rng(laws.seed)
    for frame in frames:
        if not is_periodic(frame):
            continue
        random = rng.normal(size=(3, 3))
        for strain in (np.eye(3), _unit(random + random.T)):
            h = laws.step_A / 3
            moved = [_strained(frame, sign * h * strain) for sign in (1, -1)]
            plus, minus = (r.energy_eV for r in potential.evaluate(moved))
            slope = (plus - minus) / (2 * h) / abs(float(np.linalg.det(frame.cell)))
            stress = potential.evaluate([frame])[0].stress_eV_per_A3
            assert stress is not None, "a periodic frame has a stress"
            _same(slope, float(np.sum(stress * strain)), laws.difference_stress, "dE/dstrain against stress")


def _strained(frame: Frame, strain: FloatArray) -> Frame:
    stretch = np.eye(3) + strain
    return replace(frame, positions=frame.positions @ stretch.T, cell=frame.cell @ stretch.T)


def _unit(vector: FloatArray) -> FloatArray:
    return vector / np.linalg.norm(vector)


def rotation(potential: FrozenPotential, frames: Sequence[Frame], laws: PotentialLaws) -> None:
    """Turning a frame turns forces and stress; energies and embeddings stay."""
    Q, _ = np.linalg.qr(np.random.default_rng(laws.seed).normal(size=(3, 3)))
    Q *= np.sign(np.linalg.det(Q))
    turned = [replace(f, positions=f.positions @ Q.T, cell=f.cell @ Q.T) for f in frames]
    for before, after in zip(potential.evaluate(frames), potential.evaluate(turned), strict=True):
        stress = before.stress_eV_per_A3
        expected = replace(
            before,
            forces_eV_per_A=before.forces_eV_per_A @ Q.T,
            stress_eV_per_A3=None if stress is None else Q @ stress @ Q.T,
        )
        _same_evaluation(after, expected, laws, "rotation")


def translation(potential: FrozenPotential, frames: Sequence[Frame], laws: PotentialLaws) -> None:
    """Shifting all atoms changes nothing, across the border of the cell too."""
    shift = np.random.default_rng(laws.seed).uniform(2, 5, size=3)
    moved = [replace(f, positions=f.positions + shift) for f in frames]
    for before, after in zip(potential.evaluate(frames), potential.evaluate(moved), strict=True):
        _same_evaluation(after, before, laws, "translation")


def permutation(potential: FrozenPotential, frames: Sequence[Frame], laws: PotentialLaws) -> None:
    """Another order of the atoms is the same frame: per-atom results follow the order."""
    rng = np.random.default_rng(laws.seed)
    orders = [rng.permutation(f.n_atoms) for f in frames]
    mixed = [replace(f, numbers=f.numbers[o], positions=f.positions[o]) for f, o in zip(frames, orders, strict=True)]
    for order, before, after in zip(orders, potential.evaluate(frames), potential.evaluate(mixed), strict=True):
        atomic = before.atomic_energies_eV
        expected = replace(
            before,
            forces_eV_per_A=before.forces_eV_per_A[order],
            atomic_energies_eV=None if atomic is None else atomic[order],
            embeddings=before.embeddings[order],
        )
        _same_evaluation(after, expected, laws, "permutation")


def atomic_energies_sum_up(potential: FrozenPotential, frames: Sequence[Frame], laws: PotentialLaws) -> None:
    """Σ atomic energies = energy, isolated-atom parts included."""
    if not laws.has_atomic_energies:
        return
    for frame, result in zip(frames, potential.evaluate(frames), strict=True):
        assert result.atomic_energies_eV is not None, "atomic energies are given"
        total = float(result.atomic_energies_eV.sum())
        _same(total, result.energy_eV, laws.energy * frame.n_atoms, "sum of atomic energies")


def supercells(potential: FrozenPotential, frames: Sequence[Frame], laws: PotentialLaws) -> None:
    """Two cells side by side have twice the energy, and the same forces and embeddings."""
    for frame in frames:
        if not is_periodic(frame):
            continue
        double = replace(
            frame,
            numbers=np.tile(frame.numbers, 2),
            positions=np.concatenate([frame.positions, frame.positions + frame.cell[0]]),
            cell=frame.cell * np.array([[2.0], [1.0], [1.0]]),
        )
        one, two = potential.evaluate([frame])[0], potential.evaluate([double])[0]
        _same(two.energy_eV, 2 * one.energy_eV, 2 * laws.energy * frame.n_atoms, "supercell, energy")
        _same(two.forces_eV_per_A, np.tile(one.forces_eV_per_A, (2, 1)), laws.force, "supercell, forces")
        _same(two.stress_eV_per_A3, one.stress_eV_per_A3, laws.stress, "supercell, stress")
        largest = laws.embedding * float(np.abs(one.embeddings).max())
        _same(two.embeddings, np.tile(one.embeddings, (2, 1)), largest, "supercell, embeddings")


def unknown_elements_are_named(potential: FrozenPotential, frames: Sequence[Frame], laws: PotentialLaws) -> None:  # noqa: ARG001
    """A frame with an element that the potential was not made for is refused, by name."""
    stranger = next(number for number in range(118, 0, -1) if number not in potential.identity.elements)
    frame = replace(frames[0], numbers=np.full(frames[0].n_atoms, stranger))
    message = None
    try:
        potential.evaluate([frame])
    except BadInput as refusal:
        message = str(refusal)
    assert message is not None, f"a frame of element {stranger}, unknown to the potential, was evaluated"
    assert chemical_symbols[stranger] in message, "the refusal names the element"


def identity_is_whole(potential: FrozenPotential, frames: Sequence[Frame], laws: PotentialLaws) -> None:  # noqa: ARG001
    """The identity holds a hash, sorted elements and a receptive field no smaller than the cutoff."""
    identity = potential.identity
    assert len(identity.checkpoint_sha256) == 64, "checkpoint_sha256 is a full SHA-256 in hexadecimal"
    assert list(identity.elements) == sorted(set(identity.elements)), "elements are sorted, each once"
    assert 0 < identity.cutoff_A <= identity.receptive_field_A, "receptive field is at least the cutoff"


LAWS: dict[str, Law] = {
    law.__name__: law
    for law in (
        shapes_and_types,
        single_is_batched,
        input_is_unchanged,
        forces_are_slopes,
        stress_is_a_slope,
        rotation,
        translation,
        permutation,
        atomic_energies_sum_up,
        supercells,
        unknown_elements_are_named,
        identity_is_whole,
    )
}
"""Every law by name, for `pytest.mark.parametrize`."""


def check_potential(potential: FrozenPotential, frames: Sequence[Frame], laws: PotentialLaws | None = None) -> None:
    """Hold a potential against every law.

    Raises
    ------
    AssertionError : a law is broken; the message says which quantity differs and by how much.
    """
    for law in LAWS.values():
        law(potential, frames, laws or PotentialLaws())
