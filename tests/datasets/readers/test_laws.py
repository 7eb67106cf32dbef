"""Every built-in reader keeps the laws, on real files."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from sonde.datasets.readers import Reader, read_frames, reader_for, reader_names, readers
from sonde.errors import BadInput
from sonde.records.frames import Frame
from sonde.testing.readers import LAWS, BrokenLaw, Law, ReaderCase

SAMPLES = {
    "al_li_mg": ("extxyz", "al_li_mg/al_li_mg.xyz", 311, {3, 12, 13}),
    "ni_o": ("extxyz", "ni_o/ni_o.xyz", 87, {8, 28}),
    "Mo_Surface": ("structures_json", "nbmotaw/Mo_Surface.json.gz", 11, {42}),
    "NbTa_Test": ("structures_json", "nbmotaw/NbTa_Test.json.gz", 40, {41, 73}),
    "Li-Fe-O": ("structures_json", "li_fe_o/Li-Fe-O.json.gz", 375, {3, 8, 26}),
}


@pytest.fixture(params=SAMPLES, ids=str)
def case(request: pytest.FixtureRequest, shared_data: Path) -> ReaderCase:
    name, path, n_frames, elements = SAMPLES[request.param]
    return ReaderCase(readers()[name], shared_data / path, n_frames, frozenset(elements))


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_law(law: Law, case: ReaderCase, tmp_path: Path) -> None:
    law(case, tmp_path)


@dataclass(frozen=True)
class Careless:
    """A reader that breaks what it is told to, on top of one that works."""

    inner: Reader
    fault: str
    name: str = "careless"

    def claims(self, path: Path, head: bytes) -> bool:
        return self.fault != "claims" and self.inner.claims(path, head)

    def read(self, path: Path) -> Iterator[Frame]:
        try:
            for frame in self.inner.read(path):
                yield self._spoilt(frame)
        except BadInput:
            if self.fault != "swallows":
                raise

    def _spoilt(self, frame: Frame) -> Frame:
        if self.fault == "ordinal":
            return replace(frame, ordinal=frame.ordinal + 1)
        if self.fault == "zeros":
            return replace(frame, forces_eV_per_A=frame.positions[:, :2])
        if self.fault == "stress" and frame.stress_eV_per_A3 is not None:
            return replace(frame, stress_eV_per_A3=np.arange(9.0).reshape(3, 3))
        return replace(frame, tags={"k": float("nan")}) if self.fault == "nan tag" else frame


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("claims", "does not claim"),
        ("ordinal", "ordinals"),
        ("zeros", "forces_eV_per_A"),
        ("stress", "not symmetric"),
        ("nan tag", "tag 'k' is nan"),
        ("swallows", "without a word"),
    ],
)
def test_laws_catch(fault: str, message: str, shared_data: Path, tmp_path: Path) -> None:
    sample = shared_data / SAMPLES["al_li_mg"][1]
    case = ReaderCase(Careless(readers()["extxyz"], fault), sample, 311, frozenset({3, 12, 13}))

    def break_one() -> None:
        for law in LAWS:
            law(case, tmp_path)

    with pytest.raises(BrokenLaw, match=message):
        break_one()


def test_registry_names_and_choice(shared_data: Path) -> None:
    assert {"extxyz", "structures_json"} <= set(reader_names())
    assert reader_for(shared_data / "nbmotaw/Mo_Surface.json.gz").name == "structures_json"
    assert reader_for(shared_data / "cr_sb2te3/data_600K/valid.xyz.gz").name == "extxyz"
    assert sum(1 for _ in read_frames(shared_data / "cr_sb2te3/data_600K/valid.xyz.gz")) == 236
