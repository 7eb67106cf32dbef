"""`sonde audit`, `sonde lineage`, `sonde correct`."""

from pathlib import Path
from typing import Annotated

import typer

from sonde.cli.answers import HERE, NO_ANSWER, AsJson, ProjectFolder, open_project, say, show
from sonde.cli.progress_bar import progress_for_terminal
from sonde.errors import BadInput, WrongUse

Dataset = Annotated[str, typer.Argument(help="Name of a dataset.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("audit")(audit)
    app.command("lineage")(lineage)
    app.command("correct")(correct)


def audit(
    dataset: Dataset,
    against: Annotated[str | None, typer.Option(help="Another dataset: which frames stand in both?")] = None,
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Say what a dataset holds, on which energy surfaces, and where its labels contradict each other.

    With --against another dataset, also which frames stand in both, exactly or nearly, and how their labels differ.
    """
    from sonde.operations.audit import audit as run
    from sonde.views.datasets import show_audit

    found = run(open_project(project), dataset, against=against, progress=progress_for_terminal())
    show(found, show_audit, as_json)


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


def correct(
    dataset: Dataset,
    to: Annotated[str, typer.Option(help="Surface to move energies to: PBE, PBE+U, or FIELD=VALUE,… as in the audit.")],
    source: Annotated[
        str | None, typer.Option("--from", help="Surface of the frames to correct; all off the target if absent.")
    ] = None,
    where: Annotated[
        str | None, typer.Option(help="Frames to correct, by tag or field: 'config_type=bulk|slab'.")
    ] = None,
    pairs: Annotated[
        list[str] | None, typer.Option(help="Dataset with further labels of the same structures; may be repeated.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the new dataset; DATASET-shifted if absent.")] = None,
    out: Annotated[Path | None, typer.Option(help="Also write its frames here, as extended xyz.")] = None,
    uncorrectable: Annotated[
        str | None, typer.Option(help="What becomes of frames that cannot be corrected: leave-out or keep.")
    ] = None,
    without_twins: Annotated[
        bool, typer.Option("--without-twins", help="Leave out corrected frames whose geometry is on the target, too.")
    ] = False,
    tolerance: Annotated[
        float, typer.Option(help="How far shifts of two environments may differ, eV per corrected atom.")
    ] = 0.15,
    anyway: Annotated[bool, typer.Option("--anyway", help="Take one number per element though it is too few.")] = False,
    report: Annotated[Path | None, typer.Option(help="Also write a self-contained HTML page here.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Fit and say everything, write nothing.")] = False,
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Shift energies towards another surface by a constant per corrected atom, from structures labelled on both."""
    from sonde.datasets.correction.correct import Wish
    from sonde.operations.correct import Destination
    from sonde.operations.correct import correct as run
    from sonde.views.correction import show_correction

    if uncorrectable not in (None, "leave-out", "keep"):
        raise WrongUse(f"--uncorrectable is leave-out or keep, not {uncorrectable!r}.")
    if report is not None and (report.is_dir() or not report.parent.is_dir()):
        raise BadInput(report, None, "no report can be written here", "Name a file in a folder that exists.")
    wish = Wish(to, source, where, uncorrectable, without_twins, anyway, tolerance)  # type: ignore[arg-type]
    record = run(
        open_project(project),
        dataset,
        wish,
        pairs=pairs or (),
        destination=Destination(name, out, dry_run),
        progress=progress_for_terminal(),
    )
    show(record, show_correction, as_json)
    if report is not None:
        from sonde.views.correction_page import correction_page

        report.write_text(correction_page(record), encoding="utf-8")
        say(f"report: {report}")
    if record.refused:
        raise typer.Exit(NO_ANSWER)
