"""A project with the sets and the potentials that are judged on them; made once, used again."""

from pathlib import Path

from eval.trust import committees
from eval.trust.committees import DATA, HERE, TRAINING
from eval.trust.sets import SETS
from sonde.errors import NotFound
from sonde.operations.add_potential import PotentialOptions, add_potential
from sonde.potentials.linear import fit_linear
from sonde.progress import SILENT, Progress
from sonde.records.frames import Frame
from sonde.store import Project

__all__ = ["DATA", "HERE", "project_with", "trained_on", "with_potential"]


def project_with(dataset: str, data: Path, folder: Path = HERE) -> Project:
    """Open the project of the reports, made where it is missing, with this dataset and its training part in it."""
    if (folder / ".sonde").exists():
        Project.upgrade(folder)
        project = Project.open(folder)
    else:
        project = Project.create(folder)
    with project.writing():
        if dataset not in project.datasets.names():
            project.datasets.add(dataset, SETS[dataset](data))
        part = f"{dataset}_train"
        if dataset in TRAINING and part not in project.datasets.names():
            project.datasets.add(part, TRAINING[dataset](list(project.datasets.frames(dataset))), child_of=dataset)
    return project


def trained_on(frames: list[Frame]) -> list[Frame]:
    """The frames that the small potentials of al_li_mg are trained on."""
    return TRAINING["al_li_mg"](frames)


def with_potential(project: Project, name: str, folder: Path = HERE, progress: Progress = SILENT) -> Project:
    """Register a potential by name, where it is missing.

    chgnet; linear: fitted on the training part of al_li_mg; mace_SET_SIZE_SEED: a member of a committee, trained where
    it is missing.

    Raises
    ------
    NotFound : another name.
    """
    if name in project.potentials.names():
        return project
    if name == "chgnet":
        add_potential(project, name, None, adapter="chgnet", progress=progress)
    elif name == "linear":
        checkpoint = folder / ".sonde" / "linear.npz"
        fit_linear(list(project.datasets.frames("al_li_mg_train"))).save(checkpoint)
        _add(project, name, checkpoint, name, "al_li_mg", progress)
    else:
        dataset, size, seed = committee_of(name)
        frames = list(project.datasets.frames(dataset))
        checkpoint = committees.member(dataset, size, seed, frames, folder / ".sonde" / "committees")
        _add(project, name, checkpoint, "mace", dataset, progress)
    return project


def committee_of(name: str) -> tuple[str, str, int]:
    """Set, size and seed of a committee's member by its name, mace_SET_SIZE_SEED.

    Raises
    ------
    NotFound : there is no such member.
    """
    known = {
        f"mace_{dataset}_{size}_{seed}": (dataset, size, seed)
        for dataset in TRAINING
        for size in committees.SIZES
        for seed in committees.SEEDS
    }
    if name not in known:
        raise NotFound("potential of the reports", name, ["chgnet", "linear", *known])
    return known[name]


def _add(project: Project, name: str, checkpoint: Path, adapter: str, dataset: str, progress: Progress) -> None:
    options = PotentialOptions(trained_on=f"{dataset}_train")
    add_potential(project, name, checkpoint, adapter=adapter, options=options, progress=progress)
