"""The reference of the command line, made from the commands themselves.

python -m sonde.cli.reference > docs/cli.md
"""

import typer

from sonde.cli.main import app

HEAD = """<!-- Made by `python -m sonde.cli.reference > docs/cli.md`; a test compares the two. -->

Results go to stdout, progress and errors to stderr. With `--json` the result is one JSON record with its schema;
what is not known is null.

| exit code | meaning |
| --- | --- |
| 0 | done |
| 1 | failed: the message names the place and the mend |
| 2 | wrong use |
| 3 | the question ran and the evidence holds no answer |
"""


def reference() -> str:
    """Return all commands with their arguments and options as Markdown."""
    from typer.cli import get_docs_for_click

    command = typer.main.get_command(app)
    context = typer.Context(command, info_name="sonde")
    commands = get_docs_for_click(obj=command, ctx=context, name="sonde", title="The command line")
    title, _, rest = commands.strip().partition("\n")
    return f"{title}\n\n{HEAD}{rest}\n"


if __name__ == "__main__":
    typer.echo(reference(), nl=False)
