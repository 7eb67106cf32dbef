"""Scaling laws and plans on the terminal."""

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sonde.records.scaling import (
    Estimate,
    Gain,
    GroupValue,
    LabelsFor,
    Option,
    Reading,
    ScalingFit,
    ScalingFit2D,
    ScalingPlan,
    ScalingTable,
    TableCurve,
)

MOST_CURVES = 60
MARKS = {True: "[green]●[/green]", None: "[yellow]●[/yellow]", False: "[red]●[/red]"}


def show_fit(record: ScalingFit, console: Console) -> None:
    """Print the law that holds, what does not, predictions, and what the points themselves say."""
    console.print(
        f"[bold]{escape(record.loss)}[/bold] against {escape(record.variable)}: {record.n_points} models, "
        f"{record.n_sizes} sizes up to {_size(record.largest_x)}"
    )
    console.print(f"law         [bold]{record.form}[/bold]   {escape(record.formula)}")
    _parameters(record.parameters, record.correlated, console)
    if record.exponent_now is not None:
        console.print(f"slope now   {_estimate(record.exponent_now)}   (−d log loss / d log {escape(record.variable)})")
    console.print(f"break       {escape(record.break_statement)}")
    _comparison(record, console)
    _predictions(record, console)
    _readings(record.readings, console)


def _parameters(
    parameters: Mapping[str, Estimate], correlated: Sequence[tuple[str, str, float]], console: Console
) -> None:
    table = Table(box=None, pad_edge=False)
    for column in ("", "value", "95 % (profile)", "95 % (seeds)"):
        table.add_column(column, justify="right" if column else "left")
    for name, one in parameters.items():
        written = _size if name.startswith("x_break") else _limit
        drawn = "" if one.bootstrap_low is None else f"{written(one.bootstrap_low)} … {written(one.bootstrap_high)}"
        mark = " †" if one.at_edge else ""
        table.add_row(f"  {name}", written(one.value), f"{written(one.low)} … {written(one.high)}{mark}", drawn)
    console.print(table)
    if any(one.at_edge for one in parameters.values()):
        console.print(
            "[dim]  † a limit is the end of what was searched (a break: among the sizes), not of the points.[/dim]"
        )
    for a, b, r in correlated:
        console.print(f"[dim]  {a} and {b} go together (r = {r:+.2f}): quote them as a pair.[/dim]")


def _comparison(record: ScalingFit, console: Console) -> None:
    table = Table(box=None, pad_edge=False, title="forms", title_justify="left")
    for column in ("form", "parameters", "ΔAICc", "next size off by", "back-tests", "best in draws"):
        table.add_column(column, justify="left" if column == "form" else "right")
    for form in (one for one in record.comparison if one.refused is None):
        table.add_row(
            f"[bold]{form.form}[/bold]" if form.form == record.form else form.form,
            str(form.n_parameters),
            _number(form.delta_aicc, ".1f"),
            _share(form.extrapolation_error),
            str(form.n_origins),
            _share(form.share_of_draws, ".0%"),
        )
    console.print(table)
    for form in (one for one in record.comparison if one.refused is not None):
        console.print(f"[dim]{form.form} not fitted: {escape(form.refused or '')}[/dim]")


def _predictions(record: ScalingFit, console: Console) -> None:
    console.print(f"{MARKS[record.predictable]} {escape(record.why)}")
    by = "average over the forms" if record.predictions_by == "average" else record.predictions_by
    table = Table(box=None, pad_edge=False, title=f"predicted, {by}", title_justify="left")
    for column in (record.variable, record.loss, "95 %", "by this form", "plain power law"):
        table.add_column(escape(column), justify="right")
    style = None if record.predictable is not False else "dim"
    for one in record.predictions:
        row = (_size(one.x), f"{one.value:.4g}", f"{_limit(one.low)} … {_limit(one.high)}")
        table.add_row(*row, _number(one.by_form), _number(one.by_power_law), style=style)
    console.print(table)
    if record.flattens and record.predictions_by == "average":
        console.print("[dim]The curve flattens: limits span the laws with a floor and those without.[/dim]")


def _readings(readings: Sequence[Reading], console: Console) -> None:
    for reading in readings:
        mark = "[red]●[/red]" if reading.serious else "[yellow]●[/yellow]"
        console.print(f"{mark} {escape(reading.message)}")


