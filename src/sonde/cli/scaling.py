"""`sonde scaling`: laws of learning curves, what they buy, and learning curves measured."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sonde.cli.answers import HERE, NO_ANSWER, AsJson, ProjectFolder, open_project, say, show
from sonde.cli.progress_bar import progress_for_terminal
from sonde.errors import BadInput, WrongUse

if TYPE_CHECKING:
    from sonde.operations.point_trainers import TrainerName
    from sonde.scaling_laws.curve_columns import CurveColumns
    from sonde.scaling_laws.law import Settings

scaling_app = typer.Typer(help="What more data, or a larger model, would really buy.", no_args_is_help=True)

CurveFile = Annotated[Path, typer.Argument(help="Trained models, a row each: .csv, .json or .parquet.")]
XColumn = Annotated[str | None, typer.Option("--x", help="Column of training frames or parameters.")]
LossColumn = Annotated[str | None, typer.Option("--loss", help="Column of the error on held-out data.")]
SeedColumn = Annotated[str | None, typer.Option("--seed", help="Column of the seed.")]
Where = Annotated[list[str] | None, typer.Option("--where", help="Rows that count, COLUMN=VALUE; may be repeated.")]
From = Annotated[float | None, typer.Option("--from", help="Smallest size that counts.")]
FormName = Annotated[str | None, typer.Option("--form", help="Take this form whatever the comparison says.")]
Draws = Annotated[int, typer.Option("--draws", min=0, help="Draws of the bootstrap over seeds.")]
Report = Annotated[Path | None, typer.Option("--report", help="Also write a self-contained HTML page here.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.add_typer(scaling_app, name="scaling")


@scaling_app.command("fit")
def fit(
    file: CurveFile,
    x: XColumn = None,
    loss: LossColumn = None,
    seed: SeedColumn = None,
    where: Where = None,
    smallest: From = None,
    predict: Annotated[list[str] | None, typer.Option("--predict", help="Sizes to predict: X, or X,Y,Z.")] = None,
    form: FormName = None,
    huber: Annotated[float | None, typer.Option(help="Standard deviations beyond which a run counts less.")] = None,
    draws: Draws = 500,
    each: Annotated[str | None, typer.Option(help="Fit a curve for each value of this column.")] = None,
    dataset: Annotated[str | None, typer.Option(help="Dataset whose first frames were the training sets.")] = None,
    report: Report = None,
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Find the law that a learning curve supports, with intervals, and predict."""
    from sonde.operations.scaling_fit import scaling_fit, scaling_table
    from sonde.views.scaling import show_fit, show_table

    columns, settings = _columns(x, loss, seed, where, smallest), _settings(draws, huber, form)
    ahead, progress = _numbers(predict, "--predict"), progress_for_terminal()
    _check_report(report)
    if each is not None:
        if dataset is not None:
            raise WrongUse("--dataset goes with one curve: leave out --each, and choose the curve with --where.")
        table = scaling_table(file, each, columns, predict=ahead, settings=settings, progress=progress)
        _hand_over(table, show_table, as_json, report)
        return
    of = None if dataset is None else (open_project(project), dataset)
    found = scaling_fit(file, columns, predict=ahead, settings=settings, dataset=of, progress=progress)
    _hand_over(found, show_fit, as_json, report)
    if ahead and found.predictable is False:
        raise typer.Exit(NO_ANSWER)


@scaling_app.command("fit2d")
def fit2d(
    file: CurveFile,
    n: Annotated[str | None, typer.Option("--n", help="Column of the parameters of each model.")] = None,
    d: Annotated[str | None, typer.Option("--d", help="Column of the training frames.")] = None,
    loss: LossColumn = None,
    where: Where = None,
    predict: Annotated[list[str] | None, typer.Option("--predict", help="Pair N,D; may be repeated.")] = None,
    form: FormName = None,
    draws: Draws = 500,
    report: Report = None,
    as_json: AsJson = False,
) -> None:
    """Find the law over model size and data, and say what doubling either buys."""
    from sonde.operations.scaling_fit import scaling_fit2d
    from sonde.views.scaling import show_fit2d

    columns, pairs = _columns(None, loss, None, where, None), [_pair(one) for one in predict or ()]
    _check_report(report)
    progress = progress_for_terminal()
    found = scaling_fit2d(file, columns, model=n, data=d, predict=pairs, form=form, draws=draws, progress=progress)
    _hand_over(found, show_fit2d, as_json, report)
    if pairs and found.predictable is False:
        raise typer.Exit(NO_ANSWER)


