"""Plots of a correction: what the two labels differ by, what the shifts take off, and what is left where."""

import html
from collections import Counter
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from sonde.records.correction import Constancy, ConstancyTest, PairedDifference
from sonde.views.plot_style import BAND, BLACK, BLUE, GREEN, GREY, ORANGE, VERMILION, styled

STYLES = (
    (BLUE, "circle"),
    (ORANGE, "diamond"),
    (GREEN, "square"),
    (VERMILION, "x"),
    ("#56B4E9", "triangle-up"),
    ("#CC79A7", "cross"),
    (BLACK, "star"),
)
"""Colour and symbol of the environments with most pairs; the others share grey."""
OTHERS = "others"
FEWEST_PAIRS = 3
"""Of a class that decides on the range that is shown."""


def paired_plot(paired: Sequence[PairedDifference]) -> go.Figure:
    """The difference of the two labels against what the fit takes off; points on the line are met exactly."""
    figure = go.Figure()
    known = [pair for pair in paired if pair.shift_eV is not None]
    for name, members, (colour, symbol) in _by_environment(known):
        figure.add_scatter(
            x=[pair.shift_eV for pair in members],
            y=[pair.difference_eV for pair in members],
            mode="markers",
            name=html.escape(name),
            marker={"color": colour, "symbol": symbol, "size": 8, "opacity": 0.75},
        )
    values = [pair.difference_eV for pair in known] + [pair.shift_eV or 0.0 for pair in known]
    ends = [min(values, default=0.0), max(values, default=1.0)]
    line = {"color": BLACK, "width": 1, "dash": "dash"}
    figure.add_scatter(x=ends, y=ends, mode="lines", line=line, name="met exactly", hoverinfo="skip")
    figure.update_xaxes(title="taken off, eV per corrected atom")
    figure.update_yaxes(title="source minus target, eV per corrected atom")
    return styled(figure, height=460)


def _by_environment(
    paired: Sequence[PairedDifference],
) -> list[tuple[str, list[PairedDifference], tuple[str, str]]]:
    """Group pairs by environment, those with most pairs first; beyond the palette they are one group."""
    counts = Counter(pair.environment for pair in paired)
    named = [name for name, _ in counts.most_common(len(STYLES))]
    groups = [
        (name, [pair for pair in paired if pair.environment == name], style)
        for name, style in zip(named, STYLES, strict=False)
    ]
    others = [pair for pair in paired if pair.environment not in named]
    return [*groups, (OTHERS, others, (GREY, "circle-open"))] if others else groups


def residual_plot(paired: Sequence[PairedDifference], tolerance_eV: float) -> go.Figure:
    """What is left of the difference after the shift, by environment, with the tolerance about zero."""
    figure = go.Figure()
    groups = _by_environment([pair for pair in paired if pair.shift_eV is not None])
    for name, members, (colour, symbol) in groups:
        residuals = [pair.difference_eV - (pair.shift_eV or 0.0) for pair in members]
        figure.add_box(
            x=residuals,
            name=f"{html.escape(name)} ({len(members):,})",
            boxpoints="all",
            jitter=0.5,
            pointpos=0,
            line={"color": GREY, "width": 1},
            fillcolor="rgba(0,0,0,0)",
            marker={"color": colour, "symbol": symbol, "size": 7, "opacity": 0.75},
            showlegend=False,
        )
    figure.add_vrect(x0=-tolerance_eV, x1=tolerance_eV, fillcolor=BAND, line_width=0, layer="below")
    figure.add_vline(x=0, line={"color": BLACK, "width": 1})
    figure.update_xaxes(title="left, eV per corrected atom")
    figure.update_yaxes(autorange="reversed", automargin=True)
    return styled(figure, height=150 + 42 * len(groups)).update_layout(margin={"t": 20})


def class_plot(found: Constancy) -> go.Figure:
    """The shift of each class of environment by itself, with 95 % intervals; equal shifts stand in one column."""
    figure = go.Figure()
    tests = [test for test in found.tests if test.classes]
    for test, (colour, symbol) in zip(tests, STYLES, strict=False):
        figure.add_scatter(
            x=[one.shift_eV for one in test.classes],
            y=_labels(test),
            error_x={
                "type": "data",
                "array": [one.interval.high_eV - one.shift_eV for one in test.classes],
                "arrayminus": [one.shift_eV - one.interval.low_eV for one in test.classes],
                "symmetric": False,
                "color": colour,
            },
            mode="markers",
            name=f"by {test.description}",
            marker={"color": colour, "symbol": symbol, "size": 9},
        )
    n_rows = sum(len(test.classes) for test in tests)
    figure.update_xaxes(title="shift, eV per atom", range=_range(tests))
    figure.update_yaxes(autorange="reversed", automargin=True, type="category")
    return styled(figure, height=int(np.clip(150 + 24 * n_rows, 300, 900)))


def _range(tests: Sequence[ConstancyTest]) -> list[float] | None:
    """Span the shifts of classes with several pairs: intervals of the others would squeeze them into a line."""
    shifts = [one.shift_eV for test in tests for one in test.classes if one.n_pairs >= FEWEST_PAIRS]
    if not shifts:
        return None
    margin = 0.1 + 0.15 * (max(shifts) - min(shifts))
    return [min(shifts) - margin, max(shifts) + margin]


def _labels(test: ConstancyTest) -> list[str]:
    return [f"{test.description}: {one.element} {html.escape(one.label)} ({one.n_pairs:,})" for one in test.classes]
