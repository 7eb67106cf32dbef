"""Alarms on single frames: labels that are missing, filled with zeros, or that do not add up."""

from collections.abc import Sequence

import numpy as np

from sonde.datasets.label_statistics import net_force_per_atom, zero_forces_by_symmetry
from sonde.records.datasets import Alarm
from sonde.records.frames import Frame

EXAMPLES = 20
"""Ordinals that an alarm lists; its `n` counts all."""
NET_FORCE_LIMIT_EV_PER_A = 0.005
"""Per atom; sums reported for public sets: 0.0017 to 0.033 eV/Å (see "How accurate are DFT forces")."""


def label_alarms(frames: Sequence[Frame]) -> list[Alarm]:
    """Run all checks that need one frame at a time."""
    found = [
        *_missing(frames),
        _zero_forces(frames),
        _zero_stress(frames),
        _zero_energy(frames),
        _net_force(frames),
    ]
    return [alarm for alarm in found if alarm is not None]


def alarm(kind: str, severity: str, ordinals: Sequence[int], message: str, what_to_do: str) -> Alarm | None:
    """Make an alarm of the frames given, or none where there are none."""
    if not len(ordinals):
        return None
    shown = tuple(int(ordinal) for ordinal in ordinals[:EXAMPLES])
    return Alarm(kind, severity, len(ordinals), shown, message, what_to_do)  # type: ignore[arg-type]


def _missing(frames: Sequence[Frame]) -> list[Alarm | None]:
    """Report labels that some frames have and others lack; a label that no frame has is no defect."""
    alarms = []
    for name, attribute in (("energy", "energy_eV"), ("forces", "forces_eV_per_A"), ("stress", "stress_eV_per_A3")):
        lacking = [place for place, frame in enumerate(frames) if getattr(frame, attribute) is None]
        if len(lacking) == len(frames) and name != "energy":
            continue
        message = f"{len(lacking)} of {len(frames)} frames have no {name}."
        advice = f"Leave {name} out of the loss for them, or compute the labels; do not fill them with zeros."
        alarms.append(alarm("missing_labels", "low" if name == "stress" else "medium", lacking, message, advice))
    return alarms


def _zero_forces(frames: Sequence[Frame]) -> Alarm | None:
    places = [
        place
        for place, frame in enumerate(frames)
        if frame.forces_eV_per_A is not None and not frame.forces_eV_per_A.any() and not zero_forces_by_symmetry(frame)
    ]
    message = f"{len(places)} frames have forces that are all exactly zero, which their symmetry does not ask for."
    return alarm("zero_filled_forces", "high", places, message, "Most likely missing labels: set them to none.")


def _zero_stress(frames: Sequence[Frame]) -> Alarm | None:
    places = [
        place
        for place, frame in enumerate(frames)
        if frame.stress_eV_per_A3 is not None and not frame.stress_eV_per_A3.any()
    ]
    message = f"{len(places)} frames have a stress of exactly zero in all components."
    return alarm("zero_filled_stress", "medium", places, message, "Most likely missing labels: set them to none.")


def _zero_energy(frames: Sequence[Frame]) -> Alarm | None:
    places = [place for place, frame in enumerate(frames) if frame.energy_eV == 0.0]
    message = f"{len(places)} frames have an energy of exactly zero."
    return alarm("zero_filled_energy", "high", places, message, "Most likely missing labels: set them to none.")


def _net_force(frames: Sequence[Frame]) -> Alarm | None:
    sums = np.array([net_force_per_atom(frame) or 0.0 for frame in frames])
    places = np.flatnonzero(sums > NET_FORCE_LIMIT_EV_PER_A)
    places = places[np.argsort(-sums[places])]
    message = (
        f"In {len(places)} frames the forces do not add up to zero: more than {1000 * NET_FORCE_LIMIT_EV_PER_A:g} "
        f"meV/Å per atom, up to {1000 * sums.max(initial=0.0):.3g}."
    )
    advice = "Tighten the convergence (cutoff, grid), or expect this much noise in the forces; worst frames first."
    return alarm("net_force", "medium", places.tolist(), message, advice)
