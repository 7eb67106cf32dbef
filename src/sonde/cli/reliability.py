"""`sonde trust fit`, `evaluate`, `score`, `monitor` and `map`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sonde.cli.answers import HERE, AsJson, ProjectFolder, open_project, say, show
from sonde.cli.progress_bar import progress_for_terminal
from sonde.errors import BadInput, WrongUse
from sonde.records.reliability import DEFAULT_TOLERANCE_EV_PER_A, Policy, ProbeKind, Target, Tolerance
from sonde.records.trust_map import Thermal

if TYPE_CHECKING:
    from sonde.reliability.probes.attention import AttentionSettings

trust_app = typer.Typer(help="Can a prediction be trusted: probability, scope, worst atoms.", no_args_is_help=True)
Potential = Annotated[str, typer.Argument(help="Name of a registered potential.")]
Acceptable = Annotated[
    float | None,
    typer.Option(
        help="Acceptable error: of the force of an atom, eV/Å; 0.3, or what an attention probe was fitted for."
    ),
]
Relative = Annotated[
    float, typer.Option(min=0, help="Share of its force that an atom's error may have beyond the tolerance.")
]
Elements = Annotated[str | None, typer.Option(help="Elements of a LAMMPS dump's types 1, 2, …: Al,Li.")]
Kind = Annotated[ProbeKind, typer.Option("--probe", help="Which probe: local, or attention as in PROBE.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.add_typer(trust_app, name="trust")


@trust_app.command("fit")
def fit(
    potential: Potential,
    on: Annotated[str, typer.Option(help="Dataset with labels, best one that the potential was not trained on.")],
    tolerance: Annotated[
        float | None, typer.Option(help="Acceptable error, in the target's unit; 0.3 eV/Å for a local probe.")
    ] = None,
    probe: Kind = "local",
    target: Annotated[
        Target | None, typer.Option(help="Of an attention probe: error of the energy per atom, in all, or of forces.")
    ] = None,
    quantile: Annotated[
        float | None, typer.Option(help="Of an attention probe: tolerance as a quantile of the errors; 0.5.")
    ] = None,
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Fit a reliability probe on true errors and say how well it does on frames it has not seen."""
    from sonde.operations.trust import trust_fit
    from sonde.views.reliability import show_trust

    attention = _attention(probe, target, tolerance, quantile)
    asked = DEFAULT_TOLERANCE_EV_PER_A if tolerance is None else tolerance
    opened, progress = open_project(project), progress_for_terminal()
    summary = trust_fit(opened, potential, on, tolerance=asked, attention=attention, progress=progress)
    show(summary, show_trust, as_json)


def _attention(
    kind: ProbeKind, target: Target | None, tolerance: float | None, quantile: float | None
) -> "AttentionSettings | None":
    if kind == "local":
        if target is not None or quantile is not None:
            raise WrongUse(
                "--target and --quantile go with --probe attention: a local probe answers for any tolerance."
            )
        return None
    from sonde.reliability.probes.attention import AttentionSettings

    if tolerance is not None and quantile is not None:
        raise WrongUse("Give --tolerance or --quantile, not both.")
    return AttentionSettings(target or "energy_per_atom", tolerance, 0.5 if quantile is None else quantile)


