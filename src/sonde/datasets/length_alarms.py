"""Geometries in another unit of length, and atoms that overlap without pushing each other apart."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from ase.units import Bohr

from sonde.datasets.crowding import Crowding, crowding
from sonde.datasets.label_alarms import alarm
from sonde.datasets.label_statistics import robust_sigma
from sonde.records.arrays import BoolArray, FloatArray
from sonde.records.datasets import Alarm
from sonde.records.frames import Frame

FEWEST_ALIKE = 6
"""Frames of the same elements that say what is usual among them."""
LOG_BOHR = -float(np.log(Bohr))
"""Logarithm of 1.89."""
WITHIN, SIGMAS = 0.1, 5.0
"""How near to that factor a length is, and how many standard deviations of the usual ones it must be away."""
OVERLAP = 0.5
"""Of the sum of covalent radii: bonds are no shorter than 0.8 of it."""
WEAK_EV_PER_A = 10.0
"""Atoms that overlap so push each other with tens of eV/Å."""
WIDEST, NARROWEST = 1.6, 0.65
"""Median over a set of nearest distances over covalent radii: 0.9 to 1.3 in what is bound."""
NOBLE_GASES = frozenset([2, 10, 18, 36, 54, 86])


def length_alarms(frames: Sequence[Frame]) -> list[Alarm]:
    """Run all checks of lengths; they need no labels."""
    found = crowding(frames)
    alarms = [*_units(frames, found), _cells(frames, found), _whole_set(frames, found), _overlaps(frames, found)]
    return [one for one in alarms if one is not None]


def _units(frames: Sequence[Frame], found: Crowding) -> list[Alarm | None]:
    """Distances, and where there are cells their edges, that are off by the same known factor."""
    off, far = _off_their_like(_elements(frames), np.log(found.mean))
    edges = _off_their_like(_elements(frames), np.log(found.volume))[0] / 3
    edges = np.where(np.isfinite(found.volume), edges, off)
    # Two atoms alone are put at any distance.
    far &= np.array([np.all(frame.pbc) or frame.n_atoms > 2 for frame in frames], bool)
    longer, shorter = (
        np.flatnonzero(far & (np.abs(off - aside) < WITHIN) & (np.abs(edges - aside) < WITHIN)).tolist()
        for aside in (LOG_BOHR, -LOG_BOHR)
    )
    advice = "Look at them: cell and positions must be in Å; convert them, or leave the frames out."
    words = "frames have lengths that fit those of the others of their elements only if"
    return [
        alarm("length_unit", "high", longer, f"{len(longer)} {words} they are in Bohr instead of Å.", advice),
        alarm("length_unit", "high", shorter, f"{len(shorter)} {words} Å were converted as if from Bohr.", advice),
    ]


def _cells(frames: Sequence[Frame], found: Crowding) -> Alarm | None:
    """Cells in Bohr around positions in Å: 6.7 times the volume of others of the same elements, distances as usual."""
    off, far = _off_their_like(_elements(frames), np.log(found.volume))
    near, _ = _off_their_like(_elements(frames), np.log(found.mean))
    places = np.flatnonzero(far & (np.abs(off / 3 - LOG_BOHR) < WITHIN / 3) & (np.abs(near) < WITHIN)).tolist()
    message = (
        f"{len(places)} frames have cells of {Bohr**-3:.2f} times the volume of others of their elements, while their "
        "atoms stand as close: consistent with cells in Bohr around positions in Å, or with a layer of vacuum."
    )
    return alarm("length_unit", "medium", places, message, "Look at them: cell and positions must be in one unit, Å.")


def _elements(frames: Sequence[Frame]) -> list[bytes]:
    return [np.unique(frame.numbers).tobytes() for frame in frames]


def _off_their_like(groups: Sequence[bytes], values: FloatArray) -> tuple[FloatArray, BoolArray]:
    """Values less the median of their group, and which of them are farther off than the group is wide."""
    off, far = np.zeros(len(values)), np.zeros(len(values), bool)
    members: dict[bytes, list[int]] = defaultdict(list)
    for place in np.flatnonzero(np.isfinite(values)).tolist():
        members[groups[place]].append(place)
    for places in members.values():
        if len(places) >= FEWEST_ALIKE:
            own = values[places]
            off[places] = own - np.median(own)
            far[places] = np.abs(off[places]) > SIGMAS * robust_sigma(own)
    return off, far


def _whole_set(frames: Sequence[Frame], found: Crowding) -> Alarm | None:
    """Sets in which nothing is bound, or everything overlaps; noble gases and single atoms are not judged."""
    judged = [
        place
        for place in np.flatnonzero(np.isfinite(found.mean)).tolist()
        if not NOBLE_GASES & set(frames[place].numbers.tolist())
    ]
    if len(judged) < FEWEST_ALIKE or NARROWEST < (middle := float(np.median(found.mean[judged]))) < WIDEST:
        return None
    unit = "Bohr instead of Å" if middle > 1 else "Å that were converted as if from Bohr"
    message = (
        f"Nearest neighbours stand at {middle:.2f} times the sum of their covalent radii (median of {len(judged)} "
        f"frames): consistent with lengths in {unit} throughout."
    )
    return alarm(
        "length_unit", "medium", judged, message, "Compare a bond length or lattice constant with a known one."
    )


def _overlaps(frames: Sequence[Frame], found: Crowding) -> Alarm | None:
    places = [place for place in np.flatnonzero(found.closest < OVERLAP).tolist() if _pushed_weakly(frames[place])]
    message = (
        f"In {len(places)} frames atoms stand closer than {OVERLAP:g} times the sum of their covalent radii, with no "
        f"force beyond {WEAK_EV_PER_A:g} eV/Å: these labels are not those of these geometries."
    )
    advice = "Look at units of cell and positions, at the cell itself, and whether labels belong to these frames."
    return alarm("overlapping_atoms", "high", places, message, advice)


def _pushed_weakly(frame: Frame) -> bool:
    forces = frame.forces_eV_per_A
    return forces is not None and bool(forces.any()) and float(np.abs(forces).max()) < WEAK_EV_PER_A
