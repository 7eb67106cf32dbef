"""Trainers for the points of a learning curve: from frames and a seed to a potential, with what is known of it."""

import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast

from sonde.errors import WrongUse
from sonde.progress import SILENT
from sonde.records.frames import Frame

if TYPE_CHECKING:
    from sonde.potentials.linear import LinearSettings
    from sonde.potentials.protocol import FrozenPotential
    from sonde.training.scratch import ScratchSettings

TrainerName = Literal["mace", "linear"]
MOST_LOOKS = 60
"""Times that a training looks at the watched frames, at the most."""


@dataclass(frozen=True, eq=False)
class TrainedPoint:
    """A potential with what the curve says of it; see `LearningPoint`."""

    potential: "FrozenPotential"
    n_parameters: int
    converged: bool | None
    wall_s: float


class PointTrainer(Protocol):
    """What trains the points of a curve.

    `models` : settings per model, as they are recorded; several make a grid of sizes and parameters.
    `watches` : whether frames besides the training frames choose the epoch. `random` : whether a seed changes more
    than the subset. `fewest_frames` : the smallest subset it can train on. `versions` : packages that decide results.
    """

    name: str
    models: tuple[Mapping[str, Any], ...]
    watches: bool
    random: bool
    fewest_frames: int
    versions: Mapping[str, str]

    def settings(self, model: int, n_frames: int) -> Mapping[str, Any]:
        """Everything that decides a training on so many frames, besides frames and seed."""
        ...

    def train(self, model: int, frames: Sequence[Frame], watched: Sequence[Frame], seed: int) -> TrainedPoint:
        """Train on frames. Raises SondeError where that gives no potential."""
        ...


def varied_models(
    trainer: TrainerName, setting: str, values: Sequence[float]
) -> "tuple[ScratchSettings, ...] | tuple[LinearSettings, ...]":
    """Return the trainer's default settings with one of them varied: models of several sizes.

    Raises WrongUse where the trainer has no such setting that is a number.
    """
    from sonde.potentials.linear_basis import LinearSettings
    from sonde.training.scratch import ScratchSettings

    default: Any = ScratchSettings() if trainer == "mace" else LinearSettings()
    numbers = {name: value for name, value in asdict(default).items() if isinstance(value, int | float)}
    if setting not in numbers:
        raise WrongUse(
            f"The trainer {trainer} has no setting {setting!r} that is a number; it has {', '.join(numbers)}."
        )
    kind = type(numbers[setting])
    wrong = [value for value in values if kind(value) != value or value < 0]
    if wrong or not values:
        raise WrongUse(f"{setting} takes {'whole ' if kind is int else ''}numbers from 0 on; found {wrong or 'none'}.")
    return tuple(replace(default, **{setting: kind(value)}) for value in values)


class LinearTrainer:
    """Least squares: exact, without randomness; the seed only draws the subset."""

    name = "linear"
    watches = False
    random = False
    fewest_frames = 4

    def __init__(self, models: "Sequence[LinearSettings]" = ()) -> None:
        from sonde.potentials.linear import LinearSettings

        self._models = tuple(models) or (LinearSettings(),)
        self.models: tuple[Mapping[str, Any], ...] = tuple(asdict(one) for one in self._models)
        self.versions: Mapping[str, str] = _versions("numpy", "scipy", "sonde-mlip")

    def settings(self, model: int, n_frames: int) -> Mapping[str, Any]:  # noqa: ARG002 - the same for all sizes
        return self.models[model]

    def train(self, model: int, frames: Sequence[Frame], watched: Sequence[Frame], seed: int) -> TrainedPoint:  # noqa: ARG002
        from sonde.potentials.linear import fit_linear

        started = time.monotonic()
        potential = fit_linear(frames, settings=self._models[model], seed=seed)
        fitted = potential.parameters
        n = fitted.constants.size + fitted.weights.size
        return TrainedPoint(potential, n, converged=True, wall_s=time.monotonic() - started)


