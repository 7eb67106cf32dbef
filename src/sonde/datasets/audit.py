"""What a dataset holds, on which energy surfaces, and what contradicts what in it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from ase.data import chemical_symbols

from sonde.datasets.contradictions import GeometryPair, contradictory_pairs, formula_of, geometry_pairs
from sonde.datasets.copy_alarms import against_alarms, near_copy_alarm, split_alarms, splits_of
from sonde.datasets.energy_alarms import energy_alarms
from sonde.datasets.label_alarms import label_alarms
from sonde.datasets.label_noise import label_noise
from sonde.datasets.near_copies import NearPair, near_pairs
from sonde.datasets.offsets import offsets
from sonde.datasets.paired_labels import paired_labels
from sonde.datasets.run_alarms import run_alarms
from sonde.datasets.selective_u import selective_u, selective_u_alarms
from sonde.datasets.surface_alarms import duplicate_ordinals, surface_alarms
from sonde.datasets.surfaces import surfaces
from sonde.datasets.unit_alarms import gross_stress_alarm, unit_alarms
from sonde.datasets.yardstick import yardstick
from sonde.errors import WrongUse
from sonde.records.datasets import Alarm, Audit, NoiseFloor, PairedLabels
from sonde.records.frames import Frame

EXAMPLES = 10
NOT_STATED = "not stated"
LARGEST_SLOPE = 1.5
"""By which energies may change per work of the forces, or its inverse."""
SEVERITIES = ("high", "medium", "low")


def audit(
    frames: Iterable[Frame], name: str, against: Iterable[Frame] | None = None, against_name: str = "the other set"
) -> Audit:
    """Audit a dataset: contents, surfaces, contradictions, offsets between groups, copies, and alarms by severity.

    Ordinals in the result are places in `frames`. With `against`, another dataset, also what stands in both. The frames
    are held in memory while geometries are compared.

    Raises
    ------
    WrongUse : the dataset is empty.
    """
    held = list(frames)
    if not held:
        raise WrongUse(f"The dataset {name!r} holds no frames: there is nothing to audit.")
    other = [] if against is None else list(against)
    copies = _copies(held, other)
    contradictions = contradictory_pairs(held, copies.own)
    between = offsets(held, copies.own)
    copied = _copy_alarms(held, copies, against_name)
    selective, noise = selective_u(held), label_noise(held, copies.own, copies.near)
    alarms = [
        *surface_alarms(held, copies.own, contradictions, between),
        *run_alarms(held),
        *label_alarms(held),
        *_model_alarms(held),
        *copied,
        *selective_u_alarms(selective),
        *_mismatch(noise, len(held)),
    ]
    leaked = [one for one in copied if one.kind == "leakage"]
    looked = against is not None or any(splits_of(held))
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
        duplicates=len(copies.duplicates),
        alarms=tuple(sorted(alarms, key=lambda one: SEVERITIES.index(one.severity))),
        zero_filled=_hits(alarms, "zero_filled"),
        outliers=_hits(alarms, "energy_outliers"),
        leakage=sum(one.n for one in leaked) if looked else None,
        near_duplicates=_hits(copied, "near_duplicates"),
        selective_u=selective,
        paired=_paired(held, other, copies, (name, against_name)),
        noise=noise,
    )


def _paired(
    held: Sequence[Frame], other: Sequence[Frame], copies: "_Copies", names: tuple[str, str]
) -> tuple[PairedLabels, ...]:
    within = paired_labels(held, copies.own)
    if not copies.across:
        return within
    datasets = [names[0]] * len(held) + [names[1]] * len(other)
    return (*paired_labels([*held, *other], copies.across, datasets), *within)


def _mismatch(noise: NoiseFloor, n_frames: int) -> list[Alarm]:
    """Report forces whose work is not the change of the energy: another unit or sign throughout."""
    slope = noise.force_energy_slope
    if slope is None or 1 / LARGEST_SLOPE < slope < LARGEST_SLOPE:
        return []
    message = (
        f"Energies of {noise.n_near} near copies change by {slope:.3g} times the work of their forces: unit or sign of "
        "one of the two is wrong throughout."
    )
    advice = "Forces in Hartree/Bohr beside energies in eV give 51.4, in eV/Bohr 1.89, gradients for forces −1."
    return [Alarm("force_energy_mismatch", "high", n_frames, (), message, advice)]


@dataclass(frozen=True)
class _Copies:
    """Frames that share a geometry, exactly or nearly: within the dataset, and across to the other one."""

    own: list[GeometryPair]
    near: list[NearPair]
    across: list[GeometryPair]
    near_across: list[NearPair]
    duplicates: list[int]


def _copies(held: Sequence[Frame], other: Sequence[Frame]) -> _Copies:
    """Compare geometries; frames of the other dataset are numbered after those of the own one."""
    together, n = [*held, *other], len(held)
    pairs, near = list(geometry_pairs(together)), near_pairs(together)
    own = [pair for pair in pairs if pair.second < n]
    return _Copies(
        own,
        [pair for pair in near if pair.second < n],
        [pair for pair in pairs if pair.first < n <= pair.second],
        [pair for pair in near if pair.first < n <= pair.second],
        duplicate_ordinals(held, own),
    )


def _copy_alarms(held: Sequence[Frame], copies: _Copies, against_name: str) -> list[Alarm]:
    exact = {pair.second for pair in copies.own}
    found = [
        near_copy_alarm(copies.near, len(held), exact),
        *split_alarms(splits_of(held), copies.own, copies.near),
        *against_alarms(len(held), copies.across, copies.near_across, against_name),
    ]
    return [one for one in found if one is not None]


def _model_alarms(held: Sequence[Frame]) -> list[Alarm]:
    """Judge labels against a model that the set itself gives, as far as it is large enough to give one."""
    fitted = yardstick(held)
    found = [*energy_alarms(held, fitted), *([] if fitted is None else unit_alarms(held, fitted))]
    gross = gross_stress_alarm(held)
    # Stresses too large for any solid are said to be so where no unit explains them all.
    return [gross, *found] if gross is not None and gross.n > _hits(found, gross.kind) else found


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
