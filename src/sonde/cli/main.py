"""The door `sonde`: parses, calls one operation, prints a view."""

import sys

import typer

from sonde import __version__
from sonde.cli import add, datasets, decisions, demo, diagnosis, project, recording, reliability, scaling
from sonde.errors import SondeError, WrongUse

app = typer.Typer(
    name="sonde",
    help="When to trust a machine-learned interatomic potential, why it is the way it is, what to do where it fails.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    pass


for register in (project, add, datasets, decisions, recording, reliability, diagnosis, scaling, demo):
    register.register(app)


def main() -> None:
    """Run the command line; errors that a user can mend end in one clear message."""
    try:
        app()
    except SondeError as error:
        _complain(str(error))
        sys.exit(2 if isinstance(error, WrongUse) else 1)
    except OSError as error:
        # What no room foresaw: a full disk, a file that may not be read.
        _complain(f"{error.filename or 'the system'}: {error.strerror or error}")
        sys.exit(1)
    except KeyboardInterrupt:
        typer.echo("stopped; what was stored stays, and the same command goes on from there.", err=True)
        sys.exit(1)


def _complain(what: str) -> None:
    """Tell an error; it may name files and keys of others."""
    from sonde.views.terminal import harmless

    typer.echo(f"error: {harmless(what)}", err=True)
