"""Records of learning curves: the error on one held-out set of potentials trained on subsets of a dataset."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

ALL = "all"
"""The name under which the whole held-out set stands among its groups."""


@dataclass(frozen=True)
class HeldOutErrors:
    """Errors on one group of the held-out frames, or on all of them (`group` "all").

    Forces: over components. Energies: total energies over the number of atoms, any constant offset included. None: no
    held-out frame is of this group.
    """

    group: str
    n_training_frames: int
    """Frames of this group in the training subset."""
    training_share: float
    """Their share of the subset."""
    n_held_out_frames: int
    force_rmse_eV_per_A: float | None
    force_mae_eV_per_A: float | None
    energy_rmse_meV_per_atom: float | None


@dataclass(frozen=True)
class LearningPoint:
    """One trained potential of a curve."""

    n_frames: int
    """Training frames."""
    seed: int
    """Of the subset, and of the training where it has any randomness."""
    n_parameters: int
    model: int
    """Place in the curve's `models`."""
    converged: bool | None
    """Whether the training had settled; True for a least-squares fit, which is exact; None is unknown."""
    wall_s: float
    """Training time."""
    run: int
    """Id of the run that recorded it."""
    selection: str
    """SHA-256 of dataset and ordinals of the training frames."""
    errors: tuple[HeldOutErrors, ...]
    """All held-out frames first, then group by group."""
    resumed: bool = False
    """True where an earlier run had trained it."""
    enriched: str | None = None
    """The one group that frames were added of to a subset; None for the points of the curve itself."""
    n_added: int = 0
    """How many of n_frames were added so."""

    @property
    def overall(self) -> HeldOutErrors:
        """Errors on the whole held-out set."""
        return self.errors[0]


@dataclass(frozen=True)
class FailedPoint:
    """A training that gave no potential, with the reason; the curve goes on without it."""

    n_frames: int
    seed: int
    model: int
    run: int
    reason: str


@dataclass(frozen=True)
class HeldOut:
    """What every point of a curve is measured on."""

    dataset: str
    """The dataset it comes from."""
    split_off: bool
    """True: part of the training dataset, set aside; False: a dataset of its own."""
    n_frames: int
    digest: str
    """SHA-256 of dataset and ordinals."""
    n_overlap_removed: int
    """Frames taken out of the training pool for sharing a geometry or a trajectory with a held-out one."""
    n_near: int | None
    """Held-out frames with a near-duplicate in the training pool; None: was not looked at."""
    n_near_looked_at: int
    near_A: float
    """The root mean square displacement per atom below which two frames are near-duplicates."""


@dataclass(frozen=True)
class LearningCurve:
    """Errors against the number of training frames (and of parameters, where there are several models).

    The same held-out set stands behind all points. `n_pool` is the number of frames that subsets were drawn from,
    `n_watched` that of the frames which only watched the trainings (to choose the epoch); `models` are the settings of
    the trained models, `failed` the points that are missing and why.
    """

    SCHEMA: ClassVar[str] = "sonde.scaling_curve/1"
    dataset: str
    held_out: HeldOut
    trainer: str
    models: tuple[Mapping[str, Any], ...]
    group_by: str
    groups: Mapping[str, int]
    """Frames of the pool per group."""
    n_pool: int
    n_watched: int
    sizes: tuple[int, ...]
    seeds: tuple[int, ...]
    points: tuple[LearningPoint, ...]
    enriched: tuple[LearningPoint, ...] = ()
    """Subsets of one size with frames of a single group added: what more of that group buys."""
    failed: tuple[FailedPoint, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class GroupGain:
    """What frames of one group bought when they were added to a subset: errors before and after, same seed and model.

    Along the curve itself all groups grow in proportion, so that it cannot tell whose frames made the error fall; this
    comparison can. Force root mean square errors, eV/Å, on all held-out frames and on those of the group (None where
    none is held out).
    """

    group: str
    n_before: int
    n_added: int
    seed: int
    model: int
    overall_before_eV_per_A: float | None
    overall_after_eV_per_A: float | None
    own_before_eV_per_A: float | None
    own_after_eV_per_A: float | None


def group_gains(curve: LearningCurve) -> tuple[GroupGain, ...]:
    """Compare each enriched subset with the subset it began as; those whose subset failed are left out."""
    plain = {(point.n_frames, point.seed, point.model): point for point in curve.points}
    found = []
    for after in curve.enriched:
        before = plain.get((after.n_frames - after.n_added, after.seed, after.model))
        if before is not None and after.enriched is not None:
            found.append(_gain(before, after, after.enriched))
    return tuple(found)


def _gain(before: LearningPoint, after: LearningPoint, group: str) -> GroupGain:
    own = [next((e.force_rmse_eV_per_A for e in p.errors if e.group == group), None) for p in (before, after)]
    return GroupGain(
        group=group,
        n_before=before.n_frames,
        n_added=after.n_added,
        seed=after.seed,
        model=after.model,
        overall_before_eV_per_A=before.overall.force_rmse_eV_per_A,
        overall_after_eV_per_A=after.overall.force_rmse_eV_per_A,
        own_before_eV_per_A=own[0],
        own_after_eV_per_A=own[1],
    )


@dataclass(frozen=True)
class CurveRow:
    """One line of the table that laws are fitted to; see `HeldOutErrors` and `LearningPoint`."""

    group: str
    n_frames: int
    n_group_frames: int
    n_parameters: int
    seed: int
    force_rmse_eV_per_A: float | None
    force_mae_eV_per_A: float | None
    energy_rmse_meV_per_atom: float | None
    converged: bool | None
    run: int


def curve_rows(curve: LearningCurve) -> Iterator[CurveRow]:
    """Yield a line per point and group, those of the whole held-out set under "all"."""
    for point in curve.points:
        for errors in point.errors:
            yield CurveRow(
                group=errors.group,
                n_frames=point.n_frames,
                n_group_frames=errors.n_training_frames,
                n_parameters=point.n_parameters,
                seed=point.seed,
                force_rmse_eV_per_A=errors.force_rmse_eV_per_A,
                force_mae_eV_per_A=errors.force_mae_eV_per_A,
                energy_rmse_meV_per_atom=errors.energy_rmse_meV_per_atom,
                converged=point.converged,
                run=point.run,
            )
