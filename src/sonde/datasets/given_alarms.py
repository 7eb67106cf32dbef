"""Alarms on how frames are given: cells without periodic directions beside periodic ones, labels rounded coarsely."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence

import numpy as np

from sonde.datasets.contradictions import formula_of
from sonde.datasets.label_alarms import alarm
from sonde.records.arrays import BoolArray, FloatArray
from sonde.records.datasets import Alarm
from sonde.records.frames import Frame

FEWEST, FEWEST_ALIKE = 3, 6
AS_DENSE = 1.5
"""Factor on the volume per atom of periodic frames of the same elements within which a cell is filled by its atoms."""
CONDENSED_A3 = 40.0
"""Volume per atom below which a composition is a solid or liquid rather than molecules in a box."""
COARSE_EV_PER_A, COARSE_EV_PER_ATOM = 0.01, 1e-3
"""Steps of forces and energies that count as coarse; converged labels are known ten times better."""
STEPS_EV = (1.0, 0.1, 0.01)
ON_STEP = 1e-4
"""How near to a step numbers lie, in steps, that were rounded to it, in single precision too."""
MORE_THAN_CHANCE = 0.3
"""Share of all energies; a tenth of those given to thousandths end on hundredths."""
FEWEST_COMPONENTS = 6
"""Force components other than zero which all lie on steps; fewer may by chance or by symmetry."""


def given_alarms(frames: Sequence[Frame]) -> list[Alarm]:
    """Run all checks on frames that are held."""
    found = [_cells_not_repeated(frames), _cells_missing(frames), _coarse_forces(frames), _coarse_energies(frames)]
    return [one for one in found if one is not None]


def _cells_not_repeated(frames: Sequence[Frame]) -> Alarm | None:
    dense = _periodic_volumes(frames, _elements)
    places = [
        place
        for place, frame in enumerate(frames)
        if not np.any(frame.pbc)
        and frame.n_atoms > 1
        and 0 < _volume(frame) < AS_DENSE * dense.get(_elements(frame), 0.0)
    ]
    message = (
        f"{len(places)} frames have a cell filled as densely as those of periodic frames of their elements, but no "
        "periodic direction."
    )
    advice = "Most likely the periodicity was lost on the way: set it, or take the cell away where it is a cluster."
    return alarm("lost_periodicity", "medium", places, message, advice)


def _cells_missing(frames: Sequence[Frame]) -> Alarm | None:
    dense = _periodic_volumes(frames, formula_of)
    places = [
        place
        for place, frame in enumerate(frames)
        if frame.n_atoms > 1
        and not np.any(frame.pbc)
        and not _volume(frame)
        and dense.get(formula_of(frame), np.inf) < CONDENSED_A3
    ]
    if len(places) < FEWEST:
        return None
    message = f"{len(places)} frames have no cell, while frames of the same formula are periodic solids."
    advice = "Clusters, or did they lose their cells? Without a cell their labels belong to no structure."
    return alarm("lost_periodicity", "low", places, message, advice)


def _periodic_volumes(frames: Sequence[Frame], kind: Callable[[Frame], Hashable]) -> dict[Hashable, float]:
    """Median volume per atom, Å³, of the periodic frames of each kind, where they are several."""
    members: dict[Hashable, list[float]] = defaultdict(list)
    for frame in frames:
        if np.all(frame.pbc):
            members[kind(frame)].append(_volume(frame))
    return {one: float(np.median(volumes)) for one, volumes in members.items() if len(volumes) >= FEWEST_ALIKE}


def _elements(frame: Frame) -> bytes:
    return np.unique(frame.numbers).tobytes()


def _volume(frame: Frame) -> float:
    return abs(float(np.linalg.det(frame.cell))) / frame.n_atoms


def _coarse_forces(frames: Sequence[Frame]) -> Alarm | None:
    places = [place for place, frame in enumerate(frames) if _is_coarse(frame.forces_eV_per_A)]
    if len(places) < FEWEST:
        return None
    message = f"Forces of {len(places)} frames are rounded to {COARSE_EV_PER_A:g} eV/Å."
    advice = (
        f"Take them from the outputs again: rounding alone leaves {COARSE_EV_PER_A / np.sqrt(12):.1g} eV/Å of noise."
    )
    return alarm("rounded_labels", "low", places, message, advice)


def _is_coarse(forces: FloatArray | None) -> bool:
    if forces is None or np.count_nonzero(np.abs(forces) > COARSE_EV_PER_A / 2) < FEWEST_COMPONENTS:
        return False
    return bool(_on_step(np.asarray(forces, float), COARSE_EV_PER_A).all())


def _on_step(values: FloatArray, step: float) -> BoolArray:
    return np.asarray(np.abs(values / step - np.rint(values / step)) < ON_STEP)


def _coarse_energies(frames: Sequence[Frame]) -> Alarm | None:
    places = [
        place
        for place, frame in enumerate(frames)
        if frame.energy_eV
        and any(
            step > COARSE_EV_PER_ATOM * frame.n_atoms and bool(_on_step(np.array(frame.energy_eV), step))
            for step in STEPS_EV
        )
    ]
    n_energies = sum(frame.energy_eV is not None for frame in frames)
    if len(places) < max(FEWEST, MORE_THAN_CHANCE * n_energies):
        return None
    step = f"{1000 * COARSE_EV_PER_ATOM:g} meV per atom"
    message = f"Energies of {len(places)} frames are rounded to steps of more than {step}."
    return alarm("rounded_labels", "low", places, message, "Take them from the outputs again, with all their digits.")
