"""A short model fitted to a dataset's own labels, so robustly that the wrong ones among them stand out against it.

Assumption: most frames carry right labels on one energy surface. Where a fifth of the forces has the wrong sign, the
other four fifths decide; where most have, the minority is what is reported.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import linalg

from sonde.datasets.composition_reference import energies_off_reference
from sonde.datasets.label_statistics import robust_sigma
from sonde.datasets.yardstick_basis import Rows, rows_of
from sonde.datasets.yardstick_layouts import Layout, SharedLayout, elements_of
from sonde.records.arrays import BoolArray, FloatArray
from sonde.records.frames import Frame

MOST_ELEMENTS = 12
"""Beyond, pairs of elements are too many for the frames that a dataset has of each."""
MOST_FITTED = 800
"""Frames the model is fitted to; the others are measured with it."""
LEAST_FITTED = 12
ROWS_PER_WEIGHT = 3
ROUNDS = 8
LIKELY = 0.25
"""First weight from which an energy says how far off the others may be."""
ENERGY_WEIGHT = 10.0
"""Of an energy per atom, eV, against one force component, eV/Å."""
RIDGE = 1e-8
FORCE_FLOOR_EV_PER_A = 0.05
"""What forces are off by in any case; smaller ones tell nothing of their unit."""
USUAL_OFF_REFERENCE_EV_PER_ATOM = 0.5
"""How far energies may lie from their composition's reference at first without losing weight."""
SMALLEST_SHARE_OF_OTHERS = 0.2
"""What other frames have to say of an energy; where less, it is taken for as much."""
SMALLEST_PART = 0.1
"""Share of the energies near their reference below which compositions do not say what is usual."""
ENERGY_FLOOR_EV_PER_ATOM, RELATIVE_FLOOR = 0.01, 0.05
"""What the model misses in any case: energies per atom, and forces relative to their size."""
VIRIAL_WEIGHT = 10.0
"""Of a component of a virial per atom, eV, against one force component, eV/Å."""
OPPOSED = 0.75
"""Miss of a stress, relative to label and model together, beyond which it teaches nothing; turned round, it is 1."""


@dataclass(frozen=True, eq=False)
class Measured:
    """Labels of one frame and what the yardstick says instead; None where the frame has no such label.

    energy per atom, eV/atom: label minus model, the constants per element fitted to the energies. forces: (n, 3) label
    and model, eV/Å. stress: (3, 3) label and model, eV/Å³.
    """

    energy_off_eV_per_atom: float | None
    forces: tuple[FloatArray, FloatArray] | None
    stress: tuple[FloatArray, FloatArray] | None


@dataclass(frozen=True, eq=False)
class Yardstick:
    """A fitted model, and how the energies go with it.

    energy_slope : change of the labelled energies per change of the energies that the model has from the forces alone;
        1 where units and signs agree; None without forces or energies.
    """

    layout: Layout
    weights: FloatArray
    energy_slope: float | None
    measured: tuple[Measured, ...]
    usual_energies: BoolArray
    """Frames whose energy lies where its composition lets expect it, before anything else is fitted."""
    decided_alone: FloatArray
    """By how much each energy decides alone what the model says of it: 0 to 1."""

    @property
    def energies_off(self) -> FloatArray:
        """Label minus what a model fitted without it would say, eV/atom; NaN without an energy."""
        off = [one.energy_off_eV_per_atom for one in self.measured]
        left_out = np.array([np.nan if value is None else value for value in off])
        return np.asarray(left_out / np.maximum(1 - self.decided_alone, SMALLEST_SHARE_OF_OTHERS))


def yardstick(frames: Sequence[Frame]) -> Yardstick | None:
    """Fit to up to 800 of the frames and measure all; None where there are too few labels for their elements."""
    chosen = np.unique(np.linspace(0, len(frames) - 1, MOST_FITTED).astype(int)).tolist()
    layout = _layout(elements_of(frames), [frames[i] for i in chosen]) if len(frames) >= LEAST_FITTED else None
    if layout is None:
        return None
    rows = list(rows_of(frames, layout))
    above, _ = energies_off_reference(frames)
    first_trust = _first_trust(above)
    problem = _Problem([frames[i] for i in chosen], [rows[i] for i in chosen], first_trust[chosen])
    weights = problem.solve(energies=True)
    decided = np.zeros(len(frames))
    decided[chosen] = problem.leverages()
    for_stress = problem.with_stresses(weights)
    slope = problem.energy_slope(problem.solve(energies=False)) if problem.n_force_rows else None
    measured = tuple(_measured(frame, one, weights, for_stress) for frame, one in zip(frames, rows, strict=True))
    return Yardstick(layout, weights, slope, measured, usual(above), decided)


