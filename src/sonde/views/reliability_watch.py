"""A watched trajectory on the terminal."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sonde.records.reliability import TrustWatch

COLOURS = {"calm": "green", "select": "yellow", "stop": "red"}


def show_watch(record: TrustWatch, console: Console) -> None:
    """Print where the verdict changed, what was kept, and how far ahead of an unphysical frame the alarm came."""
    every = "" if record.interval == 1 else f", every {record.interval}th frame"
    console.print(
        f"[bold]{escape(record.trajectory)}[/bold]: {record.n_looks} frames looked at{every} with "
        f"{escape(record.potential)}; policy {record.policy}"
    )
    if record.frames:
        console.print(_changes(record))
    console.print(_said(record))


def _changes(record: TrustWatch) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("frame", "verdict", f"P({record.claim})", "scope (1 = limit)"):
        table.add_column(column)
    before = ""
    for frame in record.frames:
        if frame.state != before:
            state = f"[{COLOURS[frame.state]}]{frame.state}[/]"
            table.add_row(str(frame.frame), state, f"{frame.p_within:.2f}", f"{frame.out_of_scope_score:.2f}")
        before = frame.state
    return table


def _said(record: TrustWatch) -> str:
    parts = [f"{record.n_alarms} alarms, {len(record.selected)} structures worth a label"]
    if record.stopped_at is not None:
        parts.append(f"stopped at frame {record.stopped_at}")
    if record.anomaly is not None:
        ahead = record.frames_ahead
        when = (
            "no alarm came" if ahead is None else f"first alarm {ahead} frames ahead" if ahead > 0 else "no alarm ahead"
        )
        parts.append(f"frame {record.anomaly_at} is not physical ({escape(record.anomaly)}): {when}")
    return "; ".join(parts)
