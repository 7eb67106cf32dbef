"""A laboratory with private talk and a reason that was taken back, questioned as `make eval-decisions` does."""

import json
import zipfile
from dataclasses import replace

import pytest
from eval.decisions import laboratories
from eval.decisions.laboratories import Found, evaluate

from sonde.operations.add_source import SourceOptions, add_source
from sonde.operations.initialise import initialise
from sonde.operations.why import Asked, why
from sonde.sample_lab.build import build_laboratory
from sonde.sample_lab.contested import secret_word
from sonde.sample_lab.frames import sample_frames
from sonde.sample_lab.laboratory import Laboratory, Truth
from sonde.sample_lab.plan import contested_plan

SEED = 1


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Laboratory, Truth]:
    plan = replace(contested_plan(SEED), talk_per_relevant_line=3)
    return build_laboratory(plan, tmp_path_factory.mktemp("contested") / "lab", sample_frames())


def test_what_is_private_stands_in_closed_conversations_alone(built: tuple[Laboratory, Truth]) -> None:
    laboratory, truth = built
    word = secret_word(contested_plan(SEED))
    assert {line.anchor.split("/")[0] for line in truth.confided} == {"slack:steering-group", "slack:D0ALLOYS00"}
    with zipfile.ZipFile(laboratory.slack) as export:
        holding = {name.split("/")[0] for name in export.namelist() if word in export.read(name).decode()}
        assert holding == {"steering-group", "D0ALLOYS00"}
        assert [one["name"] for one in json.loads(export.read("groups.json"))] == ["steering-group"]
        assert "steering-group" not in export.read("channels.json").decode()


def test_who_asks_for_private_talk_gets_the_private_reason(built: tuple[Laboratory, Truth]) -> None:
    laboratory, truth = built
    project = initialise(laboratory.folder)
    add_source(project, "git", laboratory.repository)
    add_source(project, "slack", laboratory.slack)
    assert not why(project, Asked(commit=truth.unexplained.commit)).answered
    add_source(project, "slack", laboratory.slack, options=SourceOptions(include_private=True))
    told = why(project, Asked(commit=truth.unexplained.commit))
    assert any(line.is_quoted_by(quote.text, quote.anchor) for quote in told.quotes for line in truth.confided)


def test_a_questioned_laboratory_leaks_nothing_and_sees_what_was_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    quiet = lambda seed: replace(contested_plan(seed), talk_per_relevant_line=3)  # noqa: E731 - in one place
    monkeypatch.setattr(laboratories, "contested_plan", quiet)
    found = Found()
    evaluate(SEED, found)
    assert found.leaks == []
    assert all(result.exact for result in found.passages["sonde why"])
    assert found.contradicted == [True]
    assert found.superseded == [True, True, True]
    assert all(found.explained)


def test_a_leak_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    quiet = lambda seed: replace(contested_plan(seed), talk_per_relevant_line=1)  # noqa: E731 - in one place
    monkeypatch.setattr(laboratories, "contested_plan", quiet)
    monkeypatch.setattr(laboratories, "secret_word", lambda _: "PBEsol")
    found = Found()
    evaluate(SEED, found)
    assert found.leaks
