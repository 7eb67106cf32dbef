"""Energies of an ionic step in vasprun.xml, which stand twice.

Before version 6 the calculation block gives the names e_wo_entrp and e_0_energy to what are e_0_energy and the entropy
term, while its e_fr_energy alone holds corrections such as dispersion, and under an external pressure p also p·V. So,
as `ase` does: free energy of the block, less p·V, plus what smearing adds according to the last electronic step
(gitlab.com/ase/ase merge request 2685).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ase.units import GPa

from sonde.datasets.readers.vasp_header import RunHeader
from sonde.datasets.readers.vasp_inputs import number
from sonde.datasets.readers.vasp_steps import Energies

ELECTRONIC_STEP, ENERGY, END_OF_ENERGY = b"<scstep>", b"<energy>", b"</energy>"
VALUE = re.compile(rb'<i name="(\w+)">\s*([-+.\deE]+)\s*</i>')
FREE, SIGMA_TO_ZERO, WITHOUT_ENTROPY = b"e_fr_energy", b"e_0_energy", b"e_wo_entrp"
RIGHT_NAMES_FROM = 6
"""Major version from which the calculation block names its energies rightly."""
SMALLEST_SHIFT_EV = 1e-6
SHIFTED = "the calculation block shifts the names of its energies; taken from the last electronic step"
BY_NAME = "no electronic step holds energies; taken from the calculation block by name"
KBAR_EV_PER_A3 = 0.1 * GPa
DECIMALS = 8


@dataclass(frozen=True)
class StepEnergies:
    """Energies, where they come from if not from where one would look, and the last change of the free one."""

    energies: Energies = field(default_factory=Energies)
    note: str | None = None
    change_eV: float | None = None


def energy_values(piece: bytes, start: int) -> dict[bytes, float]:
    """Read the named numbers of the <energy> that begins at a place; none where it does not end."""
    end = piece.find(END_OF_ENERGY, start) if start >= 0 else -1
    found: dict[bytes, float] = {}
    for name, value in VALUE.findall(piece[start:end]) if end >= 0 else ():
        try:
            found[name] = float(value)
        except ValueError:
            return {}
    return found


def energies_of_step(
    electronic: bytes, block: Mapping[bytes, float], header: RunHeader, volume_A3: float
) -> StepEnergies:
    """Return the energies of an ionic step.

    Parameters
    ----------
    electronic : its electronic steps as text.
    block : the energies of the calculation block; empty where it was cut off.
    """
    last, change_eV = _last_electronic_step(electronic)
    if FREE not in block:
        return StepEnergies(change_eV=change_eV)
    free = round(block[FREE] - (number(header.setting("PSTRESS")) or 0.0) * KBAR_EV_PER_A3 * volume_A3, DECIMALS)
    if not {FREE, SIGMA_TO_ZERO, WITHOUT_ENTROPY} <= last.keys():
        return _by_name(block, free, header, change_eV)
    sigma, entropy = (round(free + last[name] - last[FREE], DECIMALS) for name in (SIGMA_TO_ZERO, WITHOUT_ENTROPY))
    named = block.get(SIGMA_TO_ZERO, sigma) + free - block[FREE]
    note = SHIFTED if abs(named - sigma) > SMALLEST_SHIFT_EV else None
    return StepEnergies(Energies(free, sigma, entropy, round(free - last[FREE], DECIMALS)), note, change_eV)


def _last_electronic_step(electronic: bytes) -> tuple[dict[bytes, float], float | None]:
    """Return the energies of the last electronic step and how far the free one is from that before it."""
    at = electronic.rfind(ELECTRONIC_STEP)
    if at < 0:
        return {}, None
    before = electronic.rfind(ELECTRONIC_STEP, 0, at)
    last = energy_values(electronic, electronic.find(ENERGY, at))
    earlier = energy_values(electronic, electronic.find(ENERGY, before, at)) if before >= 0 else {}
    return last, abs(last[FREE] - earlier[FREE]) if FREE in last and FREE in earlier else None


def _by_name(block: Mapping[bytes, float], free: float, header: RunHeader, change_eV: float | None) -> StepEnergies:
    """Trust the names of the calculation block where its version is known to give them rightly."""
    if header.major_version is None or header.major_version < RIGHT_NAMES_FROM:
        return StepEnergies(Energies(free), None, change_eV)
    less = free - block[FREE]
    sigma, entropy = (
        None if name not in block else round(block[name] + less, DECIMALS) for name in (SIGMA_TO_ZERO, WITHOUT_ENTROPY)
    )
    return StepEnergies(Energies(free, sigma, entropy), BY_NAME, change_eV)
