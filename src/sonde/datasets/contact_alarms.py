"""Metal atoms that stand closer than metals do, and rest there: pairs that a range check on distances shows."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from ase.data import chemical_symbols, covalent_radii

from sonde.datasets.label_alarms import alarm
from sonde.local_environments.neighbours import neighbour_list
from sonde.records.arrays import BoolArray, FloatArray
from sonde.records.datasets import Alarm
from sonde.records.frames import Frame

METALS = np.zeros(119, bool)
METALS[[3, 4, 11, 12, 13, 19, 20, *range(21, 32), *range(37, 51), *range(55, 84), *range(87, 104)]] = True
WITHIN_A = 4.0
PAIRED, CLOSE = 0.66, 0.8
"""Distances over the sum of covalent radii: metals under pressure keep above the first; the second is 2.2 Å of Cr."""
AT_REST_EV_PER_A = 5.0
"""Atoms pushed together push back; a pair with less force than this belongs where it is."""
OFTEN = 0.05
MOST_LOOKED_AT = 2000


def contact_alarm(frames: Sequence[Frame]) -> Alarm | None:
    """Report pairs of metals so close in many frames with forces so small that they have bound to each other."""
    step = max(1, -(-len(frames) // MOST_LOOKED_AT))
    looked = range(0, len(frames), step)
    closest: dict[tuple[int, int], dict[int, tuple[float, bool]]] = defaultdict(dict)
    for place in looked:
        for pair, found in _closest(frames[place]).items():
            closest[pair][place] = found
    words: list[str] = []
    places: set[int] = set()
    for (a, b), by_place in sorted(closest.items()):
        radii = float(covalent_radii[a] + covalent_radii[b])
        bound = [d for d, at_rest in by_place.values() if at_rest and d < PAIRED * radii]
        if len(bound) > max(2, OFTEN * len(by_place)):
            near = {place for place, (d, _) in by_place.items() if d < CLOSE * radii}
            places |= near
            names = f"{chemical_symbols[a]}-{chemical_symbols[b]}"
            words.append(
                f"{names} below {CLOSE * radii:.2f} Å in {len(near)} of {len(by_place)}, from {min(bound):.2f} Å"
            )
    message = f"Metal atoms stand closer than metals do, without strong forces: {'; '.join(words)}."
    advice = "Look at them: atoms that pair up need their spin treated with care, and no bulk cell holds such contacts."
    return alarm("short_contacts", "low", sorted(places), message, advice)


def _closest(frame: Frame) -> dict[tuple[int, int], tuple[float, bool]]:
    """Distance of the closest pair of each two metals, Å, and whether its atoms are at rest."""
    is_metal = METALS[frame.numbers]
    if not is_metal.any():
        return {}
    near = neighbour_list(frame, WITHIN_A)
    chosen = is_metal[near.i] & is_metal[near.j] & (near.i <= near.j)
    i, j, distances = near.i[chosen], near.j[chosen], near.distances[chosen]
    found: dict[tuple[int, int], tuple[float, bool]] = {}
    resting = _resting(frame)
    for place in np.argsort(-distances).tolist():
        low, high = sorted((int(frame.numbers[i[place]]), int(frame.numbers[j[place]])))
        found[low, high] = (float(distances[place]), bool(resting[i[place]] and resting[j[place]]))
    return found


def _resting(frame: Frame) -> BoolArray:
    if frame.forces_eV_per_A is None:
        return np.zeros(frame.n_atoms, bool)
    sizes: FloatArray = np.linalg.norm(frame.forces_eV_per_A, axis=1)
    return np.asarray(sizes < AT_REST_EV_PER_A)
