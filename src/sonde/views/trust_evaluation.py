"""The fair table on the terminal."""

from collections.abc import Callable
from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sonde.records.trust_evaluation import Better, FlagRow, ScoreRow, ShiftTable, TrustEvaluation

WIDE = 150
"""Columns of a terminal from which the whole table fits; a narrower one gets the columns that decide."""


@dataclass(frozen=True)
class Column:
    """A column of the fair table on the terminal."""

    name: str
    cell: Callable[[ScoreRow], str]
    narrow: bool = False
    """Shown on a narrow terminal, too."""


def show_evaluation(record: TrustEvaluation, console: Console) -> None:
    """Print a fair table per shift and tolerance; where a baseline ranks better than the probe it is red."""
    console.print(
        f"[bold]{escape(record.potential)}[/bold] on {escape(record.dataset)}: {record.n_frames:,} frames in "
        f"{record.n_groups:,} groups; force slope (true on predicted) {record.force_slope:.3f}"
    )
    for table in record.tables:
        _fair_table(table, console)
    if record.tables and console.width < WIDE:
        console.print(f"[dim]Intervals and further measures: on {WIDE} columns, with --report or --json.[/dim]")
    for note in record.notes:
        console.print(f"[dim]{escape(note)}[/dim]")


def title(table: ShiftTable) -> str:
    """What a table is of, in a line."""
    held = "" if table.shift == "random" else f" ({', '.join(table.held_out)} in turn)"
    softened = ", after the force-slope correction" if table.softened else ""
    return (
        f"held out: {table.shift.replace('_', ' ')}{held}; {tolerance_said(table)} for "
        f"{table.prevalence_beyond:.0%} of {table.n_test:,} frames{softened}, seed {table.seed}"
    )


def tolerance_said(table: ShiftTable) -> str:
    """Of what the errors are, and the tolerance on them."""
    if table.tolerance_eV_per_atom is not None:
        return f"energy error > {1000 * table.tolerance_eV_per_atom:.3g} meV/atom"
    return f"force error > {table.tolerance_eV_per_A:.3g} eV/Å"


def _fair_table(table: ShiftTable, console: Console) -> None:
    shown = [column for column in COLUMNS if column.narrow or console.width >= WIDE]
    gap = 2 if len(shown) == len(COLUMNS) else 1
    rows = Table(box=None, pad_edge=False, padding=(0, gap, 0, 0), title=escape(title(table)), title_justify="left")
    for column in shown:
        rows.add_column(column.name, justify="right" if column is not COLUMNS[0] else "left")
    for row in table.rows:
        rows.add_row(*(column.cell(row) for column in shown))
    console.print(rows)
    if table.flags is not None:
        console.print(flags_said(table.flags))


def flags_said(flags: FlagRow) -> str:
    """What is set aside, and what the gate does about it, in words."""
    return (
        f"set aside as unreliable or out of scope: {percent(flags.caught)} of the {flags.n_beyond} frames beyond "
        f"tolerance, {percent(flags.false_alarms)} of the others; by the gate alone {percent(flags.gate_caught)} and "
        f"{percent(flags.gate_false_alarms)}, its distance ranks with AUROC {two(flags.gate_auroc)}"
    )


def signed(value: float) -> str:
    """Two decimals with their sign."""
    return f"{value:+.2f}"


def difference(better: Better | None) -> str:
    """By how much, with the interval."""
    return "" if better is None else f"{signed(better.by)} ({signed(better.low)} … {signed(better.high)})"


def _coloured(better: Better | None) -> str:
    """Green where the probe is better, red where it is worse, beyond the interval."""
    text = difference(better)
    if better is None or better.low <= 0 <= better.high:
        return text
    return f"[green]{text}[/green]" if better.low > 0 else f"[red]{text}[/red]"


def two(value: float | None) -> str:
    """Two decimals, or a dash."""
    return "—" if value is None else f"{value:.2f}"


def percent(value: float | None) -> str:
    """A share, or a dash."""
    return "—" if value is None else f"{value:.0%}"


COLUMNS = (
    Column("score", lambda row: escape(row.name), narrow=True),
    Column("AUROC", lambda row: two(row.auroc), narrow=True),
    Column("95 %", lambda row: f"{two(row.auroc_low)}–{two(row.auroc_high)}"),
    Column("probe better by", lambda row: _coloured(row.probe_better)),
    Column("in bins", lambda row: two(row.auroc_within_force_bins), narrow=True),
    Column("probe better by", lambda row: _coloured(row.probe_better_within), narrow=True),
    Column("pooled", lambda row: two(row.auroc_within_pooled)),
    Column("AURC", lambda row: f"{row.aurc:.3g}"),
    Column("ECE", lambda row: f"{row.ece:.3f}", narrow=True),
    Column("worst 5 %", lambda row: two(row.recall_of_worst[1])),
)
