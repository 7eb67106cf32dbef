"""Frames of a laboratory as it keeps them: extended XYZ with labels under REF_ names, written by ase."""

from collections.abc import Sequence
from io import StringIO
from pathlib import Path

from ase import Atoms
from ase.io import write

from sonde.datasets.readers import read_frames
from sonde.records.frames import Frame

AL_LI_MG = Path(__file__).with_name("data") / "al_li_mg.xyz"


def al_li_mg_frames() -> tuple[Frame, ...]:
    """Return the 311 labelled cells of the Al-Li-Mg set (PBE, GPAW; see data/README.md)."""
    return tuple(read_frames(AL_LI_MG))


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
