"""`sonde init`, `sonde remove`, `sonde list`, `sonde upgrade`."""

from pathlib import Path
from typing import Annotated

import typer

from sonde.cli.answers import HERE, AsJson, ProjectFolder, open_project, say, show
from sonde.cli.progress_bar import progress_for_terminal


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("init")(init)
    app.command("remove")(remove)
    app.command("list")(list_)
    app.command("upgrade")(upgrade)


def init(folder: Annotated[Path, typer.Argument(help="Folder to make a project of.")] = HERE) -> None:
    """Make a folder a sonde project: a ledger and a lake under `.sonde`."""
    from sonde.operations.initialise import initialise

    project = initialise(folder)
    say(f"{project.root} is a sonde project now. Next: sonde add dataset FILE --name raw")


def remove(
    name: Annotated[str, typer.Argument(help="Name of a dataset, source or potential.")],
    project: ProjectFolder = HERE,
) -> None:
    """Remove a dataset, a source or a potential with all that hangs on it."""
    from sonde.operations.remove import remove as remove_named

    say(remove_named(open_project(project), name, progress=progress_for_terminal()))


def list_(project: ProjectFolder = HERE, as_json: AsJson = False) -> None:
    """List datasets, sources and potentials of the project."""
    from sonde.operations.contents import contents
    from sonde.views.project import show_contents

    show(contents(open_project(project)), show_contents, as_json)


def upgrade(project: ProjectFolder = HERE) -> None:
    """Bring a project that an older sonde made to this sonde's format; its ledger is backed up first."""
    from sonde.operations.upgrade import upgrade as upgraded

    backup = upgraded(project, progress=progress_for_terminal())
    say("The project has this sonde's format already." if backup is None else f"Upgraded; the old ledger is {backup}")
