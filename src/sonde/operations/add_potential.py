"""`sonde add potential`: register a checkpoint with what it was trained on, and check that this can be true."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from sonde.errors import WrongUse
from sonde.operations.names import require_name
from sonde.progress import SILENT, Progress
from sonde.records.frames import Frame
from sonde.records.potentials import ForceResiduals, RegisteredPotential

if TYPE_CHECKING:
    from sonde.potentials.protocol import FrozenPotential
    from sonde.store import Project

COMMIT = re.compile(r"[0-9a-fA-F]{7,40}")
SAMPLE = 200
"""Training frames on which residuals are measured at registration and repeated by every diagnosis."""


@dataclass(frozen=True)
class PotentialOptions:
    """How a checkpoint is to be loaded, and what is known of its training."""

    head: str | None = None
    dtype: str = "float64"
    trained_on: str | None = None
    trained_at: str | None = None
    trust_pickle: bool = False


@dataclass(frozen=True)
class AddedPotential:
    """The registered potential with what was found on its training dataset."""

    SCHEMA: ClassVar[str] = "sonde.add-potential/1"
    potential: RegisteredPotential
    residuals: ForceResiduals | None
    warnings: tuple[str, ...]
    stored: bool


def add_potential(
    project: "Project",
    name: str,
    checkpoint: Path | None,
    *,
    adapter: str,
    options: PotentialOptions = PotentialOptions(),
    dry_run: bool = False,
    progress: Progress = SILENT,
) -> AddedPotential:
    """Register a potential: its fingerprint, its training dataset, its residuals and reference energies there.

    Elements, reference energies and training residuals are verified on the training dataset.
    """
    from sonde.potentials.registry import load_potential

    require_name(project, "potential", name)
    _require_time(options.trained_at)
    sample = training_sample(project, options.trained_on)
    progress.say(f"loading {adapter} {checkpoint or '(weights of its package)'}")
    potential = load_potential(
        adapter, checkpoint, head=options.head, dtype=options.dtype, trust_pickle=options.trust_pickle
    )
    residuals, warnings = _verify(potential, sample, options.trained_on, progress)
    registered = RegisteredPotential(
        name=name,
        identity=potential.identity,
        checkpoint=str(checkpoint.resolve()) if checkpoint else "",
        trained_on=options.trained_on,
        trained_at=options.trained_at,
        residuals=residuals,
        reference_energies_eV={z: potential.reference_energy_eV(z) for z in potential.identity.elements},
        trust_pickle=options.trust_pickle,
    )
    if not dry_run:
        with project.writing():
            project.potentials.add(registered)
    return AddedPotential(registered, residuals, warnings, stored=not dry_run)


def _require_time(trained_at: str | None) -> None:
    """Refuse what is neither a date nor a commit: a diagnosis orders changes by it."""
    if trained_at is None or COMMIT.fullmatch(trained_at):
        return
    try:
        datetime.fromisoformat(trained_at)
    except ValueError as neither:
        raise WrongUse(
            f"--trained-at takes a date, such as 2024-02-07T19:00:00+00:00, or a commit, not {trained_at!r}."
        ) from neither


def training_sample(project: "Project", dataset: str | None) -> list[Frame]:
    """Draw the frames on which residuals are measured: the same ones every time, spread over the dataset."""
    if dataset is None:
        return []
    n = project.datasets.row(dataset).n_frames
    step = max(1, -(-n // SAMPLE))
    return [frame for frame in project.datasets.frames(dataset) if frame.ordinal % step == 0]


def _verify(
    potential: "FrozenPotential", sample: Sequence[Frame], dataset: str | None, progress: Progress
) -> tuple[ForceResiduals | None, tuple[str, ...]]:
    from sonde.potentials.registration import verify_registration

    if not sample:
        warning = "No training dataset is named (--trained-on): a diagnosis cannot test what the data explain."
        return None, (warning,)
    report = verify_registration(potential, sample, progress=progress)
    return report.residuals, tuple(f"{dataset}: {warning}" for warning in report.warnings)
