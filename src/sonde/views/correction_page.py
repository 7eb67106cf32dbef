"""A correction as one self-contained HTML page."""

from sonde.records.correction import Correction
from sonde.views.page import Panel, panel, render


def correction_page(record: Correction) -> str:
    """Render a correction: shifts, what is left, whether a constant will do, refusals."""
    return render("correction.html", record=record, panels=panels(record), notes=record.notes)


def panels(record: Correction) -> list[Panel]:
    """Draw the plots for which there are pairs with a known shift."""
    from sonde.views import correction_figures as draw

    if record.constancy is None or not any(pair.shift_eV is not None for pair in record.paired):
        return []
    caption = "Each point is one structure with an energy on both surfaces; off the line, the shift misses it."
    made = [panel("What the two labels differ by", caption, draw.paired_plot(record.paired))]
    tolerance = record.constancy.tolerance_eV
    caption = (
        f"Pairs in brackets, ± {tolerance:g} eV shaded. Kinds of environment that lie apart need their own shifts."
    )
    residuals = draw.residual_plot(record.paired, tolerance)
    made.append(panel("What is left after the shift", caption, residuals))
    if any(test.classes for test in record.constancy.tests):
        caption = "Fitted class by class; pairs in brackets. One number is good enough where they stand in one column. "
        caption += "Wide intervals go on beyond the frame."
        made.append(panel("Is one number enough?", caption, draw.class_plot(record.constancy), wide=True))
    return made
