"""The frames behind a learning curve: a held-out set, frames that watch the training, and the pool to draw from."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from sonde.errors import SondeError, WrongUse
from sonde.progress import SILENT, Progress
from sonde.records.arrays import IntArray
from sonde.records.frames import Frame, Tag
from sonde.records.learning_curves import ALL, HeldOut

if TYPE_CHECKING:
    from sonde.store import Project

SPLIT_SEED = 20260205
"""Of the split-off sets: one for all curves of a dataset, whatever their seeds."""
NEAR_A = 0.1
MOST_LOOKED_AT = 200
"""Held-out frames that are searched for near-duplicates."""
MOST_WATCHED = 100
WATCHED_FRACTION = 0.1
UNSTATED = "not stated"


@dataclass(frozen=True)
class FramesOptions:
    """How the frames of a curve are divided.

    `group_by` names what a kind of environments goes by: a tag of the frames, or formula, elements, source_file.
    `fraction` of the frames is held out where no dataset is named for it. Frames whose root mean square displacement
    is below `linked_within_A` count as one trajectory, in addition to those of one recorded trajectory.
    """

    group_by: str = "config_type"
    fraction: float = 0.15
    linked_within_A: float | None = None
    watch: bool = True


@dataclass(frozen=True, eq=False)
class CurveFrames:
    """Frames with energies and forces, divided so that no geometry and no recorded trajectory stands on two sides.

    `pool_groups`, `held_out_groups` name the kind of environments of each frame; `units` number what stays whole in a
    subset, per frame of the pool.
    """

    pool: Sequence[Frame]
    watched: Sequence[Frame]
    held_out: Sequence[Frame]
    pool_groups: tuple[str, ...]
    held_out_groups: tuple[str, ...]
    units: tuple[int, ...]
    record: HeldOut
    notes: tuple[str, ...]

    @property
    def evaluated_elements(self) -> frozenset[int]:
        """Atomic numbers of all frames that a potential is evaluated on."""
        return elements_of([*self.held_out, *self.watched])


def elements_of(frames: Sequence[Frame]) -> frozenset[int]:
    """Atomic numbers that occur."""
    return frozenset(int(z) for frame in frames for z in np.unique(frame.numbers))


def curve_frames(
    project: "Project",
    dataset: str,
    held_out: str | None,
    options: FramesOptions | None = None,
    *,
    progress: Progress = SILENT,
) -> CurveFrames:
    """Read and divide the frames of a learning curve; every exclusion is counted in the notes.

    Raises
    ------
    WrongUse : the held-out dataset is the training dataset, or a number of the options cannot be.
    SondeError : nothing is left to train or to test on; the message says why.
    """
    options = options or FramesOptions()
    _check(dataset, held_out, options)
    known, said = _labelled(project, dataset)
    if held_out is None:
        tested, pool, units, dropped = *_split_off(known, dataset, options), 0
    else:
        tested, told = _labelled(project, held_out)
        said += told
        pool, units, dropped = _apart(known, tested, dataset, held_out, options)
    tested, told = _evaluable(tested, pool)
    near = _near(tested, pool, progress)
    record = HeldOut(
        dataset=held_out or dataset,
        split_off=held_out is None,
        n_frames=len(tested),
        digest=selection_digest(project, held_out or dataset, tested),
        n_overlap_removed=dropped,
        n_near=near,
        n_near_looked_at=min(len(tested), MOST_LOOKED_AT),
        near_A=NEAR_A,
    )
    notes = (*said, *told, *_overlap_notes(record), *_trajectory_notes(known, options))
    return _with_watched(
        CurveFrames(pool, (), tested, _groups(pool, options), _groups(tested, options), units, record, notes), options
    )


def selection_digest(project: "Project", dataset: str, frames: Sequence[Frame]) -> str:
    """SHA-256 of a dataset (its name and the time of its import) and the ordinals of some of its frames."""
    row = project.datasets.row(dataset)
    content = [dataset, row.created.isoformat(), sorted(frame.ordinal for frame in frames)]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _check(dataset: str, held_out: str | None, options: FramesOptions) -> None:
    if held_out == dataset:
        raise WrongUse(
            f"{dataset} cannot be held out from itself: name another dataset, or none to split a part of it off."
        )
    if not 0 < options.fraction < 1:
        raise WrongUse(f"The held-out fraction must lie between 0 and 1, not {options.fraction:g}.")


def _labelled(project: "Project", dataset: str) -> tuple[list[Frame], tuple[str, ...]]:
    frames = list(project.datasets.frames(dataset))
    known = [frame for frame in frames if frame.energy_eV is not None and frame.forces_eV_per_A is not None]
    if not known:
        raise SondeError(f"No frame of {dataset} has both energy and forces: a learning curve needs them.")
    n = len(frames) - len(known)
    return known, (f"{n} of {len(frames)} frames of {dataset} lack energy or forces and were left out.",) if n else ()


def _groups(frames: Sequence[Frame], options: FramesOptions) -> tuple[str, ...]:
    return tuple(_group(frame, options.group_by) for frame in frames)


def _group(frame: Frame, group_by: str) -> str:
    """The kind of environments of a frame, in one word or formula."""
    from ase.symbols import Symbols

    found: Tag
    if group_by == "formula":
        found = str(Symbols(frame.numbers).formula.format("hill"))
    elif group_by == "elements":
        found = "-".join(sorted(set(Symbols(frame.numbers))))
    else:
        found = frame.source_file if group_by == "source_file" else frame.tags.get(group_by)
    if found is None:
        return UNSTATED
    return f"{group_by} {found}" if str(found) == ALL else str(found)


def unit_numbers(frames: Sequence[Frame], linked_within_A: float | None) -> tuple[int, ...]:
    """Number what must not be parted: copies of one geometry, recorded trajectories, near frames where asked for."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    from sonde.datasets.same_geometry import same_geometry_groups
    from sonde.operations.evidence.material import trajectory_of
    from sonde.scaling_laws.near_duplicates import displacement_groups

    pairs = [(group[0], other) for group in same_geometry_groups(frames) for other in group[1:]]
    pairs += _chains([trajectory_of(frame) for frame in frames])
    if linked_within_A is not None:
        pairs += _chains(displacement_groups(frames, linked_within_A).tolist())
    rows, columns = np.array(pairs, int).reshape(-1, 2).T
    graph = coo_array((np.ones(len(rows)), (rows, columns)), shape=(len(frames), len(frames)))
    return tuple(connected_components(graph, directed=False)[1].tolist())


