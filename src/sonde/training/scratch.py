"""Train a MACE potential from scratch, through mace's own command line in a process of its own."""

import json
import re
import shutil
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
from ase import Atoms
from ase.io import write

from sonde.errors import SondeError, WrongUse
from sonde.progress import SILENT, Progress
from sonde.records.frames import Frame
from sonde.records.jsonable import jsonable
from sonde.reference_energies.fitted import ReferenceEnergies, reference_energies

_NAME = "scratch"
_EPOCH = re.compile(
    r"Epoch (?P<epoch>\d+): head: \S+, loss=\s*(?P<loss>\S+), RMSE_E_per_atom=\s*(?P<energy>\S+) meV, "
    r"RMSE_F=\s*(?P<force>\S+) meV"
)
_SETTLED = 0.05
"""Converged: over the last third of the epochs the validation force error falls by less than this share."""


class TrainingFailed(SondeError):  # noqa: N818 - reads as it is said
    """The trainer stopped with an error; the end of its log is in the message."""


@dataclass(frozen=True)
class ScratchSettings:
    """Everything that decides what a training run gives, besides the frames.

    The defaults train about 200 cells of 4 atoms within a minute on one core. Reference energies are fitted to the
    training frames (or taken from isolated atoms) and handed over as numbers.
    """

    channels: int = 16
    max_L: int = 0
    n_layers: int = 1
    max_ell: int = 2
    correlation: int = 2
    cutoff_A: float = 5.0
    n_epochs: int = 30
    batch_size: int = 5
    learning_rate: float = 0.02
    ema_decay: float = 0.98
    energy_weight: float = 10.0
    forces_weight: float = 100.0
    stress_weight: float = 0.0
    dtype: Literal["float32", "float64"] = "float32"
    device: str = "cpu"
    seed: int = 0
    eval_interval: int = 2


@dataclass(frozen=True)
class EpochErrors:
    """Errors on the validation frames after an epoch; root mean squares."""

    epoch: int
    loss: float
    energy_rmse_meV_per_atom: float
    force_rmse_eV_per_A: float


@dataclass(frozen=True)
class ScratchRun:
    """What a training run left: `checkpoint` is portable (no pickle), `record` holds all of this as JSON.

    `converged` says that the validation force error has settled (it fell by less than 5 % over the last third of the
    epochs); the stored model is that of the epoch with the lowest validation loss, `best_epoch`.
    """

    checkpoint: Path
    log: Path
    record: Path
    settings: ScratchSettings
    command: tuple[str, ...]
    reference: ReferenceEnergies
    n_train: int
    n_valid: int
    epochs: tuple[EpochErrors, ...]
    best_epoch: int
    converged: bool
    n_steps: int
    """Epochs done."""
    wall_s: float
    versions: dict[str, str]


def train_scratch(
    train: Sequence[Frame],
    valid: Sequence[Frame],
    out: Path,
    *,
    settings: ScratchSettings | None = None,
    progress: Progress = SILENT,
) -> ScratchRun:
    """Train on `train`, watch `valid`, and leave checkpoint, log and record in the folder `out`.

    All frames need energies and forces (and stress, where it is weighted). Random numbers are those of numpy and torch
    with the given seed: runs repeat on one machine with one number of threads.

    Raises
    ------
    WrongUse : frames lack labels, or a batch is larger than the training set (mace would train on nothing).
    TrainingFailed : the trainer ended with an error.
    """
    settings = settings or ScratchSettings()
    _check_frames(train, valid, settings)
    out.mkdir(parents=True, exist_ok=True)
    work = out / "mace"
    reference = reference_energies(train)
    if reference.rank_deficient:
        progress.say("compositions do not tell the elements apart: reference energies are of minimum norm")
    files = _write_frames(out, {"train": train, "valid": valid}, settings)
    arguments = mace_arguments(files, work, reference, settings)
    command = (sys.executable, "-m", "sonde.training.mace_worker", str(_write_order(out, work, arguments, settings)))
    started = time.monotonic()
    _write_record(out, "running", {"settings": asdict(settings), "arguments": arguments})
    epochs = _run(command, out / "train.log", settings.n_epochs, progress)
    run = ScratchRun(
        checkpoint=out / "potential.pt",
        log=out / "train.log",
        record=out / "run.json",
        settings=settings,
        command=("mace_run_train", *arguments),
        reference=reference,
        n_train=len(train),
        n_valid=len(valid),
        epochs=epochs,
        best_epoch=min(epochs, key=lambda e: e.loss).epoch if epochs else 0,
        converged=has_settled(epochs),
        n_steps=settings.n_epochs,
        wall_s=time.monotonic() - started,
        versions={name: version(name) for name in ("mace-torch", "torch", "e3nn", "numpy")},
    )
    _write_record(out, "done", jsonable(run))
    shutil.rmtree(work, ignore_errors=True)
    return run


def _write_frames(out: Path, sets: dict[str, Sequence[Frame]], settings: ScratchSettings) -> dict[str, Path]:
    """Write each set as extended xyz with the labels that mace is told to look for."""
    files = {name: out / f"{name}.extxyz" for name in sets}
    for name, frames in sets.items():
        write(files[name], [_labelled_atoms(frame, settings) for frame in frames], format="extxyz")
    return files


