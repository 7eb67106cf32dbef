"""The page of a correction: what it shows, and that names from files stay text."""

from pathlib import Path

import pytest
from tests.datasets.correction.planted import both_surfaces, cells, placed, stated

from sonde.datasets.correction.correct import Wish, plan_correction
from sonde.records.correction import Correction
from sonde.views.correction_figures import class_plot, paired_plot, residual_plot
from sonde.views.correction_page import correction_page, panels

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def record(shared_data: Path) -> Correction:
    frames = cells(shared_data, ["NbTa"])
    kinds = [HOSTILE if k % 2 else f"kind {k % 20}" for k in range(len(frames))]
    named = [stated(frame, {"config_type": kind}) for frame, kind in zip(frames, kinds, strict=True)]
    return plan_correction(placed(both_surfaces(named)), (), HOSTILE, Wish("PBE")).record


def test_every_pair_is_drawn_once(record: Correction) -> None:
    markers = [trace for trace in paired_plot(record.paired).data if trace.mode == "markers"]
    assert sum(len(trace.x) for trace in markers) == record.n_pairs == 40
    assert [trace.name for trace in markers][-1] == "others"
    assert len({(trace.marker.color, trace.marker.symbol) for trace in markers}) == len(markers) == 8
    assert sum(len(trace.x) for trace in residual_plot(record.paired, 0.15).data) == 40


def test_axes_say_what_and_in_which_unit(record: Correction) -> None:
    assert record.constancy is not None
    for figure in (paired_plot(record.paired), residual_plot(record.paired, 0.15), class_plot(record.constancy)):
        assert "eV per" in figure.layout.xaxis.title.text
    assert "eV per corrected atom" in paired_plot(record.paired).layout.yaxis.title.text


def test_names_from_files_stay_text(record: Correction) -> None:
    page = correction_page(record)
    assert HOSTILE not in page
    assert "&lt;img src=x" in page
    assert "<script src=" not in page


def test_without_a_fit_there_is_no_plot(shared_data: Path) -> None:
    frames = both_surfaces(cells(shared_data, ["NbTa"])[:2])
    record = plan_correction(placed(frames), (), "two", Wish("PBE")).record
    assert panels(record) == []
    assert "too few pairs" in correction_page(record)
