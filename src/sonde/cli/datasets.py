"""`sonde audit` and `sonde lineage`."""

from typing import Annotated

import typer

from sonde.cli.answers import HERE, AsJson, ProjectFolder, open_project, show
from sonde.cli.progress_bar import progress_for_terminal

Dataset = Annotated[str, typer.Argument(help="Name of a dataset.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("audit")(audit)
    app.command("lineage")(lineage)


def audit(dataset: Dataset, project: ProjectFolder = HERE, as_json: AsJson = False) -> None:
    """Say what a dataset holds, on which energy surfaces, and where its labels contradict each other."""
    from sonde.operations.audit import audit as run
    from sonde.views.datasets import show_audit

    show(run(open_project(project), dataset, progress=progress_for_terminal()), show_audit, as_json)


def lineage(
    parent: Annotated[str, typer.Argument(help="The dataset it came from.")],
    child: Annotated[str, typer.Argument(help="The dataset that was made from it.")],
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Recover the rule by which frames of the parent were dropped, and what it hit beside its aim."""
    from sonde.operations.lineage import lineage as run
    from sonde.views.datasets import show_lineage

    show(run(open_project(project), parent, child, progress=progress_for_terminal()), show_lineage, as_json)
