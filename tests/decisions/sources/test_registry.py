"""Sources by their kind: what the package declares is what there is, and others may add theirs."""

import importlib
import tomllib
from pathlib import Path

import pytest

from sonde.cli.add import SOURCES as COMMANDS
from sonde.decisions.sources import SOURCES, readers, source_of
from sonde.errors import NotFound

ROOT = Path(__file__).resolve().parents[3]


def test_the_package_declares_every_source() -> None:
    with (ROOT / "pyproject.toml").open("rb") as stream:
        declared = tomllib.load(stream)["project"]["entry-points"]["sonde.sources"]
    loaded = {}
    for kind, place in declared.items():
        module, _, name = place.partition(":")
        loaded[kind] = getattr(importlib.import_module(module), name)
    assert loaded == SOURCES


def test_every_source_has_a_command_and_a_reader() -> None:
    assert set(COMMANDS) == set(SOURCES) == set(readers)
    assert all(source_of(kind).kind == kind for kind in SOURCES)


def test_an_unknown_kind_is_refused_with_the_nearest() -> None:
    with pytest.raises(NotFound, match="did you mean 'mattermost'"):
        source_of("matermost")
