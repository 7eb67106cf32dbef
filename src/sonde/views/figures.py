"""Plots of a diagnosis."""

import html
from collections.abc import Sequence
from itertools import product

import numpy as np
import plotly.graph_objects as go

from sonde.records.arrays import FloatArray
from sonde.records.datasets import Rule
from sonde.records.diagnosis import Contact, DiagnosisFigures, TimelineEvent
from sonde.views.plot_style import BLACK, BLUE, GREEN, GREY, ORANGE, VERMILION, styled

LANES = {"change": BLUE, "reason": GREEN, "value": ORANGE, "rejected": VERMILION, "context": GREY, "training": BLACK}


def environment_map(figures: DiagnosisFigures) -> go.Figure:
    """Where the failing atoms lie among the environments of training dataset and dropped frames."""
    figure = go.Figure()
    groups = (
        ("training dataset", figures.map_training, GREY, "circle", 5),
        ("dropped from the raw pool", figures.map_dropped, ORANGE, "diamond", 6),
        ("failing atoms", figures.map_failing, VERMILION, "x", 9),
    )
    for name, points, colour, symbol, size in groups:
        if len(points):
            marker = {"color": colour, "symbol": symbol, "size": size, "opacity": 0.75}
            figure.add_scatter(x=points[:, 0], y=points[:, 1], mode="markers", name=name, marker=marker)
    figure.update_xaxes(title="first principal component")
    figure.update_yaxes(title="second principal component")
    return styled(figure)


def rule_histogram(figures: DiagnosisFigures, rule: Rule) -> go.Figure:
    """What was kept and what was dropped along the rule's feature, with the threshold interval."""
    figure = go.Figure()
    both = np.concatenate([figures.rule_values_kept, figures.rule_values_dropped])
    both = both[np.isfinite(both)]
    logarithmic = bool(both.min(initial=1.0) > 0 and both.max(initial=1.0) > 30 * np.median(both))
    for name, values, colour in (
        ("kept", figures.rule_values_kept, GREY),
        ("dropped", figures.rule_values_dropped, ORANGE),
    ):
        shown = np.log10(values) if logarithmic else values
        figure.add_histogram(x=shown[np.isfinite(shown)], name=name, marker={"color": colour}, nbinsx=50)
    _threshold_band(figure, rule, logarithmic)
    _failing_ticks(figure, figures.rule_values_failing, logarithmic)
    unit = f", {rule.unit}" if rule.unit else ""
    figure.update_xaxes(title=f"{'log₁₀ of ' if logarithmic else ''}{html.escape(rule.feature)}{unit}")
    figure.update_yaxes(title="frames of the raw pool")
    figure.update_layout(barmode="stack")
    return styled(figure)


def _threshold_band(figure: go.Figure, rule: Rule, logarithmic: bool) -> None:
    if rule.threshold_low is None or rule.threshold_high is None:
        return
    ends = [rule.threshold_low, rule.threshold_high]
    low, high = (np.log10(ends) if logarithmic and min(ends) > 0 else np.array(ends)).tolist()
    figure.add_vrect(x0=low, x1=high, fillcolor=BLUE, opacity=0.25, line={"color": BLUE, "width": 1})
    figure.add_annotation(x=high, y=1.0, yref="paper", text="threshold", showarrow=False, xanchor="left", yshift=8)


def _failing_ticks(figure: go.Figure, values: FloatArray, logarithmic: bool) -> None:
    shown = values[np.isfinite(values)]
    if len(shown):
        shown = np.log10(shown) if logarithmic else shown
        marker = {"color": VERMILION, "symbol": "line-ns-open", "size": 16, "line": {"width": 2}}
        figure.add_scatter(x=shown, y=np.zeros(len(shown)), mode="markers", name="failing structures", marker=marker)


