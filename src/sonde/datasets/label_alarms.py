"""Alarms on single frames: labels that are missing, filled with zeros, or that do not add up."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sonde.datasets.places import KEPT
from sonde.records.datasets import Alarm

if TYPE_CHECKING:
    from sonde.datasets.frame_table import FrameTable

NET_FORCE_LIMIT_EV_PER_A = 0.005
"""Per atom; sums reported for public sets: 0.0017 to 0.033 eV/Å (see "How accurate are DFT forces")."""


def label_alarms(table: "FrameTable") -> list[Alarm]:
    """Run all checks that need one frame at a time."""
    found = [_not_finite(table), *_missing(table), _zero_forces(table), _some_zero_forces(table), _zero_stress(table)]
    found += [_zero_energy(table), _net_force(table)]
    return [alarm for alarm in found if alarm is not None]


def alarm(kind: str, severity: str, ordinals: Sequence[int], message: str, what_to_do: str) -> Alarm | None:
    """Make an alarm of the frames given, or none where there are none."""
    if not len(ordinals):
        return None
    shown = tuple(int(ordinal) for ordinal in ordinals[:KEPT])
    return Alarm(kind, severity, len(ordinals), shown, message, what_to_do)  # type: ignore[arg-type]


def _missing(table: "FrameTable") -> list[Alarm | None]:
    """Report labels that some frames have and others lack; a label that no frame has is no defect."""
    alarms = []
    for name, lacking in table.lacking.items():
        if len(lacking) == len(table) and name != "energy":
            continue
        message = f"{len(lacking)} of {len(table)} frames have no {name}."
        advice = f"Leave {name} out of the loss for them, or compute the labels; do not fill them with zeros."
        alarms.append(alarm("missing_labels", "low" if name == "stress" else "medium", lacking, message, advice))
    return alarms


def _not_finite(table: "FrameTable") -> Alarm | None:
    places = table.not_finite
    message = f"{len(places)} frames have labels that hold NaN or infinity; they are taken for missing."
    return alarm("not_finite", "high", places, message, "Set these labels to none, or leave the frames out.")


def _zero_forces(table: "FrameTable") -> Alarm | None:
    places = table.zero_forces
    message = f"{len(places)} frames have forces that are all exactly zero, which their symmetry does not ask for."
    if table.n_untested_zeros:
        message += f" {table.n_untested_zeros} more are all zero; their symmetry was not looked at."
    return alarm("zero_filled_forces", "high", places, message, "Most likely missing labels: set them to none.")


def _some_zero_forces(table: "FrameTable") -> Alarm | None:
    places = table.some_zero_forces
    message = (
        f"In {len(places)} frames the forces on some atoms, or along one axis, are exactly zero beside others that are "
        "not; symmetry does not ask for it."
    )
    advice = "Were atoms held fixed, or components left out? Such zeros are no forces: take them out of the loss."
    return alarm("zeroed_atoms", "medium", places, message, advice)


def _zero_stress(table: "FrameTable") -> Alarm | None:
    places = table.zero_stress
    message = f"{len(places)} frames have a stress of exactly zero in all components."
    return alarm("zero_filled_stress", "medium", places, message, "Most likely missing labels: set them to none.")


def _zero_energy(table: "FrameTable") -> Alarm | None:
    # Lone atoms may be where energies are counted from.
    places = table.zero_energy
    message = f"{len(places)} frames have an energy of exactly zero."
    return alarm("zero_filled_energy", "high", places, message, "Most likely missing labels: set them to none.")


def _net_force(table: "FrameTable") -> Alarm | None:
    places = table.net_force
    message = (
        f"In {len(places)} frames the forces do not add up to zero: more than {1000 * NET_FORCE_LIMIT_EV_PER_A:g} "
        f"meV/Å per atom, up to {1000 * table.largest_net_force_eV_per_A:.3g}."
    )
    advice = "Tighten the convergence (cutoff, grid), or expect this much noise in the forces; worst frames first."
    return alarm("net_force", "medium", places, message, advice)
