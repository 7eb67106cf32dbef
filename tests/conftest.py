"""Fixtures that all rooms share."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real data; absent: a failure in continuous integration, elsewhere a skip."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("SONDE_SHARED_DATA", beside))
    if not folder.is_dir():
        message = f"real data not found at {folder}: set SONDE_SHARED_DATA"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return folder


@pytest.fixture(autouse=True)
def no_sentence_model_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests hold whether or not the extra with the sentence model is there; those of the model itself bring it back."""
    monkeypatch.setattr("sonde.decisions.installed_model.installed_model", lambda: None)
