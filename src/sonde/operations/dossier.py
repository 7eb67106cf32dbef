"""`sonde dossier`: every decision behind a potential, for whoever extends, retrains or reproduces it."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sonde.errors import WrongUse
from sonde.operations.effects import effects_of, lineages
from sonde.operations.kept_findings import kept_audit
from sonde.operations.why import open_archive
from sonde.progress import SILENT, Progress
from sonde.records.datasets import Lineage
from sonde.records.decisions import Change, Dossier, DossierDataset, Level, Purpose, Setting
from sonde.records.potentials import RegisteredPotential

if TYPE_CHECKING:
    from sonde.store import Project

LEVELS: Mapping[Purpose, tuple[Level, ...]] = {
    "extend": ("data", "labels"),
    "retrain": ("data", "labels", "training"),
    "reproduce": ("data", "labels", "training", "other"),
}
"""What a purpose needs to know: new labels have to fit the old ones, a new training to repeat the old settings."""
NEEDED: Mapping[Purpose, Mapping[str, tuple[str, ...]]] = {
    "extend": {"labels": ("functional", "plane_wave_cutoff", "k_spacing", "pseudopotential")},
    "retrain": {"training": ("cutoff_radius", "energy_weight", "force_weight", "train_fraction")},
    "reproduce": {
        "labels": ("functional", "plane_wave_cutoff", "k_spacing", "pseudopotential"),
        "training": ("cutoff_radius", "energy_weight", "force_weight", "learning_rate", "batch_size", "epochs", "seed"),
    },
}
"""Settings without which a purpose cannot be met, by concept."""


def dossier(
    project: "Project",
    potential: str,
    purpose: Purpose,
    *,
    as_of: datetime | None = None,
    progress: Progress = SILENT,
) -> Dossier:
    """Collect datasets, rules, surfaces, settings with their reasons, and what is missing, as the training saw them.

    Settings are those that stood when the potential was trained (or at `as_of`); without either, as they stand now.

    Raises
    ------
    NotFound : no potential of that name. WrongUse : a purpose that is not known.
    """
    from ase.data import chemical_symbols

    from sonde.decisions import watched

    if purpose not in LEVELS:
        raise WrongUse(f"A dossier is for {', '.join(LEVELS)}; found {purpose!r}.")
    registered = project.potentials.get(potential)
    archive = open_archive(project)
    at = as_of or _trained_at(registered, archive.changes)
    chain = _chain(project, registered.trained_on)
    found = lineages(project, progress=progress)
    progress.say("asking why")
    settings = watched.settings(archive, effects_of(archive, found), at)
    wanted = tuple(one for one in settings if one.level in LEVELS[purpose])
    datasets = tuple(_dataset(project, name, found.get(name), progress) for name in chain)
    return Dossier(
        potential=potential,
        purpose=purpose,
        adapter=registered.identity.adapter,
        elements=tuple(chemical_symbols[number] for number in registered.identity.elements),
        checkpoint=registered.checkpoint,
        checkpoint_sha256=registered.identity.checkpoint_sha256,
        trained_at=registered.trained_at,
        as_of=at,
        datasets=datasets,
        settings=wanted,
        missing=tuple(_missing(registered, datasets, settings, purpose)),
        revisions=_revisions(archive.changes, at),
    )


def _trained_at(registered: RegisteredPotential, changes: Sequence[Change]) -> datetime | None:
    """When it was trained: the date given, or the time of the commit given where a repository holds it."""
    given = registered.trained_at
    if given is None:
        return None
    of_commit = [change.time for change in changes if change.commit.startswith(given.lower())]
    if of_commit:
        return of_commit[0]
    try:
        stated = datetime.fromisoformat(given)
    except ValueError:
        return None
    whole_day = timedelta(days=1, seconds=-1) if len(given) == len("2024-03-02") else timedelta()
    return stated.replace(tzinfo=stated.tzinfo or UTC) + whole_day


def _chain(project: "Project", dataset: str | None) -> list[str]:
    """The training dataset, what it was made from, and so on."""
    chain: list[str] = []
    while dataset is not None and dataset not in chain:
        chain.append(dataset)
        dataset = project.datasets.row(dataset).child_of
    return chain


def _dataset(project: "Project", name: str, lineage: Lineage | None, progress: Progress) -> DossierDataset:
    row, checked = project.datasets.row(name), kept_audit(project, name, progress=progress)
    return DossierDataset(
        name=name,
        n_frames=row.n_frames,
        made_from=row.child_of,
        files=tuple(f"{file.path} ({file.sha256})" for file in row.sources),
        rule=lineage.rules[0].rule if lineage is not None and lineage.rules else None,
        n_dropped=None if lineage is None else lineage.n_dropped,
        surfaces=checked.surfaces,
        alarms=checked.alarms,
    )


def _missing(
    registered: RegisteredPotential, datasets: Sequence[DossierDataset], settings: Sequence[Setting], purpose: Purpose
) -> Iterator[str]:
    """Name what the purpose needs and nothing in the project records."""
    from sonde.concepts import concept_of, words_of

    known = {concept_of(setting.change.key, setting.change.unit) for setting in settings}
    if registered.trained_on is None:
        yield "the training dataset (register the potential with --trained-on)"
    if registered.trained_at is None:
        yield "when it was trained (--trained-at): settings are shown as they stand now"
    if len(datasets) == 1:
        yield "the raw pool: what was dropped before training cannot be told (--child-of)"
    stated = " ".join(surface for dataset in datasets for surface in dataset.surfaces)
    for level, concepts in NEEDED[purpose].items():
        for concept in concepts:
            in_frames = level == "labels" and STATED_AS.get(concept, concept) in stated
            if concept not in known and not in_frames:
                nobody = "no repository sets it" + (", no frame states it" if level == "labels" else "")
                yield f"{words_of(concept)}: {nobody}"


STATED_AS: Mapping[str, str] = {"plane_wave_cutoff": "cutoff_eV", "k_spacing": "kpoints"}
"""Concept → field of a surface, where they differ."""


def _revisions(changes: Sequence[Change], at: datetime | None) -> tuple[tuple[str, str], ...]:
    """Last commit of each repository that changed a value until then."""
    last: dict[str, Change] = {}
    for change in sorted(changes, key=lambda one: one.time):
        if at is None or change.time <= at:
            last[change.source] = change
    return tuple((source, change.commit) for source, change in last.items())
