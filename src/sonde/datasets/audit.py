"""What a dataset holds, on which energy surfaces, and what contradicts what in it."""

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from ase.data import chemical_symbols

from sonde.datasets.contradictions import contradictory_pairs, formula_of, geometry_pairs
from sonde.datasets.label_alarms import label_alarms
from sonde.datasets.offsets import offsets
from sonde.datasets.surface_alarms import duplicate_ordinals, surface_alarms
from sonde.datasets.surfaces import surfaces
from sonde.errors import WrongUse
from sonde.records.datasets import Alarm, Audit
from sonde.records.frames import Frame

EXAMPLES = 10
NOT_STATED = "not stated"
SEVERITIES = ("high", "medium", "low")


def audit(frames: Iterable[Frame], name: str) -> Audit:
    """Audit a dataset: contents, surfaces, contradictions, offsets between groups, copies, and alarms by severity.

    Ordinals in the result are places in `frames`. The frames are held in memory while geometries are compared.

    Raises
    ------
    WrongUse : the dataset is empty.
    """
    held = list(frames)
    if not held:
        raise WrongUse(f"The dataset {name!r} holds no frames: there is nothing to audit.")
    pairs = list(geometry_pairs(held))
    contradictions = contradictory_pairs(held, pairs)
    between = offsets(held, pairs)
    alarms = [*surface_alarms(held, pairs, contradictions, between), *label_alarms(held)]
    return Audit(
        dataset=name,
        n_frames=len(held),
        n_atoms=sum(frame.n_atoms for frame in held),
        elements=_elements(held),
        formulas=_counted(formula_of(frame) for frame in held),
        config_types=_counted(str(frame.tags.get("config_type") or NOT_STATED) for frame in held),
        labels=_labels(held),
        surfaces=surfaces(held),
        contradictions={"n_groups": len(contradictions), "examples": contradictions[:EXAMPLES]},
        offsets=between,
        duplicates=len(duplicate_ordinals(held, pairs)),
        alarms=tuple(sorted(alarms, key=lambda one: SEVERITIES.index(one.severity))),
        zero_filled=_hits(alarms, "zero_filled"),
        outliers=_hits(alarms, "energy_outliers"),
    )


def _hits(alarms: Iterable[Alarm], kind: str) -> int:
    """Count the frames behind all alarms whose kind begins so."""
    return sum(alarm.n for alarm in alarms if alarm.kind.startswith(kind))


def _elements(frames: Sequence[Frame]) -> dict[str, int]:
    numbers, counts = np.unique(np.concatenate([frame.numbers for frame in frames]), return_counts=True)
    return {chemical_symbols[number]: int(count) for number, count in zip(numbers, counts, strict=True)}


def _counted(words: Iterable[str]) -> dict[str, int]:
    return dict(Counter(words).most_common())


def _labels(frames: Sequence[Frame]) -> dict[str, int]:
    return {
        "energy": sum(frame.energy_eV is not None for frame in frames),
        "forces": sum(frame.forces_eV_per_A is not None for frame in frames),
        "stress": sum(frame.stress_eV_per_A3 is not None for frame in frames),
    }
