"""`sonde add …`: datasets, sources and potentials."""

from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated

import typer

from sonde.cli.answers import HERE, AsJson, DryRun, ProjectFolder, open_project, show
from sonde.cli.progress_bar import progress_for_terminal

add_app = typer.Typer(help="Take datasets, sources and potentials into the project.", no_args_is_help=True)
SOURCES = {
    "git": "a git repository: commit messages, text documents, and changes of values",
    "slack": "a Slack export (zip), or a folder that slackdump wrote",
    "mattermost": "a Mattermost bulk export (zip or .jsonl)",
    "zulip": "a Zulip export (.tar.gz, zip or folder)",
    "mail": "an mbox file, a Maildir or a mail (.eml)",
    "notes": "a Markdown or text file, or a folder of them",
    "slides": "a PowerPoint file (.pptx) with speaker notes",
    "documents": "a Word, PDF, LaTeX or reStructuredText file or a notebook, or a folder of them",
    "adr": "records of decisions (ADR, MADR): a Markdown file or a folder of them",
    "mlflow": "notes of an MLflow tracking store (mlruns, or mlflow.db)",
    "folder": "a folder of results that no program versions: run_v2, final, … as history, tables as evidence",
}
CHATS = frozenset({"slack", "mattermost", "zulip"})
"""Sources that say who can read what."""


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.add_typer(add_app, name="add")
    for kind, what in SOURCES.items():
        add_app.command(kind, help=f"Take in {what}.")(_chat_command(kind) if kind in CHATS else _source_command(kind))
    for point in entry_points(group="sonde.sources"):
        if point.name not in SOURCES:
            what = f"a source of kind {point.name}, which {point.module.partition('.')[0]} reads"
            add_app.command(point.name, help=f"Take in {what}.")(_chat_command(point.name))


@add_app.command("dataset")
def dataset(
    files: Annotated[list[Path], typer.Argument(help="Files with frames or runs, or folders of them.")],
    name: Annotated[str, typer.Option(help="Name of the dataset.")],
    child_of: Annotated[str | None, typer.Option(help="Dataset that this one was made from.")] = None,
    project: ProjectFolder = HERE,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Read frames with their labels into an immutable named dataset."""
    from sonde.operations.add_dataset import add_dataset
    from sonde.views.added import show_added

    added = add_dataset(
        open_project(project), name, files, child_of=child_of, dry_run=dry_run, progress=progress_for_terminal()
    )
    show(added, show_added, as_json)


@add_app.command("potential")
def potential(
    name: Annotated[str, typer.Argument(help="Name of the potential.")],
    adapter: Annotated[str, typer.Option(help="mace, chgnet or linear.")],
    checkpoint: Annotated[Path | None, typer.Option(help="File with the weights; chgnet brings its own.")] = None,
    head: Annotated[str | None, typer.Option(help="Head, where the checkpoint has several.")] = None,
    dtype: Annotated[str, typer.Option(help="float64 or float32.")] = "float64",
    trained_on: Annotated[str | None, typer.Option(help="Registered dataset it was trained on.")] = None,
    trained_at: Annotated[str | None, typer.Option(help="Date or commit of the training.")] = None,
    trust_pickle: Annotated[bool, typer.Option(help="Load a pickled checkpoint: it can run any code.")] = False,
    project: ProjectFolder = HERE,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Register a potential and verify elements, reference energies and residuals on its training dataset."""
    from sonde.operations.add_potential import PotentialOptions, add_potential
    from sonde.views.added import show_added

    added = add_potential(
        open_project(project),
        name,
        checkpoint,
        adapter=adapter,
        options=PotentialOptions(head, dtype, trained_on, trained_at, trust_pickle),
        dry_run=dry_run,
        progress=progress_for_terminal(),
    )
    show(added, show_added, as_json)


ExportPath = Annotated[Path, typer.Argument(help="What to read.")]
SourceName = Annotated[str | None, typer.Option(help="Name of the source; the file's own by default.")]
IncludePrivate = Annotated[
    bool | None,
    typer.Option(
        "--include-private/--public-only",
        help="Also private and direct talk; remembered for this source.",
        show_default=False,
    ),
]
ExcludeChannel = Annotated[
    list[str] | None, typer.Option(help="Leave a channel out; may be repeated; remembered for this source.")
]


def _source_command(kind: str) -> Callable[..., None]:
    def command(
        path: ExportPath,
        name: SourceName = None,
        project: ProjectFolder = HERE,
        dry_run: DryRun = False,
        as_json: AsJson = False,
    ) -> None:
        from sonde.operations.add_source import SourceOptions, add_source
        from sonde.views.added import show_added

        options = SourceOptions(name)
        added = add_source(
            open_project(project), kind, path, options=options, dry_run=dry_run, progress=progress_for_terminal()
        )
        show(added, show_added, as_json)

    return command


def _chat_command(kind: str) -> Callable[..., None]:
    def command(
        path: ExportPath,
        name: SourceName = None,
        include_private: IncludePrivate = None,
        exclude_channel: ExcludeChannel = None,
        project: ProjectFolder = HERE,
        dry_run: DryRun = False,
        as_json: AsJson = False,
    ) -> None:
        from sonde.operations.add_source import SourceOptions, add_source
        from sonde.views.added import show_added

        options = SourceOptions(name, include_private, tuple(exclude_channel or ()))
        added = add_source(
            open_project(project), kind, path, options=options, dry_run=dry_run, progress=progress_for_terminal()
        )
        show(added, show_added, as_json)

    return command
