"""A diagnosis as one self-contained HTML page: no server, no network, all text escaped."""

from dataclasses import dataclass
from functools import cache

from sonde import __version__
from sonde.records.diagnosis import Diagnosis


@dataclass(frozen=True)
class Panel:
    """One plot with its caption; wide ones take the whole row."""

    title: str
    caption: str
    html: str
    wide: bool = False


def diagnosis_page(record: Diagnosis) -> str:
    """Render a diagnosis: verdict, findings, plots, change, quotes, next steps."""
    return _template().render(record=record, panels=panels(record), plotly=_plotly_script(), version=__version__)


@cache
def _template():  # type: ignore[no-untyped-def]
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("sonde.views", "templates")
    page = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    page.filters["words"] = lambda name: str(name).replace("_", " ")
    return page.get_template("diagnosis.html")


@cache
def _plotly_script() -> str:
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs())


def panels(record: Diagnosis) -> list[Panel]:
    """Draw the plots for which there are numbers."""
    from sonde.views import figures as draw

    numbers = record.figures
    if numbers is None:
        return []
    worst = "The input structure with the largest error; atoms that carry the failure are ringed."
    made = [Panel("Which atoms", worst, _embed(draw.atoms_plot(numbers)))]
    if len(numbers.map_failing):
        caption = "Environments of the failing elements; failing atoms far from grey points are not covered."
        made.append(Panel("Where in the space of environments", caption, _embed(draw.environment_map(numbers))))
    if record.rules and len(numbers.rule_values_dropped):
        caption = "The raw pool along the recovered rule; the band holds all thresholds that give the same drops."
        made.append(Panel("What was dropped", caption, _embed(draw.rule_histogram(numbers, record.rules[0]))))
    if record.contacts:
        caption = "A contact left of both minima is closer than anything that was computed."
        made.append(Panel("Closest contacts", caption, _embed(draw.contact_plot(record.contacts))))
    if len(numbers.timeline) > 1:
        caption = "Changes of the rule's key, the quotes, and the training; the words stand below."
        made.append(Panel("Timeline of decisions", caption, _embed(draw.timeline_plot(numbers.timeline)), wide=True))
    return made


def _embed(figure) -> str:  # type: ignore[no-untyped-def]
    return str(
        figure.to_html(full_html=False, include_plotlyjs=False, config={"displayModeBar": False, "responsive": True})
    )
