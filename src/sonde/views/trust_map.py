"""Maps of trust on the terminal and as a page."""

import plotly.graph_objects as go
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sonde.records.trust_map import MapBoundary, TrustMap
from sonde.views.page import Panel, panel, render
from sonde.views.plot_style import BLACK, BLUE, GREEN, GREY, ORANGE, VERMILION, styled

COLOURS = (BLUE, ORANGE, GREEN, VERMILION, BLACK, "#CC79A7", "#56B4E9", GREY)
SCALE = [[0.0, VERMILION], [0.5, "#F7F7F7"], [1.0, BLUE]]


def show_map(record: TrustMap, console: Console) -> None:
    """Print the temperature at which trust is lost, for every composition and strain."""
    console.print(
        f"[bold]{escape(record.potential)}[/bold] about {escape(record.reference)}: P({record.claim}) in scope falls "
        f"below one half at … K (95 % interval; {record.n_structures} structures per place)"
    )
    table = Table(box=None, pad_edge=False)
    table.add_column("composition")
    for strain in record.strains:
        table.add_column(f"{strain:+.1%}", justify="right")
    for name in record.compositions:
        own = [one for one in record.boundaries if one.composition == name]
        table.add_row(escape(name), *(boundary_text(one, record) for one in own))
    console.print(table)
    for note in record.notes:
        console.print(f"[dim]{escape(note)}[/dim]")


def boundary_text(one: MapBoundary, record: TrustMap) -> str:
    """A boundary in words as short as a table needs."""
    highest = max(record.temperatures_K)
    cells = [record.cell(one.composition, one.strain, T) for T in record.temperatures_K]
    if any(cell.trusted is None for cell in cells):
        return "—"
    if not one.at_all:
        return "never trusted"
    if one.lost_at_K is None:
        return f"> {highest:g}" if one.low_K is None else f"> {highest:g} ({one.low_K:.0f}–)"
    high = "" if one.high_K is None else f"{one.high_K:.0f}"
    return f"{one.lost_at_K:.0f} ({'' if one.low_K is None else f'{one.low_K:.0f}'}–{high})"


def map_page(record: TrustMap) -> str:
    """Render the map as a self-contained page."""
    caption = (
        "Where a line breaks off, trust lasts beyond the map; at its lowest temperature there was none. Bars: 95 %."
    )
    panels = [panel("Temperature at which trust is lost", caption, boundary_plot(record), wide=True)]
    caption = (
        "Mean probability of an error within tolerance, structures out of scope counting as 0; the number is the share "
        "out of scope, where there is one."
    )
    panels += [_level(record, T, caption if record.temperatures_K[0] == T else "") for T in record.temperatures_K]
    texts = {(one.composition, one.strain): boundary_text(one, record) for one in record.boundaries}
    return render("trust_map.html", record=record, panels=panels, texts=texts, notes=record.notes)


def boundary_plot(record: TrustMap) -> go.Figure:
    """Loss of trust over strain, a line per composition."""
    figure = go.Figure()
    for name, colour in zip(record.compositions, _cycled(len(record.compositions)), strict=True):
        own = [one for one in record.boundaries if one.composition == name]
        error = {
            "type": "data",
            "symmetric": False,
            "array": [_gap(one.high_K, one.lost_at_K, max(record.temperatures_K)) for one in own],
            "arrayminus": [_gap(one.lost_at_K, one.low_K, 0.0) for one in own],
            "thickness": 1,
            "width": 3,
        }
        figure.add_scatter(
            x=[100 * one.strain for one in own],
            y=[one.lost_at_K for one in own],
            error_y=error,
            mode="lines+markers",
            name=name,
            line={"color": colour},
        )
    figure.update_xaxes(title="linear strain, %")
    figure.update_yaxes(title="temperature, K", range=[0, 1.05 * max(record.temperatures_K)])
    return styled(figure, height=440)


def _gap(upper: float | None, lower: float | None, otherwise: float) -> float:
    """Length of an error bar; to the edge of the map where the limit lies beyond it."""
    top = otherwise if upper is None else upper
    return max(0.0, top - (otherwise if lower is None else lower)) if upper is not None or lower is not None else 0.0


def _cycled(n: int) -> list[str]:
    return [COLOURS[k % len(COLOURS)] for k in range(n)]


def _level(record: TrustMap, temperature_K: float, caption: str) -> Panel:
    return panel(f"{temperature_K:g} K", caption, level_plot(record, temperature_K))


def level_plot(record: TrustMap, temperature_K: float) -> go.Figure:
    """Trust over composition and strain at one temperature."""
    rows = [[record.cell(name, e, temperature_K) for name in record.compositions] for e in record.strains]
    figure = go.Figure()
    figure.add_heatmap(
        x=list(record.compositions),
        y=[f"{100 * strain:+g} %" for strain in record.strains],
        z=[[cell.trusted for cell in row] for row in rows],
        text=[[f"{cell.out_of_scope:.0%}" if cell.out_of_scope else "" for cell in row] for row in rows],
        texttemplate="%{text}",
        zmin=0,
        zmax=1,
        colorscale=SCALE,
        colorbar={"title": "trusted", "thickness": 12},
        hovertemplate="%{x}, %{y}: %{z:.2f}<extra></extra>",
    )
    figure.update_xaxes(title="composition", type="category")
    figure.update_yaxes(title="linear strain", type="category")
    return styled(figure, height=360)
