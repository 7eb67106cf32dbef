"""What every potential must be able to say: energy, forces, stress, atomic energies and embeddings, in one pass."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar

import numpy as np
from ase.data import chemical_symbols

from sonde.errors import BadInput
from sonde.progress import SILENT, Progress
from sonde.records.frames import Frame
from sonde.records.potentials import FrameEvaluation, PotentialIdentity

Item = TypeVar("Item")


class FrozenPotential(Protocol):
    """A potential whose parameters no longer change.

    The laws that it must keep are in `sonde.testing.potentials`: invariance, force = −dE/dx, single = batched,
    extensivity, input unchanged.
    """

    @property
    def identity(self) -> PotentialIdentity:
        """What probes and stored embeddings are bound to."""
        ...

    def evaluate(
        self, frames: Sequence[Frame], *, batch_size: int = 8, progress: Progress = SILENT
    ) -> list[FrameEvaluation]:
        """Evaluate frames, one forward pass each, in their order.

        Raises
        ------
        BadInput : a frame holds an element that the potential does not know.
        """
        ...

    def reference_energy_eV(self, number: int) -> float | None:  # noqa: N802 - the unit
        """Energy, eV, that an atom of this atomic number has whatever its neighbours, as tabulated; None if unknown."""
        ...


def refuse_unknown_elements(identity: PotentialIdentity, frames: Sequence[Frame]) -> None:
    """Raise BadInput where a frame holds an element that the potential was not made for."""
    known = set(identity.elements)
    for index, frame in enumerate(frames):
        unknown = sorted(set(frame.numbers.tolist()) - known)
        if unknown:
            raise BadInput(
                frame.source_file or "frames",
                f"frame {frame.ordinal if frame.source_file else index}",
                f"holds {_symbols(unknown)}, which this {identity.adapter} potential does not know",
                f"It knows {_symbols(sorted(known))}; leave the frame out or choose another potential.",
            )


def _symbols(numbers: Sequence[int]) -> str:
    names = [chemical_symbols[number] for number in numbers]
    return ", ".join(names) if len(names) <= 20 else f"{', '.join(names[:20])} and {len(names) - 20} more"


def in_batches(
    identity: PotentialIdentity,
    evaluate_batch: Callable[[Sequence[Frame]], list[FrameEvaluation]],
    frames: Sequence[Frame],
    batch_size: int,
    progress: Progress,
) -> list[FrameEvaluation]:
    """Evaluate frames batch by batch, in their order; unknown elements are refused before any work is done."""
    refuse_unknown_elements(identity, frames)
    done: list[FrameEvaluation] = []
    for batch in progress.track(batches(frames, batch_size), "evaluating", -(-len(frames) // batch_size)):
        done.extend(evaluate_batch(batch))
    return done


def batches(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    """Cut a sequence into runs of `size` items."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def is_periodic(frame: Frame) -> bool:
    """Say whether all three directions repeat, without which stress has no volume to refer to."""
    return bool(np.all(frame.pbc))
