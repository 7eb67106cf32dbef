"""Answers to why-questions on the terminal."""

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape

from sonde.operations.semantic import Semantic
from sonde.records.decisions import (
    Change,
    Cited,
    Dossier,
    Gap,
    Gaps,
    JudgedLinks,
    Quote,
    Timeline,
    Why,
    WrittenDecision,
)

COLOURS = {"reason": "green", "value": "cyan", "rejected": "red", "context": "dim"}
LEVEL_WORDS = {
    "data": "which frames there are",
    "labels": "what a label means",
    "training": "how the potential learns",
    "other": "other settings",
}


def show_why(record: Why, console: Console) -> None:
    """Print the changes and the quotes with their anchors, or say that no reason is recorded."""
    if record.understood:
        console.print(escape(record.understood), style="dim")
    for change in record.changes:
        console.print(change_line(change))
    if record.answered:
        show_quotes(record.quotes, console)
        _summary(record.summary, console)
    else:
        unheard = ", ".join(f"“{escape(word)}”" for word in record.unmentioned)
        console.print("[bold]No reason is recorded.[/bold]" + (f" No passage holds {unheard}." if unheard else ""))
        if record.nearest:
            console.print("The nearest evidence:")
        show_quotes(record.nearest, console)
    if record.decision is not None and record.answered:
        decision = record.decision
        rejected = f"; rejected: {', '.join(decision.rejected)}" if decision.rejected else ""
        console.print(
            escape(f"decision: {decision.chosen or '—'}{rejected}; driver {decision.driver}; {decision.status}"),
            style="dim",
        )


def _summary(sentences: Sequence[Cited], console: Console) -> None:
    """Print what a language model made of the quotes, marked as that."""
    if sentences:
        console.print("[dim]worded by a language model, with the quotes it cites from the top:[/dim]")
    for sentence in sentences:
        places = "".join(f"[{place}]" for place in sentence.quotes)
        console.print(escape(f"  {sentence.text} {places}"))


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


def show_gaps(record: Gaps, console: Console) -> None:
    """Print the changes without a recorded reason, those that matter most first, with whom to ask."""
    console.print(
        f"{record.n_with_reason} of {record.n_changes} changes of watched settings have a recorded reason; "
        f"{len(record.gaps)} have none"
    )
    for level in dict.fromkeys(gap.level for gap in record.gaps):
        console.print(f"\n[bold]{LEVEL_WORDS[level]}[/bold]")
        for gap in (one for one in record.gaps if one.level == level):
            _gap(gap, console)
    for note in record.notes:
        console.print(f"[dim]{escape(note)}[/dim]")


def _gap(gap: Gap, console: Console) -> None:
    change = gap.change
    ask = f"ask [bold]{escape(gap.ask)}[/bold]: " if gap.ask else ""
    console.print(f"{'[red]●[/red] ' if gap.effect else '  '}{ask}{escape(gap.question)}")
    if gap.effect is not None:
        console.print(f"    [red]{escape(gap.effect.statement)}[/red]")
    where = change.path if change.line is None else f"{change.path}:{change.line}"
    console.print(
        f"    [dim]{escape(where)}, {change.time:%d %b %Y}, “{escape(change.summary)}”, {change.commit[:10]}[/dim]"
    )


def show_timeline(record: Timeline, console: Console) -> None:
    """Print changes and quotes in order of time."""
    console.print(f"[bold]{escape(record.asked)}[/bold]: {len(record.events)} events")
    for event in record.events:
        colour = COLOURS.get(event.kind, "bold")
        text = escape(event.text) if event.kind == "change" else f"“{escape(event.text)}”"
        console.print(f"{event.time:%d %b %Y}  [{colour}]{event.kind:>8}[/{colour}]  {text}")
        console.print(f"                       [dim]{escape(event.author or 'unknown')}, {escape(event.anchor)}[/dim]")
    if not record.events:
        console.print("Nothing dated is known of it.")


def show_dossier(record: Dossier, console: Console) -> None:
    """Print a dossier."""
    from rich.markdown import Markdown

    from sonde.views.dossier import dossier_markdown

    console.print(Markdown(dossier_markdown(record)))


def show_written(record: WrittenDecision, console: Console) -> None:
    """Say where a decision was written."""
    if record.stored:
        console.print(f"{escape(record.path)}: taken in with {record.n_passages} passages")
    else:
        console.print(f"{escape(record.path)} would be written. Nothing was stored (--dry-run).")


def show_judged(record: JudgedLinks, console: Console) -> None:
    """Say which changes a passage now belongs to, or no longer."""
    verb = "gives the reason for" if record.status == "confirmed" else "is not about"
    console.print(f"{escape(record.passage)} {verb}")
    for change in record.changes:
        console.print(change_line(change))


def show_semantic(record: Semantic, console: Console) -> None:
    """Say whether passages are ranked by meaning, and by which model."""
    if record.folder is None:
        console.print("Passages are ranked by words alone.")
    else:
        console.print(f"{record.n_new:,} passages read. They are ranked by meaning, too: {escape(record.folder)}")
