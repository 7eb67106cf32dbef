"""Inputs that share the ending `.in` or `.inp`, told apart by what stands in them: Quantum ESPRESSO, CP2K, LAMMPS."""

import re
from collections.abc import Iterator

from sonde.decisions.changes import cp2k_input, espresso_input, lammps_input
from sonde.decisions.changes.values import Unreadable, Value

CP2K = re.compile(r"^\s*&(GLOBAL|FORCE_EVAL|MOTION)\b", re.IGNORECASE | re.MULTILINE)
NAMELIST = re.compile(r"^\s*&[A-Za-z_]\w*", re.MULTILINE)
LAMMPS = re.compile(r"^\s*(units|pair_style|atom_style|read_data)\s+\S", re.MULTILINE)


def values(text: str) -> Iterator[Value]:
    """Yield the settings of an input.

    Raises
    ------
    Unreadable
        Where it is none of the three.
    """
    if CP2K.search(text):
        yield from cp2k_input.values(text)
    elif NAMELIST.search(text):
        yield from espresso_input.values(text)
    elif LAMMPS.search(text):
        yield from lammps_input.values(text)
    elif text.strip():
        raise Unreadable("neither a Quantum ESPRESSO, a CP2K nor a LAMMPS input")
