"""What one pass over the frames tells of both surfaces; the frames themselves are not held."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sonde.datasets.correction.candidates import Candidates
from sonde.datasets.correction.pairs import Choices, Side, add_candidate, composition_of
from sonde.datasets.correction.places import Place
from sonde.datasets.correction.surface_choice import corrected_elements, deciding_values, surface_title, symbols


@dataclass
class SurfaceSurvey:
    """Frames with an energy on one surface: how many, of which compositions and chemical systems, and what they state.

    `titles` are names of surfaces such as "PBE+U"; `values` those of the fields of the target, by field; `elements`
    the atomic numbers whose energy a move to the target changes.
    """

    n_frames: int = 0
    compositions: set[str] = field(default_factory=set)
    systems: Counter[str] = field(default_factory=Counter)
    titles: set[str] = field(default_factory=set)
    values: dict[str, set[str]] = field(default_factory=dict)
    elements: set[int] = field(default_factory=set)

    def add(self, place: Place, choices: Choices) -> None:
        """Take up a frame."""
        self.n_frames += 1
        self.compositions.add(composition_of(place.frame))
        self.systems[symbols(set(place.frame.numbers.tolist())).replace(", ", "-")] += 1
        self.titles.add(surface_title(place))
        self.elements |= corrected_elements(choices.target, place)
        for key, value in deciding_values(choices.target, place).items():
            self.values.setdefault(key, set()).add(value)

    @property
    def several_values(self) -> Mapping[str, tuple[str, ...]]:
        """Fields of the target with several values: one shift cannot serve them all."""
        return {key: tuple(sorted(found)) for key, found in sorted(self.values.items()) if len(found) > 1}

    def title(self, otherwise: str) -> str:
        """Name the surface as people do; `otherwise` where the frames state neither functional nor U."""
        return " and ".join(sorted(self.titles - {""})) or otherwise


@dataclass(frozen=True)
class Survey:
    """Frames to correct, frames on the target, and which of them may share a geometry."""

    sources: SurfaceSurvey = field(default_factory=SurfaceSurvey)
    targets: SurfaceSurvey = field(default_factory=SurfaceSurvey)
    candidates: Candidates = field(default_factory=Candidates)
    n_places: int = 0


def survey(places: Iterable[Place], further: Iterable[Place], choices: Choices) -> Survey:
    """Go through the frames to correct and through those of other datasets, in which the other label may stand."""
    found = Survey()
    n_places = 0
    for own, stream in ((True, places), (False, further)):
        for place in stream:
            side = choices.side(place)
            if side is Side.SOURCE and own:
                found.sources.add(place, choices)
            elif side is Side.TARGET:
                found.targets.add(place, choices)
            add_candidate(found.candidates, n_places, place, side)
            n_places += 1
    return Survey(found.sources, found.targets, found.candidates, n_places)
