"""Answers to why-questions on the terminal."""

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape

from sonde.records.decisions import Change, Quote, Why

COLOURS = {"reason": "green", "value": "cyan", "rejected": "red", "context": "dim"}


def show_why(record: Why, console: Console) -> None:
    """Print the changes and the quotes with their anchors, or say that no reason is recorded."""
    for change in record.changes:
        console.print(change_line(change))
    if record.answered:
        show_quotes(record.quotes, console)
    else:
        console.print("[bold]No reason is recorded.[/bold]" + (" The nearest evidence:" if record.nearest else ""))
        show_quotes(record.nearest, console)
    if record.decision is not None and record.answered:
        decision = record.decision
        rejected = f"; rejected: {', '.join(decision.rejected)}" if decision.rejected else ""
        console.print(
            escape(f"decision: {decision.chosen or '—'}{rejected}; driver {decision.driver}; {decision.status}"),
            style="dim",
        )


def change_line(change: Change) -> str:
    """One change in one line of markup."""
    unit = f" {change.unit}" if change.unit else ""
    values = f"{change.old or 'unset'} → {change.new or 'removed'}{unit}"
    who = f"{change.time:%d %b %Y}, {change.author or 'unknown'}"
    place = change.path if change.line is None else f"{change.path}:{change.line}"
    return (
        f"[bold]{escape(change.key)}[/bold] {escape(values)}   {escape(place)}\n"
        f"  [dim]{escape(who)}, commit {change.commit[:10]} “{escape(change.summary)}”[/dim]"
    )


def show_quotes(quotes: Sequence[Quote], console: Console) -> None:
    """Print quotes, verbatim, with who said it, when, and where it stands."""
    for quote in quotes:
        colour = COLOURS[quote.role]
        when = f"{quote.time:%d %b %Y}" if quote.time else "undated"
        console.print(f"[{colour}]{quote.role:>8}[/{colour}]  “{escape(quote.text)}”")
        console.print(f"          [dim]{escape(quote.author or 'unknown')}, {when}, {escape(quote.anchor)}[/dim]")
