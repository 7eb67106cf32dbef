"""Two codes, functionals or settings on the same structures: how far their labels lie apart."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from sonde.datasets.contradictions import GeometryPair
from sonde.datasets.offsets import group_names
from sonde.datasets.superposition import superposition
from sonde.records.arrays import FloatArray
from sonde.records.datasets import Offset, PairedLabels
from sonde.records.frames import Frame

EV_PER_A3_IN_GPA = 160.21766208
Names = tuple[str, str]


def paired_labels(
    frames: Sequence[Frame], pairs: Iterable[GeometryPair], datasets: Sequence[str] | None = None
) -> tuple[PairedLabels, ...]:
    """Compare labels per two groups that share geometries, most pairs first.

    Groups are told by the level of theory or by tags; where `datasets` names the dataset of each frame and nothing else
    differs, by that.
    """
    groups: dict[Names, list[tuple[Frame, Frame, GeometryPair]]] = defaultdict(list)
    for pair in pairs:
        if pair.relation in ("contradiction", "duplicate"):
            named = _names(frames, pair, datasets)
            if named is not None:
                a, b = frames[pair.first], frames[pair.second]
                groups[min(named, named[::-1])].append((a, b, pair) if named <= named[::-1] else (b, a, pair))
    ranked = sorted(groups.items(), key=lambda item: -len(item[1]))
    return tuple(_compared(names, some) for names, some in ranked)


def _names(frames: Sequence[Frame], pair: GeometryPair, datasets: Sequence[str] | None) -> Names | None:
    if datasets is not None:
        return datasets[pair.first], datasets[pair.second]
    return group_names(frames, pair)


def _compared(names: Names, some: Sequence[tuple[Frame, Frame, GeometryPair]]) -> PairedLabels:
    energies = [
        1000 * (a.energy_eV - b.energy_eV) / a.n_atoms
        for a, b, _ in some
        if a.energy_eV is not None and b.energy_eV is not None
    ]
    forces = [one for a, b, _ in some if (one := _forces(a, b)) is not None]
    stresses = [
        np.ravel(a.stress_eV_per_A3 - b.stress_eV_per_A3) * EV_PER_A3_IN_GPA
        for a, b, _ in some
        if a.stress_eV_per_A3 is not None and b.stress_eV_per_A3 is not None
    ]
    first, second = (np.concatenate([pair[side] for pair in forces]) if forces else np.zeros(0) for side in (0, 1))
    return PairedLabels(
        group_a=names[0],
        group_b=names[1],
        n_shared=len(some),
        energy_mean_meV_per_atom=float(np.mean(energies)) if energies else None,
        energy_sd_meV_per_atom=float(np.std(energies)) if energies else None,
        force_rms_difference_eV_per_A=_rms(first - second),
        force_max_difference_eV_per_A=float(np.abs(first - second).max()) if len(first) else None,
        force_rms_eV_per_A=_rms(np.concatenate([first, second])),
        force_correlation=_correlation(first, second),
        stress_rms_difference_GPa=_rms(np.concatenate(stresses)) if stresses else None,
    )


def _forces(a: Frame, b: Frame) -> tuple[FloatArray, FloatArray] | None:
    if a.forces_eV_per_A is None or b.forces_eV_per_A is None:
        return None
    laid = superposition(a, b)
    return None if laid is None else (a.forces_eV_per_A.ravel(), b.forces_eV_per_A[laid.permutation].ravel())


def _rms(values: FloatArray) -> float | None:
    return float(np.sqrt(np.mean(values**2))) if len(values) else None


def _correlation(a: FloatArray, b: FloatArray) -> float | None:
    if len(a) < 2 or not a.any() or not b.any():
        return None
    return float((a * b).sum() / (np.linalg.norm(a) * np.linalg.norm(b)))


def energies_side_by_side(offsets: Iterable[Offset]) -> tuple[PairedLabels, ...]:
    """Put offsets of energies into the table, for sets whose forces and stresses are not held."""
    return tuple(
        PairedLabels(one.group_a, one.group_b, one.n_shared, one.mean_meV_per_atom, one.sd_meV_per_atom, *[None] * 5)
        for one in offsets
    )
