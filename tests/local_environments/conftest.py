"""Frames for the tests of local environments."""

from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms

from sonde.records.frames import Frame


def frame_of(atoms: Atoms, ordinal: int = 0) -> Frame:
    """The geometry of an ASE object as a frame."""
    return Frame(
        numbers=np.asarray(atoms.numbers, np.int64),
        positions=np.asarray(atoms.positions, float),
        cell=np.asarray(atoms.cell.array, float),
        pbc=np.asarray(atoms.pbc, bool),
        tags={"config_type": atoms.info.get("config_type")},
        ordinal=ordinal,
    )


@pytest.fixture(scope="session")
def al_li_mg(shared_data: Path) -> list[Frame]:
    """The 311 real Al-Li-Mg cells."""
    images = ase.io.read(shared_data / "al_li_mg" / "al_li_mg.xyz", ":")
    return [frame_of(atoms, ordinal) for ordinal, atoms in enumerate(images)]
