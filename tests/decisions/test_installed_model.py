"""The sentence model of the extra `semantic`: found without running its package, and refused where it is another."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.decisions.sentence_models import alike_in

from sonde.decisions import installed_model
from sonde.decisions.sentence_model import SentenceModel
from sonde.errors import BadInput

find_installed = installed_model.installed_model  # as it is, before the tests' fixture


@pytest.fixture
def published() -> Path:
    folder = find_installed()
    if folder is None:
        pytest.skip("the extra `semantic` is not installed")
    return folder


def test_a_package_is_found_without_running_its_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "some_model"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('was run')\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(installed_model, "PACKAGE", "some_model")
    assert find_installed() == package / "model"
    assert "some_model" not in sys.modules
    with pytest.raises(RuntimeError, match="was run"):
        importlib.import_module("some_model")


def test_without_the_package_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installed_model, "PACKAGE", "no_such_package_anywhere")
    assert find_installed() is None


def test_another_file_than_the_published_is_refused(tmp_path: Path) -> None:
    alike_in(tmp_path, [("gap", "vacuum")])
    with pytest.raises(BadInput, match=r"config\.json.*is not the file that the makers of all-MiniLM-L6-v2 published"):
        installed_model.require_published(tmp_path)


def test_the_installed_one_is_the_published_one(published: Path) -> None:
    installed_model.require_published(published)


def test_paraphrases_are_more_alike_than_other_matters(published: Path) -> None:
    """A property of the published weights: it fails where a layer is computed wrongly."""
    asked, same, other = SentenceModel.load(published).encode(
        [
            "Why do we use PBEsol instead of PBE?",
            "The lattice constants from PBE were too large, so the functional was changed to PBEsol.",
            "The queue on the cluster is full until Monday.",
        ]
    )
    assert asked @ same > 0.5
    assert abs(asked @ other) < 0.1
    assert np.isclose(np.linalg.norm(asked), 1.0)
