"""`sonde decide`, `sonde hook` and `sonde link`: what people know is written down while they know it."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from sonde.cli.answers import HERE, AsJson, DryRun, ProjectFolder, open_project, say, show
from sonde.cli.progress_bar import progress_for_terminal

hook_app = typer.Typer(help="Ask for a reason when a commit changes a watched setting.", no_args_is_help=True)
link_app = typer.Typer(help="Say which words belong to which change; what you say is kept.", no_args_is_help=True)
Anchor = Annotated[str, typer.Argument(help="Anchor of the passage, as why shows it.")]
Commit = Annotated[str, typer.Option(help="The commit, or the beginning of its id.")]
Key = Annotated[str | None, typer.Option(help="Only this key of the commit.")]
Repository = Annotated[Path, typer.Argument(help="A folder inside a git working copy.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("decide")(decide)
    app.add_typer(hook_app, name="hook")
    app.add_typer(link_app, name="link")


def decide(
    title: Annotated[str, typer.Argument(help="What was decided on, in a line.")],
    chosen: Annotated[str, typer.Option(help="What was chosen.")],
    because: Annotated[str, typer.Option(help="Why.")],
    rejected: Annotated[list[str] | None, typer.Option(help="What was not chosen, and why; may be repeated.")] = None,
    about: Annotated[list[str] | None, typer.Option(help="Key, path or commit it settles; may be repeated.")] = None,
    scope: Annotated[str | None, typer.Option(help="How far it reaches.")] = None,
    author: Annotated[str | None, typer.Option(help="Who decided.")] = None,
    on: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="When; today if absent.")] = None,
    project: ProjectFolder = HERE,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Write a decision down as a Markdown record in the project, where `why` finds it."""
    from sonde.operations.decide import NewDecision
    from sonde.operations.decide import decide as run
    from sonde.views.decisions import show_written

    day = None if on is None else on.date()
    decision = NewDecision(title, chosen, because, tuple(rejected or ()), tuple(about or ()), scope, author, day)
    written = run(open_project(project), decision, dry_run=dry_run, progress=progress_for_terminal())
    show(written, show_written, as_json)


@hook_app.command("install")
def install(repository: Repository = HERE) -> None:
    """Install a git hook that asks one line, and writes it into the message as `Why:`; it never stops a commit."""
    from sonde.operations.hook import install as run

    say(f"installed: {run(repository)}")


@hook_app.command("uninstall")
def uninstall(repository: Repository = HERE) -> None:
    """Take the hook out again, and put back the one that was there before."""
    from sonde.operations.hook import uninstall as run

    say(f"taken out: {run(repository)}")


@link_app.command("confirm")
def confirm(
    anchor: Anchor, commit: Commit, key: Key = None, project: ProjectFolder = HERE, as_json: AsJson = False
) -> None:
    """Say that a passage gives the reason for a change: `why` quotes it first from now on."""
    _judge(anchor, commit, key, "confirmed", project, as_json)


@link_app.command("reject")
def reject(
    anchor: Anchor, commit: Commit, key: Key = None, project: ProjectFolder = HERE, as_json: AsJson = False
) -> None:
    """Say that a passage is not about a change: `why` does not quote it for this change any more."""
    _judge(anchor, commit, key, "rejected", project, as_json)


def _judge(
    anchor: str,
    commit: str,
    key: str | None,
    status: Literal["confirmed", "rejected"],
    project: Path,
    as_json: bool,
) -> None:
    from sonde.operations.links import judge_link
    from sonde.views.decisions import show_judged

    show(judge_link(open_project(project), anchor, commit, status, key=key), show_judged, as_json)
