"""A project with the sets and the potentials that are judged on them; made once, used again."""

from pathlib import Path

from eval.trust.sets import SETS
from sonde.operations.add_potential import PotentialOptions, add_potential
from sonde.potentials.linear import fit_linear
from sonde.progress import SILENT, Progress
from sonde.records.frames import Frame
from sonde.store import Project

HERE = Path(__file__).parent
DATA = HERE.parents[1].parent / "shared" / "data"
TRAINED_SHARE = 3
"""Every third frame of al_li_mg trains the small potentials; the others are new to them."""


def project_with(dataset: str, data: Path, folder: Path = HERE) -> Project:
    """Open the project of the reports, made where it is missing, with this dataset in it."""
    if (folder / ".sonde").exists():
        Project.upgrade(folder)
        project = Project.open(folder)
    else:
        project = Project.create(folder)
    with project.writing():
        if dataset not in project.datasets.names():
            frames = SETS[dataset](data)
            project.datasets.add(dataset, frames)
            if dataset == "al_li_mg":
                project.datasets.add("al_li_mg_train", trained_on(frames), child_of=dataset)
    return project


def trained_on(frames: list[Frame]) -> list[Frame]:
    """The frames that the small potentials of al_li_mg are trained on."""
    return frames[::TRAINED_SHARE]


def with_potential(project: Project, name: str, folder: Path = HERE, progress: Progress = SILENT) -> Project:
    """Register a potential by name, where it is missing: chgnet, or linear, fitted on the training part."""
    if name in project.potentials.names():
        return project
    if name == "chgnet":
        add_potential(project, name, None, adapter="chgnet", progress=progress)
        return project
    checkpoint = folder / ".sonde" / "linear.npz"
    fit_linear(list(project.datasets.frames("al_li_mg_train"))).save(checkpoint)
    options = PotentialOptions(trained_on="al_li_mg_train")
    add_potential(project, name, checkpoint, adapter="linear", options=options, progress=progress)
    return project
