"""Probes and scores on the terminal."""

from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sonde.records.reliability import TrustSummary

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
        f"Brier {_number(record.brier)}, ECE {_number(record.ece)}{_chance(record)}, "
        f"within tolerance {_number(record.prevalence_within)}, out of scope {record.n_out_of_scope}"
    )
    for note in record.notes:
        console.print(f"[dim]{escape(note)}[/dim]")


def _chance(record: TrustSummary) -> str:
    return "" if record.ece_by_chance is None else f" ({record.ece_by_chance:.3f} by chance alone)"


def _number(value: float | None) -> str:
    return "not known" if value is None else f"{value:.3f}"


def show_scores(record: "Scores", console: Console) -> None:
    """Print one line per structure."""
    table = Table(box=None, pad_edge=False)
    asked = record.structures[0].claim if record.structures else "error ≤ tolerance"
    energies = record.structures and record.structures[0].energy_tolerance_eV_per_atom
    columns = ["structure", "state", f"P({asked})", "scope (1 = limit)", "worst atoms"]
    if energies:
        columns.insert(3, f"P(energy error ≤ {energies:.3g} eV/atom)")
    for column in columns:
        table.add_column(column)
    for k, found in enumerate(record.structures):
        worst = " ".join(map(str, found.worst_atoms))
        cells = [str(k), STATES[found.state], f"{found.p_within:.2f}", f"{found.out_of_scope_score:.2f}", worst]
        if energies:
            known = found.p_energy_within is not None
            cells.insert(3, f"{found.p_energy_within:.2f}" if known else "not known")
        table.add_row(*cells)
    console.print(table)
    unknown = sorted({element for found in record.structures for element in found.unknown_elements})
    if unknown:
        console.print(f"Out of scope whatever their forces: the probe has no reference for {', '.join(unknown)}.")
    if record.parity is not None:
        same = record.parity
        console.print(
            f"LAMMPS's energies of {same.n_frames} of these steps are those of the potential within "
            f"{same.largest_meV_per_atom:.3g} meV/atom, but for a constant of {same.offset_meV_per_atom:.4g} meV/atom "
            f"(the energies themselves spread by {same.spread_meV_per_atom:.3g} meV/atom)"
        )
