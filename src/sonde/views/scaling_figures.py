"""Plots of scaling laws and plans."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from sonde.records.arrays import FloatArray
from sonde.records.scaling import Gain, GroupValue, Option, ScalingFit, ScalingTable
from sonde.views.plot_style import BAND, BLACK, BLUE, GREEN, GREY, ORANGE, VERMILION, styled

MOST_NAMED = 8
"""Curves of a table that the legend names; the others are grey."""
NAMED = (BLUE, GREEN, ORANGE, BLACK, "#56B4E9", "#CC79A7", "#F0E442", "#7F7F7F")


def curve_plot(fit: ScalingFit) -> go.Figure:
    """The points, the law that holds, a plain power law, and the averaged prediction with its interval."""
    figure = go.Figure()
    if fit.curve is None or fit.curve_x is None or fit.points_x is None:
        return figure
    x = fit.curve_x
    chosen, power, average, low, high = fit.curve
    band = {"x": [*x, *x[::-1]], "y": [*high, *low[::-1]], "fill": "toself", "fillcolor": BAND, "line": {"width": 0}}
    figure.add_scatter(**band, name="95 % interval", hoverinfo="skip")
    figure.add_scatter(x=x, y=power, mode="lines", name="plain power law", line={"color": GREY, "dash": "dash"})
    figure.add_scatter(x=x, y=average, mode="lines", name="average over forms", line={"color": BLUE})
    figure.add_scatter(x=x, y=chosen, mode="lines", name=fit.form, line={"color": ORANGE, "dash": "dot", "width": 3})
    marker = {"color": BLACK, "size": 7, "symbol": "circle-open"}
    figure.add_scatter(x=fit.points_x, y=fit.points_loss, mode="markers", name="trained models", marker=marker)
    _break_band(figure, fit)
    _asked(figure, fit)
    figure.update_xaxes(title=fit.variable, type="log", dtick=1)
    figure.update_yaxes(title=fit.loss, type="log", dtick="D2", tickformat="~g")
    return styled(figure, height=460)


def _break_band(figure: go.Figure, fit: ScalingFit) -> None:
    """Shade where the break lies, if there is one."""
    for name, one in fit.parameters.items():
        if name.startswith("x_break") and fit.established and one.low is not None and one.high is not None:
            figure.add_vrect(x0=one.low, x1=one.high, fillcolor=ORANGE, opacity=0.15, line_width=0)
            figure.add_annotation(
                x=float(np.log10(np.sqrt(one.low * one.high))), y=1.0, yref="paper", text="break", showarrow=False
            )


def _asked(figure: go.Figure, fit: ScalingFit) -> None:
    sizes, values = [one.x for one in fit.predictions], [one.value for one in fit.predictions]
    above = [0.0 if one.high is None else one.high - one.value for one in fit.predictions]
    below = [0.0 if one.low is None else one.value - one.low for one in fit.predictions]
    error = {"type": "data", "array": above, "arrayminus": below, "symmetric": False, "color": VERMILION}
    marker = {"color": VERMILION, "symbol": "diamond", "size": 9}
    figure.add_scatter(x=sizes, y=values, error_y=error, mode="markers", name="predicted", marker=marker)


def residual_plot(fit: ScalingFit) -> go.Figure:
    """How far each model lies from the law that holds, and from a plain power law, in per cent."""
    figure = go.Figure()
    if fit.curve is None or fit.curve_x is None or fit.points_x is None or fit.points_loss is None:
        return figure
    for row, name, colour, symbol in ((1, "plain power law", GREY, "x"), (0, fit.form, BLUE, "circle")):
        percent = 100 * (fit.points_loss / _along(fit.points_x, fit.curve_x, fit.curve[row]) - 1)
        marker = {"color": colour, "symbol": symbol, "size": 8}
        figure.add_scatter(x=fit.points_x, y=percent, mode="markers", name=f"less {name}", marker=marker)
    figure.add_hline(y=0, line={"color": BLACK, "width": 1})
    figure.update_xaxes(title=fit.variable, type="log", dtick=1)
    figure.update_yaxes(title="loss less law, %")
    return styled(figure)


def _along(x: FloatArray, curve_x: FloatArray, curve: FloatArray) -> FloatArray:
    return np.exp(np.interp(np.log(x), np.log(curve_x), np.log(curve)))


def backtest_plot(fit: ScalingFit) -> go.Figure:
    """The relative error of each size, predicted from the smaller ones."""
    figure = go.Figure()
    percent = [100 * error for error in fit.backtest.relative_errors]
    sizes = [f"{x:,.0f}" for x in fit.backtest.x]
    figure.add_bar(x=sizes, y=percent, marker={"color": BLUE}, name="averaged prediction", width=0.5)
    figure.add_hline(y=0, line={"color": BLACK, "width": 1})
    figure.update_xaxes(title=f"{fit.variable} of the size predicted", type="category")
    figure.update_yaxes(title="predicted less found, %")
    return styled(figure)


def table_plot(table: ScalingTable) -> go.Figure:
    """All curves of a file: means over the seeds; pathological ones in vermilion."""
    figure = go.Figure()
    colours = iter(NAMED)
    named = sum(not curve.pathological for curve in table.curves) <= MOST_NAMED
    for curve in table.curves:
        if curve.fit is None or curve.fit.points_x is None or curve.fit.points_loss is None:
            continue
        x, loss = _means(curve.fit.points_x, curve.fit.points_loss)
        colour = VERMILION if curve.pathological else next(colours, GREY) if named else GREY
        line = {"color": colour, "dash": "dot" if curve.pathological else "solid"}
        shown = named or curve.pathological
        figure.add_scatter(x=x, y=loss, mode="lines+markers", name=curve.curve, line=line, showlegend=shown)
    figure.update_xaxes(title=table.variable, type="log", dtick=1)
    figure.update_yaxes(title=table.loss, type="log", dtick="D2", tickformat="~g")
    return styled(figure, height=460)


def _means(x: FloatArray, loss: FloatArray) -> tuple[FloatArray, FloatArray]:
    sizes, place = np.unique(x, return_inverse=True)
    return sizes, np.exp(np.bincount(place, np.log(loss)) / np.bincount(place))


def gains_plot(gains: Sequence[Gain]) -> go.Figure:
    """What doubling data or parameters does to the loss, with intervals."""
    names = [f"{gain.factor:g}× {gain.of}" for gain in gains]
    return _changes(names, [(gain.value, gain.low, gain.high) for gain in gains], [BLUE] * len(gains))


def options_plot(options: Sequence[Option]) -> go.Figure:
    """What each way to spend does to the loss, where that is known; the advised one in green."""
    known = [option for option in options if option.change is not None]
    names = [option.kind.replace("_", " ") for option in known]
    colours = [GREEN if option.advised else GREY for option in known]
    return _changes(names, [(option.change, option.low, option.high) for option in known], colours)


def groups_plot(groups: Sequence[GroupValue]) -> go.Figure:
    """What the next frames of each group do to the group's own loss."""
    known = [one for one in groups if one.own_change is not None]
    values = [(one.own_change, one.own_low, one.own_high) for one in known]
    return _changes([one.group for one in known], values, [BLUE] * len(known))


def _changes(
    names: Sequence[str], values: Sequence[tuple[float | None, float | None, float | None]], colours: Sequence[str]
) -> go.Figure:
    """Bars of relative change with intervals, in per cent; the first on top."""
    middle = [100 * (value or 0.0) for value, _, _ in values]
    above = [100 * ((high if high is not None else value or 0.0) - (value or 0.0)) for value, _, high in values]
    below = [100 * ((value or 0.0) - (low if low is not None else value or 0.0)) for value, low, _ in values]
    error = {"type": "data", "array": above, "arrayminus": below, "symmetric": False, "color": BLACK}
    figure = go.Figure()
    figure.add_bar(x=middle, y=list(names), orientation="h", marker={"color": list(colours)}, error_x=error, width=0.5)
    figure.add_vline(x=0, line={"color": BLACK, "width": 1})
    figure.update_xaxes(title="change of the loss, % (negative is better)")
    figure.update_yaxes(autorange="reversed", automargin=True)
    return styled(figure, height=140 + 46 * len(names)).update_layout(showlegend=False, margin={"t": 20})
