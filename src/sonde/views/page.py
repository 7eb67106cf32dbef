"""Records as self-contained HTML pages: no server, no network, all text escaped."""

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from sonde import __version__

if TYPE_CHECKING:
    import plotly.graph_objects as go


@dataclass(frozen=True)
class Panel:
    """One plot with its caption; wide ones take the whole row."""

    title: str
    caption: str
    html: str
    wide: bool = False


def panel(title: str, caption: str, figure: "go.Figure", wide: bool = False) -> Panel:
    """Set a figure into a panel."""
    config = {"displayModeBar": False, "responsive": True}
    return Panel(title, caption, str(figure.to_html(full_html=False, include_plotlyjs=False, config=config)), wide)


def render(template: str, **context: Any) -> str:
    """Fill a template of this package; it extends `page.html`, which holds style and the plotting script."""
    return str(_environment().get_template(template).render(**context, plotly=_plotly_script(), version=__version__))


def render_text(template: str, **context: Any) -> str:
    """Fill a template that is no page; `md`, `coded` and `quoted` take the markup out of what others wrote."""
    return str(_text_environment().get_template(template).render(**context))


@cache
def _text_environment():  # type: ignore[no-untyped-def]
    from jinja2 import Environment, PackageLoader, StrictUndefined

    from sonde.views.dossier import coded, escaped, quoted

    loader = PackageLoader("sonde.views", "templates")
    page = Environment(loader=loader, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    page.filters.update({"md": escaped, "quoted": quoted, "coded": coded})
    return page


@cache
def _environment():  # type: ignore[no-untyped-def]
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("sonde.views", "templates")
    page = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    page.filters["words"] = lambda name: str(name).replace("_", " ")
    page.filters["number"] = lambda value, form="{:.4g}": "—" if value is None else form.format(value)
    return page


@cache
def _plotly_script() -> str:
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs())
