"""A correction on the terminal."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sonde.records.correction import Constancy, Correction, Interval, LabelDifferences, Residuals, Spread

MOST_CLASSES = 6
"""Of one description, those with most pairs."""
VERDICTS = {
    True: "[green]one number per element is good enough[/green]",
    False: "[red]one number per element is not good enough[/red]",
    None: "[yellow]not known whether one number per element is good enough[/yellow]",
}


def show_correction(record: Correction, console: Console) -> None:
    """Print shifts, what is left after them, whether a constant will do, and what became of the frames."""
    where = f" where {record.where}" if record.where else ""
    console.print(
        f"[bold]{escape(record.dataset)}[/bold]: {escape(record.from_surface)}{escape(where)} towards "
        f"{escape(record.to_surface)}, {record.n_pairs:,} structures with an energy on both"
    )
    for reason, n in record.n_pairs_set_aside.items():
        console.print(f"[dim]set aside: {n:,} ({escape(reason)})[/dim]")
    _shifts(record, console)
    if record.residuals is not None:
        _residuals(record.residuals, record.n_outliers, console)
    if record.constancy is not None:
        _constancy(record.constancy, console)
    if record.label_differences is not None:
        _unmoved(record.label_differences, console)
    _frames(record, console)
    for refusal in record.refusals:
        mark = "[yellow]overridden[/yellow]" if refusal.overridden else "[red]refused[/red]"
        console.print(f"{mark}  {escape(refusal.why)}\n    [dim]{escape(refusal.what_to_do)}[/dim]")
    for note in record.notes:
        console.print(f"[dim]{escape(note)}[/dim]")


def _shifts(record: Correction, console: Console) -> None:
    if not record.shifts:
        return
    table = Table(box=None, pad_edge=False, title="taken off per atom", title_justify="left")
    for column in ("element", "shift, eV", "95 % interval", "interval from", "pairs", "compositions"):
        table.add_column(column, justify="left" if column in ("element", "interval from") else "right")
    for one in record.shifts:
        table.add_row(
            one.element,
            "—" if one.shift_eV is None else f"{one.shift_eV:.3f}",
            _interval(one.interval),
            one.interval_from or "",
            f"{one.n_pairs:,}",
            f"{one.n_compositions:,}",
        )
    console.print(table)
    for one in record.shifts:
        if one.why_not:
            console.print(f"[red]●[/red] {one.element}: {escape(one.why_not)}")
        elif one.rests_on and one.n_compositions > 1:
            console.print(f"[yellow]●[/yellow] {one.element} rests on {escape(one.rests_on)} alone")
    for together in record.combinations:
        console.print(f"  together {escape(together.atoms)}: {together.shift_eV:.3f} eV")


def _interval(found: Interval | None) -> str:
    return "—" if found is None else f"{found.low_eV:.3f} … {found.high_eV:.3f}"


def _residuals(found: Residuals, n_outliers: int, console: Console) -> None:
    table = Table(box=None, pad_edge=False, title="differences between the two labels", title_justify="left")
    for column in ("", "pairs", "rms, meV/atom", "median", "rms, eV per corrected atom"):
        table.add_column(column, justify="right" if column else "left")
    held_out = f"after, each {found.held_out} held out" if found.held_out else "held out"
    rows: dict[str, Spread | None] = {"before": found.before, "after": found.after, held_out: found.cross_validated}
    for name, spread in rows.items():
        if spread is not None:
            table.add_row(
                name,
                f"{spread.n_pairs:,}",
                f"{spread.rms_meV_per_atom:.1f}",
                f"{spread.median_meV_per_atom:.1f}",
                f"{spread.rms_eV_per_corrected_atom:.3f}",
            )
    console.print(table)
    if n_outliers:
        console.print(f"{n_outliers:,} pairs lie so far off that the fit gave them no weight (--json lists them)")


def _constancy(found: Constancy, console: Console) -> None:
    # Where it is not, the refusal below gives the reasons.
    why = "" if found.constant_sufficient is False else f": {escape(found.why)}"
    console.print(f"{VERDICTS[found.constant_sufficient]} (within {found.tolerance_eV:g} eV){why}")
    table = Table(box=None, pad_edge=False, title="shift of each kind of environment alone", title_justify="left")
    for column in ("by", "", "shift, eV", "95 % interval", "pairs"):
        table.add_column(column, justify="left" if column in ("by", "") else "right")
    for test in found.tests:
        ranked = sorted(test.classes, key=lambda one: -one.n_pairs)[:MOST_CLASSES]
        for one in (one for one in test.classes if one in ranked):
            kind = escape(f"{one.element} {one.label}")
            table.add_row(test.description, kind, f"{one.shift_eV:.3f}", _interval(one.interval), f"{one.n_pairs:,}")
    if table.row_count:
        console.print(table)


def _unmoved(found: LabelDifferences, console: Console) -> None:
    parts = []
    if found.mean_force_eV_per_A is not None:
        parts.append(
            f"forces {found.mean_force_eV_per_A:.3f} eV/Å apart in the mean, up to {found.max_force_eV_per_A:.3f} "
            f"({found.n_pairs_with_forces:,} pairs)"
        )
    if found.mean_pressure_GPa is not None:
        parts.append(f"pressure {found.mean_pressure_GPa:+.2f} GPa ({found.n_pairs_with_stress:,} pairs)")
    if found.strain_slope_eV_per_A is not None and (found.strain_p_value or 1.0) < 0.01:
        parts.append(f"residual {found.strain_slope_eV_per_A:+.2f} eV per Å of the nearest distance")
    if found.n_pairs_other_moment:
        parts.append(
            f"another magnetic moment in {found.n_pairs_other_moment:,} of {found.n_pairs_with_moments:,} pairs"
        )
    console.print("no shift removes: " + ("; ".join(parts) or "neither forces nor stress can be compared"))


def _frames(record: Correction, console: Console) -> None:
    found = record.frames
    console.print(
        f"{found.n_frames:,} frames: {found.n_on_target:,} on {escape(record.to_surface)} already, "
        f"{found.n_corrected:,} to correct, {found.n_without_energy:,} without an energy, "
        f"{found.n_uncorrectable:,} not correctable"
    )
    for reason, n in found.uncorrectable.items():
        console.print(
            f"    {n:,} {escape(reason)}" + (f": {found.uncorrectable_are}" if found.uncorrectable_are else "")
        )
    if record.written is None:
        console.print("Nothing was written.")
        return
    written = record.written
    file = f" and {written.file}" if written.file else ""
    console.print(
        f"written: dataset [bold]{escape(written.dataset)}[/bold]{escape(file)}, {written.n_frames:,} frames, the "
        f"corrected ones on “{escape(record.surface)}” (run {written.run})"
    )
