"""`sonde demo`: the sample laboratory, diagnosed."""

from pathlib import Path
from typing import Annotated

import typer

from sonde.cli.progress_bar import progress_for_terminal

FOLDER = Path("sonde-demo")


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("demo")(demo)


def demo(
    folder: Annotated[Path, typer.Argument(help="Where to build it; an existing one is built anew.")] = Path(
        "sonde-demo"
    ),
) -> None:
    """Build the sample laboratory of real DFT data, diagnose its failing alloy, and write the report."""
    from sonde.sample_lab.demo import run_demo
    from sonde.views.terminal import Terminal

    run_demo(folder, Terminal(), progress_for_terminal())
