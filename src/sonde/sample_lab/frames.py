"""The real DFT frames that every sample laboratory is made of: Al-Li-Mg cells in PBE, computed for this project."""

from functools import lru_cache
from pathlib import Path

from sonde.records.frames import Frame

DATA = Path(__file__).with_name("data")


@lru_cache(maxsize=1)
def sample_frames() -> tuple[Frame, ...]:
    """Read the 311 labelled cells that come with the package, in file order."""
    from sonde.datasets.readers import read_frames

    return tuple(read_frames(DATA / "al_li_mg.xyz"))
