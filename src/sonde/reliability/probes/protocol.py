"""What every probe of a potential's error can be asked."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeVar

from sonde.errors import BadInput
from sonde.local_environments.descriptors import DensityDescriptor
from sonde.records.arrays import FloatArray, IntArray
from sonde.records.frames import Frame
from sonde.records.potentials import FrameEvaluation, PotentialIdentity
from sonde.records.reliability import DEFAULT_TOLERANCE_EV_PER_A, Reliability, Tolerance
from sonde.reliability.probe_file import from_bytes
from sonde.reliability.probes.attention import AttentionProbe
from sonde.reliability.probes.local import LocalProbe


class Probe(Protocol):
    """A fitted probe, bound to one potential, with the descriptor of the environments that its gate compares."""

    @property
    def identity(self) -> PotentialIdentity: ...

    @property
    def descriptor(self) -> DensityDescriptor: ...

    def score(
        self,
        evaluation: FrameEvaluation,
        numbers: IntArray,
        tolerance: float | Tolerance,
        *,
        identity: PotentialIdentity,
        environments: FloatArray,
    ) -> Reliability:
        """Judge one evaluated structure; WrongUse where another potential evaluated it."""
        ...

    def score_frames(
        self,
        identity: PotentialIdentity,
        frames: Sequence[Frame],
        evaluations: Sequence[FrameEvaluation],
        tolerance: float | Tolerance,
    ) -> list[Reliability]:
        """Judge evaluated structures."""
        ...

    def to_bytes(self) -> bytes:
        """Write the probe without pickles."""
        ...


_READERS: Mapping[str, Callable[[bytes], Probe]] = {
    "local": LocalProbe.from_bytes,
    "attention": AttentionProbe.from_bytes,
}


def probe_from_bytes(payload: bytes) -> Probe:
    """Read a probe of whatever kind.

    Raises
    ------
    BadInput : the bytes are no probe, or one of a kind that is not known here.
    """
    kind = str(from_bytes(payload).get("probe"))
    if kind not in _READERS:
        raise BadInput("probe", None, f"it is of kind {kind!r}.", f"Known are {', '.join(_READERS)}: fit it again.")
    return _READERS[kind](payload)


Asked = TypeVar("Asked", bound=float | Tolerance)


def tolerance_for(probe: Probe, tolerance: Asked | None) -> Asked | float:
    """The tolerance asked for, else the one that the probe was fitted for, else 0.3 eV/Å."""
    if tolerance is not None:
        return tolerance
    return probe.model.tolerance if isinstance(probe, AttentionProbe) else DEFAULT_TOLERANCE_EV_PER_A