def _layout(elements: tuple[int, ...], frames: Sequence[Frame]) -> Layout | None:
    """Choose as many weights as the labels can tell: pairs of elements apart, or all together."""
    n_labels = sum(frame.energy_eV is not None for frame in frames)
    n_labels += sum(3 * f.n_atoms for f in frames if f.forces_eV_per_A is not None and f.forces_eV_per_A.any())
    apart, shared = Layout(elements), SharedLayout(elements)
    if len(elements) <= MOST_ELEMENTS and n_labels >= ROWS_PER_WEIGHT * apart.n_weights:
        return apart
    return shared if n_labels >= ROWS_PER_WEIGHT * shared.n_weights else None


def usual(above: FloatArray) -> BoolArray:
    """Mark energies near their composition's reference; all that are known where few are."""
    near = np.abs(np.nan_to_num(above, nan=np.inf)) < USUAL_OFF_REFERENCE_EV_PER_ATOM
    return near if np.count_nonzero(near) >= SMALLEST_PART * np.isfinite(above).sum() else np.isfinite(above)


def _first_trust(above: FloatArray) -> FloatArray:
    """Weights of energies before anything is fitted: what composition alone shows to be far off counts little."""
    known = np.isfinite(above)
    trust = np.zeros(len(above))
    trust[known] = _trust(above[known], USUAL_OFF_REFERENCE_EV_PER_ATOM, among=usual(above)[known])
    return trust


class _Problem:
    """Weighted least squares with one weight per frame and kind of label, found anew in every round."""

    def __init__(self, frames: Sequence[Frame], rows: Sequence[Rows], first_trust: FloatArray) -> None:
        self.frames, self.rows = frames, rows
        self.with_energy = [i for i, f in enumerate(frames) if f.energy_eV is not None]
        self.first_trust = first_trust[self.with_energy]
        likely = self.first_trust > LIKELY
        self.first_usual = likely if likely.sum() >= SMALLEST_PART * len(likely) else np.ones(len(likely), bool)
        self.with_forces = [
            i for i, f in enumerate(frames) if f.forces_eV_per_A is not None and f.forces_eV_per_A.any()
        ]
        n_weights = len(rows[0].energy)
        self.X = np.array([rows[i].energy / frames[i].n_atoms for i in self.with_energy]).reshape(-1, n_weights)
        self.y = np.array([(frames[i].energy_eV or 0.0) / frames[i].n_atoms for i in self.with_energy])
        self.forces = [np.asarray(frames[i].forces_eV_per_A, float).ravel() for i in self.with_forces]
        self.n_force_rows = sum(len(one) for one in self.forces)

    def solve(self, *, energies: bool) -> FloatArray:
        """Fit; in each round labels that the last fit misses by much count less (Geman and McClure's weights)."""
        energy_weights = self.first_trust if energies else np.zeros(len(self.y))
        sizes = np.array([np.sqrt(np.mean(one**2)) for one in self.forces])
        force_weights = _first_weights(sizes)
        weights = self._solve(energy_weights, force_weights)
        for _ in range(ROUNDS):
            if energies:
                energy_weights = _trust(self.y - self.X @ weights, ENERGY_FLOOR_EV_PER_ATOM, among=self.first_usual)
            force_weights = self._force_trust(weights, sizes)
            weights = self._solve(energy_weights, force_weights)
        self.energy_weights = energy_weights
        return weights

    def leverages(self) -> FloatArray:
        """How much each energy decides of what the last fit says of it, 0 to 1; zero for frames without an energy."""
        found = np.zeros(len(self.frames))
        X = self.X * (ENERGY_WEIGHT * np.sqrt(self.energy_weights))[:, None]
        found[self.with_energy] = np.clip((X * _ridge(self.normal, X.T).T).sum(axis=1), 0, 1)
        return found

    def _force_trust(self, weights: FloatArray, sizes: FloatArray) -> FloatArray:
        if not self.forces:
            return np.zeros(0)
        predicted = [self.rows[i].forces @ weights for i in self.with_forces]
        missed = np.array([np.sqrt(np.mean((p - f) ** 2)) for p, f in zip(predicted, self.forces, strict=True)])
        expected = np.array([np.sqrt(np.mean(p**2)) for p in predicted])
        relative = missed / (sizes + expected + FORCE_FLOOR_EV_PER_A)
        return _trust(relative, RELATIVE_FLOOR, centred=False) * _first_weights(expected)

    def _solve(self, energy_weights: FloatArray, force_weights: FloatArray) -> FloatArray:
        if len(self.y):
            X = self.X * (ENERGY_WEIGHT * np.sqrt(energy_weights))[:, None]
            A, b = X.T @ X, X.T @ (self.y * ENERGY_WEIGHT * np.sqrt(energy_weights))
        else:
            n = len(self.rows[0].energy)
            A, b = np.zeros((n, n)), np.zeros(n)
        for i, forces, weight in zip(self.with_forces, self.forces, force_weights, strict=True):
            F = self.rows[i].forces
            A += weight * (F.T @ F)
            b += weight * (F.T @ forces)
        self.normal, self.right = A, b
        return _ridge(A, b)

    def with_stresses(self, weights: FloatArray) -> FloatArray:
        """Fit stresses beside what the last fit was made to; those that are turned round or in another unit are not."""
        given = [
            (rows.stress * _volume_per_atom(frame), _virial_per_atom(frame))
            for frame, rows in zip(self.frames, self.rows, strict=True)
            if rows.stress is not None and frame.stress_eV_per_A3 is not None and frame.stress_eV_per_A3.any()
        ]
        if not given:
            return weights
        X, y = np.stack([one for one, _ in given]), np.stack([one for _, one in given])
        for _ in range(ROUNDS):
            trust = VIRIAL_WEIGHT * np.sqrt(_stress_trust(y, X @ weights))
            weighed = (X * trust[:, None, None]).reshape(-1, X.shape[2])
            right = self.right + weighed.T @ (y * trust[:, None]).ravel()
            weights = _ridge(self.normal + weighed.T @ weighed, right)
        return weights

    def energy_slope(self, weights: FloatArray) -> float | None:
        """Regress labelled energies on those of weights fitted to forces, with a free constant per element."""
        n_elements = len(np.unique(np.concatenate([frame.numbers for frame in self.frames])))
        if len(self.y) < 2 * (n_elements + 1):
            return None
        bound = self.X[:, n_elements:] @ weights[n_elements:]
        design = np.column_stack([bound, self.X[:, :n_elements]])
        trust = np.ones(len(self.y))
        solution = np.zeros(design.shape[1])
        for _ in range(ROUNDS):
            solution = linalg.lstsq(design * np.sqrt(trust)[:, None], self.y * np.sqrt(trust))[0]
            trust = _trust(self.y - design @ solution, ENERGY_FLOOR_EV_PER_ATOM)
        outside = bound - design[:, 1:] @ linalg.lstsq(design[:, 1:], bound)[0]
        # What the compositions explain says nothing of the slope; too little left over, and neither does the rest.
        scatter = robust_sigma(self.y - design @ solution)
        told = float(np.std(outside)) * abs(float(solution[0])) * np.sqrt(len(self.y))
        return float(solution[0]) if told > 10 * scatter else None


