"""Hubbard U that is on in part of the cells: by which rule, and whether an atom can tell on which surface it lies.

U that is switched on by O or F anywhere in the cell leaves atoms far from any of them with the energy of another
surface in surroundings that a potential cannot tell apart (Warford, Thiemann, Csányi, arXiv 2601.21056).
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from ase.data import atomic_numbers, chemical_symbols

from sonde.datasets.surfaces import surface_of
from sonde.local_environments.descriptors import DensityDescriptor
from sonde.local_environments.neighbours import neighbour_list
from sonde.records.arrays import BoolArray, FloatArray
from sonde.records.datasets import Alarm, SelectiveU
from sonde.records.frames import Frame

RECEPTIVE_FIELD_A = 6.0
"""How far an atom sees: the cutoff of one layer of a message-passing model, or of a local one."""
CUSTOMARY_METALS = ("Co", "Cr", "Fe", "Mn", "Mo", "Ni", "V", "W")
"""Elements that get a U in the input sets of the Materials Project, in cells with O or F."""
TRIGGERS = ("O", "F", "S", "N", "Cl", "Br", "I", "Se")
"""Preferred as what triggers U, in this order, where several elements explain it equally well."""
PURE = 0.95
"""Share of the cells with the metal and an element that must have U, for the element to be a trigger."""
MOST_FRAMES, MOST_ATOMS = 400, 2000
IDENTICAL = 0.02
"""Distance of two descriptions, in units in which one neighbour more is about 1, below which they are the same."""


def selective_u(frames: Sequence[Frame]) -> tuple[SelectiveU, ...]:
    """Find the rule for each metal that has U in some cells and none in others; where none is stated, what may be.

    Without a statement selective U is at most consistent with the compositions: its shift is collinear with the
    formation energy of the oxide.
    """
    states: dict[str, dict[int, str]] = defaultdict(dict)
    for place, frame in enumerate(frames):
        for field, value in surface_of(frame).items():
            if field.startswith("hubbard_u["):
                states[field[len("hubbard_u[") : -1]][place] = value
    found = [one for metal, of in sorted(states.items()) if _is_selective(of) and (one := _of_metal(frames, metal, of))]
    stated = {metal for metal, of in states.items() if of}
    return (*found, *(one for one in _possible(frames, stated) if one is not None))


def _is_selective(of: dict[int, str]) -> bool:
    return len({value == "none" for value in of.values()}) == 2


def _of_metal(frames: Sequence[Frame], metal: str, of: dict[int, str]) -> SelectiveU | None:
    """Describe the rule of one metal; None where no element in the cell explains which cells have U."""
    places = sorted(of)
    on = np.array([of[place] != "none" for place in places])
    held = [{chemical_symbols[int(z)] for z in np.unique(frames[place].numbers)} - {metal} for place in places]
    triggers = _triggers(held, on)
    if not triggers:
        return None
    predicted = np.array([bool(elements & set(triggers)) for elements in held])
    with_u = [frames[place] for place, is_on in zip(places, on, strict=True) if is_on]
    without = [frames[place] for place, is_on in zip(places, on, strict=True) if not is_on]
    distances, far = _nearest_triggers(_part(with_u), metal, triggers)
    known = distances[np.isfinite(distances)]
    return SelectiveU(
        metal=metal,
        u=tuple(sorted({of[place] for place in places} - {"none"})),
        triggers=triggers,
        status="found",
        n_frames_with_u=int(on.sum()),
        n_frames_without_u=int((~on).sum()),
        n_exceptions=int((predicted != on).sum()),
        receptive_field_A=RECEPTIVE_FIELD_A,
        n_atoms_looked_at=len(distances),
        n_atoms_beyond=int(np.isinf(distances).sum()),
        median_nearest_A=float(np.median(known)) if len(known) else None,
        largest_nearest_A=float(known.max()) if len(known) else None,
        n_identical_environments=_identical(far, _part(without), metal),
        examples=tuple(place for place, is_on in zip(places, on, strict=True) if is_on)[:10],
    )


def _triggers(held: Sequence[set[str]], on: BoolArray) -> tuple[str, ...]:
    """Choose elements that have U wherever they are, one by one, each the one that explains most cells with U."""
    elements = sorted({element for one in held for element in one}, key=_preference)
    has = {element: np.array([element in one for one in held]) for element in elements}
    pure = [element for element in elements if on[has[element]].mean() >= PURE]
    chosen: list[str] = []
    left = on.copy()
    while left.any() and pure:
        best = max(pure, key=lambda element: (int((left & has[element]).sum()), -_preference(element)))
        if not (left & has[best]).any():
            break
        chosen.append(best)
        left &= ~has[best]
    return tuple(chosen)


def _preference(element: str) -> int:
    return TRIGGERS.index(element) if element in TRIGGERS else len(TRIGGERS) + atomic_numbers[element]


def _part(frames: Sequence[Frame]) -> list[Frame]:
    step = max(1, -(-len(frames) // MOST_FRAMES))
    return list(frames[::step])


Site = tuple[Frame, int]


def _nearest_triggers(frames: Sequence[Frame], metal: str, triggers: Sequence[str]) -> tuple[FloatArray, list[Site]]:
    """Distance of every atom of the metal to the nearest trigger, infinite beyond the field, and the atoms beyond."""
    nearest: list[FloatArray] = []
    far: list[Site] = []
    numbers = [atomic_numbers[element] for element in triggers]
    for frame in frames:
        near = neighbour_list(frame, RECEPTIVE_FIELD_A)
        closest = np.full(frame.n_atoms, np.inf)
        hits = np.isin(frame.numbers[near.j], numbers)
        np.minimum.at(closest, near.i[hits], near.distances[hits])
        atoms = np.flatnonzero(frame.numbers == atomic_numbers[metal])
        nearest.append(closest[atoms])
        far += [(frame, int(atom)) for atom in atoms[np.isinf(closest[atoms])]]
    return (np.concatenate(nearest) if nearest else np.zeros(0)), far


def _identical(far: Sequence[Site], without: Sequence[Frame], metal: str) -> int:
    """Count atoms with U whose surroundings within the field are those of an atom without U."""
    if not far or not without:
        return 0
    hosts = list({id(frame): frame for frame, _ in far[:MOST_ATOMS]}.values())
    elements = {int(z) for frame in [*hosts, *without] for z in np.unique(frame.numbers)}
    describe = DensityDescriptor(tuple(sorted(elements)), cutoff_A=RECEPTIVE_FIELD_A)
    rows = dict(zip([id(frame) for frame in hosts], describe.compute(hosts), strict=True))
    with_u = np.array([rows[id(frame)][atom] for frame, atom in far[:MOST_ATOMS]])
    number = atomic_numbers[metal]
    others = [row[frame.numbers == number] for frame, row in zip(without, describe.compute(without), strict=True)]
    bare = np.concatenate(others)[:MOST_ATOMS]
    closest = np.array([np.abs(bare - row).max(axis=1).min() for row in with_u])
    return int((closest < IDENTICAL).sum())


def _possible(frames: Sequence[Frame], stated: set[str]) -> list[SelectiveU | None]:
    return [_possible_metal(frames, metal) for metal in CUSTOMARY_METALS if metal not in stated]


def _possible_metal(frames: Sequence[Frame], metal: str) -> SelectiveU | None:
    """Say that a metal stands both with O or F and without, while nothing is said of U: no more can be known."""
    number, anions = atomic_numbers[metal], [8, 9]
    holding = [frame for frame in frames if (frame.numbers == number).any() and frame.energy_eV is not None]
    beside = [frame for frame in holding if np.isin(frame.numbers, anions).any()]
    if not beside or len(beside) == len(holding):
        return None
    return SelectiveU(
        metal=metal,
        u=(),
        triggers=("O", "F"),
        status="consistent with",
        n_frames_with_u=len(beside),
        n_frames_without_u=len(holding) - len(beside),
        n_exceptions=0,
        receptive_field_A=RECEPTIVE_FIELD_A,
        n_atoms_looked_at=0,
        n_atoms_beyond=0,
        median_nearest_A=None,
        largest_nearest_A=None,
        n_identical_environments=0,
        examples=(),
    )


def selective_u_alarms(found: Sequence[SelectiveU]) -> list[Alarm]:
    """Report each metal whose U is selective, and in one line those for which it may be."""
    alarms = [_found_alarm(one) for one in found if one.status == "found"]
    possible = [one for one in found if one.status == "consistent with"]
    n = sum(one.n_frames_with_u for one in possible)
    message = (
        f"Nothing says whether {', '.join(one.metal for one in possible)} carry a Hubbard U in the {n} frames that "
        "hold them with O or F; they stand without O and F, too. Selective U is consistent with this, not found: its "
        "shift cannot be told from the formation energy of the oxides without structures computed both ways."
    )
    advice = "Ask whoever computed them for U per frame; pairs computed both ways would decide (sonde correct)."
    if possible:
        alarms.append(Alarm("selective_u_possible", "low", n, (), message, advice))
    return alarms


def _found_alarm(one: SelectiveU) -> Alarm:
    words = " or ".join(one.triggers)
    exceptions = f"{one.n_exceptions} exceptions" if one.n_exceptions else "without exception"
    message = (
        f"U on {one.metal} ({', '.join(one.u)}) is selective: on in {one.n_frames_with_u} frames, off in "
        f"{one.n_frames_without_u}, triggered by {words} in the cell, {exceptions}. {one.n_atoms_beyond} of "
        f"{one.n_atoms_looked_at} {one.metal} atoms with U have no {words} within {one.receptive_field_A:g} Å; "
        f"{one.n_identical_environments} of them have the surroundings of an atom without U."
    )
    advice = "Train on one surface: leave one side out, or correct it by pairs (sonde correct); a head per surface."
    return Alarm("selective_u", "high", one.n_frames_with_u, one.examples, message, advice)
