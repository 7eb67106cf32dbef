"""Real frames for the tests of potentials, read with ase so that no other room is needed."""

from pathlib import Path

import numpy as np
from ase.io import iread

from sonde.records.frames import Frame


def al_li_mg_frames(shared_data: Path, largest_force: float = np.inf) -> list[Frame]:
    """Al-Li-Mg cells in PBE whose atoms all feel less than `largest_force`, eV/Å."""
    path = shared_data / "al_li_mg" / "al_li_mg.xyz"
    frames = []
    for ordinal, atoms in enumerate(iread(path, ":")):
        forces = atoms.arrays["REF_forces"]
        if np.linalg.norm(forces, axis=1).max() < largest_force:
            frames.append(
                Frame(
                    numbers=atoms.numbers.astype(np.int64),
                    positions=atoms.positions,
                    cell=np.array(atoms.cell),
                    pbc=atoms.pbc,
                    energy_eV=float(atoms.info["REF_energy"]),
                    forces_eV_per_A=forces,
                    stress_eV_per_A3=np.array(atoms.info["REF_stress"], float).reshape(3, 3),
                    tags={"config_type": str(atoms.info["config_type"])},
                    source_file=str(path),
                    ordinal=ordinal,
                )
            )
    return frames
