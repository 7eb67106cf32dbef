"""Probes and scores on the terminal."""

from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sonde.records.reliability import ScoreRow, ShiftTable, TrustEvaluation, TrustSummary

if TYPE_CHECKING:
    from sonde.operations.trust import Scores

STATES = {
    "reliable": "[green]reliable[/green]",
    "unreliable": "[red]unreliable[/red]",
    "out_of_scope": "[yellow]out of scope[/yellow]",
}


def show_trust(record: TrustSummary, console: Console) -> None:
    """Print how a probe did on frames that it has not seen, beside its baseline."""
    console.print(
        f"[bold]{escape(record.potential)}[/bold]: trained on {record.n_train_frames}, calibrated on "
        f"{record.n_calibration_frames}, tested on {record.n_test_frames} frames, grouped by {record.grouped_by}; "
        f"{record.probe} probe of P({record.claim})"
    )
    if record.auroc is not None:
        interval = f" ({record.auroc_low:.2f}–{record.auroc_high:.2f})" if record.auroc_low is not None else ""
        console.print(
            f"AUROC {record.auroc:.3f}{interval}; largest predicted force alone {_number(record.auroc_force_norm)}"
        )
    console.print(
        f"Brier {_number(record.brier)}, ECE {_number(record.ece)}, "
        f"within tolerance {_number(record.prevalence_within)}, out of scope {record.n_out_of_scope}"
    )
    for note in record.notes:
        console.print(f"[dim]{escape(note)}[/dim]")


def _number(value: float | None) -> str:
    return "not known" if value is None else f"{value:.3f}"


def show_scores(record: "Scores", console: Console) -> None:
    """Print one line per structure."""
    table = Table(box=None, pad_edge=False)
    asked = record.structures[0].claim if record.structures else "error ≤ tolerance"
    for column in ("structure", "state", f"P({asked})", "scope (1 = limit)", "worst atoms"):
        table.add_column(column)
    for k, found in enumerate(record.structures):
        worst = " ".join(map(str, found.worst_atoms))
        table.add_row(str(k), STATES[found.state], f"{found.p_within:.2f}", f"{found.out_of_scope_score:.2f}", worst)
    console.print(table)
    if record.parity is not None:
        same = record.parity
        console.print(
            f"LAMMPS's energies of {same.n_frames} of these steps are those of the potential within "
            f"{same.largest_meV_per_atom:.3g} meV/atom, but for a constant of {same.offset_meV_per_atom:.4g} meV/atom "
            f"(the energies themselves spread by {same.spread_meV_per_atom:.3g} meV/atom)"
        )


def show_evaluation(record: TrustEvaluation, console: Console) -> None:
    """Print a fair table per shift and tolerance; where a baseline ranks better than the probe it says so."""
    console.print(
        f"[bold]{escape(record.potential)}[/bold] on {escape(record.dataset)}: {record.n_frames:,} frames in "
        f"{record.n_groups:,} groups; force slope (true on predicted) {record.force_slope:.3f}"
    )
    for table in record.tables:
        _fair_table(table, console)
    for note in record.notes:
        console.print(f"[dim]{escape(note)}[/dim]")


def _fair_table(table: ShiftTable, console: Console) -> None:
    softened = ", after the force-slope correction" if table.softened else ""
    held = "" if table.shift == "random" else f" ({escape(', '.join(table.held_out))} in turn)"
    title = (
        f"held out: {table.shift}{held}; error > {table.tolerance_eV_per_A:.3g} eV/Å for {table.prevalence_beyond:.0%} "
        f"of {table.n_test:,} frames{softened}, seed {table.seed}"
    )
    rows = Table(box=None, pad_edge=False, title=title, title_justify="left")
    for column in (
        "score",
        "AUROC (95 %)",
        "within force bins",
        "probe better by",
        "AURC",
        "ECE",
        "worst 5 %",
        "atoms",
        "µs/atom",
    ):
        rows.add_column(column, justify="left" if column == "score" else "right")
    for row in table.rows:
        rows.add_row(
            escape(row.name),
            f"{_two(row.auroc)} ({_two(row.auroc_low)}–{_two(row.auroc_high)})",
            _two(row.auroc_within_force_bins),
            _difference(row),
            f"{row.aurc:.3g}",
            f"{row.ece:.3f}",
            _two(row.recall_of_worst[1]),
            _two(row.atom_auroc),
            f"{row.us_per_atom:.0f}",
        )
    console.print(rows)
    if table.flags is not None:
        console.print(
            f"set aside as unreliable or out of scope: {_percent(table.flags.caught)} of the {table.flags.n_beyond} "
            f"frames beyond tolerance, {_percent(table.flags.false_alarms)} of the others"
        )


def _difference(row: ScoreRow) -> str:
    """Green where the probe is better, red where it is worse, beyond the interval."""
    if row.probe_better_by is None:
        return ""
    text = f"{row.probe_better_by:+.2f} ({_signed(row.probe_better_low)} … {_signed(row.probe_better_high)})"
    if (row.probe_better_low or 0.0) > 0:
        return f"[green]{text}[/green]"
    return f"[red]{text}[/red]" if (row.probe_better_high or 0.0) < 0 else text


def _two(value: float | None) -> str:
    return "—" if value is None else f"{value:.2f}"


def _signed(value: float | None) -> str:
    return "—" if value is None else f"{value:+.2f}"


def _percent(value: float | None) -> str:
    return "—" if value is None else f"{value:.0%}"