def _check_frames(train: Sequence[Frame], valid: Sequence[Frame], settings: ScratchSettings) -> None:
    if not train or not valid:
        raise WrongUse(f"Training needs frames to train on and to watch; found {len(train)} and {len(valid)}.")
    if settings.batch_size > len(train):
        raise WrongUse(f"batch_size {settings.batch_size} is larger than the {len(train)} training frames: lower it.")
    unlabelled = [
        frame
        for frame in (*train, *valid)
        if frame.energy_eV is None
        or frame.forces_eV_per_A is None
        or (settings.stress_weight > 0 and frame.stress_eV_per_A3 is None)
    ]
    if unlabelled:
        wanted = "energies, forces and stress" if settings.stress_weight > 0 else "energies and forces"
        raise WrongUse(f"{len(unlabelled)} of {len(train) + len(valid)} frames lack {wanted}: leave them out first.")
    strange = {int(z) for f in valid for z in np.unique(f.numbers)} - {int(z) for f in train for z in f.numbers}
    if strange:
        raise WrongUse(f"The validation frames hold elements {sorted(strange)} that the training frames lack.")


def _labelled_atoms(frame: Frame, settings: ScratchSettings) -> Atoms:
    """Labels under REF_ names, which ase neither renames nor takes for a calculator's results."""
    atoms = Atoms(numbers=frame.numbers, positions=frame.positions, cell=frame.cell, pbc=frame.pbc)
    atoms.info["REF_energy"] = frame.energy_eV
    atoms.arrays["REF_forces"] = np.array(frame.forces_eV_per_A, float)
    if settings.stress_weight > 0:
        atoms.info["REF_stress"] = np.array(frame.stress_eV_per_A3, float).ravel()
    return atoms


def mace_arguments(
    files: dict[str, Path], work: Path, reference: ReferenceEnergies, settings: ScratchSettings
) -> list[str]:
    """The arguments of mace_run_train, nothing that matters left to its defaults."""
    s = settings
    options: dict[str, Any] = {
        "name": _NAME,
        "work_dir": work,
        "train_file": files["train"],
        "valid_file": files["valid"],
        "energy_key": "REF_energy",
        "forces_key": "REF_forces",
        "stress_key": "REF_stress",
        "E0s": str({z: float(e) for z, e in sorted(reference.energies_eV.items())}),
        "model": "ScaleShiftMACE",
        "num_channels": s.channels,
        "max_L": s.max_L,
        "num_interactions": s.n_layers,
        "max_ell": s.max_ell,
        "correlation": s.correlation,
        "r_max": s.cutoff_A,
        "max_num_epochs": s.n_epochs,
        "eval_interval": s.eval_interval,
        "batch_size": s.batch_size,
        "valid_batch_size": 16,
        "optimizer": "adam",
        "lr": s.learning_rate,
        "scheduler": "ReduceLROnPlateau",
        "ema_decay": s.ema_decay,
        "loss": "stress" if s.stress_weight > 0 else "weighted",
        "energy_weight": s.energy_weight,
        "forces_weight": s.forces_weight,
        "stress_weight": s.stress_weight,
        "scaling": "rms_forces_scaling",
        "default_dtype": s.dtype,
        "device": s.device,
        "seed": s.seed,
        "error_table": "PerAtomRMSE",
    }
    pairs = [word for key, value in options.items() for word in (f"--{key}", str(value))]
    return [*pairs, "--ema"]


def _write_order(out: Path, work: Path, arguments: list[str], settings: ScratchSettings) -> Path:
    order = {
        "arguments": arguments,
        "model": str(work / f"{_NAME}.model"),
        "checkpoint": str(out / "potential.pt"),
        "training": asdict(settings),
    }
    path = out / "order.json"
    path.write_text(json.dumps(order, indent=1))
    return path


def _write_record(out: Path, status: str, content: dict[str, Any]) -> None:
    """Replace the record at once, so that a killed run leaves a whole file that says "running"."""
    fresh = out / "run.json.new"
    fresh.write_text(json.dumps({"status": status, **content}, indent=1))
    fresh.replace(out / "run.json")


def _run(command: Sequence[str], log: Path, n_epochs: int, progress: Progress) -> tuple[EpochErrors, ...]:
    """Run the worker, copy what it says to the log, and tell each epoch."""
    epochs: list[EpochErrors] = []
    tail: deque[str] = deque(maxlen=15)
    with (
        log.open("w") as copy,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process,
    ):
        try:
            assert process.stdout is not None  # asked for above
            for line in process.stdout:
                copy.write(line)
                tail.append(line)
                if found := epoch_errors(line):
                    epochs.append(found)
                    progress.say(
                        f"epoch {found.epoch + 1} of {n_epochs}: forces {found.force_rmse_eV_per_A:.3f} eV/Å, "
                        f"energies {found.energy_rmse_meV_per_atom:.1f} meV/atom"
                    )
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        _write_record(log.parent, "failed", {"return_code": process.returncode, "command": list(command)})
        raise TrainingFailed(
            f"mace_run_train ended with code {process.returncode}; its log is {log}, which ends:\n{''.join(tail)}"
        )
    return tuple(epochs)


def epoch_errors(line: str) -> EpochErrors | None:
    """Read one line of mace's log; None where it reports no epoch."""
    found = _EPOCH.search(line)
    if found is None:
        return None
    return EpochErrors(
        epoch=int(found["epoch"]),
        loss=float(found["loss"]),
        energy_rmse_meV_per_atom=float(found["energy"]),
        force_rmse_eV_per_A=float(found["force"]) / 1000,
    )


def has_settled(epochs: Sequence[EpochErrors]) -> bool:
    """Say whether the best force error of the last third of the epochs is hardly below that of the time before."""
    third = len(epochs) // 3
    if third == 0:
        return False
    before = min(e.force_rmse_eV_per_A for e in epochs[:-third])
    after = min(e.force_rmse_eV_per_A for e in epochs[-third:])
    return after > (1 - _SETTLED) * before
