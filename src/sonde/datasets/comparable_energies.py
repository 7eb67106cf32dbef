"""Which energies of a dataset may be compared with each other: those of one stated surface and one charge."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from sonde.datasets.surfaces import HARD, surface_ordinals
from sonde.records.frames import Frame, Tag

CHARGES = ("charge", "total_charge", "net_charge")
FEWEST = 8
"""Frames of a group below which it cannot say what is usual in it."""
LONELY_A3 = 300.0
"""Volume of a cell in which one atom has no neighbours."""


def is_alone(frame: Frame) -> bool:
    """Tell whether a frame is a single atom far from any other: nothing but its own energy says what it should be."""
    return frame.n_atoms == 1 and (not np.any(frame.pbc) or abs(float(np.linalg.det(frame.cell))) > LONELY_A3)


def charge_of(frame: Frame) -> Tag:
    """Return the charge that a frame states, None where it states none."""
    by_name = {key.lower(): value for key, value in frame.tags.items()}
    return next((by_name[name] for name in CHARGES if by_name.get(name) is not None), None)


def same_charge(a: Frame, b: Frame) -> bool:
    """Tell whether two frames may have one charge: they do unless both state one, and not the same."""
    first, second = charge_of(a), charge_of(b)
    if first is None or second is None:
        return True
    try:
        return float(first) == float(second)
    except ValueError:
        return first == second


def comparable_groups(frames: Sequence[Frame]) -> list[list[int]]:
    """Sort frames by stated surface (hard fields) and charge; of several groups those too small to judge are left out.

    Codes, functionals and potentials put the zero of energy elsewhere, and an electron less costs some eV.
    """
    _, surface = surface_ordinals(frames, families=HARD)
    members: dict[tuple[int, str], list[int]] = defaultdict(list)
    for place, (number, frame) in enumerate(zip(surface, frames, strict=True)):
        members[number, str(charge_of(frame))].append(place)
    return [places for places in members.values() if len(places) >= FEWEST or len(members) == 1]
