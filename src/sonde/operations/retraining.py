"""Training new potentials with the settings of a given one, as far as its adapter can be trained here."""

import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sonde.errors import SondeError
from sonde.progress import SILENT
from sonde.records.frames import Frame
from sonde.records.potentials import RegisteredPotential

if TYPE_CHECKING:
    from sonde.potentials.protocol import FrozenPotential
    from sonde.training.scratch import ScratchSettings

Trainer = Callable[[Sequence[Frame], int], "FrozenPotential"]
"""Training frames and seed → a new potential."""
EVERY_TENTH = 10


def trainer_like(registered: RegisteredPotential) -> Trainer:
    """Find out how to train a potential like the registered one."""
    trainers = {"mace": _mace_trainer, "linear": _linear_trainer}
    adapter = registered.identity.adapter
    if adapter not in trainers:
        raise SondeError(f"--confirm retrains potentials of {', '.join(trainers)}; this one is {adapter}.")
    return trainers[adapter](registered)


def _linear_trainer(registered: RegisteredPotential) -> Trainer:
    from sonde.potentials.linear import fit_linear, load

    settings = load(Path(registered.checkpoint)).parameters.settings

    def train(frames: Sequence[Frame], seed: int) -> "FrozenPotential":
        # The fit has no randomness of its own: a bootstrap of the frames makes three seeds three trials.
        drawn = np.random.default_rng(seed).choice(len(frames), len(frames))
        return fit_linear([frames[k] for k in drawn.tolist()], settings=settings, seed=seed)

    return train


def _mace_trainer(registered: RegisteredPotential) -> Trainer:
    settings = scratch_settings_beside(Path(registered.checkpoint))

    def train(frames: Sequence[Frame], seed: int) -> "FrozenPotential":
        from sonde.potentials.registry import load_potential
        from sonde.training.scratch import train_scratch

        kept = [frame for k, frame in enumerate(frames) if k % EVERY_TENTH]
        watched = [frame for k, frame in enumerate(frames) if k % EVERY_TENTH == 0]
        with tempfile.TemporaryDirectory() as folder:
            run = train_scratch(kept, watched, Path(folder), settings=replace(settings, seed=seed), progress=SILENT)
            return load_potential("mace", run.checkpoint, dtype="float64")

    return train


def scratch_settings_beside(checkpoint: Path) -> "ScratchSettings":
    """Read the settings of a run that `sonde` made, from the record beside its checkpoint.

    Raises
    ------
    SondeError : there is no such record: how the potential was trained is not known.
    """
    from sonde.training.scratch import ScratchSettings

    record = checkpoint.with_suffix(".json")
    if not record.is_file():
        raise SondeError(
            f"How {checkpoint.name} was trained is not recorded ({record.name} is not beside it), so it cannot be "
            "retrained alike. --confirm works on potentials trained by sonde."
        )
    recorded = json.loads(record.read_text(encoding="utf-8"))["settings"]
    known = {field.name for field in fields(ScratchSettings)}
    return ScratchSettings(**{name: value for name, value in recorded.items() if name in known})