def contact_plot(contacts: Sequence[Contact]) -> go.Figure:
    """Closest distance per element pair: the input beside training dataset and raw pool."""
    figure = go.Figure()
    pairs = ["–".join(contact.pair) for contact in contacts]
    columns = (
        ("raw pool minimum", [c.pool_minimum_A for c in contacts], ORANGE, "diamond"),
        ("training minimum", [c.training_minimum_A for c in contacts], GREY, "circle"),
        ("failing structure (first frame)", [c.input_A for c in contacts], VERMILION, "x"),
    )
    for name, values, colour, symbol in columns:
        marker = {"color": colour, "symbol": symbol, "size": 11}
        figure.add_scatter(x=values, y=pairs, mode="markers", name=name, marker=marker)
    figure.update_xaxes(title="closest distance, Å")
    figure.update_yaxes(title="element pair")
    return styled(figure, height=140 + 32 * len(contacts))


def atoms_plot(figures: DiagnosisFigures) -> go.Figure:
    """The worst structure: atoms coloured by true error, or by 1 − P where there are no labels; failing ones ringed."""
    from ase.data import chemical_symbols, covalent_radii

    errors = figures.atoms_true_error
    known = errors is not None
    colours = errors if errors is not None else 1.0 - figures.atoms_p_within
    title = "true force<br>error, eV/Å" if known else "1 − P(error<br>≤ tolerance)"
    symbols = [chemical_symbols[z] for z in figures.atoms_numbers.tolist()]
    x, y, z = figures.atoms_positions.T
    figure = go.Figure()
    _cell_edges(figure, figures.atoms_cell)
    figure.add_scatter3d(
        x=x,
        y=y,
        z=z,
        mode="markers+text",
        text=[f"{symbol}{k}" for k, symbol in enumerate(symbols)],
        name="atoms",
        showlegend=False,
        marker={
            "size": [float(22 * covalent_radii[n]) for n in figures.atoms_numbers.tolist()],
            "color": colours,
            "colorscale": "Cividis",
            "colorbar": {"title": title, "thickness": 14},
        },
    )
    ringed = figures.atoms_failing
    rings = {"size": 30, "symbol": "circle-open", "color": VERMILION}
    figure.add_scatter3d(
        x=x[ringed], y=y[ringed], z=z[ringed], mode="markers", marker=rings, name="failing", hoverinfo="skip"
    )
    axis = {"showbackground": False, "showgrid": False, "zeroline": False, "title": "", "showticklabels": False}
    camera = {"eye": {"x": 1.1, "y": 1.1, "z": 0.7}}
    figure.update_layout(scene={"xaxis": axis, "yaxis": axis, "zaxis": axis, "aspectmode": "data", "camera": camera})
    return styled(figure, height=420).update_layout(margin={"l": 0, "r": 0, "t": 30, "b": 0})


def _cell_edges(figure: go.Figure, cell: FloatArray) -> None:
    """Draw the twelve edges of the cell."""
    if not np.any(cell):
        return
    corners = [np.array(c) for c in product((0, 1), repeat=3)]
    for start, end in product(corners, corners):
        if int((end - start).sum()) == 1 and int(np.abs(end - start).sum()) == 1:
            line = np.array([start @ cell, end @ cell])
            figure.add_scatter3d(
                x=line[:, 0], y=line[:, 1], z=line[:, 2],
                mode="lines", line={"color": GREY, "width": 2}, showlegend=False, hoverinfo="skip",
            )  # fmt: skip


def timeline_plot(events: Sequence[TimelineEvent]) -> go.Figure:
    """Changes, quotes and the training in order of time, one lane per kind."""
    figure = go.Figure()
    lanes = [lane for lane in LANES if any(event.lane == lane for event in events)]
    for lane in reversed(lanes):
        members = [event for event in events if event.lane == lane]
        figure.add_scatter(
            x=[event.time.isoformat() for event in members],
            y=[lane] * len(members),
            mode="markers",
            name=lane,
            showlegend=False,
            marker={"color": LANES[lane], "size": 13, "symbol": "square" if lane == "change" else "circle"},
            text=[html.escape(_shortened(event.text)) for event in members],
            hovertemplate="%{x|%d %b %Y}<br>%{text}<extra></extra>",
        )
    figure.update_xaxes(title="date")
    return styled(figure, height=150 + 36 * len(lanes)).update_layout(margin={"l": 80, "t": 20})


def _shortened(text: str, width: int = 110) -> str:
    return text if len(text) <= width else f"{text[:width]}…"
