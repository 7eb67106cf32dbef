"""Every potential keeps every law; and the laws notice a potential that breaks them."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.potentials.al_li_mg import al_li_mg_frames

from sonde.potentials.linear import LinearPotential, fit_linear
from sonde.potentials.protocol import FrozenPotential
from sonde.progress import SILENT, Progress
from sonde.records.frames import Frame
from sonde.records.potentials import FrameEvaluation
from sonde.testing.potentials import LAWS, PotentialLaws, check_potential


@pytest.fixture(scope="module")
def frames(shared_data: Path) -> list[Frame]:
    """A crystal of three elements, a smaller one of two, and a cluster without a cell."""
    alloy = [f for f in al_li_mg_frames(shared_data, 4.0) if f.tags["config_type"] == "rattled"]
    three = next(f for f in alloy if len(set(f.numbers.tolist())) == 3)
    two = next(f for f in alloy if len(set(f.numbers.tolist())) == 2)
    return [three, two, replace(three, cell=np.zeros((3, 3)), pbc=np.zeros(3, bool))]


@pytest.fixture(scope="module")
def linear(shared_data: Path) -> LinearPotential:
    return fit_linear(al_li_mg_frames(shared_data, 4.0)[::2])


@pytest.mark.parametrize("law", LAWS)
def test_linear_keeps_the_law(law: str, linear: LinearPotential, frames: list[Frame]) -> None:
    LAWS[law](linear, frames, PotentialLaws())


class Spoiled:
    """A linear potential of which one quantity is spoiled."""

    def __init__(self, inner: FrozenPotential, fault: str) -> None:
        self.inner, self.fault, self.identity = inner, fault, inner.identity

    def reference_energy_eV(self, number: int) -> float | None:  # noqa: N802 - the unit
        return self.inner.reference_energy_eV(number)

    def evaluate(
        self, frames: Sequence[Frame], *, batch_size: int = 8, progress: Progress = SILENT
    ) -> list[FrameEvaluation]:
        known = [replace(f, numbers=np.full(f.n_atoms, 13)) if self.fault == "elements" else f for f in frames]
        results = self.inner.evaluate(known, batch_size=batch_size, progress=progress)
        return list(self.spoil(frames, results))

    def spoil(self, frames: Sequence[Frame], results: list[FrameEvaluation]) -> Iterator[FrameEvaluation]:
        for frame, r in zip(frames, results, strict=True):
            if self.fault == "forces":
                yield replace(r, forces_eV_per_A=-r.forces_eV_per_A)
            elif self.fault == "stress" and r.stress_eV_per_A3 is not None:
                yield replace(r, stress_eV_per_A3=-r.stress_eV_per_A3)
            elif self.fault == "embeddings":
                yield replace(r, embeddings=np.hstack([r.embeddings[:, :-1], frame.positions[:, :1]]))
            elif self.fault == "batch":
                yield replace(r, energy_eV=r.energy_eV + 1e-3 * len(frames))
            elif self.fault == "atomic energies" and r.atomic_energies_eV is not None:
                yield replace(r, atomic_energies_eV=r.atomic_energies_eV - 1)
            else:
                if self.fault == "input":
                    frame.positions[:] += 1e-3
                yield r


@pytest.mark.parametrize(
    ("fault", "law"),
    [
        ("forces", "forces_are_slopes"),
        ("stress", "stress_is_a_slope"),
        ("embeddings", "rotation"),
        ("embeddings", "translation"),
        ("batch", "single_is_batched"),
        ("atomic energies", "atomic_energies_sum_up"),
        ("input", "input_is_unchanged"),
        ("elements", "unknown_elements_are_named"),
    ],
)
def test_the_law_notices_a_fault(fault: str, law: str, linear: LinearPotential, frames: list[Frame]) -> None:
    copies = [replace(frame, positions=frame.positions.copy()) for frame in frames]
    with pytest.raises(AssertionError):
        LAWS[law](Spoiled(linear, fault), copies, PotentialLaws())
    with pytest.raises(AssertionError):
        check_potential(Spoiled(linear, fault), copies)
