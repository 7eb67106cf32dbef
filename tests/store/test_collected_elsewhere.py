"""A project that nobody holds any more may be collected while another thread runs."""

import gc
import sys
import threading
from pathlib import Path

import pytest

from sonde.store import Project


def test_a_project_collected_in_another_thread_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    complaints: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", complaints.append)
    gc.collect()
    gc.disable()
    try:
        Project.create(tmp_path)
        collector = threading.Thread(target=gc.collect)
        collector.start()
        collector.join()
    finally:
        gc.enable()
    assert complaints == []
    assert Project.open(tmp_path).datasets.names() == []
