"""Where a potential can be trusted: over composition, strain and temperature."""

from dataclasses import dataclass
from typing import ClassVar, Literal

Thermal = Literal["einstein", "dynamics"]
"""How structures are made warm: random displacements of independent oscillators, or short dynamics."""


@dataclass(frozen=True)
class MapCell:
    """One place of the map; means over its structures, with 95 % intervals over resampled structures.

    trusted: mean P(error ≤ tolerance), where structures out of scope count 0; None where no structures could be made.
    """

    composition: str
    strain: float
    temperature_K: float
    n_structures: int
    trusted: float | None
    trusted_low: float | None
    trusted_high: float | None
    p_within: float | None
    """Mean P(error ≤ tolerance) as it is, in scope or not."""
    out_of_scope: float | None
    """Share of the structures."""
    scope_score: float | None
    """Median of the largest ratio to a scope limit."""


@dataclass(frozen=True)
class MapBoundary:
    """The temperature at which `trusted` falls below one half, with its 95 % interval.

    lost_at_K is None where it does not within the map; where it has at the lowest temperature already it is that one
    and `at_all` is False. A limit that lies above the map is None.
    """

    composition: str
    strain: float
    lost_at_K: float | None
    low_K: float | None
    high_K: float | None
    at_all: bool


@dataclass(frozen=True)
class TrustMap:
    """The map of one potential about one or more reference structures."""

    SCHEMA: ClassVar[str] = "sonde.trust-map/1"
    potential: str
    reference: str
    claim: str
    thermal: Thermal
    n_atoms: tuple[int, ...]
    """Atoms of the cells, one number per reference structure."""
    n_structures: int
    seed: int
    compositions: tuple[str, ...]
    strains: tuple[float, ...]
    temperatures_K: tuple[float, ...]
    cells: tuple[MapCell, ...]
    boundaries: tuple[MapBoundary, ...]
    notes: tuple[str, ...] = ()

    def cell(self, composition: str, strain: float, temperature_K: float) -> MapCell:
        """The cell at these values, which must be those of the map."""
        place = (composition, strain, temperature_K)
        return next(one for one in self.cells if (one.composition, one.strain, one.temperature_K) == place)
