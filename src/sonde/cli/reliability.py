"""`sonde trust fit`, `evaluate` and `score`."""

from pathlib import Path
from typing import Annotated

import typer

from sonde.cli.answers import HERE, AsJson, ProjectFolder, open_project, say, show
from sonde.cli.progress_bar import progress_for_terminal

trust_app = typer.Typer(help="Can a prediction be trusted: probability, scope, worst atoms.", no_args_is_help=True)
Potential = Annotated[str, typer.Argument(help="Name of a registered potential.")]
Tolerance = Annotated[float, typer.Option(help="Largest per-atom force error that is acceptable, eV/Å.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.add_typer(trust_app, name="trust")


@trust_app.command("fit")
def fit(
    potential: Potential,
    on: Annotated[str, typer.Option(help="Dataset with labels, best one that the potential was not trained on.")],
    tolerance: Tolerance = 0.3,
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Fit a reliability probe on true force errors and say how well it does on frames it has not seen."""
    from sonde.operations.trust import trust_fit
    from sonde.views.reliability import show_trust

    summary = trust_fit(open_project(project), potential, on, tolerance=tolerance, progress=progress_for_terminal())
    show(summary, show_trust, as_json)


@trust_app.command("evaluate")
def evaluate(
    potential: Potential,
    on: Annotated[str, typer.Option(help="Dataset with labels, best one that the potential was not trained on.")],
    tolerance: Annotated[
        list[float] | None, typer.Option(help="Force error, eV/Å; may be repeated. Quantiles of the errors if absent.")
    ] = None,
    shift: Annotated[
        list[str] | None, typer.Option(help="random, composition, element, config_type or size; may be repeated.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="How often everything is repeated with another seed.")] = 1,
    softening: Annotated[bool, typer.Option(help="Judge again after a force-slope correction.")] = True,
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Judge the probe beside every baseline, under shifts, with intervals; where a baseline wins it says so."""
    from sonde.operations.trust_evaluation import EvaluationPlan, trust_evaluate
    from sonde.views.reliability import show_evaluation

    default = EvaluationPlan()
    plan = EvaluationPlan(tuple(tolerance or ()), tuple(shift or default.shifts), tuple(range(seeds)), softening)
    found = trust_evaluate(open_project(project), potential, on, plan=plan, progress=progress_for_terminal())
    show(found, show_evaluation, as_json)


@trust_app.command("score")
def score(
    potential: Potential,
    file: Annotated[Path, typer.Argument(help="Structures to score.")],
    tolerance: Tolerance = 0.3,
    out: Annotated[
        Path | None,
        typer.Option(help="Also write extended xyz with columns per atom, as OVITO and chemiscope read it."),
    ] = None,
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Say for each structure whether its predicted forces can be trusted: reliable, unreliable or out of scope."""
    from sonde.operations.trust import trust_score, write_scored
    from sonde.views.reliability import show_scores

    scores = trust_score(open_project(project), potential, file, tolerance=tolerance, progress=progress_for_terminal())
    show(scores, show_scores, as_json)
    if out is not None:
        say(f"structures: {write_scored(scores, file, out)}")
