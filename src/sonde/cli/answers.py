"""How a command hands over its record: JSON or a view, to stdout; and the options that many commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from sonde.store import Project

Record = TypeVar("Record")

AsJson = Annotated[bool, typer.Option("--json", help="Print the record as JSON.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Read and check everything, store nothing.")]
ProjectFolder = Annotated[Path, typer.Option("--project", help="Folder of the project, or one below it.")]
HERE = Path()

NO_ANSWER = 3
"""Exit code: the question ran and the evidence holds no answer."""


def show(record: Record, view: "Callable[[Record, Console], None]", as_json: bool) -> None:
    """Print a record to stdout."""
    if as_json:
        from sonde.records.jsonable import to_json

        typer.echo(to_json(record))
        return
    from sonde.views.terminal import Terminal

    view(record, Terminal())


def open_project(folder: Path) -> "Project":
    """Open the project that holds a folder."""
    from sonde.store import Project

    return Project.open(folder)


def say(line: Any) -> None:
    """Tell on stderr what was done."""
    typer.echo(str(line), err=True)
