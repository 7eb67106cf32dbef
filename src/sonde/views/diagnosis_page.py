"""A diagnosis as one self-contained HTML page."""

from sonde.records.diagnosis import Diagnosis
from sonde.views.page import Panel, panel, render


def diagnosis_page(record: Diagnosis) -> str:
    """Render a diagnosis: verdict, findings, plots, change, quotes, next steps."""
    return render("diagnosis.html", record=record, panels=panels(record), notes=record.notes)


def panels(record: Diagnosis) -> list[Panel]:
    """Draw the plots for which there are numbers."""
    from sonde.views import figures as draw

    numbers = record.figures
    if numbers is None:
        return []
    worst = "The input structure with the largest error; atoms that carry the failure are ringed."
    made = [panel("Which atoms", worst, draw.atoms_plot(numbers))]
    if len(numbers.map_failing):
        caption = "Environments of the failing elements; failing atoms far from grey points are not covered."
        made.append(panel("Where in the space of environments", caption, draw.environment_map(numbers)))
    if record.rules and len(numbers.rule_values_dropped):
        caption = "The raw pool along the recovered rule; the band holds all thresholds that give the same drops."
        made.append(panel("What was dropped", caption, draw.rule_histogram(numbers, record.rules[0])))
    if record.contacts:
        caption = "A contact left of both minima is closer than anything that was computed."
        made.append(panel("Closest contacts", caption, draw.contact_plot(record.contacts)))
    if len(numbers.timeline) > 1:
        caption = "Changes of the rule's key, the quotes, and the training; the words stand below."
        made.append(panel("Timeline of decisions", caption, (draw.timeline_plot(numbers.timeline)), wide=True))
    return made