def show_table(record: ScalingTable, console: Console) -> None:
    """Print a line per curve of a file: its law, its exponent, what it is worth ahead, and what is odd about it."""
    console.print(
        f"[bold]{escape(record.loss)}[/bold] against {escape(record.variable)}, a curve for each {escape(record.each)}"
    )
    table = Table(box=None, pad_edge=False)
    ahead = next((one.fit.predictions[0].x for one in record.curves if one.fit is not None), None)
    columns = ("curve", "law", "slope now", "95 %", "" if ahead is None else f"at {ahead:,.4g}", "95 %", "remarks")
    for column in columns:
        table.add_column(column, justify="left" if column in ("curve", "law", "remarks") else "right", overflow="fold")
    for curve in record.curves[:MOST_CURVES]:
        table.add_row(*_curve_row(curve))
    console.print(table)
    odd = sum(curve.pathological for curve in record.curves)
    if odd:
        console.print(f"[red]●[/red] pathological: {odd} of {len(record.curves)} curves; no law should rest on them.")
    if len(record.curves) > MOST_CURVES:
        console.print(f"[dim]and {len(record.curves) - MOST_CURVES} more, with --json[/dim]")


def _curve_row(curve: TableCurve) -> tuple[str, ...]:
    mark = "[red]●[/red] " if curve.pathological else ""
    name = mark + escape(curve.curve)
    if curve.fit is None:
        return (name, "—", "—", "—", "—", "—", escape(curve.refused or ""))
    fit, slope, ahead = curve.fit, curve.fit.exponent_now, curve.fit.predictions[0]
    remarks = [f"the same numbers as {curve.same_as}"] if curve.same_as else []
    remarks += [reading.kind.replace("_", " ") for reading in fit.readings if reading.serious]
    remarks += [] if fit.predictable is not False or remarks else ["not predictable"]
    return (
        name,
        fit.form,
        "—" if slope is None else f"{slope.value:.3f}",
        "—" if slope is None else f"{_limit(slope.low)} … {_limit(slope.high)}",
        f"{ahead.value:.4g}",
        f"{_limit(ahead.low)} … {_limit(ahead.high)}",
        escape(", ".join(dict.fromkeys(remarks))),
    )


def show_fit2d(record: ScalingFit2D, console: Console) -> None:
    """Print the law over model size and data, and what doubling either buys."""
    console.print(
        f"[bold]{escape(record.loss)}[/bold] against parameters N and frames D: {record.n_points} models, "
        f"{record.n_pairs} pairs up to N = {record.largest_n:,.0f}, D = {record.largest_d:,.0f}"
    )
    console.print(f"law         [bold]{record.form}[/bold]   {escape(record.formula)}")
    _parameters(record.parameters, record.correlated, console)
    need = "" if record.established else "not "
    console.print(f"break       {need}established in D")
    table = Table(box=None, pad_edge=False, title="forms", title_justify="left")
    for column in ("form", "parameters", "ΔAICc", "largest D off by", "largest N off by", "weight"):
        table.add_column(column, justify="left" if column == "form" else "right")
    for form in (one for one in record.comparison if one.refused is None):
        off = (_share(form.error_at_largest_d), _share(form.error_at_largest_n))
        name = f"[bold]{form.form}[/bold]" if form.form == record.form else form.form
        table.add_row(name, str(form.n_parameters), _number(form.delta_aicc, ".1f"), *off, _share(form.weight, ".0%"))
    console.print(table)
    for form in (one for one in record.comparison if one.refused is not None):
        console.print(f"[dim]{form.form} not fitted: {escape(form.refused or '')}[/dim]")
    _grid_predictions(record, console)
    _gains(record.gains, record.data_first, console)
    for note in record.notes:
        console.print(f"[dim]{escape(note)}[/dim]")


def _grid_predictions(record: ScalingFit2D, console: Console) -> None:
    console.print(f"{MARKS[record.predictable]} {escape(record.why)}")
    table = Table(box=None, pad_edge=False, title="predicted, average over the forms", title_justify="left")
    for column in ("N", "D", record.loss, "95 %", "by this form"):
        table.add_column(escape(column), justify="right")
    for one in record.predictions:
        row = (f"{one.n_parameters:,.0f}", f"{one.n_frames:,.0f}", f"{one.value:.4g}")
        style = "dim" if record.predictable is False else None
        table.add_row(*row, f"{_limit(one.low)} … {_limit(one.high)}", _number(one.by_form), style=style)
    console.print(table)


