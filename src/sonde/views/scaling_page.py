"""Scaling laws and plans as self-contained HTML pages."""

from sonde.records.scaling import ScalingFit, ScalingFit2D, ScalingPlan, ScalingTable
from sonde.views.page import Panel, panel, render

Record = ScalingFit | ScalingFit2D | ScalingPlan | ScalingTable


def scaling_page(record: Record) -> str:
    """Render a law, the laws of a table, a law in two variables, or a plan."""
    template, drawn = {
        ScalingFit: ("scaling_fit.html", _fit_panels),
        ScalingTable: ("scaling_table.html", _table_panels),
        ScalingFit2D: ("scaling_fit2d.html", _grid_panels),
        ScalingPlan: ("scaling_plan.html", _plan_panels),
    }[type(record)]
    notes = getattr(record, "notes", ())
    return render(template, record=record, panels=drawn(record), notes=notes)  # type: ignore[operator]


def _fit_panels(record: ScalingFit) -> list[Panel]:
    from sonde.views import scaling_figures as draw

    caption = "Every trained model, the law that holds, and the prediction averaged over all forms the points allow."
    made = [panel("The curve", caption, draw.curve_plot(record), wide=True)]
    caption = "Where a plain power law misses in one direction after the other, the curve bends."
    made.append(panel("Distance from the law", caption, draw.residual_plot(record)))
    if record.backtest.n_origins:
        caption = "Each size predicted from the smaller ones alone, as one would have then."
        made.append(panel("How predictions would have done", caption, draw.backtest_plot(record)))
    return made


def _table_panels(record: ScalingTable) -> list[Panel]:
    from sonde.views import scaling_figures as draw

    caption = "Geometric means over the seeds; dotted vermilion curves are pathological."
    return [panel("The curves", caption, draw.table_plot(record), wide=True)]


def _grid_panels(record: ScalingFit2D) -> list[Panel]:
    from sonde.views import scaling_figures as draw

    caption = "From the largest model and the largest training set; bars span the 95 % interval."
    return [panel("What doubling buys", caption, draw.gains_plot(record.gains), wide=True)] if record.gains else []


def _plan_panels(record: ScalingPlan) -> list[Panel]:
    from sonde.views import scaling_figures as draw

    made = []
    if any(option.change is not None for option in record.options):
        caption = "Relative change of the loss with 95 % intervals; the advised way in green."
        made.append(panel("Ways to spend", caption, draw.options_plot(record.options), wide=True))
    if any(one.own_change is not None for one in record.groups):
        caption = f"Change of each group's own loss by its next {record.groups[0].n_next:,} frames."
        made.append(panel("Groups of environments", caption, draw.groups_plot(record.groups), wide=True))
    return made