def _chains(labels: Sequence[object]) -> Iterator[tuple[int, int]]:
    """Pair each frame with the first of its label."""
    first: dict[object, int] = {}
    for ordinal, label in enumerate(labels):
        if first.setdefault(label, ordinal) != ordinal:
            yield first[label], ordinal


def _split_off(
    frames: Sequence[Frame], dataset: str, options: FramesOptions
) -> tuple[list[Frame], list[Frame], tuple[int, ...]]:
    """Set part of the frames aside, stratified, whole units only: held-out frames, pool, units of the pool."""
    units = unit_numbers(frames, options.linked_within_A)
    n = max(1, round(options.fraction * len(frames)))
    aside = _set_aside(_groups(frames, options), units, n)
    if not aside:
        raise SondeError(
            f"The {len(frames)} frames of {dataset} are of {len(set(units))} trajectories, none of which fits into "
            f"{n} held-out frames: name another dataset to hold out."
        )
    rest = [k for k in range(len(frames)) if k not in aside]
    return [frames[k] for k in sorted(aside)], [frames[k] for k in rest], tuple(units[k] for k in rest)


def _set_aside(groups: Sequence[str], units: Sequence[int], n: int) -> set[int]:
    """Choose about n frames by whole units that fit, in stratified order."""
    from sonde.scaling_laws.subsets import stratified_order

    aside: set[int] = set()
    for unit in stratified_order(groups, SPLIT_SEED, units):
        if len(aside) + len(unit) <= n:
            aside.update(unit.tolist())
    return aside


