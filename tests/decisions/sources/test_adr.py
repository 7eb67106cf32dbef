"""Records of decisions: sections, status and date in every dialect, and the ready decision."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.decisions import build
from tests.operations.group import project_in

from sonde.decisions.sources import adr
from sonde.decisions.written_decisions import decision_in
from sonde.errors import BadInput
from sonde.operations.add_source import add_source
from sonde.operations.decide import NewDecision, record_text
from sonde.operations.why import Asked, why
from sonde.records.decisions import Decision, Passage
from sonde.testing.sources import check_source

MADR = """---
status: accepted
date: 2024-10-08
decision-makers: Mira Halvorsen, Jonas
---

# Functional of the training set

## Context and Problem Statement

Which functional labels the alloy cells? Lattice constants matter for the misfit strain.

## Decision Drivers

* lattice constants within 0.5 % of experiment

## Considered Options

* PBE
* PBEsol
* [r2SCAN](https://doi.org/10.1021/acs.jpclett.0c02405)

## Decision Outcome

Chosen option: "PBEsol", because PBE overestimates the lattice constants of Li by 1.2 %.

### Consequences

* Good, because strains agree.

## Pros and Cons of the Options

### PBE

* Good, because everybody has it.
* Bad, because lattice constants are too large.

### r2SCAN

* Bad, because it costs five times as much.
"""
NYGARD = """# 3. Drop unconverged frames

Date: 2019-05-02

## Status

Superseded by [7. Keep slabs](0007-keep-slabs.md)

## Context

Frames above 15 eV/Å come from unconverged runs.

## Decision

We drop frames above 15 eV/Å, because their labels are noise.

## Consequences

Slabs are lost.
"""
OLD_MADR = """# Cutoff

* Status: proposed
* Deciders: Ada
* Date: 2020-01-02

## Considered Options

1. 400 eV
2. 520 eV

## Decision Outcome

Chosen option: 520 eV.
"""


def records(tmp_path: Path, **texts: str) -> dict[str, list[Passage]]:
    found: dict[str, list[Passage]] = {}
    for passage in adr.read(build.notes(tmp_path / "adr", {f"{name}.md": text for name, text in texts.items()})):
        found.setdefault((passage.thread or "").removeprefix("file:").removesuffix(".md"), []).append(passage)
    return found


def test_a_record_is_one_conversation_of_its_sections(tmp_path: Path) -> None:
    found = records(tmp_path, madr=MADR)["madr"]
    lines = MADR.split("\n")
    assert [p.title for p in found][:4] == [
        "Functional of the training set › Status",
        "Functional of the training set › Context and Problem Statement",
        "Functional of the training set › Decision Drivers",
        "Functional of the training set › Considered Options",
    ]
    assert found[0].text.split("\n")[0] == "status: accepted"
    for passage in found:
        assert lines[int(passage.anchor.rpartition("=")[2]) - 1] == passage.text.split("\n")[0]
    assert {(p.author, p.time, p.kind) for p in found} == {
        ("Mira Halvorsen, Jonas", datetime(2024, 10, 8, tzinfo=UTC), "adr")
    }


def test_the_ready_decision_of_madr(tmp_path: Path) -> None:
    found = records(tmp_path, madr=MADR)["madr"]
    assert decision_in(found) == Decision(
        question="Functional of the training set",
        chosen="PBEsol",
        rejected=(
            "PBE: Bad, because lattice constants are too large.",
            "r2SCAN: Bad, because it costs five times as much.",
        ),
        driver="science",
        scope=None,
        status="in_force",
        passages=tuple(passage.anchor for passage in found),
    )


def test_the_ready_decision_of_nygard_and_one_not_taken(tmp_path: Path) -> None:
    found = records(tmp_path, a=NYGARD, b=OLD_MADR)
    decision = decision_in(found["a"])
    assert decision is not None
    assert (decision.question, decision.status) == ("Drop unconverged frames", "superseded")
    assert decision.chosen == "We drop frames above 15 eV/Å, because their labels are noise."
    assert {p.time for p in found["a"]} == {datetime(2019, 5, 2, tzinfo=UTC)}
    assert {(p.author, p.time) for p in found["b"]} == {("Ada", datetime(2020, 1, 2, tzinfo=UTC))}
    assert decision_in(found["b"]) is None, "it was only proposed"
    accepted = records(tmp_path / "later", b=OLD_MADR.replace("proposed", "accepted"))["b"]
    taken = decision_in(accepted)
    assert taken is not None
    assert (taken.chosen, taken.rejected) == ("520 eV", ("400 eV",))


def test_why_answers_with_the_record(tmp_path: Path) -> None:
    project = project_in(tmp_path)
    add_source(project, "adr", build.notes(tmp_path / "adr", {"0001-functional.md": MADR, "readme.md": "# Index\n"}))
    answer = why(project, Asked("Why PBEsol over PBE?"))
    assert answer.answered
    assert answer.decision is not None
    assert (answer.decision.chosen, len(answer.decision.rejected)) == ("PBEsol", 2)
    assert any("PBE overestimates the lattice constants" in quote.text for quote in answer.quotes)


def test_markdown_beside_the_records_is_passed_over(tmp_path: Path) -> None:
    found = records(tmp_path, madr=MADR, readme="# Index\n\nOur decisions.\n", decisive="# Decision theory\n\nWords.\n")
    assert set(found) == {"madr"}
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "readme.md").write_text("# Index\n\nWords.\n")
    with pytest.raises(BadInput, match="holds no record of a decision"):
        list(adr.read(tmp_path / "none"))
    with pytest.raises(BadInput, match="is no file of decision records"):
        list(adr.read(build.notes(tmp_path, {"a.txt": MADR}) / "a.txt"))


PARTS = [
    *MADR.split("\n"),
    *NYGARD.split("\n"),
    *OLD_MADR.split("\n"),
    "```",
    "Status:",
    "* Status: *",
    "# ",
    "## Decision",
]


@given(st.lists(st.sampled_from(PARTS)))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_stands_in_a_record_keeps_the_laws(tmp_path: Path, lines: list[str]) -> None:
    text = "\n".join([*lines, "", "```", "```", "", "# End", "", "## Decision", "", "always there"])
    check_source(adr.read, build.notes(tmp_path / "adr", {"a.md": text, "b.md": NYGARD}))
    for passages in records(tmp_path, a=text, b=NYGARD).values():
        decision_in(passages)


def test_what_decide_writes_is_read_back(tmp_path: Path) -> None:
    record = NewDecision(
        "Cutoff", "15 eV/Å", "SCF fails above", rejected=("20 eV/Å: half stay in", "none: they poison")
    )
    path = tmp_path / "0001-cutoff.md"
    path.write_text(record_text(record), encoding="utf-8")
    decision = decision_in(list(adr.read(path)))
    assert decision is not None
    assert decision.rejected == record.rejected
    assert decision.question == "Cutoff"


def test_templates_are_no_decisions_and_lists_of_names_are_names(tmp_path: Path) -> None:
    listed = MADR.replace("Mira Halvorsen, Jonas", "[Mira Halvorsen, Jonas]")
    folder = build.notes(
        tmp_path / "adr", {"0001-a.md": listed, "adr-template.md": MADR, "0002-template-matching.md": MADR}
    )
    found = list(adr.read(folder))
    assert {p.author for p in found} == {"Mira Halvorsen, Jonas"}
    assert {p.anchor.partition("#")[0] for p in found} == {"file:0001-a.md", "file:0002-template-matching.md"}
