"""How well labels are known: what repeated, nearly repeated and summed labels leave open."""

from collections.abc import Sequence

import numpy as np

from sonde.datasets.contradictions import GeometryPair
from sonde.datasets.identity import FORCE_TOLERANCE_EV_PER_A, geometry_id
from sonde.datasets.label_statistics import MAD_TO_SIGMA
from sonde.datasets.near_copies import NearPair
from sonde.datasets.surfaces import disagreements, surface_of
from sonde.records.arrays import FloatArray
from sonde.records.datasets import NoiseFloor
from sonde.records.frames import Frame

FEWEST_PAIRS = 10
ROOT_2 = float(np.sqrt(2))
"""Differences of two labels are that much wider than one label."""
SMALLEST_WORK_EV = 1e-3
"""Median of |F·Δx| below which the slope is one of rounding."""


def label_noise(frames: Sequence[Frame], pairs: Sequence[GeometryPair], near: Sequence[NearPair]) -> NoiseFloor:
    """Estimate standard deviations of energy and forces, each None where nothing in the set tells it.

    Repeated labels of one geometry: differences over √2. Near copies: E₂ − E₁ against the work ½(F₁+F₂)·Δx, exact up to
    third order. Net force: independent errors σ of all components add up to √(3n) σ, so it is a lower bound.
    """
    repeated = [pair for pair in pairs if pair.relation == "duplicate" and pair.energy_difference_eV is not None]
    energies = np.array([1000 * (pair.energy_difference_eV or 0.0) / pair.n_atoms for pair in repeated])
    forces = np.array(
        [pair.force_difference_eV_per_A for pair in repeated if pair.force_difference_eV_per_A is not None]
    )
    change, work, sizes = _works(frames, near)
    net = [
        float(np.linalg.norm(f.forces_eV_per_A.sum(axis=0))) / np.sqrt(3 * f.n_atoms)
        for f in frames
        if f.forces_eV_per_A is not None
    ]
    slope = _slope(change, work)
    return NoiseFloor(
        n_repeated=len(repeated),
        energy_repeated_meV_per_atom=_rms(energies) / ROOT_2 if len(energies) else None,
        force_repeated_eV_per_A=_rms(forces) / ROOT_2 if len(forces) else None,
        n_near=len(change),
        energy_near_meV_per_atom=_scatter(1000 * (change - work) / sizes) if len(change) >= FEWEST_PAIRS else None,
        force_energy_slope=slope,
        force_net_eV_per_A=float(np.median(net)) if net else None,
    )


def noise_of_repeated_forces(frames: Sequence[Frame]) -> float | None:
    """Standard deviation of a force component, eV/Å, by geometries labelled more than once, each with its first label.

    Labels on surfaces that are stated to differ are no repetition. The median over pairs, so that a few contradictions
    do not count for noise; None with fewer than `FEWEST_PAIRS`, or where most labels are copies.
    """
    first: dict[str, tuple[Frame, FloatArray]] = {}
    differences = []
    for frame in frames:
        if frame.forces_eV_per_A is None:
            continue
        known, forces = first.setdefault(geometry_id(frame), (frame, frame.forces_eV_per_A))
        if known is not frame and not disagreements(surface_of(known), surface_of(frame)):
            differences.append(_rms(forces - frame.forces_eV_per_A))
    noise = float(np.median(differences)) / ROOT_2 if len(differences) >= FEWEST_PAIRS else 0.0
    return noise if noise > FORCE_TOLERANCE_EV_PER_A else None


def _works(frames: Sequence[Frame], near: Sequence[NearPair]) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Change of energy and work of the forces, eV, of near copies that carry both, and their numbers of atoms."""
    rows = []
    for pair in near:
        a, b = frames[pair.first], frames[pair.second]
        if a.energy_eV is None or b.energy_eV is None or a.forces_eV_per_A is None or b.forces_eV_per_A is None:
            continue
        if disagreements(surface_of(a), surface_of(b)):
            continue
        mean = (a.forces_eV_per_A + b.forces_eV_per_A) / 2
        rows.append((b.energy_eV - a.energy_eV, -float((mean * pair.displacement).sum()), float(a.n_atoms)))
    table = np.array(rows, float).reshape(-1, 3)
    return table[:, 0], table[:, 1], table[:, 2]


def _slope(change: FloatArray, work: FloatArray) -> float | None:
    """Change of energy per work of the forces: 1 where signs and units agree."""
    if len(work) < FEWEST_PAIRS or np.median(np.abs(work)) < SMALLEST_WORK_EV:
        return None
    ratio = change / np.where(work == 0, np.nan, work)
    return float(np.nanmedian(ratio[np.abs(work) >= np.median(np.abs(work))]))


def _rms(values: FloatArray) -> float:
    return float(np.sqrt(np.mean(values**2)))


def _scatter(values: FloatArray) -> float:
    return float(MAD_TO_SIGMA * np.median(np.abs(values)) / ROOT_2)
