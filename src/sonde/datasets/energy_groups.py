"""Energies of one composition in one cell that fall into groups with nothing between them."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from sonde.datasets.contradictions import formula_of
from sonde.datasets.label_alarms import alarm
from sonde.records.arrays import FloatArray
from sonde.records.datasets import Alarm
from sonde.records.frames import Frame

FEWEST_FRAMES, FEWEST_ASIDE = 20, 5
GAP_OF_SPAN, SMALLEST_GAP_EV_PER_ATOM = 0.25, 0.02
"""A gap this large a part of all energies, and larger than what heat alone leaves between neighbouring energies."""
CELL_GRID_A = 0.01


def energy_group_alarm(frames: Sequence[Frame]) -> Alarm | None:
    """Report compositions whose energies in one cell leave a wide gap: two temperatures, structures or settings.

    Which of these it is cannot be told from energies; frames on the smaller side are listed.
    """
    members: dict[tuple[str, bytes], list[int]] = defaultdict(list)
    for place, frame in enumerate(frames):
        if frame.energy_eV is not None:
            members[formula_of(frame), np.rint(frame.cell / CELL_GRID_A).astype(np.int64).tobytes()].append(place)
    aside: list[int] = []
    words = []
    for (formula, _), places in members.items():
        energies = np.array([frames[place].energy_eV for place in places], float)
        found = _gap(energies, frames[places[0]].n_atoms) if len(places) >= FEWEST_FRAMES else None
        if found is not None:
            low, high = found
            upper = energies >= high
            smaller = upper if upper.sum() <= (~upper).sum() else ~upper
            aside += np.array(places)[smaller].tolist()
            words.append(f"{formula} ({high - low:.3g} eV of {np.ptp(energies):.3g})")
    message = (
        f"Energies of {len(words)} compositions fall into groups with an empty gap between them, in one cell: "
        f"{', '.join(words[:4])}. Different temperatures, structures or settings under one name."
    )
    return alarm("energy_groups", "low", sorted(aside), message, "Find out what parts them, and tag the frames by it.")


def _gap(energies: FloatArray, n_atoms: int) -> tuple[float, float] | None:
    """Return the energies at the sides of the widest gap that leaves five frames or more on both."""
    ordered = np.sort(energies)
    steps = np.diff(ordered)[FEWEST_ASIDE - 1 : len(ordered) - FEWEST_ASIDE]
    widest = int(np.argmax(steps))
    wide = steps[widest] > max(GAP_OF_SPAN * (ordered[-1] - ordered[0]), SMALLEST_GAP_EV_PER_ATOM * n_atoms)
    at = widest + FEWEST_ASIDE - 1
    return (float(ordered[at]), float(ordered[at + 1])) if wide else None
