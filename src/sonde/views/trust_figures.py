"""Plots of an evaluation of trust."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from sonde.records.trust_evaluation import LabelPoint, ScoreRow, ShiftTable, TrustEvaluation
from sonde.views.plot_style import BLACK, BLUE, GREEN, GREY, ORANGE, VERMILION, styled

OURS = "local probe"
DRAWN = {
    OURS: BLUE,
    "boosted trees on embedding and force": ORANGE,
    "largest predicted force": VERMILION,
    "nearest neighbour, embedding": GREEN,
    "majority class": GREY,
}
"""Scores whose curves are drawn; all are in the table."""
WORST = ("1 %", "5 %", "10 %")


def risk_coverage_plot(table: ShiftTable) -> go.Figure:
    """Mean error of the frames that are kept, against how many are."""
    figure = go.Figure()
    for row in _drawn(table):
        percent = [100 * coverage for coverage in TrustEvaluation.COVERAGES]
        figure.add_scatter(
            x=percent, y=row.kept_loss, mode="lines+markers", name=row.name, line={"color": DRAWN[row.name]}
        )
    figure.update_xaxes(title="frames kept, least risky first, %")
    figure.update_yaxes(title="mean largest force error, eV/Å", rangemode="tozero")
    return _wide_legend(styled(figure, height=440))


def reliability_plot(tables: Sequence[ShiftTable]) -> go.Figure:
    """Stated probability against what was found, a line per tolerance."""
    figure = go.Figure()
    line = {"color": BLACK, "dash": "dash", "width": 1}
    figure.add_scatter(x=[0, 1], y=[0, 1], mode="lines", name="as stated", line=line)
    for table, colour in zip(tables, (BLUE, ORANGE, GREEN), strict=False):
        spread = [float(np.sqrt(max(b.found * (1 - b.found), 0.25 / b.n) / b.n)) for b in table.bins]
        figure.add_scatter(
            x=[b.stated for b in table.bins],
            y=[b.found for b in table.bins],
            error_y={"type": "data", "array": spread, "color": colour, "thickness": 1},
            mode="lines+markers",
            name=f"{table.tolerance_eV_per_A:.2g} eV/Å",
            line={"color": colour},
        )
    figure.update_xaxes(title="stated P(error ≤ tolerance)", range=[-0.03, 1.03])
    figure.update_yaxes(title="share within tolerance", range=[-0.03, 1.08])
    return styled(figure, height=440)


def worst_plot(table: ShiftTable) -> go.Figure:
    """How many of the worst frames a budget of 5 % flags finds."""
    figure = go.Figure()
    rows = _drawn(table)
    for row in rows:
        values = [None if value is None else 100 * value for value in row.recall_of_worst]
        figure.add_bar(x=[f"worst {share}" for share in WORST], y=values, name=row.name, marker_color=DRAWN[row.name])
    figure.update_yaxes(title="found among the 5 % riskiest, %", range=[0, 105])
    return _wide_legend(styled(figure, height=440))


def within_plot(tables: Sequence[ShiftTable]) -> go.Figure:
    """By how much the probe ranks better than each score within force bins, per shift."""
    figure = go.Figure()
    colours = (BLUE, ORANGE, GREEN, VERMILION, GREY, BLACK, "#56B4E9", "#CC79A7")
    for table, colour in zip(tables, colours, strict=False):
        rows = [row for row in table.rows if row.probe_better_within is not None]
        found = [row.probe_better_within for row in rows if row.probe_better_within is not None]
        error = {
            "type": "data",
            "symmetric": False,
            "array": [b.high - b.by for b in found],
            "arrayminus": [b.by - b.low for b in found],
            "thickness": 1,
        }
        marker = {"color": colour, "size": 7}
        name = table.shift.replace("_", " ")
        names = [row.name for row in rows]
        figure.add_scatter(x=[b.by for b in found], y=names, error_x=error, mode="markers", name=name, marker=marker)
    figure.update_layout(scattermode="group", scattergap=0.3)
    figure.add_vline(x=0, line={"color": BLACK, "width": 1})
    figure.update_xaxes(title="AUROC of the probe less the score's, within force bins")
    figure.update_yaxes(autorange="reversed", automargin=True)
    return styled(figure, height=140 + (20 + 9 * len(tables)) * max((len(table.rows) for table in tables), default=1))


def label_plot(points: Sequence[LabelPoint]) -> go.Figure:
    """Ranking within force bins against the number of labelled frames, the mean over seeds."""
    figure = go.Figure()
    for name in dict.fromkeys(point.name for point in points):
        own = [point for point in points if point.name == name]
        ranked: dict[int, list[float]] = {}
        for point in own:
            if point.auroc_within_force_bins is not None:
                ranked.setdefault(_size(point, own), []).append(point.auroc_within_force_bins)
        sizes = sorted(ranked)
        means = [np.mean(ranked[size]) for size in sizes]
        line = {"color": DRAWN.get(name, GREY)}
        figure.add_scatter(x=sizes, y=means, mode="lines+markers", name=name, line=line)
    figure.update_xaxes(title="labelled frames", type="log", dtick="D2")
    figure.update_yaxes(title="AUROC within force bins", range=[0, 1.05])
    return _wide_legend(styled(figure, height=440))


def _size(point: LabelPoint, points: Sequence[LabelPoint]) -> int:
    """Of the point's rank in its seed, the mean number of frames: whole groups make seeds differ by a few."""
    ranks = {seed: sorted(p.n_frames for p in points if p.seed == seed) for seed in {p.seed for p in points}}
    rank = ranks[point.seed].index(point.n_frames)
    return round(float(np.mean([own[rank] for own in ranks.values() if rank < len(own)])))


def _drawn(table: ShiftTable) -> list[ScoreRow]:
    return [row for row in table.rows if row.name in DRAWN]


def _wide_legend(figure: go.Figure) -> go.Figure:
    """Long names: the legend below the plot, one under the other."""
    figure.update_layout(legend={"orientation": "v", "y": -0.2, "yanchor": "top"}, margin={"t": 20, "b": 50})
    return figure