def _first_weights(sizes: FloatArray) -> FloatArray:
    """Weights by which strong forces count no more than usual ones: models are wrong in proportion."""
    if not len(sizes):
        return sizes
    usual = float(np.median(sizes)) + FORCE_FLOOR_EV_PER_A
    return usual**2 / (sizes**2 + usual**2)


def _trust(missed: FloatArray, floor: float, *, centred: bool = True, among: BoolArray | None = None) -> FloatArray:
    """Weights by how much is missed, measured with the median of those `among` which it is to be taken."""
    if not len(missed):
        return missed
    some = missed if among is None else missed[among]
    middle = float(np.median(some)) if centred else 0.0
    scale = 3 * max(float(np.median(np.abs(some - middle))), floor)
    return 1 / (1 + ((missed - middle) / scale) ** 2) ** 2


def _ridge(A: FloatArray, b: FloatArray) -> FloatArray:
    """Solve A x = b for one or several right-hand sides, (n,) or (n, m)."""
    scale = np.sqrt(np.diag(A))
    used = scale > 1e-10 * max(float(scale.max()), 1e-300)
    inverse = 1 / scale[used]
    system = A[np.ix_(used, used)] * inverse[:, None] * inverse + RIDGE * np.eye(int(used.sum()))
    weights = np.zeros_like(b)
    scaled = (b[used].T * inverse).T
    weights[used] = (linalg.solve(system, scaled, assume_a="pos").T * inverse).T
    return weights


def _volume_per_atom(frame: Frame) -> float:
    return abs(float(np.linalg.det(frame.cell))) / frame.n_atoms


def _virial_per_atom(frame: Frame) -> FloatArray:
    return np.asarray(frame.stress_eV_per_A3, float).ravel() * _volume_per_atom(frame)


def _stress_trust(labels: FloatArray, models: FloatArray) -> FloatArray:
    """Weights of virials (n, 9) by how much of them is missed; strong ones count no more than those of an eV."""
    sizes = np.linalg.norm(labels, axis=1) + np.linalg.norm(models, axis=1)
    relative = np.linalg.norm(labels - models, axis=1) / np.maximum(sizes, 1e-12)
    return _trust(relative, RELATIVE_FLOOR, centred=False) * (relative < OPPOSED) / (1 + sizes**2)


def _measured(frame: Frame, rows: Rows, weights: FloatArray, for_stress: FloatArray) -> Measured:
    off = None if frame.energy_eV is None else (frame.energy_eV - float(rows.energy @ weights)) / frame.n_atoms
    forces = stress = None
    if frame.forces_eV_per_A is not None:
        forces = (np.asarray(frame.forces_eV_per_A, float), (rows.forces @ weights).reshape(-1, 3))
    if frame.stress_eV_per_A3 is not None and rows.stress is not None:
        stress = (np.asarray(frame.stress_eV_per_A3, float), (rows.stress @ for_stress).reshape(3, 3))
    return Measured(off, forces, stress)
