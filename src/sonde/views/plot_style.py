"""How plots look: labelled, with units, in the colour-blind-safe palette of Okabe and Ito (2008)."""

import plotly.graph_objects as go

BLUE, ORANGE, GREEN, VERMILION, GREY, BLACK = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#9A9A9A", "#1A1A1A"
BAND = "rgba(0, 114, 178, 0.16)"
"""BLUE, translucent: an interval about a blue line."""


def styled(figure: go.Figure, height: int = 380) -> go.Figure:
    """Give a figure the house's fonts, margins and legend."""
    figure.update_layout(
        template="plotly_white",
        height=height,
        margin={"l": 60, "r": 20, "t": 70, "b": 50},
        font={"family": "system-ui, sans-serif", "size": 13, "color": BLACK},
        legend={"orientation": "h", "y": 1.03, "yanchor": "bottom", "x": 0, "font": {"size": 12}},
    )
    return figure