@trust_app.command("evaluate")
def evaluate(
    potential: Potential,
    on: Annotated[str, typer.Option(help="Dataset with labels, best one that the potential was not trained on.")],
    tolerance: Annotated[
        list[float] | None, typer.Option(help="Force error, eV/Å; may be repeated. Quantiles of the errors if absent.")
    ] = None,
    shift: Annotated[
        list[str] | None,
        typer.Option(
            help="random, composition, element, formula, config_type, temperature, size or surface; may be repeated."
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Random divisions, each with a seed of its own.")] = 1,
    softening: Annotated[bool, typer.Option(help="Judge the first shift again after a force-slope correction.")] = True,
    frames: Annotated[
        int | None, typer.Option(min=60, help="Draw whole groups until there are so many frames; all if absent.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option("--report", help="Also write a self-contained HTML page, with a label curve.")
    ] = None,
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Judge the probe beside every baseline, under shifts, with intervals; where a baseline wins it says so."""
    from sonde.operations.trust_evaluation import EvaluationPlan, trust_evaluate
    from sonde.views.trust_evaluation import show_evaluation

    if report is not None and (report.is_dir() or not report.parent.is_dir()):
        raise BadInput(report, None, "nothing can be written here", "Name a file in a folder that exists.")
    shifts = tuple(shift or EvaluationPlan().shifts)
    plan = EvaluationPlan(
        tuple(tolerance or ()), shifts, tuple(range(seeds)), softening, frames, label_curve=report is not None
    )
    found = trust_evaluate(open_project(project), potential, on, plan=plan, progress=progress_for_terminal())
    show(found, show_evaluation, as_json)
    if report is not None:
        from sonde.views.trust_page import trust_page

        report.write_text(trust_page(found), encoding="utf-8")
        say(f"report: {report}")


@trust_app.command("score")
def score(
    potential: Potential,
    file: Annotated[Path, typer.Argument(help="Structures to score, or a LAMMPS dump.")],
    tolerance: Acceptable = None,
    relative: Relative = 0.0,
    energy: Annotated[
        float | None, typer.Option(help="Also ask for the error of the energy, eV/atom, less a constant per element.")
    ] = None,
    probe: Kind = "local",
    elements: Elements = None,
    log: Annotated[Path | None, typer.Option(help="LAMMPS log of the dump's run: its energies are compared.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Also write extended xyz with columns per atom, as OVITO and chemiscope read it."),
    ] = None,
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Say for each structure whether its predicted forces can be trusted: reliable, unreliable or out of scope."""
    from sonde.operations.trust import LammpsRun, trust_score, write_scored
    from sonde.views.reliability import show_scores

    opened, progress, run = open_project(project), progress_for_terminal(), LammpsRun(_types(elements), log)
    asked = _asked(tolerance, relative, energy)
    scores = trust_score(opened, potential, file, tolerance=asked, kind=probe, lammps=run, progress=progress)
    show(scores, show_scores, as_json)
    if out is not None:
        say(f"structures: {write_scored(scores, file, out, run.elements)}")


def _asked(tolerance: float | None, relative: float, energy: float | None = None) -> float | Tolerance | None:
    """The tolerance as it was given: the probe's own where only that may be meant."""
    if not relative and energy is None:
        return tolerance
    return Tolerance(DEFAULT_TOLERANCE_EV_PER_A if tolerance is None else tolerance, relative, energy)


def _types(elements: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in elements.split(",")) if elements else ()


@trust_app.command("monitor")
def monitor(
    potential: Potential,
    file: Annotated[Path, typer.Argument(help="Trajectory, or a LAMMPS dump; it may still be being written.")],
    tolerance: Acceptable = None,
    relative: Relative = 0.0,
    probe: Kind = "local",
    elements: Elements = None,
    policy: Annotated[
        Policy, typer.Option(help="What an alarm does: keep structures, also end, also fail.")
    ] = "select",
    interval: Annotated[int, typer.Option(min=1, help="Look at every so many frames.")] = 1,
    select_below: Annotated[float, typer.Option(help="Keep structures whose probability is below.")] = 0.5,
    stop_below: Annotated[float, typer.Option(help="Stop where the probability is below.")] = 0.05,
    select_beyond: Annotated[float, typer.Option(help="Keep structures beyond so many scope limits.")] = 1.0,
    stop_beyond: Annotated[float, typer.Option(help="Stop beyond so many scope limits.")] = 2.0,
    stop_after: Annotated[int, typer.Option(min=1, help="Stop at so many such frames in a row.")] = 1,
    budget: Annotated[int, typer.Option(min=0, help="Structures to keep at the most.")] = 50,
    apart: Annotated[float, typer.Option(min=0, help="RMS displacement between kept structures, Å.")] = 0.2,
    follow: Annotated[float, typer.Option(min=0, help="Wait for more frames until none came for so many s.")] = 0.0,
    log: Annotated[Path | None, typer.Option(help="Append a JSON line per look here.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write kept structures here, the least reliable first.")] = None,
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Watch a trajectory as a running simulation is watched: alarms, structures worth a label, where to stop."""
    from sonde.operations.trust_monitor import MonitorPlan, trust_monitor
    from sonde.reliability.watch import Limits, Selection
    from sonde.views.reliability_watch import show_watch

    limits = Limits(select_below, stop_below, select_beyond, stop_beyond, stop_after=stop_after)
    warn = (lambda looked: say(looked.words)) if policy == "warn" else None
    plan = MonitorPlan(policy, limits, Selection(budget, apart), interval, follow, _types(elements), log, out, warn)
    opened, progress, asked = open_project(project), progress_for_terminal(), _asked(tolerance, relative)
    found = trust_monitor(opened, potential, file, plan=plan, tolerance=asked, kind=probe, progress=progress)
    show(found, show_watch, as_json)
    if out is not None and found.selected:
        say(f"structures: {out}")


@trust_app.command("map")
def map_(
    potential: Potential,
    reference: Annotated[Path, typer.Argument(help="Crystals whose sites are occupied, strained and made warm.")],
    elements: Annotated[str | None, typer.Option(help="Elements to mix, as Al,Mg; those of the reference.")] = None,
    steps: Annotated[int, typer.Option(min=1, help="Steps of composition from one element to another.")] = 4,
    strain: Annotated[list[float] | None, typer.Option(help="Linear strain; may be repeated. -8 to 8 %.")] = None,
    temperature: Annotated[list[float] | None, typer.Option(help="K; may be repeated. 100 to 1500 K.")] = None,
    structures: Annotated[int, typer.Option(min=2, help="Structures per place.")] = 6,
    atoms: Annotated[int, typer.Option(min=1, help="Least number of atoms of the cells.")] = 32,
    thermal: Annotated[
        Thermal, typer.Option(help="Random displacements of oscillators, or 200 fs of dynamics.")
    ] = "einstein",
    tolerance: Acceptable = None,
    relative: Relative = 0.0,
    probe: Kind = "local",
    seed: Annotated[int, typer.Option(help="Of decorations and displacements.")] = 0,
    report: Annotated[Path | None, typer.Option(help="Also write a self-contained HTML page here.")] = None,
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Map where a potential can be trusted: composition × strain × temperature, with the boundary where it ends."""
    from sonde.operations.trust_map import MapPlan, trust_map
    from sonde.views.trust_map import map_page, show_map

    default = MapPlan()
    strains, temperatures = tuple(strain or default.strains), tuple(temperature or default.temperatures_K)
    plan = MapPlan(_types(elements), steps, strains, temperatures, atoms, structures, thermal, seed)
    opened, progress, asked = open_project(project), progress_for_terminal(), _asked(tolerance, relative)
    found = trust_map(opened, potential, reference, plan=plan, tolerance=asked, kind=probe, progress=progress)
    show(found, show_map, as_json)
    if report is not None:
        report.write_text(map_page(found), encoding="utf-8")
        say(f"report: {report}")