def _gains(gains: Sequence[Gain], data_first: float | None, console: Console) -> None:
    for gain in gains:
        console.print(
            f"{gain.factor:g}× {'the data' if gain.of == 'data' else 'the parameters'}: loss {gain.value:+.1%} "
            f"({gain.low:+.1%} … {gain.high:+.1%})"
        )
    if data_first is not None:
        console.print(f"doubling the data buys more than doubling the model in {data_first:.0%} of the draws")


def show_plan(record: ScalingPlan, console: Console) -> None:
    """Print the advice, then the options it was chosen from, budgets, targets and groups."""
    console.print(f"[bold]{escape(record.advice)}[/bold]")
    console.print(f"[dim]{escape(record.why)}[/dim]")
    for alarm in record.open_alarms:
        console.print(f"[red]●[/red] {escape(record.dataset or '')}: {escape(alarm)}")
    _options(record.options, console)
    for one in record.at_budget:
        console.print(
            f"at {one.x:,.0f} {escape(record.variable)}: {escape(record.loss)} {one.value:.4g} "
            f"({_limit(one.low)} … {_limit(one.high)})"
        )
    for target in record.labels_for:
        console.print(_target(record, target))
    _group_values(record.groups, console)
    for note in record.notes:
        console.print(f"[dim]{escape(note)}[/dim]")


def _options(options: Sequence[Option], console: Console) -> None:
    table = Table(box=None, pad_edge=False, title="ways to spend", title_justify="left")
    for column in ("", "way", "new labels", "loss", "95 %", "rests on"):
        table.add_column(column, justify="right" if column in ("new labels", "loss", "95 %") else "left")
    for option in options:
        table.add_row(
            "[green]→[/green]" if option.advised else "",
            escape(option.statement),
            "—" if option.new_labels is None else f"{option.new_labels:,}",
            _change(option.change),
            _changes(option.low, option.high),
            f"[dim]{escape(option.why)}[/dim]",
        )
    console.print(table)


def _target(record: ScalingPlan, target: LabelsFor) -> str:
    what = f"{escape(record.loss)} {target.target:g}"
    if target.value is None:
        return f"{what}: not reached up to {target.searched_to:,.0f} {escape(record.variable)}"
    high = "not in sight" if target.high is None else _rounded(target.high)
    low = "—" if target.low is None else _rounded(target.low)
    return f"{what}: at {_rounded(target.value)} {escape(record.variable)} (95 %: {low} … {high})"


def _group_values(groups: Sequence[GroupValue], console: Console) -> None:
    if not groups:
        return
    table = Table(
        box=None, pad_edge=False, title=f"the next {groups[0].n_next:,} frames of one group", title_justify="left"
    )
    for column in ("group", "frames now", "its own loss", "95 %", "overall", "rests on"):
        table.add_column(column, justify="left" if column in ("group", "rests on") else "right")
    for one in groups:
        own = (_change(one.own_change), _changes(one.own_low, one.own_high))
        table.add_row(
            escape(one.group),
            f"{one.n_frames:,.0f}",
            *own,
            _change(one.overall_change),
            f"[dim]{escape(one.why)}[/dim]",
        )
    console.print(table)


def _estimate(one: Estimate) -> str:
    return f"{one.value:.3f} ({_limit(one.low)} … {_limit(one.high)})"


def _limit(value: float | None) -> str:
    return "open" if value is None else f"{value:.4g}"


def _size(value: float | None) -> str:
    """Write a number of frames or parameters in full as far as it can be read so."""
    return f"{value:,.0f}" if value is not None and 1e3 <= value < 1e9 else _limit(value)


def _rounded(value: float) -> str:
    """Write an expected number of frames with the digits that mean something."""
    return _size(float(f"{value:.3g}"))


def _number(value: float | None, form: str = ".4g") -> str:
    return "—" if value is None else f"{value:{form}}"


def _share(value: float | None, form: str = ".1%") -> str:
    return _number(value, form)


def _change(value: float | None) -> str:
    return _number(value, "+.1%")


def _changes(low: float | None, high: float | None) -> str:
    return "—" if low is None or high is None else f"{low:+.1%} … {high:+.1%}"