def _apart(
    known: Sequence[Frame], tested: Sequence[Frame], dataset: str, held_out: str, options: FramesOptions
) -> tuple[list[Frame], tuple[int, ...], int]:
    """Take out of the pool what shares a unit with a held-out frame: pool, its units, how many were removed."""
    units = unit_numbers([*known, *tested], options.linked_within_A)
    seen = set(units[len(known) :])
    rest = [k for k in range(len(known)) if units[k] not in seen]
    if not rest:
        raise SondeError(
            f"Every frame of {dataset} shares a geometry or a trajectory with {held_out}: nothing is left to train on. "
            "Hold out another dataset."
        )
    return [known[k] for k in rest], tuple(units[k] for k in rest), len(known) - len(rest)


def _evaluable(tested: Sequence[Frame], pool: Sequence[Frame]) -> tuple[list[Frame], tuple[str, ...]]:
    """Leave out held-out frames with elements that no training frame has."""
    known = elements_of(pool)
    kept = [frame for frame in tested if elements_of([frame]) <= known]
    if not kept:
        raise SondeError("Every held-out frame has an element that no training frame has: hold out another dataset.")
    n = len(tested) - len(kept)
    return kept, (f"{n} held-out frames have elements that no training frame has and were left out.",) if n else ()


def _near(tested: Sequence[Frame], pool: Sequence[Frame], progress: Progress) -> int:
    """Count the held-out frames, of those looked at, with a near-duplicate in the pool."""
    from sonde.scaling_laws.near_duplicates import has_near_duplicate

    step = max(1, len(tested) // MOST_LOOKED_AT)
    progress.say("looking for near-duplicates of held-out frames")
    return int(has_near_duplicate(tested[::step][:MOST_LOOKED_AT], pool, NEAR_A).sum())


def _overlap_notes(record: HeldOut) -> Iterator[str]:
    if record.n_overlap_removed:
        yield (
            f"{record.n_overlap_removed} training frames share a geometry or a trajectory with {record.dataset} and "
            "were taken out of the pool."
        )
    if record.n_near:
        yield (
            f"{record.n_near} of {record.n_near_looked_at} held-out frames lie within {record.near_A:g} Å (root mean "
            "square per atom) of a training frame: near-duplicates on both sides flatter the curve. linked_within_A "
            "keeps them together."
        )


def _trajectory_notes(frames: Sequence[Frame], options: FramesOptions) -> Iterator[str]:
    from sonde.operations.evidence.material import trajectory_of

    counts = Counter(trajectory_of(frame) for frame in frames)
    if options.linked_within_A is None and len(counts) == len(frames):
        yield "No frame tells its trajectory: every frame counts as new data."
    if options.linked_within_A is not None:
        yield f"Frames within {options.linked_within_A:g} Å of each other count as one trajectory."
    n = sum(_group(frame, options.group_by) == UNSTATED for frame in frames)
    if n:
        yield f"{n} of {len(frames)} frames do not state {options.group_by}; they form the group {UNSTATED!r}."


def _with_watched(frames: CurveFrames, options: FramesOptions) -> CurveFrames:
    """Set aside the frames that choose the epoch of every training: the same ones for all, and never held-out ones."""
    if not options.watch:
        return frames
    n = min(MOST_WATCHED, max(1, round(WATCHED_FRACTION * len(frames.pool))))
    aside = _set_aside(frames.pool_groups, frames.units, n)
    rest = [k for k in range(len(frames.pool)) if k not in aside]
    if not aside or not rest:
        raise SondeError(
            f"The {len(frames.pool)} frames to train on are of {len(set(frames.units))} trajectories: none can be set "
            "aside to watch the training. Give more frames, or a held-out dataset."
        )
    return replace(
        frames,
        pool=[frames.pool[k] for k in rest],
        watched=[frames.pool[k] for k in sorted(aside)],
        pool_groups=tuple(frames.pool_groups[k] for k in rest),
        units=tuple(frames.units[k] for k in rest),
    )


def group_counts(groups: Sequence[str], chosen: IntArray | None = None) -> dict[str, int]:
    """Count frames per group, of all or of the chosen ones, by name."""
    counts = Counter(groups if chosen is None else (groups[k] for k in chosen.tolist()))
    return dict(sorted(counts.items()))
