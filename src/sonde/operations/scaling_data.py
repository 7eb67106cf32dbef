"""What a project knows of the data behind a learning curve: alarms, dropped frames, where other data enter."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sonde.errors import WrongUse
from sonde.progress import SILENT, Progress
from sonde.records.datasets import Alarm, Audit, surface_alarms_of
from sonde.records.scaling import Reading, ScalingFit

if TYPE_CHECKING:
    from sonde.scaling_laws.kinks import Composition
    from sonde.scaling_laws.planning import DataState
    from sonde.store import Project

NOT_STATED = "not stated"
Interval = tuple[float | None, float | None] | None


def data_state(
    project: "Project", dataset: str, parent: str | None = None, *, progress: Progress = SILENT
) -> "DataState":
    """Audit a dataset, and count the labelled frames of its parent that it lacks.

    Raises NotFound where the project holds no dataset of either name.
    """
    from sonde.operations.audit import audit
    from sonde.scaling_laws.planning import DataState

    opened = alarms_before_capacity(audit(project, dataset, progress=progress))
    dropped = None if parent is None else _labelled_and_dropped(project, parent, dataset, progress)
    affected = max((alarm.n for alarm in opened), default=0)
    return DataState(dataset, tuple(alarm.message for alarm in opened), affected, dropped, parent)


def alarms_before_capacity(audit: Audit) -> tuple[Alarm, ...]:
    """Return the alarms to close before capacity is worth its price: mixed surfaces or units, wrong labels."""
    mixed = surface_alarms_of(audit)
    return tuple(alarm for alarm in audit.alarms if alarm in mixed or alarm.severity == "high")


def _labelled_and_dropped(project: "Project", parent: str, dataset: str, progress: Progress) -> int:
    from sonde.operations.lineage import lineage

    found = lineage(project, parent, dataset, progress=progress)
    dropped = set() if found.dropped is None else set(found.dropped.tolist())
    frames = enumerate(project.datasets.frames(parent))
    return sum(place in dropped and frame.energy_eV is not None for place, frame in frames)


def break_interval(fit: ScalingFit) -> Interval:
    """Return the limits of the first break, None where none is established."""
    places = [one for name, one in fit.parameters.items() if name.startswith("x_break")]
    return (places[0].low, places[0].high) if fit.established and places else None


def dataset_kinks(
    fit: ScalingFit, sizes: Sequence[float], project: "Project", dataset: str, *, progress: Progress = SILENT
) -> tuple[Reading, ...]:
    """Compare the frames that enter between two sizes with those before, by surface and by config_type.

    The training set of n frames is taken to be the dataset's first n, in the order of its files.

    Raises WrongUse where the dataset has fewer frames than the largest size.
    """
    from sonde.scaling_laws.kinks import kink_readings

    row = project.datasets.row(dataset)
    if row.n_frames < max(sizes):
        raise WrongUse(
            f"{dataset} has {row.n_frames:,} frames, the curve's largest size is {max(sizes):g}: it cannot be what "
            "these models were trained on."
        )
    kinds = _kinds(project, dataset, progress)
    by_surface, by_group = (_counted(sizes, one) for one in kinds)
    interval = break_interval(fit)
    return (
        *kink_readings(by_surface, "surface", interval),
        *kink_readings(by_group, "composition", interval),
    )


def _kinds(project: "Project", dataset: str, progress: Progress) -> tuple[list[str], list[str]]:
    """Name each frame's surface and config_type, in file order."""
    from sonde.datasets.surfaces import surface_names, surface_ordinals

    frames = list(
        progress.track(
            project.datasets.frames(dataset), f"surfaces of {dataset}", project.datasets.row(dataset).n_frames
        )
    )
    found, of_frame = surface_ordinals(frames)
    names = surface_names(found)
    groups = [str(frame.tags.get("config_type") or NOT_STATED) for frame in frames]
    return [names[place] for place in of_frame], groups


def _counted(sizes: Sequence[float], kinds: Sequence[str]) -> "list[Composition]":
    from sonde.scaling_laws.kinks import Composition

    return [Composition(size, Counter(kinds[: round(size)])) for size in sorted(set(sizes))]
