"""Frames of a laboratory as it keeps them: extended XYZ with labels under REF_ names, written by ase."""

from collections.abc import Sequence
from io import StringIO

from ase import Atoms
from ase.io import write

from sonde.records.frames import Frame


def atoms_of(frame: Frame) -> Atoms:
    """Return the frame as ase's Atoms; labels stand under REF_energy (eV), REF_forces (eV/Å), REF_stress (eV/Å³)."""
    atoms = Atoms(numbers=frame.numbers, positions=frame.positions, cell=frame.cell, pbc=frame.pbc)
    atoms.info.update({name: value for name, value in frame.tags.items() if value is not None})
    if frame.energy_eV is not None:
        atoms.info["REF_energy"] = frame.energy_eV
    if frame.stress_eV_per_A3 is not None:
        atoms.info["REF_stress"] = frame.stress_eV_per_A3.reshape(9)
    if frame.forces_eV_per_A is not None:
        atoms.arrays["REF_forces"] = frame.forces_eV_per_A.copy()
    return atoms


def extxyz_text(frames: Sequence[Frame]) -> str:
    """Write frames as extended XYZ text with 8 decimals."""
    text = StringIO()
    write(text, [atoms_of(frame) for frame in frames], format="extxyz")
    return text.getvalue()
