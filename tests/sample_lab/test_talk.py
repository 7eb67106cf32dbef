"""The archive of talk: readable, mostly about other things, silent on the change without a reason."""

import json
import mailbox
import re
import subprocess
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pptx
import pytest
from tests.sample_lab.conftest import SEEDS, Built

from sonde.decisions.sources import mail, notes, slack, slides
from sonde.records.decisions import Passage
from sonde.records.frames import Frame
from sonde.sample_lab.build import build_laboratory
from sonde.sample_lab.chatter import slot_names
from sonde.sample_lab.laboratory import Laboratory, TruePassage, Truth
from sonde.sample_lab.plan import random_plan, wording
from sonde.sample_lab.situations import Situation


def _slack_texts(path: Path) -> Iterator[str]:
    with zipfile.ZipFile(path) as export:
        for name in export.namelist():
            if "/" in name:
                yield from (message["text"] for message in json.loads(export.read(name)))


def _mail_texts(path: Path) -> Iterator[str]:
    with closing(mailbox.mbox(path)) as box:
        for message in box:
            parsed = message_from_bytes(message.as_bytes(), policy=default)
            yield str(parsed["Subject"])
            yield parsed.get_content()


def _slide_texts(path: Path) -> Iterator[str]:
    for slide in pptx.Presentation(str(path)).slides:
        yield from (shape.text_frame.text for shape in slide.shapes if shape.has_text_frame)
        if slide.has_notes_slide:
            yield slide.notes_slide.notes_text_frame.text


def _everything_said(laboratory: Laboratory) -> str:
    minutes = [path.read_text(encoding="utf-8") for path in sorted(laboratory.notes.glob("*.md"))]
    log = subprocess.run(
        ["git", "log", "--format=%B"], cwd=laboratory.repository, capture_output=True, text=True, check=True
    )
    written = [*_slack_texts(laboratory.slack), *_mail_texts(laboratory.mail), *_slide_texts(laboratory.slides)]
    return "\n".join([*written, *minutes, log.stdout]).lower()


def _passages(laboratory: Laboratory) -> Iterator[Passage]:
    yield from slack.read(laboratory.slack)
    yield from mail.read(laboratory.mail)
    yield from notes.read(laboratory.notes)
    yield from slides.read(laboratory.slides)


def _found(told: TruePassage, passages: list[Passage]) -> bool:
    return any(told.is_quoted_by(passage.text, passage.anchor) for passage in passages)


def _planted(truth: Truth) -> tuple[TruePassage, ...]:
    return (
        *truth.reasons,
        *truth.discussion,
        *truth.superseded,
        *truth.decoys,
        *truth.values,
        *truth.reasons_of_others,
        *truth.left_out,
    )


def test_unrelated_talk_outweighs_the_rest_thirty_to_one(sample: Built, drawn: Mapping[int, Built]) -> None:
    for _, _, truth in (sample, *drawn.values()):
        assert truth.talk.unrelated >= 30 * truth.talk.planted
        assert truth.talk.planted == len(_planted(truth))


def test_counts_are_those_of_the_files(sample: Built) -> None:
    _, laboratory, truth = sample
    assert len(list(_slack_texts(laboratory.slack))) == truth.talk.slack
    with closing(mailbox.mbox(laboratory.mail)) as box:
        assert len(box) == truth.talk.mail


@pytest.mark.parametrize("seed", [None, *SEEDS])
def test_every_planted_line_is_read_back_at_its_anchor(
    seed: int | None, sample: Built, drawn: Mapping[int, Built]
) -> None:
    _, laboratory, truth = sample if seed is None else drawn[seed]
    passages = list(_passages(laboratory))
    assert [told for told in _planted(truth) if not _found(told, passages)] == []


def test_reason_stands_in_the_media_of_the_plan(sample: Built, drawn: Mapping[int, Built]) -> None:
    for plan, _, truth in (sample, *drawn.values()):
        assert {told.medium for told in truth.reasons} == set(plan.reason_media)
        assert any(plan.rule.spared in told.text or plan.rule.meant in told.text for told in truth.reasons)


def test_reason_precedes_the_commit_and_the_decoy_has_the_same_key(sample: Built) -> None:
    plan, _, truth = sample
    assert truth.change is not None
    assert all(told.time < truth.change.time for told in truth.reasons)
    assert truth.change.time < truth.training_time
    assert all("Cu-Ni" in told.text for told in truth.decoys)
    assert any(plan.rule.key in told.text for told in truth.decoys)


def test_nobody_speaks_of_the_unexplained_change(sample: Built, drawn: Mapping[int, Built]) -> None:
    for plan, laboratory, truth in (sample, *drawn.values()):
        said = _everything_said(laboratory)
        assert not any(word in said for word in plan.unexplained.spoken)
        mentions = [told for told in truth.values if told.about == "unexplained"]
        assert len(mentions) == plan.unexplained.mentioned
        assert len(re.findall(rf"\b{plan.unexplained.key}\b", said)) == len(mentions)


def test_string_search_finds_what_is_said(sample: Built) -> None:
    """The guard of the test above: the same search does find the key that people speak of."""
    plan, laboratory, _ = sample
    assert plan.rule.key in _everything_said(laboratory)


def test_without_a_reason_only_values_decoys_and_the_superseded_remain(
    frames: tuple[Frame, ...], tmp_path: Path
) -> None:
    plan = replace(random_plan(7, Situation.FILTERED_WITHOUT_REASON), talk_per_relevant_line=1)
    _, truth = build_laboratory(plan, tmp_path / "lab", frames)
    assert truth.change is not None
    assert truth.reasons == ()
    assert truth.superseded
    assert truth.decoys
    assert all(told.mark == "value" for told in truth.values)


def test_left_out_on_purpose_is_told(frames: tuple[Frame, ...], tmp_path: Path) -> None:
    plan = replace(random_plan(8, Situation.NEVER_COMPUTED_ON_PURPOSE), talk_per_relevant_line=1)
    laboratory, truth = build_laboratory(plan, tmp_path / "lab", frames)
    assert any("distorted cells" in told.text for told in truth.left_out)
    assert all(_found(told, list(_passages(laboratory))) for told in truth.left_out)


def test_templates_have_values_for_their_slots() -> None:
    chatter = wording("chatter")
    texts = [
        *chatter["slack"],
        *chatter["mail"],
        *chatter["notes"],
        *(line for slide in chatter["slides"] for line in slide),
    ]
    known = set(chatter["slots"]) | set("ABC")
    assert set().union(*(slot_names(text) for text in texts)) <= known
