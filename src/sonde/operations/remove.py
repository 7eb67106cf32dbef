"""`sonde remove`."""

from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING

from sonde.errors import NotFound, SondeError
from sonde.operations.kept_findings import forget_findings
from sonde.operations.links import link_again
from sonde.operations.trust import ARTIFACTS
from sonde.progress import SILENT, Progress

if TYPE_CHECKING:
    from sonde.store import Project


def remove(project: "Project", name: str, *, progress: Progress = SILENT) -> str:
    """Remove a dataset, a source or a potential by its name; passages, links, probes and evaluations go along.

    Changes that a source spoke of are linked again without it. A dataset that others came from, or that a potential
    was trained on, stays until these are removed.
    """
    with project.writing():
        if name in project.datasets.names():
            _refuse_if_needed(project, name)
            _forget_evaluations(project, project.potentials.names(), [name])
            forget_findings(project, name)
            project.datasets.remove(name)
            return f"dataset {name} removed"
        if name in project.potentials.names():
            _forget_evaluations(project, [name], project.datasets.names())
            for kind in ARTIFACTS.values():
                project.artifacts.remove(kind, name)
            project.potentials.remove(name)
            return f"potential {name} removed with its probe and evaluations"
        if name in project.sources.names():
            project.passages.remove(name)
            link_again(project, progress)
            return f"source {name} removed with its passages, changes and links"
    raise NotFound("dataset, source or potential", name, _names(project))


def _refuse_if_needed(project: "Project", name: str) -> None:
    children = [child for child in project.datasets.names() if project.datasets.row(child).child_of == name]
    trained = [p for p in project.potentials.names() if project.potentials.get(p).trained_on == name]
    if children or trained:
        raise SondeError(f"{name} is needed by {', '.join([*children, *trained])}: remove these first.")


def _forget_evaluations(project: "Project", potentials: Sequence[str], datasets: Sequence[str]) -> None:
    from sonde.operations.evaluations import embedding_key

    for potential, dataset in product(potentials, datasets):
        identity = project.potentials.get(potential).identity
        project.embeddings.remove(embedding_key(identity, project.datasets.row(dataset)))


def _names(project: "Project") -> list[str]:
    return [*project.datasets.names(), *project.potentials.names(), *project.sources.names()]
