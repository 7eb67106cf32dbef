"""Shifts planted on real cells: each frame on PBE as it is, and once more with U, its energy moved by known amounts."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from weakref import WeakSet

import numpy as np
from ase.data import atomic_numbers

from sonde.datasets.correction.pairs import composition_of
from sonde.datasets.correction.places import Place
from sonde.datasets.readers import read_frames
from sonde.records.frames import Frame, Tag

SHIFTS_EV = {"Mo": 3.2, "Nb": 1.1, "Ta": 0.6, "W": 4.4}
BINARIES = ("MoTa", "MoW", "NbMo", "NbTa", "NbW", "TaW")
PBE: dict[str, Tag] = {"xc": "PBE", "hubbard_u": "none"}
PBE_U: dict[str, Tag] = {"xc": "PBE", "hubbard_u": " ".join(f"{element}:d:4" for element in SHIFTS_EV)}


def cells(shared_data: Path, names: Iterable[str]) -> list[Frame]:
    """Frames of nbmotaw's test files."""
    return [frame for name in names for frame in read_frames(shared_data / f"nbmotaw/{name}_Test.json.gz")]


def stated(frame: Frame, tags: Mapping[str, Tag], energy_eV: float | None = None) -> Frame:
    """The same frame on a stated surface."""
    energy = frame.energy_eV if energy_eV is None else energy_eV
    return replace(frame, tags={**frame.tags, **tags}, energy_eV=energy)


def planted_shift(frame: Frame, shifts_eV: Mapping[str, float] = SHIFTS_EV) -> float:
    return float(sum(eV * np.count_nonzero(frame.numbers == atomic_numbers[el]) for el, eV in shifts_eV.items()))


def both_surfaces(frames: Sequence[Frame], noise_eV: Sequence[float] | None = None) -> list[Frame]:
    """Every frame on PBE, then every frame on PBE+U; noise per atom is added to the latter."""
    noise = [0.0] * len(frames) if noise_eV is None else noise_eV
    moved = [
        stated(frame, PBE_U, (frame.energy_eV or 0.0) + planted_shift(frame) + eV * frame.n_atoms)
        for frame, eV in zip(frames, noise, strict=True)
    ]
    return [stated(frame, PBE) for frame in frames] + moved


def noise_by_composition(
    frames: Sequence[Frame], seed: int, of_composition: float = 0.03, of_pair: float = 0.01
) -> list[float]:
    """Errors of which one part is common to all pairs of a composition, eV per atom."""
    rng = np.random.default_rng(seed)
    common: dict[str, float] = {}
    for frame in frames:
        common.setdefault(composition_of(frame), float(rng.normal(0, of_composition)))
    return [common[composition_of(frame)] + float(rng.normal(0, of_pair)) for frame in frames]


def placed(frames: Iterable[Frame], dataset: str = "planted") -> list[Place]:
    return [Place(dataset, frame.numbered(ordinal)) for ordinal, frame in enumerate(frames)]


def read_places(path: Path, dataset: str) -> list[Place]:
    return placed(read_frames(path), dataset)


class Stream:
    """Yields frames that nobody else holds, and counts how many live at once."""

    def __init__(self, frames: list[Frame]) -> None:
        self.frames = frames
        self.alive: WeakSet[Frame] = WeakSet()
        self.most = 0

    def __iter__(self) -> Iterator[Place]:
        for ordinal, frame in enumerate(self.frames):
            made = replace(frame, ordinal=ordinal)
            self.alive.add(made)
            self.most = max(self.most, len(self.alive))
            yield Place("stream", made)
