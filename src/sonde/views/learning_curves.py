"""Learning curves on the terminal."""

from collections.abc import Sequence

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sonde.records.learning_curves import ALL, HeldOutErrors, LearningCurve, LearningPoint, group_gains

MOST_GROUPS = 20


def show_learning_curve(record: LearningCurve, console: Console) -> None:
    """Print errors by size and seed, then by group of environments, then what is missing or doubtful."""
    held_out = record.held_out
    source = "split off" if held_out.split_off else f"of {held_out.dataset}"
    console.print(
        f"[bold]{escape(record.dataset)}[/bold], trained with {escape(record.trainer)}: subsets of {record.n_pool:,} "
        f"frames, {held_out.n_frames:,} held-out frames {escape(source)}"
        + (f", {record.n_watched:,} watch the training" if record.n_watched else "")
    )
    if record.points:
        _sizes(record, console)
        _groups(record, console)
        _gains(record, console)
    else:
        console.print("No training has given a potential.")
    for point in record.failed:
        console.print(
            f"[red]●[/red] run {point.run}, {point.n_frames:,} frames, seed {point.seed}: {escape(point.reason)}"
        )
    for note in record.notes:
        console.print(f"[dim]{escape(note)}[/dim]")


def _sizes(record: LearningCurve, console: Console) -> None:
    """A line per size (and model): the seeds, their mean and spread, how many had settled, and the time."""
    table = Table(box=None, pad_edge=False, title="force RMSE on the held-out frames, eV/Å", title_justify="left")
    columns = [
        "frames",
        "parameters",
        *(f"seed {seed}" for seed in record.seeds),
        "mean",
        "sd",
        "MAE",
        "E RMSE meV/atom",
    ]
    for column in (*columns, "settled", "time"):
        table.add_column(column, justify="right")
    for n_frames, model in sorted({(point.n_frames, point.model) for point in record.points}):
        points = [point for point in record.points if (point.n_frames, point.model) == (n_frames, model)]
        overall = [point.overall for point in points]
        by_seed = {point.seed: point.overall.force_rmse_eV_per_A for point in points}
        rmse = _known(list(by_seed.values()))
        table.add_row(
            f"{n_frames:,}",
            f"{points[0].n_parameters:,}",
            *(_number(by_seed.get(seed)) for seed in record.seeds),
            _number(float(np.mean(rmse))),
            _number(float(np.std(rmse, ddof=1)) if len(rmse) > 1 else None),
            _number(_mean([errors.force_mae_eV_per_A for errors in overall])),
            _number(_mean([errors.energy_rmse_meV_per_atom for errors in overall]), digits=3),
            _settled(points),
            f"{sum(point.wall_s for point in points):.1f} s",
        )
    console.print(table)


def _settled(points: Sequence[LearningPoint]) -> str:
    unknown = sum(point.converged is None for point in points)
    settled = sum(bool(point.converged) for point in points)
    text = f"{settled}/{len(points)}" + (f" ({unknown} unknown)" if unknown else "")
    return text if settled == len(points) else f"[yellow]{text}[/yellow]"


def _groups(record: LearningCurve, console: Console) -> None:
    """A line per group: what entered between the smallest and the largest subsets, and what became of its error."""
    if len(record.groups) < 2:
        return
    model = record.points[-1].model
    sizes = [point.n_frames for point in record.points if point.model == model]
    small, large = (_by_group(record, model, size) for size in (min(sizes), max(sizes)))
    table = Table(box=None, pad_edge=False, title=f"by {escape(record.group_by)}", title_justify="left")
    for column in ("group", f"in {min(sizes):,}", f"in {max(sizes):,}", "share", "held out", "RMSE from", "to eV/Å"):
        table.add_column(column, justify="left" if column == "group" else "right")
    names = sorted(large, key=lambda name: -_mean_frames(large[name]))
    for name in names[:MOST_GROUPS]:
        first, last = small.get(name, []), large[name]
        table.add_row(
            escape(name),
            f"{_mean_frames(first):.4g}",
            f"{_mean_frames(last):.4g}",
            f"{np.mean([errors.training_share for errors in last]):.0%}",
            f"{last[0].n_held_out_frames:,}",
            _number(_mean([errors.force_rmse_eV_per_A for errors in first])),
            _number(_mean([errors.force_rmse_eV_per_A for errors in last])),
        )
    console.print(table)
    if len(names) > MOST_GROUPS:
        console.print(f"[dim]and {len(names) - MOST_GROUPS} more groups, in the table that --csv writes[/dim]")


def _gains(record: LearningCurve, console: Console) -> None:
    """A line per group: the errors when frames of it alone were added, as means over the seeds."""
    gains = group_gains(record)
    if not gains:
        return
    title = f"frames of one group added to {gains[0].n_before:,}"
    table = Table(box=None, pad_edge=False, title=title, title_justify="left")
    for column in ("group", "added", "all: RMSE from", "to eV/Å", "its own: from", "to eV/Å"):
        table.add_column(column, justify="left" if column == "group" else "right")
    for group in sorted({gain.group for gain in gains}):
        some = [gain for gain in gains if gain.group == group]
        table.add_row(
            escape(group),
            f"{np.mean([gain.n_added for gain in some]):.4g}",
            _number(_mean([gain.overall_before_eV_per_A for gain in some])),
            _number(_mean([gain.overall_after_eV_per_A for gain in some])),
            _number(_mean([gain.own_before_eV_per_A for gain in some])),
            _number(_mean([gain.own_after_eV_per_A for gain in some])),
        )
    console.print(table)


def _by_group(record: LearningCurve, model: int, n_frames: int) -> dict[str, list[HeldOutErrors]]:
    found: dict[str, list[HeldOutErrors]] = {}
    for point in record.points:
        if point.n_frames == n_frames and point.model == model:
            for errors in point.errors:
                if errors.group != ALL:
                    found.setdefault(errors.group, []).append(errors)
    return found


def _mean_frames(errors: Sequence[HeldOutErrors]) -> float:
    return float(np.mean([one.n_training_frames for one in errors])) if errors else 0.0


def _known(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _mean(values: Sequence[float | None]) -> float | None:
    known = _known(values)
    return float(np.mean(known)) if known else None


def _number(value: float | None, digits: int = 4) -> str:
    return "—" if value is None else f"{value:.{digits}g}"
