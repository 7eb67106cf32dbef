"""What a project holds, on the terminal."""

from rich.console import Console
from rich.table import Table

from sonde.operations.contents import Contents


def show_contents(record: Contents, console: Console) -> None:
    """Print one line per dataset, potential and source."""
    table = Table(title=record.root, title_justify="left", box=None, pad_edge=False)
    for column in ("kind", "name", "from", "frames"):
        table.add_column(column, justify="right" if column == "frames" else "left")
    for item in record.items:
        table.add_row(item.kind, item.name, item.of or "—", "" if item.n is None else f"{item.n:,}")
    console.print(table)
