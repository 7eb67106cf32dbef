"""What a diagnosis works on: the input, the training dataset, the raw pool, each with descriptors and embeddings."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from sonde.records.arrays import BoolArray, FloatArray, IntArray
from sonde.records.datasets import Lineage
from sonde.records.frames import Frame
from sonde.records.potentials import FrameEvaluation, RegisteredPotential

if TYPE_CHECKING:
    from sonde.local_environments.distances import EnvironmentIndex
    from sonde.potentials.protocol import FrozenPotential

Space = str
FEWEST_GROUPS = 2
"""A set of one trajectory has nothing to hold out against: it has no limit."""
SPACES: tuple[Space, Space] = ("embedding", "descriptor")


@dataclass(frozen=True, eq=False)
class Labelled:
    """Frames with what the potential says of them and the independent descriptor of their atoms.

    descriptors, embeddings: one array (n_atoms, width) per frame.
    """

    name: str
    frames: Sequence[Frame]
    evaluations: Sequence[FrameEvaluation]
    descriptors: Sequence[FloatArray]

    @cached_property
    def numbers(self) -> list[IntArray]:
        return [frame.numbers for frame in self.frames]

    @cached_property
    def embeddings(self) -> list[FloatArray]:
        return [evaluation.embeddings for evaluation in self.evaluations]

    @cached_property
    def errors(self) -> "list[FloatArray | None]":
        """Per-atom force errors of each frame, eV/Å; None without labels."""
        from sonde.potentials.residuals import force_errors

        return [force_errors(frame, found) for frame, found in zip(self.frames, self.evaluations, strict=True)]

    def space(self, name: Space) -> Sequence[FloatArray]:
        """Coordinates of the atoms' environments in one of the two spaces."""
        return self.embeddings if name == "embedding" else self.descriptors

    def index(self, name: Space) -> "EnvironmentIndex":
        """Nearest-environment index of one space, built once."""
        return self._indices[name]

    @cached_property
    def _indices(self) -> "dict[Space, EnvironmentIndex]":
        from sonde.local_environments.distances import EnvironmentIndex

        return {name: EnvironmentIndex.fit(self.space(name), self.numbers) for name in SPACES}

    def limits(self, name: Space) -> dict[int, float | None]:
        """Per element, the 99 % quantile of the distance from held-out frames of this set to the rest of it."""
        return self._embedding_limits if name == "embedding" else self._descriptor_limits

    @cached_property
    def _embedding_limits(self) -> dict[int, float | None]:
        return self._held_out_limits("embedding")

    @cached_property
    def _descriptor_limits(self) -> dict[int, float | None]:
        return self._held_out_limits("descriptor")

    def _held_out_limits(self, name: Space) -> dict[int, float | None]:
        from sonde.local_environments.distances import held_out_limit

        groups = [trajectory_of(frame) for frame in self.frames]
        if len(set(groups)) < FEWEST_GROUPS:
            return dict.fromkeys({int(z) for numbers in self.numbers for z in numbers})
        return held_out_limit(self.space(name), self.numbers, groups, seed=0)

    def subset(self, ordinals: Sequence[int]) -> "Labelled":
        """The same for some of the frames."""
        return Labelled(
            self.name,
            [self.frames[k] for k in ordinals],
            [self.evaluations[k] for k in ordinals],
            [self.descriptors[k] for k in ordinals],
        )


@dataclass(frozen=True, eq=False)
class Material:
    """Everything that evidence is measured on."""

    potential: "FrozenPotential"
    registered: RegisteredPotential
    tolerance_eV_per_A: float
    inputs: Labelled
    failing: Sequence[BoolArray]
    """Per input frame, the atoms that carry the failure."""
    training: Labelled | None = None
    pool: Labelled | None = None
    lineage: Lineage | None = None
    """From pool to training."""

    @property
    def failing_numbers(self) -> list[IntArray]:
        return [numbers[mask] for numbers, mask in zip(self.inputs.numbers, self.failing, strict=True)]

    def failing_in(self, name: Space) -> list[FloatArray]:
        """Environments of the failing atoms in one space."""
        return [x[mask] for x, mask in zip(self.inputs.space(name), self.failing, strict=True)]

    @cached_property
    def dropped(self) -> frozenset[int]:
        """Ordinals of pool frames that the training dataset lacks."""
        return _as_set(self.lineage.dropped if self.lineage else None)

    @cached_property
    def dropped_by_rule(self) -> frozenset[int]:
        return _as_set(self.lineage.dropped_by_rule if self.lineage else None)


def trajectory_of(frame: Frame) -> str:
    """Name what a frame came from, so that snapshots of one run are never held out from each other, nor copies."""
    from sonde.datasets.identity import geometry_id

    for tag in ("trajectory", "group_id", "material_id"):
        if frame.tags.get(tag) is not None:
            return f"{frame.source_file} {frame.tags[tag]}"
    return geometry_id(frame)


def _as_set(ordinals: "IntArray | None") -> frozenset[int]:
    return frozenset() if ordinals is None else frozenset(ordinals.tolist())
