"""A diagnosis on the terminal: one page."""

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from sonde.records.diagnosis import Confirmation, Diagnosis, Finding
from sonde.views.decisions import change_line, show_quotes
from sonde.views.reliability import STATES

STATUS = {
    "supported": "[red]supported[/red]",
    "refuted": "[green]refuted[/green]",
    "untestable": "[dim]untestable[/dim]",
}


def show_diagnosis(record: Diagnosis, console: Console) -> None:
    """Print verdict, findings with their evidence, change, quotes and next actions."""
    intent = f" · {record.verdict_intent.replace('_', ' ')}" if record.verdict_intent else ""
    title = f"{record.verdict.replace('_', ' ')}{intent}"
    console.print(Panel(escape(record.headline), title=f"[bold]{title}[/bold]", title_align="left"))
    _structures(record, console)
    for finding in record.findings:
        _finding(finding, console)
    if record.changes:
        console.rule("the change", align="left")
        for change in record.changes:
            console.print(change_line(change))
    if record.quotes:
        console.rule("in their words", align="left")
        show_quotes(record.quotes, console)
    if record.confirmation is not None:
        _confirmation(record.confirmation, console)
    _actions(record, console)
    for note in record.notes:
        console.print(f"[dim]{escape(note)}[/dim]")


def _structures(record: Diagnosis, console: Console) -> None:
    table = Table(box=None, pad_edge=False)
    for column in ("structure", "formula", "state", "P(error ≤ tol)", "true error", "worst atoms"):
        table.add_column(column)
    for found in record.structures[:12]:
        table.add_row(
            str(found.index),
            escape(found.formula),
            STATES[found.state] if found.state else "not known",
            "—" if found.reliability is None else f"{found.reliability:.2f}",
            "no labels" if found.true_error_eV_per_A is None else f"{found.true_error_eV_per_A:.2f} eV/Å",
            " ".join(map(str, found.worst_atoms)),
        )
    console.print(table)
    if len(record.structures) > 12:
        console.print(f"[dim]… and {len(record.structures) - 12} more[/dim]")


def _finding(finding: Finding, console: Console) -> None:
    intent = f" ({finding.intent.replace('_', ' ')})" if finding.intent else ""
    console.print(f"\n{STATUS[finding.status]}  [bold]{finding.finding.replace('_', ' ')}[/bold]{intent}")
    if finding.why_untestable:
        console.print(f"    [dim]{escape(finding.why_untestable)}[/dim]")
    for line in finding.evidence:
        rests_on = f" [dim]\\[{escape(line.rests_on)}][/dim]" if line.rests_on else ""
        console.print(f"    {escape(line.text)}{rests_on}")


def _confirmation(found: Confirmation, console: Console) -> None:
    console.rule("confirmed by experiment" if found.caused_by else "not confirmed by experiment", align="left")
    table = Table(box=None, pad_edge=False)
    for column in ("training set", *(f"seed {seed}" for seed in found.seeds)):
        table.add_column(column)
    rows = {
        "as trained": found.as_trained_eV_per_A,
        f"+ {found.n_restored} dropped neighbours": found.restored_neighbours_eV_per_A,
        f"+ {found.n_restored} dropped elsewhere": found.restored_elsewhere_eV_per_A,
    }
    for name, errors in rows.items():
        table.add_row(name, *(f"{error:.3f}" for error in errors))
    console.print(table)
    console.print(
        f"[dim]mean force error, eV/Å, on {found.n_test_frames} held-out failing structures; "
        f"{found.n_near_duplicates_excluded} near-duplicates excluded. {escape(found.note)}[/dim]"
    )


def _actions(record: Diagnosis, console: Console) -> None:
    if not record.actions:
        return
    console.rule("next", align="left")
    for n, action in enumerate(record.actions, start=1):
        labels = {None: "", 0: " No new labels."}.get(
            action.n_labels_needed, f" About {action.n_labels_needed} labels."
        )
        console.print(f"{n}. [bold]{escape(action.action)}[/bold] {escape(action.why)}{labels}")
        if action.command:
            console.print(f"   [cyan]{escape(action.command)}[/cyan]")
