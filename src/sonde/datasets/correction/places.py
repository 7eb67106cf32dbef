"""A frame with the name of its dataset and what it states of its level of theory."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from sonde.datasets.surfaces import HARD, family, surface_of
from sonde.records.frames import Frame

NO_ATOMS = np.zeros((0, 3))


@dataclass(frozen=True, eq=False)
class Place:
    """Where a frame stands; its stated fields are worked out once, since every question about surfaces asks them."""

    dataset: str
    frame: Frame

    def __str__(self) -> str:
        return f"{self.dataset}:{self.frame.ordinal}"

    @property
    def key(self) -> tuple[str, int]:
        return self.dataset, self.frame.ordinal

    def without_geometry(self) -> "Place":
        """Return the same frame with elements, energy and tags only, which takes far less memory."""
        lean = replace(self.frame, positions=NO_ATOMS, forces_eV_per_A=None, stress_eV_per_A3=None)
        return Place(self.dataset, lean)

    @cached_property
    def fields(self) -> Mapping[str, str]:
        """Stated fields of the level of theory, per-element ones as `hubbard_u[Ni]`."""
        return surface_of(self.frame)

    @property
    def hard_fields(self) -> dict[str, str]:
        """Those of them that decide the energy surface."""
        return {key: value for key, value in self.fields.items() if family(key) in HARD}