@scaling_app.command("plan")
def plan(
    file: CurveFile,
    target: Annotated[list[str] | None, typer.Option("--target", help="Loss to reach; may be repeated.")] = None,
    budget: Annotated[list[str] | None, typer.Option("--budget", help="Training frames; may be repeated.")] = None,
    now: Annotated[float | None, typer.Option(help="Training frames there are; the curve's largest.")] = None,
    x: XColumn = None,
    loss: LossColumn = None,
    seed: SeedColumn = None,
    where: Where = None,
    smallest: From = None,
    dataset: Annotated[str | None, typer.Option(help="Dataset behind the curve: it is audited first.")] = None,
    parent: Annotated[str | None, typer.Option(help="Dataset that this one was made from.")] = None,
    draws: Draws = 500,
    report: Report = None,
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Say what to spend on next: repaired or restored data, new labels, or a larger model."""
    from sonde.operations.scaling_plan import PlanData, PlanQuestion, scaling_plan
    from sonde.views.scaling import show_plan

    if parent is not None and dataset is None:
        raise WrongUse("--parent goes with --dataset: name the dataset that was made from it.")
    question = PlanQuestion(_numbers(target, "--target"), _numbers(budget, "--budget"), now)
    data = None if dataset is None else PlanData(open_project(project), dataset, parent)
    columns, settings = _columns(x, loss, seed, where, smallest), _settings(draws, None, None)
    _check_report(report)
    progress = progress_for_terminal()
    found = scaling_plan(file, question, columns, data=data, settings=settings, progress=progress)
    _hand_over(found, show_plan, as_json, report)
    if (question.targets or question.budgets) and found.predictable is False:
        raise typer.Exit(NO_ANSWER)


@scaling_app.command("measure")
def measure(
    dataset: Annotated[str, typer.Argument(help="Dataset to train on.")],
    out: Annotated[Path, typer.Option(help="Table of the points, as CSV: what `scaling fit` and `plan` read.")],
    trainer: Annotated[str, typer.Option(help="mace (from scratch), or linear.")] = "mace",
    sizes: Annotated[str | None, typer.Option(help="Training frames, as 16,32,64; factors of two if absent.")] = None,
    seeds: Annotated[str, typer.Option(help="Seeds of subsets and trainings.")] = "0,1,2",
    held_out: Annotated[str | None, typer.Option(help="Dataset to test on; a part is split off if absent.")] = None,
    group_by: Annotated[
        str, typer.Option(help="Tag by which subsets are stratified; formula or elements.")
    ] = "config_type",
    vary: Annotated[
        str | None, typer.Option(help="A setting of the model, as channels=8,16,32: a curve for each value.")
    ] = None,
    enrich_by: Annotated[int, typer.Option(min=0, help="Frames of each group that are added alone, too.")] = 0,
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Train on nested subsets of a dataset and measure each potential on the same held-out frames."""
    from sonde.operations.learning_curve import CurveOptions, learning_curve, write_curve
    from sonde.views.learning_curves import show_learning_curve

    if trainer not in ("mace", "linear"):
        raise WrongUse(f"--trainer is mace or linear, not {trainer!r}.")
    _check_report(out)
    options = CurveOptions(
        sizes=None if sizes is None else _counts(sizes, "--sizes"),
        seeds=_counts(seeds, "--seeds"),
        models=() if vary is None else _models(trainer, vary),  # type: ignore[arg-type]
        trainer=trainer,  # type: ignore[arg-type]
        group_by=group_by,
        enrich_by=enrich_by,
    )
    curve = learning_curve(
        open_project(project), dataset, held_out=held_out, options=options, progress=progress_for_terminal()
    )
    if curve.points:
        say(f"table: {write_curve(curve, out)}")
    show(curve, show_learning_curve, as_json)
    if not curve.points:
        raise typer.Exit(NO_ANSWER)


# ---- options ----


def _columns(
    x: str | None, loss: str | None, seed: str | None, where: Sequence[str] | None, smallest: float | None
) -> "CurveColumns":
    from sonde.scaling_laws.curve_columns import CurveColumns

    return CurveColumns(x, loss, seed, tuple(_condition(text) for text in where or ()), smallest)


def _condition(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise WrongUse(f"--where takes COLUMN=VALUE, as in --where model=small; found {text!r}.")
    return name, value


def _settings(draws: int, huber: float | None, form: str | None) -> "Settings":
    from sonde.scaling_laws.law import Settings

    if huber is not None and not huber > 0:
        raise WrongUse(f"--huber is a positive number of standard deviations (1.345 is usual); found {huber:g}.")
    return Settings(draws=draws, huber=huber, form=form)


def _numbers(texts: Sequence[str] | None, option: str) -> tuple[float, ...]:
    """Read numbers that were given one by one or joined by commas."""
    parts = [part for text in texts or () for part in text.split(",") if part.strip()]
    try:
        return tuple(float(part) for part in parts)
    except ValueError as error:
        raise WrongUse(f"{option} takes numbers, as in {option} 20000,1e5; found {', '.join(parts)}.") from error


def _counts(text: str, option: str) -> tuple[int, ...]:
    numbers = _numbers([text], option)
    if not numbers or not all(number.is_integer() for number in numbers):
        raise WrongUse(f"{option} takes whole numbers joined by commas, as in {option} 16,32,64; found {text!r}.")
    return tuple(int(number) for number in numbers)


def _models(trainer: "TrainerName", text: str) -> Any:
    from sonde.operations.point_trainers import varied_models

    setting, _, values = text.partition("=")
    return varied_models(trainer, setting, _numbers([values], "--vary"))


def _pair(text: str) -> tuple[float, float]:
    numbers = _numbers([text], "--predict")
    if len(numbers) != 2:
        raise WrongUse(f"--predict takes a pair N,D, as in --predict 1e6,20000; found {text!r}.")
    return numbers[0], numbers[1]


def _check_report(report: Path | None) -> None:
    if report is not None and (report.is_dir() or not report.parent.is_dir()):
        raise BadInput(report, None, "nothing can be written here", "Name a file in a folder that exists.")


def _hand_over(record: Any, view: Callable[[Any, Any], None], as_json: bool, report: Path | None) -> None:
    show(record, view, as_json)
    if report is not None:
        from sonde.views.scaling_page import scaling_page

        report.write_text(scaling_page(record), encoding="utf-8")
        say(f"report: {report}")
