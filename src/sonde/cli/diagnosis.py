"""`sonde diagnose`: the main job."""

from pathlib import Path
from typing import Annotated

import typer

from sonde.cli.answers import HERE, NO_ANSWER, AsJson, ProjectFolder, open_project, say, show
from sonde.cli.progress_bar import progress_for_terminal
from sonde.errors import BadInput


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("diagnose")(diagnose)


def diagnose(
    file: Annotated[Path, typer.Argument(help="Failing structures, or a trajectory.")],
    potential: Annotated[str, typer.Option(help="Name of the registered potential that fails.")],
    tolerance: Annotated[float, typer.Option(help="Largest acceptable per-atom force error, eV/Å.")] = 0.3,
    trajectory: Annotated[bool, typer.Option("--trajectory", help="The file is a run that went wrong.")] = False,
    timestep_fs: Annotated[float | None, typer.Option(help="Time step of the run, fs.")] = None,
    temperature_k: Annotated[float | None, typer.Option("--temperature-K", help="Temperature of the run, K.")] = None,
    confirm: Annotated[bool, typer.Option("--confirm", help="Test a filter finding by retraining.")] = False,
    report: Annotated[Path | None, typer.Option(help="Also write a self-contained HTML report here.")] = None,
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Say why a potential fails on these structures, with evidence for every sentence, and the cheapest next step."""
    from sonde.operations.diagnose import DiagnoseSettings
    from sonde.operations.diagnose import diagnose as run
    from sonde.views.diagnosis import show_diagnosis

    if report is not None and (report.is_dir() or not report.parent.is_dir()):
        raise BadInput(report, None, "no report can be written here", "Name a file in a folder that exists.")
    settings = DiagnoseSettings(tolerance, trajectory, timestep_fs, temperature_k, confirm)
    record = run(open_project(project), file, potential, settings=settings, progress=progress_for_terminal())
    show(record, show_diagnosis, as_json)
    if report is not None:
        from sonde.views.diagnosis_page import diagnosis_page

        report.write_text(diagnosis_page(record), encoding="utf-8")
        say(f"report: {report}")
    if record.verdict == "cannot_tell":
        raise typer.Exit(NO_ANSWER)