class MaceTrainer:
    """MACE from scratch, in a process of its own.

    A pass over few frames is few steps: with a fixed number of epochs the small subsets would be left half-trained and
    the curve too steep. So a training has at least `least_steps` optimiser steps, by more epochs where there are few
    frames. In `folder`, where given, each training leaves its checkpoint, record and log.
    """

    name = "mace"
    watches = True
    random = True

    def __init__(
        self, models: "Sequence[ScratchSettings]" = (), *, least_steps: int = 1200, folder: Path | None = None
    ) -> None:
        from sonde.training.scratch import ScratchSettings

        self._models = tuple(models) or (ScratchSettings(),)
        self._least_steps = least_steps
        self._folder = folder
        self.models: tuple[Mapping[str, Any], ...] = tuple(asdict(one) for one in self._models)
        self.versions: Mapping[str, str] = _versions("mace-torch", "torch", "e3nn", "numpy", "sonde-mlip")
        self.fewest_frames = max(one.batch_size for one in self._models)

    def settings(self, model: int, n_frames: int) -> Mapping[str, Any]:
        return asdict(self._for_size(model, n_frames))

    def _for_size(self, model: int, n_frames: int) -> "ScratchSettings":
        """Raise the epochs until there are enough steps; what is left of a pass after whole batches is dropped."""
        one = self._models[model]
        steps_per_epoch = max(1, n_frames // one.batch_size)
        n_epochs = max(one.n_epochs, -(-self._least_steps // steps_per_epoch))
        return replace(one, n_epochs=n_epochs, eval_interval=max(one.eval_interval, -(-n_epochs // MOST_LOOKS)))

    def train(self, model: int, frames: Sequence[Frame], watched: Sequence[Frame], seed: int) -> TrainedPoint:
        from sonde.potentials.mace_checkpoint import read_model
        from sonde.potentials.registry import load_potential
        from sonde.training.scratch import train_scratch

        settings = replace(self._for_size(model, len(frames)), seed=seed)
        with ExitStack() as stack:
            out = self._place(model, len(frames), seed) or Path(stack.enter_context(tempfile.TemporaryDirectory()))
            run = train_scratch(frames, watched, out, settings=settings, progress=SILENT)
            potential = load_potential("mace", run.checkpoint, dtype="float64", device=settings.device)
            n = sum(parameter.numel() for parameter in read_model(run.checkpoint, trust_pickle=False).parameters())
        return TrainedPoint(potential, n, run.converged, run.wall_s)

    def _place(self, model: int, n_frames: int, seed: int) -> Path | None:
        return None if self._folder is None else self._folder / f"model{model}-frames{n_frames}-seed{seed}"


def point_trainer(
    name: TrainerName,
    models: "Sequence[ScratchSettings] | Sequence[LinearSettings]" = (),
    *,
    least_steps: int = 1200,
    folder: Path | None = None,
) -> PointTrainer:
    """Make a trainer by name; no models: the default settings of its kind.

    Raises
    ------
    WrongUse : no such trainer, or models of another kind. MissingPackage : mace is not installed.
    """
    kinds = {type(one).__name__ for one in models}
    wanted = {"mace": "ScratchSettings", "linear": "LinearSettings"}.get(name)
    if wanted is None:
        raise WrongUse(f"A learning curve is trained with mace or linear, not with {name!r}.")
    if kinds - {wanted}:
        raise WrongUse(f"Models of the trainer {name} are {wanted}, not {', '.join(sorted(kinds))}.")
    if name == "linear":
        return LinearTrainer(cast("Sequence[LinearSettings]", models))
    return MaceTrainer(cast("Sequence[ScratchSettings]", models), least_steps=least_steps, folder=folder)


def _versions(*packages: str) -> dict[str, str]:
    from sonde import __version__
    from sonde.optional_imports import require

    found = {}
    for package in packages:
        try:
            found[package] = __version__ if package == "sonde-mlip" else version(package)
        except PackageNotFoundError:
            require({"mace-torch": "mace"}.get(package, package))
            raise
    return found
